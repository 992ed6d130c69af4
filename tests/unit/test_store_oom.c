/* SPDX-License-Identifier: Apache-2.0 */
/* Each allocation of the store fails in turn: calls say -ENOMEM and nothing has changed, and the store goes on. */
#include <stdatomic.h>

#include "store_util.h"

/* The linker sends the allocations of this program's own objects here (--wrap). */
static _Atomic int until_failure; /* 0: never */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static bool fails(void)
{
	int n = atomic_load(&until_failure);

	if (n == 0)
		return false;
	atomic_store(&until_failure, n - 1);
	if (n == 1)
		errno = ENOMEM;
	return n == 1;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

/* Calls fn with the 1st, 2nd, … allocation failing, until it succeeds with none of them failing. */
static void each_failing(int (*fn)(struct fixture *), void (*unchanged)(struct fixture *), struct fixture *f, int least)
{
	int nth = 1;

	for (; nth < 2000; nth++) {
		int r;

		atomic_store(&until_failure, nth);
		r = fn(f);
		if (atomic_exchange(&until_failure, 0) > 0) {
			assert_int_equal(r, 0);
			break;
		}
		assert_int_equal(r, -ENOMEM);
		unchanged(f);
	}
	assert_in_range(nth, least + 1, 1999);
}

static int write_two(struct fixture *f)
{
	struct store_op ops[2] = { put_op("/new", "x", STORE_ABSENT), { STORE_DELETE, "/old", NULL, 0, STORE_ANY } };

	return store_commit(f->s, ops, 2, 0, NULL);
}

static int write_lazy(struct fixture *f)
{
	return put_lazy(f->s, "/newer", "x", NULL);
}

static void as_before(struct fixture *f)
{
	assert_value(f->s, "/old", "x", 1);
	assert_absent(f->s, "/new");
	assert_int_equal(store_revision(f->s), 1);
}

static void no_newer(struct fixture *f)
{
	assert_absent(f->s, "/newer");
}

static void test_commit(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f->s, "/old", "x", STORE_ABSENT, NULL), 0);
	each_failing(write_two, as_before, f, 4);
	assert_value(f->s, "/new", "x", 0);
	assert_absent(f->s, "/old");
	each_failing(write_lazy, no_newer, f, 4);
	assert_value(f->s, "/newer", "x", 0);
}

static int list_all(struct fixture *f)
{
	_cleanup_store_list_ struct store_list l = STORE_LIST_INIT;

	return store_list(f->s, "/", &l);
}

static void ignore_change(void *arg, const struct store_change *c)
{
}

static int watch_all(struct fixture *f)
{
	struct store_watch *w = NULL;
	int r = store_watch(f->s, "/", 0, ignore_change, NULL, &w);

	store_unwatch(w);
	return r;
}

static void still_there(struct fixture *f)
{
	assert_value(f->s, "/k", "x", 0);
}

static void test_read(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 40; i++) {
		char key[16];

		snprintf(key, sizeof(key), "/k/%u", i);
		assert_int_equal(put(f->s, key, "x", STORE_ABSENT, NULL), 0);
	}
	assert_int_equal(put(f->s, "/k", "x", STORE_ABSENT, NULL), 0);
	each_failing(list_all, still_there, f, 3);
	each_failing(watch_all, still_there, f, 1);
}

static int open_again(struct fixture *f)
{
	char uri[80];

	snprintf(uri, sizeof(uri), "lmdb:%s", f->dir);
	return store_open(uri, &f->s, NULL);
}

static void not_open(struct fixture *f)
{
	assert_null(f->s);
}

static void test_open(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f->s, "/a", "x", STORE_ABSENT, NULL), 0);
	assert_int_equal(put(f->s, "/b", "x", STORE_ABSENT, NULL), 0);
	fixture_close(f);
	each_failing(open_again, not_open, f, 5);
	assert_value(f->s, "/a", "x", 1);
	assert_value(f->s, "/b", "x", 2);
}

/* A history that cannot grow refuses a transaction before the disk has seen it. */
static int write_many(struct fixture *f)
{
	struct store_op ops[300];
	char key[300][16];

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		snprintf(key[i], sizeof(key[i]), "/many/%u", i);
		ops[i] = put_op(key[i], "x", STORE_ABSENT);
	}
	return store_commit(f->s, ops, ARRAY_SIZE(ops), 0, NULL);
}

static void none_of_many(struct fixture *f)
{
	assert_absent(f->s, "/many/0");
	assert_absent(f->s, "/many/299");
}

static void test_large(void **state)
{
	each_failing(write_many, none_of_many, *state, 900);
}

#define LMDB(fn) { #fn, fn, fixture_setup, fixture_teardown, (void *)"lmdb:" }

int main(void)
{
	const struct CMUnitTest tests[] = { LMDB(test_commit), LMDB(test_read), LMDB(test_open), LMDB(test_large) };

	return cmocka_run_group_tests_name("store out of memory", tests, NULL, NULL);
}
