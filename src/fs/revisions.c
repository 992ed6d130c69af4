/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/revisions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fs/objlinks.h"
#include "value/yaml.h"

#define NUMBER "deployment.kubernetes.io/revision"
#define CHANGE_CAUSE "kubernetes.io/change-cause"

enum { NUMBER_SIZE = 24 };

static bool is_set(const struct object *keeper)
{
	return strcmp(object_kind(keeper)->plural, "replicasets") == 0;
}

/* The number as it names the directory; false for a ReplicaSet that has none yet. */
static bool number_of(const struct object *keeper, char ret[NUMBER_SIZE])
{
	const char *text = value_str_or(object_path(keeper, "metadata", "annotations", NUMBER), "");
	int64_t n = value_int(object_path(keeper, "revision"), 0);

	if (!is_set(keeper))
		return n > 0 && snprintf(ret, NUMBER_SIZE, "%" PRId64, n) > 0;
	return *text && strspn(text, "0123456789") == strlen(text) && snprintf(ret, NUMBER_SIZE, "%s", text) < NUMBER_SIZE;
}

/* The keepers of all that a workload had. */
static int keepers(struct fs *fs, const char *uid, struct object_list *ret)
{
	int r = fs_controlled(fs, uid, "replicasets", ret);

	return r < 0 ? r : fs_controlled(fs, uid, "controllerrevisions", ret);
}

static bool is_younger(const struct object *a, const struct object *b)
{
	return strcmp(value_str_or(object_path(a, "metadata", "creationTimestamp"), ""),
		      value_str_or(object_path(b, "metadata", "creationTimestamp"), "")) > 0;
}

struct object *fs_revision_keeper(struct fs *fs, const char *uid, const char *number)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *found = NULL;

	if (keepers(fs, uid, &list) < 0)
		return NULL;
	for (size_t i = 0; i < list.n; i++) {
		_cleanup_object_ struct object *keeper = fs_live_decode(fs, list.items[i]);
		char name[NUMBER_SIZE];

		if (!keeper || !number_of(keeper, name) || strcmp(name, number) != 0 || (found && !is_younger(keeper, found)))
			continue;
		object_unref(found);
		found = steal_ptr(keeper);
	}
	return steal_ptr(found);
}

struct value *fs_revision_template(struct arena *a, const struct object *keeper)
{
	const struct value *kept = is_set(keeper) ? object_path(keeper, "spec", "template")
						  : object_path(keeper, "data", "spec", "template");
	struct value *template = value_type(kept) == VALUE_MAP ? value_copy(a, kept) : NULL;

	if (is_set(keeper))
		(void)value_remove(value_path(template, "metadata", "labels"), "pod-template-hash");
	else
		(void)value_remove(template, "$patch"); /* K8S:pkg/controller/daemon/update.go, getPatch() */
	return arena_failed(a) ? NULL : template;
}

/* --- the files of one --- */

/* The keeper for a file in revisions/N/. */
static struct object *keeper_of(const struct fs_node *file)
{
	return fs_revision_keeper(file->fs, fs_obj_uid(file), file->parent->name);
}

static int template_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *keeper = keeper_of(n);
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *template = keeper && a ? fs_revision_template(a, keeper) : NULL;

	if (!template)
		return -ENOENT;
	yaml_write(out, template, 0);
	return 0;
}

static const char *cause_of(const struct object *keeper)
{
	return value_str(object_path(keeper, "metadata", "annotations", CHANGE_CAUSE));
}

static int cause_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *keeper = keeper_of(n);
	const char *cause = cause_of(keeper);

	if (!cause)
		return -ENOENT;
	buf_puts(out, cause);
	buf_putc(out, '\n');
	return 0;
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *keeper = keeper_of(n);

	return keeper ? fs_attr_render(n, a, 0444, fs_live_changed(n->fs, keeper)) : -ENOENT;
}

static int link_readlink(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *keeper = keeper_of(n);

	if (!keeper)
		return -ENOENT;
	buf_printf(out, "../../../../%s/%s", object_kind(keeper)->plural, object_name(keeper));
	return 0;
}

static int link_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_buf_ struct buf target = BUF_INIT;
	int r = link_readlink(n, &target);

	if (r == 0)
		fs_attr_link(n, a, target.len, n->fs->started);
	return r;
}

static const struct fs_ops template_ops = { .region = "revisions", .getattr = file_getattr, .render = template_render };
static const struct fs_ops cause_ops = { .region = "revisions", .getattr = file_getattr, .render = cause_render };
static const struct fs_ops link_ops = { .region = "revisions", .getattr = link_getattr, .readlink = link_readlink };

static const struct file {
	const char *name;
	mode_t type;
	const struct fs_ops *ops;
} files[] = {
	{ "change-cause", S_IFREG, &cause_ops },
	{ "controllerrevision", S_IFLNK, &link_ops },
	{ "replicaset", S_IFLNK, &link_ops },
	{ "template.yaml", S_IFREG, &template_ops },
};

static bool has_file(const struct object *keeper, const struct file *f)
{
	if (f->ops == &cause_ops)
		return cause_of(keeper);
	return f->ops != &link_ops || strcmp(f->name, is_set(keeper) ? "replicaset" : "controllerrevision") == 0;
}

/* --- revisions/N/ --- */

static int number_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *keeper = fs_revision_keeper(n->fs, fs_obj_uid(n), n->name);

	if (!keeper)
		return -ENOENT;
	fs_attr_dir(n, a, 0555, fs_live_changed(n->fs, keeper));
	return 0;
}

static int number_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *keeper = fs_revision_keeper(dir->fs, fs_obj_uid(dir), dir->name);

	for (size_t i = 0; keeper && i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i].name, name) == 0 && has_file(keeper, &files[i]))
			return fs_obj_node(dir, name, files[i].ops, ret, NULL);
	return -ENOENT;
}

static int number_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_ struct object *keeper = fs_revision_keeper(dir->fs, fs_obj_uid(dir), dir->name);
	int r = keeper ? 0 : -ENOENT;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		if (has_file(keeper, &files[i]))
			r = fs_listing_add(l, files[i].name, files[i].type, fs_obj_ino(dir, files[i].name));
	return r;
}

static const struct fs_ops number_ops = {
	.region = "revisions",
	.getattr = number_getattr,
	.lookup = number_lookup,
	.readdir = number_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};

/* --- revisions/ --- */

static int revisions_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	if (!o)
		return -ENOENT;
	fs_attr_dir(n, a, 0555, fs_live_changed(n->fs, o));
	return 0;
}

static int revisions_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *keeper = fs_revision_keeper(dir->fs, fs_obj_uid(dir), name);

	return keeper ? fs_obj_node(dir, name, &number_ops, ret, NULL) : -ENOENT;
}

static int revisions_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_free_ char(*names)[NUMBER_SIZE] = NULL;
	size_t n = 0;
	int r = keepers(dir->fs, fs_obj_uid(dir), &list);

	if (r == 0 && list.n)
		names = calloc(list.n, sizeof(*names));
	if (r == 0 && list.n && !names)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		_cleanup_object_ struct object *keeper = fs_live_decode(dir->fs, list.items[i]);
		bool seen = !keeper || !number_of(keeper, names[n]);

		for (size_t k = 0; k < n && !seen; k++)
			seen = strcmp(names[k], names[n]) == 0;
		if (!seen)
			r = fs_listing_add(l, names[n], S_IFDIR, fs_obj_ino(dir, names[n]));
		n += !seen;
	}
	return r;
}

const struct fs_ops fs_revisions_ops = {
	.region = "revisions",
	.getattr = revisions_getattr,
	.lookup = revisions_lookup,
	.readdir = revisions_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};
