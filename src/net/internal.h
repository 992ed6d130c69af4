/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of net.h's room share; nobody else includes it. */
#ifndef PODFS_NET_INTERNAL_H
#define PODFS_NET_INTERNAL_H

#include <pthread.h>

#include "net/link.h"
#include "net/net.h"

#define NET_WARNINGS_MAX 8

/* Wraps *err, which may be NULL, and yields `code`. */
#define NET_WRAP(code, err, ...) (error_wrap((err), __VA_ARGS__), (code))

/* The least that IPv4 must carry (RFC 791) and the most that an Ethernet link takes (ETH_MAX_MTU). */
#define NET_MTU_MIN 68
#define NET_MTU_MAX 65535

#define NET_TABLE_MAX 31
#define NET_OWNER_MAX 100
#define NET_BRIDGE_AUTO "podfs" /* and a number */

struct net_detach_request;
struct net_published;

struct net {
	char bridge[LINK_NAME_MAX];
	char table[NET_TABLE_MAX + 1];
	char owner[NET_OWNER_MAX + 1];
	char *nft_helper; /* owned; NULL for the installed one */
	struct cidr cidr;
	struct cidr cluster;
	uint32_t index; /* of the bridge */
	unsigned mtu;
	bool ipv6;	   /* the kernel has it and the MTU allows it */
	bool masquerade;   /* the table is installed */
	int watch;	   /* nftables' notifications; -1 without nftables */
	bool table_gone;     /* somebody deleted the table: for net_firewall_check() to put back */
	bool shared_touched; /* somebody changed `ip filter FORWARD` */
	int old_forward;   /* what ip_forward was before podfs: 0 or 1; -1 when it could not be read */
	char *warnings[NET_WARNINGS_MAX];
	size_t n_warnings;

	pthread_mutex_t lock;
	pthread_cond_t done;		  /* a detach request was answered, or nobody is deleting any more */
	struct net_detach_request *queue; /* protected by lock */
	bool deleting;			  /* protected by lock: some caller works the queue off */

	char ports_table[NET_TABLE_MAX + 8];
	bool ports_gone;	     /* somebody deleted that table: for net_firewall_check() */
	pthread_mutex_t ports_lock;  /* protects what follows */
	struct net_published *ports; /* owned */
	size_t n_ports;
	bool ports_dirty, ports_installed; /* the table is not as `ports` says; it is there */
};

/* "pfs" and 11 hexadecimal digits of a hash of the key: the same for the same key, always. */
void net_port_name(const char *key, char ret_name[static LINK_NAME_MAX]);

/* Whether a pod's key may stand in an alias. */
bool net_key_is_good(const char *key);

/* What the bridge's alias holds. */
struct net_bridge {
	struct cidr cidr;
	int old_forward; /* as in struct net */
	char owner[NET_OWNER_MAX + 1];
};

/* Aliases, there and back. The readers return false for what is not of podfs's form. */
void net_bridge_alias(const struct net_bridge *bridge, char ret_alias[static LINK_ALIAS_MAX]);
bool net_bridge_alias_read(const char *alias, struct net_bridge *ret_bridge);
void net_port_alias(const char *key, uint32_t addr, char ret_alias[static LINK_ALIAS_MAX]);
bool net_port_alias_read(const char *alias, struct net_port *ret_port);

/* Adds a warning. */
void net_warn(struct net *net, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Finds or makes the bridge and sets what of `net` depends on it: bridge, index, cidr, mtu, ipv6, old_forward. */
int net_bridge_open(struct net *net, const struct net_config *config, struct rtnl *rtnl, struct error *err);
/* What the bridge's alias says now: another cluster that closed may have handed its old value on to it. */
int net_bridge_old_forward(const struct net *net, struct rtnl *rtnl);
/* Deletes the bridge and its ports. */
int net_bridge_delete(struct net *net, struct rtnl *rtnl, struct error *err);

/* The nft rules, rules.c. Installs the table; *ret_chains, unless ret_chains is NULL, is what `list chains` printed. */
int net_rules_install(struct net *net, char **ret_chains, struct error *err);
/* Accepts pods' traffic in the shared forward chain if that exists, drops, and does not accept it yet. */
int net_rules_accept(struct net *net, struct error *err);
int net_rules_remove(struct net *net, struct error *err);
/* Host ports, ports.c. Looks in what `list chains` prints whether an earlier daemon left their table. */
void net_ports_found(struct net *net, const char *chains);
int net_ports_put_back(struct net *net, struct error *err);
void net_ports_clear(struct net *net);

void net_watch_open(struct net *net);
/* Notes what one of nftables' notifications says of our rules. */
void net_watch_read(struct net *net, const struct nlmsghdr *msg);

/* An rtnl_fn that keeps the one link that is answered; data is a struct link whose index is 0 until then. */
int net_keep_link(void *data, size_t i, const struct nlmsghdr *msg);

/* Deletes links by index in one sweep, by way of a group of their own. Those that are gone already are no failure. */
int net_delete_links(struct rtnl *rtnl, uint32_t group, const uint32_t *indexes, size_t n, struct error *err);

/* All links of this namespace, or with master != 0 those that are its ports. Free *ret_links with free(). */
int net_links(struct rtnl *rtnl, uint32_t master, struct link **ret_links, size_t *ret_n);

/* Survey of the host's routes: picks the pod network, or checks the one that was asked for. host.c */
struct net_route {
	struct cidr dst;
	uint32_t oif;
	uint32_t priority;
};
int net_routes(struct rtnl *rtnl, struct net_route **ret_routes, size_t *ret_n);
/* The first network free of routes. -EADDRNOTAVAIL if there is none. Pure. */
int net_pick_cidr(const struct net_route *routes, size_t n, struct cidr *ret_cidr);
/* The route that `cidr` would take traffic from (one that it equals or holds), NULL if there is none. Pure. */
const struct net_route *net_route_within(const struct net_route *routes, size_t n, struct cidr cidr);
/* The narrowest route other than the default that holds `cidr` and more, NULL if there is none. Pure. */
const struct net_route *net_route_around(const struct net_route *routes, size_t n, struct cidr cidr);
/* The link of the default route with the lowest metric, 0 if there is none. Pure. */
uint32_t net_default_oif(const struct net_route *routes, size_t n);

/* Reads or writes net.ipv4.ip_forward of the calling thread's namespace. */
int net_forward_get(int *ret_value);
int net_forward_set(int value);
/* Lets what has a loopback address leave by that link, and come: for host ports; or no more. A link that is gone is shut. */
int net_route_localnet(const char *link, bool on);

#endif
