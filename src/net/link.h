/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The netlink messages of the pod network, and what is read from the kernel's answers. Pure: nothing here does I/O.
 * Each link_put_*() adds one message to a batch; names are at most 15 bytes (IFNAMSIZ - 1), aliases at most 255.
 */
#ifndef PODFS_NET_LINK_H
#define PODFS_NET_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "net/cidr.h"
#include "net/rtnl.h"

#define LINK_NAME_MAX 16   /* IFNAMSIZ, linux/if.h */
#define LINK_ALIAS_MAX 256 /* IFALIASZ, linux/if.h */

/* A link as the kernel tells it. */
struct link {
	uint32_t index;
	uint32_t peer;   /* IFLA_LINK: for a veth the index of its other end, in that end's namespace; 0 if none */
	uint32_t master; /* 0 if none */
	uint32_t mtu;
	int port_state;  /* of a bridge port: BR_STATE_… of linux/if_bridge.h; -1 if it is none */
	bool up;         /* administratively */
	bool live;       /* operationally: IF_OPER_UP of linux/if.h */
	uint8_t mac[6];
	char name[LINK_NAME_MAX];
	char kind[16];   /* "bridge", "veth", "" for hardware and lo */
	char alias[LINK_ALIAS_MAX];
};

/* Reads an RTM_NEWLINK. -EBADMSG if it is something else, or malformed. */
int link_read(const struct nlmsghdr *msg, struct link *ret_link);

/* Reads the destination of an RTM_NEWROUTE for IPv4. *ret_oif and *ret_priority are 0 where it names none. Returns
 * 0; -ENOENT for what is not a unicast route of the host's own tables (cached, local, broadcast, unreachable). */
int link_read_route(const struct nlmsghdr *msg, struct cidr *ret_dst, uint32_t *ret_oif, uint32_t *ret_priority);

/* The address's MAC: the four bytes of the address after a fixed locally administered prefix, so that an address
 * that is given again has the MAC that its neighbours remember. */
void link_mac(uint32_t addr, uint8_t ret_mac[static 6]);
/* The other way; 0 if it is not such a MAC. */
uint32_t link_mac_addr(const uint8_t mac[static 6]);

/* A bridge without STP, forward delay and multicast snooping (no timers run in it, ports forward at once). */
void link_put_bridge(struct rtnl_batch *b, const char *name, const uint8_t mac[static 6], uint32_t mtu);

/* A veth pair: `name` as a port of `bridge`, `peer_name` in the namespace of `netns_fd`. Both ends are down. The
 * host's end has the peer's MAC with another prefix: a MAC of the kernel's choice would be changed by udev (systemd's
 * MACAddressPolicy=persistent) a moment later, an event more for everybody who listens. */
void link_put_veth(struct rtnl_batch *b, const char *name, uint32_t bridge, const char *peer_name, int netns_fd,
		   const uint8_t peer_mac[static 6], uint32_t mtu);

/* What is set on a link that exists, chosen by `index` or, if that is 0, by `name`. */
struct link_change {
	uint32_t index;
	const char *name;
	const char *alias; /* NULL: leave it */
	bool up;
	bool down;
	bool no_ipv6_addr; /* no link-local address is made: no duplicate address detection to wait for */
	bool hairpin;      /* of a bridge port: a pod may reach itself by way of a service */
	uint32_t group;    /* 0: leave it */
};
void link_put_change(struct rtnl_batch *b, const struct link_change *change);

/* Asks for a link, by `index` or else by `name`. The kernel (from 6.8 on) settles the carrier's state first. */
void link_put_get(struct rtnl_batch *b, uint32_t index, const char *name);

/* Deletes a link by index, or with index 0 all links of a group, in one sweep. */
void link_put_delete(struct rtnl_batch *b, uint32_t index, uint32_t group);

void link_put_addr(struct rtnl_batch *b, uint32_t index, uint32_t addr, uint8_t prefix);
void link_put_default_route(struct rtnl_batch *b, uint32_t index, uint32_t gateway);

#endif
