/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/objlinks.h"

#include <string.h>

#include "value/yaml.h"

#define REVISION "deployment.kubernetes.io/revision"
#define CHANGE_CAUSE "kubernetes.io/change-cause"
#define TEMPLATE_HASH "pod-template-hash"

static bool is_a(const struct object *o, const char *plural)
{
	return strcmp(object_kind(o)->plural, plural) == 0;
}

/* What a uid controls, of one kind. */
static int controlled(struct fs *fs, const char *uid, const char *plural, struct object_list *ret)
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
	int r = controlled(fs, object_uid(o), "pods", ret);

	if (r == 0 && is_a(o, "deployments"))
		r = controlled(fs, object_uid(o), "replicasets", &sets);
	for (size_t i = 0; r == 0 && i < sets.n; i++)
		r = controlled(fs, object_uid(sets.items[i]), "pods", ret);
	return r;
}

static int owned(const struct fs_node *dir, struct object_list *ret)
{
	_cleanup_object_ struct object *o = cache_get_uid(dir->fs->cache, fs_obj_uid(dir));

	if (!o)
		return -ENOENT;
	return dir->ops == &fs_owned_pods_ops ? fs_owned_pods(dir->fs, o, ret)
					      : controlled(dir->fs, object_uid(o), "replicasets", ret);
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

/* --- revisions/ --- */

static const char *revision_of(const struct object *set)
{
	const char *r = value_str_or(object_path(set, "metadata", "annotations", REVISION), "");

	return *r && strspn(r, "0123456789") == strlen(r) ? r : NULL;
}

struct object *fs_revision_set(struct fs *fs, const char *uid, const char *revision)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;

	if (controlled(fs, uid, "replicasets", &list) < 0)
		return NULL;
	for (size_t i = 0; i < list.n; i++) {
		_cleanup_object_ struct object *set = fs_live_decode(fs, list.items[i]);
		const char *r = set ? revision_of(set) : NULL;

		if (r && strcmp(r, revision) == 0)
			return steal_ptr(set);
	}
	return NULL;
}

/* The ReplicaSet of a file in revisions/N/. */
static struct object *set_of(const struct fs_node *file)
{
	return fs_revision_set(file->fs, fs_obj_uid(file), file->parent->name);
}

static int template_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *set = set_of(n);
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *template = set ? value_copy(a, object_path(set, "spec", "template")) : NULL;

	if (!template)
		return -ENOENT;
	(void)value_remove(value_path(template, "metadata", "labels"), TEMPLATE_HASH);
	yaml_write(out, template, 0);
	return 0;
}

static int cause_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *set = set_of(n);
	const char *cause = value_str(object_path(set, "metadata", "annotations", CHANGE_CAUSE));

	if (!cause)
		return -ENOENT;
	buf_puts(out, cause);
	buf_putc(out, '\n');
	return 0;
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *set = set_of(n);

	return set ? fs_attr_render(n, a, 0444, fs_live_changed(n->fs, set)) : -ENOENT;
}

static int set_readlink(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *set = set_of(n);

	if (!set)
		return -ENOENT;
	buf_printf(out, "../../../../replicasets/%s", object_name(set));
	return 0;
}

static int set_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_buf_ struct buf target = BUF_INIT;
	int r = set_readlink(n, &target);

	if (r == 0)
		fs_attr_link(n, a, target.len, n->fs->started);
	return r;
}

static const struct fs_ops template_ops = { .region = "revisions", .getattr = file_getattr, .render = template_render };
static const struct fs_ops cause_ops = { .region = "revisions", .getattr = file_getattr, .render = cause_render };
static const struct fs_ops set_ops = { .region = "revisions", .getattr = set_getattr, .readlink = set_readlink };

static const struct {
	const char *name;
	mode_t type;
	const struct fs_ops *ops;
} files[] = {
	{ "change-cause", S_IFREG, &cause_ops },
	{ "replicaset", S_IFLNK, &set_ops },
	{ "template.yaml", S_IFREG, &template_ops },
};

static bool has_file(const struct object *set, const struct fs_ops *ops)
{
	return ops != &cause_ops || value_str(object_path(set, "metadata", "annotations", CHANGE_CAUSE));
}

static int revision_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *set = fs_revision_set(n->fs, fs_obj_uid(n), n->name);

	if (!set)
		return -ENOENT;
	fs_attr_dir(n, a, 0555, fs_live_changed(n->fs, set));
	return 0;
}

static int revision_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *set = fs_revision_set(dir->fs, fs_obj_uid(dir), dir->name);

	for (size_t i = 0; set && i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i].name, name) == 0 && has_file(set, files[i].ops))
			return fs_obj_node(dir, name, files[i].ops, ret, NULL);
	return -ENOENT;
}

static int revision_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_ struct object *set = fs_revision_set(dir->fs, fs_obj_uid(dir), dir->name);
	int r = set ? 0 : -ENOENT;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		if (has_file(set, files[i].ops))
			r = fs_listing_add(l, files[i].name, files[i].type, fs_obj_ino(dir, files[i].name));
	return r;
}

static const struct fs_ops revision_ops = {
	.region = "revisions",
	.getattr = revision_getattr,
	.lookup = revision_lookup,
	.readdir = revision_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};

static int revisions_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *set = fs_revision_set(dir->fs, fs_obj_uid(dir), name);

	return set ? fs_obj_node(dir, name, &revision_ops, ret, NULL) : -ENOENT;
}

static int revisions_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	int r = controlled(dir->fs, fs_obj_uid(dir), "replicasets", &list);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		_cleanup_object_ struct object *set = fs_live_decode(dir->fs, list.items[i]);
		const char *revision = set ? revision_of(set) : NULL;

		if (revision)
			r = fs_listing_add(l, revision, S_IFDIR, fs_obj_ino(dir, revision));
	}
	return r;
}

const struct fs_ops fs_revisions_ops = {
	.region = "revisions",
	.getattr = dir_getattr,
	.lookup = revisions_lookup,
	.readdir = revisions_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};
