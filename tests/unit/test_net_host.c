/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pod network does to its host, and what it leaves alone: bridges, routes, firewalls, ip_forward. Each test
 * plays the host in a network namespace of its own. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "nethost.h"

static void bad_configurations_are_refused_and_leave_nothing(void **state)
{
	static const struct {
		struct net_config config;
		const char *text;
	} cases[] = {
		{ { .bridge = "" }, "bridge \"\"" },
		{ { .bridge = "a-name-too-long-" }, "1 to 15" },
		{ { .bridge = "a b" }, "bridge \"a b\"" },
		{ { .table = "0" }, "begins with a digit" },
		{ { .bridge = ".." }, "bridge \"..\"" },
		{ { .table = "x; flush ruleset" }, "nft table" },
		{ { .cidr = "10.0.0.0" }, "not an IPv4 network" },
		{ { .cidr = "10.0.0.0/8" }, "/16 to /30" },
		{ { .cidr = "10.0.0.0/31" }, "/16 to /30" },
		{ { .cidr = "10.0.0.9/24" }, "did you mean 10.0.0.0/24" },
		{ { .cluster_cidr = "nonsense" }, "nonsense" },
		{ { .mtu = 60 }, "MTU 60" },
		{ { .mtu = 70000 }, "MTU 70000" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		struct net *net = NULL;

		assert_int_equal(net_open(&cases[i].config, &net, &err), -EINVAL);
		assert_null(net);
		if (!strstr(error_text(&err), cases[i].text))
			fail_msg("\"%s\" is not in \"%s\"", cases[i].text, error_text(&err));
	}
	assert_nothing_left();
}

static void a_bridge_that_is_not_ours_is_left_alone(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net_config config = { .nft_helper = helper, .adopt = true, .bridge = "podfs0" };
	struct net *net = NULL;

	foreign_bridge("podfs0", 0xc0a84d01, 1500);
	assert_int_equal(net_open(&config, &net, &err), -EEXIST);
	assert_non_null(strstr(error_text(&err), "podfs0 exists and is not podfs's"));
	assert_int_not_equal(index_of("podfs0"), 0);
	assert_int_equal(forwarding(), 0);
	config.bridge = NULL;
	net = open_net(config);
	assert_string_equal(net_bridge_name(net), "podfs1");
	close_net(net, true);
	assert_int_equal(count_links(), 1);
}

static void each_owner_has_a_bridge_of_its_own(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net_config a = { .owner = "lmdb:/var/lib/a", .adopt = true, .nft_helper = helper };
	struct net_config b = { .owner = "a name with spaces", .adopt = true, .nft_helper = helper };
	struct net_config theirs = { .owner = "c", .bridge = "podfs0", .nft_helper = helper };
	struct net *net_a = open_net(a), *net_b = open_net(b), *net = NULL;
	_cleanup_close_ int pod = pod_ns();
	_cleanup_free_ char *tables = nft("list tables\n");

	assert_string_equal(net_bridge_name(net_a), "podfs0");
	assert_string_equal(net_bridge_name(net_b), "podfs1");
	assert_string_equal(tables, "table ip podfs\ntable ip podfs_podfs1\n");
	assert_int_not_equal(net_cidr(net_a).net, net_cidr(net_b).net);
	attach(net_b, pod, "uid", net_gateway(net_b) + 1);
	close_net(net_a, true);
	close_net(net_b, false);
	net_b = open_net(b);
	assert_string_equal(net_bridge_name(net_b), "podfs1");
	assert_int_equal(count_ports(net_b), 1);
	net_a = open_net(a);
	assert_int_equal(net_open(&theirs, &net, &err), -EEXIST);
	assert_non_null(strstr(error_text(&err), "belongs to another cluster (lmdb:/var/lib/a)"));
	close_net(net_a, true);
	close_net(net_b, true);
	assert_nothing_left();
}

struct starter {
	char owner[16];
	struct net *net;
};

static void *start_cluster(void *data)
{
	struct starter *s = data;
	struct net_config config = { .owner = s->owner, .adopt = true, .nft_helper = helper };

	(void)net_open(&config, &s->net, NULL);
	return NULL;
}

static void clusters_that_start_together_share_nothing(void **state)
{
	struct starter s[6] = { 0 };
	pthread_t threads[ARRAY_SIZE(s)];

	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		(void)snprintf(s[i].owner, sizeof(s[i].owner), "owner-%zu", i);
		assert_int_equal(pthread_create(&threads[i], NULL, start_cluster, &s[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		assert_non_null(s[i].net);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(net_bridge_name(s[i].net), net_bridge_name(s[k].net));
			assert_false(cidr_overlaps(net_cidr(s[i].net), net_cidr(s[k].net)));
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		close_net(s[i].net, true);
	assert_nothing_left();
}

static void networks_that_the_host_routes_are_kept_clear_of(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net_config taken = { .cidr = "10.244.0.0/24", .nft_helper = helper };
	struct net_config around = { .cidr = "10.244.0.128/26", .nft_helper = helper };
	struct net *net = NULL;

	foreign_bridge("docker0", 0x0af40001, 1500);
	assert_int_equal(net_open(&taken, &net, &err), -EADDRINUSE);
	assert_non_null(strstr(error_text(&err), "the host has a route to 10.244.0.0/24"));
	assert_int_equal(count_links(), 1);
	net = open_net((struct net_config){ 0 });
	assert_int_equal(net_cidr(net).net, 0x0af40100);
	close_net(net, true);
	net = open_net(around);
	assert_non_null(net_warning(net, 0));
	assert_non_null(strstr(net_warning(net, 0), "takes addresses from 10.244.0.0/24"));
	assert_null(net_warning(net, 1));
	close_net(net, true);
	assert_int_equal(count_links(), 1);
}

static void the_mtu_follows_the_default_route(void **state)
{
	struct rtnl_batch b;
	struct net *net;

	foreign_bridge("wan", 0xc0a84d01, 1400);
	rtnl_batch_init(&b);
	link_put_default_route(&b, index_of("wan"), 0xc0a84dfe);
	run_batch(&b);
	net = open_net((struct net_config){ 0 });
	assert_int_equal(net_mtu(net), 1400);
	close_net(net, true);
	net = open_net((struct net_config){ .mtu = 1280 });
	assert_int_equal(net_mtu(net), 1280);
	close_net(net, true);
	net = open_net((struct net_config){ .mtu = 576 }); /* too small for IPv6: the pod does without */
	_cleanup_close_ int pod = pod_ns(), here = ns_open(), listener = listen_in(pod);
	attach(net, pod, "uid", net_gateway(net) + 1);
	assert_int_equal(connect_from(here, net_gateway(net) + 1, NULL), 0);
	close_net(net, true);
}

static void what_leaves_the_node_is_masqueraded(void **state)
{
	_cleanup_close_ int out = outside(), pod = pod_ns(), listener = listen_in(out), fd = -1, peer = -1;
	struct net *net = open_net((struct net_config){ 0 });
	uint32_t from;

	assert_null(net_warning(net, 0));
	attach(net, pod, "uid", net_gateway(net) + 1);
	assert_int_equal(connect_from(pod, 0xcb007102, &fd), 0);
	peer = accept_from(listener, &from);
	assert_int_equal(from, 0xcb007101);
	close_net(net, true);
}

static void without_nftables_there_is_a_warning_and_pods_still_talk(void **state)
{
	struct net *net = open_net((struct net_config){ .nft_helper = "/nonexistent/podfs-nft" });
	_cleanup_close_ int pod = pod_ns(), here = ns_open(), listener = listen_in(pod);

	assert_non_null(net_warning(net, 0));
	assert_non_null(strstr(net_warning(net, 0), "no masquerading (run /nonexistent/podfs-nft: No such file"));
	assert_null(net_warning(net, 1));
	attach(net, pod, "uid", net_gateway(net) + 1);
	assert_int_equal(connect_from(here, net_gateway(net) + 1, NULL), 0);
	close_net(net, true);
	net = open_net((struct net_config){ .nft_helper = "/bin/false" });
	assert_non_null(strstr(net_warning(net, 0), "no masquerading (/bin/false failed"));
	close_net(net, true);
	assert_nothing_left();
}

static void a_firewall_that_drops_is_told_or_passed(void **state)
{
	_cleanup_close_ int out = outside(), pod = pod_ns(), listener = listen_in(out);
	_cleanup_free_ char *none = nft("table ip filter { chain FORWARD {\ntype filter hook forward priority filter;"
					" policy drop;\n}\n}\n");
	_cleanup_free_ char *before = nft("list ruleset\n"), *after = NULL, *more = NULL;
	struct net *net = open_net((struct net_config){ 0 });

	assert_null(net_warning(net, 0));
	attach(net, pod, "uid", net_gateway(net) + 1);
	assert_int_equal(connect_from(pod, 0xcb007102, NULL), 0);
	close_net(net, false);
	net = open_net((struct net_config){ .adopt = true }); /* does not pile the rules up */
	close_net(net, true);
	after = nft("list ruleset\n");
	assert_string_equal(after, before);
	more = nft("table inet mine { chain fwd_own {\ntype filter hook forward priority 10; policy drop;\n}\n}\n");
	net = open_net((struct net_config){ 0 });
	assert_non_null(net_warning(net, 0));
	assert_non_null(strstr(net_warning(net, 0), "inet mine fwd_own drops"));
	assert_null(net_warning(net, 1));
	close_net(net, true);
	free(nft("flush ruleset\ntable inet firewalld {\n}\n"));
	net = open_net((struct net_config){ 0 });
	assert_non_null(net_warning(net, 0));
	assert_non_null(strstr(net_warning(net, 0), "--add-interface=podfs0"));
	close_net(net, true);
}

static void check_firewall(struct net *net)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (net_firewall_check(net, &err) < 0)
		fail_msg("%s", error_text(&err));
}

static bool has_event(struct net *net)
{
	struct pollfd p = { .fd = net_firewall_fd(net), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void rules_that_others_remove_are_put_back(void **state)
{
	static const char drop[] = "table ip filter { chain FORWARD {\ntype filter hook forward priority filter;"
				   " policy drop;\n}\n}\n";
	_cleanup_close_ int out = outside(), pod = pod_ns(), listener = listen_in(out);
	struct net *net = open_net((struct net_config){ 0 });

	check_firewall(net);
	assert_false(has_event(net));
	attach(net, pod, "uid", net_gateway(net) + 1);
	free(nft("flush ruleset\n"));
	assert_int_equal(connect_from(pod, 0xcb007102, NULL), -ETIMEDOUT);
	assert_true(has_event(net));
	check_firewall(net);
	assert_int_equal(connect_from(pod, 0xcb007102, NULL), 0);
	free(nft(drop)); /* as Docker's start does */
	assert_true(has_event(net));
	check_firewall(net);
	assert_int_equal(connect_from(pod, 0xcb007102, NULL), 0);
	free(nft("flush chain ip filter FORWARD\n"));
	check_firewall(net);
	assert_int_equal(connect_from(pod, 0xcb007102, NULL), 0);
	/* What was put back is notified too, and leads to nothing more. */
	check_firewall(net);
	assert_false(has_event(net));
	/* Another's table is no concern of ours. */
	free(nft("table ip other {\n}\ndelete table ip other\n"));
	check_firewall(net);
	assert_false(has_event(net));
	close_net(net, true);
}

static void ip_forward_stays_on_for_another_bridge(void **state)
{
	struct net *one = open_net((struct net_config){ .bridge = "one0", .table = "one" });
	struct net *two = open_net((struct net_config){ .bridge = "two0", .table = "two" });

	assert_int_not_equal(net_cidr(one).net, net_cidr(two).net);
	close_net(one, true);
	assert_int_equal(forwarding(), 1);
	close_net(two, false);
	two = open_net((struct net_config){ .bridge = "two0", .table = "two", .adopt = true });
	close_net(two, true); /* was handed the old value */
	assert_nothing_left();

	one = open_net((struct net_config){ 0 });
	foreign_bridge("virbr0", 0xc0a84d01, 1500);
	close_net(one, true);
	assert_int_equal(forwarding(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bad_configurations_are_refused_and_leave_nothing, fresh_host),
		cmocka_unit_test_setup(a_bridge_that_is_not_ours_is_left_alone, fresh_host),
		cmocka_unit_test_setup(each_owner_has_a_bridge_of_its_own, fresh_host),
		cmocka_unit_test_setup(clusters_that_start_together_share_nothing, fresh_host),
		cmocka_unit_test_setup(networks_that_the_host_routes_are_kept_clear_of, fresh_host),
		cmocka_unit_test_setup(the_mtu_follows_the_default_route, fresh_host),
		cmocka_unit_test_setup(what_leaves_the_node_is_masqueraded, fresh_host),
		cmocka_unit_test_setup(without_nftables_there_is_a_warning_and_pods_still_talk, fresh_host),
		cmocka_unit_test_setup(a_firewall_that_drops_is_told_or_passed, fresh_host),
		cmocka_unit_test_setup(rules_that_others_remove_are_put_back, fresh_host),
		cmocka_unit_test_setup(ip_forward_stays_on_for_another_bridge, fresh_host),
	};

	return can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
