/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/waiting.h"

#include <pthread.h>
#include <string.h>

#include "fs/commit.h"
#include "fs/decl.h"

#define WAITING_PREFIX "/mount/waiting"

struct wait {
	LIST_ENTRY(wait) entry;
	char *object, *manifest; /* owned */
	bool started;		 /* its manifest is being applied again */
};

struct fs_waiting {
	struct fs *fs;
	struct cache_subscription *sub;
	pthread_mutex_t lock; /* guards list: the store's thread looks into it */
	LIST_HEAD(, wait) list;
};

struct freed {
	struct fs_task task;
	struct fs *fs;
	char object[];
};

static struct wait *find(struct fs_waiting *w, const char *object)
{
	struct wait *x;

	LIST_FOREACH(x, &w->list, entry)
		if (strcmp(x->object, object) == 0)
			return x;
	return NULL;
}

static void key_of(char out[static STORE_KEY_MAX + 1], const char *object_key)
{
	(void)snprintf(out, STORE_KEY_MAX + 1, WAITING_PREFIX "%s", object_key);
}

int fs_waiting_put(struct txn *t, const struct buf *keys, const char *manifest_key)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < keys->len; at += strlen(keys->data + at) + 1) {
		char key[STORE_KEY_MAX + 1];

		key_of(key, keys->data + at);
		r = txn_put(t, key, manifest_key, strlen(manifest_key), STORE_ANY);
	}
	return r;
}

int fs_waiting_unput(struct txn *t, const char *object_key)
{
	char key[STORE_KEY_MAX + 1];

	key_of(key, object_key);
	return txn_remove(t, key, STORE_ANY);
}

static void add(struct fs_waiting *w, const char *object, const char *manifest)
{
	struct wait *x = calloc(1, sizeof(*x));

	if (x) {
		x->object = strdup(object);
		x->manifest = strdup(manifest);
	}
	if (!x || !x->object || !x->manifest) { /* ignoring: it is in the store, and comes with the next start */
		if (x) {
			free(x->object);
			free(x->manifest);
		}
		free(x);
		return;
	}
	pthread_mutex_lock(&w->lock);
	LIST_INSERT_HEAD(&w->list, x, entry);
	pthread_mutex_unlock(&w->lock);
}

/* On the loop: the name is free, or the namespace there. A manifest with many that wait is applied once. */
static void on_freed(struct fs_task *t)
{
	struct freed *f = container_of(t, struct freed, task);
	char manifest[STORE_KEY_MAX + 1];
	struct wait *x = find(f->fs->waiting, f->object), *y;

	/* The file may have been renamed since. */
	if (x && !x->started && fs_decl_latest(f->fs->decl, f->object, NULL, NULL, manifest)) {
		LIST_FOREACH(y, &f->fs->waiting->list, entry)
			y->started |= strcmp(y->manifest, x->manifest) == 0;
		fs_commit_again(f->fs, manifest, NULL, NULL, NULL);
	}
	free(f);
}

static void post_freed(struct fs *fs, const char *object)
{
	size_t len = strlen(object);
	struct freed *f = malloc(sizeof(*f) + len + 1);

	if (!f)
		return; /* ignoring: it comes with the next start */
	f->task.fn = on_freed;
	f->fs = fs;
	memcpy(f->object, object, len + 1);
	fs_post(fs, &f->task);
}

/* The namespace in an object's key, "…/PLURAL/NAMESPACE/NAME"; false for one of no namespace, "…/PLURAL/NAME". */
static bool namespace_of(const char *key, char out[static 64])
{
	const char *name = strrchr(key, '/'), *start = name, *plural;

	while (start && start > key && start[-1] != '/')
		start--;
	for (plural = start ? start - 1 : key; plural > key && plural[-1] != '/'; plural--)
		;
	/* "/objects/": what stands before the plural begins the key */
	if (!name || plural <= key + 1 || (size_t)(name - start) >= 64)
		return false;
	(void)snprintf(out, 64, "%.*s", (int)(name - start), start);
	return true;
}

/* On the store's thread. */
static void on_change(void *arg, const struct cache_event *e)
{
	struct fs_waiting *w = arg;
	struct wait *x;
	char ns[64];

	if (e->type == CACHE_DELETED) {
		bool waits;

		pthread_mutex_lock(&w->lock);
		waits = find(w, object_key(e->old));
		pthread_mutex_unlock(&w->lock);
		if (waits)
			post_freed(w->fs, object_key(e->old));
	} else if (e->type == CACHE_ADDED && strcmp(object_kind(e->now)->plural, "namespaces") == 0) {
		pthread_mutex_lock(&w->lock);
		LIST_FOREACH(x, &w->list, entry)
			if (namespace_of(x->object, ns) && strcmp(ns, object_name(e->now)) == 0)
				post_freed(w->fs, x->object);
		pthread_mutex_unlock(&w->lock);
	}
}

/* Whether nothing stands in the way of an object's being made any more. */
static bool is_free(struct fs *fs, const char *key)
{
	_cleanup_object_ struct object *o = cache_get_key(fs->cache, key), *ns = NULL;
	char name[64];

	if (o || !namespace_of(key, name))
		return !o;
	ns = cache_get(fs->cache, schema_kind_by_plural("namespaces"), NULL, name);
	return ns && !object_is_deleting(ns);
}

void fs_waiting_add(struct fs *fs, const struct buf *keys, const char *manifest_key)
{
	for (size_t at = 0; at < keys->len; at += strlen(keys->data + at) + 1) {
		fs_waiting_drop(fs, keys->data + at);
		add(fs->waiting, keys->data + at, manifest_key);
		if (is_free(fs, keys->data + at)) /* it went, or the namespace came, between the look and the commit */
			post_freed(fs, keys->data + at);
	}
}

void fs_waiting_drop(struct fs *fs, const char *object_key)
{
	struct fs_waiting *w = fs->waiting;
	struct wait *x = find(w, object_key);

	if (!x)
		return;
	pthread_mutex_lock(&w->lock);
	LIST_REMOVE(x, entry);
	pthread_mutex_unlock(&w->lock);
	free(x->object);
	free(x->manifest);
	free(x);
}

bool fs_waiting_has(struct fs *fs, const char *object_key)
{
	return find(fs->waiting, object_key);
}

int fs_waiting_new(struct fs *fs, struct error *err)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	struct fs_waiting *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return error_set(err, -ENOMEM, "out of memory");
	w->fs = fs;
	LIST_INIT(&w->list);
	(void)pthread_mutex_init(&w->lock, NULL); /* cannot fail on Linux */
	fs->waiting = w;
	r = store_list(fs->store, WAITING_PREFIX "/", &list);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		const char *object = store_entry_key(list.items[i]) + strlen(WAITING_PREFIX);
		size_t len;
		const char *value = store_entry_value(list.items[i], &len);
		_cleanup_free_ char *manifest = strndup(value, len);

		if (!manifest) {
			r = -ENOMEM;
			break;
		}
		add(w, object, manifest);
		if (is_free(fs, object))
			post_freed(fs, object);
	}
	if (r == 0)
		r = cache_subscribe(fs->cache, NULL, on_change, w, &w->sub);
	return r < 0 ? error_errno(err, r, "cannot read the declarations that wait") : 0;
}

void fs_waiting_stop(struct fs_waiting *w)
{
	if (!w)
		return;
	cache_unsubscribe(w->sub);
	w->sub = NULL;
}

void fs_waiting_free(struct fs_waiting *w)
{
	if (!w)
		return;
	fs_waiting_stop(w);
	while (!LIST_EMPTY(&w->list)) {
		struct wait *x = LIST_FIRST(&w->list);

		LIST_REMOVE(x, entry);
		free(x->object);
		free(x->manifest);
		free(x);
	}
	(void)pthread_mutex_destroy(&w->lock); /* cannot fail: nobody holds it */
	free(w);
}
