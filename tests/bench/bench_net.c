/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times the pod network in a network namespace of its own: one attach and one detach at a time, and fifty attaches
 * by eight threads and fifty detaches in one call. Prints samples for tests/bench/run. Needs root.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/internal.h"

#define PODS 50
#define THREADS 8

struct bench {
	struct net *net;
	int ns[PODS];
	char key[PODS][16];
	const char *keys[PODS];
	atomic_int next;
	atomic_int failed;
};

static void print(const char *subject, const char *what, double ms)
{
	printf("%s %s ms %.4f\n", subject, what, ms);
}

static double since(int64_t start)
{
	return (double)(clock_monotonic() - start) / (double)NSEC_PER_MSEC;
}

static void *attacher(void *data)
{
	struct bench *b = data;

	for (int i; (i = atomic_fetch_add(&b->next, 1)) < PODS;)
		if (net_attach(b->net, b->ns[i], b->keys[i], net_gateway(b->net) + 1 + (uint32_t)i, NULL) < 0)
			atomic_fetch_add(&b->failed, 1);
	return NULL;
}

static int attach_all(struct bench *b)
{
	pthread_t threads[THREADS];

	atomic_store(&b->next, 0);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, attacher, b))
			return -1;
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	return atomic_load(&b->failed) ? -1 : 0;
}

/* What the kernel alone takes: one veth pair made and deleted by one message each, nothing set on it. */
static int run_floor(struct bench *b, struct error *err)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	_cleanup_rtnl_ struct rtnl rtnl = RTNL_INIT;
	struct rtnl_batch batch;
	int r = rtnl_open(&rtnl);

	for (int i = 0; i < PODS && r == 0; i++) {
		int64_t start = clock_monotonic();
		struct link link = { 0 };

		rtnl_batch_init(&batch);
		link_put_veth(&batch, "floor0", b->net->index, "eth0", b->ns[i], mac, 1500);
		link_put_get(&batch, 0, "floor0");
		r = rtnl_run_all(&rtnl, &batch, net_keep_link, &link, err);
		print("floor", "net-attach", since(start));
		start = clock_monotonic();
		if (r == 0)
			r = net_delete_links(&rtnl, 0, &link.index, 1, err);
		print("floor", "net-detach", since(start));
	}
	return r;
}

static int run(struct bench *b, struct error *err)
{
	int64_t start;
	int r;

	for (int i = 0; i < PODS; i++) {
		start = clock_monotonic();
		r = net_attach(b->net, b->ns[i], b->keys[i], net_gateway(b->net) + 1 + (uint32_t)i, err);
		if (r < 0)
			return r;
		print("podfs", "net-attach", since(start));
	}
	for (int i = 0; i < PODS; i++) {
		start = clock_monotonic();
		r = net_detach(b->net, b->keys[i], err);
		if (r < 0)
			return r;
		print("podfs", "net-detach", since(start));
	}
	start = clock_monotonic();
	if (attach_all(b) < 0)
		return error_set(err, -EIO, "attaching fifty failed");
	print("podfs", "net-attach-50", since(start));
	start = clock_monotonic();
	r = net_detach_many(b->net, b->keys, PODS, err);
	if (r < 0)
		return r;
	print("podfs", "net-detach-50", since(start));
	return run_floor(b, err);
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net_config config = { .nft_helper = argc > 1 ? argv[1] : NULL };
	static struct bench b;
	_cleanup_close_ int here = -1;
	int64_t start;

	for (int i = 0; i < PODS; i++) {
		if (unshare(CLONE_NEWNET) < 0)
			return perror("bench_net: unshare"), 1;
		b.ns[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		(void)snprintf(b.key[i], sizeof(b.key[i]), "pod-%d", i);
		b.keys[i] = b.key[i];
	}
	if (unshare(CLONE_NEWNET) < 0)
		return perror("bench_net: unshare"), 1;
	start = clock_monotonic();
	if (net_open(&config, &b.net, &err) == 0) {
		print("podfs", "net-open", since(start));
		for (size_t i = 0; net_warning(b.net, i); i++)
			printf("# warning: %s\n", net_warning(b.net, i));
		if (run(&b, &err) == 0) {
			start = clock_monotonic();
			(void)net_close(b.net, true, &err); /* ignoring: the code is in err */
			print("podfs", "net-close", since(start));
		}
	}
	if (err.code)
		fprintf(stderr, "bench_net: %s\n", error_text(&err));
	return err.code ? 1 : 0;
}
