/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of the store, on each back end. */
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "store_util.h"

static void test_revisions(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	_cleanup_store_entry_ struct store_entry *e = NULL;
	uint64_t r1 = 0, r2 = 0, r3 = 0, r4 = 0;

	assert_int_equal(store_revision(s), 0);
	assert_int_equal(put(s, "/a", "one", STORE_ABSENT, &r1), 0);
	assert_int_equal(r1, 1);
	assert_int_equal(put(s, "/a", "two", r1, &r2), 0);
	assert_int_equal(r2, 2);
	assert_int_equal(store_get(s, "/a", &e), 0);
	assert_int_equal(store_entry_create_rev(e), r1);
	assert_int_equal(store_entry_mod_rev(e), r2);
	assert_int_equal(del(s, "/a", r2, &r3), 0);
	assert_int_equal(r3, 3);
	assert_absent(s, "/a");
	assert_int_equal(put(s, "/a", "three", STORE_ABSENT, &r4), 0);
	assert_int_equal(r4, 4);
	/* The old snapshot is what it was. */
	assert_int_equal(store_entry_mod_rev(e), r2);
	assert_memory_equal(store_entry_value(e, NULL), "two", 3);
	store_entry_unref(steal_ptr(e));
	assert_int_equal(store_get(s, "/a", &e), 0);
	assert_int_equal(store_entry_create_rev(e), r4);
	assert_int_equal(store_revision(s), 4);
}

static void test_expectations(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct store_op check = { .type = STORE_CHECK, .key = "/a", .expect = STORE_ABSENT };
	struct store_stats st;
	uint64_t rev = 0, unset = 77;

	assert_int_equal(put(s, "/a", "x", STORE_ABSENT, &rev), 0);
	assert_int_equal(put(s, "/a", "y", STORE_ABSENT, &unset), -EEXIST);
	assert_int_equal(unset, 77);
	assert_int_equal(put(s, "/a", "y", rev + 1, NULL), -ESTALE);
	assert_int_equal(put(s, "/b", "y", rev, NULL), -ESTALE);
	assert_int_equal(del(s, "/b", rev, NULL), -ESTALE);
	assert_int_equal(del(s, "/a", STORE_ABSENT, NULL), -EEXIST);
	assert_int_equal(store_commit(s, &check, 1, 0, NULL), -EEXIST);
	assert_value(s, "/a", "x", rev);
	assert_absent(s, "/b");
	assert_int_equal(store_revision(s), rev);
	store_stats(s, &st);
	assert_int_equal(st.conflicts, 6);
	assert_int_equal(st.keys, 1);
	assert_int_equal(st.bytes, 3);

	/* What changes nothing takes no revision. */
	assert_int_equal(del(s, "/b", STORE_ANY, &unset), 0);
	assert_int_equal(unset, rev);
	check.expect = rev;
	unset = 0;
	assert_int_equal(store_commit(s, &check, 1, 0, &unset), 0);
	assert_int_equal(unset, rev);
	assert_int_equal(store_commit(s, NULL, 0, 0, &unset), 0);
	assert_int_equal(unset, rev);
	/* Writing the same bytes again is a change. */
	assert_int_equal(put(s, "/a", "x", STORE_ANY, &unset), 0);
	assert_int_equal(unset, rev + 1);
}

static void test_whole_or_not(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct store_op ops[3] = { put_op("/1", "a", STORE_ANY), put_op("/2", "b", STORE_ANY),
				   { .type = STORE_CHECK, .key = "/3", .expect = 9 } };
	uint64_t rev = 0;

	assert_int_equal(store_commit(s, ops, 3, 0, NULL), -ESTALE);
	assert_absent(s, "/1");
	assert_absent(s, "/2");
	ops[2].expect = STORE_ABSENT;
	assert_int_equal(store_commit(s, ops, 3, 0, &rev), 0);
	assert_value(s, "/1", "a", rev);
	assert_value(s, "/2", "b", rev);
	/* A key may be checked and changed, but not changed twice. */
	ops[2] = (struct store_op){ .type = STORE_CHECK, .key = "/1", .expect = rev };
	assert_int_equal(store_commit(s, ops, 3, 0, NULL), 0);
	ops[2] = (struct store_op){ .type = STORE_DELETE, .key = "/1", .expect = STORE_ANY };
	assert_int_equal(store_commit(s, ops, 3, 0, NULL), -EINVAL);
}

static void test_list(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	static const char *const keys[] = { "/b/2", "/a", "/b/\xff", "/b", "/b/1", "/b/10", "/b0", "/c" };
	static const char *const want[] = { "/b/1", "/b/10", "/b/2", "/b/\xff" };
	_cleanup_store_list_ struct store_list l = STORE_LIST_INIT, all = STORE_LIST_INIT;
	struct store_list none = { (void *)keys, 9, 9 };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(put(s, keys[i], keys[i], STORE_ABSENT, NULL), 0);
	assert_int_equal(store_list(s, "/b/", &l), 0);
	assert_int_equal(l.n, ARRAY_SIZE(want));
	assert_int_equal(l.rev, ARRAY_SIZE(keys));
	assert_int_equal(del(s, "/b/1", STORE_ANY, NULL), 0);
	for (size_t i = 0; i < l.n; i++)
		assert_string_equal(store_entry_key(l.items[i]), want[i]);
	assert_int_equal(store_list(s, "", &all), 0);
	assert_int_equal(all.n, ARRAY_SIZE(keys) - 1);
	assert_int_equal(store_list(s, "/d", &none), 0);
	assert_int_equal(none.n, 0);
	assert_int_equal(none.rev, ARRAY_SIZE(keys) + 1);
}

static void test_limits(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	char key[STORE_KEY_MAX + 2];
	_cleanup_free_ char *big = malloc(STORE_VALUE_MAX + 1);
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct store_op op = { .type = STORE_PUT, .key = key, .value = big, .expect = STORE_ANY };
	size_t len = 0;

	assert_non_null(big);
	memset(big, 'v', STORE_VALUE_MAX + 1);
	memset(key, 'k', sizeof(key));
	key[STORE_KEY_MAX + 1] = '\0';
	assert_int_equal(store_commit(s, &op, 1, 0, NULL), -E2BIG);
	key[STORE_KEY_MAX] = '\0';
	op.len = STORE_VALUE_MAX + 1;
	assert_int_equal(store_commit(s, &op, 1, 0, NULL), -E2BIG);
	op.len = STORE_VALUE_MAX;
	assert_int_equal(store_commit(s, &op, 1, 0, NULL), 0);
	assert_int_equal(store_get(s, key, &e), 0);
	assert_memory_equal(store_entry_value(e, &len), big, STORE_VALUE_MAX);
	assert_int_equal(len, STORE_VALUE_MAX);
	assert_int_equal(put(s, "/empty", "", STORE_ABSENT, NULL), 0);
	assert_value(s, "/empty", "", 2);
	assert_int_equal(put(s, "", "x", STORE_ANY, NULL), -EINVAL);
}

/* --- watching --- */

struct seen {
	struct tally tally;
	uint64_t revs[64];
	char what[64][24]; /* "KEY OLD>NOW" */
};

static void text_of(const struct store_entry *e, char out[static 8])
{
	size_t len = 0;
	const void *v = e ? store_entry_value(e, &len) : NULL;

	snprintf(out, 8, "%.*s", e ? (int)len : 1, e ? (const char *)v : "-");
}

static void see(void *arg, const struct store_change *c)
{
	struct seen *seen = arg;
	char old[8], now[8];

	text_of(c->old, old);
	text_of(c->now, now);
	seen->revs[seen->tally.n] = c->rev;
	snprintf(seen->what[seen->tally.n], sizeof(seen->what[0]), "%s %s>%s", store_entry_key(c->now ? c->now : c->old),
		 old, now);
	tally_add(&seen->tally);
}

static void test_watch(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct seen a = { TALLY_INIT }, b = { TALLY_INIT }, future = { TALLY_INIT };
	struct store_watch *wa = NULL, *wb = NULL, *wf = NULL;
	struct store_op two[2] = { put_op("/x/3", "p", STORE_ANY), put_op("/x/2", "q", STORE_ANY) };

	assert_int_equal(store_watch(s, "/x/", 0, see, &a, &wa), 0);
	assert_int_equal(store_watch(s, "/x/", 4, see, &future, &wf), 0);
	assert_int_equal(put(s, "/x/1", "a", STORE_ANY, NULL), 0);
	assert_int_equal(put(s, "/y/1", "b", STORE_ANY, NULL), 0);
	assert_int_equal(put(s, "/x/1", "c", STORE_ANY, NULL), 0);
	/* A commit returns after the watches have been given its changes: no waiting here. */
	assert_int_equal(a.tally.n, 2);
	assert_int_equal(future.tally.n, 0);
	assert_int_equal(del(s, "/x/1", STORE_ANY, NULL), 0);
	assert_int_equal(store_commit(s, two, 2, 0, NULL), 0);
	assert_int_equal(a.tally.n, 5);
	assert_string_equal(a.what[0], "/x/1 ->a");
	assert_string_equal(a.what[1], "/x/1 a>c");
	assert_string_equal(a.what[2], "/x/1 c>-");
	assert_string_equal(a.what[3], "/x/3 ->p");
	assert_string_equal(a.what[4], "/x/2 ->q");
	assert_int_equal(a.revs[2], 4);
	assert_int_equal(a.revs[3], 5);
	assert_int_equal(a.revs[4], 5);
	assert_int_equal(future.tally.n, 3);
	assert_int_equal(future.revs[0], 4);

	/* From the past: the same changes, each once. */
	assert_int_equal(store_watch(s, "/x/1", 3, see, &b, &wb), 0);
	tally_wait(&b.tally, 2);
	assert_int_equal(put(s, "/x/1", "z", STORE_ANY, NULL), 0);
	assert_int_equal(b.tally.n, 3);
	assert_string_equal(b.what[0], "/x/1 a>c");
	assert_string_equal(b.what[1], "/x/1 c>-");
	assert_string_equal(b.what[2], "/x/1 ->z");

	store_unwatch(wb);
	assert_int_equal(put(s, "/x/1", "w", STORE_ANY, NULL), 0);
	assert_int_equal(b.tally.n, 3);
	assert_int_equal(a.tally.n, 7);
	store_unwatch(wa);
	store_unwatch(wf);
	store_unwatch(NULL);
}

static void test_compaction(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct store_watch *w = NULL;
	struct tally none = TALLY_INIT;
	_cleanup_free_ char *big = calloc(1, 600000);
	struct store_op op = put_op("/a", "x", STORE_ANY), fat = { STORE_PUT, "/f", big, 600000, STORE_ANY };
	uint64_t rev = 0;

	for (unsigned i = 0; i < 10001; i++)
		assert_int_equal(store_submit(s, &op, 1, STORE_LAZY, NULL, NULL), 0);
	assert_int_equal(put(s, "/b", "x", STORE_ANY, &rev), 0);
	assert_int_equal(rev, 10002);
	assert_int_equal(store_watch(s, "/none", 2, (store_watch_fn)see, &none, &w), -ESTALE);
	assert_int_equal(store_watch(s, "/none", 3, (store_watch_fn)see, &none, &w), 0);
	store_unwatch(steal_ptr(w));
	/* Large values push older changes out, but for the last 16. */
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(store_commit(s, &fat, 1, 0, &rev), 0);
	assert_int_equal(store_watch(s, "/none", rev - 16, (store_watch_fn)see, &none, &w), -ESTALE);
	assert_int_equal(store_watch(s, "/none", rev - 15, (store_watch_fn)see, &none, &w), 0);
	store_unwatch(w);
}

static void test_list_after(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	static const char *const keys[] = { "/a", "/b/1", "/b/2", "/b/3", "/c" };
	char after[16] = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_int_equal(put(s, keys[i], "v", STORE_ABSENT, NULL), 0);
	for (unsigned i = 0; i < 4; i++) { /* one by one, past one that is not there any more */
		_cleanup_store_list_ struct store_list l = STORE_LIST_INIT;

		assert_int_equal(store_list_after(s, "/b/", after, 1, &l), 0);
		assert_int_equal(l.n, i < 3);
		if (!l.n)
			break;
		assert_string_equal(store_entry_key(l.items[0]), keys[i + 1]);
		(void)snprintf(after, sizeof(after), "%s", store_entry_key(l.items[0]));
		if (i == 1)
			assert_int_equal(del(s, after, STORE_ANY, NULL), 0);
	}
}

static void assert_next(struct store *s, uint64_t *cursor, const char *key, uint64_t rev, bool had, bool has)
{
	_cleanup_store_change_ struct store_change c = { 0 };

	assert_int_equal(store_next(s, cursor, &c), 1);
	assert_int_equal(c.rev, rev);
	assert_int_equal(c.old != NULL, had);
	assert_int_equal(c.now != NULL, has);
	assert_string_equal(store_entry_key(c.now ? c.now : c.old), key);
}

static void test_cursor(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct store_change c = { 0 };
	uint64_t cursor, old;

	assert_int_equal(put(s, "/a", "1", STORE_ANY, NULL), 0);
	old = cursor = store_cursor(s);
	assert_int_equal(store_next(s, &cursor, &c), 0);
	assert_int_equal(put(s, "/a", "2", STORE_ANY, NULL), 0);
	assert_int_equal(put(s, "/b", "1", STORE_ANY, NULL), 0);
	assert_int_equal(del(s, "/a", STORE_ANY, NULL), 0);
	assert_next(s, &cursor, "/a", 2, true, true);
	assert_next(s, &cursor, "/b", 3, false, true);
	assert_next(s, &cursor, "/a", 4, true, false);
	assert_int_equal(store_next(s, &cursor, &c), 0);
	for (unsigned i = 0; i < 10100; i++)
		assert_int_equal(put_lazy(s, "/c", "x", NULL), 0);
	assert_int_equal(put(s, "/d", "x", STORE_ANY, NULL), 0);
	assert_int_equal(store_next(s, &old, &c), -ESTALE);
	assert_null(c.now);
}

static void test_versions(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	_cleanup_store_list_ struct store_list none = STORE_LIST_INIT, l = STORE_LIST_INIT, many = STORE_LIST_INIT;
	_cleanup_store_entry_ struct store_entry *first = NULL, *third = NULL, *last = NULL;
	size_t len;

	assert_int_equal(put(s, "/a", "1", STORE_ANY, NULL), 0);
	assert_int_equal(store_get(s, "/a", &first), 0);
	assert_int_equal(store_versions(s, first, &none), 0);
	assert_int_equal(none.n, 0);
	assert_int_equal(put(s, "/b", "x", STORE_ANY, NULL), 0);
	assert_int_equal(put(s, "/a", "2", STORE_ANY, NULL), 0);
	assert_int_equal(put(s, "/a", "3", STORE_ANY, NULL), 0);
	assert_int_equal(store_get(s, "/a", &third), 0);
	assert_int_equal(put(s, "/a", "4", STORE_ANY, NULL), 0);
	assert_int_equal(store_versions(s, third, &l), 0); /* those before that one */
	assert_int_equal(l.n, 2);
	assert_memory_equal(store_entry_value(l.items[0], &len), "2", 1);
	assert_memory_equal(store_entry_value(l.items[1], &len), "1", 1);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(put(s, "/a", "n", STORE_ANY, NULL), 0);
	assert_int_equal(store_get(s, "/a", &last), 0);
	assert_int_equal(store_versions(s, last, &many), 0);
	assert_int_equal(many.n, 16);
}

/* --- callbacks --- */

struct order {
	struct tally tally;
	struct store *s;
	uint64_t last;
	bool wrong;
	int commit, again;
};

static void in_order(void *arg, int result, uint64_t rev)
{
	struct order *o = arg;

	o->wrong |= result != 0 || rev != o->last + 1 || store_revision(o->s) < rev;
	o->last = rev;
	tally_add(&o->tally);
}

static void test_submit_order(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct order o = { .tally = TALLY_INIT, .s = s };
	char key[16];

	for (unsigned i = 0; i < 500; i++) {
		struct store_op op;

		snprintf(key, sizeof(key), "/%u", i % 7);
		op = put_op(key, key, STORE_ANY);
		assert_int_equal(store_submit(s, &op, 1, i % 3 ? 0 : STORE_LAZY, in_order, &o), 0);
		memset(key, 'X', sizeof(key)); /* everything was copied */
	}
	tally_wait(&o.tally, 500);
	assert_false(o.wrong);
	assert_int_equal(o.last, 500);
}

static void done_again(void *arg, int result, uint64_t rev)
{
	struct order *o = arg;

	o->again = result;
	tally_add(&o->tally);
}

static void from_callback(void *arg, const struct store_change *c)
{
	struct order *o = arg;
	struct store_op op = put_op("/other", "x", STORE_ABSENT);

	o->commit = store_commit(o->s, &op, 1, 0, NULL);
	o->wrong |= store_submit(o->s, &op, 1, 0, done_again, o) != 0;
}

static void test_from_callback(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct order o = { .tally = TALLY_INIT, .s = s, .again = 1 };
	struct store_watch *w = NULL;

	assert_int_equal(store_watch(s, "/a", 1, from_callback, &o, &w), 0);
	assert_int_equal(put(s, "/a", "x", STORE_ANY, NULL), 0);
	tally_wait(&o.tally, 1);
	assert_int_equal(o.commit, -EDEADLK);
	assert_int_equal(o.again, 0);
	assert_false(o.wrong);
	assert_value(s, "/other", "x", 2);
	store_unwatch(w);
}

static void submit_late(void *arg, int result, uint64_t rev)
{
	struct order *o = arg;
	struct store_op op = put_op("/late", "x", STORE_ANY);

	o->again = store_submit(o->s, &op, 1, 0, NULL, NULL);
	tally_add(&o->tally);
}

static void test_close_settles(void **state)
{
	struct fixture *f = *state;
	struct order o = { .tally = TALLY_INIT, .s = f->s, .again = 1 };
	struct store_op op = put_op("/a", "x", STORE_ANY);

	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(store_submit(f->s, &op, 1, 0, submit_late, &o), 0);
	fixture_close(f);
	assert_int_equal(o.tally.n, 50);
	assert_int_equal(o.again, -ESHUTDOWN);
}

/* --- threads --- */

enum { THREADS = 8, STEPS = 100 };

struct worker {
	struct store *s;
	unsigned id;
	unsigned conflicts;
	int bad; /* the first unexpected result */
};

static void run_threads(struct store *s, void *(*fn)(void *), struct worker w[static THREADS])
{
	pthread_t t[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .s = s, .id = i };
		assert_int_equal(pthread_create(&t[i], NULL, fn, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(w[i].bad, 0);
	}
}

static void *count_up(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < STEPS && !w->bad;) {
		_cleanup_store_entry_ struct store_entry *e = NULL;
		uint32_t n = 0;
		struct store_op op = { STORE_PUT, "/counter", &n, sizeof(n), STORE_ABSENT };
		int r = store_get(w->s, "/counter", &e);

		if (r == 0) {
			memcpy(&n, store_entry_value(e, NULL), sizeof(n));
			op.expect = store_entry_mod_rev(e);
		}
		n++;
		r = store_commit(w->s, &op, 1, w->id % 2 ? STORE_LAZY : 0, NULL);
		if (r == 0)
			i++;
		else if (r == -ESTALE || r == -EEXIST)
			w->conflicts++;
		else
			w->bad = r;
	}
	return NULL;
}

static void test_compare_and_swap(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct worker w[THREADS];
	struct store_stats st;
	uint64_t conflicts = 0;
	uint32_t n = 0;

	run_threads(s, count_up, w);
	assert_int_equal(store_get(s, "/counter", &e), 0);
	memcpy(&n, store_entry_value(e, NULL), sizeof(n));
	assert_int_equal(n, THREADS * STEPS);
	assert_int_equal(store_revision(s), THREADS * STEPS);
	for (unsigned i = 0; i < THREADS; i++)
		conflicts += w[i].conflicts;
	store_stats(s, &st);
	assert_int_equal(st.conflicts, conflicts);
	assert_int_equal(st.transactions, conflicts + THREADS * STEPS);
}

/* Writers keep two keys alike; readers must never see them differ. */
static void *twins(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < STEPS && !w->bad; i++) {
		_cleanup_store_list_ struct store_list l = STORE_LIST_INIT;
		char v[16];
		struct store_op ops[2];

		snprintf(v, sizeof(v), "%u.%u", w->id, i);
		ops[0] = put_op("/t/1", v, STORE_ANY);
		ops[1] = put_op("/t/2", v, STORE_ANY);
		w->bad = store_commit(w->s, ops, 2, i % 4 ? STORE_LAZY : 0, NULL);
		if (w->bad == 0)
			w->bad = store_list(w->s, "/t/", &l);
		if (w->bad == 0 && (l.n != 2 || store_entry_mod_rev(l.items[0]) != store_entry_mod_rev(l.items[1]) ||
				    store_entry_mod_rev(l.items[0]) > l.rev))
			w->bad = -EBADMSG;
	}
	return NULL;
}

static void test_snapshots(void **state)
{
	struct worker w[THREADS];

	run_threads(((struct fixture *)*state)->s, twins, w);
}

/* Watches come and go under fire; their arguments live no longer than they. */
struct guest {
	uint64_t from, last;
	unsigned n;
};

static void visit(void *arg, const struct store_change *c)
{
	struct guest *g = arg;

	if (c->rev < g->from || c->rev <= g->last)
		g->n = UINT32_MAX / 2;
	g->last = c->rev;
	g->n++;
}

static void *come_and_go(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < STEPS && !w->bad; i++) {
		struct guest *g = calloc(1, sizeof(*g));
		struct store_watch *watch = NULL;
		uint64_t until = 0, now = store_revision(w->s);

		g->from = now > 3 ? now - 3 : 1;
		w->bad = store_watch(w->s, "/", g->from, visit, g, &watch);
		if (w->bad == 0)
			w->bad = put(w->s, "/k", "v", STORE_ANY, &until);
		store_unwatch(watch);
		/* Every revision from g->from to our own was one change that it had to see. */
		if (w->bad == 0 && (g->last < until || g->n != g->last - g->from + 1))
			w->bad = -EBADMSG;
		free(g);
	}
	return NULL;
}

static void test_unwatch_race(void **state)
{
	struct worker w[THREADS];

	run_threads(((struct fixture *)*state)->s, come_and_go, w);
}

/* What follows from changes comes after the answer to who made them, once for all that were settled together. */
struct follower {
	char order[64];
	struct store *s;
};

static void note(struct follower *f, const char *what)
{
	strncat(f->order, what, sizeof(f->order) - strlen(f->order) - 1);
}

static void follow_change(void *arg, const struct store_change *c)
{
	note(arg, "c");
}

static void follow_done(void *arg, int result, uint64_t rev)
{
	note(arg, result ? "!" : "d");
}

/* May submit, as any callback. */
static void follow_after(void *arg)
{
	struct follower *f = arg;
	struct store_op op = put_op("/y/more", "x", STORE_ABSENT);

	note(f, "a");
	if (f->s)
		assert_int_equal(store_submit(steal_ptr(f->s), &op, 1, STORE_LAZY, NULL, NULL), 0);
}

static void test_after(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct store_op two[2] = { put_op("/x/1", "p", STORE_ANY), put_op("/x/2", "q", STORE_ANY) };
	struct store_op other = put_op("/y/1", "r", STORE_ANY), check = { STORE_CHECK, "/x/1", NULL, 0, STORE_ANY };
	struct follower f = { .s = s };
	struct store_watch *w = NULL;

	assert_int_equal(store_watch(s, "/x/", 1, follow_change, &f, &w), 0);
	store_watch_after(w, follow_after);
	assert_int_equal(store_submit(s, two, 2, 0, follow_done, &f), 0);
	assert_int_equal(store_commit(s, &check, 1, 0, NULL), 0); /* behind it: when it is settled, so is that */
	assert_int_equal(store_commit(s, &check, 1, 0, NULL), 0);
	assert_string_equal(f.order, "ccda");
	/* Nothing is said of what the watch was not shown. */
	assert_int_equal(store_submit(s, &other, 1, 0, follow_done, &f), 0);
	assert_int_equal(store_commit(s, &check, 1, 0, NULL), 0);
	assert_int_equal(store_commit(s, &check, 1, 0, NULL), 0);
	assert_string_equal(f.order, "ccdad");
	/* After the end of the watch neither. */
	assert_int_equal(store_submit(s, two, 2, 0, follow_done, &f), 0);
	store_unwatch(w);
	assert_int_equal(store_commit(s, &check, 1, 0, NULL), 0);
	assert_non_null(strchr(f.order + 5, 'd'));
}

/* An unwatch() that comes while the callback runs returns after it. */
struct meeting {
	struct tally inside, left;
	struct store_watch *w;
	bool left_early;
};

static void linger(void *arg, const struct store_change *c)
{
	struct meeting *m = arg;
	struct timespec until;

	tally_add(&m->inside);
	/* Long enough for the other thread to be told wrongly that nobody is here. */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100 * NSEC_PER_MSEC;
	until.tv_sec += until.tv_nsec / NSEC_PER_SEC;
	until.tv_nsec %= NSEC_PER_SEC;
	pthread_mutex_lock(&m->left.lock);
	while (m->left.n == 0 && pthread_cond_timedwait(&m->left.grown, &m->left.lock, &until) == 0)
		;
	m->left_early = m->left.n > 0;
	pthread_mutex_unlock(&m->left.lock);
}

static void *leave(void *arg)
{
	struct meeting *m = arg;

	store_unwatch(m->w);
	tally_add(&m->left);
	return NULL;
}

static void test_unwatch_waits(void **state)
{
	struct store *s = ((struct fixture *)*state)->s;
	struct meeting m = { .inside = TALLY_INIT, .left = TALLY_INIT };
	struct store_op op = put_op("/a", "x", STORE_ANY);
	pthread_t t;

	assert_int_equal(store_watch(s, "/", 1, linger, &m, &m.w), 0);
	assert_int_equal(store_submit(s, &op, 1, 0, NULL, NULL), 0);
	tally_wait(&m.inside, 1);
	assert_int_equal(pthread_create(&t, NULL, leave, &m), 0);
	tally_wait(&m.left, 1);
	pthread_join(t, NULL);
	assert_false(m.left_early);
	assert_int_equal(put(s, "/a", "y", STORE_ANY, NULL), 0);
	assert_int_equal(m.inside.n, 1);
}

/* A copy kept by list and watch shows what the store shows, whatever is mixed. */
struct mirror {
	uint64_t last;
	uint64_t mod[16];
	bool wrong;
};

static void reflect(void *arg, const struct store_change *c)
{
	struct mirror *m = arg;
	const struct store_entry *e = c->now ? c->now : c->old;
	unsigned i = (unsigned)strtoul(store_entry_key(e) + 1, NULL, 16);

	m->wrong |= c->rev < m->last || (c->old ? store_entry_mod_rev(c->old) : 0) != m->mod[i];
	m->last = c->rev;
	m->mod[i] = c->now ? store_entry_mod_rev(c->now) : 0;
}

static void *stir(void *arg)
{
	struct worker *w = arg;
	unsigned seed = w->id;

	for (unsigned i = 0; i < STEPS && !w->bad; i++) {
		char key[3][8];
		struct store_op ops[3];
		unsigned first = (unsigned)rand_r(&seed);

		for (unsigned j = 0; j < 3; j++) {
			snprintf(key[j], sizeof(key[j]), "/%x", (first + j) % 16);
			ops[j] = put_op(key[j], "v", STORE_ANY);
			if (rand_r(&seed) % 3 == 0)
				ops[j].type = STORE_DELETE;
		}
		w->bad = store_commit(w->s, ops, 3, rand_r(&seed) % 2 ? STORE_LAZY : 0, NULL);
	}
	return NULL;
}

static void assert_mirrors(struct store *s, const struct mirror *m)
{
	_cleanup_store_list_ struct store_list l = STORE_LIST_INIT;
	uint64_t mod[16] = { 0 };

	assert_int_equal(store_list(s, "/", &l), 0);
	for (size_t i = 0; i < l.n; i++)
		mod[strtoul(store_entry_key(l.items[i]) + 1, NULL, 16)] = store_entry_mod_rev(l.items[i]);
	assert_memory_equal(mod, m->mod, sizeof(mod));
}

static void test_mirror(void **state)
{
	struct fixture *f = *state;
	struct mirror m = { 0 };
	struct store_watch *watch = NULL;
	struct worker w[THREADS];

	assert_int_equal(store_watch(f->s, "/", 1, reflect, &m, &watch), 0);
	run_threads(f->s, stir, w);
	store_unwatch(watch);
	assert_false(m.wrong);
	assert_mirrors(f->s, &m);
	if (!f->dir[0])
		return;
	fixture_close(f);
	fixture_open(f);
	assert_mirrors(f->s, &m);
}

static void test_open_errors(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct store *s = NULL;

	assert_int_equal(store_open("etcd:", &s, &err), -EINVAL);
	assert_non_null(strstr(error_text(&err), "etcd:"));
	assert_int_equal(store_open("lmdb:", &s, NULL), -EINVAL);
	assert_int_equal(store_open("lmdb:/nonexistent/dir", &s, &err), -ENOENT);
	store_close(NULL);
}

#define ON(kind, fn) { kind " " #fn, fn, fixture_setup, fixture_teardown, (void *)kind }
#define BOTH(fn) ON("memory:", fn), ON("lmdb:", fn)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_revisions),	 BOTH(test_expectations),     BOTH(test_whole_or_not),	BOTH(test_list),
		BOTH(test_list_after),	 BOTH(test_cursor),	      BOTH(test_versions),
		BOTH(test_limits),	 BOTH(test_watch),	      BOTH(test_compaction),	BOTH(test_submit_order),
		BOTH(test_from_callback), BOTH(test_close_settles),   BOTH(test_compare_and_swap), BOTH(test_snapshots),
		BOTH(test_unwatch_race), BOTH(test_unwatch_waits),    BOTH(test_mirror),	BOTH(test_after),     cmocka_unit_test(test_open_errors),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
