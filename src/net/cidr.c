/* SPDX-License-Identifier: Apache-2.0 */
#include "net/cidr.h"

#include <stdio.h>
#include <string.h>

/* Reads a decimal number up to `max` without sign or leading zeros; moves *text behind it. */
static int read_number(const char **text, unsigned max, unsigned *ret_number)
{
	const char *p = *text;
	unsigned n = 0;

	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (unsigned)(*p - '0');
		if (n > max)
			return -EINVAL;
	}
	*text = p;
	*ret_number = n;
	return 0;
}

static int read_addr(const char **text, uint32_t *ret_addr)
{
	const char *p = *text;
	uint32_t addr = 0;

	for (int i = 0; i < 4; i++) {
		unsigned n;

		if ((i && *p++ != '.') || read_number(&p, 255, &n) < 0)
			return -EINVAL;
		addr = addr << 8 | n;
	}
	*text = p;
	*ret_addr = addr;
	return 0;
}

int addr_parse(const char *text, uint32_t *ret_addr)
{
	uint32_t addr;

	if (read_addr(&text, &addr) < 0 || *text)
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

int cidr_parse(const char *text, struct cidr *ret_cidr, struct error *err)
{
	char want[CIDR_TEXT_MAX];
	const char *p = text;
	struct cidr c = { 0 };
	unsigned prefix;
	uint32_t addr;

	if (read_addr(&p, &addr) < 0 || *p++ != '/' || read_number(&p, 32, &prefix) < 0 || *p)
		return error_set(err, -EINVAL, "\"%s\" is not an IPv4 network like 10.244.0.0/24", text);
	c.prefix = (uint8_t)prefix;
	c.net = addr & cidr_mask(c);
	if (c.net != addr)
		return error_set(err, -EINVAL, "\"%s\" has bits set after its prefix: did you mean %s?", text,
				 cidr_text(c, want));
	*ret_cidr = c;
	return 0;
}

const char *addr_text(uint32_t addr, char buf[static ADDR_TEXT_MAX])
{
	snprintf(buf, ADDR_TEXT_MAX, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
	return buf;
}

const char *cidr_text(struct cidr c, char buf[static CIDR_TEXT_MAX])
{
	char addr[ADDR_TEXT_MAX];

	snprintf(buf, CIDR_TEXT_MAX, "%s/%u", addr_text(c.net, addr), (unsigned)(c.prefix % 100));
	return buf;
}

uint32_t cidr_mask(struct cidr c)
{
	return c.prefix ? ~UINT32_C(0) << (32 - c.prefix) : 0;
}

bool cidr_has(struct cidr c, uint32_t addr)
{
	return (addr & cidr_mask(c)) == c.net;
}

uint32_t cidr_last(struct cidr c)
{
	return c.net | ~cidr_mask(c);
}

bool cidr_overlaps(struct cidr a, struct cidr b)
{
	return a.prefix <= b.prefix ? cidr_has(a, b.net) : cidr_has(b, a.net);
}
