/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches are cursors into the history. The runner moves them along change by change, so that watches of
 * different prefixes also see one order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/core.h"
#include "store/entry.h"

struct store_watch {
	TAILQ_ENTRY(store_watch) link; /* protected by the store's watch_lock */
	struct store *store;
	store_watch_fn fn;
	void (*after)(void *arg); /* NULL: not wanted */
	void *arg;
	uint64_t from; /* the first revision wanted */
	uint64_t seq;  /* the next change to look at; protected by watch_lock */
	bool ended;    /* protected by watch_lock */
	bool shown;    /* a change since `after` was last called; protected by watch_lock */
	size_t prefix_len;
	char prefix[];
};

int store_watch(struct store *s, const char *prefix, uint64_t from, store_watch_fn fn, void *arg,
		struct store_watch **ret)
{
	_cleanup_free_ struct store_watch *w = NULL;
	size_t len = strlen(prefix);
	bool behind = false;
	int r;

	w = calloc(1, sizeof(*w) + len + 1);
	if (!w)
		return -ENOMEM;
	w->store = s;
	w->fn = fn;
	w->arg = arg;
	w->from = from;
	w->prefix_len = len;
	memcpy(w->prefix, prefix, len);

	pthread_rwlock_rdlock(&s->table_lock);
	r = history_seek(&s->history, from, &w->seq);
	if (r >= 0) {
		behind = w->seq < s->history.tail;
		pthread_mutex_lock(&s->watch_lock);
		TAILQ_INSERT_TAIL(&s->watches, w, link);
		pthread_mutex_unlock(&s->watch_lock);
	}
	pthread_rwlock_unlock(&s->table_lock);
	if (r < 0)
		return r;
	*ret = w;
	steal_ptr(w);
	if (behind) {
		pthread_mutex_lock(&s->queue_lock);
		s->catch_up = true;
		pthread_cond_signal(&s->queue_filled);
		pthread_mutex_unlock(&s->queue_lock);
	}
	return 0;
}

void store_watch_after(struct store_watch *w, void (*after)(void *arg))
{
	pthread_mutex_lock(&w->store->watch_lock);
	w->after = after;
	pthread_mutex_unlock(&w->store->watch_lock);
}

void store_unwatch(struct store_watch *w)
{
	struct store *s = w ? w->store : NULL;

	if (!w)
		return;
	pthread_mutex_lock(&s->watch_lock);
	w->ended = true;
	while (s->running == w)
		pthread_cond_wait(&s->watch_idle, &s->watch_lock);
	TAILQ_REMOVE(&s->watches, w, link);
	pthread_mutex_unlock(&s->watch_lock);
	free(w);
}

uint64_t store_cursor(struct store *s)
{
	uint64_t seq;

	pthread_rwlock_rdlock(&s->table_lock);
	seq = s->history.tail;
	pthread_rwlock_unlock(&s->table_lock);
	return seq;
}

int store_next(struct store *s, uint64_t *cursor, struct store_change *ret)
{
	int r = 0;

	pthread_rwlock_rdlock(&s->table_lock);
	if (*cursor < s->history.head) {
		r = -ESTALE;
	} else if (*cursor < s->history.tail) {
		const struct store_change *c = history_at(&s->history, (*cursor)++);

		*ret = (struct store_change){ .rev = c->rev, .old = store_entry_ref(c->old),
					      .now = store_entry_ref(c->now) };
		r = 1;
	}
	pthread_rwlock_unlock(&s->table_lock);
	return r;
}

int store_versions(struct store *s, const struct store_entry *e, struct store_list *ret)
{
	enum { SEARCH_MAX = 2048, VERSIONS_MAX = 16 };
	_cleanup_store_list_ struct store_list l = STORE_LIST_INIT;
	uint64_t seq = 0, mod = store_entry_mod_rev(e);

	*ret = STORE_LIST_INIT;
	if (store_entry_create_rev(e) == mod)
		return 0;
	l.items = calloc(VERSIONS_MAX, sizeof(struct store_entry *));
	if (!l.items)
		return -ENOMEM;
	pthread_rwlock_rdlock(&s->table_lock);
	if (history_seek(&s->history, mod + 1, &seq) == 0) {
		for (unsigned i = 0; i < SEARCH_MAX && seq > s->history.head && l.n < VERSIONS_MAX; i++) {
			const struct store_change *c = history_at(&s->history, --seq);

			if (!c->now || strcmp(store_entry_key(c->now), store_entry_key(e)) != 0)
				continue;
			if (!c->old)
				break;
			l.items[l.n++] = store_entry_ref(c->old);
		}
	}
	pthread_rwlock_unlock(&s->table_lock);
	*ret = l;
	l = STORE_LIST_INIT;
	return 0;
}

void store_change_clear(struct store_change *c)
{
	store_entry_unref(c->old);
	store_entry_unref(c->now);
	*c = (struct store_change){ 0 };
}

void watch_free_all(struct store *s)
{
	struct store_watch *w = NULL;

	while ((w = TAILQ_FIRST(&s->watches))) {
		TAILQ_REMOVE(&s->watches, w, link);
		free(w);
	}
}

/* The cursor that is furthest behind, of watches that go on. Called with watch_lock held. */
static uint64_t oldest(struct store *s)
{
	struct store_watch *w = NULL;
	uint64_t seq = s->history.tail;

	TAILQ_FOREACH(w, &s->watches, link)
		if (!w->ended && w->seq < seq)
			seq = w->seq;
	return seq;
}

static bool wants(const struct store_watch *w, const struct store_change *c)
{
	const struct store_entry *e = c->now ? c->now : c->old;

	return c->rev >= w->from && strncmp(store_entry_key(e), w->prefix, w->prefix_len) == 0;
}

/*
 * Calls back for a watch: shows it a change, or with NULL says that what it was shown has had its completions. Called with
 * watch_lock held, which it drops meanwhile. While `running` names the watch it stays in the list: its link is good when
 * the lock is back.
 */
static void call(struct store_watch *w, const struct store_change *c)
{
	struct store *s = w->store;

	w->shown = c != NULL;
	s->running = w;
	pthread_mutex_unlock(&s->watch_lock);
	if (c)
		w->fn(w->arg, c);
	else
		w->after(w->arg);
	pthread_mutex_lock(&s->watch_lock);
	s->running = NULL;
	if (w->ended)
		pthread_cond_broadcast(&s->watch_idle);
}

/* Shows one change to the watches that have not seen it. Called with watch_lock held, which it drops for callbacks. */
static void show(struct store *s, uint64_t seq)
{
	const struct store_change *c = history_at(&s->history, seq);
	struct store_watch *w = NULL;

	TAILQ_FOREACH(w, &s->watches, link) {
		if (w->ended || w->seq != seq)
			continue;
		w->seq = seq + 1;
		if (wants(w, c))
			call(w, c);
	}
}

void watch_settled(struct store *s)
{
	struct store_watch *w = NULL;

	pthread_mutex_lock(&s->watch_lock);
	TAILQ_FOREACH(w, &s->watches, link)
		if (w->after && w->shown && !w->ended)
			call(w, NULL);
	pthread_mutex_unlock(&s->watch_lock);
}

void watch_deliver(struct store *s)
{
	uint64_t seq;

	pthread_mutex_lock(&s->watch_lock);
	/* A watch that starts meanwhile may lie behind: look again until none does. */
	while ((seq = oldest(s)) < s->history.tail)
		for (; seq < s->history.tail; seq++)
			show(s, seq);
	pthread_mutex_unlock(&s->watch_lock);

	pthread_rwlock_wrlock(&s->table_lock);
	pthread_mutex_lock(&s->watch_lock);
	history_trim(&s->history, oldest(s));
	pthread_mutex_unlock(&s->watch_lock);
	pthread_rwlock_unlock(&s->table_lock);
}
