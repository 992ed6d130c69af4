/* SPDX-License-Identifier: Apache-2.0 */
/* NAME/: the live object. */
#include <string.h>

#include "base/clock.h"
#include "fs/decl.h"
#include "fs/region.h"
#include "value/json.h"
#include "value/yaml.h"

struct objdir {
	char uid[OBJECT_UID_SIZE];
};

/* The object of a node in its directory, or NULL when it is gone. */
static struct object *object_of(const struct fs_node *n)
{
	const struct objdir *d = n->data ? n->data : n->parent->data;

	return cache_get_uid(n->fs->cache, d->uid);
}

static int64_t made(const struct object *o)
{
	int64_t t = 0;

	(void)clock_parse_rfc3339(value_str_or(object_path(o, "metadata", "creationTimestamp"), ""), &t); /* 0 then */
	return t;
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = object_of(n);

	if (!o)
		return -ENOENT;
	a->ttl = FS_TTL_NONE;
	return fs_attr_render(n, a, 0444, made(o));
}

static int yaml_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *o = object_of(n);

	if (!o)
		return -ENOENT;
	yaml_write(out, object_root(o), 0);
	return 0;
}

static int json_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *o = object_of(n);

	if (!o)
		return -ENOENT;
	json_write(out, object_root(o), JSON_PRETTY);
	return 0;
}

static const struct fs_ops yaml_ops = { .region = "object", .getattr = file_getattr, .render = yaml_render };
static const struct fs_ops json_ops = { .region = "object", .getattr = file_getattr, .render = json_render };

static const struct {
	const char *name;
	const struct fs_ops *ops;
} files[] = { { "object.json", &json_ops }, { "object.yaml", &yaml_ops } };

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = object_of(n);

	if (!o)
		return -ENOENT;
	fs_attr_dir(n, a, 0755, made(o));
	return 0;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	const struct objdir *d = dir->data;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i].name, name) == 0)
			return fs_node_get(dir, name, fs_ino(dir->fs, d->uid, name), files[i].ops, ret, NULL);
	return -ENOENT;
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	const struct objdir *d = dir->data;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = fs_listing_add(l, files[i].name, S_IFREG, fs_ino(dir->fs, d->uid, files[i].name));
	return r;
}

static void dir_destroy(struct fs_node *n)
{
	free(n->data);
}

static const struct fs_ops dir_ops = {
	.region = "object",
	.getattr = dir_getattr,
	.destroy = dir_destroy,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
};

uint64_t fs_object_ino(const struct fs *fs, const struct object *o)
{
	return fs_ino(fs, object_uid(o), "");
}

int fs_object_dir(struct fs_node *parent, const char *name, const struct object *o, struct fs_node **ret)
{
	bool is_new;
	int r = fs_node_get(parent, name, fs_object_ino(parent->fs, o), &dir_ops, ret, &is_new);

	if (r < 0 || !is_new)
		return r;
	(*ret)->kind = object_kind(o);
	(*ret)->data = calloc(1, sizeof(struct objdir));
	if (!(*ret)->data) {
		fs_node_unref(*ret);
		return -ENOMEM;
	}
	memcpy(((struct objdir *)(*ret)->data)->uid, object_uid(o), strlen(object_uid(o)) + 1);
	return 0;
}

static void on_deleted(struct fs *fs, void *arg, int result, uint64_t rev)
{
	fs_reply_err(arg, result == -ESTALE ? -EAGAIN : result);
}

void fs_object_rmdir(struct fs_req *r, struct fs_node *dir, const struct object *o)
{
	struct writer who = fs_req_writer(r);
	_cleanup_txn_ struct txn *t = txn_new(dir->fs->registry, &who);
	char manifest[STORE_KEY_MAX + 1];
	int err = t ? 0 : -ENOMEM;

	if (fs_decl_latest(dir->fs->decl, object_key(o), NULL, NULL, manifest)) {
		fs_refuse(r, -ENOTEMPTY, dir, object_name(o), "it is declared by %s: remove that file",
			  strrchr(manifest, '/') + 1);
		return;
	}
	if (err == 0)
		err = txn_delete(t, o, NULL);
	if (err == 0) {
		fs_req_park(r, NULL, NULL);
		err = fs_txn_submit(dir->fs, t, 0, on_deleted, r);
	}
	if (err < 0)
		fs_reply_err(r, err);
}
