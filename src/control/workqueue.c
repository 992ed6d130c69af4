/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item is in one of three states: due (in a tree ordered by rank and arrival), waiting for a time (in a tree ordered by it), or idle, when it
 * is kept only for its count of failures.
 */
#include "control/workqueue.h"

#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum item_state { IDLE, DUE, WAITING };

struct item {
	UT_hash_handle hh;
	RB_ENTRY(item) in_due;
	RB_ENTRY(item) in_waiting;
	enum item_state state;
	int64_t at;
	int64_t rank;
	uint64_t order; /* breaks ties of `at` and `rank` */
	unsigned failures;
	char key[];
};

RB_HEAD(waiting_tree, item);
RB_HEAD(due_tree, item);

struct workqueue {
	struct item *items;
	struct due_tree due;
	struct waiting_tree waiting;
	uint64_t order;
};

static int compare_items(const struct item *a, const struct item *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static int compare_due(const struct item *a, const struct item *b)
{
	if (a->rank != b->rank)
		return a->rank > b->rank ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

RB_GENERATE_INTERNAL(due_tree, item, in_due, compare_due, __attribute__((__unused__)) static)
RB_GENERATE_INTERNAL(waiting_tree, item, in_waiting, compare_items, __attribute__((__unused__)) static)

struct workqueue *workqueue_new(void)
{
	struct workqueue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	RB_INIT(&q->due);
	RB_INIT(&q->waiting);
	return q;
}

void workqueue_free(struct workqueue *q)
{
	struct item *i, *tmp;

	if (!q)
		return;
	HASH_ITER(hh, q->items, i, tmp) {
		HASH_DEL(q->items, i);
		free(i);
	}
	free(q);
}

static struct item *get_item(struct workqueue *q, const char *key)
{
	struct item *i;

	HASH_FIND_STR(q->items, key, i);
	if (i)
		return i;
	i = calloc(1, sizeof(*i) + strlen(key) + 1);
	if (!i)
		return NULL;
	memcpy(i->key, key, strlen(key) + 1);
	HASH_ADD_STR(q->items, key, i);
	if (!i->hh.tbl) {
		free(i);
		return NULL;
	}
	return i;
}

static void set_idle(struct workqueue *q, struct item *i)
{
	if (i->state == DUE)
		RB_REMOVE(due_tree, &q->due, i);
	else if (i->state == WAITING)
		RB_REMOVE(waiting_tree, &q->waiting, i);
	i->state = IDLE;
}

static void set_due(struct workqueue *q, struct item *i)
{
	set_idle(q, i);
	i->state = DUE;
	i->order = q->order++;
	RB_INSERT(due_tree, &q->due, i);
}

static void drop_if_forgotten(struct workqueue *q, struct item *i)
{
	if (i->state != IDLE || i->failures)
		return;
	HASH_DEL(q->items, i);
	free(i);
}

int workqueue_add_ranked(struct workqueue *q, const char *key, int64_t rank)
{
	struct item *i = get_item(q, key);

	if (!i)
		return -ENOMEM;
	if (i->state == DUE && i->rank == rank)
		return 0;
	set_idle(q, i);
	i->rank = rank;
	set_due(q, i);
	return 0;
}

int workqueue_add(struct workqueue *q, const char *key)
{
	struct item *i = get_item(q, key);

	if (!i)
		return -ENOMEM;
	if (i->state != DUE)
		set_due(q, i);
	return 0;
}

int workqueue_add_at(struct workqueue *q, const char *key, int64_t at)
{
	struct item *i = get_item(q, key);

	if (!i)
		return -ENOMEM;
	if (i->state == DUE || (i->state == WAITING && i->at <= at))
		return 0;
	set_idle(q, i);
	i->state = WAITING;
	i->at = at;
	i->order = q->order++;
	RB_INSERT(waiting_tree, &q->waiting, i);
	return 0;
}

int workqueue_add_failed(struct workqueue *q, const char *key, int64_t now)
{
	struct item *i = get_item(q, key);
	int64_t delay = WORKQUEUE_BACKOFF_FIRST;

	if (!i)
		return -ENOMEM;
	for (unsigned n = 0; n < i->failures && delay < WORKQUEUE_BACKOFF_MAX; n++)
		delay *= 2;
	if (delay > WORKQUEUE_BACKOFF_MAX)
		delay = WORKQUEUE_BACKOFF_MAX;
	i->failures++;
	return workqueue_add_at(q, key, now + delay);
}

void workqueue_hurry(struct workqueue *q)
{
	struct item *i, *next;

	for (i = RB_MIN(waiting_tree, &q->waiting); i; i = next) {
		next = RB_NEXT(waiting_tree, &q->waiting, i);
		if (i->failures)
			continue;
		set_due(q, i);
	}
}

void workqueue_forget(struct workqueue *q, const char *key)
{
	struct item *i;

	HASH_FIND_STR(q->items, key, i);
	if (!i)
		return;
	i->failures = 0;
	drop_if_forgotten(q, i);
}

char *workqueue_pop(struct workqueue *q, int64_t now, int64_t *ret_next)
{
	struct item *i = RB_MIN(waiting_tree, &q->waiting);
	char *key;

	while (i && i->at <= now) {
		set_due(q, i);
		i = RB_MIN(waiting_tree, &q->waiting);
	}
	*ret_next = i ? i->at : INT64_MAX;
	i = RB_MIN(due_tree, &q->due);
	key = i ? strdup(i->key) : NULL;
	if (!key) {
		if (i) /* memory is out: not at once again, but not never */
			*ret_next = now + WORKQUEUE_BACKOFF_FIRST;
		return NULL;
	}
	set_idle(q, i);
	drop_if_forgotten(q, i);
	return key;
}
