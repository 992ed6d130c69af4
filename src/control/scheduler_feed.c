/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scheduler_feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 256 }; /* changes whose objects are kept alive by being noted */

struct note {
	struct object *object; /* owned */
	bool gone;
};

struct notes {
	struct note *items;
	size_t n, cap;
};

struct sched_feed {
	pthread_mutex_t lock; /* protects what follows */
	struct notes notes;
	bool lost; /* some could not be noted, or told */
};

struct sched_feed *sched_feed_new(void)
{
	struct sched_feed *f = calloc(1, sizeof(*f));

	if (f)
		pthread_mutex_init(&f->lock, NULL);
	return f;
}

static void clear(struct notes *n)
{
	for (size_t i = 0; i < n->n; i++)
		object_unref(n->items[i].object);
	free(n->items);
	*n = (struct notes){ 0 };
}

void sched_feed_free(struct sched_feed *f)
{
	if (!f)
		return;
	clear(&f->notes);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

bool sched_feed_note(struct sched_feed *f, const struct cache_event *e)
{
	struct notes *n = &f->notes;
	bool many;

	pthread_mutex_lock(&f->lock);
	if (n->n == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 16;
		struct note *items = reallocarray(n->items, cap, sizeof(*items));

		if (items) {
			n->items = items;
			n->cap = cap;
		}
	}
	if (n->n < n->cap)
		n->items[n->n++] = (struct note){ object_ref(e->now ? e->now : e->old), !e->now };
	else
		f->lost = true;
	many = f->lost || n->n % MANY == 0;
	pthread_mutex_unlock(&f->lock);
	return many;
}

static int tell(struct sched_world *w, const struct note *n)
{
	const char *plural = object_kind(n->object)->plural;

	if (!strcmp(plural, "namespaces"))
		sched_world_set_namespace(w);
	else if (!strcmp(plural, "nodes") && n->gone)
		sched_world_remove_node(w, object_name(n->object));
	else if (!strcmp(plural, "nodes"))
		return sched_world_set_node(w, n->object);
	else if (n->gone)
		sched_world_remove_pod(w, object_key(n->object));
	else
		return sched_world_set_pod(w, n->object);
	return 0;
}

/* What is noted meanwhile is told once more, which changes nothing. */
static int tell_all(struct cache *c, struct sched_world *w)
{
	static const char *const plurals[] = { "nodes", "pods" };
	int r = 0;

	sched_world_clear(w);
	for (size_t i = 0; i < ARRAY_SIZE(plurals) && r == 0; i++) {
		_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;

		r = cache_list(c, schema_kind_by_plural(plurals[i]), NULL, &list);
		for (size_t k = 0; k < list.n && r == 0; k++)
			r = tell(w, &(struct note){ list.items[k], false });
	}
	return r;
}

int sched_feed_tell(struct sched_feed *f, struct cache *c, struct sched_world *w)
{
	struct notes n;
	bool lost;
	int r = 0;

	pthread_mutex_lock(&f->lock);
	n = f->notes;
	lost = f->lost;
	f->notes = (struct notes){ 0 };
	f->lost = false;
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < n.n && r == 0 && !lost; i++)
		r = tell(w, &n.items[i]);
	clear(&n);
	if (lost || r < 0)
		r = tell_all(c, w);
	if (r < 0) {
		pthread_mutex_lock(&f->lock);
		f->lost = true;
		pthread_mutex_unlock(&f->lock);
	}
	return r;
}
