/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods on the bridge: attach, detach, list.
 *
 * The order within an attach is chosen so that no packet is lost afterwards. Of a veth's two ends the one that comes
 * up first is activated by the kernel's link watch, later; the other at once. The pod's end comes up last, so eth0 is
 * live at once. A query of the host's end, before which the kernel settles its carrier (since Linux 6.8), makes the
 * bridge port forward; with the first port the bridge itself gets a carrier, and is settled by a query in the same
 * way, or what the host sends to its first pod would be lost. On older kernels the notifications are awaited.
 */
#include <linux/if_bridge.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/internal.h"
#include "net/ipam.h"

#define POD_LINK "eth0"
#define LO_INDEX 1 /* the kernel gives lo this index in every namespace */

/* How long a bridge port may take to forward on a kernel that must be waited for: its link watch runs at most once
 * a second (net/core/link_watch.c). */
#define PORT_WAIT_NS (2 * NSEC_PER_SEC)

/* Links that are to be deleted in one sweep stand in a group of this number plus one's own. */
#define GROUP_BASE 0x70660000u

int net_keep_link(void *data, size_t i, const struct nlmsghdr *msg)
{
	(void)link_read(msg, data); /* ignoring: the index stays 0 */
	return 0;
}

/* An rtnl_fn for a batch of queries: data is an array with a link for each. */
static int keep_nth_link(void *data, size_t i, const struct nlmsghdr *msg)
{
	struct link *links = data;

	(void)link_read(msg, &links[i]); /* ignoring: the index stays 0 */
	return 0;
}

int net_delete_links(struct rtnl *rtnl, uint32_t group, const uint32_t *indexes, size_t n, struct error *err)
{
	struct rtnl_result results[RTNL_BATCH_MAX];
	struct rtnl_batch b;
	int r;

	group = GROUP_BASE + (group & 0xffff);
	for (size_t i = 0; n > 1 && i < n;) {
		rtnl_batch_init(&b);
		for (; i < n && b.n < RTNL_BATCH_MAX; i++)
			link_put_change(&b, &(struct link_change){ .index = indexes[i], .group = group });
		r = rtnl_run(rtnl, &b, results, NULL, NULL);
		if (r < 0)
			return error_errno(err, r, "netlink");
		for (size_t k = 0; k < b.n; k++)
			if (results[k].code < 0 && results[k].code != -ENODEV)
				return rtnl_error(&results[k], err);
	}
	rtnl_batch_init(&b);
	link_put_delete(&b, n == 1 ? indexes[0] : 0, group);
	r = rtnl_run(rtnl, &b, results, NULL, NULL);
	if (r < 0)
		return error_errno(err, r, "netlink");
	if (results[0].code < 0 && results[0].code != -ENODEV)
		return rtnl_error(&results[0], err);
	return 0;
}

/* Creates the pair, both ends down. A link that an earlier attach of the same key left is deleted first. */
static int make_pair(struct net *net, struct rtnl *rtnl, int netns_fd, const char *key, const char *name,
		     uint32_t addr, struct link *ret_link, struct error *err)
{
	uint8_t mac[6];

	link_mac(addr, mac);
	for (int try = 0;; try++) {
		struct rtnl_result results[RTNL_BATCH_MAX];
		struct link link = { 0 };
		struct net_port port;
		struct rtnl_batch b;
		int r;

		rtnl_batch_init(&b);
		link_put_veth(&b, name, net->index, POD_LINK, netns_fd, mac, net->mtu);
		link_put_get(&b, 0, name);
		r = rtnl_run(rtnl, &b, results, net_keep_link, &link);
		if (r < 0)
			return error_errno(err, r, "create veth %s", name);
		if (results[0].code == 0 && link.index) {
			*ret_link = link;
			return 0;
		}
		if (results[0].code == 0)
			return error_errno(err, results[1].code < 0 ? results[1].code : -ENODEV,
					   "veth %s vanished", name);
		if (results[0].code != -EEXIST || try > 0) {
			rtnl_error(&results[0], err);
			return NET_WRAP(results[0].code, err, "create veth %s on %s", name, net->bridge);
		}
		if (!link.index)
			return error_set(err, -EEXIST, "create veth %s: the pod's namespace has a link %s already", name,
					 POD_LINK);
		if (link.alias[0] && (!net_port_alias_read(link.alias, &port) || strcmp(port.key, key) != 0))
			return error_set(err, -EEXIST, "create veth %s: a link of that name exists and is not this pod's "
					 "(\"%s\")", name, link.alias);
		r = net_delete_links(rtnl, link.index, &link.index, 1, err);
		if (r < 0)
			return NET_WRAP(r, err, "delete the old veth %s", name);
	}
}

static int set_up_host_end(struct net *net, struct rtnl *rtnl, const struct link *link, const char *key, uint32_t addr,
			   struct error *err)
{
	char alias[LINK_ALIAS_MAX];
	struct rtnl_batch b;
	int r;

	net_port_alias(key, addr, alias);
	rtnl_batch_init(&b);
	link_put_change(&b, &(struct link_change){ .index = link->index,
						   .alias = alias,
						   .up = true,
						   .hairpin = true,
						   .no_ipv6_addr = net->ipv6 });
	r = rtnl_run_all(rtnl, &b, NULL, NULL, err);
	return r < 0 ? NET_WRAP(r, err, "set up veth %s", link->name) : 0;
}

static int set_up_pod_end(struct net *net, struct rtnl *pod, const struct link *link, uint32_t addr, struct error *err)
{
	static const char *const what[] = { "bring lo up", "bring " POD_LINK " up", "add the address",
					    "add the default route" };
	struct rtnl_result results[RTNL_BATCH_MAX];
	struct rtnl_batch b;
	int r;

	rtnl_batch_init(&b);
	link_put_change(&b, &(struct link_change){ .index = LO_INDEX, .up = true });
	link_put_change(&b, &(struct link_change){ .index = link->peer, .up = true, .no_ipv6_addr = net->ipv6 });
	link_put_addr(&b, link->peer, addr, net->cidr.prefix);
	link_put_default_route(&b, link->peer, net_gateway(net));
	r = rtnl_run(pod, &b, results, NULL, NULL);
	if (r < 0)
		return error_errno(err, r, "set up the pod's namespace");
	for (size_t i = 0; i < b.n; i++)
		if (results[i].code < 0) {
			rtnl_error(&results[i], err);
			return NET_WRAP(results[i].code, err, "%s in the pod's namespace", what[i]);
		}
	return 0;
}

/* Whether the port forwards and the bridge has a carrier: 1 or 0, or a negative errno. */
static int port_is_live(const struct net *net, struct rtnl *rtnl, uint32_t index, struct error *err)
{
	struct link links[RTNL_BATCH_MAX] = { 0 };
	struct rtnl_batch b;
	int r;

	rtnl_batch_init(&b);
	link_put_get(&b, index, NULL);
	link_put_get(&b, net->index, NULL);
	r = rtnl_run_all(rtnl, &b, keep_nth_link, links, err);
	return r < 0 ? r : links[0].port_state == BR_STATE_FORWARDING && links[1].live;
}

/* Waits until the port forwards: at once on kernels that settle the carrier before they answer. */
static int wait_for_port(const struct net *net, struct rtnl *rtnl, const struct link *link, struct error *err)
{
	_cleanup_rtnl_ struct rtnl news = RTNL_INIT;
	int group = RTNLGRP_LINK, r = port_is_live(net, rtnl, link->index, err);
	int64_t end;

	if (r == 0) {
		r = rtnl_open(&news);
		if (r == 0 && setsockopt(news.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			r = -errno;
		if (r < 0)
			return error_errno(err, r, "listen to links");
		r = port_is_live(net, rtnl, link->index, err);
	}
	end = clock_monotonic() + PORT_WAIT_NS;
	while (r == 0) {
		int64_t now = clock_monotonic();
		struct pollfd p = { .fd = news.fd, .events = POLLIN };
		char sink[256];

		if (now >= end)
			return error_set(err, -ETIMEDOUT, "port %s of %s does not forward: is the bridge up?", link->name,
					 net->bridge);
		(void)poll(&p, 1, (int)((end - now) / NSEC_PER_MSEC + 1)); /* ignoring: the port is looked at whatever came */
		while (recv(news.fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
			;
		r = port_is_live(net, rtnl, link->index, err);
	}
	return r < 0 ? NET_WRAP(r, err, "wait for port %s", link->name) : 0;
}

static int check_attach(const struct net *net, const char *key, uint32_t addr, struct error *err)
{
	char text[ADDR_TEXT_MAX], cidr[CIDR_TEXT_MAX];

	if (!net_key_is_good(key))
		return error_set(err, -EINVAL, "a pod's key has 1 to %d printable characters and no spaces", NET_KEY_MAX);
	if (addr <= net_gateway(net) || addr >= cidr_last(net->cidr))
		return error_set(err, -EINVAL, "%s is not an address that a pod can have in %s", addr_text(addr, text),
				 cidr_text(net->cidr, cidr));
	return 0;
}

int net_attach(struct net *net, int netns_fd, const char *key, uint32_t addr, struct error *err)
{
	_cleanup_rtnl_ struct rtnl host = RTNL_INIT, pod = RTNL_INIT;
	char name[LINK_NAME_MAX];
	struct link link = { 0 };
	int r = check_attach(net, key, addr, err);

	if (r == 0) {
		net_port_name(key, name);
		r = rtnl_open_in(netns_fd, &pod);
		if (r < 0)
			error_errno(err, r, "enter the pod's network namespace");
	}
	if (r == 0) {
		r = rtnl_open(&host);
		if (r < 0)
			error_errno(err, r, "open a netlink socket");
	}
	if (r == 0)
		r = make_pair(net, &host, netns_fd, key, name, addr, &link, err);
	if (r == 0)
		r = set_up_host_end(net, &host, &link, key, addr, err);
	if (r == 0)
		r = set_up_pod_end(net, &pod, &link, addr, err);
	if (r == 0)
		r = wait_for_port(net, &host, &link, err);
	if (r == 0)
		return 0;
	if (link.index)
		(void)net_delete_links(&host, link.index, &link.index, 1, NULL); /* ignoring: the first failure is told */
	error_wrap(err, "pod network");
	return r;
}

struct net_detach_request {
	const char *key;
	char name[LINK_NAME_MAX];
	int code;
	bool done; /* protected by net->lock */
	struct net_detach_request *next;
	struct error err;
};


/* Finds the links of the requests and adds their indexes. A link that serves another pod is not this one's. */
static int find_links(struct rtnl *rtnl, struct net_detach_request *list, uint32_t *indexes, size_t *n,
		      struct error *err)
{
	while (list) {
		struct link links[RTNL_BATCH_MAX] = { 0 };
		struct rtnl_result results[RTNL_BATCH_MAX];
		struct net_detach_request *q = list;
		struct rtnl_batch b;
		int r;

		rtnl_batch_init(&b);
		for (; q && b.n < RTNL_BATCH_MAX; q = q->next)
			link_put_get(&b, 0, q->name);
		r = rtnl_run(rtnl, &b, results, keep_nth_link, links);
		if (r < 0)
			return error_errno(err, r, "look for the pods' links");
		for (size_t i = 0; i < b.n; i++, list = list->next) {
			struct net_port port;

			if (links[i].index &&
			    (!links[i].alias[0] || (net_port_alias_read(links[i].alias, &port) &&
						    strcmp(port.key, list->key) == 0)))
				indexes[(*n)++] = links[i].index;
		}
	}
	return 0;
}

/* Deletes the links of all requests. They share one failure: the kernel's answer is for the whole sweep. */
static int detach_list(struct net *net, struct net_detach_request *list, struct error *err)
{
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	_cleanup_free_ uint32_t *indexes = NULL;
	size_t n = 0;
	int r;

	for (struct net_detach_request *q = list; q; q = q->next)
		n++;
	indexes = calloc(n, sizeof(*indexes));
	r = indexes ? rtnl_open(&rtnl) : -ENOMEM;
	if (r < 0)
		return error_errno(err, r, "delete the pods' links");
	n = 0;
	r = find_links(&rtnl, list, indexes, &n, err);
	if (r == 0 && n)
		r = net_delete_links(&rtnl, net->index, indexes, n, err);
	return r;
}

/* Called with the lock held, by the one caller that works the queue off for all. */
static void work_queue_off(struct net *net)
{
	net->deleting = true;
	while (net->queue) {
		struct net_detach_request *list = steal_ptr(net->queue), *next;
		_cleanup_error_ struct error err = ERROR_INIT;
		int r;

		(void)pthread_mutex_unlock(&net->lock);
		r = detach_list(net, list, &err);
		(void)pthread_mutex_lock(&net->lock);
		for (; list; list = next) {
			next = list->next; /* once done, the request may be gone */
			list->code = r;
			if (r < 0)
				error_set(&list->err, r, "pod network: veth %s: %s", list->name, error_text(&err));
			list->done = true;
		}
		(void)pthread_cond_broadcast(&net->done);
	}
	net->deleting = false;
}

static void detach_all(struct net *net, struct net_detach_request *requests, size_t n)
{
	(void)pthread_mutex_lock(&net->lock);
	for (size_t i = 0; i < n; i++) {
		requests[i].next = net->queue;
		net->queue = &requests[i];
	}
	if (net->deleting)
		for (size_t i = 0; i < n;) /* whoever deletes goes on until the queue is empty */
			if (requests[i].done)
				i++;
			else
				(void)pthread_cond_wait(&net->done, &net->lock);
	else
		work_queue_off(net);
	(void)pthread_mutex_unlock(&net->lock);
}

int net_detach_many(struct net *net, const char *const *keys, size_t n, struct error *err)
{
	_cleanup_free_ struct net_detach_request *requests = calloc(n ? n : 1, sizeof(*requests));
	int first = 0;

	if (!requests)
		return error_errno(err, -ENOMEM, "pod network");
	for (size_t i = 0; i < n; i++) {
		requests[i].key = keys[i];
		net_port_name(keys[i], requests[i].name);
	}
	if (n)
		detach_all(net, requests, n);
	for (size_t i = 0; i < n; i++) {
		if (requests[i].code < 0 && first == 0)
			first = error_set(err, requests[i].code, "%s", error_text(&requests[i].err));
		error_clear(&requests[i].err);
	}
	return first;
}

int net_detach(struct net *net, const char *key, struct error *err)
{
	return net_detach_many(net, &key, 1, err);
}

int net_list(struct net *net, struct net_port **ret_ports, size_t *ret_n, struct error *err)
{
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	_cleanup_free_ struct net_port *ports = NULL;
	_cleanup_free_ struct link *links = NULL;
	size_t n = 0, found = 0;
	int r = rtnl_open(&rtnl);

	if (r == 0)
		r = net_links(&rtnl, net->index, &links, &n);
	if (r < 0)
		return error_errno(err, r, "pod network: list the ports of %s", net->bridge);
	ports = calloc(n ? n : 1, sizeof(*ports));
	if (!ports)
		return error_errno(err, -ENOMEM, "pod network");
	for (size_t i = 0; i < n; i++)
		found += net_port_alias_read(links[i].alias, &ports[found]);
	*ret_ports = steal_ptr(ports);
	*ret_n = found;
	return 0;
}
