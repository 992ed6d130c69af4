/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ipam.h"

#include <stdlib.h>
#include <string.h>

/* Index 0 is the first address that can be given, network + 2; the last is broadcast - 1. */
struct ipam {
	struct cidr cidr;
	uint32_t size;
	uint32_t used;
	uint32_t next; /* index at which the next search begins */
	uint64_t bits[];
};

static bool index_of(const struct ipam *ipam, uint32_t addr, uint32_t *ret_index)
{
	uint32_t first = ipam_gateway(ipam->cidr) + 1;

	if (addr < first || addr - first >= ipam->size)
		return false;
	*ret_index = addr - first;
	return true;
}

int ipam_new(struct cidr cidr, struct ipam **ret_ipam)
{
	struct ipam *ipam;
	uint32_t size;

	if (cidr.prefix < IPAM_PREFIX_MIN || cidr.prefix > IPAM_PREFIX_MAX)
		return -EINVAL;
	size = cidr_last(cidr) - ipam_gateway(cidr) - 1;
	ipam = calloc(1, sizeof(*ipam) + ((size_t)size + 63) / 64 * sizeof(uint64_t));
	if (!ipam)
		return -ENOMEM;
	ipam->cidr = cidr;
	ipam->size = size;
	*ret_ipam = ipam;
	return 0;
}

void ipam_free(struct ipam *ipam)
{
	free(ipam);
}

uint32_t ipam_gateway(struct cidr cidr)
{
	return cidr.net + 1;
}

int ipam_mark(struct ipam *ipam, uint32_t addr)
{
	uint32_t i;

	if (!index_of(ipam, addr, &i))
		return -ERANGE;
	if (ipam->bits[i / 64] >> (i % 64) & 1)
		return -EEXIST;
	ipam->bits[i / 64] |= UINT64_C(1) << (i % 64);
	ipam->used++;
	return 0;
}

void ipam_release(struct ipam *ipam, uint32_t addr)
{
	uint32_t i;

	if (!index_of(ipam, addr, &i) || !(ipam->bits[i / 64] >> (i % 64) & 1))
		return;
	ipam->bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
	ipam->used--;
}

int ipam_pick(struct ipam *ipam, uint32_t *ret_addr)
{
	if (ipam->used == ipam->size)
		return -EADDRNOTAVAIL;
	for (uint32_t n = 0; n < ipam->size; n++) {
		uint32_t i = (ipam->next + n) % ipam->size;

		if (ipam->bits[i / 64] >> (i % 64) & 1)
			continue;
		ipam->bits[i / 64] |= UINT64_C(1) << (i % 64);
		ipam->used++;
		ipam->next = (i + 1) % ipam->size;
		*ret_addr = ipam_gateway(ipam->cidr) + 1 + i;
		return 0;
	}
	return -EADDRNOTAVAIL;
}

uint32_t ipam_size(const struct ipam *ipam)
{
	return ipam->size;
}

uint32_t ipam_used(const struct ipam *ipam)
{
	return ipam->used;
}

const char *ipam_key(uint32_t addr, char buf[static IPAM_KEY_MAX])
{
	memcpy(buf, IPAM_KEY_PREFIX, sizeof(IPAM_KEY_PREFIX) - 1);
	addr_text(addr, buf + sizeof(IPAM_KEY_PREFIX) - 1);
	return buf;
}

int ipam_key_parse(const char *key, uint32_t *ret_addr)
{
	size_t len = sizeof(IPAM_KEY_PREFIX) - 1;

	if (strncmp(key, IPAM_KEY_PREFIX, len) != 0)
		return -EINVAL;
	return addr_parse(key + len, ret_addr);
}
