/* SPDX-License-Identifier: Apache-2.0 */
/* The terms that pods on nodes have themselves. Pods of one ReplicaSet carry the same, so these are few. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/scheduler_counts.h"

enum { KINDS = 4 };

bool sched_grow_array(void **array, size_t size, size_t old_n, size_t n)
{
	char *more = reallocarray(*array, n + 1, size);

	if (!more)
		return false;
	memset(more + (old_n + 1) * size, 0, (n - old_n) * size);
	*array = more;
	return true;
}

int sched_carried_grow(struct sched_world *w, size_t slots)
{
	struct sched_carried *c, *next;

	HASH_ITER(hh, w->carried, c, next)
		if (!sched_grow_array((void **)&c->count, sizeof(*c->count), w->slots_cap, slots))
			return -ENOMEM;
	return 0;
}

static void free_carried(struct sched_carried *c)
{
	arena_free(c->arena);
	free(c->count);
	free(c);
}

static struct sched_carried *get_carried(struct sched_world *w, enum sched_terms kind, const struct sched_term *t)
{
	_cleanup_buf_ struct buf key = BUF_INIT;
	struct sched_carried *c = NULL;

	buf_printf(&key, "%d %lld %s %s", (int)kind, (long long)t->weight, t->topology_key, t->text);
	if (buf_failed(&key))
		return NULL;
	HASH_FIND_STR(w->carried, buf_str(&key), c);
	if (c)
		return c;
	c = calloc(1, sizeof(*c) + key.len + 1);
	if (!c)
		return NULL;
	memcpy(c->key, buf_str(&key), key.len + 1);
	c->kind = kind;
	c->arena = arena_new(0);
	c->count = calloc(w->slots_cap + 1, sizeof(*c->count));
	if (c->count && sched_term_copy(c->arena, t, &c->term) == 0)
		HASH_ADD_STR(w->carried, key, c);
	if (!c->hh.tbl) {
		free_carried(c);
		return NULL;
	}
	return c;
}

static int carry(struct sched_world *w, struct sched_pod *p, enum sched_terms kind, const struct sched_term *t)
{
	struct sched_carried **list = reallocarray(p->carried, p->n_carried + 1, sizeof(struct sched_carried *)), *c;

	if (!list)
		return -ENOMEM;
	p->carried = list;
	c = get_carried(w, kind, t);
	if (!c)
		return -ENOMEM;
	list[p->n_carried++] = c;
	c->count[p->node->slot]++;
	c->pods++;
	return 0;
}

int sched_carried_add_pod(struct sched_world *w, struct sched_pod *p, const struct object *pod)
{
	_cleanup_arena_ struct arena *a = NULL;
	int r = 0;

	if (!sched_terms_any(pod))
		return 0;
	a = arena_new(0);
	for (int kind = 0; kind < KINDS && r == 0; kind++) {
		struct sched_term *terms;
		size_t n;

		r = sched_terms_read(a, pod, (enum sched_terms)kind, &terms, &n);
		for (size_t i = 0; i < n && r == 0; i++)
			r = carry(w, p, (enum sched_terms)kind, &terms[i]);
	}
	return r == -EINVAL ? 0 : r; /* what cannot be read has no effect */
}

void sched_carried_remove_pod(struct sched_world *w, struct sched_pod *p)
{
	for (size_t i = 0; i < p->n_carried; i++) {
		struct sched_carried *c = p->carried[i];

		c->count[p->node->slot]--;
		if (--c->pods)
			continue;
		HASH_DEL(w->carried, c);
		free_carried(c);
	}
	p->n_carried = 0;
}

const struct sched_carried *sched_carried_next(const struct sched_world *w, const struct sched_carried *c)
{
	return c ? c->hh.next : w->carried;
}
