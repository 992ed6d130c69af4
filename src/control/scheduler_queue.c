/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn goes on where the last one ended: what it has looked at moves to the end of its list and bears the number of the
 * round, and the round is over when the first of the list bears it. A round over classes follows whatever happens; one over
 * all pods follows that, after a change of a node or of storage.
 */
#include "control/scheduler_queue.h"

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { LOOK_MAX = 16 }; /* entries that a turn looks at for each that it may hand out */

struct class;

struct waiting {
	UT_hash_handle hh; /* by key */
	TAILQ_ENTRY(waiting) in_class, in_all;
	struct class *class;
	uint64_t round;
	bool trying; /* handed out */
	char key[];
};

TAILQ_HEAD(waiting_list, waiting);

struct class {
	UT_hash_handle hh; /* by id */
	TAILQ_ENTRY(class) in_all;
	struct waiting_list pods; /* in the order in which they came; none is empty */
	unsigned cures;
	int64_t priority;
	uint64_t round;
	char id[];
};

TAILQ_HEAD(class_list, class);

struct sched_queue {
	pthread_mutex_t lock; /* protects what follows; nothing is called with it held but fn of sched_queue_take() */
	struct waiting *by_key;
	struct class *by_id;
	struct waiting_list pods;
	struct class_list classes;
	struct sched_moment now;
	uint64_t pod_round, class_round;
	unsigned wanted, class_wanted; /* what the rounds are for */
	size_t cured_by[SCHED_CURES]; /* how many classes, for each bit */
};

struct sched_queue *sched_queue_new(void)
{
	struct sched_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	pthread_mutex_init(&q->lock, NULL);
	TAILQ_INIT(&q->pods);
	TAILQ_INIT(&q->classes);
	return q;
}

void sched_queue_free(struct sched_queue *q)
{
	struct waiting *w, *next_w;
	struct class *c, *next_c;

	if (!q)
		return;
	HASH_ITER(hh, q->by_key, w, next_w) {
		HASH_DEL(q->by_key, w);
		free(w);
	}
	HASH_ITER(hh, q->by_id, c, next_c) {
		HASH_DEL(q->by_id, c);
		free(c);
	}
	pthread_mutex_destroy(&q->lock);
	free(q);
}

struct sched_moment sched_queue_now(struct sched_queue *q)
{
	struct sched_moment now;

	pthread_mutex_lock(&q->lock);
	now = q->now;
	pthread_mutex_unlock(&q->lock);
	return now;
}

/* --- the lists; called with the lock held --- */

static struct class *get_class(struct sched_queue *q, const char *id)
{
	struct class *c;

	HASH_FIND_STR(q->by_id, id, c);
	if (c)
		return c;
	c = calloc(1, sizeof(*c) + strlen(id) + 1);
	if (!c)
		return NULL;
	memcpy(c->id, id, strlen(id) + 1);
	HASH_ADD_STR(q->by_id, id, c);
	if (!c->hh.tbl) {
		free(c);
		return NULL;
	}
	TAILQ_INIT(&c->pods);
	c->round = q->class_round;
	TAILQ_INSERT_TAIL(&q->classes, c, in_all);
	return c;
}

static void set_cures(struct sched_queue *q, struct class *c, unsigned cures)
{
	for (size_t i = 0; i < ARRAY_SIZE(q->cured_by); i++)
		q->cured_by[i] = q->cured_by[i] + ((cures >> i) & 1) - ((c->cures >> i) & 1);
	c->cures = cures;
}

static void drop_empty(struct sched_queue *q, struct class *c)
{
	if (!c || !TAILQ_EMPTY(&c->pods))
		return;
	set_cures(q, c, 0);
	TAILQ_REMOVE(&q->classes, c, in_all);
	HASH_DEL(q->by_id, c);
	free(c);
}

static struct waiting *new_waiting(struct sched_queue *q, const char *key)
{
	struct waiting *w = calloc(1, sizeof(*w) + strlen(key) + 1);

	if (!w)
		return NULL;
	memcpy(w->key, key, strlen(key) + 1);
	HASH_ADD_STR(q->by_key, key, w);
	if (!w->hh.tbl) {
		free(w);
		return NULL;
	}
	w->round = q->pod_round;
	TAILQ_INSERT_TAIL(&q->pods, w, in_all);
	return w;
}

static void leave_class(struct sched_queue *q, struct waiting *w)
{
	struct class *c = w->class;

	if (!c)
		return;
	TAILQ_REMOVE(&c->pods, w, in_class);
	w->class = NULL;
	drop_empty(q, c);
}

static bool is_stale(const struct sched_queue *q, unsigned cures, const struct sched_moment *seen)
{
	for (size_t i = 0; i < ARRAY_SIZE(seen->happened); i++)
		if ((cures & (1U << i)) && q->now.happened[i] != seen->happened[i])
			return true;
	return false;
}

static struct waiting *hand_out(struct class *c);
static void let_others_first(struct sched_queue *q, struct class *c);

/* Takes it out of its class. If it was handed out, the next of those has its chance now: returns that, or NULL. */
static struct waiting *make_way(struct sched_queue *q, struct waiting *w, bool trying)
{
	struct class *c = w->class;
	bool is_last = c && TAILQ_FIRST(&c->pods) == w && !TAILQ_NEXT(w, in_class);
	struct waiting *next;

	leave_class(q, w);
	if (!c || is_last || !trying)
		return NULL;
	next = hand_out(c);
	let_others_first(q, c);
	return next;
}

/* Returns another that is to be tried now, or NULL. */
static struct waiting *put(struct sched_queue *q, struct waiting *w, const char *key, const struct sched_finding *f)
{
	struct class *c = get_class(q, f->class);
	bool trying = w && w->trying;
	struct waiting *next;

	if (c && !w)
		w = new_waiting(q, key);
	if (w)
		w->trying = false;
	if (!c || !w) {
		drop_empty(q, c);
		return NULL;
	}
	set_cures(q, c, f->cures);
	c->priority = f->priority;
	if (w->class == c)
		return NULL;
	next = make_way(q, w, trying);
	w->class = c;
	TAILQ_INSERT_TAIL(&c->pods, w, in_class);
	return next;
}

enum sched_put sched_queue_put(struct sched_queue *q, const char *key, const struct sched_finding *f,
			       char next[static STORE_KEY_MAX + 1])
{
	enum sched_put r = SCHED_PUT_STALE;
	const struct waiting *other;
	struct waiting *w;

	next[0] = '\0';
	pthread_mutex_lock(&q->lock);
	HASH_FIND_STR(q->by_key, key, w);
	if (!is_stale(q, f->cures, &f->seen)) {
		r = w ? SCHED_PUT_AGAIN : SCHED_PUT_NEW;
		other = put(q, w, key, f);
		if (other)
			(void)snprintf(next, STORE_KEY_MAX + 1, "%s", other->key);
	}
	pthread_mutex_unlock(&q->lock);
	return r;
}

/* Hands out the first of a class. */
static struct waiting *hand_out(struct class *c)
{
	struct waiting *w = c ? TAILQ_FIRST(&c->pods) : NULL;

	if (!w || w->trying)
		return NULL; /* that one's outcome tells what is next */
	w->trying = true;
	return w;
}

/* One of the class has had its chance: in the next round it is the last. */
static void let_others_first(struct sched_queue *q, struct class *c)
{
	if (c->round != q->class_round)
		return; /* this round has yet to look at it */
	TAILQ_REMOVE(&q->classes, c, in_all);
	TAILQ_INSERT_TAIL(&q->classes, c, in_all);
}

void sched_queue_remove(struct sched_queue *q, const char *key, char next[static STORE_KEY_MAX + 1])
{
	const struct waiting *other = NULL;
	struct waiting *w;

	next[0] = '\0';
	pthread_mutex_lock(&q->lock);
	HASH_FIND_STR(q->by_key, key, w);
	if (w) {
		other = make_way(q, w, w->trying);
		if (other)
			(void)snprintf(next, STORE_KEY_MAX + 1, "%s", other->key);
		TAILQ_REMOVE(&q->pods, w, in_all);
		HASH_DEL(q->by_key, w);
		free(w);
	}
	pthread_mutex_unlock(&q->lock);
}

bool sched_queue_happened(struct sched_queue *q, enum sched_cure what)
{
	bool any = false;

	pthread_mutex_lock(&q->lock);
	for (size_t i = 0; i < ARRAY_SIZE(q->now.happened); i++) {
		q->now.happened[i] += (what >> i) & 1;
		any |= (what >> i) & 1 && q->cured_by[i];
	}
	if (any) {
		q->class_round++;
		q->class_wanted |= what;
	}
	if (any && what & (SCHED_NODE | SCHED_STORAGE)) {
		q->pod_round++;
		q->wanted |= what;
	}
	pthread_mutex_unlock(&q->lock);
	return any;
}

struct turn {
	size_t handed, looked, max;
	void (*fn)(void *arg, const char *key);
	void *arg;
};

static bool has_room(const struct turn *t)
{
	return t->handed < t->max && t->looked < t->max * LOOK_MAX;
}

/* Whether the round over all pods is over. */
static bool take_pods(struct sched_queue *q, struct turn *t)
{
	struct waiting *w;

	while ((w = TAILQ_FIRST(&q->pods)) && w->round != q->pod_round) {
		if (!has_room(t))
			return false;
		t->looked++;
		w->round = q->pod_round;
		TAILQ_REMOVE(&q->pods, w, in_all);
		TAILQ_INSERT_TAIL(&q->pods, w, in_all);
		if (!(w->class->cures & q->wanted))
			continue;
		w->trying = true;
		t->fn(t->arg, w->key);
		t->handed++;
	}
	q->wanted = 0;
	return true;
}

/* One that is handed out with its class need not be so once more for the same. */
static void pass_over(struct sched_queue *q, struct waiting *w)
{
	if (w->round == q->pod_round)
		return;
	w->round = q->pod_round;
	TAILQ_REMOVE(&q->pods, w, in_all);
	TAILQ_INSERT_TAIL(&q->pods, w, in_all);
}

/* The highest priority first, else as they are. */
static void sort(struct waiting **list, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && list[k]->class->priority > list[k - 1]->class->priority; k--) {
			struct waiting *w = list[k];

			list[k] = list[k - 1];
			list[k - 1] = w;
		}
}

static bool take_classes(struct sched_queue *q, struct turn *t)
{
	struct waiting *list[SCHED_TURN_MAX];
	struct class *c;
	size_t n = 0;

	while ((c = TAILQ_FIRST(&q->classes)) && c->round != q->class_round && has_room(t) && n < ARRAY_SIZE(list)) {
		struct waiting *w;

		t->looked++;
		c->round = q->class_round;
		TAILQ_REMOVE(&q->classes, c, in_all);
		TAILQ_INSERT_TAIL(&q->classes, c, in_all);
		w = c->cures & q->class_wanted ? hand_out(c) : NULL;
		if (!w)
			continue;
		pass_over(q, w);
		list[n++] = w;
		t->handed++;
	}
	sort(list, n);
	for (size_t i = 0; i < n; i++)
		t->fn(t->arg, list[i]->key);
	if (c && c->round != q->class_round)
		return false;
	q->class_wanted = 0;
	return true;
}

bool sched_queue_take(struct sched_queue *q, size_t max, void (*fn)(void *arg, const char *key), void *arg)
{
	struct turn t = { .max = max, .fn = fn, .arg = arg };
	bool over;

	pthread_mutex_lock(&q->lock);
	over = take_classes(q, &t) && take_pods(q, &t);
	pthread_mutex_unlock(&q->lock);
	return !over;
}
