/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared informer: every object of the store, in memory, kept up to date by one watch. The file system, the
 * controllers, the scheduler and the node agent read here and nowhere else.
 *
 * Reads take a lock for as long as a pointer copy. Because the store completes a transaction only after its watches
 * have run, a writer that waited for its completion finds its own write here.
 */
#ifndef PODFS_STORE_CACHE_H
#define PODFS_STORE_CACHE_H

#include "store/object.h"

struct cache;

/* Loads all objects and follows the store. The store must outlive the cache. */
int cache_new(struct store *s, struct cache **ret, struct error *err);
void cache_free(struct cache *c);

/* One object, or NULL. The caller owns the reference. ns "" or NULL for cluster-wide kinds. */
struct object *cache_get(struct cache *c, const struct schema_kind *kind, const char *ns, const char *name);
/* By its store key. */
struct object *cache_get_key(struct cache *c, const char *key);
/* By uid, whatever its kind; NULL if it is gone. */
struct object *cache_get_uid(struct cache *c, const char *uid);

/* All of a kind in a namespace (ns NULL: in all), ordered by key. Appends to *ret. -ENOMEM. */
int cache_list(struct cache *c, const struct schema_kind *kind, const char *ns, struct object_list *ret);
/* All objects, of any kind, whose controller is that uid. */
int cache_list_controlled(struct cache *c, const char *controller_uid, struct object_list *ret);
/* All objects that name that uid in any ownerReference. */
int cache_list_owned(struct cache *c, const char *owner_uid, struct object_list *ret);
/* Those of a kind in a namespace that have no controller: candidates for adoption. */
int cache_list_orphans(struct cache *c, const struct schema_kind *kind, const char *ns, struct object_list *ret);
/* How many of a kind there are (ns NULL: in all namespaces); cheap. */
size_t cache_count(struct cache *c, const struct schema_kind *kind, const char *ns);

enum cache_event_type { CACHE_ADDED, CACHE_MODIFIED, CACHE_DELETED };

struct cache_event {
	enum cache_event_type type;
	const struct object *old; /* NULL for CACHE_ADDED */
	const struct object *now; /* NULL for CACHE_DELETED */
	uint64_t rev;
};

struct cache_subscription;
typedef void (*cache_fn)(void *arg, const struct cache_event *e);

/*
 * Calls fn for each object of the kind (NULL: of all kinds) that exists, as CACHE_ADDED, and then for each change, in
 * order, none missed and none twice. fn runs on the store's thread (the first ones on the caller's), the cache already
 * shows the change, and it must be quick: note the key and wake your own thread. It may read the cache and
 * submit to the store; it must not wait.
 */
int cache_subscribe(struct cache *c, const struct schema_kind *kind, cache_fn fn, void *arg,
		    struct cache_subscription **ret);
/*
 * Has `after` called, with the subscription's `arg` and on the store's thread, when whoever made the changes that fn was
 * shown has his answer; once for many changes. Who only wakes a thread does it there: a thread that wakes while the answer
 * is under way may take the processor from it.
 */
void cache_after(struct cache_subscription *s, void (*after)(void *arg));
/* Ends it; neither fn nor what cache_after() was given is running when this returns. NULL is fine. Not from fn itself. */
void cache_unsubscribe(struct cache_subscription *s);

/*
 * Bytes that the decoded trees of the cache's objects take, and what they may take (8 MiB unless set): beyond that, trees of
 * objects that nobody but the cache holds are dropped when the cache is asked for something next, or changes.
 */
size_t cache_decoded(struct cache *c);
void cache_limit_decoded(struct cache *c, size_t bytes);

/*
 * Another number after each change of what the cache shows, never 0. Who takes it first and then looks has what he saw for as
 * long as the number stays. No revision does for that: all changes of one transaction have the same, and come one by one.
 */
uint64_t cache_changes(struct cache *c);

#endif
