/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of the registry share: registry.c, registry_txn.c, strategy.c, event.c. */
#ifndef PODFS_STORE_REGISTRY_INTERNAL_H
#define PODFS_STORE_REGISTRY_INTERNAL_H

#include <pthread.h>

#include "store/registry.h"

struct event_log;

struct registry {
	struct store *store;
	struct cache *cache;
	int64_t (*now)(void);
	struct event_log *events;
	pthread_mutex_t users_lock;
	struct registry_user *users; /* owned; protected by users_lock; NULL: nobody but root has written */
};

/* How many objects a user has, at least as far as is known: admission.c. */
struct registry_user {
	struct registry_user *next;
	uid_t uid;
	size_t objects;
	int64_t looked; /* monotonic ns; 0: never */
};

/* --- event.c --- */

/* Takes note of the Event objects that the cache holds. */
int event_log_new(struct registry *r, struct event_log **ret);
void event_log_free(struct event_log *l);

/* --- strategy.c: what a kind's own rules add, as Kubernetes' registry strategies do --- */

/* Completes a new object: a Pod's phase and QoS class, a Namespace's finalizer and phase. */
void strategy_prepare_create(const struct schema_kind *kind, struct arena *a, struct value *root);

/* Puts back what a user's update does not change: a Namespace's spec.finalizers. */
void strategy_prepare_update(struct arena *a, const struct object *old, struct value *root);

/* The seconds of grace that a delete gives: 0 removes at once. `asked` is -1 for the object's own. */
int64_t strategy_delete_grace(const struct object *o, int64_t asked);

/* Whether the object must stay until somebody else has finished with it, though its grace is 0. */
bool strategy_has_spec_finalizers(const struct value *root);

#endif
