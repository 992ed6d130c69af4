/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the pod network that only decide: names, aliases, choice of a network, messages, nft text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/if_link.h>
#include <net/if.h>
#include <string.h>

#include "net/internal.h"
#include "net/nft.h"

static struct cidr net_of(const char *text)
{
	struct cidr c = { 0, 0 };

	assert_int_equal(cidr_parse(text, &c, NULL), 0);
	return c;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void port_names_are_stable_short_and_distinct(void **state)
{
	static char names[20000][LINK_NAME_MAX];

	/* Never to change: a daemon of a newer version must find the links of an older one. */
	net_port_name("c0ffee00-0000-4000-8000-000000000001", names[0]);
	assert_string_equal(names[0], "pfse262be85325");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char uid[64];

		(void)snprintf(uid, sizeof(uid), "c0ffee00-0000-4000-8000-%012zu", i);
		net_port_name(uid, names[i]);
		assert_int_equal(strlen(names[i]), 14);
	}
	qsort(names, ARRAY_SIZE(names), sizeof(names[0]), compare_names);
	for (size_t i = 1; i < ARRAY_SIZE(names); i++)
		assert_string_not_equal(names[i - 1], names[i]);
}

static void aliases_go_there_and_back(void **state)
{
	struct net_bridge bridge = { .cidr = net_of("10.244.3.0/24"), .old_forward = 0, .owner = "lmdb:/var/lib/x" };
	struct net_bridge back = { 0 };
	struct net_port port = { 0 };
	char alias[LINK_ALIAS_MAX];

	for (int forward = -1; forward <= 1; forward++) {
		bridge.old_forward = forward;
		net_bridge_alias(&bridge, alias);
		assert_true(net_bridge_alias_read(alias, &back));
		assert_int_equal(back.cidr.net, bridge.cidr.net);
		assert_int_equal(back.cidr.prefix, 24);
		assert_int_equal(back.old_forward, forward);
		assert_string_equal(back.owner, bridge.owner);
	}
	net_port_alias("uid-1", 0x0af40305, alias);
	assert_string_equal(alias, "podfs pod uid-1 10.244.3.5");
	assert_true(net_port_alias_read(alias, &port));
	assert_string_equal(port.key, "uid-1");
	assert_int_equal(port.addr, 0x0af40305);
	memset(port.key, 'k', NET_KEY_MAX);
	port.key[NET_KEY_MAX] = '\0';
	net_port_alias(port.key, 0xffffffff, alias);
	assert_true(net_port_alias_read(alias, &port));
	assert_int_equal(strlen(port.key), NET_KEY_MAX);
}

static void aliases_of_others_are_not_ours(void **state)
{
	static const char *const bad[] = {
		"", "podfs", "podfs pod", "podfs pod x", "podfs pod x 10.0.0.256", "podfs pod x 10.0.0.1 y",
		"podfs bridge", "podfs bridge 10.0.0.0/24", "podfs bridge 10.0.0.0/24 ip_forward=0",
		"podfs bridge 10.0.0.1/24 ip_forward=0 x", "podfs bridge 10.0.0.0/31 ip_forward=0 x",
		"podfs bridge 10.0.0.0/24 forward=0 x", "podfs bridge 10.0.0.0/24 ip_forward=0 x y",
		"docker bridge 10.0.0.0/24 ip_forward=0 x", "  ",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct net_bridge bridge;
		struct net_port port;

		if (net_bridge_alias_read(bad[i], &bridge) || net_port_alias_read(bad[i], &port))
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void a_network_free_of_routes_is_picked(void **state)
{
	struct net_route routes[] = {
		{ { 0, 0 }, 2, 100 },
		{ net_of("10.244.0.0/23"), 3, 0 },
		{ net_of("10.244.2.128/25"), 3, 0 },
		{ net_of("192.0.2.0/24"), 2, 0 },
		{ { 0, 0 }, 4, 50 },
	};
	struct net_route all[] = { { net_of("10.0.0.0/8"), 5, 0 } };
	struct cidr c = { 0, 0 };

	assert_int_equal(net_pick_cidr(NULL, 0, &c), 0);
	assert_int_equal(c.net, 0x0af40000);
	assert_int_equal(net_pick_cidr(routes, ARRAY_SIZE(routes), &c), 0);
	assert_int_equal(c.net, 0x0af40300);
	assert_int_equal(c.prefix, 24);
	assert_int_equal(net_pick_cidr(all, 1, &c), -EADDRNOTAVAIL);
	assert_int_equal(net_default_oif(routes, ARRAY_SIZE(routes)), 4);
	assert_int_equal(net_default_oif(all, 1), 0);
	assert_ptr_equal(net_route_within(routes, ARRAY_SIZE(routes), net_of("10.244.2.0/24")), &routes[2]);
	assert_ptr_equal(net_route_within(routes, ARRAY_SIZE(routes), net_of("10.244.0.0/23")), &routes[1]);
	assert_null(net_route_within(routes, ARRAY_SIZE(routes), net_of("10.244.0.0/24")));
	assert_ptr_equal(net_route_around(routes, ARRAY_SIZE(routes), net_of("10.244.0.0/24")), &routes[1]);
	assert_null(net_route_around(routes, ARRAY_SIZE(routes), net_of("10.244.0.0/23")));
	assert_null(net_route_around(routes, ARRAY_SIZE(routes), net_of("172.16.0.0/24")));
}

static void macs_stand_for_addresses(void **state)
{
	static const uint8_t want[6] = { 0x0a, 0x58, 10, 244, 3, 5 }, other[6] = { 2, 0x58, 10, 244, 3, 5 };
	uint8_t mac[6];

	link_mac(0x0af40305, mac);
	assert_memory_equal(mac, want, sizeof(mac));
	assert_int_equal(link_mac_addr(mac), 0x0af40305);
	assert_int_equal(link_mac_addr(other), 0);
}

/* The longest of each message, so that a full batch is seen to fit. */
static void the_longest_messages_fit_a_batch(void **state)
{
	static struct rtnl_batch b;
	char alias[LINK_ALIAS_MAX];
	const uint8_t mac[6] = { 0 };

	memset(alias, 'a', sizeof(alias) - 1);
	alias[sizeof(alias) - 1] = '\0';
	rtnl_batch_init(&b);
	for (int i = 0; i < RTNL_BATCH_MAX; i++) {
		struct link_change change = { .name = "fifteen-bytes-x", .alias = alias, .up = true,
					      .no_ipv6_addr = true, .hairpin = true, .group = 1 };

		link_put_change(&b, &change);
		assert_true(b.msg[i]->nlmsg_len <= RTNL_MESSAGE_MAX);
	}
	rtnl_batch_init(&b);
	link_put_veth(&b, "fifteen-bytes-x", 1, "fifteen-bytes-y", 1000000, mac, 65535);
	link_put_bridge(&b, "fifteen-bytes-x", mac, 65535);
	link_put_addr(&b, 1, 1, 32);
	link_put_default_route(&b, 1, 1);
	link_put_get(&b, 0, "fifteen-bytes-x");
	link_put_delete(&b, 0, 1);
	for (size_t i = 0; i < b.n; i++)
		assert_true(b.msg[i]->nlmsg_len <= RTNL_MESSAGE_MAX);
}

static void links_are_read_and_broken_messages_refused(void **state)
{
	static struct rtnl_batch b;
	struct link link = { .index = 99 };
	struct ifinfomsg *info;
	struct nlmsghdr *msg;
	struct nlattr *outer;
	char longer[64];

	memset(longer, 'n', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	rtnl_batch_init(&b);
	msg = rtnl_batch_add(&b, RTM_NEWLINK, 0, sizeof(*info), &info);
	assert_int_equal(link_read(msg, &link), -EBADMSG); /* index 0 */
	assert_int_equal(link.index, 99);
	info->ifi_index = 7;
	info->ifi_flags = IFF_UP;
	mnl_attr_put_strz(msg, IFLA_IFNAME, longer); /* cut, not overrun */
	mnl_attr_put_u16(msg, IFLA_MTU, 1400);	     /* of the wrong size: not taken */
	mnl_attr_put_u32(msg, IFLA_MASTER, 3);
	mnl_attr_put(msg, IFLA_IFALIAS, 3, "abc"); /* no NUL: not taken */
	outer = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "veth");
	mnl_attr_nest_end(msg, outer);
	assert_int_equal(link_read(msg, &link), 0);
	assert_int_equal(link.index, 7);
	assert_true(link.up);
	assert_false(link.live);
	assert_int_equal(strlen(link.name), LINK_NAME_MAX - 1);
	assert_int_equal(link.mtu, 0);
	assert_int_equal(link.master, 3);
	assert_string_equal(link.alias, "");
	assert_string_equal(link.kind, "veth");
	assert_int_equal(link.port_state, -1);
	msg->nlmsg_len = MNL_NLMSG_HDRLEN + 4;
	assert_int_equal(link_read(msg, &link), -EBADMSG);
	msg->nlmsg_type = RTM_DELLINK;
	assert_int_equal(link_read(msg, &link), -EBADMSG);
}

static void the_table_is_replaced_in_one_transaction(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	nft_put_table(&b, "podfs", "podfs0", net_of("10.244.3.0/24"), net_of("10.244.0.0/16"));
	assert_string_equal(buf_str(&b), "add table ip podfs\n"
					 "delete table ip podfs\n"
					 "table ip podfs {\n"
					 "\tchain postrouting {\n"
					 "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
					 "\t\tip saddr 10.244.3.0/24 oifname != \"podfs0\" ip daddr != "
					 "{ 10.244.0.0/16, 224.0.0.0/4 } masquerade fully-random\n"
					 "\t}\n"
					 "}\n");
}

static void chains_that_drop_are_found(void **state)
{
	const char *text = "table ip filter { # handle 1\n"
			   "\tchain INPUT { # handle 1\n"
			   "\t\ttype filter hook input priority filter; policy drop;\n"
			   "\t}\n"
			   "\tchain FORWARD { # handle 2\n"
			   "\t\ttype filter hook forward priority filter; policy drop;\n"
			   "\t}\n"
			   "}\n"
			   "table ip6 filter {\n\tchain FORWARD {\n"
			   "\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n"
			   "table inet fw {\n\tchain plain {\n\t}\n\tchain fwd {\n"
			   "\t\ttype filter hook forward priority 0; policy accept;\n\t}\n"
			   "\tchain own_fwd {\n\t\ttype filter hook forward priority 10; policy drop;\n\t}\n}\n"
			   "table";
	struct nft_chain c;

	assert_true(nft_next_dropping(&text, &c));
	assert_string_equal(c.family, "ip");
	assert_string_equal(c.table, "filter");
	assert_string_equal(c.chain, "FORWARD");
	assert_true(nft_chain_is_shared(&c));
	assert_true(nft_next_dropping(&text, &c));
	assert_string_equal(c.family, "inet");
	assert_string_equal(c.table, "fw");
	assert_string_equal(c.chain, "own_fwd");
	assert_false(nft_chain_is_shared(&c));
	assert_false(nft_next_dropping(&text, &c));
	assert_string_equal(text, "");
}

static void only_this_bridges_rules_are_removed(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	size_t n = nft_put_accept_removal(&b, "podfs0",
			       "iifname \"podfs0\" counter accept comment \"podfs podfs0\" # handle 4\n"
			       "iifname \"podfs00\" counter accept comment \"podfs podfs00\" # handle 5\n"
			       "iifname \"eth0\" accept # handle 6\n"
			       "oifname \"podfs0\" accept comment \"podfs podfs0\" # handle 7\n"
			       "oifname \"podfs0\" accept comment \"podfs podfs0\" # handle x8\n"
			       "oifname \"podfs0\" accept comment \"podfs podfs0\" # handle ");

	assert_int_equal(n, 2);
	assert_string_equal(buf_str(&b), "delete rule ip filter FORWARD handle 4\n"
					 "delete rule ip filter FORWARD handle 7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_names_are_stable_short_and_distinct),
		cmocka_unit_test(aliases_go_there_and_back),
		cmocka_unit_test(aliases_of_others_are_not_ours),
		cmocka_unit_test(a_network_free_of_routes_is_picked),
		cmocka_unit_test(macs_stand_for_addresses),
		cmocka_unit_test(the_longest_messages_fit_a_batch),
		cmocka_unit_test(links_are_read_and_broken_messages_refused),
		cmocka_unit_test(the_table_is_replaced_in_one_transaction),
		cmocka_unit_test(chains_that_drop_are_found),
		cmocka_unit_test(only_this_bridges_rules_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
