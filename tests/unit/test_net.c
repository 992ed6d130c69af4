/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods on the bridge, against the running kernel. Each test makes a network namespace of its own and plays the host in
 * it; pods are further namespaces. Needs root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "nethost.h"

static void pods_reach_each_other_at_once_and_nothing_is_left(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	uint32_t a = net_gateway(net) + 1, b = a + 1, from;
	_cleanup_close_ int pod_a = pod_ns(), pod_b = pod_ns(), here = ns_open();
	_cleanup_close_ int listen_a = listen_in(pod_a), listen_b = listen_in(pod_b), listen_host = listen_in(here);
	_cleanup_close_ int fd = -1, peer = -1;

	assert_null(net_warning(net, 0));
	assert_int_equal(net_cidr(net).net, 0x0af40000);
	assert_int_equal(net_cidr(net).prefix, 24);
	assert_int_equal(forwarding(), 1);
	attach(net, pod_a, "uid-a", a);
	assert_int_equal(connect_from(pod_a, net_gateway(net), NULL), 0);
	attach(net, pod_b, "uid-b", b);
	assert_int_equal(connect_from(pod_a, b, &fd), 0);
	peer = accept_from(listen_b, &from);
	assert_int_equal(from, a);
	assert_int_equal(connect_from(pod_b, a, NULL), 0);
	assert_int_equal(connect_from(pod_b, b, NULL), 0);
	assert_int_equal(connect_from(pod_b, INADDR_LOOPBACK, NULL), 0);
	assert_int_equal(connect_from(here, b, NULL), 0);
	assert_int_equal(count_ports(net), 2);
	detach(net, "uid-a");
	detach(net, "uid-a");
	detach(net, "never-was");
	assert_int_equal(count_ports(net), 1);
	assert_int_equal(connect_from(pod_a, b, NULL), -ENETUNREACH);
	assert_int_equal(connect_from(here, b, NULL), 0);
	close_net(net, true);
	assert_nothing_left();
}

static void a_restarted_daemon_keeps_what_it_finds(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	uint32_t a = net_gateway(net) + 1, from;
	_cleanup_close_ int pod = pod_ns(), here = ns_open(), listener = listen_in(pod);
	_cleanup_close_ int fd = -1, peer = -1;
	_cleanup_free_ struct net_port *ports = NULL;
	_cleanup_free_ char *table = NULL;
	struct cidr cidr = net_cidr(net);
	size_t n = 0;
	char c = 0;

	attach(net, pod, "0f2b-uid", a);
	assert_int_equal(connect_from(here, a, &fd), 0);
	peer = accept_from(listener, &from);
	close_net(net, false);
	net = open_net((struct net_config){ .adopt = true });
	assert_int_equal(net_cidr(net).net, cidr.net);
	assert_int_equal(net_list(net, &ports, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(ports[0].key, "0f2b-uid");
	assert_int_equal(ports[0].addr, a);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_true(wait_for(peer, POLLIN));
	assert_int_equal(read(peer, &c, 1), 1);
	table = nft("list table ip podfs\n");
	assert_non_null(strstr(table, "masquerade"));
	close_net(net, true);
	assert_nothing_left();
}

static void adopting_another_network_needs_an_empty_bridge(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_close_ int pod = pod_ns();
	struct net_config other = { .adopt = true, .cidr = "10.99.0.0/24", .nft_helper = helper };
	struct net *none = NULL;

	attach(net, pod, "uid", net_gateway(net) + 1);
	close_net(net, false);
	assert_int_equal(net_open(&other, &none, &err), -EBUSY);
	net = open_net((struct net_config){ .adopt = true });
	detach(net, "uid");
	close_net(net, false);
	net = open_net(other);
	assert_int_equal(net_cidr(net).net, 0x0a630000);
	close_net(net, true);
	assert_nothing_left();
}

static void without_adopt_leftovers_go_and_ip_forward_is_still_remembered(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	_cleanup_close_ int pod = pod_ns();

	attach(net, pod, "uid", net_gateway(net) + 1);
	close_net(net, false);
	net = open_net((struct net_config){ 0 });
	assert_int_equal(count_ports(net), 0);
	close_net(net, true);
	assert_nothing_left();
}

/* What a daemon that was killed within an attach leaves: a port without an alias. */
static void half_made_ports_go_at_the_next_start(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	_cleanup_close_ int pod = pod_ns();
	uint8_t mac[6] = { 2, 1, 1, 1, 1, 1 };
	struct rtnl_batch b;

	rtnl_batch_init(&b);
	link_put_veth(&b, "pfs00000000001", net->index, "eth0", pod, mac, 1500);
	run_batch(&b);
	close_net(net, false);
	net = open_net((struct net_config){ .adopt = true });
	assert_int_equal(index_of("pfs00000000001"), 0);
	close_net(net, true);
	assert_nothing_left();
}

static void a_second_attach_of_a_pod_replaces_the_first(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	_cleanup_close_ int old = pod_ns(), new = pod_ns(), here = ns_open(), listener = listen_in(new);

	attach(net, old, "uid", net_gateway(net) + 1);
	attach(net, new, "uid", net_gateway(net) + 2);
	assert_int_equal(count_ports(net), 1);
	assert_int_equal(connect_from(here, net_gateway(net) + 2, NULL), 0);
	close_net(net, true);
	assert_nothing_left();
}

static void names_that_serve_others_are_left_alone(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_close_ int pod = pod_ns();
	uint32_t a = net_gateway(net) + 1;
	char name[LINK_NAME_MAX];
	struct rtnl_batch b;

	/* As after a collision of hashes: the link that uid-b would have serves another pod. */
	attach(net, pod, "uid-a", a);
	net_port_name("uid-b", name);
	rtnl_batch_init(&b);
	net_port_name("uid-a", name);
	link_put_change(&b, &(struct link_change){ .name = name, .alias = "podfs pod uid-z 10.244.0.9" });
	run_batch(&b);
	assert_int_equal(net_attach(net, pod, "uid-a", a, &err), -EEXIST);
	assert_non_null(strstr(error_text(&err), "pod network: create veth pfs"));
	assert_non_null(strstr(error_text(&err), "uid-z"));
	detach(net, "uid-a");
	assert_int_equal(count_ports(net), 1);
	/* And a namespace that has an eth0 already. */
	assert_int_equal(net_attach(net, pod, "uid-c", a, &err), -EEXIST);
	assert_non_null(strstr(error_text(&err), "eth0 already"));
	assert_int_equal(count_links(), 2);
	close_net(net, true);
	assert_nothing_left();
}

static void bad_descriptors_keys_and_addresses_are_refused(void **state)
{
	static const char *const keys[] = { "", "a b", "tab\t", "\x7f", "ü" };
	struct net *net = open_net((struct net_config){ 0 });
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC), pod = pod_ns();
	_cleanup_close_ int uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	const uint32_t gw = net_gateway(net), addrs[] = { gw, gw - 1, gw + 254, gw + 256, 0 };
	char key[NET_KEY_MAX + 2];

	for (size_t i = 0; i < 3; i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		int r = net_attach(net, (const int[]){ null, uts, -1 }[i], "uid", gw + 1, &err);

		assert_int_equal(r, i == 2 ? -EBADF : -EINVAL);
		assert_non_null(strstr(error_text(&err), "pod network: enter the pod's network namespace"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(net_attach(net, pod, keys[i], gw + 1, NULL), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++)
		assert_int_equal(net_attach(net, pod, "uid", addrs[i], NULL), -EINVAL);
	memset(key, 'k', sizeof(key));
	key[NET_KEY_MAX + 1] = '\0';
	assert_int_equal(net_attach(net, pod, key, gw + 1, NULL), -EINVAL);
	assert_int_equal(count_links(), 1);
	key[NET_KEY_MAX] = '\0';
	attach(net, pod, key, gw + 1);
	assert_int_equal(count_ports(net), 1);
	detach(net, key);
	assert_int_equal(count_ports(net), 0);
	close_net(net, true);
	assert_nothing_left();
}

struct crowd {
	struct net *net;
	int ns[50];
	int failures;
	pthread_mutex_t lock;
	size_t next;
	bool attach;
};

static void *crowd_member(void *data)
{
	struct crowd *c = data;

	for (;;) {
		char key[32];
		size_t i;
		int r;

		(void)pthread_mutex_lock(&c->lock);
		i = c->next++;
		(void)pthread_mutex_unlock(&c->lock);
		if (i >= ARRAY_SIZE(c->ns))
			return NULL;
		(void)snprintf(key, sizeof(key), "uid-%zu", i);
		r = c->attach ? net_attach(c->net, c->ns[i], key, net_gateway(c->net) + 1 + (uint32_t)i, NULL) :
				net_detach(c->net, key, NULL);
		(void)pthread_mutex_lock(&c->lock);
		c->failures += r < 0;
		(void)pthread_mutex_unlock(&c->lock);
	}
}

static void run_crowd(struct crowd *c, bool attach_them)
{
	pthread_t threads[8];

	c->next = 0;
	c->attach = attach_them;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_member, c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(c->failures, 0);
}

static void fifty_pods_come_and_go_side_by_side(void **state)
{
	struct crowd c = { .net = open_net((struct net_config){ 0 }), .lock = PTHREAD_MUTEX_INITIALIZER };
	_cleanup_close_ int listener = -1;
	const char *keys[50];
	char text[50][16];

	for (size_t i = 0; i < ARRAY_SIZE(c.ns); i++)
		c.ns[i] = pod_ns();
	listener = listen_in(c.ns[49]);
	for (int round = 0; round < 2; round++) {
		run_crowd(&c, true);
		assert_int_equal(count_ports(c.net), 50);
		for (size_t i = 0; i < 49; i++)
			assert_int_equal(connect_from(c.ns[i], net_gateway(c.net) + 50, NULL), 0);
		run_crowd(&c, false);
		assert_int_equal(count_ports(c.net), 0);
		assert_int_equal(count_links(), 1);
	}
	run_crowd(&c, true);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		(void)snprintf(text[i], sizeof(text[i]), "uid-%zu", i);
		keys[i] = text[i];
	}
	assert_int_equal(net_detach_many(c.net, keys, ARRAY_SIZE(keys), NULL), 0);
	assert_int_equal(count_links(), 1);
	run_crowd(&c, true);
	close_net(c.net, true);
	for (size_t i = 0; i < ARRAY_SIZE(c.ns); i++)
		close(c.ns[i]);
	assert_nothing_left();
}

static void a_bridge_that_is_gone_is_told(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net *net = open_net((struct net_config){ 0 });
	_cleanup_close_ int pod = pod_ns();
	struct rtnl_batch b;

	rtnl_batch_init(&b);
	link_put_delete(&b, net->index, 0);
	run_batch(&b);
	assert_true(net_attach(net, pod, "uid", net_gateway(net) + 1, &err) < 0);
	assert_non_null(strstr(error_text(&err), "on podfs0"));
	assert_int_equal(count_links(), 0);
	close_net(net, true);
	assert_nothing_left();
}

static void publish(struct net *net, const char *key, uint32_t host, uint32_t addr)
{
	const struct net_host_port port = { .host = host, .addr = addr, .host_port = 4711, .port = 4711, .protocol = IPPROTO_TCP };

	assert_int_equal(net_publish(net, key, &port, 1), 0);
	assert_int_equal(net_publish_apply(net, NULL), 0);
}

static void unpublish(struct net *net, const char *key)
{
	assert_int_equal(net_publish(net, key, NULL, 0), 0);
	assert_int_equal(net_publish_apply(net, NULL), 0);
}

/* As on a host, unlike in a new namespace. */
static void bring_lo_up(void)
{
	struct rtnl_batch b;

	rtnl_batch_init(&b);
	link_put_change(&b, &(struct link_change){ .name = "lo", .up = true });
	run_batch(&b);
}

static void assert_no_tables(void)
{
	_cleanup_free_ char *tables = nft("list tables\n");

	assert_string_equal(tables, "");
}

static void host_ports_lead_to_pods(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	uint32_t a = net_gateway(net) + 1, b = a + 1, host = 0xcb007101, from; /* 203.0.113.1 */
	_cleanup_close_ int pod_a = pod_ns(), pod_b = pod_ns(), here = ns_open(), beyond = outside();
	_cleanup_close_ int listener = listen_in(pod_a), fd = -1, peer = -1;

	bring_lo_up();
	attach(net, pod_a, "uid-a", a);
	attach(net, pod_b, "uid-b", b);
	assert_int_equal(connect_from(beyond, host, NULL), -ECONNREFUSED);
	publish(net, "uid-a", 0, a);
	assert_int_equal(connect_from(beyond, host, &fd), 0);
	peer = accept_from(listener, &from);
	assert_int_equal(from, 0xcb007102); /* the pod sees who it is */
	assert_int_equal(connect_from(here, host, NULL), 0);
	assert_int_equal(connect_from(here, INADDR_LOOPBACK, NULL), 0);
	assert_int_equal(connect_from(pod_b, host, NULL), 0);
	assert_int_equal(connect_from(pod_a, host, NULL), 0);
	assert_int_equal(connect_from(pod_b, net_gateway(net), NULL), 0);
	publish(net, "uid-a", INADDR_LOOPBACK, a);
	assert_int_equal(connect_from(here, INADDR_LOOPBACK, NULL), 0);
	assert_int_equal(connect_from(beyond, host, NULL), -ECONNREFUSED);
	publish(net, "uid-a", host, a);
	assert_int_equal(connect_from(beyond, host, NULL), 0);
	assert_int_equal(connect_from(here, INADDR_LOOPBACK, NULL), -ECONNREFUSED);
	publish(net, "uid-b", 0, b); /* the first has it */
	assert_int_equal(connect_from(beyond, host, NULL), 0);
	unpublish(net, "uid-b");
	unpublish(net, "uid-a");
	assert_int_equal(connect_from(beyond, host, NULL), -ECONNREFUSED);
	close_net(net, true);
	assert_no_tables();
}

static void host_ports_outlive_the_daemon_and_a_flush(void **state)
{
	struct net *net = open_net((struct net_config){ 0 });
	uint32_t a = net_gateway(net) + 1, host = 0xcb007101;
	_cleanup_close_ int pod = pod_ns(), beyond = outside(), listener = listen_in(pod);

	attach(net, pod, "uid", a);
	publish(net, "uid", 0, a);
	close_net(net, false);
	assert_int_equal(connect_from(beyond, host, NULL), 0);
	net = open_net((struct net_config){ .adopt = true });
	assert_int_equal(connect_from(beyond, host, NULL), 0); /* not yet told */
	publish(net, "uid", 0, a);
	assert_int_equal(connect_from(beyond, host, NULL), 0);
	free(nft("flush ruleset\n"));
	assert_int_equal(connect_from(beyond, host, NULL), -ECONNREFUSED);
	assert_true(wait_for(net_firewall_fd(net), POLLIN));
	assert_int_equal(net_firewall_check(net, NULL), 0);
	assert_int_equal(connect_from(beyond, host, NULL), 0);
	close_net(net, false);
	net = open_net((struct net_config){ .adopt = true });
	assert_int_equal(net_publish_apply(net, NULL), 0); /* the pod has gone meanwhile */
	assert_int_equal(connect_from(beyond, host, NULL), -ECONNREFUSED);
	close_net(net, true);
	assert_no_tables();
}

static void set_bridge(struct net *net, bool up)
{
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	struct rtnl_batch b;

	rtnl_batch_init(&b);
	link_put_change(&b, &(struct link_change){ .index = net->index, .up = up, .down = !up });
	if (rtnl_open(&rtnl) < 0 || rtnl_run_all(&rtnl, &b, NULL, NULL, NULL) < 0)
		abort();
}

static void *bring_bridge_up(void *data)
{
	char name[LINK_NAME_MAX];

	net_port_name("late", name);
	while (!index_of(name))
		(void)sched_yield();
	set_bridge(data, true);
	return NULL;
}

/* As on kernels that settle a carrier in their own time: the port's notification is awaited. */
static void a_port_that_does_not_forward_is_waited_for(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net *net = open_net((struct net_config){ 0 });
	_cleanup_close_ int pod = pod_ns(), late = pod_ns(), here = ns_open(), listener = listen_in(late);
	pthread_t thread;

	set_bridge(net, false);
	assert_int_equal(net_attach(net, pod, "uid", net_gateway(net) + 1, &err), -ETIMEDOUT);
	assert_non_null(strstr(error_text(&err), "is the bridge up?"));
	assert_int_equal(count_ports(net), 0);
	assert_int_equal(pthread_create(&thread, NULL, bring_bridge_up, net), 0);
	attach(net, late, "late", net_gateway(net) + 2);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(connect_from(here, net_gateway(net) + 2, NULL), 0);
	close_net(net, true);
	assert_nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pods_reach_each_other_at_once_and_nothing_is_left, fresh_host),
		cmocka_unit_test_setup(a_restarted_daemon_keeps_what_it_finds, fresh_host),
		cmocka_unit_test_setup(adopting_another_network_needs_an_empty_bridge, fresh_host),
		cmocka_unit_test_setup(without_adopt_leftovers_go_and_ip_forward_is_still_remembered, fresh_host),
		cmocka_unit_test_setup(half_made_ports_go_at_the_next_start, fresh_host),
		cmocka_unit_test_setup(a_second_attach_of_a_pod_replaces_the_first, fresh_host),
		cmocka_unit_test_setup(names_that_serve_others_are_left_alone, fresh_host),
		cmocka_unit_test_setup(bad_descriptors_keys_and_addresses_are_refused, fresh_host),
		cmocka_unit_test_setup(fifty_pods_come_and_go_side_by_side, fresh_host),
		cmocka_unit_test_setup(a_bridge_that_is_gone_is_told, fresh_host),
		cmocka_unit_test_setup(host_ports_lead_to_pods, fresh_host),
		cmocka_unit_test_setup(host_ports_outlive_the_daemon_and_a_flush, fresh_host),
		cmocka_unit_test_setup(a_port_that_does_not_forward_is_waited_for, fresh_host),
	};

	return can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
