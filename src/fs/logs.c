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

/* A pod's directory of logs: LOGS/NS_POD_UID, or LOGS/.gone/NS_POD_UID once it is gone. */
struct pod_dir {
	const char *ns, *name, *uid;
	char path[PATH_MAX];
};

/* A run of a container, as each() is told. Returns non-zero to end it. */
typedef int (*each_fn)(void *arg, const char *name, const char *target);

static int each_run(const struct pod_dir *p, const char *container, int parent, each_fn each, void *arg)
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
		format_id(p->uid, run, id);
		(void)snprintf(name, sizeof(name), "%s_%s_%s-%s.log", p->name, p->ns, container, id);
		if (snprintf(target, sizeof(target), "%s/%s/%u.log", p->path, container, run) < (int)sizeof(target))
			r = each(arg, name, target);
	}
	return r;
}

static int each_container(const struct pod_dir *p, each_fn each, void *arg)
{
	_cleanup_closedir_ DIR *d = opendir(p->path);
	struct dirent *de;
	int r = 0;

	while (d && r == 0 && (de = readdir(d)))
		if (de->d_name[0] != '.')
			r = each_run(p, de->d_name, dirfd(d), each, arg);
	return r;
}

static int each_of_pod(const struct fs *fs, const struct object *pod, each_fn each, void *arg)
{
	struct pod_dir p = { .ns = object_namespace(pod), .name = object_name(pod), .uid = object_uid(pod) };

	if (!fs->config.log_dir || snprintf(p.path, sizeof(p.path), "%s/%s_%s_%s", fs->config.log_dir, p.ns, p.name,
					    p.uid) >= (int)sizeof(p.path))
		return 0;
	return each_container(&p, each, arg);
}

/* Of pods that are gone; ns and pod NULL: of all. */
static int each_gone(const struct fs *fs, const char *ns, const char *pod, each_fn each, void *arg)
{
	_cleanup_closedir_ DIR *d = NULL;
	char path[PATH_MAX];
	struct dirent *de;
	int r = 0;

	if (!fs->config.log_dir || snprintf(path, sizeof(path), "%s/.gone", fs->config.log_dir) >= (int)sizeof(path))
		return 0;
	d = opendir(path);
	while (d && r == 0 && (de = readdir(d))) {
		char words[NAME_MAX + 1], *save = NULL;
		struct pod_dir p;

		(void)snprintf(words, sizeof(words), "%s", de->d_name);
		p.ns = strtok_r(words, "_", &save);
		p.name = strtok_r(NULL, "_", &save);
		p.uid = strtok_r(NULL, "_", &save);
		if (!p.uid || *words == '.' || (ns && strcmp(ns, p.ns) != 0) || (pod && strcmp(pod, p.name) != 0) ||
		    snprintf(p.path, sizeof(p.path), "%s/%s", path, de->d_name) >= (int)sizeof(p.path))
			continue;
		r = each_container(&p, each, arg);
	}
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

static const struct fs_ops gone_ops;

/* The target of that name, -ENOENT. */
static int find_target(const struct fs_node *dir, const char *name, struct buf *out)
{
	const char *ns = strchr(name, '_'), *rest = ns ? strchr(ns + 1, '_') : NULL;
	bool gone = dir->ops == &gone_ops;
	_cleanup_object_ struct object *pod = NULL;
	struct search s = { .name = name, .target = out };
	char pod_name[NAME_MAX + 1], pod_ns[64];

	if (!rest || ns - name > NAME_MAX || rest - ns > 63)
		return -ENOENT;
	(void)snprintf(pod_name, sizeof(pod_name), "%.*s", (int)(ns - name), name);
	(void)snprintf(pod_ns, sizeof(pod_ns), "%.*s", (int)(rest - ns - 1), ns + 1);
	if (!fs_region_is_root(dir) && strcmp(pod_ns, dir->ns) != 0)
		return -ENOENT;
	if (gone)
		return each_gone(dir->fs, pod_ns, pod_name, search_one, &s) == 1 ? 0 : -ENOENT;
	pod = cache_get(dir->fs->cache, schema_kind_by_plural(pods_plural), pod_ns, pod_name);
	return pod && each_of_pod(dir->fs, pod, search_one, &s) == 1 ? 0 : -ENOENT;
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

/* --- the directories: of pods that are there, and in it of those that are gone --- */

static const char gone_name[] = "gone";

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_dir(n, a, fs_region_is_root(n) ? 0700 : 0555, n->fs->started);
	return 0;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_buf_ struct buf target = BUF_INIT;
	int r;

	if (dir->ops == &fs_logs_ops && strcmp(name, gone_name) == 0)
		return fs_node_get(dir, name, link_ino(dir, name), &gone_ops, ret, NULL);
	r = find_target(dir, name, &target);
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

	if (r == 0)
		r = fs_listing_add(l, gone_name, S_IFDIR, link_ino(dir, gone_name));
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = each_of_pod(dir->fs, list.items[i], list_one, &x);
	return r;
}

static int gone_readdir(struct fs_node *dir, struct fs_listing *l)
{
	struct listing x = { .dir = dir, .l = l };

	return each_gone(dir->fs, fs_region_is_root(dir) ? NULL : dir->ns, NULL, list_one, &x);
}

static const struct fs_ops gone_ops = {
	.region = "logs",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = gone_readdir,
	.unlink = fs_obj_unlink,
};

static void gone_rmdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	fs_reply_err(r, strcmp(name, gone_name) == 0 ? 0 : -ENOENT); /* it comes back by itself */
}

const struct fs_ops fs_logs_ops = {
	.region = "logs",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = gone_rmdir,
};
