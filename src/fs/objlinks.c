/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/objlinks.h"

#include <string.h>

static bool is_a(const struct object *o, const char *plural)
{
	return strcmp(object_kind(o)->plural, plural) == 0;
}

int fs_controlled(struct fs *fs, const char *uid, const char *plural, struct object_list *ret)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	int r = cache_list_controlled(fs->cache, uid, &list);

	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (is_a(list.items[i], plural))
			r = object_list_add(ret, list.items[i]);
	return r;
}

int fs_owned_pods(struct fs *fs, const struct object *o, struct object_list *ret)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;
	int r = fs_controlled(fs, object_uid(o), "pods", ret);

	if (r == 0 && is_a(o, "deployments"))
		r = fs_controlled(fs, object_uid(o), "replicasets", &sets);
	for (size_t i = 0; r == 0 && i < sets.n; i++)
		r = fs_controlled(fs, object_uid(sets.items[i]), "pods", ret);
	return r;
}

static int owned(const struct fs_node *dir, struct object_list *ret)
{
	_cleanup_object_ struct object *o = cache_get_uid(dir->fs->cache, fs_obj_uid(dir));

	if (!o)
		return -ENOENT;
	return dir->ops == &fs_owned_pods_ops ? fs_owned_pods(dir->fs, o, ret)
					      : fs_controlled(dir->fs, object_uid(o), "replicasets", ret);
}

/* --- pods/ and replicasets/ --- */

static int link_readlink(struct fs_node *n, struct buf *out)
{
	buf_printf(out, "../../../%s/%s", n->parent->name, n->name);
	return 0;
}

static int link_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_buf_ struct buf target = BUF_INIT;

	(void)link_readlink(n, &target); /* cannot fail */
	fs_attr_link(n, a, target.len, n->fs->started);
	return buf_failed(&target) ? -ENOMEM : 0;
}

static const struct fs_ops link_ops = { .region = "owned", .getattr = link_getattr, .readlink = link_readlink };

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	if (!o)
		return -ENOENT;
	fs_attr_dir(n, a, 0555, fs_live_changed(n->fs, o));
	return 0;
}

static int owned_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	int r = owned(dir, &list);

	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (strcmp(object_name(list.items[i]), name) == 0)
			return fs_obj_node(dir, name, &link_ops, ret, NULL);
	return r < 0 ? r : -ENOENT;
}

static int owned_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	int r = owned(dir, &list);

	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = fs_listing_add(l, object_name(list.items[i]), S_IFLNK, fs_obj_ino(dir, object_name(list.items[i])));
	return r;
}

#define OWNED_DIR                                                                                                \
	{                                                                                                        \
		.region = "owned", .getattr = dir_getattr, .lookup = owned_lookup, .readdir = owned_readdir,     \
		.unlink = fs_obj_unlink, .rmdir = fs_obj_rmdir,                                                  \
	}
const struct fs_ops fs_owned_pods_ops = OWNED_DIR;
const struct fs_ops fs_owned_sets_ops = OWNED_DIR;
