/* SPDX-License-Identifier: Apache-2.0 */
/* The store and its disk: opening, growing, and everything that can go wrong with it. */
#include <fcntl.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "store/ahead.h"
#include "store/lmdb.h"
#include "store/record.h"
#include "store_util.h"

/* --- system calls that fail: LMDB's writes come here --- */

static _Atomic int calls_until_failure; /* 0: never */
static _Atomic int calls_failing;	/* how many fail once it is time */
static _Atomic int failure;		/* the errno */
static _Atomic int done_anyway;		/* so many of them take effect and yet report a failure */

static bool fails(void)
{
	int n = atomic_load(&calls_until_failure);

	if (n == 0)
		return false;
	if (n > 1) {
		atomic_store(&calls_until_failure, n - 1);
		return false;
	}
	if (atomic_fetch_sub(&calls_failing, 1) == 1)
		atomic_store(&calls_until_failure, 0);
	return true;
}

static long faulty_call(long number, long a, long b, long c, long d)
{
	bool fail = fails();
	long r = 0;

	if (!fail || atomic_fetch_sub(&done_anyway, 1) > 0)
		r = syscall(number, a, b, c, d);
	if (!fail)
		return r;
	errno = failure;
	return -1;
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	return faulty_call(SYS_pwrite64, fd, (long)buf, (long)n, off);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return faulty_call(SYS_writev, fd, (long)iov, n, 0);
}

int fdatasync(int fd)
{
	return (int)faulty_call(SYS_fdatasync, fd, 0, 0, 0);
}

/* --- opening --- */

static void test_reopen(void **state)
{
	struct fixture *f = *state;
	_cleanup_store_entry_ struct store_entry *e = NULL;
	uint64_t r1 = 0, r2 = 0, r3 = 0;
	struct stat st;
	char path[80];

	assert_int_equal(put(f->s, "/a", "one", STORE_ABSENT, &r1), 0);
	assert_int_equal(put(f->s, "/a", "two", r1, &r2), 0);
	assert_int_equal(put(f->s, "/gone", "x", STORE_ABSENT, NULL), 0);
	assert_int_equal(del(f->s, "/gone", STORE_ANY, &r3), 0);
	fixture_close(f);
	fixture_open(f);
	/* A clean end leaves no gap in the revisions. */
	assert_int_equal(store_revision(f->s), r3);
	assert_value(f->s, "/a", "two", r2);
	assert_absent(f->s, "/gone");
	assert_int_equal(store_get(f->s, "/a", &e), 0);
	assert_int_equal(store_entry_create_rev(e), r1);
	assert_int_equal(put(f->s, "/b", "x", STORE_ABSENT, &r1), 0);
	assert_int_equal(r1, r3 + 1);

	assert_int_equal(stat(f->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_creates_directory(void **state)
{
	char dir[64], sub[80], uri[96];
	struct store *s = NULL;
	struct stat st;

	make_dir(dir);
	snprintf(sub, sizeof(sub), "%s/new", dir);
	snprintf(uri, sizeof(uri), "lmdb:%s", sub);
	assert_int_equal(store_open(uri, &s, NULL), 0);
	store_close(s);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	remove_dir(sub);
	remove_dir(dir);
}

static void test_busy(void **state)
{
	struct fixture *f = *state;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct store *s = NULL;
	char uri[80];
	int fds[2], status;
	char c;
	pid_t pid;

	snprintf(uri, sizeof(uri), "lmdb:%s", f->dir);
	assert_int_equal(store_open(uri, &s, &err), -EBUSY);
	assert_non_null(strstr(error_text(&err), f->dir));
	assert_int_equal(put(f->s, "/a", "x", STORE_ANY, NULL), 0);
	fixture_close(f);

	/* Another process's lock ends with it. */
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (store_open(uri, &s, NULL) < 0 || write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	assert_int_equal(store_open(uri, &s, NULL), -EBUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fixture_open(f);
	assert_value(f->s, "/a", "x", 0);
}

/* Writes a record with LMDB itself; a NULL value deletes. */
static void poke(const char *dir, const char *key, size_t key_len, const void *value, size_t len)
{
	MDB_env *env = NULL;
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	MDB_val k = { key_len, (void *)key }, v = { len, (void *)value };

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(value ? mdb_put(txn, dbi, &k, &v, 0) : mdb_del(txn, dbi, &k, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static char *slurp(const char *dir, size_t *ret_len)
{
	char path[80];
	_cleanup_close_ int fd = -1;
	struct stat st;
	char *data = NULL;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	*ret_len = (size_t)st.st_size;
	return data;
}

/* Opens what must not open, and checks that it was not touched. */
static void assert_refused(const char *dir, int want, const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_free_ char *before = NULL, *after = NULL;
	size_t n = 0, m = 0;
	struct store *s = NULL;
	char uri[80];

	before = slurp(dir, &n);
	snprintf(uri, sizeof(uri), "lmdb:%s", dir);
	assert_int_equal(store_open(uri, &s, &err), want);
	assert_non_null(strstr(error_text(&err), text));
	after = slurp(dir, &m);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, n);
}

static void test_refuses_others(void **state)
{
	static const unsigned char newer[24] = { RECORD_FORMAT + 1 };
	static const unsigned char damaged[RECORD_HEADER] = { 9, [8] = 2 };
	struct fixture *f = *state;

	assert_int_equal(put(f->s, "/a", "x", STORE_ANY, NULL), 0);
	fixture_close(f);
	poke(f->dir, "/bad", 4, damaged, sizeof(damaged));
	assert_refused(f->dir, -EBADMSG, "/bad");
	poke(f->dir, "/bad", 4, NULL, 0);
	poke(f->dir, RECORD_META_KEY, RECORD_META_KEY_LEN, newer, sizeof(newer));
	assert_refused(f->dir, -EPROTO, "newer");
	poke(f->dir, RECORD_META_KEY, RECORD_META_KEY_LEN, newer, 7);
	assert_refused(f->dir, -EBADMSG, "damaged");
	poke(f->dir, RECORD_META_KEY, RECORD_META_KEY_LEN, NULL, 0);
	assert_refused(f->dir, -EBADMSG, "someone else");
}

static void test_refuses_garbage(void **state)
{
	char dir[64], path[80], junk[8192];
	_cleanup_close_ int fd = -1;

	make_dir(dir);
	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	memset(junk, 'j', sizeof(junk));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	assert_refused(dir, -EBADMSG, dir);
	remove_dir(dir);
}

/* --- growing --- */

static struct store *open_small(const char *dir, size_t map_size, struct faulty *faulty)
{
	struct store *s = NULL;
	void *be = NULL;

	assert_int_equal(store_lmdb_open(dir, map_size, &be, NULL), 0);
	if (faulty) {
		faulty_init(faulty, &store_lmdb_ops, be);
		return faulty_open(faulty);
	}
	assert_int_equal(store_open_backend(&store_lmdb_ops, be, &s, NULL), 0);
	return s;
}

static void test_grows(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *big = malloc(1 << 20);
	struct store_op op = { STORE_PUT, "/big", big, 1 << 20, STORE_ANY };
	char key[16];

	assert_non_null(big);
	memset(big, 'b', 1 << 20);
	fixture_close(f);
	f->s = open_small(f->dir, 64 * 1024, NULL);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "/%u", i);
		op.len = 3000;
		op.key = key;
		assert_int_equal(store_commit(f->s, &op, 1, 0, NULL), 0);
	}
	/* One transaction larger than several doublings. */
	op.len = 1 << 20;
	op.key = "/big";
	assert_int_equal(store_commit(f->s, &op, 1, 0, NULL), 0);
	assert_int_equal(put(f->s, "/after", "x", STORE_ABSENT, NULL), 0);
	fixture_close(f);
	f->s = open_small(f->dir, 64 * 1024, NULL);
	assert_value(f->s, "/after", "x", 102);
	assert_int_equal(put(f->s, "/again", "x", STORE_ABSENT, NULL), 0);
}

/* The file is longer than what is used, so that few commits make it longer; a small map is no reason to pass its end. */
static void test_grows_ahead(void **state)
{
	struct fixture *f = *state;
	char path[80], key[16], value[2001] = "";
	unsigned grown = 0;
	off_t size = 0;
	struct stat st;

	memset(value, 'v', sizeof(value) - 1);
	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "/%u", i);
		assert_int_equal(put(f->s, key, value, STORE_ABSENT, NULL), 0);
		assert_int_equal(stat(path, &st), 0);
		grown += st.st_size != size;
		size = st.st_size;
	}
	assert_in_range(grown, 2, 20);
	assert_in_range(st.st_blocks * 512LL, AHEAD_LEFT + 100 * 2000, 10 * AHEAD_BYTES);
	fixture_close(f);
	fixture_open(f);
	assert_value(f->s, "/99", value, 0);
	assert_int_equal(put(f->s, "/more", value, STORE_ABSENT, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size - size <= AHEAD_BYTES); /* what was left is found again */

	assert_int_equal(del(f->s, "/more", STORE_ANY, NULL), 0);
	fixture_close(f);
	remove(path);
	f->s = open_small(f->dir, AHEAD_BYTES, NULL);
	assert_int_equal(put(f->s, "/a", "x", STORE_ABSENT, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < AHEAD_BYTES);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they need address space of their own */
static rlim_t address_space(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* A full map that may not grow: the writer gets ENOSPC, and nothing that was acknowledged is lost. */
static void test_growth_refused(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, little;
	_cleanup_free_ char *big = malloc(200001);
	unsigned n = 0;
	char key[16];
	int r = 0;

	assert_non_null(big);
	memset(big, 'b', 200000);
	big[200000] = '\0';
	fixture_close(f);
	f->s = open_small(f->dir, 16 << 20, NULL);
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	little = (struct rlimit){ .rlim_cur = address_space() + (24 << 20), .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_AS, &little), 0);
	while (r == 0 && n < 1000) {
		(void)snprintf(key, sizeof(key), "/%u", n);
		r = put(f->s, key, big, STORE_ABSENT, NULL);
		n += r == 0;
	}
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	if (r != -ENOSPC && r != -ENOMEM)
		fail_msg("%u puts and then %d", n, r);
	assert_in_range(n, 10, 200);
	assert_value(f->s, "/0", big, 0);
	fixture_close(f);
	fixture_open(f);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "/%u", i);
		assert_value(f->s, key, big, 0);
	}
	assert_int_equal(put(f->s, key, "x", STORE_ANY, NULL), 0); /* and it goes on where there is room */
}
#else
static void test_growth_refused(void **state)
{
	skip();
}
#endif

/* --- lazy transactions --- */

static void test_lazy(void **state)
{
	struct fixture *f = *state;
	struct store_stats st;
	uint64_t rev = 0;

	fixture_close(f);
	f->s = open_small(f->dir, 0, &f->faulty);
	/* The first reserves revisions; no further one may write. */
	assert_int_equal(put(f->s, "/a", "x", STORE_ANY, NULL), 0);
	assert_int_equal(f->faulty.writes, 1);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(put_lazy(f->s, "/lazy", "y", &rev), 0);
	assert_int_equal(put_lazy(f->s, "/a", "z", NULL), 0);
	assert_int_equal(f->faulty.writes, 1);
	assert_value(f->s, "/lazy", "y", rev);
	store_stats(f->s, &st);
	assert_int_equal(st.lazy_pending, 2);
	assert_int_equal(st.disk_commits, 1);
	/* A conflict does not ask for the disk either. */
	assert_int_equal(put(f->s, "/a", "w", STORE_ABSENT, NULL), -EEXIST);
	assert_int_equal(f->faulty.writes, 1);
	assert_int_equal(put(f->s, "/b", "x", STORE_ANY, NULL), 0);
	assert_int_equal(f->faulty.writes, 2);
	store_stats(f->s, &st);
	assert_int_equal(st.lazy_pending, 0);
	assert_int_equal(put_lazy(f->s, "/lazy", "last", &rev), 0);
	fixture_close(f);
	fixture_open(f);
	assert_value(f->s, "/lazy", "last", rev);
	assert_value(f->s, "/a", "z", 0);
	assert_int_equal(store_revision(f->s), rev);
}

static void test_idle_writes_nothing(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *before = NULL, *after = NULL;
	size_t n = 0, m = 0;

	assert_int_equal(put(f->s, "/a", "x", STORE_ANY, NULL), 0);
	fixture_close(f);
	before = slurp(f->dir, &n);
	fixture_open(f);
	assert_value(f->s, "/a", "x", 1);
	fixture_close(f);
	after = slurp(f->dir, &m);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, n);
}

/* --- a disk that refuses --- */

static void test_write_fails(void **state)
{
	struct fixture *f = *state;
	uint64_t r1 = 0, r2 = 0;
	struct tally none = TALLY_INIT;

	fixture_close(f);
	f->s = open_small(f->dir, 0, &f->faulty);
	assert_int_equal(put(f->s, "/a", "x", STORE_ANY, &r1), 0);
	assert_int_equal(put_lazy(f->s, "/lazy", "y", NULL), 0);
	f->faulty.fail_at = 2;
	f->faulty.fail_n = 2;
	assert_int_equal(put(f->s, "/a", "z", STORE_ANY, NULL), -EIO);
	f->faulty.error = -ENOSPC;
	assert_int_equal(del(f->s, "/a", STORE_ANY, NULL), -ENOSPC);
	assert_value(f->s, "/a", "x", r1);
	assert_value(f->s, "/lazy", "y", r1 + 1);
	assert_int_equal(store_revision(f->s), r1 + 1);
	assert_int_equal(none.n, 0);
	assert_int_equal(put(f->s, "/a", "w", r1, &r2), 0);
	assert_true(r2 > r1 + 1);
	fixture_close(f);
	fixture_open(f);
	assert_value(f->s, "/a", "w", r2);
	assert_value(f->s, "/lazy", "y", r1 + 1);
}

struct result {
	struct tally *tally;
	int result;
	uint64_t rev;
};

static void note(void *arg, int result, uint64_t rev)
{
	struct result *r = arg;

	r->result = result;
	r->rev = rev;
	tally_add(r->tally);
}

/* One transaction that the disk does not take must not take others of its batch with it; those that rest on it are
 * judged anew. */
static void test_group_fails(void **state)
{
	struct fixture *f = *state;
	struct tally tally = TALLY_INIT;
	struct result res[7];
	char key[40][8];
	struct store_op first = put_op("/first", "x", STORE_ANY), wide[40];
	struct store_op ops[] = { put_op("/a", "1", STORE_ABSENT), put_op("/k0", "2", STORE_ABSENT),
				  put_op("/lazy", "3", STORE_ANY), put_op("/b", "4", STORE_ABSENT) };

	fixture_close(f);
	f->s = open_small(f->dir, 0, &f->faulty);
	f->faulty.fail_above = 20;
	f->faulty.error = -ENOSPC;
	for (unsigned i = 0; i < 40; i++) {
		snprintf(key[i], sizeof(key[i]), "/k%u", i);
		wide[i] = put_op(key[i], "wide", STORE_ANY);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(res); i++)
		res[i] = (struct result){ &tally, 1, 0 };
	/* Hold the first commit, so that the others gather behind it. */
	faulty_gate(&f->faulty, true);
	assert_int_equal(store_submit(f->s, &first, 1, 0, note, &res[0]), 0);
	faulty_wait_at_gate(&f->faulty);
	assert_int_equal(store_submit(f->s, &ops[0], 1, 0, note, &res[1]), 0);
	assert_int_equal(store_submit(f->s, wide, 40, 0, note, &res[2]), 0);
	assert_int_equal(store_submit(f->s, &ops[1], 1, 0, note, &res[3]), 0); /* absent only if `wide` is refused */
	assert_int_equal(store_submit(f->s, &ops[2], 1, STORE_LAZY, note, &res[4]), 0);
	assert_int_equal(store_submit(f->s, &ops[3], 1, 0, note, &res[5]), 0);
	assert_int_equal(store_submit(f->s, &ops[3], 1, 0, note, &res[6]), 0);
	faulty_gate(&f->faulty, false);
	tally_wait(&tally, 7);
	assert_int_equal(res[0].result, 0);
	assert_int_equal(res[1].result, 0);
	assert_int_equal(res[2].result, -ENOSPC);
	assert_int_equal(res[3].result, 0);
	assert_int_equal(res[4].result, 0);
	assert_int_equal(res[5].result, 0);
	assert_int_equal(res[6].result, -EEXIST);
	assert_true(res[0].rev < res[1].rev && res[1].rev < res[3].rev && res[3].rev < res[4].rev &&
		    res[4].rev < res[5].rev);
	assert_value(f->s, "/k0", "2", res[3].rev);
	assert_absent(f->s, "/k1");
	fixture_close(f);
	fixture_open(f);
	assert_value(f->s, "/k0", "2", res[3].rev);
	assert_value(f->s, "/lazy", "3", res[4].rev);
	assert_absent(f->s, "/k1");
}

static void test_groups_share_commits(void **state)
{
	struct fixture *f = *state;
	struct tally tally = TALLY_INIT;
	struct result res = { &tally, 1, 0 };
	struct store_op op = put_op("/a", "x", STORE_ANY);

	fixture_close(f);
	f->s = open_small(f->dir, 0, &f->faulty);
	faulty_gate(&f->faulty, true);
	for (unsigned i = 0; i < 65; i++) {
		assert_int_equal(store_submit(f->s, &op, 1, 0, note, &res), 0);
		if (i == 0)
			faulty_wait_at_gate(&f->faulty);
	}
	/* Nothing is visible before it is durable. */
	assert_absent(f->s, "/a");
	assert_int_equal(store_revision(f->s), 0);
	faulty_gate(&f->faulty, false);
	tally_wait(&tally, 65);
	assert_int_equal(f->faulty.writes, 2);
	assert_value(f->s, "/a", "x", 65);
}

static void reopen(struct fixture *f)
{
	fixture_close(f);
	fixture_open(f);
}

/*
 * Makes the nth call of a transaction fail, and `calls` - 1 after it; the first takes effect if `anyway`. Returns
 * whether it has so many calls. Counts in *stuck the times when the store had to be opened again to go on.
 */
static bool fail_nth(struct fixture *f, int nth, int calls, int anyway, unsigned *stuck, uint64_t *last)
{
	const char *now = "now", *next = "next";
	uint64_t rev = 0;
	int r;

	failure = nth % 2 ? EIO : ENOSPC;
	done_anyway = anyway;
	atomic_store(&calls_failing, calls);
	atomic_store(&calls_until_failure, nth);
	r = put(f->s, "/a", next, *last, &rev);
	if (atomic_exchange(&calls_until_failure, 0) > 0 && atomic_load(&calls_failing) == calls) {
		assert_int_equal(r, 0);
		return false;
	}
	assert_true(r == -EIO || r == -ENOSPC);
	assert_value(f->s, "/a", now, *last);

	/* If the next works, the disk shows what memory shows; else it does so after another start. */
	r = put(f->s, "/b", next, STORE_ANY, &rev);
	if (r == 0) {
		assert_true(rev > *last);
		reopen(f);
		assert_value(f->s, "/a", now, *last);
		assert_value(f->s, "/b", next, rev);
		return true;
	}
	assert_int_equal(r, -EIO);
	++*stuck;
	reopen(f);
	assert_int_equal(put(f->s, "/a", now, STORE_ANY, &rev), 0);
	assert_true(rev > *last);
	*last = rev;
	return true;
}

/* Each call of LMDB to the system fails in turn, and the store goes on or refuses, but never lies. */
static void test_system_calls_fail(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;

	for (int calls = 1; calls < 4; calls++) {
		for (int anyway = 0; anyway < 2; anyway++) {
			unsigned stuck = 0;
			int nth = 1;

			assert_int_equal(put(f->s, "/a", "now", STORE_ANY, &last), 0);
			while (nth < 30 && fail_nth(f, nth, calls, anyway, &stuck, &last))
				nth++;
			/* At least data, sync, and the page that makes them count. */
			assert_in_range(nth, 3, 29);
			/* Only when that page was written and could not be taken back. */
			assert_int_equal(stuck, anyway && calls > 1);
		}
	}
}

/* In a child with a mount namespace of its own: exit status 0, or the line that failed. */
#define NEED(cond)                                                           \
	do {                                                                 \
		if (!(cond)) {                                               \
			fprintf(stderr, "# line %d: %s\n", __LINE__, #cond); \
			_exit(1);                                            \
		}                                                            \
	} while (0)

static void on_small_disk(const char *dir)
{
	_cleanup_free_ char *big = calloc(1, 64 * 1024);
	struct store *s = NULL;
	struct store_entry *e = NULL;
	char uri[80], key[16];
	unsigned n = 0, freed = 0;
	uint64_t last = 0;
	int r = 0;

	NEED(big && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	NEED(mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, "size=2m,mode=700") == 0);
	snprintf(uri, sizeof(uri), "lmdb:%s", dir);
	NEED(store_open(uri, &s, NULL) == 0);
	for (; n < 100 && r == 0; n++) {
		struct store_op op = { STORE_PUT, key, big, 64 * 1024, STORE_ABSENT };

		snprintf(key, sizeof(key), "/%u", n);
		r = store_commit(s, &op, 1, 0, r ? NULL : &last);
	}
	NEED(r == -ENOSPC);
	NEED(n > 10 && n < 100);
	NEED(store_get(s, key, &e) == -ENOENT);
	NEED(store_revision(s) == last);
	/* Refused, and yet alive: what is small still fits once something has gone. */
	for (; freed < 4; freed++) {
		snprintf(key, sizeof(key), "/%u", freed);
		NEED(del(s, key, STORE_ANY, NULL) == 0);
	}
	NEED(put(s, "/small", "x", STORE_ABSENT, &last) == 0);
	store_close(s);
	NEED(store_open(uri, &s, NULL) == 0);
	NEED(store_get(s, "/small", &e) == 0 && store_entry_mod_rev(e) == last);
	store_entry_unref(e);
	NEED(store_get(s, "/0", &e) == -ENOENT);
	store_close(s);
	_exit(0);
}

static void test_disk_full(void **state)
{
	char dir[64];
	int status = 0;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("# needs root for a small file system of its own\n");
		skip();
	}
	make_dir(dir);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		on_small_disk(dir);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	remove_dir(dir);
}

#define DISK(fn) { #fn, fn, fixture_setup, fixture_teardown, (void *)"lmdb:" }

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK(test_reopen),
		cmocka_unit_test(test_creates_directory),
		DISK(test_busy),
		DISK(test_refuses_others),
		cmocka_unit_test(test_refuses_garbage),
		DISK(test_grows),
		DISK(test_growth_refused),
		DISK(test_grows_ahead),
		DISK(test_lazy),
		DISK(test_idle_writes_nothing),
		DISK(test_write_fails),
		DISK(test_group_fails),
		DISK(test_groups_share_commits),
		DISK(test_system_calls_fail),
		cmocka_unit_test(test_disk_full),
	};

	return cmocka_run_group_tests_name("store on disk", tests, NULL, NULL);
}
