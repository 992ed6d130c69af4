/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's side of the pod network: opening and closing it.
 *
 * The bridge is made first, with its alias, so that from then on a daemon that was killed finds what it must undo;
 * ip_forward and nftables follow, and are done again at each start, whatever was there.
 */
#include "net/net.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "net/internal.h"
#include "net/ipam.h"
#include "net/nft.h"

/* The least that IPv4 must carry (RFC 791) and the most that an Ethernet link takes (ETH_MAX_MTU). */
#define MTU_MIN 68
#define MTU_MAX 65535
#define MTU_DEFAULT 1500 /* Ethernet's */
#define MTU_IPV6_MIN 1280 /* RFC 8200 */

static void warn(struct net *net, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void warn(struct net *net, const char *fmt, ...)
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

const char *net_warning(const struct net *net, size_t i)
{
	return i < net->n_warnings ? net->warnings[i] : NULL;
}

struct cidr net_cidr(const struct net *net)
{
	return net->cidr;
}

uint32_t net_gateway(const struct net *net)
{
	return ipam_gateway(net->cidr);
}

unsigned net_mtu(const struct net *net)
{
	return net->mtu;
}

static void net_free(struct net *net)
{
	for (size_t i = 0; i < net->n_warnings; i++)
		free(net->warnings[i]);
	(void)pthread_mutex_destroy(&net->lock);
	(void)pthread_cond_destroy(&net->done);
	free(net->nft_helper);
	free(net);
}
DEFINE_CLEANUP(struct net *, net_free);

/* Names go into nft commands and messages of fixed size: letters, digits, and what separates them. */
static int take_name(const char *what, const char *name, size_t max, char *ret_name, struct error *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (n == 0 || n > max || name[n] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, -EINVAL, "%s \"%s\" is not a name of 1 to %zu letters, digits, _, . and -", what,
				 name, max);
	memcpy(ret_name, name, n + 1);
	return 0;
}

static int take_config(struct net *net, const struct net_config *config, struct error *err)
{
	int r = take_name("bridge", config->bridge ? config->bridge : NET_BRIDGE_DEFAULT, LINK_NAME_MAX - 1,
			  net->bridge, err);

	if (r == 0)
		r = take_name("nft table", config->table ? config->table : NET_TABLE_DEFAULT, 31, net->table, err);
	if (r == 0 && config->cidr)
		r = cidr_parse(config->cidr, &net->cidr, err);
	if (r == 0 && config->cluster_cidr)
		r = cidr_parse(config->cluster_cidr, &net->cluster, err);
	if (r < 0)
		return r;
	if (config->cidr && (net->cidr.prefix < IPAM_PREFIX_MIN || net->cidr.prefix > IPAM_PREFIX_MAX))
		return error_set(err, -EINVAL, "pod network %s: its prefix must be from /%d to /%d", config->cidr,
				 IPAM_PREFIX_MIN, IPAM_PREFIX_MAX);
	if (config->mtu && (config->mtu < MTU_MIN || config->mtu > MTU_MAX))
		return error_set(err, -EINVAL, "MTU %u is not from %d to %d", config->mtu, MTU_MIN, MTU_MAX);
	if (config->nft_helper) {
		net->nft_helper = strdup(config->nft_helper);
		if (!net->nft_helper)
			return error_errno(err, -ENOMEM, "pod network");
	}
	return 0;
}

/* Deletes the bridge and its ports. */
static int delete_bridge(struct net *net, struct rtnl *rtnl, struct error *err)
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

/*
 * Looks at a link that has the bridge's name. Sets net->index if it is to be kept, leaves it 0 if there is none (any
 * more). What the alias remembers of ip_forward is taken over in both cases.
 */
static int find_bridge(struct net *net, const struct net_config *config, struct rtnl *rtnl, struct error *err)
{
	struct rtnl_batch b;
	struct rtnl_result results[RTNL_BATCH_MAX];
	struct link link = { 0 };
	struct cidr cidr;
	size_t ports = 0;
	int r;

	rtnl_batch_init(&b);
	link_put_get(&b, 0, net->bridge);
	r = rtnl_run(rtnl, &b, results, net_keep_link, &link);
	if (r < 0)
		return error_errno(err, r, "look for %s", net->bridge);
	if (!link.index)
		return 0;
	if (strcmp(link.kind, "bridge") != 0 || !net_bridge_alias_read(link.alias, &cidr, &net->old_forward))
		return error_set(err, -EEXIST, "a link named %s exists and is not podfs's; give another bridge name, "
				 "or delete it (ip link delete %s)", net->bridge, net->bridge);
	net->index = link.index;
	r = delete_nameless_ports(net, rtnl, &ports, err);
	if (r < 0)
		return r;
	if (config->adopt && (!config->cidr || (cidr.net == net->cidr.net && cidr.prefix == net->cidr.prefix))) {
		net->cidr = cidr;
		net->mtu = link.mtu;
		return 0;
	}
	if (config->adopt && ports) {
		char have[CIDR_TEXT_MAX];

		return error_set(err, -EBUSY, "%s serves %zu pods in %s: the network can be changed only when no pod "
				 "is left", net->bridge, ports, cidr_text(cidr, have));
	}
	r = delete_bridge(net, rtnl, err);
	net->index = 0;
	return r;
}

/* Picks the network, or checks the one that was asked for, and the MTU. */
static int choose(struct net *net, const struct net_config *config, struct rtnl *rtnl, struct error *err)
{
	_cleanup_free_ struct net_route *routes = NULL;
	const struct net_route *route;
	char want[CIDR_TEXT_MAX], have[CIDR_TEXT_MAX];
	struct link link = { 0 };
	size_t n = 0;
	int r = net_routes(rtnl, &routes, &n);

	if (r < 0)
		return error_errno(err, r, "read the host's routes");
	if (!config->cidr) {
		r = net_pick_cidr(routes, n, &net->cidr);
		if (r < 0)
			return error_set(err, r, "all of 10.244.0.0 to 10.255.255.0 is routed on this host: "
					 "configure a pod network");
	} else if ((route = net_route_within(routes, n, net->cidr))) {
		return error_set(err, -EADDRINUSE, "pod network %s: the host has a route to %s; configure another one",
				 cidr_text(net->cidr, want), cidr_text(route->dst, have));
	} else if ((route = net_route_around(routes, n, net->cidr))) {
		warn(net, "pod network %s takes addresses from %s, to which the host has a route",
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
	if (net->mtu < MTU_MIN || net->mtu > MTU_MAX)
		net->mtu = MTU_DEFAULT;
	return 0;
}

static int make_bridge(struct net *net, struct rtnl *rtnl, struct error *err)
{
	char alias[LINK_ALIAS_MAX];
	struct link link = { 0 };
	struct rtnl_batch b;
	uint8_t mac[6];
	int r;

	link_mac(net_gateway(net), mac);
	net_bridge_alias(net->cidr, net->old_forward, alias);
	rtnl_batch_init(&b);
	link_put_bridge(&b, net->bridge, mac, net->mtu);
	r = rtnl_run_all(rtnl, &b, NULL, NULL, err);
	if (r == 0) {
		/* The alias first and in a message of its own: by it the bridge is found to be podfs's. */
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

static void turn_on_forwarding(struct net *net)
{
	int now = 0, r = net_forward_get(&now);

	if (r == 0 && now)
		return;
	r = net_forward_set(1);
	if (r < 0)
		warn(net, "cannot turn on net.ipv4.ip_forward: %s; pods reach this node and each other only",
		     strerrordesc_np(-r));
}

/* Puts rules at the head of the host's shared forward chain when it drops by default, and tells of other chains. */
static void pass_host_firewall(struct net *net, const char *chains)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct nft_chain c;

	while (nft_next_dropping(&chains, &c)) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		_cleanup_free_ char *listing = NULL;
		int r;

		if (!nft_chain_is_shared(&c)) {
			warn(net, "the host's nft chain %s %s %s drops what it does not accept: let it accept iifname "
			     "and oifname \"%s\", or pods cannot reach beyond this node", c.family, c.table, c.chain,
			     net->bridge);
			continue;
		}
		r = nft_run(net->nft_helper, NFT_LIST_SHARED, &listing, &err);
		if (r == 0) {
			nft_put_accept_removal(&b, net->bridge, listing);
			nft_put_accept(&b, net->bridge);
			r = buf_failed(&b) ? error_errno(&err, -ENOMEM, "rules") :
					     nft_run(net->nft_helper, buf_str(&b), NULL, &err);
		}
		if (r < 0)
			warn(net, "the host's firewall drops what pods send beyond this node, and the rule that accepts "
			     "it was refused: %s", error_text(&err));
	}
}

static void install_rules(struct net *net)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *chains = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	int r;

	buf_puts(&b, NFT_LIST_CHAINS);
	nft_put_table(&b, net->table, net->bridge, net->cidr, net->cluster);
	r = buf_failed(&b) ? error_errno(&err, -ENOMEM, "nft rules") :
			     nft_run(net->nft_helper, buf_str(&b), &chains, &err);
	net->masquerade = r == 0;
	if (r < 0) {
		warn(net, "no masquerading (%s): what pods send beyond this node gets no answer unless it is routed "
		     "back here", error_text(&err));
		r = nft_run(net->nft_helper, NFT_LIST_CHAINS, &chains, NULL);
	}
	if (r == 0)
		pass_host_firewall(net, chains);
}

int net_open(const struct net_config *config, struct net **ret_net, struct error *err)
{
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	_cleanup_(net_freep) struct net *net = calloc(1, sizeof(*net));
	bool made = false;
	int r;

	if (!net)
		return error_errno(err, -ENOMEM, "pod network");
	(void)pthread_mutex_init(&net->lock, NULL); /* ignoring both: they cannot fail on Linux without attributes */
	(void)pthread_cond_init(&net->done, NULL);
	r = take_config(net, config, err);
	if (r == 0) {
		r = rtnl_open(&rtnl);
		if (r < 0)
			error_errno(err, r, "open a netlink socket");
	}
	if (r == 0 && net_forward_get(&net->old_forward) < 0)
		net->old_forward = -1;
	if (r == 0)
		r = find_bridge(net, config, &rtnl, err);
	if (r == 0 && !net->index) {
		r = choose(net, config, &rtnl, err);
		if (r == 0) {
			r = make_bridge(net, &rtnl, err);
			made = r == 0;
		}
	}
	if (r == 0) {
		net->ipv6 = net->mtu >= MTU_IPV6_MIN && access("/proc/net/if_inet6", F_OK) == 0;
		if (!config->cluster_cidr)
			net->cluster = net->cidr;
		r = set_up_bridge(net, &rtnl, err);
	}
	if (r < 0) {
		if (made)
			(void)delete_bridge(net, &rtnl, NULL); /* ignoring: the first failure is the one to tell */
		error_wrap(err, "pod network");
		return r;
	}
	turn_on_forwarding(net);
	install_rules(net);
	*ret_net = steal_ptr(net);
	return 0;
}

/*
 * Gives ip_forward its old value back. It stays on when another bridge that is up is there: whoever made it may rely
 * on what was on when it came. If that is another podfs's, the old value is handed on to its alias.
 */
static int restore_forwarding(struct net *net, struct rtnl *rtnl, struct error *err)
{
	_cleanup_free_ struct link *links = NULL;
	size_t n = 0;
	int r;

	if (net->old_forward != 0)
		return 0;
	r = net_links(rtnl, 0, &links, &n);
	if (r < 0)
		return error_errno(err, r, "list links");
	for (size_t i = 0; i < n; i++) {
		char alias[LINK_ALIAS_MAX];
		struct rtnl_batch b;
		struct cidr cidr;
		int old;

		if (strcmp(links[i].kind, "bridge") != 0 || !links[i].up)
			continue;
		if (!net_bridge_alias_read(links[i].alias, &cidr, &old))
			return 0;
		net_bridge_alias(cidr, net->old_forward, alias);
		rtnl_batch_init(&b);
		link_put_change(&b, &(struct link_change){ .index = links[i].index, .alias = alias });
		r = rtnl_run_all(rtnl, &b, NULL, NULL, err);
		return r < 0 ? NET_WRAP(r, err, "hand ip_forward's old value on to %s", links[i].name) : 0;
	}
	r = net_forward_set(net->old_forward);
	return r < 0 ? error_errno(err, r, "restore net.ipv4.ip_forward") : 0;
}

static int remove_rules(struct net *net, struct error *err)
{
	_cleanup_free_ char *listing = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;

	/* Most hosts have no such chain, and some kernels no nftables: then there is nothing of ours in it. */
	if (nft_run(net->nft_helper, NFT_LIST_SHARED, &listing, NULL) == 0)
		nft_put_accept_removal(&b, net->bridge, listing);
	if (net->masquerade)
		nft_put_table_removal(&b, net->table);
	if (buf_failed(&b))
		return error_errno(err, -ENOMEM, "remove the nft rules");
	return b.len ? nft_run(net->nft_helper, buf_str(&b), NULL, err) : 0;
}

int net_close(struct net *net, bool remove, struct error *err)
{
	_cleanup_(net_freep) struct net *owned = net;
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	int r, first;

	if (!net || !remove)
		return 0;
	first = rtnl_open(&rtnl);
	if (first < 0)
		return error_errno(err, first, "pod network: open a netlink socket");
	first = delete_bridge(net, &rtnl, err);
	r = remove_rules(net, first ? NULL : err);
	first = first ? first : r;
	r = restore_forwarding(net, &rtnl, first ? NULL : err);
	first = first ? first : r;
	if (first < 0)
		error_wrap(err, "pod network");
	return first;
}
