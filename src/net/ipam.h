/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which address of the node's pod network comes next. Pure: a bitmap of what is in use and the last one given.
 *
 * The truth is in the store: one key for each address, whose value is the uid of the pod that holds it. Whoever
 * allocates picks here, creates the key with compare-and-swap, and on a conflict simply picks again: the address
 * that was lost stays marked. At start every key found is marked with ipam_mark().
 *
 * Addresses go round: the next is looked for after the last one given, so that one just released is not given
 * again while others may still be sending to it. The network, broadcast and gateway (network + 1) addresses are
 * never given. Not thread-safe: the caller holds its own lock.
 */
#ifndef PODFS_NET_IPAM_H
#define PODFS_NET_IPAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "net/cidr.h"

struct ipam;

/* The prefix lengths that ipam_new() takes: a /16 is a bitmap of 8 KiB, a /30 holds one pod. */
#define IPAM_PREFIX_MIN 16
#define IPAM_PREFIX_MAX 30

/* -EINVAL for a prefix outside the limits above, -ENOMEM. Free with ipam_free(). */
int ipam_new(struct cidr cidr, struct ipam **ret_ipam);
void ipam_free(struct ipam *ipam);
DEFINE_CLEANUP(struct ipam *, ipam_free);
#define _cleanup_ipam_ _cleanup_(ipam_freep)

/* The address of the bridge: the first after the network's own. */
uint32_t ipam_gateway(struct cidr cidr);

/* Marks an address as in use. 0 if it was free, -EEXIST if it was marked already, -ERANGE if it is not one that
 * can be given in this network (the caller keeps such a key: it belongs to another node or to an older network). */
int ipam_mark(struct ipam *ipam, uint32_t addr);

/* Marks it free again; nothing happens if it was free or is outside of the network. */
void ipam_release(struct ipam *ipam, uint32_t addr);

/* Gives the next free address and marks it. -EADDRNOTAVAIL when all are in use. */
int ipam_pick(struct ipam *ipam, uint32_t *ret_addr);

/* How many can be given in all, and how many of those are in use. */
uint32_t ipam_size(const struct ipam *ipam);
uint32_t ipam_used(const struct ipam *ipam);

/* The store's key for an address ("/net/ips/10.244.0.5"), written to `buf`, which is returned. */
#define IPAM_KEY_PREFIX "/net/ips/"
#define IPAM_KEY_MAX (sizeof(IPAM_KEY_PREFIX) + ADDR_TEXT_MAX)
const char *ipam_key(uint32_t addr, char buf[static IPAM_KEY_MAX]);

/* The other way. -EINVAL if the key is not of that form. */
int ipam_key_parse(const char *key, uint32_t *ret_addr);

#endif
