/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 networks: an address and a prefix length. Pure; addresses are uint32_t in host byte order throughout. */
#ifndef PODFS_NET_CIDR_H
#define PODFS_NET_CIDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct cidr {
	uint32_t net;    /* the network address; the bits after the prefix are 0 */
	uint8_t prefix;  /* 0 … 32 */
};

#define CIDR_TEXT_MAX sizeof("255.255.255.255/32")
#define ADDR_TEXT_MAX sizeof("255.255.255.255")

/* Reads "10.244.0.0/24". -EINVAL with a message for anything else, also when bits after the prefix are set. */
int cidr_parse(const char *text, struct cidr *ret_cidr, struct error *err);

/* Writes the text of a network or an address into `buf` and returns `buf`. */
const char *cidr_text(struct cidr c, char buf[static CIDR_TEXT_MAX]);
const char *addr_text(uint32_t addr, char buf[static ADDR_TEXT_MAX]);

/* Reads a dotted quad, exactly four decimal numbers without leading zeros. -EINVAL otherwise. */
int addr_parse(const char *text, uint32_t *ret_addr);

uint32_t cidr_mask(struct cidr c);
bool cidr_has(struct cidr c, uint32_t addr);
/* The last address of the network: its broadcast address where the prefix is 30 or shorter. */
uint32_t cidr_last(struct cidr c);
/* Whether the two share an address, which for networks means that one lies within the other. */
bool cidr_overlaps(struct cidr a, struct cidr b);

#endif
