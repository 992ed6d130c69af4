/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How transactions are settled, by whoever is the runner (core.c).
 *
 * They are settled in groups. Lazy ones at the head of the queue are a group that needs no disk. From the first synced
 * one on, everything queued becomes one group: each is checked against memory and what the group has staged so far, one
 * disk commit makes the group durable together with all lazy changes before it, and only then memory changes. So what
 * is durable is always the state at one revision, and a synced transaction cannot outlive a lazy one that it has seen.
 *
 * When the disk refuses a group, its members are tried again one by one: one of them may be too large, and those
 * whose checks rested on a refused one must be checked again. Revisions of a refused group are not given again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/core.h"
#include "store/entry.h"

enum {
	/* Revisions reserved ahead. Only a crash skips the unused ones. */
	RESERVE = 16384,
	/* A group closes after so many bytes: LMDB keeps a transaction's pages in memory. */
	GROUP_BYTES = 32 * 1024 * 1024,
};

static struct store_entry *view(const struct store *s, const char *key)
{
	struct op *o = overlay_find(&s->staged, key);

	return o ? o->now : table_find(&s->table, key);
}

static int check(const struct store *s, const struct op *o)
{
	struct store_entry *e = view(s, o->key);

	if (o->expect == STORE_ANY)
		return 0;
	if (o->expect == STORE_ABSENT)
		return e ? -EEXIST : 0;
	return e && e->mod_rev == o->expect ? 0 : -ESTALE;
}

/* Checks a transaction against the view, gives it a revision and its entries their fields. */
static int evaluate(struct store *s, struct txn *t)
{
	t->changes = false;
	for (size_t i = 0; i < t->n; i++) {
		struct op *o = t->ops[i];
		int r = check(s, o);

		if (r < 0) {
			s->conflicts++;
			return r;
		}
		o->changes = o->type == STORE_PUT || (o->type == STORE_DELETE && view(s, o->key));
		t->changes |= o->changes;
	}
	/* One that changes nothing tells the newest revision that it has seen. */
	t->rev = RB_EMPTY(&s->staged) ? s->rev : s->next_rev - 1;
	if (t->changes)
		t->rev = s->next_rev++;
	for (size_t i = 0; i < t->n; i++) {
		struct op *o = t->ops[i];
		struct store_entry *old = o->now ? view(s, o->key) : NULL;

		if (!o->now)
			continue;
		o->now->mod_rev = t->rev;
		o->now->create_rev = old ? old->create_rev : t->rev;
	}
	return 0;
}

static void stage(struct store *s, struct txn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->ops[i]->changes)
			overlay_set(&s->staged, t->ops[i]);
}

static void unstage(struct store *s)
{
	RB_INIT(&s->staged);
}

/* Makes a transaction visible. Called with table_lock held for writing, and room reserved in the history. */
static void apply(struct store *s, struct txn *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct op *o = t->ops[i];
		struct store_change c = { .rev = t->rev };

		if (!o->changes)
			continue;
		if (o->now) {
			c.now = store_entry_ref(o->now);
			c.old = table_put(&s->table, store_entry_ref(o->now), &o->spare);
		} else {
			c.old = table_remove(&s->table, o->key);
		}
		history_push(&s->history, c);
	}
	if (t->changes)
		s->rev = t->rev;
}

static int reserve_history(struct store *s, size_t n)
{
	int r;

	pthread_rwlock_wrlock(&s->table_lock);
	r = history_reserve(&s->history, n);
	pthread_rwlock_unlock(&s->table_lock);
	return r;
}

static void set_dirty(struct store *s, struct op *o)
{
	struct op *old = overlay_set(&s->dirty, o);

	free(steal_ptr(o->spare));
	if (old)
		op_free(old);
	else
		s->lazy_pending++;
}

static void clear_dirty(struct store *s)
{
	struct op *o = NULL;

	while ((o = overlay_first(&s->dirty))) {
		overlay_remove(&s->dirty, o);
		op_free(o);
	}
	s->lazy_pending = 0;
}

/* Makes visible what has passed its checks. What is `lazy` the next disk commit must write. */
static void apply_all(struct store *s, struct txn_queue *q, bool lazy)
{
	struct txn *t = NULL;

	pthread_rwlock_wrlock(&s->table_lock);
	TAILQ_FOREACH(t, q, link)
		if (t->result >= 0 && t->changes)
			apply(s, t);
	pthread_rwlock_unlock(&s->table_lock);
	if (!lazy || !s->ops->durable)
		return;
	TAILQ_FOREACH(t, q, link)
		for (size_t i = 0; t->result >= 0 && i < t->n; i++)
			if (t->ops[i]->changes)
				set_dirty(s, steal_ptr(t->ops[i]));
}

/* --- the disk --- */

static int add_write(struct store *s, size_t *n, const struct op *o)
{
	if (*n == s->writes_cap) {
		size_t cap = s->writes_cap ? 2 * s->writes_cap : 64;
		struct store_write *p = reallocarray(s->writes, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		s->writes = p;
		s->writes_cap = cap;
	}
	s->writes[(*n)++] = (struct store_write){ .key = o->key, .entry = o->now };
	return 0;
}

/* Writes what is dirty and what is staged, where both change a key the latter, in key order. */
static int write_out(struct store *s, uint64_t reserved)
{
	struct op *d = overlay_first(&s->dirty), *g = overlay_first(&s->staged);
	size_t n = 0;
	int r;

	while (d || g) {
		int c = !d ? 1 : !g ? -1 : strcmp(d->key, g->key);

		r = add_write(s, &n, c < 0 ? d : g);
		if (r < 0)
			return r;
		if (c <= 0)
			d = overlay_next(d);
		if (c >= 0)
			g = overlay_next(g);
	}
	r = s->ops->write(s->be, s->writes, n, reserved);
	if (n > 1024) { /* a rare large one must not be kept for ever */
		free(s->writes);
		s->writes = NULL;
		s->writes_cap = 0;
	}
	return r;
}

static int commit_staged(struct store *s)
{
	uint64_t reserved = s->reserved;
	int r;

	if (s->ops->durable && s->next_rev + RESERVE / 2 > reserved)
		reserved = s->next_rev + RESERVE;
	r = write_out(s, reserved);
	if (r < 0)
		return r;
	s->disk_commits++;
	s->reserved = reserved;
	clear_dirty(s);
	return 0;
}

int batch_flush(struct store *s)
{
	int r;

	if (!s->ops->durable || (RB_EMPTY(&s->dirty) && s->reserved == s->next_rev - 1))
		return 0;
	r = write_out(s, s->next_rev - 1);
	if (r < 0)
		return r;
	s->reserved = s->next_rev - 1;
	clear_dirty(s);
	return 0;
}

/* --- groups --- */

/* Without a revision reserved a lazy one must go through the disk, so that the number is never given twice. */
static bool is_lazy(const struct store *s, const struct txn *t)
{
	return (t->flags & STORE_LAZY) && (!s->ops->durable || s->next_rev <= s->reserved);
}

struct group {
	struct txn_queue txns;
	size_t n, changing;
	size_t bytes, ops;
	size_t synced; /* those that change something and ask for the disk */
};

/* Checks and stages a transaction as the next of the group. */
static void join(struct store *s, struct group *g, struct txn *t)
{
	bool lazy = is_lazy(s, t);

	TAILQ_INSERT_TAIL(&g->txns, t, link);
	g->n++;
	g->bytes += t->bytes;
	g->ops += t->n;
	t->result = reserve_history(s, g->ops);
	if (t->result >= 0)
		t->result = evaluate(s, t);
	if (t->result < 0 || !t->changes)
		return;
	stage(s, t);
	g->changing++;
	g->synced += !lazy;
}

/* Takes from q what is committed together: lazy ones up to the first synced one, or from a synced one on all. */
static void gather(struct store *s, struct txn_queue *q, struct group *g)
{
	struct txn *t = TAILQ_FIRST(q);
	bool lazy = is_lazy(s, t);

	while ((t = TAILQ_FIRST(q)) && g->bytes < GROUP_BYTES) {
		if (lazy && !is_lazy(s, t))
			break;
		TAILQ_REMOVE(q, t, link);
		join(s, g, t);
		if (s->solo > 0) {
			s->solo--;
			break;
		}
	}
}

/* Puts a refused group back to be tried one by one; a group of one has its answer. */
static void refuse(struct store *s, struct group *g, int error, struct txn_queue *q)
{
	struct txn *t = NULL;

	if (g->n == 1) {
		TAILQ_FIRST(&g->txns)->result = error;
		return;
	}
	while ((t = TAILQ_LAST(&g->txns, txn_queue))) {
		TAILQ_REMOVE(&g->txns, t, link);
		TAILQ_INSERT_HEAD(q, t, link);
		s->solo++;
	}
}

static void run_group(struct store *s, struct txn_queue *q, struct group *g)
{
	int r = 0;

	gather(s, q, g);
	if (g->synced)
		r = commit_staged(s);
	unstage(s);
	if (g->synced > 1)
		atomic_store_explicit(&s->pressed_at, clock_monotonic(), memory_order_relaxed);
	if (r < 0)
		refuse(s, g, r, q);
	else if (g->changing)
		apply_all(s, &g->txns, !g->synced);
}

/* Delivers changes, then calls completions in order, then lets those work who follow the changes. */
static void complete(struct store *s, struct txn_queue *settled)
{
	struct txn *t = NULL;

	watch_deliver(s);
	while ((t = TAILQ_FIRST(settled))) {
		TAILQ_REMOVE(settled, t, link);
		s->transactions++;
		if (t->done)
			t->done(t->arg, t->result, t->result < 0 ? 0 : t->rev);
		transaction_free(t);
	}
	watch_settled(s);
}

void batch_run(struct store *s, struct txn_queue *q)
{
	while (!TAILQ_EMPTY(q)) {
		struct group g = { .txns = TAILQ_HEAD_INITIALIZER(g.txns) };

		run_group(s, q, &g);
		complete(s, &g.txns);
	}
}
