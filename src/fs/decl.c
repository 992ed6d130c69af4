/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/decl.h"

#include <bsd/sys/tree.h>
#include <pthread.h>
#include <string.h>

struct by {
	int64_t committed;
	char *manifest; /* owned */
};

struct decl {
	RB_ENTRY(decl) entry;
	struct by *by; /* owned; by manifests, one nearly always */
	size_t n;
	const char *key;
	char room[];
};

struct fs_decl {
	pthread_mutex_t lock; /* guards all */
	RB_HEAD(decls, decl) tree;
	size_t manifests, objects;
	int64_t last; /* the newest stamp */
};

static int decl_cmp(const struct decl *a, const struct decl *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(decls, decl, entry, decl_cmp, __attribute__((unused)) static)

static struct decl *find(const struct fs_decl *d, const char *key)
{
	struct decl look = { .key = key };

	return RB_FIND(decls, (struct decls *)&d->tree, &look);
}

static void remove_by(struct fs_decl *d, const char *key, const char *manifest)
{
	struct decl *decl = find(d, key);

	for (size_t i = 0; decl && i < decl->n; i++) {
		if (strcmp(decl->by[i].manifest, manifest) != 0)
			continue;
		free(decl->by[i].manifest);
		decl->by[i] = decl->by[--decl->n];
		break;
	}
	if (decl && decl->n == 0) {
		RB_REMOVE(decls, &d->tree, decl);
		d->objects--;
		free(decl->by);
		free(decl);
	}
}

static int add_by(struct fs_decl *d, const char *key, const char *manifest, int64_t committed)
{
	struct decl *decl = find(d, key);
	_cleanup_free_ char *copy = strdup(manifest);
	struct by *by;

	if (!copy)
		return -ENOMEM;
	if (!decl) {
		size_t len = strlen(key);

		decl = calloc(1, sizeof(*decl) + len + 1);
		if (!decl)
			return -ENOMEM;
		memcpy(decl->room, key, len + 1);
		decl->key = decl->room;
		(void)RB_INSERT(decls, &d->tree, decl); /* it is not there */
		d->objects++;
	}
	by = reallocarray(decl->by, decl->n + 1, sizeof(*by));
	if (!by) {
		if (decl->n == 0)
			remove_by(d, key, manifest);
		return -ENOMEM;
	}
	decl->by = by;
	by[decl->n++] = (struct by){ .committed = committed, .manifest = steal_ptr(copy) };
	return 0;
}

int fs_decl_replace(struct fs_decl *d, const char *manifest_key, const struct fs_record *was,
		    const struct fs_record *is)
{
	int r = 0;

	pthread_mutex_lock(&d->lock);
	if (was)
		for (const char *k = NULL; (k = fs_record_next_declared(was, k));)
			remove_by(d, k, manifest_key);
	if (is)
		for (const char *k = NULL; (k = fs_record_next_declared(is, k));)
			if (add_by(d, k, manifest_key, is->committed) < 0)
				r = -ENOMEM;
	d->manifests += (size_t)(is != NULL) - (size_t)(was != NULL);
	if (is && is->committed > d->last)
		d->last = is->committed;
	pthread_mutex_unlock(&d->lock);
	return r;
}

bool fs_decl_latest(struct fs_decl *d, const char *object_key, const char *except, const char *except2,
		    char out[static STORE_KEY_MAX + 1])
{
	const struct decl *decl;
	const struct by *best = NULL;

	pthread_mutex_lock(&d->lock);
	decl = find(d, object_key);
	for (size_t i = 0; decl && i < decl->n; i++)
		if ((!best || decl->by[i].committed > best->committed) &&
		    (!except || strcmp(decl->by[i].manifest, except) != 0) &&
		    (!except2 || strcmp(decl->by[i].manifest, except2) != 0))
			best = &decl->by[i];
	if (best)
		(void)snprintf(out, STORE_KEY_MAX + 1, "%s", best->manifest);
	pthread_mutex_unlock(&d->lock);
	return best;
}

int64_t fs_decl_stamp(struct fs_decl *d, int64_t now)
{
	pthread_mutex_lock(&d->lock);
	d->last = now > d->last ? now : d->last + 1;
	now = d->last;
	pthread_mutex_unlock(&d->lock);
	return now;
}

void fs_decl_count(struct fs_decl *d, size_t *ret_manifests, size_t *ret_objects)
{
	pthread_mutex_lock(&d->lock);
	*ret_manifests = d->manifests;
	*ret_objects = d->objects;
	pthread_mutex_unlock(&d->lock);
}

int fs_decl_new(struct fs *fs, struct error *err)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	struct fs_decl *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return error_set(err, -ENOMEM, "out of memory");
	RB_INIT(&d->tree);
	(void)pthread_mutex_init(&d->lock, NULL); /* cannot fail on Linux */
	fs->decl = d;
	r = store_list(fs->store, FS_MANIFESTS_PREFIX, &list);
	if (r < 0)
		return error_errno(err, r, "cannot read the manifests");
	for (size_t i = 0; i < list.n; i++) {
		struct fs_record rec;
		size_t len;
		const void *value = store_entry_value(list.items[i], &len);

		r = fs_record_decode(value, len, &rec);
		if (r == 0)
			r = fs_decl_replace(d, store_entry_key(list.items[i]), NULL, &rec);
		if (r < 0)
			return error_errno(err, r, "cannot read %s", store_entry_key(list.items[i]));
	}
	return 0;
}

void fs_decl_free(struct fs_decl *d)
{
	struct decl *decl, *next;

	if (!d)
		return;
	RB_FOREACH_SAFE(decl, decls, &d->tree, next) {
		RB_REMOVE(decls, &d->tree, decl);
		for (size_t i = 0; i < decl->n; i++)
			free(decl->by[i].manifest);
		free(decl->by);
		free(decl);
	}
	(void)pthread_mutex_destroy(&d->lock); /* cannot fail: nobody holds it */
	free(d);
}
