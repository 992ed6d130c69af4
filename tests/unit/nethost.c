/* SPDX-License-Identifier: Apache-2.0 */
#include "nethost.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "net/nft.h"

#define PORT 4711
/* A lost SYN is sent again after a second: less than that shows that the first one went through. */
#define CONNECT_MS 900

char helper[4096];

int ns_open(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

int fresh_host(void **state)
{
	/* A new namespace has the first one's ip_forward. */
	return unshare(CLONE_NEWNET) < 0 || net_forward_set(0) < 0 ? -1 : 0;
}

int pod_ns(void)
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

int listen_in(int ns)
{
	struct sockaddr_in any = sin_of(0);
	int fd = socket_in(ns), on = 1;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 1024), 0);
	return fd;
}

bool wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, CONNECT_MS) == 1;
}

int connect_from(int ns, uint32_t addr, int *ret_fd)
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

int accept_from(int listener, uint32_t *ret_addr)
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

struct net *open_net(struct net_config config)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net *net = NULL;

	if (!config.nft_helper)
		config.nft_helper = helper;
	if (net_open(&config, &net, &err) < 0)
		fail_msg("net_open: %s", error_text(&err));
	return net;
}

void close_net(struct net *net, bool remove)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (net_close(net, remove, &err) < 0)
		fail_msg("net_close: %s", error_text(&err));
}

void attach(struct net *net, int ns, const char *key, uint32_t addr)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (net_attach(net, ns, key, addr, &err) < 0)
		fail_msg("net_attach %s: %s", key, error_text(&err));
}

void detach(struct net *net, const char *key)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (net_detach(net, key, &err) < 0)
		fail_msg("net_detach %s: %s", key, error_text(&err));
}

size_t count_links(void)
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

size_t count_ports(struct net *net)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ struct net_port *ports = NULL;
	size_t n = 0;

	if (net_list(net, &ports, &n, &err) < 0)
		fail_msg("%s", error_text(&err));
	return n;
}

char *nft(const char *commands)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char *out = NULL;

	if (nft_run(helper, commands, &out, &err) < 0)
		fail_msg("%s: %s", commands, error_text(&err));
	return out;
}

int forwarding(void)
{
	int value = -1;

	assert_int_equal(net_forward_get(&value), 0);
	return value;
}

void assert_nothing_left(void)
{
	_cleanup_free_ char *tables = nft("list tables\n");

	assert_int_equal(count_links(), 0);
	assert_string_equal(tables, "");
	assert_int_equal(forwarding(), 0);
}

void run_batch(struct rtnl_batch *b)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;

	assert_int_equal(rtnl_open(&rtnl), 0);
	if (rtnl_run_all(&rtnl, b, NULL, NULL, &err) < 0)
		fail_msg("%s", error_text(&err));
}

uint32_t index_of(const char *name)
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

void foreign_bridge(const char *name, uint32_t addr, uint32_t mtu)
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

int outside(void)
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

bool can_run(void)
{
	const char *builddir = getenv("top_builddir");

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("1..0 # SKIP network namespaces need root\n");
		return false;
	}
	(void)snprintf(helper, sizeof(helper), "%s/podfs-nft", builddir ? builddir : ".");
	return true;
}
