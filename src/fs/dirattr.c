/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/dirattr.h"
#include "schema/custom.h"

#include <bsd/sys/tree.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define DIRS_PREFIX "/mount/dirs/"

enum { OWNER_NS = 64 }; /* a namespace's name has 63 bytes at most */

struct dir {
	RB_ENTRY(dir) entry;
	unsigned set; /* which of the next were ever set */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t mtime; /* set, or of the last change; 0: never */
	char path[];
};

/* The loop alone changes it, under the lock; who reads elsewhere takes the lock too. */
struct fs_dirs {
	pthread_mutex_t lock;
	struct cache_subscription *sub; /* owned */
	RB_HEAD(dirs, dir) tree;
	struct {
		char ns[OWNER_NS]; /* "": none */
		const struct schema_kind *kind;
		struct fs_owner own;
	} last; /* what fs_dirs_owner() found: a listing asks the same for each of thousands */
};

static int dir_cmp(const struct dir *a, const struct dir *b)
{
	return strcmp(a->path, b->path);
}

RB_GENERATE_INTERNAL(dirs, dir, entry, dir_cmp, __attribute__((unused)) static)

/* The stored form, little-endian as all of the store: podfs runs on such machines only where the store is local. */
struct stored {
	uint32_t version, set, mode, uid, gid, pad;
	int64_t mtime;
};
enum { STORED_VERSION = 1 };

static int follow_namespaces(struct fs *fs);
static bool is_orphan(struct fs *fs, const char *path);

static struct dir *find(const struct fs_dirs *d, const char *path)
{
	_Alignas(struct dir) char room[sizeof(struct dir) + STORE_KEY_MAX + 1];
	struct dir *key = (struct dir *)(void *)room;
	size_t len = strlen(path);

	if (len > STORE_KEY_MAX)
		return NULL;
	memcpy(key->path, path, len + 1);
	return RB_FIND(dirs, (struct dirs *)&d->tree, key);
}

static struct dir *find_or_make(struct fs_dirs *d, const char *path)
{
	struct dir *dir = find(d, path);

	if (dir)
		return dir;
	dir = calloc(1, sizeof(*dir) + strlen(path) + 1);
	if (!dir)
		return NULL;
	memcpy(dir->path, path, strlen(path) + 1);
	(void)RB_INSERT(dirs, &d->tree, dir); /* it is not there */
	return dir;
}

int fs_dirs_new(struct fs *fs, struct error *err)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	const struct writer who = { .uid = 0, .agent = "mount" };
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &who);
	struct fs_dirs *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return error_set(err, -ENOMEM, "out of memory");
	RB_INIT(&d->tree);
	(void)pthread_mutex_init(&d->lock, NULL); /* cannot fail with default attributes */
	fs->dirs = d;
	r = store_list(fs->store, DIRS_PREFIX, &list);
	if (r < 0)
		return error_errno(err, r, "cannot read the attributes of directories");
	for (size_t i = 0; i < list.n; i++) {
		size_t len;
		const void *value = store_entry_value(list.items[i], &len);
		struct stored s;
		struct dir *dir;

		if (len != sizeof(s))
			continue;
		memcpy(&s, value, sizeof(s));
		if (s.version != STORED_VERSION)
			continue;
		if (is_orphan(fs, store_entry_key(list.items[i]) + strlen(DIRS_PREFIX))) {
			if (!t || txn_remove(t, store_entry_key(list.items[i]), STORE_ANY) < 0)
				return error_set(err, -ENOMEM, "out of memory");
			continue;
		}
		dir = find_or_make(d, store_entry_key(list.items[i]) + strlen(DIRS_PREFIX));
		if (!dir)
			return error_set(err, -ENOMEM, "out of memory");
		dir->set = s.set;
		dir->mode = s.mode;
		dir->uid = s.uid;
		dir->gid = s.gid;
		dir->mtime = s.mtime;
	}
	r = t ? txn_commit(t, 0, NULL) : 0;
	if (r < 0)
		return error_errno(err, r, "cannot forget the attributes of directories of namespaces that are gone");
	r = follow_namespaces(fs);
	return r < 0 ? error_errno(err, r, "cannot follow namespaces") : 0;
}

void fs_dirs_stop(struct fs_dirs *d)
{
	if (!d)
		return;
	cache_unsubscribe(d->sub);
	d->sub = NULL;
}

void fs_dirs_free(struct fs_dirs *d)
{
	struct dir *dir, *next;

	if (!d)
		return;
	fs_dirs_stop(d);
	RB_FOREACH_SAFE(dir, dirs, &d->tree, next) {
		RB_REMOVE(dirs, &d->tree, dir);
		free(dir);
	}
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
}

/* Puts what was set for that path over what *ret says. Called with the lock held. */
static void overlay(const struct fs_dirs *d, const char *path, struct fs_owner *ret)
{
	const struct dir *dir = find(d, path);

	if (dir && dir->set & FS_SET_MODE)
		ret->mode = dir->mode & 07777;
	if (dir && dir->set & FS_SET_UID)
		ret->uid = dir->uid;
	if (dir && dir->set & FS_SET_GID)
		ret->gid = dir->gid;
}

void fs_dirs_attr(struct fs *fs, const char *path, mode_t mode, struct fs_owner *ret)
{
	*ret = (struct fs_owner){ .mode = mode };
	(void)pthread_mutex_lock(&fs->dirs->lock);
	overlay(fs->dirs, path, ret);
	(void)pthread_mutex_unlock(&fs->dirs->lock);
}

/* As fs_dirs_owner(). Called with the lock held. */
static void find_owner(const struct fs_dirs *d, const char *ns, const struct schema_kind *kind, struct fs_owner *ret)
{
	bool is_default = strcmp(ns, "default") == 0;
	char path[STORE_KEY_MAX] = "", kinds[SCHEMA_DIRECTORY_MAX];

	if (!is_default)
		(void)snprintf(path, sizeof(path), "namespaces/%s", ns);
	*ret = (struct fs_owner){ .mode = is_default ? 0755 : 0750 };
	overlay(d, path, ret);
	if (!kind)
		return;
	ret->mode = 0755 | (ret->mode & (S_IWGRP | S_IWOTH));
	schema_kind_directory(kind, kinds);
	(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s%s", is_default ? "" : "/", kinds);
	overlay(d, path, ret);
}

void fs_dirs_owner(struct fs *fs, const char *ns, const struct schema_kind *kind, struct fs_owner *ret)
{
	struct fs_dirs *d = fs->dirs;

	(void)pthread_mutex_lock(&d->lock);
	if (d->last.kind == kind && strcmp(d->last.ns, ns) == 0) {
		*ret = d->last.own;
	} else {
		find_owner(d, ns, kind, ret);
		d->last.ns[0] = '\0';
		/* A custom kind may go, and another have its place in memory. */
		if (strlen(ns) < sizeof(d->last.ns) && !(kind && strchr(kind->plural, '.'))) {
			memcpy(d->last.ns, ns, strlen(ns) + 1);
			d->last.kind = kind;
			d->last.own = *ret;
		}
	}
	(void)pthread_mutex_unlock(&d->lock);
}


void fs_dirs_getattr(const struct fs_node *n, struct fs_attr *a, mode_t mode)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct fs_owner own;
	const struct dir *dir;

	fs_attr_dir(n, a, mode, n->fs->started);
	fs_node_path(n, &path);
	own = (struct fs_owner){ .uid = a->uid, .gid = a->gid, .mode = a->mode & 07777 };
	overlay(n->fs->dirs, buf_str(&path), &own); /* without the lock: the loop alone changes what it finds */
	a->mode = S_IFDIR | own.mode;
	a->uid = own.uid;
	a->gid = own.gid;
	dir = find(n->fs->dirs, buf_str(&path));
	if (dir && dir->mtime)
		a->mtime = dir->mtime;
}

struct change {
	struct fs_req *r;
	struct fs_node *n; /* owned */
	struct stored value;
	char path[];
};

static void on_stored(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct change *c = arg;
	struct dir *dir;

	(void)pthread_mutex_lock(&fs->dirs->lock);
	dir = result == 0 ? find_or_make(fs->dirs, c->path) : NULL;
	if (result == 0 && !dir)
		result = -ENOMEM;
	if (dir) {
		dir->set = c->value.set;
		dir->mode = c->value.mode;
		dir->uid = c->value.uid;
		dir->gid = c->value.gid;
		dir->mtime = c->value.mtime;
		fs->dirs->last.ns[0] = '\0';
	}
	(void)pthread_mutex_unlock(&fs->dirs->lock);
	if (result == 0)
		fs_nodes_notify_below(c->n);
	if (result < 0)
		fs_reply_err(c->r, result);
	else
		fs_reply_attr(c->r, c->n);
	fs_node_unref(c->n);
	free(c);
}

void fs_dirs_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set)
{
	struct fs *fs = n->fs;
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct writer who = fs_req_writer(r);
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &who);
	const struct dir *dir;
	struct change *c;
	char key[STORE_KEY_MAX + 1];
	int err;

	if (set & FS_SET_SIZE) {
		fs_reply_err(r, -EISDIR);
		return;
	}
	fs_node_path(n, &path);
	dir = find(fs->dirs, buf_str(&path));
	c = calloc(1, sizeof(*c) + path.len + 1);
	if (!c || !t) {
		free(c);
		fs_reply_err(r, -ENOMEM);
		return;
	}
	memcpy(c->path, buf_str(&path), path.len + 1);
	c->r = r;
	c->n = fs_node_ref(n);
	if (dir)
		c->value = (struct stored){ .set = dir->set, .mode = dir->mode, .uid = dir->uid, .gid = dir->gid,
					    .mtime = dir->mtime };
	c->value.version = STORED_VERSION;
	c->value.set |= set;
	if (set & FS_SET_MODE)
		c->value.mode = a->mode & 07777;
	if (set & FS_SET_UID)
		c->value.uid = a->uid;
	if (set & FS_SET_GID)
		c->value.gid = a->gid;
	if (set & FS_SET_MTIME)
		c->value.mtime = a->mtime;
	(void)snprintf(key, sizeof(key), DIRS_PREFIX "%s", c->path);
	fs_req_park(r, NULL, NULL);
	err = txn_put(t, key, &c->value, sizeof(c->value), STORE_ANY);
	if (err == 0)
		err = fs_txn_submit(fs, t, 0, on_stored, c);
	if (err < 0)
		on_stored(fs, c, err, 0);
}

void fs_dirs_touch(struct fs_node *n)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct dir *dir;

	fs_node_path(n, &path);
	(void)pthread_mutex_lock(&n->fs->dirs->lock);
	dir = find_or_make(n->fs->dirs, buf_str(&path));
	if (dir)
		dir->mtime = registry_now(n->fs->registry);
	(void)pthread_mutex_unlock(&n->fs->dirs->lock);
}

/* --- namespaces that go take their directories along --- */

struct gone {
	struct fs_task task;
	struct fs *fs;
	char ns[];
};

static void on_forgotten(struct fs *fs, void *arg, int result, uint64_t rev)
{
	/* A failure leaves a few words in the store, which a new namespace of the name would find: it says so. */
	if (result < 0)
		log_warning("cannot forget the attributes of a namespace's directories: %s", strerror(-result));
}

/* On the loop. */
static void on_gone(struct fs_task *task)
{
	struct gone *g = container_of(task, struct gone, task);
	const struct writer who = { .uid = 0, .agent = "mount" };
	_cleanup_txn_ struct txn *t = txn_new(g->fs->registry, &who);
	struct dir *dir, *next;
	char path[STORE_KEY_MAX], key[STORE_KEY_MAX + 1];
	size_t len = (size_t)snprintf(path, sizeof(path), "namespaces/%s", g->ns);
	int r = t ? 0 : -ENOMEM;

	(void)pthread_mutex_lock(&g->fs->dirs->lock);
	g->fs->dirs->last.ns[0] = '\0';
	RB_FOREACH_SAFE(dir, dirs, &g->fs->dirs->tree, next) {
		if (strncmp(dir->path, path, len) != 0 || (dir->path[len] && dir->path[len] != '/'))
			continue;
		(void)snprintf(key, sizeof(key), DIRS_PREFIX "%s", dir->path);
		if (r == 0 && dir->set)
			r = txn_remove(t, key, STORE_ANY);
		RB_REMOVE(dirs, &g->fs->dirs->tree, dir);
		free(dir);
	}
	(void)pthread_mutex_unlock(&g->fs->dirs->lock);
	if (r == 0 && !txn_empty(t))
		r = fs_txn_submit(g->fs, t, 0, on_forgotten, NULL);
	if (r < 0)
		on_forgotten(g->fs, NULL, r, 0);
	free(g);
}

/* On the store's thread. */
static void on_namespace(void *arg, const struct cache_event *e)
{
	struct fs *fs = arg;
	struct gone *g;
	size_t len;

	if (e->type != CACHE_DELETED)
		return;
	len = strlen(object_name(e->old));
	g = malloc(sizeof(*g) + len + 1);
	if (!g)
		return; /* ignoring: the attributes of a namespace of the same name come back with it */
	g->task.fn = on_gone;
	g->fs = fs;
	memcpy(g->ns, object_name(e->old), len + 1);
	fs_post(fs, &g->task);
}

/* Whether the path is of a namespace that is gone, as when the daemon ended between the two: the next of the name must
 * not be given to the owner of the last. */
static bool is_orphan(struct fs *fs, const char *path)
{
	_cleanup_object_ struct object *o = NULL;
	char ns[64];

	if (sscanf(path, "namespaces/%63[^/]", ns) != 1)
		return false;
	o = cache_get(fs->cache, schema_kind_by_plural("namespaces"), NULL, ns);
	return !o;
}

static int follow_namespaces(struct fs *fs)
{
	return cache_subscribe(fs->cache, schema_kind_by_plural("namespaces"), on_namespace, fs, &fs->dirs->sub);
}
