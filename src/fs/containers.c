/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's containers/C/: what status says of each container, and what the node agent knows of it now. */
#include <inttypes.h>
#include <string.h>

#include "fs/podfiles.h"

static const struct {
	const char *spec, *status;
} lists[] = {
	{ "initContainers", "initContainerStatuses" },
	{ "containers", "containerStatuses" },
	{ "ephemeralContainers", "ephemeralContainerStatuses" },
};

/* The container's status; false when the pod has no such container. */
static bool find_container(const struct object *o, const char *name, const struct value **ret_spec,
			   const struct value **ret_status)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		*ret_spec = value_find(object_path(o, "spec", lists[i].spec), "name", name);
		*ret_status = value_find(object_path(o, "status", lists[i].status), "name", name);
		if (*ret_spec)
			return true;
	}
	return false;
}

static bool get_facts(const struct fs_node *n, const char *container, struct fs_container_facts *ret)
{
	const struct fs_config *c = &n->fs->config;

	*ret = (struct fs_container_facts){ .pid = 0, .cpu = -1, .memory = -1 };
	return c->node && c->node->container && c->node->container(c->node_arg, fs_obj_uid(n), container, ret) == 0;
}

/* Appends the file's value; false when there is none. */
static bool text_of(const struct fs_node *dir, const struct object *o, const char *container, const char *file,
		    struct buf *out)
{
	const struct value *spec, *status, *v = NULL;
	struct fs_container_facts facts;

	if (!find_container(o, container, &spec, &status))
		return false;
	if (strcmp(file, "id") == 0)
		v = value_get(status, "containerID");
	else if (strcmp(file, "image") == 0)
		v = value_len(value_get(status, "image")) ? value_get(status, "image") : value_get(spec, "image");
	if (value_len(v)) {
		buf_printf(out, "%s\n", value_str_or(v, ""));
		return true;
	}
	if (strcmp(file, "restarts") == 0) {
		buf_printf(out, "%" PRId64 "\n", value_int(value_get(status, "restartCount"), 0));
		return true;
	}
	if (strcmp(file, "exitCode") == 0) {
		v = value_path(status, "state", "terminated", "exitCode");
		v = v ? v : value_path(status, "lastState", "terminated", "exitCode");
		if (v)
			buf_printf(out, "%" PRId64 "\n", value_int(v, 0));
		return v != NULL;
	}
	if (!get_facts(dir, container, &facts))
		return false;
	if (strcmp(file, "pid") == 0 && facts.pid > 0)
		buf_printf(out, "%d\n", (int)facts.pid);
	else if (strcmp(file, "cpu") == 0 && facts.cpu >= 0)
		buf_printf(out, "%" PRId64 ".%09" PRId64 "\n", facts.cpu / 1000000000, facts.cpu % 1000000000);
	else if (strcmp(file, "memory") == 0 && facts.memory >= 0)
		buf_printf(out, "%" PRId64 "\n", facts.memory);
	else
		return false;
	return true;
}

static const char *const files[] = { "cpu", "exitCode", "id", "image", "memory", "pid", "restarts" };

/* --- files --- */

static int file_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	return o && text_of(n, o, n->parent->name, n->name, out) ? 0 : -ENOENT;
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	return o ? fs_attr_render(n, a, 0444, fs_live_changed(n->fs, o)) : -ENOENT;
}

static const struct fs_ops file_ops = { .region = "containers", .getattr = file_getattr, .render = file_render };

/* --- directories --- */

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	if (!o)
		return -ENOENT;
	fs_attr_dir(n, a, 0555, fs_live_changed(n->fs, o));
	return 0;
}

static int container_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (size_t i = 0; o && i < ARRAY_SIZE(files); i++)
		if (strcmp(files[i], name) == 0 && text_of(dir, o, dir->name, name, &text))
			return fs_obj_node(dir, name, &file_ops, ret, NULL);
	return -ENOENT;
}

static int container_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = o ? 0 : -ENOENT;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		if (text_of(dir, o, dir->name, files[i], &text))
			r = fs_listing_add(l, files[i], S_IFREG, fs_obj_ino(dir, files[i]));
	return r;
}

static const struct fs_ops container_ops = {
	.region = "containers",
	.getattr = dir_getattr,
	.lookup = container_lookup,
	.readdir = container_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};

static int containers_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	const struct value *spec, *status;

	return o && find_container(o, name, &spec, &status) ? fs_obj_node(dir, name, &container_ops, ret, NULL)
							     : -ENOENT;
}

static int containers_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	int r = o ? 0 : -ENOENT;

	for (size_t k = 0; r == 0 && k < ARRAY_SIZE(lists); k++) {
		const struct value *list = object_path(o, "spec", lists[k].spec);

		for (size_t i = 0; r == 0 && i < value_len(list); i++) {
			const char *name = value_str_or(value_get(value_at(list, i), "name"), "");

			r = fs_listing_add(l, name, S_IFDIR, fs_obj_ino(dir, name));
		}
	}
	return r;
}

const struct fs_ops fs_containers_ops = {
	.region = "containers",
	.getattr = dir_getattr,
	.lookup = containers_lookup,
	.readdir = containers_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};
