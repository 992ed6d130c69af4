/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kept events are remembered by key, oldest first, and found by what they say; a new one beyond EVENT_KEEP removes the oldest in the same lazy
 * transaction. Repeats are limited by a token bucket for each object, as client-go's EventSourceObjectSpamFilter does.
 */
#include "store/event.h"

#include <bsd/sys/queue.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "store/registry-internal.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

static const int64_t refill_interval = 300 * NSEC_PER_SEC; /* client-go: 1/300 queries a second */

enum { BUCKETS_MAX = 4096 }; /* objects whose rate is remembered: client-go's maxLruCacheEntries */

struct kept {
	TAILQ_ENTRY(kept) link;
	UT_hash_handle hh;
	bool is_found;	   /* it is the one of its identity that by_identity has */
	uint64_t identity; /* of what it says about what */
	char key[];
};

struct bucket {
	UT_hash_handle hh;
	TAILQ_ENTRY(bucket) by_age;
	int tokens;
	int64_t refilled; /* real time, ns */
	char uid[];
};

struct event_log {
	pthread_mutex_t lock; /* protects everything below; nothing else is locked inside it */
	TAILQ_HEAD(, kept) kept;
	struct kept *by_identity; /* the newest of each */
	size_t n_kept;
	struct bucket *buckets;
	TAILQ_HEAD(bucket_list, bucket) ages; /* least recently used first */
	uint64_t sequence;
};

/* FNV-1a over strings with their ends. */
static uint64_t hash_strings(const char *const *strings, size_t n)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < n; i++)
		for (const char *s = strings[i];; s++) {
			hash = (hash ^ (unsigned char)*s) * 0x100000001b3;
			if (!*s)
				break;
		}
	return hash;
}

/* What makes two events one that has come twice: client-go's getEventKey. */
static uint64_t identity_of(const struct value *root)
{
	const char *parts[] = {
		value_str_or(value_path(root, "involvedObject", "uid"), ""),
		value_str_or(value_path(root, "source", "component"), ""),
		value_str_or(value_get(root, "type"), ""),
		value_str_or(value_get(root, "reason"), ""),
		value_str_or(value_get(root, "message"), ""),
	};

	return hash_strings(parts, ARRAY_SIZE(parts));
}

/* It is not found by what it says any more. */
static void hide(struct event_log *l, struct kept *k)
{
	if (k->is_found)
		HASH_DEL(l->by_identity, k);
	k->is_found = false;
}

static void remember(struct event_log *l, const char *key, uint64_t identity)
{
	struct kept *k = calloc(1, sizeof(*k) + strlen(key) + 1), *was;

	if (!k)
		return; /* ignoring: this event is kept longer than it should be */
	k->identity = identity;
	memcpy(k->key, key, strlen(key) + 1);
	TAILQ_INSERT_TAIL(&l->kept, k, link);
	l->n_kept++;
	HASH_FIND(hh, l->by_identity, &identity, sizeof(identity), was);
	if (was)
		hide(l, was);
	HASH_ADD(hh, l->by_identity, identity, sizeof(k->identity), k);
	k->is_found = k->hh.tbl != NULL; /* out of memory: what it says again is another event */
}

static void forget(struct event_log *l, struct kept *k)
{
	hide(l, k);
	TAILQ_REMOVE(&l->kept, k, link);
	l->n_kept--;
	free(k);
}

static int compare_age(const void *a, const void *b)
{
	const struct object *x = *(struct object *const *)a, *y = *(struct object *const *)b;
	uint64_t rx = object_create_revision(x), ry = object_create_revision(y);

	return rx < ry ? -1 : rx > ry;
}

int event_log_new(struct registry *r, struct event_log **ret)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	const struct schema_kind *kind = schema_kind_by_plural("events");
	struct event_log *l = calloc(1, sizeof(*l));
	int e;

	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	TAILQ_INIT(&l->kept);
	TAILQ_INIT(&l->ages);
	e = kind ? cache_list(r->cache, kind, NULL, &list) : 0;
	if (e < 0) {
		event_log_free(l);
		return e;
	}
	if (list.n)
		qsort(list.items, list.n, sizeof(list.items[0]), compare_age);
	for (size_t i = 0; i < list.n; i++)
		remember(l, object_key(list.items[i]), identity_of(object_root(list.items[i])));
	*ret = l;
	return 0;
}

void event_log_free(struct event_log *l)
{
	struct kept *k;
	struct bucket *b;

	if (!l)
		return;
	while ((k = TAILQ_FIRST(&l->kept)))
		forget(l, k);
	while ((b = TAILQ_FIRST(&l->ages))) {
		TAILQ_REMOVE(&l->ages, b, by_age);
		HASH_DEL(l->buckets, b);
		free(b);
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* The bucket of an object, made full if it has none; NULL when memory is out. Called with the lock held. */
static struct bucket *get_bucket(struct event_log *l, const char *uid, int64_t now)
{
	struct bucket *b;

	HASH_FIND_STR(l->buckets, uid, b);
	if (b) {
		TAILQ_REMOVE(&l->ages, b, by_age);
		TAILQ_INSERT_TAIL(&l->ages, b, by_age);
		return b;
	}
	if (HASH_COUNT(l->buckets) >= BUCKETS_MAX) {
		b = TAILQ_FIRST(&l->ages);
		TAILQ_REMOVE(&l->ages, b, by_age);
		HASH_DEL(l->buckets, b);
		free(b);
	}
	b = calloc(1, sizeof(*b) + strlen(uid) + 1);
	if (!b)
		return NULL;
	memcpy(b->uid, uid, strlen(uid) + 1);
	b->tokens = EVENT_BURST;
	b->refilled = now;
	HASH_ADD_STR(l->buckets, uid, b);
	if (!b->hh.tbl) {
		free(b);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&l->ages, b, by_age);
	return b;
}

static bool take_token(struct event_log *l, const char *uid, int64_t now)
{
	struct bucket *b = get_bucket(l, uid, now);
	int64_t earned;

	if (!b)
		return false;
	earned = (now - b->refilled) / refill_interval;
	if (earned > 0) {
		b->tokens = earned > EVENT_BURST - b->tokens ? EVENT_BURST : b->tokens + (int)earned;
		b->refilled += earned * refill_interval;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}

static struct value *build(struct arena *a, const char *component, const struct object *about, enum event_type type,
			   const char *reason, const char *message, int64_t now)
{
	struct value *root = value_new_map(a), *meta, *involved;
	char time[CLOCK_RFC3339_SIZE];
	const char *ns = *object_namespace(about) ? object_namespace(about) : "default";

	value_set_str(a, root, "apiVersion", "v1");
	value_set_str(a, root, "kind", "Event");
	meta = value_set_map(a, root, "metadata");
	value_set_str(a, meta, "namespace", ns);
	involved = value_set_map(a, root, "involvedObject");
	value_set_str(a, involved, "kind", object_kind(about)->kind);
	value_set_str(a, involved, "apiVersion", object_kind(about)->api_version);
	if (*object_namespace(about))
		value_set_str(a, involved, "namespace", ns);
	value_set_str(a, involved, "name", object_name(about));
	value_set_str(a, involved, "uid", object_uid(about));
	value_set_str(a, root, "reason", reason);
	value_set_str(a, root, "message", message);
	value_set_str(a, value_set_map(a, root, "source"), "component", component);
	clock_format_rfc3339(now, time);
	value_set_str(a, root, "firstTimestamp", time);
	value_set_str(a, root, "lastTimestamp", time);
	value_set_int(a, root, "count", 1);
	value_set_str(a, root, "type", type == EVENT_WARNING ? "Warning" : "Normal");
	value_set_str(a, root, "reportingComponent", component);
	return root;
}

/* Adds the removal of what is too old. Called with the lock held. */
static void trim(struct event_log *l, struct txn *t)
{
	while (l->n_kept > EVENT_KEEP) {
		struct kept *k = TAILQ_FIRST(&l->kept);

		(void)txn_remove(t, k->key, STORE_ANY); /* ignoring: out of memory keeps an old event */
		forget(l, k);
	}
}

/* Names the event, and puts its creation and the removal of old ones into the transaction. Called with the lock held. */
static int prepare(struct event_log *l, struct txn *t, struct value *root, const struct object *about, int64_t now)
{
	const struct schema_kind *kind = schema_kind_by_plural("events");
	struct value *meta = value_get(root, "metadata");
	char key[STORE_KEY_MAX + 1];
	int r;

	value_set(txn_arena(t), meta, "name",
		  value_new_strf(txn_arena(t), "%.200s.%" PRIx64 "%04" PRIx64, object_name(about), (uint64_t)now,
				 l->sequence++ & 0xffff));
	r = txn_create(t, root, 0, about, NULL);
	if (r < 0)
		return r;
	r = object_format_key(kind, value_str_or(value_get(meta, "namespace"), ""),
			      value_str_or(value_get(meta, "name"), ""), key);
	if (r < 0)
		return r;
	remember(l, key, identity_of(root));
	trim(l, t);
	return 0;
}

/* The kept event that says the same, which becomes the newest; NULL when there is none, or it is not stored yet. */
static struct object *find_same(struct registry *r, uint64_t identity)
{
	struct event_log *l = r->events;
	char key[STORE_KEY_MAX + 1] = "";
	struct kept *k;

	pthread_mutex_lock(&l->lock);
	HASH_FIND(hh, l->by_identity, &identity, sizeof(identity), k);
	if (k) {
		TAILQ_REMOVE(&l->kept, k, link);
		TAILQ_INSERT_TAIL(&l->kept, k, link);
		(void)snprintf(key, sizeof(key), "%s", k->key);
	}
	pthread_mutex_unlock(&l->lock);
	return *key ? cache_get_key(r->cache, key) : NULL;
}

/* Once more what an event says already: it counts. */
static int count_again(struct txn *t, const struct object *old, int64_t now)
{
	struct value *root = value_copy(txn_arena(t), object_root(old));
	char time[CLOCK_RFC3339_SIZE];

	if (!root)
		return -ENOMEM;
	clock_format_rfc3339(now, time);
	value_set_str(txn_arena(t), root, "lastTimestamp", time);
	value_set_int(txn_arena(t), root, "count", value_int(value_get(root, "count"), 1) + 1);
	return txn_update(t, old, root, 0, NULL);
}

void event_record_args(struct registry *r, const char *component, const struct object *about, enum event_type type,
		       const char *reason, const char *fmt, va_list ap)
{
	struct writer who = { .agent = component };
	_cleanup_object_ struct object *same = NULL;
	_cleanup_txn_ struct txn *t = NULL;
	_cleanup_free_ char *message = NULL;
	int64_t now = r->now();
	struct value *root;
	bool wanted;
	int e;

	pthread_mutex_lock(&r->events->lock);
	wanted = take_token(r->events, object_uid(about), now);
	pthread_mutex_unlock(&r->events->lock);
	if (!wanted)
		return;
	if (vasprintf(&message, fmt, ap) < 0)
		message = NULL;
	t = txn_new(r, &who);
	if (!message || !t)
		return;
	root = build(txn_arena(t), component, about, type, reason, message, now);
	if (arena_failed(txn_arena(t)))
		return;
	same = find_same(r, identity_of(root));
	if (same) {
		e = count_again(t, same, now);
	} else {
		pthread_mutex_lock(&r->events->lock);
		e = prepare(r->events, t, root, about, now);
		pthread_mutex_unlock(&r->events->lock);
	}
	if (e == 0)
		(void)txn_submit(t, STORE_LAZY, NULL, NULL); /* ignoring: events are advice */
}

void event_record(struct registry *r, const char *component, const struct object *about, enum event_type type,
		  const char *reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	event_record_args(r, component, about, type, reason, fmt, ap);
	va_end(ap);
}

void event_format_line(const struct object *event, struct buf *out)
{
	const struct value *root = object_root(event), *involved = value_get(root, "involvedObject");
	const struct schema_kind *kind = schema_kind_find(value_str_or(value_get(involved, "apiVersion"), ""),
							  value_str_or(value_get(involved, "kind"), ""));
	const char *message = value_str_or(value_get(root, "message"), "");

	buf_printf(out, "%s %s %s %s/%s: ", value_str_or(value_get(root, "lastTimestamp"), "-"),
		   value_str_or(value_get(root, "type"), "-"), value_str_or(value_get(root, "reason"), "-"),
		   kind ? kind->plural : "?", value_str_or(value_get(involved, "name"), "?"));
	for (; *message; message++) {
		unsigned char c = (unsigned char)*message;

		if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_putc(out, (char)c);
	}
	buf_putc(out, '\n');
}
