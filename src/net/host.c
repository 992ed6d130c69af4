/* SPDX-License-Identifier: Apache-2.0 */
/* What the pod network must know of its host: routes, links, ip_forward; and the names by which it finds its own. */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <string.h>

#include "net/internal.h"
#include "net/ipam.h"

#define FORWARD_PATH "/proc/sys/net/ipv4/ip_forward" /* of the namespace of the thread that opens it */

/* FNV-1a of 64 bits (Fowler, Noll and Vo), of which 44 bits make a name. Keys are uids, so nobody picks them to
 * collide; a collision is found by the alias and refused. */
void net_port_name(const char *key, char ret_name[static LINK_NAME_MAX])
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	(void)snprintf(ret_name, LINK_NAME_MAX, "pfs%011" PRIx64, h & UINT64_C(0xfffffffffff));
}

bool net_key_is_good(const char *key)
{
	size_t n = 0;

	for (; key[n]; n++)
		if (n == NET_KEY_MAX || key[n] <= ' ' || key[n] > '~')
			return false;
	return n > 0;
}

void net_warn(struct net *net, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (r < 0)
		return; /* ignoring: out of memory, and it is only a warning */
	if (net->n_warnings < NET_WARNINGS_MAX)
		net->warnings[net->n_warnings++] = text;
	else
		free(text);
}

void net_bridge_alias(const struct net_bridge *bridge, char ret_alias[static LINK_ALIAS_MAX])
{
	char text[CIDR_TEXT_MAX];

	(void)snprintf(ret_alias, LINK_ALIAS_MAX, "podfs bridge %s ip_forward=%d %s", cidr_text(bridge->cidr, text),
		       bridge->old_forward, bridge->owner);
}

/* Splits at single spaces into at most `max` words; returns how many there are, or 0 if there are more. */
static size_t split(char *text, char *words[], size_t max)
{
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (n == max)
			return 0;
		words[n++] = w;
	}
	return n;
}

bool net_bridge_alias_read(const char *alias, struct net_bridge *ret_bridge)
{
	char text[LINK_ALIAS_MAX], *word[5];
	struct net_bridge b = { .old_forward = -1 };

	(void)snprintf(text, sizeof(text), "%s", alias);
	if (split(text, word, 5) != 5 || strcmp(word[0], "podfs") != 0 || strcmp(word[1], "bridge") != 0 ||
	    cidr_parse(word[2], &b.cidr, NULL) < 0 || b.cidr.prefix < IPAM_PREFIX_MIN ||
	    b.cidr.prefix > IPAM_PREFIX_MAX || strncmp(word[3], "ip_forward=", 11) != 0 ||
	    strlen(word[4]) > NET_OWNER_MAX)
		return false;
	b.old_forward = strcmp(word[3] + 11, "0") == 0 ? 0 : strcmp(word[3] + 11, "1") == 0 ? 1 : -1;
	(void)snprintf(b.owner, sizeof(b.owner), "%s", word[4]);
	*ret_bridge = b;
	return true;
}

void net_port_alias(const char *key, uint32_t addr, char ret_alias[static LINK_ALIAS_MAX])
{
	char text[ADDR_TEXT_MAX];

	(void)snprintf(ret_alias, LINK_ALIAS_MAX, "podfs pod %s %s", key, addr_text(addr, text));
}

bool net_port_alias_read(const char *alias, struct net_port *ret_port)
{
	char text[LINK_ALIAS_MAX], *word[4];
	uint32_t addr;

	(void)snprintf(text, sizeof(text), "%s", alias);
	if (split(text, word, 4) != 4 || strcmp(word[0], "podfs") != 0 || strcmp(word[1], "pod") != 0 ||
	    !net_key_is_good(word[2]) || addr_parse(word[3], &addr) < 0)
		return false;
	(void)snprintf(ret_port->key, sizeof(ret_port->key), "%s", word[2]);
	ret_port->addr = addr;
	return true;
}

/* Growing arrays that dumps are gathered in. */
struct gather {
	void *items;
	size_t n, cap, size;
	uint32_t master;
};

static void *gather_next(struct gather *g)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 32;
		void *items = reallocarray(g->items, cap, g->size);

		if (!items)
			return NULL;
		g->items = items;
		g->cap = cap;
	}
	return (char *)g->items + g->size * g->n++;
}

static void gather_again(void *data)
{
	struct gather *g = data;

	g->n = 0;
}

static int gather_link(void *data, size_t i, const struct nlmsghdr *msg)
{
	struct gather *g = data;
	struct link link, *next;

	if (link_read(msg, &link) < 0 || (g->master && link.master != g->master))
		return 0;
	next = gather_next(g);
	if (!next)
		return -ENOMEM;
	*next = link;
	return 0;
}

static int gather_route(void *data, size_t i, const struct nlmsghdr *msg)
{
	struct net_route route, *next;

	if (link_read_route(msg, &route.dst, &route.oif, &route.priority) < 0)
		return 0;
	next = gather_next(data);
	if (!next)
		return -ENOMEM;
	*next = route;
	return 0;
}

int net_links(struct rtnl *rtnl, uint32_t master, struct link **ret_links, size_t *ret_n)
{
	struct gather g = { .size = sizeof(struct link), .master = master };
	int r = rtnl_dump(rtnl, RTM_GETLINK, AF_UNSPEC, gather_link, gather_again, &g);

	if (r < 0) {
		free(g.items);
		return r;
	}
	*ret_links = g.items;
	*ret_n = g.n;
	return 0;
}

int net_routes(struct rtnl *rtnl, struct net_route **ret_routes, size_t *ret_n)
{
	struct gather g = { .size = sizeof(struct net_route) };
	int r = rtnl_dump(rtnl, RTM_GETROUTE, AF_INET, gather_route, gather_again, &g);

	if (r < 0) {
		free(g.items);
		return r;
	}
	*ret_routes = g.items;
	*ret_n = g.n;
	return 0;
}

int net_pick_cidr(const struct net_route *routes, size_t n, struct cidr *ret_cidr)
{
	/* 10.244.0.0/16 is what most Kubernetes set-ups give to pods; the rest of 10/8 above it follows. */
	for (uint32_t net = UINT32_C(0x0af40000); net <= UINT32_C(0x0affff00); net += 256) {
		struct cidr c = { net, 24 };
		bool taken = false;

		for (size_t i = 0; i < n && !taken; i++)
			taken = routes[i].dst.prefix > 0 && cidr_overlaps(routes[i].dst, c);
		if (!taken) {
			*ret_cidr = c;
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}

const struct net_route *net_route_within(const struct net_route *routes, size_t n, struct cidr cidr)
{
	for (size_t i = 0; i < n; i++)
		if (routes[i].dst.prefix >= cidr.prefix && cidr_has(cidr, routes[i].dst.net))
			return &routes[i];
	return NULL;
}

const struct net_route *net_route_around(const struct net_route *routes, size_t n, struct cidr cidr)
{
	const struct net_route *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (routes[i].dst.prefix > 0 && routes[i].dst.prefix < cidr.prefix &&
		    cidr_has(routes[i].dst, cidr.net) && (!best || routes[i].dst.prefix > best->dst.prefix))
			best = &routes[i];
	return best;
}

uint32_t net_default_oif(const struct net_route *routes, size_t n)
{
	const struct net_route *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (routes[i].dst.prefix == 0 && routes[i].oif && (!best || routes[i].priority < best->priority))
			best = &routes[i];
	return best ? best->oif : 0;
}

int net_forward_get(int *ret_value)
{
	_cleanup_close_ int fd = open(FORWARD_PATH, O_RDONLY | O_CLOEXEC);
	char c;

	if (fd < 0)
		return -errno;
	if (read(fd, &c, 1) != 1)
		return -EIO;
	*ret_value = c == '1';
	return 0;
}

int net_route_localnet(const char *link, bool on)
{
	char path[sizeof("/proc/sys/net/ipv4/conf//route_localnet") + LINK_NAME_MAX], c, wanted = on ? '1' : '0';
	_cleanup_close_ int in = -1, out = -1;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet", link);
	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return !on && errno == ENOENT ? 0 : -errno;
	if (read(in, &c, 1) == 1 && c == wanted)
		return 0; /* it may be read-only */
	out = open(path, O_WRONLY | O_CLOEXEC);
	return out < 0 || write(out, &wanted, 1) != 1 ? -errno : 0;
}

int net_forward_set(int value)
{
	_cleanup_close_ int fd = open(FORWARD_PATH, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value ? "1" : "0", 1) != 1)
		return -errno;
	return 0;
}
