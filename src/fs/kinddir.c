/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/kinddir.h"

#include <string.h>

#include "fs/dirattr.h"
#include "fs/files.h"
#include "fs/live.h"
#include "fs/manifest.h"
#include "fs/names.h"
#include "fs/region.h"
#include "fs/remnant.h"
#include "fs/root.h"
#include "fs/scratch.h"
#include "schema/custom.h"

bool fs_kinddir_is_namespaces(const struct fs_node *dir)
{
	return strcmp(dir->kind->plural, "namespaces") == 0;
}

uint64_t fs_kinddir_ino(const struct fs_node *parent, const struct schema_kind *kind)
{
	char id[64];

	/* The parent's number is its namespace's for ever: one of the same name later has another. */
	(void)snprintf(id, sizeof(id), "/kind/%llx", (unsigned long long)parent->ino);
	return fs_ino(parent->fs, id, kind->plural);
}

int fs_kinddir_node(struct fs_node *parent, const struct schema_kind *kind, struct fs_node **ret)
{
	char directory[SCHEMA_DIRECTORY_MAX];
	const char *slash;
	int r;

	schema_kind_directory(kind, directory);
	slash = strrchr(directory, '/');
	r = fs_node_get(parent, slash ? slash + 1 : directory, fs_kinddir_ino(parent, kind), &fs_kinddir_ops, ret, NULL);

	if (r == 0)
		(*ret)->kind = kind;
	return r;
}

struct object *fs_kinddir_object(struct fs_node *dir, const char *name)
{
	return cache_get(dir->fs->cache, dir->kind, dir->kind->namespaced ? dir->ns : NULL, name);
}

static int op_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_dirs_getattr(n, a, 0755);
	return 0;
}

static int object_node(struct fs_node *dir, const char *name, const struct object *o, struct fs_node **ret)
{
	return fs_kinddir_is_namespaces(dir) ? fs_nsdir_node(dir, o, ret) : fs_object_dir(dir, name, o, ret);
}

static int op_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = NULL;
	enum fs_name_class class = fs_name_classify(name);
	uint64_t changes = cache_changes(dir->fs->cache);
	int r = -ENOENT;

	if (class == FS_NAME_MANIFEST)
		r = fs_manifest_lookup(dir, name, ret);
	else if (class == FS_NAME_SCRATCH)
		r = fs_scratch_lookup(dir, name, ret);
	if (r != -ENOENT || class == FS_NAME_BAD)
		return r;
	o = fs_kinddir_object(dir, name);
	if (o) {
		fs_live_note(dir->fs, o, changes);
		return object_node(dir, name, o, ret);
	}
	/* Objects of such names are rare enough for the contract's second; files come by this mount only. */
	return class == FS_NAME_OTHER ? -ENOENT : 0;
}

static int op_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	int r = fs_manifest_readdir(dir, l);

	if (r == 0)
		r = fs_scratch_readdir(dir, l);
	if (r == 0)
		r = cache_list(dir->fs->cache, dir->kind, dir->kind->namespaced ? dir->ns : NULL, &list);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = fs_listing_add(l, object_name(list.items[i]), S_IFDIR,
				   fs_kinddir_is_namespaces(dir) ? fs_nsdir_ino(dir->fs, list.items[i])
								 : fs_object_ino(dir->fs, list.items[i]));
	return r;
}

static void op_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set, struct fs_handle *h)
{
	fs_dirs_setattr(r, n, a, set);
}

static void op_mkdir(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode)
{
	if (fs_name_classify(name) == FS_NAME_SCRATCH)
		fs_scratch_mkdir(r, dir, name, mode);
	else if (fs_kinddir_is_namespaces(dir))
		fs_nsdir_mkdir(r, dir, name);
	else
		fs_refuse(r, -EPERM, dir, name, "objects are made by manifests: write %s.yaml", name);
}

static void op_rmdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	_cleanup_object_ struct object *o = NULL;

	if (fs_scratch_exists(dir, name)) {
		fs_scratch_rmdir(r, dir, name);
		return;
	}
	o = fs_kinddir_object(dir, name);
	if (!o) { /* the kernel knew it still: it went a moment ago */
		fs_remnant_forget(dir, name);
		fs_reply_err(r, 0);
	} else if (fs_kinddir_is_namespaces(dir)) {
		fs_nsdir_rmdir(r, dir, o);
	} else {
		fs_object_rmdir(r, dir, o);
	}
}

const struct fs_ops fs_kinddir_ops = {
	.region = "kind",
	.getattr = op_getattr,
	.setattr = op_setattr,
	.lookup = op_lookup,
	.readdir = op_readdir,
	.create = fs_files_create,
	.mkdir = op_mkdir,
	.unlink = fs_files_unlink,
	.rmdir = op_rmdir,
	.rename = fs_files_rename,
	.symlink = fs_files_symlink,
	.link = fs_files_link,
};
