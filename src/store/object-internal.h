/* SPDX-License-Identifier: Apache-2.0 */
/* What only the store floor sees of an object. */
#ifndef PODFS_STORE_OBJECT_INTERNAL_H
#define PODFS_STORE_OBJECT_INTERNAL_H

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdatomic.h>

#include "store/object.h"

/* Whether it has owner references besides its controller's. */
bool object_has_other_owners(const struct object *o);

/*
 * The decoded trees of a cache's objects, which share some room: when it is used up, trees are dropped of objects that the
 * cache alone holds, those first that nobody asked for in a while. Any thread, but for object_pool_trim(): while that runs
 * nobody may take references out of the cache.
 */
struct object_pool {
	pthread_mutex_t lock;
	TAILQ_HEAD(, object) decoded; /* protected by lock, as are the next two */
	size_t n, bytes;
	size_t limit;
	_Atomic unsigned calls; /* to come before object_pool_is_full() says so; UINT_MAX: it is not */
};

struct object_tree;

void object_pool_init(struct object_pool *p, size_t limit);
void object_pool_destroy(struct object_pool *p); /* all objects have left */
/* Before others see the object; it leaves before the cache gives up its reference. */
void object_pool_join(struct object_pool *p, struct object *o);
void object_pool_leave(struct object *o);
/* Whether it is time to trim. Where trimming did not help since all is in use, not for as many calls as that looked at. */
bool object_pool_is_full(struct object_pool *p);
/* Takes trees out, which object_trees_free() frees when no lock is held. */
struct object_tree *object_pool_trim(struct object_pool *p);
void object_trees_free(struct object_tree *t);

#endif
