/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest's bytes lie in its record in the store; what is written lies in a buffer of the handle until it is committed.
 * A name that was made and has no record yet is found in a table of the pending ones.
 */
#include <string.h>

#include "fs/access.h"
#include "fs/folder.h"
#include "fs/manifest-internal.h"
#include "fs/place.h"

RB_HEAD(fs_pendings, fs_manifest);

static int pending_cmp(const struct fs_manifest *a, const struct fs_manifest *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(fs_pendings, fs_manifest, pending, pending_cmp, __attribute__((unused)) static)

/* --- the manifest --- */

static struct fs_manifest *manifest_new(struct fs *fs, const char *key)
{
	struct fs_manifest *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->refs = 1;
	m->fs = fs;
	m->key = strdup(key);
	LIST_INIT(&m->writers);
	if (m->key)
		return m;
	free(m);
	return NULL;
}

struct fs_manifest *fs_manifest_ref(struct fs_manifest *m)
{
	m->refs++;
	return m;
}

static struct fs_pendings *pendings(struct fs *fs)
{
	return (struct fs_pendings *)&fs->pending;
}

bool fs_manifest_is_pending(const struct fs_manifest *m)
{
	return !m->entry && !m->gone;
}

void fs_manifest_set_gone(struct fs_manifest *m)
{
	if (fs_manifest_is_pending(m))
		RB_REMOVE(fs_pendings, pendings(m->fs), m);
	m->gone = true;
}

void fs_manifest_unref(struct fs_manifest *m)
{
	if (!m || --m->refs > 0)
		return;
	fs_manifest_set_gone(m);
	store_entry_unref(m->entry);
	buf_clear(&m->xattrs);
	free(m->error);
	free(m->key);
	free(m);
}

/* Takes a record as the one in force; -EINVAL when it is damaged. */
int fs_manifest_set_entry(struct fs_manifest *m, struct store_entry *e)
{
	struct fs_record rec;
	size_t len;
	const void *value = store_entry_value(e, &len);
	int r = fs_record_decode(value, len, &rec);

	if (r < 0)
		return r;
	if (fs_manifest_is_pending(m) && m->refs)
		RB_REMOVE(fs_pendings, pendings(m->fs), m);
	(void)store_entry_ref(e);
	store_entry_unref(m->entry);
	m->entry = e;
	m->rec = rec;
	return 0;
}

static struct fs_manifest *find_pending(struct fs *fs, char *key)
{
	struct fs_manifest look = { .key = key };

	return RB_FIND(fs_pendings, pendings(fs), &look);
}

static bool is_folder(const struct store_entry *e)
{
	struct fs_record rec;
	size_t len;
	const void *value = e ? store_entry_value(e, &len) : NULL;

	return value && fs_record_decode(value, len, &rec) == 0 && S_ISDIR(rec.mode);
}

static int new_node(struct fs_node *dir, const char *name, const char *key, struct store_entry *e, uint64_t ino,
		    struct fs_node **ret)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_manifest *m;
	bool is_new;
	int r = fs_node_get(dir, name, ino, is_folder(e) ? &fs_folder_ops : &fs_manifest_ops, &n, &is_new);

	if (r < 0)
		return r;
	if (is_new) {
		r = fs_manifest_adopt(n, key, e);
		if (r < 0)
			return r;
	}
	m = n->data;
	if (e && (!m->entry || store_entry_mod_rev(m->entry) != store_entry_mod_rev(e)))
		r = fs_manifest_set_entry(m, e);
	if (r == 0)
		*ret = steal_ptr(n);
	return r;
}

int fs_manifest_adopt(struct fs_node *n, const char *key, struct store_entry *e)
{
	struct fs_manifest *m = manifest_new(n->fs, key);
	int r;

	if (!m)
		return -ENOMEM;
	m->gone = true; /* until it is one or the other */
	r = e ? fs_manifest_set_entry(m, e) : 0;
	if (r < 0) {
		fs_manifest_unref(m);
		return r;
	}
	m->gone = false;
	if (!e)
		(void)RB_INSERT(fs_pendings, pendings(n->fs), m); /* the caller has looked */
	m->node = n;
	n->ops = S_ISDIR(m->rec.mode) ? &fs_folder_ops : &fs_manifest_ops;
	n->data = m;
	return 0;
}

int fs_manifest_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];
	struct fs_manifest *m;
	struct fs_record rec;
	const void *value;
	size_t len;
	int r = fs_place_key(dir, name, key);

	if (r < 0)
		return r;
	m = find_pending(dir->fs, key);
	if (m && m->node) {
		*ret = fs_node_ref(m->node);
		return 0;
	}
	r = store_get(dir->fs->store, key, &e);
	if (r < 0)
		return r;
	value = store_entry_value(e, &len);
	r = fs_record_decode(value, len, &rec);
	return r < 0 ? -EIO : new_node(dir, name, key, e, rec.ino, ret);
}

bool fs_manifest_exists(struct fs_node *dir, const char *name)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];

	return fs_place_key(dir, name, key) == 0 &&
	       (find_pending(dir->fs, key) || store_get(dir->fs->store, key, &e) == 0);
}

int fs_manifest_is_folder(struct fs_node *dir, const char *name)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];
	int r = fs_place_key(dir, name, key);

	if (r == 0 && find_pending(dir->fs, key))
		return 0;
	if (r == 0)
		r = store_get(dir->fs->store, key, &e);
	return r < 0 ? r : is_folder(e);
}

bool fs_manifest_any(struct fs_node *dir)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	char prefix[STORE_KEY_MAX + 1];
	struct fs_manifest *m;

	if (fs_place_key(dir, "", prefix) < 0)
		return true;
	RB_FOREACH(m, fs_pendings, pendings(dir->fs))
		if (strncmp(m->key, prefix, strlen(prefix)) == 0)
			return true;
	return store_list(dir->fs->store, prefix, &list) < 0 || list.n;
}

int fs_manifest_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	char prefix[STORE_KEY_MAX + 1];
	struct fs_manifest *m;
	size_t n;
	int r = fs_place_key(dir, "", prefix);

	if (r < 0)
		return r;
	n = strlen(prefix);
	RB_FOREACH(m, fs_pendings, pendings(dir->fs))
		if (r == 0 && strncmp(m->key, prefix, n) == 0 && m->node)
			r = fs_listing_add(l, m->key + n, S_IFREG, m->node->ino);
	if (r == 0)
		r = store_list(dir->fs->store, prefix, &list);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		struct fs_record rec;
		size_t len;
		const void *value = store_entry_value(list.items[i], &len);

		if (fs_record_decode(value, len, &rec) == 0)
			r = fs_listing_add(l, store_entry_key(list.items[i]) + n,
					   S_ISDIR(rec.mode) ? S_IFDIR : S_IFREG, rec.ino);
	}
	return r;
}

void fs_manifest_gone(struct fs_node *n)
{
	if (n->ops == &fs_manifest_ops || n->ops == &fs_folder_ops)
		fs_manifest_set_gone(n->data);
}

void fs_manifest_rekey(struct fs_node *n, const char *key)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct fs_manifest *m = n->data;
	char *copy = strdup(key);

	if (!copy)
		return; /* ignoring: the node is found anew by its name */
	free(m->key);
	m->key = copy;
	if (store_get(n->fs->store, key, &e) == 0)
		(void)fs_manifest_set_entry(m, e); /* ignoring: it was read a moment ago */
}

void fs_manifest_op_destroy(struct fs_node *n)
{
	struct fs_manifest *m = n->data;

	if (m)
		m->node = NULL;
	fs_manifest_unref(m);
	n->data = NULL;
}

const struct fs_ops fs_manifest_ops = {
	.region = "manifest",
	.getattr = fs_manifest_op_getattr,
	.destroy = fs_manifest_op_destroy,
	.setattr = fs_manifest_op_setattr,
	.getxattr = fs_manifest_op_getxattr,
	.listxattr = fs_manifest_op_listxattr,
	.setxattr = fs_manifest_op_setxattr,
	.removexattr = fs_manifest_op_removexattr,
	.open = fs_manifest_op_open,
	.read = fs_manifest_op_read,
	.write = fs_manifest_op_write,
	.flush = fs_manifest_op_flush,
	.fsync = fs_manifest_op_fsync,
	.release = fs_manifest_op_release,
	.keep = fs_manifest_op_keep,
};

/* --- making one --- */

void fs_manifest_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs *fs = dir->fs;
	struct writer who = fs_req_writer(r);
	char key[STORE_KEY_MAX + 1], unique[64];
	struct fs_manifest *m;
	struct fs_whandle *w = NULL;
	int err = fs_place_key(dir, name, key);

	(void)snprintf(unique, sizeof(unique), "%lld.%u", (long long)registry_now(fs->registry), fs->made++);
	if (err == 0)
		err = new_node(dir, name, key, NULL, fs_ino(fs, key, unique), &n);
	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	m = n->data;
	if (fs_kind_is_secret(dir->kind))
		mode &= S_IRWXU;
	m->rec = (struct fs_record){ .ino = n->ino, .mode = mode, .uid = who.uid, .gid = who.gid,
				     .mtime = registry_now(fs->registry), .ctime = registry_now(fs->registry) };
	w = fs_whandle_new(m, fs_req_flags(r), fs_req_pid(r));
	fs_place_touch(dir);
	if (w)
		fs_reply_create(r, n, w);
	else
		fs_reply_err(r, -ENOMEM);
}

