/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod network of one node: a bridge that holds the gateway address, a veth pair for each pod, a default route in
 * the pod, and masquerading of what leaves the pod network.
 *
 *     pod's eth0 (10.244.0.5/24, default via 10.244.0.1) ── pfsXXXXXXXXXXX ── podfs0 (10.244.0.1) ── host's routes
 *
 * Everything it makes can be found again without a file of its own: the bridge's alias says whose it is and what
 * ip_forward was before, each host-side veth's alias says which pod it serves and with which address, and all nft
 * rules stand in one table or bear one comment. So a daemon that was killed loses nothing, and a removal leaves
 * nothing.
 *
 * Works in the network namespace of the calling thread: all calls on one `struct net` must be made from threads in
 * the namespace where net_open() was called. The caller needs CAP_NET_ADMIN, and CAP_SYS_ADMIN for net_attach().
 */
#ifndef PODFS_NET_NET_H
#define PODFS_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "net/cidr.h"

struct net;

#define NET_BRIDGE_DEFAULT "podfs0"
#define NET_TABLE_DEFAULT "podfs"
/* The longest pod key: aliases of links hold 255 bytes (IFALIASZ, linux/if.h), and ours have more in them. */
#define NET_KEY_MAX 200

struct net_config {
	const char *owner;        /* names the cluster (its store, or a uid): a bridge is adopted or removed only by
	                           * its owner; NULL: all who give none are one */
	const char *bridge;       /* at most 15 bytes of [A-Za-z0-9_.-]; NULL: the owner's own from before, else the
	                           * first of podfs0, podfs1, … that is free */
	const char *cidr;         /* this node's pod network, /16 … /30; NULL: that of an adopted bridge, else the
	                           * first /24 from 10.244.0.0 on that shares no address with a route of the host */
	const char *cluster_cidr; /* what is reached without masquerading; NULL: cidr */
	const char *table;        /* nft table of family ip; NULL: NET_TABLE_DEFAULT for podfs0, podfs_NAME for others */
	const char *nft_helper;   /* path of podfs-nft; NULL: the installed one */
	unsigned mtu;             /* of the bridge and the pods' links; 0: that of the host's default route, else 1500 */
	bool adopt;               /* keep the bridge and the pods' links that an earlier daemon left; without it they
	                           * are removed first */
};

/*
 * Makes the bridge, turns on ip_forward, and installs the nft table in one transaction. What the pods could do
 * without (masquerading, ip_forward) is survived when it fails and told by net_warning(). On failure nothing that
 * this call made is left.
 *
 * -EINVAL: a bad name, network or MTU. -EEXIST: a link of that name exists and is not this owner's. -EADDRINUSE:
 * the configured network holds or equals one that the host has a route to. -EBUSY: another network is configured
 * than that of the adopted bridge, which still serves pods. Free with net_close().
 */
int net_open(const struct net_config *config, struct net **ret_net, struct error *err);

/*
 * Frees `net`. With `remove`, deletes the pods' links, the bridge and the nft rules, and gives ip_forward its old
 * value back (unless another bridge has come since and may rely on it); goes on after a failure and returns the first
 * one. Without it, everything stays for the next daemon's net_open(). `net` may be NULL. No other call may be under
 * way.
 */
int net_close(struct net *net, bool remove, struct error *err);

/* What went wrong in net_open() and was survived, one text for each; NULL when i is past the last. */
const char *net_warning(const struct net *net, size_t i);

/*
 * A descriptor (of `net`, not to be closed) that is readable when somebody changed nftables; -1 without nftables.
 * Whoever has an event loop waits on it for input and calls net_firewall_check(), which puts the pod network's rules
 * back if they are gone, as after `systemctl restart nftables`, `iptables -F` or Docker's start. Costs nothing while
 * nothing changes, and a few tens of milliseconds when rules are put back. The check is for one thread at a time.
 */
int net_firewall_fd(const struct net *net);
int net_firewall_check(struct net *net, struct error *err);

const char *net_bridge_name(const struct net *net);
struct cidr net_cidr(const struct net *net);
uint32_t net_gateway(const struct net *net);
unsigned net_mtu(const struct net *net);

/*
 * Gives the network namespace `netns_fd` an eth0 with the address `addr` (host byte order, within net_cidr()), a
 * default route, and brings lo up; the host's end is a port of the bridge with hairpin on. All of it is ready when
 * the call returns. `key` names the pod (its uid: 1 … NET_KEY_MAX bytes, printable ASCII without spaces); a link
 * that an earlier attach of the same key left is replaced. On failure nothing is left.
 *
 * Thread-safe: attaches may run side by side. Costs a short-lived thread (it enters the namespace) and two netlink
 * round trips. -EINVAL: a bad key, address or descriptor. -EEXIST: the namespace has an eth0, or (a hash collision)
 * the link's name serves another pod. -ENODEV: the bridge is gone.
 */
int net_attach(struct net *net, int netns_fd, const char *key, uint32_t addr, struct error *err);

/*
 * Deletes the pod's link, and with it the eth0 in the pod. 0 also when there was none. Thread-safe; calls that come
 * together share one deletion, since the kernel deletes fifty links in the time of one.
 */
int net_detach(struct net *net, const char *key, struct error *err);

/* As net_detach() for `n` keys at once. Goes on after a failure and returns the first one. */
int net_detach_many(struct net *net, const char *const *keys, size_t n, struct error *err);

/* A pod that has a link on the bridge. */
struct net_port {
	char key[NET_KEY_MAX + 1];
	uint32_t addr;
};

/* A port of the host that leads to a pod's. Addresses are in host byte order. */
struct net_host_port {
	uint32_t host; /* which address of the host's; 0: all */
	uint32_t addr; /* the pod's */
	uint16_t host_port, port;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_SCTP */
};

/*
 * The host ports of the pod `key` are from now on these: none with n 0. Nothing follows until net_publish_apply(), which
 * brings the nft rules in line with all that is known, in one transaction; where there is nothing to be changed it does
 * nothing. Where two pods have one port the first has it. Both thread-safe. A daemon that has taken over knows no port
 * until it is told; the rules of the one before stay until it applies. -ENOMEM; what nftables says.
 */
int net_publish(struct net *net, const char *key, const struct net_host_port *ports, size_t n);
int net_publish_apply(struct net *net, struct error *err);

/* The pods that have a link, in no order; free *ret_ports with free(). Thread-safe. */
int net_list(struct net *net, struct net_port **ret_ports, size_t *ret_n, struct error *err);

#endif
