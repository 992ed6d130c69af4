/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's side of the pod network: opening and closing it.
 *
 * The bridge (bridge.c) is made first, with its alias, so that from then on a daemon that was killed finds what it must undo;
 * ip_forward and nftables follow, and are done again at each start, whatever was there.
 */
#include "net/net.h"

#include <string.h>
#include <unistd.h>

#include "net/internal.h"
#include "net/ipam.h"
#include "net/nft.h"

const char *net_warning(const struct net *net, size_t i)
{
	return i < net->n_warnings ? net->warnings[i] : NULL;
}

const char *net_bridge_name(const struct net *net)
{
	return net->bridge;
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
	net_ports_clear(net);
	(void)pthread_mutex_destroy(&net->lock);
	(void)pthread_cond_destroy(&net->done);
	close_fdp(&net->watch);
	free(net->nft_helper);
	free(net);
}
DEFINE_CLEANUP(struct net *, net_free);

/* Names go into nft commands and messages of fixed size: letters, digits, and what separates them. */
static int take_name(const char *what, const char *name, size_t max, char *ret_name, struct error *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	if (n == 0 || n > max || name[n] || name[0] == '.' || name[0] == '-')
		return error_set(err, -EINVAL, "%s \"%s\" is not a name of 1 to %zu letters, digits, _, . and -", what,
				 name, max);
	memcpy(ret_name, name, n + 1);
	return 0;
}

static int take_config(struct net *net, const struct net_config *config, struct error *err)
{
	const char *owner = config->owner ? config->owner : "-";
	int r = 0;

	if (net_key_is_good(owner) && strlen(owner) < sizeof(net->owner))
		(void)snprintf(net->owner, sizeof(net->owner), "%s", owner);
	else
		net_port_name(owner, net->owner); /* a hash stands for what an alias cannot hold */
	if (config->bridge)
		r = take_name("bridge", config->bridge, LINK_NAME_MAX - 1, net->bridge, err);
	if (r == 0 && config->table)
		r = take_name("nft table", config->table, NET_TABLE_MAX, net->table, err);
	if (r == 0 && net->table[0] >= '0' && net->table[0] <= '9')
		r = error_set(err, -EINVAL, "nft table \"%s\" begins with a digit", net->table);
	if (r == 0 && config->cidr)
		r = cidr_parse(config->cidr, &net->cidr, err);
	if (r == 0 && config->cluster_cidr)
		r = cidr_parse(config->cluster_cidr, &net->cluster, err);
	if (r < 0)
		return r;
	if (config->cidr && (net->cidr.prefix < IPAM_PREFIX_MIN || net->cidr.prefix > IPAM_PREFIX_MAX))
		return error_set(err, -EINVAL, "pod network %s: its prefix must be from /%d to /%d", config->cidr,
				 IPAM_PREFIX_MIN, IPAM_PREFIX_MAX);
	if (config->mtu && (config->mtu < NET_MTU_MIN || config->mtu > NET_MTU_MAX))
		return error_set(err, -EINVAL, "MTU %u is not from %d to %d", config->mtu, NET_MTU_MIN, NET_MTU_MAX);
	if (config->nft_helper) {
		net->nft_helper = strdup(config->nft_helper);
		if (!net->nft_helper)
			return error_errno(err, -ENOMEM, "pod network");
	}
	return 0;
}

static void turn_on_forwarding(struct net *net)
{
	int now = 0, r = net_forward_get(&now);

	if (r == 0 && now)
		return;
	r = net_forward_set(1);
	if (r < 0)
		net_warn(net, "cannot turn on net.ipv4.ip_forward: %s; pods reach this node and each other only",
		     strerrordesc_np(-r));
}

/* Tells of chains that drop and in which podfs puts nothing. firewalld's accept by policy and reject by a last rule. */
static void warn_of_chains(struct net *net, const char *chains)
{
	const char *p = chains;
	struct nft_chain c;

	while (nft_next_dropping(&p, &c))
		if (!nft_chain_is_shared(&c))
			net_warn(net, "the host's nft chain %s %s %s drops what it does not accept: let it accept iifname "
				 "and oifname \"%s\", or pods cannot reach beyond this node", c.family, c.table, c.chain,
				 net->bridge);
	if (strstr(chains, "table inet firewalld "))
		net_warn(net, "firewalld runs on this host and rejects what pods send beyond this node, unless %s is "
			 "trusted: firewall-cmd --permanent --zone=trusted --add-interface=%s", net->bridge, net->bridge);
}

static void install_rules(struct net *net)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *chains = NULL;
	int r = net_rules_install(net, &chains, &err);

	net->masquerade = r == 0;
	if (r < 0) {
		net_warn(net, "no masquerading (%s): what pods send beyond this node gets no answer unless it is routed "
			 "back here", error_text(&err));
		r = nft_run(net->nft_helper, NFT_LIST_CHAINS, &chains, NULL);
	}
	net_ports_found(net, r < 0 ? NULL : chains);
	if (r < 0)
		return;
	warn_of_chains(net, chains);
	r = net_rules_accept(net, &err);
	if (r < 0)
		net_warn(net, "the host's firewall drops what pods send beyond this node, and the rule that accepts it was "
			 "refused: %s", error_text(&err));
}

int net_open(const struct net_config *config, struct net **ret_net, struct error *err)
{
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	_cleanup_(net_freep) struct net *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return error_errno(err, -ENOMEM, "pod network");
	net->watch = -1;
	(void)pthread_mutex_init(&net->lock, NULL); /* ignoring both: they cannot fail on Linux without attributes */
	(void)pthread_cond_init(&net->done, NULL);
	(void)pthread_mutex_init(&net->ports_lock, NULL);
	r = take_config(net, config, err);
	if (r == 0) {
		r = rtnl_open(&rtnl);
		if (r < 0)
			error_errno(err, r, "open a netlink socket");
	}
	if (r == 0 && net_forward_get(&net->old_forward) < 0)
		net->old_forward = -1;
	if (r == 0)
		r = net_bridge_open(net, config, &rtnl, err);
	if (r < 0)
		return NET_WRAP(r, err, "pod network");
	if (!config->cluster_cidr)
		net->cluster = net->cidr;
	if (!net->table[0])
		(void)snprintf(net->table, sizeof(net->table), "%s%s",
			       strcmp(net->bridge, NET_BRIDGE_DEFAULT) == 0 ? NET_TABLE_DEFAULT : NET_TABLE_DEFAULT "_",
			       strcmp(net->bridge, NET_BRIDGE_DEFAULT) == 0 ? "" : net->bridge);
	(void)snprintf(net->ports_table, sizeof(net->ports_table), "%s_ports", net->table);
	turn_on_forwarding(net);
	net_watch_open(net);
	install_rules(net);
	*ret_net = steal_ptr(net);
	return 0;
}

/*
 * Gives ip_forward its old value back. It stays on when another bridge that is up is there: whoever made it may rely
 * on what was on when it came. If that is another podfs's, the old value is handed on to its alias.
 */
static int restore_forwarding(int old_forward, struct rtnl *rtnl, struct error *err)
{
	_cleanup_free_ struct link *links = NULL;
	size_t n = 0;
	int r;

	if (old_forward != 0)
		return 0;
	r = net_links(rtnl, 0, &links, &n);
	if (r < 0)
		return error_errno(err, r, "list links");
	for (size_t i = 0; i < n; i++) {
		char alias[LINK_ALIAS_MAX];
		struct rtnl_batch b;
		struct net_bridge other;

		if (strcmp(links[i].kind, "bridge") != 0 || !links[i].up)
			continue;
		if (!net_bridge_alias_read(links[i].alias, &other))
			return 0;
		other.old_forward = old_forward;
		net_bridge_alias(&other, alias);
		rtnl_batch_init(&b);
		link_put_change(&b, &(struct link_change){ .index = links[i].index, .alias = alias });
		r = rtnl_run_all(rtnl, &b, NULL, NULL, err);
		return r < 0 ? NET_WRAP(r, err, "hand ip_forward's old value on to %s", links[i].name) : 0;
	}
	r = net_forward_set(old_forward);
	return r < 0 ? error_errno(err, r, "restore net.ipv4.ip_forward") : 0;
}

int net_close(struct net *net, bool remove, struct error *err)
{
	_cleanup_(net_freep) struct net *owned = net;
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	int r, first, old_forward;

	if (!net || !remove)
		return 0;
	first = rtnl_open(&rtnl);
	if (first < 0)
		return error_errno(err, first, "pod network: open a netlink socket");
	old_forward = net_bridge_old_forward(net, &rtnl);
	first = net_bridge_delete(net, &rtnl, err);
	r = net_rules_remove(net, first ? NULL : err);
	first = first ? first : r;
	r = restore_forwarding(old_forward, &rtnl, first ? NULL : err);
	first = first ? first : r;
	if (first < 0)
		error_wrap(err, "pod network");
	return first;
}
