/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pod network against the running kernel. Each test makes a network namespace of its own and plays the host in
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
#include <sys/socket.h>

#include "base/clock.h"
#include "net/internal.h"
#include "net/ipam.h"
#include "net/nft.h"

#define PORT 4711
/* A lost SYN is sent again after a second: less than that shows that the first one went through. */
#define CONNECT_MS 900

static char helper[4096];

static int ns_open(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int fresh_host(void **state)
{
	return unshare(CLONE_NEWNET);
}

/* A new network namespace; the caller's stays. */
static int pod_ns(void)
{
	_cleanup_close_ int here = ns_open();
	int pod;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	pod = ns_open();
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	return pod;
}

static int socket_in(int ns)
{
	_cleanup_close_ int here = ns_open();
	int fd;

	assert_int_equal(setns(ns, CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	assert_true(fd >= 0);
	return fd;
}

static struct sockaddr_in sin_of(uint32_t addr)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(addr) };
}

static int listen_in(int ns)
{
	struct sockaddr_in any = sin_of(0);
	int fd = socket_in(ns), on = 1;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 1024), 0);
	return fd;
}

static bool wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, CONNECT_MS) == 1;
}

/* Connects from `ns` to `addr`; 0 and the connected socket, or a negative errno. */
static int connect_from(int ns, uint32_t addr, int *ret_fd)
{
	_cleanup_close_ int fd = socket_in(ns);
	struct sockaddr_in to = sin_of(addr);
	socklen_t len = sizeof(int);
	int r = 0;

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		if (errno != EINPROGRESS)
			return -errno;
		if (!wait_for(fd, POLLOUT))
			return -ETIMEDOUT;
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &r, &len), 0);
	}
	if (r == 0 && ret_fd)
		*ret_fd = steal_fd(&fd);
	return -r;
}

/* Accepts a connection and tells whom it came from. */
static int accept_from(int listener, uint32_t *ret_addr)
{
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);
	int fd;

	assert_true(wait_for(listener, POLLIN));
	fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	*ret_addr = ntohl(from.sin_addr.s_addr);
	return fd;
}

static struct net *open_net(struct net_config config)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net *net = NULL;

	if (!config.nft_helper)
		config.nft_helper = helper;
	if (net_open(&config, &net, &err) < 0)
		fail_msg("net_open: %s", error_text(&err));
	return net;
}

static void close_net(struct net *net, bool remove)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (net_close(net, remove, &err) < 0)
		fail_msg("net_close: %s", error_text(&err));
}

static void attach(struct net *net, int ns, const char *key, uint32_t addr)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (net_attach(net, ns, key, addr, &err) < 0)
		fail_msg("net_attach %s: %s", key, error_text(&err));
}

static void detach(struct net *net, const char *key)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (net_detach(net, key, &err) < 0)
		fail_msg("net_detach %s: %s", key, error_text(&err));
}

static size_t count_links(void)
{
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	_cleanup_free_ struct link *links = NULL;
	size_t n = 0, count = 0;

	assert_int_equal(rtnl_open(&rtnl), 0);
	assert_int_equal(net_links(&rtnl, 0, &links, &n), 0);
	for (size_t i = 0; i < n; i++)
		count += links[i].kind[0] && (strcmp(links[i].kind, "bridge") == 0 || strcmp(links[i].kind, "veth") == 0);
	return count;
}

static size_t count_ports(struct net *net)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ struct net_port *ports = NULL;
	size_t n = 0;

	if (net_list(net, &ports, &n, &err) < 0)
		fail_msg("%s", error_text(&err));
	return n;
}

static char *nft(const char *commands)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char *out = NULL;

	if (nft_run(helper, commands, &out, &err) < 0)
		fail_msg("%s: %s", commands, error_text(&err));
	return out;
}

static int forwarding(void)
{
	int value = -1;

	assert_int_equal(net_forward_get(&value), 0);
	return value;
}

static void assert_nothing_left(void)
{
	_cleanup_free_ char *tables = nft("list tables\n");

	assert_int_equal(count_links(), 0);
	assert_string_equal(tables, "");
	assert_int_equal(forwarding(), 0);
}

static void run_batch(struct rtnl_batch *b)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;

	assert_int_equal(rtnl_open(&rtnl), 0);
	if (rtnl_run_all(&rtnl, b, NULL, NULL, &err) < 0)
		fail_msg("%s", error_text(&err));
}

static uint32_t index_of(const char *name)
{
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	struct link link = { 0 };
	struct rtnl_batch b;

	assert_int_equal(rtnl_open(&rtnl), 0);
	rtnl_batch_init(&b);
	link_put_get(&b, 0, name);
	(void)rtnl_run_all(&rtnl, &b, net_keep_link, &link, NULL);
	return link.index;
}

/* A bridge that somebody else made, up, with an address. */
static void foreign_bridge(const char *name, uint32_t addr, uint32_t mtu)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct rtnl_batch b;

	rtnl_batch_init(&b);
	link_put_bridge(&b, name, mac, mtu);
	link_put_change(&b, &(struct link_change){ .name = name, .up = true });
	run_batch(&b);
	rtnl_batch_init(&b);
	link_put_addr(&b, index_of(name), addr, 24);
	run_batch(&b);
}

/* A namespace beyond the host, at 203.0.113.2, that knows nothing of pods; the host is 203.0.113.1. */
static int outside(void)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_rtnl_ struct rtnl there = RTNL_INIT;
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 }, there_mac[6] = { 2, 0, 0, 0, 0, 8 };
	struct rtnl_batch b;
	int ns = pod_ns();

	rtnl_batch_init(&b);
	link_put_bridge(&b, "uplink", mac, 1500);
	run_batch(&b);
	rtnl_batch_init(&b);
	link_put_veth(&b, "up0", index_of("uplink"), "eth0", ns, there_mac, 1500);
	link_put_change(&b, &(struct link_change){ .name = "up0", .up = true });
	link_put_change(&b, &(struct link_change){ .name = "uplink", .up = true });
	run_batch(&b);
	rtnl_batch_init(&b);
	link_put_addr(&b, index_of("uplink"), 0xcb007101, 24);
	run_batch(&b);
	assert_int_equal(rtnl_open_in(ns, &there), 0);
	rtnl_batch_init(&b);
	link_put_change(&b, &(struct link_change){ .name = "eth0", .up = true });
	assert_int_equal(rtnl_run_all(&there, &b, NULL, NULL, &err), 0);
	rtnl_batch_init(&b);
	link_put_get(&b, 0, "eth0");
	struct link link = { 0 };
	assert_int_equal(rtnl_run_all(&there, &b, net_keep_link, &link, &err), 0);
	rtnl_batch_init(&b);
	link_put_addr(&b, link.index, 0xcb007102, 24);
	assert_int_equal(rtnl_run_all(&there, &b, NULL, NULL, &err), 0);
	(void)index_of("up0"); /* settles its carrier */
	return ns;
}

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
		cmocka_unit_test_setup(bad_configurations_are_refused_and_leave_nothing, fresh_host),
		cmocka_unit_test_setup(a_bridge_that_is_not_ours_is_left_alone, fresh_host),
		cmocka_unit_test_setup(each_owner_has_a_bridge_of_its_own, fresh_host),
		cmocka_unit_test_setup(clusters_that_start_together_share_nothing, fresh_host),
		cmocka_unit_test_setup(networks_that_the_host_routes_are_kept_clear_of, fresh_host),
		cmocka_unit_test_setup(the_mtu_follows_the_default_route, fresh_host),
		cmocka_unit_test_setup(what_leaves_the_node_is_masqueraded, fresh_host),
		cmocka_unit_test_setup(without_nftables_there_is_a_warning_and_pods_still_talk, fresh_host),
		cmocka_unit_test_setup(a_firewall_that_drops_is_told_or_passed, fresh_host),
		cmocka_unit_test_setup(ip_forward_stays_on_for_another_bridge, fresh_host),
		cmocka_unit_test_setup(fifty_pods_come_and_go_side_by_side, fresh_host),
		cmocka_unit_test_setup(a_bridge_that_is_gone_is_told, fresh_host),
		cmocka_unit_test_setup(a_port_that_does_not_forward_is_waited_for, fresh_host),
	};
	const char *builddir = getenv("top_builddir");

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("1..0 # SKIP network namespaces need root\n");
		return 0;
	}
	(void)snprintf(helper, sizeof(helper), "%s/podfs-nft", builddir ? builddir : ".");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
