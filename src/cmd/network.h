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

/* Opens the network, keeping what an earlier daemon left, and takes up the addresses that the store holds. */
int network_open(const struct network_config *config, struct store *s, struct cache *c, struct network **ret,
		 struct error *err);
/* remove: take links, bridge and rules away. NULL is fine. */
void network_close(struct network *n, bool remove);

extern const struct agent_network network_ops;

/* See net_firewall_fd() and net_firewall_check(). */
int network_firewall_fd(const struct network *n);
void network_firewall_check(struct network *n);

#endif
