/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_bench DIRECTORY [ROUNDS]: the store on LMDB against LMDB alone, in turns in one run, with values of 2 KiB
 * over 10,000 keys. The floor for N clients is one thread that puts N values in each LMDB transaction: what perfect
 * group commit without any hand-off would give; its latency is that of the whole transaction. DIRECTORY should lie on
 * the disk that is to be measured; its subdirectories load, floor and store are removed.
 */
#include <fcntl.h>
#include <lmdb.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/store.h"

enum { KEYS = 10000, VALUE = 2048, MAX_THREADS = 64, MAX_SAMPLES = 1 << 20 };

/* Short, so that what else the machine does meets both alike. */
static const int64_t round_time = 50 * NSEC_PER_MSEC;
static char value[VALUE];
static const char *dir;

struct samples {
	double *us;
	size_t n, max;
};

static void die(const char *what, int r)
{
	fprintf(stderr, "store_bench: %s: %s\n", what, r > 0 || r < -5000 ? mdb_strerror(r) : strerror(-r));
	exit(1);
}

static void must(const char *what, int r)
{
	if (r)
		die(what, r);
}

static struct samples new_samples(size_t max)
{
	struct samples s = { calloc(max, sizeof(double)), 0, max };

	if (!s.us)
		die("calloc", -ENOMEM);
	return s;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(struct samples *s, double p)
{
	if (s->n == 0)
		return 0;
	qsort(s->us, s->n, sizeof(double), by_size);
	return s->us[(size_t)((double)(s->n - 1) * p)];
}

static void sample(struct samples *s, int64_t from)
{
	if (s->n < s->max)
		s->us[s->n++] = (double)(clock_monotonic() - from) / 1e3;
}

static const char *key_of(unsigned i, char out[static 32])
{
	snprintf(out, 32, "/pod/default/%08u", i % KEYS);
	return out;
}

static char *path_of(const char *name)
{
	char *p = NULL;

	if (asprintf(&p, "%s/%s", dir, name) < 0)
		die("asprintf", -ENOMEM);
	return p;
}

static void wipe(const char *name)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "spare" };
	_cleanup_free_ char *p = path_of(name);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *f = NULL;

		if (asprintf(&f, "%s/%s", p, files[i]) >= 0)
			(void)unlink(f);
	}
	(void)rmdir(p);
}

/* --- LMDB alone --- */

struct floor {
	MDB_env *env;
	MDB_dbi dbi;
};

static void floor_put(struct floor *f, MDB_txn *txn, unsigned i)
{
	char k[32];
	MDB_val key = { .mv_data = (void *)key_of(i, k) };
	MDB_val val = { .mv_data = value, .mv_size = sizeof(value) };

	key.mv_size = strlen(k);
	must("mdb_put", mdb_put(txn, f->dbi, &key, &val, 0));
}

static void floor_open(struct floor *f)
{
	_cleanup_free_ char *p = path_of("floor");
	MDB_txn *txn = NULL;

	(void)mkdir(p, 0700);
	must("mdb_env_create", mdb_env_create(&f->env));
	must("mdb_env_set_mapsize", mdb_env_set_mapsize(f->env, (size_t)1 << 32));
	must("mdb_env_open", mdb_env_open(f->env, p, 0, 0600));
	must("mdb_txn_begin", mdb_txn_begin(f->env, NULL, 0, &txn));
	must("mdb_dbi_open", mdb_dbi_open(txn, NULL, 0, &f->dbi));
	for (unsigned i = 0; i < KEYS; i++)
		floor_put(f, txn, i);
	must("mdb_txn_commit", mdb_txn_commit(txn));
}

/* Puts a second. */
static double floor_round(struct floor *f, int batch, unsigned *seed, struct samples *s)
{
	int64_t start = clock_monotonic(), now = start;
	size_t n = 0;

	while (now - start < round_time) {
		MDB_txn *txn = NULL;

		must("mdb_txn_begin", mdb_txn_begin(f->env, NULL, 0, &txn));
		for (int i = 0; i < batch; i++)
			floor_put(f, txn, (unsigned)rand_r(seed));
		must("mdb_txn_commit", mdb_txn_commit(txn));
		sample(s, now);
		now = clock_monotonic();
		n += (size_t)batch;
	}
	return (double)n * 1e9 / (double)(now - start);
}

/* --- the store --- */

struct client {
	struct store *store;
	unsigned seed;
	struct samples samples;
	size_t n;
};

static void *client_run(void *arg)
{
	struct client *c = arg;
	int64_t start = clock_monotonic(), now = start;

	while (now - start < round_time) {
		char k[32];
		struct store_op op = { .type = STORE_PUT, .value = value, .len = VALUE, .expect = STORE_ANY };

		op.key = key_of((unsigned)rand_r(&c->seed), k);
		must("store_commit", store_commit(c->store, &op, 1, 0, NULL));
		sample(&c->samples, now);
		now = clock_monotonic();
		c->n++;
	}
	return NULL;
}

static double store_round(struct store *s, int threads, unsigned *seed, struct samples *all)
{
	static struct client c[MAX_THREADS];
	pthread_t t[MAX_THREADS];
	int64_t start = clock_monotonic();
	size_t n = 0;

	for (int i = 0; i < threads; i++) {
		c[i] = (struct client){ .store = s, .seed = (unsigned)rand_r(seed) };
		c[i].samples = new_samples(MAX_SAMPLES / MAX_THREADS);
		must("pthread_create", pthread_create(&t[i], NULL, client_run, &c[i]));
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		n += c[i].n;
		for (size_t j = 0; j < c[i].samples.n && all->n < all->max; j++)
			all->us[all->n++] = c[i].samples.us[j];
		free(c[i].samples.us);
	}
	return (double)n * 1e9 / (double)(clock_monotonic() - start);
}

static long rss_kib(const char *field)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, field, strlen(field)) == 0)
			return strtol(line + strlen(field) + 1, NULL, 10);
	return -1;
}

static void fill(struct store *s, unsigned keys)
{
	for (unsigned i = 0; i < keys;) {
		struct store_op ops[1000];
		char k[1000][32];
		size_t n = 0;

		for (; n < ARRAY_SIZE(ops) && i < keys; n++, i++)
			ops[n] = (struct store_op){ STORE_PUT, key_of(i, k[n]), value, VALUE, STORE_ANY };
		must("store_commit", store_commit(s, ops, n, 0, NULL));
	}
}

static struct store *open_store(const char *name)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *uri = NULL;
	struct store *s = NULL;

	if (asprintf(&uri, "lmdb:%s/%s", dir, name) < 0 || store_open(uri, &s, &err) < 0)
		die(error_text(&err), err.code);
	return s;
}

static void bench_load(unsigned keys)
{
	struct store *s = open_store("load");
	char line[128];
	ssize_t n = 0;
	int fds[2];

	fill(s, keys);
	store_close(s);
	/* In a fresh process, so that memory freed before does not hide what a store takes. */
	if (pipe2(fds, O_CLOEXEC) < 0)
		die("pipe2", -errno);
	if (fork() == 0) {
		long anon;
		int64_t t0;

		(void)malloc_trim(0);
		anon = rss_kib("RssAnon");
		t0 = clock_monotonic();
		s = open_store("load");
		t0 = clock_monotonic() - t0;
		n = snprintf(line, sizeof(line), "podfs open-%u-objects ms %.2f\npodfs memory-%u-objects KiB %ld\n", keys,
			     (double)t0 / 1e6, keys, rss_kib("RssAnon") - anon);
		_exit(write(fds[1], line, (size_t)n) == n ? 0 : 1);
	}
	close(fds[1]);
	n = read(fds[0], line, sizeof(line));
	close(fds[0]);
	(void)wait(NULL);
	printf("%.*s", n < 0 ? 0 : (int)n, line);
	wipe("load");
}

static void compare(struct store *s, struct floor *f, int threads, int rounds)
{
	struct samples fs = new_samples(MAX_SAMPLES), ss = new_samples(MAX_SAMPLES);
	unsigned seed = 1;
	double fr = 0, sr = 0;
	struct store_stats a, b;

	store_stats(s, &a);
	for (int i = 0; i < rounds; i++) {
		fr += floor_round(f, threads, &seed, &fs) / rounds;
		sr += store_round(s, threads, &seed, &ss) / rounds;
	}
	store_stats(s, &b);
	printf("floor commit-p50-%d-clients us %.1f\n", threads, percentile(&fs, .5));
	printf("podfs commit-p50-%d-clients us %.1f\n", threads, percentile(&ss, .5));
	printf("floor commit-p99-%d-clients us %.1f\n", threads, percentile(&fs, .99));
	printf("podfs commit-p99-%d-clients us %.1f\n", threads, percentile(&ss, .99));
	printf("floor time-a-put-%d-clients us %.2f\n", threads, 1e6 / fr);
	printf("podfs time-a-put-%d-clients us %.2f\n", threads, 1e6 / sr);
	printf("podfs puts-a-disk-commit-%d-clients 1 %.1f\n", threads,
	       (double)(b.transactions - a.transactions) / (double)(b.disk_commits - a.disk_commits));
	free(fs.us);
	free(ss.us);
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 10;
	struct floor f = { 0 };
	struct store *s = NULL;

	if (argc < 2 || rounds < 1) {
		fprintf(stderr, "usage: store_bench DIRECTORY [ROUNDS]\n");
		return 2;
	}
	dir = argv[1];
	(void)mkdir(dir, 0700);
	memset(value, 'v', sizeof(value));
	wipe("load");
	wipe("floor");
	wipe("store");
	bench_load(50);
	bench_load(KEYS);

	floor_open(&f);
	s = open_store("store");
	fill(s, KEYS);
	compare(s, &f, 1, rounds);
	compare(s, &f, 8, rounds);
	compare(s, &f, MAX_THREADS, rounds);
	store_close(s);
	mdb_env_close(f.env);
	wipe("floor");
	wipe("store");
	return 0;
}
