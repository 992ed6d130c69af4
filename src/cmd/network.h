/* SPDX-License-Identifier: Apache-2.0 */
/* Joins the pod network, the address pool and the store for the node agent (node/agent.h, struct agent_network). */
#ifndef PODFS_CMD_NETWORK_H
#define PODFS_CMD_NETWORK_H

#include "net/net.h"
#include "node/agent.h"
#include "store/cache.h"

struct network;

struct network_config {
	const char *owner;	/* names the cluster: the state directory */
	const char *cidr;	/* NULL: chosen */
	const char *nft_helper; /* NULL: the installed one */
};

/* Begins to open the network, keeping what an earlier daemon left, on a thread of its own: the firewall answers slowly, and
 * the store can be read meanwhile. The config's strings must stay until network_open() has returned. -ENOMEM. */
int network_new(const struct network_config *config, struct network **ret);
/* Waits for that, and takes up the addresses that the store holds. */
int network_open(struct network *n, struct store *s, struct cache *c, struct error *err);
/* remove: take links, bridge and rules away. NULL is fine. */
void network_close(struct network *n, bool remove);

extern const struct agent_network network_ops;

/* See net_firewall_fd() and net_firewall_check(). */
int network_firewall_fd(const struct network *n);
void network_firewall_check(struct network *n);

#endif
