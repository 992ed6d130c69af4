/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs/: a link to each file of a container's output in the CRI format, named as log collectors expect:
 * POD_NAMESPACE_CONTAINER-ID.log with an ID of 64 hexadecimal digits, here the pod's uid and the number of the run.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "fs/podfiles.h"
#include "fs/region.h"

static const char *pods_plural = "pods";

static void format_id(const char *uid, unsigned run, char out[static 65])
{
	size_t n = 0;

	for (; *uid && n < 32; uid++)
		if (*uid != '-')
			out[n++] = *uid;
	(void)snprintf(out + n, 65 - n, "%0*x", (int)(64 - n), run);
}

/* A run of a container, as each() is told. Returns non-zero to end it. */
typedef int (*each_fn)(void *arg, const char *name, const char *target);

static int each_run(const struct fs *fs, const struct object *pod, const char *dir, const char *container, int parent,
		    each_fn each, void *arg)
{
	_cleanup_closedir_ DIR *d = NULL;
	int fd = openat(parent, container, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), r = 0;
	struct dirent *de;

	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		close_fdp(&fd);
		return 0;
	}
	while (r == 0 && (de = readdir(d))) {
		char name[2 * NAME_MAX], target[PATH_MAX], id[65];
		unsigned run;
		int end = 0;

		if (strlen(de->d_name) > 13 || sscanf(de->d_name, "%9u.log%n", &run, &end) != 1 || !end ||
		    de->d_name[end])
			continue;
		format_id(object_uid(pod), run, id);
		(void)snprintf(name, sizeof(name), "%s_%s_%s-%s.log", object_name(pod), object_namespace(pod), container,
			       id);
		if (snprintf(target, sizeof(target), "%s/%s/%u.log", dir, container, run) < (int)sizeof(target))
			r = each(arg, name, target);
	}
	return r;
}

static int each_container(const struct fs *fs, const struct object *pod, each_fn each, void *arg)
{
	_cleanup_closedir_ DIR *d = NULL;
	char path[PATH_MAX];
	struct dirent *de;
	int r = 0;

	if (!fs->config.log_dir ||
	    snprintf(path, sizeof(path), "%s/%s_%s_%s", fs->config.log_dir, object_namespace(pod), object_name(pod),
		     object_uid(pod)) >= (int)sizeof(path))
		return 0;
	d = opendir(path);
	while (d && r == 0 && (de = readdir(d)))
		if (de->d_name[0] != '.')
			r = each_run(fs, pod, path, de->d_name, dirfd(d), each, arg);
	return r;
}

/* --- links --- */

struct search {
	const char *name;
	struct buf *target;
};

static int search_one(void *arg, const char *name, const char *target)
{
	struct search *s = arg;

	if (strcmp(name, s->name) != 0)
		return 0;
	buf_puts(s->target, target);
	return 1;
}

/* The target of that name, -ENOENT. */
static int find_target(const struct fs_node *dir, const char *name, struct buf *out)
{
	const char *ns = strchr(name, '_'), *rest = ns ? strchr(ns + 1, '_') : NULL;
	_cleanup_object_ struct object *pod = NULL;
	struct search s = { .name = name, .target = out };
	char pod_name[NAME_MAX + 1], pod_ns[64];

	if (!rest || ns - name > NAME_MAX || rest - ns > 63)
		return -ENOENT;
	(void)snprintf(pod_name, sizeof(pod_name), "%.*s", (int)(ns - name), name);
	(void)snprintf(pod_ns, sizeof(pod_ns), "%.*s", (int)(rest - ns - 1), ns + 1);
	if (!fs_region_is_root(dir) && strcmp(pod_ns, dir->ns) != 0)
		return -ENOENT;
	pod = cache_get(dir->fs->cache, schema_kind_by_plural(pods_plural), pod_ns, pod_name);
	return pod && each_container(dir->fs, pod, search_one, &s) == 1 ? 0 : -ENOENT;
}

static int link_readlink(struct fs_node *n, struct buf *out)
{
	return find_target(n->parent, n->name, out);
}

static int link_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_buf_ struct buf target = BUF_INIT;
	int r = link_readlink(n, &target);

	if (r == 0)
		fs_attr_link(n, a, target.len, n->fs->started);
	return r;
}

static const struct fs_ops link_ops = { .region = "logs", .getattr = link_getattr, .readlink = link_readlink };

static uint64_t link_ino(const struct fs_node *dir, const char *name)
{
	char id[64];

	(void)snprintf(id, sizeof(id), "/logs/%llx", (unsigned long long)dir->ino);
	return fs_ino(dir->fs, id, name);
}

/* --- the directory --- */

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_dir(n, a, fs_region_is_root(n) ? 0700 : 0555, n->fs->started);
	return 0;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_buf_ struct buf target = BUF_INIT;
	int r = find_target(dir, name, &target);

	return r < 0 ? r : fs_node_get(dir, name, link_ino(dir, name), &link_ops, ret, NULL);
}

struct listing {
	struct fs_node *dir;
	struct fs_listing *l;
};

static int list_one(void *arg, const char *name, const char *target)
{
	struct listing *x = arg;

	return fs_listing_add(x->l, name, S_IFLNK, link_ino(x->dir, name));
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	struct listing x = { .dir = dir, .l = l };
	int r = cache_list(dir->fs->cache, schema_kind_by_plural(pods_plural), fs_region_is_root(dir) ? NULL : dir->ns,
			   &list);

	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = each_container(dir->fs, list.items[i], list_one, &x);
	return r;
}

const struct fs_ops fs_logs_ops = {
	.region = "logs",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.unlink = fs_obj_unlink,
};
