/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node an object, found by key (a tree, for ordered lists), by uid (a hash), and by controller (a hash of
 * buckets; objects without one lie in the bucket "-PLURAL/NAMESPACE").
 *
 * Locks: `dispatch` is held while a change is applied and its subscribers are called, and while a new subscriber
 * is given what exists; so nobody misses a change or sees one twice. `lock` guards the indexes, is taken inside
 * `dispatch`, and is never held while foreign code runs.
 */
#include "store/cache.h"

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "schema/custom.h"
#include "store/object-internal.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* What decoded trees may take: those of a thousand small objects. A few hundred bytes of a stored form are a few thousand
 * decoded, and what is decoded in some 5 us need not be kept of all. */
enum { DECODED_BYTES = 8 * 1024 * 1024 };

struct bucket {
	LIST_HEAD(, node) nodes;
	size_t n;
	UT_hash_handle hh;
	char name[];
};

struct node {
	RB_ENTRY(node) by_key;
	UT_hash_handle hh; /* by uid */
	LIST_ENTRY(node) in_bucket, in_others;
	struct bucket *bucket;
	struct count *kind_count, *ns_count;
	struct object *object; /* owned */
	bool hashed, others;
};

/* How many objects of a kind, or of a kind in a namespace, there are. */
struct count {
	size_t n;
	UT_hash_handle hh;
	char name[];
};

RB_HEAD(node_tree, node);

struct cache {
	struct store *store;
	struct store_watch *watch;
	pthread_mutex_t dispatch;
	pthread_rwlock_t lock;
	struct node_tree nodes;				/* protected by lock, as are the next four */
	struct node *by_uid;
	struct bucket *buckets;
	struct count *counts;
	LIST_HEAD(, node) others;			/* objects with owners besides a controller */
	LIST_HEAD(, cache_subscription) subscriptions; /* protected by dispatch */
	/* What cache_get_key() found last: who goes through a list finds the next beside it. Followed with lock held, and
	 * NULL before what it points to is freed, which happens with lock held for writing. */
	_Atomic(struct node *) last;
	_Atomic uint64_t changes; /* added to with lock held for writing */
	struct object_pool pool; /* of the objects' decoded trees; trimmed with lock held for writing */
};

struct cache_subscription {
	LIST_ENTRY(cache_subscription) link;
	struct cache *cache;
	const struct schema_kind *kind;
	cache_fn fn;
	void (*after)(void *arg); /* NULL: not wanted; protected by the cache's dispatch, as is the next */
	bool shown;		  /* fn was called since */
	void *arg;
};

static int compare_nodes(const struct node *a, const struct node *b)
{
	return strcmp(object_key(a->object), object_key(b->object));
}

RB_GENERATE_INTERNAL(node_tree, node, by_key, compare_nodes, __attribute__((__unused__)) static)

/* Makes room for what will be decoded next. No lock is held. */
static void trim(struct cache *c)
{
	struct object_tree *freed;

	if (!object_pool_is_full(&c->pool))
		return;
	pthread_rwlock_wrlock(&c->lock);
	freed = object_pool_trim(&c->pool);
	pthread_rwlock_unlock(&c->lock);
	object_trees_free(freed);
}

/* The first node at or after a key. Called with the lock held. */
static struct node *seek(struct cache *c, const char *key)
{
	struct node *n = RB_ROOT(&c->nodes), *found = NULL;

	while (n) {
		if (strcmp(object_key(n->object), key) < 0) {
			n = RB_RIGHT(n, by_key);
		} else {
			found = n;
			n = RB_LEFT(n, by_key);
		}
	}
	return found;
}

static struct node *find(struct cache *c, const char *key)
{
	struct node *n = seek(c, key);

	return n && !strcmp(object_key(n->object), key) ? n : NULL;
}

/* The same, of who asks for many in order. */
static struct node *find_next(struct cache *c, const char *key)
{
	struct node *last = atomic_load_explicit(&c->last, memory_order_relaxed), *n = last;
	int r = n ? strcmp(object_key(n->object), key) : 1;

	if (r < 0) {
		n = RB_NEXT(node_tree, &c->nodes, n);
		r = n ? strcmp(object_key(n->object), key) : 1;
	}
	if (r != 0)
		n = find(c, key);
	if (n && n != last)
		atomic_store_explicit(&c->last, n, memory_order_relaxed);
	return n;
}

static struct bucket *get_bucket(struct cache *c, const char *name)
{
	struct bucket *b;

	HASH_FIND_STR(c->buckets, name, b);
	if (b)
		return b;
	b = calloc(1, sizeof(*b) + strlen(name) + 1);
	if (!b)
		return NULL;
	memcpy(b->name, name, strlen(name) + 1);
	LIST_INIT(&b->nodes);
	HASH_ADD_STR(c->buckets, name, b);
	if (!b->hh.tbl) {
		free(b);
		return NULL;
	}
	return b;
}

static void orphan_bucket_name(const struct schema_kind *kind, const char *ns, char *out, size_t size)
{
	(void)snprintf(out, size, "-%s/%s", kind->plural, ns);
}

static struct count *get_count(struct cache *c, const struct schema_kind *kind, const char *ns)
{
	char name[STORE_KEY_MAX + 1];
	struct count *n;

	(void)snprintf(name, sizeof(name), "%s%s%s", kind->plural, ns ? "/" : "", ns ? ns : "");
	HASH_FIND_STR(c->counts, name, n);
	if (n)
		return n;
	n = calloc(1, sizeof(*n) + strlen(name) + 1);
	if (!n)
		return NULL;
	memcpy(n->name, name, strlen(name) + 1);
	HASH_ADD_STR(c->counts, name, n);
	if (!n->hh.tbl) {
		free(n);
		return NULL;
	}
	return n;
}

/* Takes a node out of the indexes that depend on what its object says (all but the tree). Called with the lock held. */
static void unindex(struct cache *c, struct node *n)
{
	if (n->hashed)
		HASH_DEL(c->by_uid, n);
	n->hashed = false;
	if (n->bucket) {
		LIST_REMOVE(n, in_bucket);
		if (!--n->bucket->n) {
			HASH_DEL(c->buckets, n->bucket);
			free(n->bucket);
		}
		n->bucket = NULL;
	}
	if (n->others)
		LIST_REMOVE(n, in_others);
	n->others = false;
}

/* Puts it in. Memory running out leaves it out of an index, which is logged: the daemon goes on. */
static void index_node(struct cache *c, struct node *n)
{
	const char *uid = object_uid(n->object), *controller = object_controller_uid(n->object);
	char orphans[STORE_KEY_MAX + 1];

	if (*uid) {
		HASH_ADD_KEYPTR(hh, c->by_uid, uid, strlen(uid), n);
		n->hashed = n->hh.tbl != NULL;
	}
	if (!*controller)
		orphan_bucket_name(object_kind(n->object), object_namespace(n->object), orphans, sizeof(orphans));
	n->bucket = get_bucket(c, *controller ? controller : orphans);
	if (n->bucket) {
		LIST_INSERT_HEAD(&n->bucket->nodes, n, in_bucket);
		n->bucket->n++;
	}
	n->others = object_has_other_owners(n->object);
	if (n->others)
		LIST_INSERT_HEAD(&c->others, n, in_others);
	if (!n->bucket || (*uid && !n->hashed))
		log_error("cache: out of memory while indexing %s", object_key(n->object));
}

static void drop_count(struct cache *c, struct count *n)
{
	if (!n || --n->n)
		return;
	HASH_DEL(c->counts, n);
	free(n);
}

static void count_node(struct cache *c, struct node *n)
{
	n->kind_count = get_count(c, object_kind(n->object), NULL);
	n->ns_count = get_count(c, object_kind(n->object), object_namespace(n->object));
	if (n->kind_count)
		n->kind_count->n++;
	if (n->ns_count)
		n->ns_count->n++;
}

/* A CustomResourceDefinition makes its kind known, so that the next change may be of it. */
static int follow_definition(const struct store_change *change)
{
	static const char prefix[] = "/objects/customresourcedefinitions/";
	_cleanup_object_ struct object *own = NULL; /* decoded for this only: the cache's stays small */
	const char *key = store_entry_key(change->now ? change->now : change->old);
	int r;

	if (strncmp(key, prefix, strlen(prefix)) != 0)
		return 0;
	if (!change->now) {
		schema_custom_remove(key + strlen(prefix));
		return 0;
	}
	r = object_from_entry(change->now, &own);
	return r < 0 ? r : schema_custom_define(object_root(own));
}

/* Objects of custom kinds come before their definitions: those are looked for first. */
static int load_definitions(const struct store_list *list)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->n; i++)
		r = follow_definition(&(const struct store_change){ .now = list->items[i] });
	return r;
}

/* Whether it is of a custom kind whose definition is gone: it waits in the store until that returns. */
static bool is_undefined(const struct store_entry *e)
{
	const char *plural = store_entry_key(e) + strlen("/objects/");
	char name[320];
	size_t n = strcspn(plural, "/");

	if (n >= sizeof(name) || !memchr(plural, '.', n))
		return false;
	memcpy(name, plural, n);
	name[n] = '\0';
	return !schema_kind_by_plural(name);
}

/* Applies one change; *ret_old and *ret_now are new references or NULL. Called with dispatch held. */
static int apply(struct cache *c, const struct store_change *change, struct object **ret_old, struct object **ret_now)
{
	_cleanup_object_ struct object *now = NULL;
	struct node *n;
	int r;

	if (change->now) {
		r = object_from_entry(change->now, &now);
		if (r < 0)
			return r;
		object_pool_join(&c->pool, now);
	}
	trim(c);
	pthread_rwlock_wrlock(&c->lock);
	atomic_fetch_add(&c->changes, 1);
	n = find(c, store_entry_key(change->now ? change->now : change->old));
	if (n) {
		*ret_old = n->object;
		object_pool_leave(n->object);
		unindex(c, n);
	}
	if (n && !now) {
		RB_REMOVE(node_tree, &c->nodes, n);
		atomic_store_explicit(&c->last, NULL, memory_order_relaxed);
		drop_count(c, n->kind_count);
		drop_count(c, n->ns_count);
		free(n);
	} else if (n) {
		n->object = object_ref(now); /* the same key: the tree's order stands */
		index_node(c, n);
	} else if (now && (n = calloc(1, sizeof(*n)))) {
		n->object = object_ref(now);
		RB_INSERT(node_tree, &c->nodes, n);
		index_node(c, n);
		count_node(c, n);
	}
	pthread_rwlock_unlock(&c->lock);
	if (now && !n) {
		object_pool_leave(now);
		return -ENOMEM;
	}
	*ret_now = steal_ptr(now);
	return 0;
}

static void on_change(void *arg, const struct store_change *change)
{
	struct cache *c = arg;
	_cleanup_object_ struct object *old = NULL, *now = NULL;
	struct cache_event e;
	struct cache_subscription *s;
	int r;

	pthread_mutex_lock(&c->dispatch);
	r = apply(c, change, &old, &now);
	if (r == 0)
		r = follow_definition(change);
	if (r < 0)
		log_error("cache: %s at revision %llu: %s", store_entry_key(change->now ? change->now : change->old),
			  (unsigned long long)change->rev, strerrordesc_np(-r));
	e = (struct cache_event){ .type = !old ? CACHE_ADDED : now ? CACHE_MODIFIED : CACHE_DELETED,
				  .old = old, .now = now, .rev = change->rev };
	if (old || now)
		LIST_FOREACH(s, &c->subscriptions, link)
			if (!s->kind || s->kind == object_kind(now ? now : old)) {
				s->shown = true;
				s->fn(s->arg, &e);
			}
	pthread_mutex_unlock(&c->dispatch);
}

static void on_settled(void *arg)
{
	struct cache *c = arg;
	struct cache_subscription *s;

	pthread_mutex_lock(&c->dispatch);
	LIST_FOREACH(s, &c->subscriptions, link) {
		if (s->shown && s->after)
			s->after(s->arg);
		s->shown = false;
	}
	pthread_mutex_unlock(&c->dispatch);
}

int cache_new(struct store *s, struct cache **ret, struct error *err)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	struct cache *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return error_set(err, -ENOMEM, "cache: out of memory");
	c->store = s;
	c->changes = 1;
	RB_INIT(&c->nodes);
	LIST_INIT(&c->others);
	LIST_INIT(&c->subscriptions);
	object_pool_init(&c->pool, DECODED_BYTES);
	pthread_mutex_init(&c->dispatch, NULL);
	pthread_rwlock_init(&c->lock, NULL);
	r = store_list(s, "/objects/", &list);
	if (r == 0)
		r = load_definitions(&list);
	if (r < 0)
		error_errno(err, r, "cache: custom kinds");
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		_cleanup_object_ struct object *old = NULL, *now = NULL;
		struct store_change change = { .rev = store_entry_mod_rev(list.items[i]), .now = list.items[i] };

		if (is_undefined(list.items[i]))
			continue;
		r = apply(c, &change, &old, &now);
		if (r == -EPROTO)
			error_set(err, r, "cache: %s was written by a newer podfs", store_entry_key(list.items[i]));
		else if (r < 0)
			error_errno(err, r, "cache: %s", store_entry_key(list.items[i]));
	}
	if (r == 0) {
		r = store_watch(s, "/objects/", list.rev + 1, on_change, c, &c->watch);
		if (r < 0)
			error_errno(err, r, "cache: watch");
		else
			store_watch_after(c->watch, on_settled);
	}
	if (r < 0) {
		cache_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void cache_free(struct cache *c)
{
	struct node *n, *next;
	struct count *count, *tmp;

	if (!c)
		return;
	store_unwatch(c->watch);
	RB_FOREACH_SAFE(n, node_tree, &c->nodes, next) {
		unindex(c, n);
		RB_REMOVE(node_tree, &c->nodes, n);
		object_pool_leave(n->object);
		object_unref(n->object);
		free(n);
	}
	object_pool_destroy(&c->pool);
	HASH_ITER(hh, c->counts, count, tmp) {
		HASH_DEL(c->counts, count);
		free(count);
	}
	pthread_rwlock_destroy(&c->lock);
	pthread_mutex_destroy(&c->dispatch);
	free(c);
}

struct object *cache_get_key(struct cache *c, const char *key)
{
	struct object *o;
	struct node *n;

	trim(c);
	pthread_rwlock_rdlock(&c->lock);
	n = find_next(c, key);
	o = n ? object_ref(n->object) : NULL;
	pthread_rwlock_unlock(&c->lock);
	return o;
}

struct object *cache_get(struct cache *c, const struct schema_kind *kind, const char *ns, const char *name)
{
	char key[STORE_KEY_MAX + 1];

	if (object_format_key(kind, ns ? ns : "", name, key) < 0)
		return NULL;
	return cache_get_key(c, key);
}

struct object *cache_get_uid(struct cache *c, const char *uid)
{
	struct object *o;
	struct node *n;

	trim(c);
	pthread_rwlock_rdlock(&c->lock);
	HASH_FIND_STR(c->by_uid, uid, n);
	o = n ? object_ref(n->object) : NULL;
	pthread_rwlock_unlock(&c->lock);
	return o;
}

int cache_list(struct cache *c, const struct schema_kind *kind, const char *ns, struct object_list *ret)
{
	char prefix[STORE_KEY_MAX + 1];
	int len = object_format_key(kind, ns, NULL, prefix), r = 0;

	if (len < 0)
		return len;
	trim(c);
	pthread_rwlock_rdlock(&c->lock);
	for (struct node *n = seek(c, prefix); n && r == 0; n = RB_NEXT(node_tree, &c->nodes, n)) {
		if (strncmp(object_key(n->object), prefix, (size_t)len))
			break;
		r = object_list_add(ret, n->object);
	}
	pthread_rwlock_unlock(&c->lock);
	return r;
}

/* Adds the nodes of a bucket. Called with the lock held. */
static int list_bucket(struct cache *c, const char *name, struct object_list *ret)
{
	struct bucket *b;
	struct node *n;
	int r = 0;

	HASH_FIND_STR(c->buckets, name, b);
	if (!b)
		return 0;
	LIST_FOREACH(n, &b->nodes, in_bucket) {
		r = object_list_add(ret, n->object);
		if (r < 0)
			break;
	}
	return r;
}

/* Whether an object can be owned by what has that uid: not across namespaces. An owner that is gone is not judged. Called
 * with the lock held. */
static bool can_own(const struct cache *c, const char *uid, const struct object *o)
{
	const struct node *owner;

	HASH_FIND_STR(c->by_uid, uid, owner);
	return !owner || !*object_namespace(owner->object) ||
	       strcmp(object_namespace(owner->object), object_namespace(o)) == 0;
}

/* Adds what a bucket has of a uid that can own it. Called with the lock held. */
static int list_controlled(struct cache *c, const char *uid, struct object_list *ret)
{
	size_t at = ret->n;
	int r = list_bucket(c, uid, ret);

	for (size_t i = at; i < ret->n; i++) {
		if (can_own(c, uid, ret->items[i]))
			ret->items[at++] = ret->items[i];
		else
			object_unref(ret->items[i]);
	}
	ret->n = at;
	return r;
}

int cache_list_controlled(struct cache *c, const char *controller_uid, struct object_list *ret)
{
	int r;

	if (!*controller_uid)
		return 0;
	trim(c);
	pthread_rwlock_rdlock(&c->lock);
	r = list_controlled(c, controller_uid, ret);
	pthread_rwlock_unlock(&c->lock);
	return r;
}

int cache_list_orphans(struct cache *c, const struct schema_kind *kind, const char *ns, struct object_list *ret)
{
	char name[STORE_KEY_MAX + 1];
	int r;

	orphan_bucket_name(kind, ns ? ns : "", name, sizeof(name));
	trim(c);
	pthread_rwlock_rdlock(&c->lock);
	r = list_bucket(c, name, ret);
	pthread_rwlock_unlock(&c->lock);
	return r;
}

static bool names_owner(const struct object *o, const char *uid)
{
	const struct value *refs = object_path(o, "metadata", "ownerReferences");

	return strcmp(object_controller_uid(o), uid) != 0 && value_find(refs, "uid", uid);
}

int cache_list_owned(struct cache *c, const char *owner_uid, struct object_list *ret)
{
	struct node *n;
	int r;

	if (!*owner_uid)
		return 0;
	trim(c);
	pthread_rwlock_rdlock(&c->lock);
	r = list_controlled(c, owner_uid, ret);
	LIST_FOREACH(n, &c->others, in_others)
		if (r == 0 && names_owner(n->object, owner_uid) && can_own(c, owner_uid, n->object))
			r = object_list_add(ret, n->object);
	pthread_rwlock_unlock(&c->lock);
	return r;
}

size_t cache_count(struct cache *c, const struct schema_kind *kind, const char *ns)
{
	char name[STORE_KEY_MAX + 1];
	struct count *n;
	size_t count;

	(void)snprintf(name, sizeof(name), "%s%s%s", kind->plural, ns ? "/" : "", ns ? ns : "");
	pthread_rwlock_rdlock(&c->lock);
	HASH_FIND_STR(c->counts, name, n);
	count = n ? n->n : 0;
	pthread_rwlock_unlock(&c->lock);
	return count;
}

/* References to all objects, in key order. */
static int list_all(struct cache *c, struct object_list *ret)
{
	struct node *n;
	int r = 0;

	pthread_rwlock_rdlock(&c->lock);
	RB_FOREACH(n, node_tree, &c->nodes) {
		r = object_list_add(ret, n->object);
		if (r < 0)
			break;
	}
	pthread_rwlock_unlock(&c->lock);
	return r;
}

int cache_subscribe(struct cache *c, const struct schema_kind *kind, cache_fn fn, void *arg,
		    struct cache_subscription **ret)
{
	_cleanup_object_list_ struct object_list existing = OBJECT_LIST_INIT;
	struct cache_subscription *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct cache_subscription){ .cache = c, .kind = kind, .fn = fn, .arg = arg };
	pthread_mutex_lock(&c->dispatch);
	r = kind ? cache_list(c, kind, NULL, &existing) : list_all(c, &existing);
	for (size_t i = 0; r == 0 && i < existing.n; i++) {
		struct cache_event e = { .type = CACHE_ADDED, .now = existing.items[i],
					 .rev = object_revision(existing.items[i]) };

		fn(arg, &e);
		object_unref(steal_ptr(existing.items[i])); /* so that its tree need not stay until the last was shown */
		trim(c);
	}
	if (r == 0)
		LIST_INSERT_HEAD(&c->subscriptions, s, link);
	pthread_mutex_unlock(&c->dispatch);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void cache_after(struct cache_subscription *s, void (*after)(void *arg))
{
	pthread_mutex_lock(&s->cache->dispatch);
	s->after = after;
	pthread_mutex_unlock(&s->cache->dispatch);
}

void cache_unsubscribe(struct cache_subscription *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->cache->dispatch);
	LIST_REMOVE(s, link);
	pthread_mutex_unlock(&s->cache->dispatch);
	free(s);
}

size_t cache_decoded(struct cache *c)
{
	size_t bytes;

	pthread_mutex_lock(&c->pool.lock);
	bytes = c->pool.bytes;
	pthread_mutex_unlock(&c->pool.lock);
	return bytes;
}

void cache_limit_decoded(struct cache *c, size_t bytes)
{
	pthread_mutex_lock(&c->pool.lock);
	c->pool.limit = bytes;
	pthread_mutex_unlock(&c->pool.lock);
}

uint64_t cache_changes(struct cache *c)
{
	return atomic_load(&c->changes);
}
