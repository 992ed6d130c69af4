/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod network's nft rules: put in, put back, taken out.
 *
 * Others remove them without meaning to: Debian's `systemctl restart nftables` flushes the whole ruleset, `iptables
 * -F` and firewall managers their own tables. So the kernel's own notifications are read, and only what they say is
 * gone is put back. Podfs's own transactions are notified too: a table that is deleted and made again in one is there
 * afterwards, and the shared chain is changed only when a rule is missing in it, so that nothing goes round.
 */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "net/internal.h"
#include "net/nft.h"

int net_rules_install(struct net *net, char **ret_chains, struct error *err)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	buf_puts(&b, NFT_LIST_CHAINS);
	nft_put_table(&b, net->table, net->bridge, net->cidr, net->cluster);
	if (buf_failed(&b))
		return error_errno(err, -ENOMEM, "nft rules");
	return nft_run(net->nft_helper, buf_str(&b), ret_chains, err);
}

int net_rules_accept(struct net *net, struct error *err)
{
	_cleanup_free_ char *listing = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct nft_chain chain;
	const char *text;

	/* Most hosts have no such chain, and a listing is refused then. */
	if (nft_run(net->nft_helper, NFT_LIST_SHARED, &listing, NULL) < 0)
		return 0;
	text = listing;
	if (!nft_next_dropping(&text, &chain) || nft_put_accept_removal(&b, net->bridge, listing) == NFT_ACCEPT_RULES)
		return 0;
	nft_put_accept(&b, net->bridge);
	if (buf_failed(&b))
		return error_errno(err, -ENOMEM, "nft rules");
	return nft_run(net->nft_helper, buf_str(&b), NULL, err);
}

int net_rules_remove(struct net *net, struct error *err)
{
	_cleanup_free_ char *listing = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;

	/* Where the listing is refused there is no such chain or no nftables, and nothing of ours in it. */
	if (nft_run(net->nft_helper, NFT_LIST_SHARED, &listing, NULL) == 0)
		(void)nft_put_accept_removal(&b, net->bridge, listing); /* ignoring how many there are */
	if (net->masquerade)
		nft_put_table_removal(&b, net->table);
	if (net->ports_installed)
		nft_put_table_removal(&b, net->ports_table);
	if (buf_failed(&b))
		return error_errno(err, -ENOMEM, "remove the nft rules");
	return b.len ? nft_run(net->nft_helper, buf_str(&b), NULL, err) : 0;
}

void net_watch_open(struct net *net)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int group = NFNLGRP_NFTABLES;

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return; /* ignoring: without nftables, of which the transaction that follows tells, nothing is watched */
	net->watch = steal_fd(&fd);
}

int net_firewall_fd(const struct net *net)
{
	return net->watch;
}

static bool names(const struct nlmsghdr *msg, uint16_t type, const char *name)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, msg, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == type)
			return mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 &&
			       strcmp(mnl_attr_get_str(attr), name) == 0;
	return false;
}

void net_watch_read(struct net *net, const struct nlmsghdr *msg)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(msg);

	if (msg->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || mnl_nlmsg_get_payload_len(msg) < sizeof(*nfg) ||
	    nfg->nfgen_family != NFPROTO_IPV4)
		return;
	switch (msg->nlmsg_type & 0xff) {
	case NFT_MSG_NEWTABLE:
	case NFT_MSG_DELTABLE:
		if (names(msg, NFTA_TABLE_NAME, net->table))
			net->table_gone = (msg->nlmsg_type & 0xff) == NFT_MSG_DELTABLE;
		if (names(msg, NFTA_TABLE_NAME, net->ports_table))
			net->ports_gone = (msg->nlmsg_type & 0xff) == NFT_MSG_DELTABLE;
		break;
	case NFT_MSG_NEWCHAIN: /* a policy is changed by the same message */
		if (names(msg, NFTA_CHAIN_TABLE, "filter") && names(msg, NFTA_CHAIN_NAME, "FORWARD"))
			net->shared_touched = true;
		break;
	case NFT_MSG_DELRULE:
		if (names(msg, NFTA_RULE_TABLE, "filter") && names(msg, NFTA_RULE_CHAIN, "FORWARD"))
			net->shared_touched = true;
		break;
	default:
		break;
	}
}

static int read_watch(struct net *net)
{
	for (;;) {
		_Alignas(NLMSG_ALIGNTO) char buf[16384];
		const struct nlmsghdr *msg = (const struct nlmsghdr *)(const void *)buf;
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(net->watch, buf, sizeof(buf), 0, (struct sockaddr *)&from, &from_len);
		int len;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) { /* some were lost: look at everything */
			net->table_gone = net->ports_gone = net->shared_touched = true;
			continue;
		}
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (from.nl_pid != 0)
			continue;
		for (len = (int)n; mnl_nlmsg_ok(msg, len); msg = mnl_nlmsg_next(msg, &len))
			net_watch_read(net, msg);
	}
}

int net_firewall_check(struct net *net, struct error *err)
{
	int r;

	if (net->watch < 0)
		return 0;
	r = read_watch(net);
	if (r < 0)
		return error_errno(err, r, "pod network: read nftables' notifications");
	if (net->table_gone && net->masquerade) {
		r = net_rules_install(net, NULL, err);
		if (r < 0)
			return NET_WRAP(r, err, "pod network: put the nft table %s back", net->table);
	}
	net->table_gone = false;
	if (net->ports_gone) {
		r = net_ports_put_back(net, err);
		if (r < 0)
			return NET_WRAP(r, err, "pod network: put the nft table %s back", net->ports_table);
	}
	net->ports_gone = false;
	if (net->shared_touched) {
		r = net_rules_accept(net, err);
		if (r < 0)
			return NET_WRAP(r, err, "pod network: put the rules for %s back", net->bridge);
	}
	net->shared_touched = false;
	return 0;
}
