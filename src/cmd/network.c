/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses are given from memory and noted in the store lazily: a link bears its pod's uid and address itself, so an
 * address that a crash kept out of the store is found again on the link.
 */
#include "cmd/network.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "cmd/hostports.h"
#include "net/ipam.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct lease {
	UT_hash_handle hh;
	uint32_t addr;
	bool linked; /* a link of that name was found at the start */
	char uid[];
};

struct network {
	struct net_config config;
	pthread_t opener; /* in net_open() while `opening`: result, error and net are its own */
	bool opening;
	int result;
	struct error error;
	struct net *net;
	struct store *store;
	pthread_mutex_t lock; /* protects the next two */
	struct ipam *ipam;
	struct lease *leases; /* by uid */
};

static int add_lease(struct network *n, const char *uid, uint32_t addr)
{
	struct lease *l = calloc(1, sizeof(*l) + strlen(uid) + 1);

	if (!l)
		return -ENOMEM;
	memcpy(l->uid, uid, strlen(uid) + 1);
	l->addr = addr;
	HASH_ADD_STR(n->leases, uid, l);
	if (l->hh.tbl)
		return 0;
	free(l);
	return -ENOMEM;
}

/* Notes an address in the store, or that it is free again. Failures are ignored: links are the truth of this node. */
static void note(struct network *n, uint32_t addr, const char *uid)
{
	char key[IPAM_KEY_MAX];
	struct store_op op = { .type = uid ? STORE_PUT : STORE_DELETE, .key = ipam_key(addr, key), .value = uid,
			       .len = uid ? strlen(uid) : 0, .expect = STORE_ANY };

	(void)store_submit(n->store, &op, 1, STORE_LAZY, NULL, NULL);
}

static int allocate(void *arg, const char *uid, char ret_ip[static AGENT_IP_SIZE], struct error *err)
{
	struct network *n = arg;
	char text[ADDR_TEXT_MAX];
	struct lease *l;
	uint32_t addr;
	int r = 0;

	pthread_mutex_lock(&n->lock);
	HASH_FIND_STR(n->leases, uid, l);
	if (l) {
		addr = l->addr;
	} else {
		r = ipam_pick(n->ipam, &addr);
		if (r == 0)
			r = add_lease(n, uid, addr);
		if (r == 0)
			note(n, addr, uid);
	}
	pthread_mutex_unlock(&n->lock);
	if (r < 0)
		return error_errno(err, r, "pod network: no address for the pod");
	(void)snprintf(ret_ip, AGENT_IP_SIZE, "%s", addr_text(addr, text));
	return 0;
}

static int attach(void *arg, int netns_fd, const char *uid, const char *ip, struct error *err)
{
	struct network *n = arg;
	uint32_t addr;

	if (addr_parse(ip, &addr) < 0)
		return error_set(err, -EINVAL, "pod network: \"%s\" is no address", ip);
	return net_attach(n->net, netns_fd, uid, addr, err);
}

/* Notes the pod's host ports, to be applied. 1: it has some. */
static int note_ports(struct network *n, const struct object *pod, uint32_t addr)
{
	_cleanup_free_ struct net_host_port *ports = NULL;
	size_t count = 0;
	int r = hostports_read(pod, addr, &ports, &count);

	if (r < 0 || !count)
		return r;
	r = net_publish(n->net, object_uid(pod), ports, count);
	return r < 0 ? r : 1;
}

static int publish(void *arg, const struct object *pod, const char *ip, struct error *err)
{
	struct network *n = arg;
	uint32_t addr = 0;
	int r = addr_parse(ip, &addr);

	if (r == 0)
		r = note_ports(n, pod, addr);
	if (r < 0)
		return error_errno(err, r, "pod network: host ports");
	if (r == 0)
		return 0;
	r = net_publish_apply(n->net, err);
	if (r < 0)
		(void)net_publish(n->net, object_uid(pod), NULL, 0); /* cannot fail */
	return r;
}

/* Takes the ports of pods that are gone away, all at once. */
static int unpublish(struct network *n, const char *const *uids, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		(void)net_publish(n->net, uids[i], NULL, 0); /* cannot fail */
	return net_publish_apply(n->net, err);
}

static int release(void *arg, const char *const *uids, size_t count, struct error *err)
{
	struct network *n = arg;
	int first = unpublish(n, uids, count, err), r = net_detach_many(n->net, uids, count, first < 0 ? NULL : err);

	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < count; i++) {
		struct lease *l;

		HASH_FIND_STR(n->leases, uids[i], l);
		if (!l)
			continue;
		ipam_release(n->ipam, l->addr);
		note(n, l->addr, NULL);
		HASH_DEL(n->leases, l);
		free(l);
	}
	pthread_mutex_unlock(&n->lock);
	return first < 0 ? first : r;
}

static bool is_attached(void *arg, const char *uid)
{
	struct network *n = arg;
	struct lease *l;
	bool linked;

	pthread_mutex_lock(&n->lock);
	HASH_FIND_STR(n->leases, uid, l);
	linked = l && l->linked;
	pthread_mutex_unlock(&n->lock);
	return linked;
}

const struct agent_network network_ops = {
	.allocate = allocate,
	.attach = attach,
	.publish = publish,
	.is_attached = is_attached,
	.release = release,
};

/* Takes up an address that is in use; one of another network or of a pod that is gone is given up. */
static int take_up(struct network *n, struct cache *c, const char *uid, uint32_t addr)
{
	_cleanup_object_ struct object *pod = cache_get_uid(c, uid);
	struct lease *l;
	int r;

	HASH_FIND_STR(n->leases, uid, l);
	if (l)
		return 0;
	if (!pod) {
		note(n, addr, NULL);
		return 0;
	}
	r = ipam_mark(n->ipam, addr);
	if (r == -ERANGE || r == -EEXIST)
		return 0;
	return r < 0 ? r : add_lease(n, uid, addr);
}

static int take_up_links(struct network *n, struct cache *c, struct error *err)
{
	_cleanup_free_ struct net_port *ports = NULL;
	size_t count = 0;
	int r = net_list(n->net, &ports, &count, err);

	for (size_t i = 0; i < count && r == 0; i++) {
		_cleanup_object_ struct object *pod = NULL;
		struct lease *l;

		r = take_up(n, c, ports[i].key, ports[i].addr);
		HASH_FIND_STR(n->leases, ports[i].key, l);
		if (!l)
			continue;
		l->linked = true;
		pod = cache_get_uid(c, ports[i].key);
		if (pod && r == 0 && note_ports(n, pod, ports[i].addr) < 0)
			r = -ENOMEM;
		note(n, ports[i].addr, ports[i].key);
	}
	return r;
}

static int take_up_keys(struct network *n, struct cache *c)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	int r = store_list(n->store, IPAM_KEY_PREFIX, &list);

	for (size_t i = 0; i < list.n && r == 0; i++) {
		_cleanup_free_ char *uid = NULL;
		uint32_t addr;
		size_t len;
		const char *value = store_entry_value(list.items[i], &len);

		if (ipam_key_parse(store_entry_key(list.items[i]), &addr) < 0)
			continue;
		uid = strndup(value, len);
		r = uid ? take_up(n, c, uid, addr) : -ENOMEM;
	}
	return r;
}

static void *run_opener(void *arg)
{
	struct network *n = arg;

	n->result = net_open(&n->config, &n->net, &n->error);
	return NULL;
}

static void join_opener(struct network *n)
{
	if (n->opening)
		(void)pthread_join(n->opener, NULL); /* cannot fail: it is ours, and joined once */
	n->opening = false;
}

int network_new(const struct network_config *config, struct network **ret)
{
	struct network *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->config = (struct net_config){ .owner = config->owner, .cidr = config->cidr, .nft_helper = config->nft_helper,
					 .adopt = true };
	n->error = ERROR_INIT;
	pthread_mutex_init(&n->lock, NULL);
	n->opening = pthread_create(&n->opener, NULL, run_opener, n) == 0;
	if (!n->opening)
		(void)run_opener(n);
	*ret = n;
	return 0;
}

int network_open(struct network *n, struct store *s, struct cache *c, struct error *err)
{
	_cleanup_error_ struct error no_ports = ERROR_INIT;
	const char *warning;
	int r;

	n->store = s;
	join_opener(n);
	r = n->result;
	if (r < 0) {
		*err = n->error;
		n->error = ERROR_INIT;
		return r;
	}
	r = ipam_new(net_cidr(n->net), &n->ipam);
	if (r == 0)
		r = take_up_links(n, c, err);
	if (r == 0)
		r = take_up_keys(n, c);
	if (r < 0)
		return err->msg ? r : error_errno(err, r, "pod network");
	if (net_publish_apply(n->net, &no_ports) < 0)
		log_warning("%s, ignoring", error_text(&no_ports));
	for (size_t i = 0; (warning = net_warning(n->net, i)); i++)
		log_warning("%s", warning);
	return 0;
}

void network_close(struct network *n, bool remove)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct lease *l, *next;

	if (!n)
		return;
	join_opener(n);
	error_clear(&n->error);
	if (net_close(n->net, remove, &err) < 0)
		log_warning("%s, ignoring", error_text(&err));
	HASH_ITER(hh, n->leases, l, next) {
		HASH_DEL(n->leases, l);
		free(l);
	}
	ipam_free(n->ipam);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int network_firewall_fd(const struct network *n)
{
	return net_firewall_fd(n->net);
}

void network_firewall_check(struct network *n)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (net_firewall_check(n->net, &err) < 0)
		log_warning("%s, ignoring", error_text(&err));
}
