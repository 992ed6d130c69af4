/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that writes is killed at random moments, many times over the same store. What it had been told is durable
 * must be there, whole, with its revision; no revision may be given twice; a lazy transaction that a durable one has
 * seen must be there too. PODFS_TEST_SEED repeats a run, PODFS_TEST_ROUNDS makes it longer.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "store_util.h"

enum { WRITERS = 3, PAD = 600 };

/* In memory shared with the child: what it has been told. */
struct told {
	_Atomic uint64_t rev[WRITERS];	 /* of the writer's last acknowledged transaction */
	_Atomic uint64_t count[WRITERS]; /* what that wrote */
	_Atomic uint64_t max_rev;	 /* the highest revision seen by anyone, lazy ones too */
	_Atomic uint32_t acked;		 /* transactions acknowledged in this life */
};

/* A value: the writer's count, the revision of the lazy key that it saw, and bytes that all are the count's last. */
struct record {
	uint64_t count, saw;
	unsigned char pad[PAD];
};

struct writer {
	struct store *s;
	struct told *told;
	unsigned id;
};

static void raise_max(struct told *t, uint64_t rev)
{
	uint64_t max = atomic_load(&t->max_rev);

	while (max < rev && !atomic_compare_exchange_weak(&t->max_rev, &max, rev))
		;
}

static uint64_t lazy_rev(struct store *s)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;

	return store_get(s, "/lazy", &e) == 0 ? store_entry_mod_rev(e) : 0;
}

/* Writes /A/ID and /B/ID alike, now and then a lazy /lazy; for ever. Exits 2 on anything unexpected. */
static void *write_on(void *arg)
{
	struct writer *w = arg;
	struct told *t = w->told;
	char a[16], b[16];

	snprintf(a, sizeof(a), "/A/%u", w->id);
	snprintf(b, sizeof(b), "/B/%u", w->id);
	for (uint64_t n = atomic_load(&t->count[w->id]) + 1;; n++) {
		struct record v = { .count = n };
		struct store_op ops[2] = { { STORE_PUT, a, &v, sizeof(v), STORE_ANY },
					   { STORE_PUT, b, &v, sizeof(v), STORE_ANY } };
		uint64_t rev = 0;

		memset(v.pad, (int)(n & 0xff), sizeof(v.pad));
		if (n % 3 == w->id) {
			if (put_lazy(w->s, "/lazy", "x", &rev) != 0)
				_exit(2);
			raise_max(t, rev);
		}
		v.saw = lazy_rev(w->s);
		if (store_commit(w->s, ops, 2, 0, &rev) != 0)
			_exit(2);
		atomic_store(&t->rev[w->id], rev);
		atomic_store(&t->count[w->id], n);
		raise_max(t, rev);
		atomic_fetch_add(&t->acked, 1);
	}
	return NULL;
}

static void child(const char *uri, struct told *t)
{
	struct writer w[WRITERS];
	struct store *s = NULL;
	pthread_t id;

	if (store_open(uri, &s, NULL) < 0)
		_exit(3);
	/* What is given from here on must lie above all that was ever seen. */
	if (store_revision(s) < atomic_load(&t->max_rev))
		_exit(4);
	for (unsigned i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){ s, t, i };
		if (pthread_create(&id, NULL, write_on, &w[i]) != 0)
			_exit(3);
	}
	for (;;)
		pause();
}

static void check_writer(struct store *s, struct told *t, unsigned id)
{
	_cleanup_store_entry_ struct store_entry *a = NULL, *b = NULL;
	struct record v;
	char key[16];
	size_t len = 0;

	snprintf(key, sizeof(key), "/A/%u", id);
	if (store_get(s, key, &a) == -ENOENT) {
		assert_int_equal(atomic_load(&t->count[id]), 0);
		return;
	}
	snprintf(key, sizeof(key), "/B/%u", id);
	assert_int_equal(store_get(s, key, &b), 0);
	assert_int_equal(store_entry_mod_rev(a), store_entry_mod_rev(b));
	assert_memory_equal(store_entry_value(a, &len), store_entry_value(b, NULL), sizeof(v));
	assert_int_equal(len, sizeof(v));
	memcpy(&v, store_entry_value(a, NULL), sizeof(v));
	for (size_t i = 0; i < PAD; i++)
		assert_int_equal(v.pad[i], v.count & 0xff);
	/* The last acknowledged one, or the one that was under way when the process died. */
	if (v.count == atomic_load(&t->count[id]))
		assert_int_equal(store_entry_mod_rev(a), atomic_load(&t->rev[id]));
	else
		assert_int_equal(v.count, atomic_load(&t->count[id]) + 1);
	assert_true(store_entry_mod_rev(a) >= atomic_load(&t->rev[id]));
	/* A lazy one that it had seen did not get lost behind it. */
	assert_true(lazy_rev(s) >= v.saw);
	atomic_store(&t->count[id], v.count);
	atomic_store(&t->rev[id], store_entry_mod_rev(a));
}

static void count_change(void *arg, const struct store_change *c)
{
	tally_add(arg);
}

/* Watches start where the list ends, also after a crash. */
static void check_watch(struct store *s)
{
	_cleanup_store_list_ struct store_list l = STORE_LIST_INIT;
	struct tally tally = TALLY_INIT;
	struct store_watch *w = NULL;
	uint64_t rev = 0;

	assert_int_equal(store_list(s, "/", &l), 0);
	for (size_t i = 0; i < l.n; i++)
		assert_true(store_entry_mod_rev(l.items[i]) <= l.rev);
	if (l.rev > 0)
		assert_int_equal(store_watch(s, "/", l.rev, count_change, &tally, &w), -ESTALE);
	assert_int_equal(store_watch(s, "/", l.rev + 1, count_change, &tally, &w), 0);
	assert_int_equal(put(s, "/check", "x", STORE_ANY, &rev), 0);
	assert_int_equal(rev, l.rev + 1);
	store_unwatch(w);
	assert_int_equal(tally.n, 1);
}

static void round_of(const char *uri, struct told *t, unsigned *seed)
{
	struct timespec more = { 0, (long)(rand_r(seed) % 3000) * 1000 };
	unsigned acks = (unsigned)rand_r(seed) % 16;
	int64_t until = clock_monotonic() + DEADLINE * NSEC_PER_SEC;
	struct store *s = NULL;
	int status = 0;
	pid_t pid;

	atomic_store(&t->acked, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(uri, t);
	/* The moment of death is the test's input: so many transactions and so long after; for none it may come while
	 * the store is being opened. */
	while (atomic_load(&t->acked) < acks && clock_monotonic() < until && waitpid(pid, &status, WNOHANG) == 0)
		sched_yield();
	nanosleep(&more, NULL);
	kill(pid, SIGKILL);
	if (status == 0)
		assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);

	assert_int_equal(store_open(uri, &s, NULL), 0);
	assert_true(store_revision(s) >= atomic_load(&t->max_rev));
	for (unsigned i = 0; i < WRITERS; i++)
		check_writer(s, t, i);
	check_watch(s);
	raise_max(t, store_revision(s));
	store_close(s);
}

static unsigned from_env(const char *name, unsigned fallback)
{
	const char *v = getenv(name);

	return v && *v ? (unsigned)strtoul(v, NULL, 10) : fallback;
}

static void test_crashes(void **state)
{
	unsigned seed = from_env("PODFS_TEST_SEED", (unsigned)clock_realtime() ^ (unsigned)getpid());
	unsigned rounds = from_env("PODFS_TEST_ROUNDS", 200);
	struct told *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char dir[64], uri[80];
	uint64_t total = 0;

	assert_true(t != MAP_FAILED);
	make_dir(dir);
	snprintf(uri, sizeof(uri), "lmdb:%s", dir);
	printf("# PODFS_TEST_SEED=%u\n", seed);
	fflush(stdout);
	for (unsigned i = 0; i < rounds; i++)
		round_of(uri, t, &seed);
	for (unsigned i = 0; i < WRITERS; i++)
		total += atomic_load(&t->count[i]);
	printf("# %u kills, %llu transactions, last revision %llu\n", rounds, (unsigned long long)total,
	       (unsigned long long)atomic_load(&t->max_rev));
	/* Else it has tested nothing. */
	assert_true(total > rounds);
	remove_dir(dir);
	munmap(t, sizeof(*t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crashes),
	};

	return cmocka_run_group_tests_name("store after a crash", tests, NULL, NULL);
}
