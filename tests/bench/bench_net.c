/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times the pod network in a network namespace of its own: one attach and one detach at a time, and fifty attaches
 * by eight threads and fifty detaches in one call. Prints median, minimum and maximum. Needs root.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/net.h"

#define PODS 50
#define RUNS 7
#define THREADS 8

struct bench {
	struct net *net;
	int ns[PODS];
	char key[PODS][16];
	const char *keys[PODS];
	atomic_int next;
	atomic_int failed;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *what, double *ms, size_t n)
{
	qsort(ms, n, sizeof(*ms), by_value);
	printf("%-34s %8.3f ms  (%.3f to %.3f, n=%zu)\n", what, ms[n / 2], ms[0], ms[n - 1], n);
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

static int run(struct bench *b, struct error *err)
{
	double one[PODS * RUNS], gone[PODS * RUNS], all[RUNS], none[RUNS];
	int64_t start;
	int r;

	for (int k = 0; k < RUNS; k++) {
		for (int i = 0; i < PODS; i++) {
			start = clock_monotonic();
			r = net_attach(b->net, b->ns[i], b->keys[i], net_gateway(b->net) + 1 + (uint32_t)i, err);
			if (r < 0)
				return r;
			one[k * PODS + i] = since(start);
		}
		for (int i = 0; i < PODS; i++) {
			start = clock_monotonic();
			r = net_detach(b->net, b->keys[i], err);
			if (r < 0)
				return r;
			gone[k * PODS + i] = since(start);
		}
		start = clock_monotonic();
		if (attach_all(b) < 0)
			return error_set(err, -EIO, "attaching fifty failed");
		all[k] = since(start);
		start = clock_monotonic();
		r = net_detach_many(b->net, b->keys, PODS, err);
		if (r < 0)
			return r;
		none[k] = since(start);
	}
	print("attach, one at a time", one, PODS * RUNS);
	print("detach, one at a time", gone, PODS * RUNS);
	print("attach 50 by 8 threads", all, RUNS);
	print("detach 50 in one call", none, RUNS);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct net_config config = { .nft_helper = argc > 1 ? argv[1] : NULL };
	static struct bench b;
	_cleanup_close_ int here = -1;
	int64_t start;
	double ms;

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
		ms = since(start);
		print("open", &ms, 1);
		for (size_t i = 0; net_warning(b.net, i); i++)
			printf("warning: %s\n", net_warning(b.net, i));
		if (run(&b, &err) == 0) {
			start = clock_monotonic();
			(void)net_close(b.net, true, &err); /* ignoring: the code is in err */
			ms = since(start);
			print("close", &ms, 1);
		}
	}
	if (err.code)
		fprintf(stderr, "bench_net: %s\n", error_text(&err));
	return err.code ? 1 : 0;
}
