/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bridge: found again by its alias, or made.
 *
 * Several clusters may run on one host, each with its own bridge; the alias names the owner. Two that start together
 * may take the same name (the kernel refuses the second) or the same network: a bridge claims its network from the
 * moment it exists, by the MAC that is derived from its gateway, and whoever then sees the same claim on a bridge made
 * earlier (of a lower index) gives way. Either begins again with what it now sees.
 */
#include <string.h>
#include <unistd.h>

#include "net/internal.h"
#include "net/ipam.h"

#define MTU_DEFAULT 1500  /* Ethernet's */
#define MTU_IPV6_MIN 1280 /* RFC 8200 */

/* Clusters on one host that have no bridge name configured. */
#define AUTO_BRIDGES 100

/* How often another cluster may be in the way at the same moment. */
#define OPEN_TRIES 10

int net_bridge_delete(struct net *net, struct rtnl *rtnl, struct error *err)
{
	_cleanup_free_ struct link *ports = NULL;
	_cleanup_free_ uint32_t *indexes = NULL;
	size_t n = 0;
	int r = net_links(rtnl, net->index, &ports, &n);

	if (r < 0)
		return error_errno(err, r, "list the ports of %s", net->bridge);
	indexes = calloc(n + 1, sizeof(*indexes));
	if (!indexes)
		return error_errno(err, -ENOMEM, "delete %s", net->bridge);
	for (size_t i = 0; i < n; i++)
		indexes[i] = ports[i].index;
	indexes[n] = net->index;
	r = net_delete_links(rtnl, net->index, indexes, n + 1, err);
	return r < 0 ? NET_WRAP(r, err, "delete bridge %s", net->bridge) : 0;
}

/* Half-made ports, which a daemon that was killed within net_attach() left without an alias. */
static int delete_nameless_ports(struct net *net, struct rtnl *rtnl, size_t *ret_ports, struct error *err)
{
	_cleanup_free_ struct link *ports = NULL;
	_cleanup_free_ uint32_t *indexes = NULL;
	size_t n = 0, bad = 0;
	int r = net_links(rtnl, net->index, &ports, &n);

	if (r < 0)
		return error_errno(err, r, "list the ports of %s", net->bridge);
	indexes = calloc(n + 1, sizeof(*indexes));
	if (!indexes)
		return error_errno(err, -ENOMEM, "list the ports of %s", net->bridge);
	for (size_t i = 0; i < n; i++)
		if (strncmp(ports[i].name, "pfs", 3) == 0 && !ports[i].alias[0])
			indexes[bad++] = ports[i].index;
	*ret_ports = n - bad;
	return bad ? net_delete_links(rtnl, net->index, indexes, bad, err) : 0;
}

static bool is_auto_name(const char *name)
{
	size_t n = strlen(NET_BRIDGE_AUTO);

	return strncmp(name, NET_BRIDGE_AUTO, n) == 0 && name[n] && name[n + strspn(name + n, "0123456789")] == '\0';
}

static const struct link *named(const struct link *links, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(links[i].name, name) == 0)
			return &links[i];
	return NULL;
}

static bool read_bridge(const struct link *link, struct net_bridge *ret_bridge)
{
	return strcmp(link->kind, "bridge") == 0 && net_bridge_alias_read(link->alias, ret_bridge);
}

int net_bridge_old_forward(const struct net *net, struct rtnl *rtnl)
{
	struct net_bridge bridge;
	struct link link = { 0 };
	struct rtnl_batch b;

	rtnl_batch_init(&b);
	link_put_get(&b, net->index, NULL);
	/* Ignoring a failure: if the bridge is gone, what was known when it was opened is the best there is. */
	if (rtnl_run_all(rtnl, &b, net_keep_link, &link, NULL) < 0 || !read_bridge(&link, &bridge))
		return net->old_forward;
	return bridge.old_forward;
}

/* Gives the link that has the configured name, or else the owner's own; NULL if there is none: then net->bridge is
 * a free name. */
static int look_for(struct net *net, const struct net_config *config, const struct link *links, size_t n,
		    const struct link **ret_link, struct error *err)
{
	struct net_bridge bridge;

	if (config->bridge) {
		*ret_link = named(links, n, net->bridge);
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		if (is_auto_name(links[i].name) && read_bridge(&links[i], &bridge) &&
		    strcmp(bridge.owner, net->owner) == 0) {
			(void)snprintf(net->bridge, sizeof(net->bridge), "%s", links[i].name);
			*ret_link = &links[i];
			return 0;
		}
	for (unsigned i = 0; i < AUTO_BRIDGES; i++) {
		(void)snprintf(net->bridge, sizeof(net->bridge), NET_BRIDGE_AUTO "%u", i);
		if (!named(links, n, net->bridge)) {
			*ret_link = NULL;
			return 0;
		}
	}
	return error_set(err, -EEXIST, "%s0 to %s are all taken: give a bridge name", NET_BRIDGE_AUTO, net->bridge);
}

/*
 * Looks for the bridge of an earlier daemon. Sets net->index if it is to be kept, leaves it 0 if there is none (any
 * more). What the alias remembers of ip_forward is taken over in both cases.
 */
static int find_bridge(struct net *net, const struct net_config *config, struct rtnl *rtnl, struct error *err)
{
	_cleanup_free_ struct link *links = NULL;
	const struct link *link = NULL;
	struct net_bridge bridge;
	size_t n = 0, ports = 0;
	int r = net_links(rtnl, 0, &links, &n);

	if (r < 0)
		return error_errno(err, r, "list links");
	r = look_for(net, config, links, n, &link, err);
	if (r < 0 || !link)
		return r;
	if (!read_bridge(link, &bridge))
		return error_set(err, -EEXIST, "a link named %s exists and is not podfs's; give another bridge name, "
				 "or delete it (ip link delete %s)", net->bridge, net->bridge);
	if (strcmp(bridge.owner, net->owner) != 0)
		return error_set(err, -EEXIST, "bridge %s belongs to another cluster (%s); give another name",
				 net->bridge, bridge.owner);
	net->index = link->index;
	net->old_forward = bridge.old_forward;
	r = delete_nameless_ports(net, rtnl, &ports, err);
	if (r < 0)
		return r;
	if (config->adopt && (!config->cidr || (bridge.cidr.net == net->cidr.net &&
						bridge.cidr.prefix == net->cidr.prefix))) {
		net->cidr = bridge.cidr;
		net->mtu = link->mtu;
		return 0;
	}
	if (config->adopt && ports) {
		char have[CIDR_TEXT_MAX];

		return error_set(err, -EBUSY, "%s serves %zu pods in %s: the network can be changed only when no pod "
				 "is left", net->bridge, ports, cidr_text(bridge.cidr, have));
	}
	r = net_bridge_delete(net, rtnl, err);
	net->index = 0;
	return r;
}

/* The network that another bridge of podfs's claims; its prefix is 0 if it claims none. */
static struct cidr claim(const struct link *link)
{
	struct cidr c = { link_mac_addr(link->mac), 24 };
	struct net_bridge bridge;

	if (strcmp(link->kind, "bridge") != 0 || !c.net)
		return (struct cidr){ 0, 0 };
	if (read_bridge(link, &bridge))
		return bridge.cidr;
	c.net &= cidr_mask(c);
	return c;
}

/* The host's routes, and behind them what other clusters' bridges claim. */
static int survey(struct rtnl *rtnl, struct net_route **ret_routes, size_t *ret_n, struct error *err)
{
	_cleanup_free_ struct net_route *routes = NULL;
	_cleanup_free_ struct link *links = NULL;
	size_t n = 0, n_links = 0;
	void *grown;
	int r = net_routes(rtnl, &routes, &n);

	if (r == 0)
		r = net_links(rtnl, 0, &links, &n_links);
	if (r < 0)
		return error_errno(err, r, "read the host's routes");
	grown = reallocarray(routes, n + n_links + 1, sizeof(*routes));
	if (!grown)
		return error_errno(err, -ENOMEM, "read the host's routes");
	routes = grown;
	for (size_t i = 0; i < n_links; i++) {
		struct cidr c = claim(&links[i]);

		if (c.prefix)
			routes[n++] = (struct net_route){ .dst = c, .oif = links[i].index };
	}
	*ret_routes = steal_ptr(routes);
	*ret_n = n;
	return 0;
}

/* Picks the network, or checks the one that was asked for, and the MTU. */
static int choose(struct net *net, const struct net_config *config, struct rtnl *rtnl, struct error *err)
{
	_cleanup_free_ struct net_route *routes = NULL;
	const struct net_route *route;
	char want[CIDR_TEXT_MAX], have[CIDR_TEXT_MAX];
	struct link link = { 0 };
	size_t n = 0;
	int r = survey(rtnl, &routes, &n, err);

	if (r < 0)
		return r;
	if (!config->cidr) {
		r = net_pick_cidr(routes, n, &net->cidr);
		if (r < 0)
			return error_set(err, r, "all of 10.244.0.0 to 10.255.255.0 is routed on this host: "
					 "configure a pod network");
	} else if ((route = net_route_within(routes, n, net->cidr))) {
		return error_set(err, -EADDRINUSE, "pod network %s: the host has a route to %s; configure another one",
				 cidr_text(net->cidr, want), cidr_text(route->dst, have));
	} else if ((route = net_route_around(routes, n, net->cidr))) {
		net_warn(net, "pod network %s takes addresses from %s, to which the host has a route",
		     cidr_text(net->cidr, want), cidr_text(route->dst, have));
	}
	net->mtu = config->mtu;
	if (!net->mtu && net_default_oif(routes, n)) {
		struct rtnl_batch b;

		rtnl_batch_init(&b);
		link_put_get(&b, net_default_oif(routes, n), NULL);
		r = rtnl_run_all(rtnl, &b, net_keep_link, &link, err);
		if (r < 0 && r != -ENODEV)
			return NET_WRAP(r, err, "read the MTU of the default route");
		net->mtu = link.mtu;
	}
	if (net->mtu < NET_MTU_MIN || net->mtu > NET_MTU_MAX)
		net->mtu = MTU_DEFAULT;
	return 0;
}

/* Makes the bridge, without its address. -EEXIST without a message when another one took the name meanwhile. */
static int make_bridge(struct net *net, struct rtnl *rtnl, struct error *err)
{
	struct net_bridge bridge = { .cidr = net->cidr, .old_forward = net->old_forward };
	char alias[LINK_ALIAS_MAX];
	struct link link = { 0 };
	struct rtnl_batch b;
	uint8_t mac[6];
	int r;

	(void)snprintf(bridge.owner, sizeof(bridge.owner), "%s", net->owner);
	link_mac(net_gateway(net), mac);
	net_bridge_alias(&bridge, alias);
	rtnl_batch_init(&b);
	link_put_bridge(&b, net->bridge, mac, net->mtu);
	r = rtnl_run_all(rtnl, &b, NULL, NULL, err);
	if (r == 0) {
		/* The alias at once and by itself: by it the bridge is found to be podfs's. */
		rtnl_batch_init(&b);
		link_put_change(&b, &(struct link_change){ .name = net->bridge, .alias = alias });
		link_put_get(&b, 0, net->bridge);
		r = rtnl_run_all(rtnl, &b, net_keep_link, &link, err);
	}
	if (r < 0)
		return NET_WRAP(r, err, "create bridge %s", net->bridge);
	net->index = link.index;
	return 0;
}

/* Brings the bridge up with its address; also done again on an adopted one. */
static int set_up_bridge(struct net *net, struct rtnl *rtnl, struct error *err)
{
	struct rtnl_batch b;
	int r;

	rtnl_batch_init(&b);
	link_put_change(&b, &(struct link_change){ .index = net->index, .up = true, .no_ipv6_addr = net->ipv6 });
	link_put_addr(&b, net->index, net_gateway(net), net->cidr.prefix);
	r = rtnl_run_all(rtnl, &b, NULL, NULL, err);
	return r < 0 ? NET_WRAP(r, err, "set up bridge %s", net->bridge) : 0;
}

/* Whether a bridge made earlier claims the same network. */
static int network_is_shared(struct net *net, struct rtnl *rtnl, bool *ret_shared, struct error *err)
{
	_cleanup_free_ struct link *links = NULL;
	bool shared = false;
	size_t n = 0;
	int r = net_links(rtnl, 0, &links, &n);

	if (r < 0)
		return error_errno(err, r, "list links");
	for (size_t i = 0; i < n; i++) {
		struct cidr c = claim(&links[i]);

		shared |= c.prefix && links[i].index < net->index && cidr_overlaps(c, net->cidr);
	}
	*ret_shared = shared;
	return 0;
}

/* One try. -EAGAIN when another cluster was in the way. */
static int open_once(struct net *net, const struct net_config *config, struct rtnl *rtnl, struct error *err)
{
	bool made, shared = false;
	int r = find_bridge(net, config, rtnl, err);

	if (r < 0)
		return r;
	made = !net->index;
	if (made) {
		r = choose(net, config, rtnl, err);
		if (r == 0)
			r = make_bridge(net, rtnl, err);
		if (r < 0)
			return r == -EEXIST && !config->bridge ? -EAGAIN : r;
	}
	net->ipv6 = net->mtu >= MTU_IPV6_MIN && access("/proc/net/if_inet6", F_OK) == 0;
	if (made && !config->cidr)
		r = network_is_shared(net, rtnl, &shared, err);
	if (r == 0)
		r = shared ? -EAGAIN : set_up_bridge(net, rtnl, err);
	if (r < 0 && made) {
		(void)net_bridge_delete(net, rtnl, NULL); /* ignoring: the first failure is the one to tell */
		net->index = 0;
	}
	return r;
}

int net_bridge_open(struct net *net, const struct net_config *config, struct rtnl *rtnl, struct error *err)
{
	int r = -EAGAIN;

	for (int i = 0; i < OPEN_TRIES && r == -EAGAIN; i++) {
		error_clear(err);
		r = open_once(net, config, rtnl, err);
	}
	if (r == -EAGAIN)
		return error_set(err, -EADDRINUSE, "other clusters took each network and bridge name that was tried");
	return r;
}
