/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's logs/. On disk each run of a container has a file of its own, LOG_DIR/NS_POD_UID/CONTAINER/RUN.log. The newest is
 * CONTAINER, the one before CONTAINER.previous, older ones CONTAINER.RUN; a run keeps its inode number when its name
 * changes, as a log does that logrotate(8) renames.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "fs/logindex.h"
#include "fs/podfiles.h"

enum { RUNS_MAX = 1000 }; /* files of one container that are looked at */

struct log {
	char container[64]; /* RFC 1123 label */
	unsigned run;
	ino_t file; /* that the index is of */
	struct logindex index;
};

/* --- on disk --- */

/* Opens LOG_DIR/NS_POD_UID/CONTAINER; -ENOENT where nothing was logged. */
static int open_dir(const struct fs *fs, const struct object *o, const char *container)
{
	char path[PATH_MAX];
	int n, fd;

	if (!fs->config.log_dir)
		return -ENOENT;
	n = snprintf(path, sizeof(path), "%s/%s_%s_%s/%s", fs->config.log_dir, object_namespace(o), object_name(o),
		     object_uid(o), container);
	if (n < 0 || n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

static int by_number(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The runs that have a file, the newest first; returns their number. */
static size_t find_runs(const struct fs *fs, const struct object *o, const char *container,
			unsigned runs[static RUNS_MAX])
{
	_cleanup_closedir_ DIR *d = NULL;
	int fd = open_dir(fs, o, container);
	struct dirent *de;
	size_t n = 0;

	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		close_fdp(&fd);
		return 0;
	}
	while (n < RUNS_MAX && (de = readdir(d))) {
		unsigned run;
		int end = 0;

		if (strlen(de->d_name) < 14 && sscanf(de->d_name, "%9u.log%n", &run, &end) == 1 && end &&
		    !de->d_name[end])
			runs[n++] = run;
	}
	qsort(runs, n, sizeof(runs[0]), by_number);
	return n;
}

/* --- names --- */

static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

static bool has_container(const struct object *o, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (value_find(object_path(o, "spec", lists[i]), "name", name))
			return true;
	return false;
}

/* Which run of which container a name means. */
static int parse_name(const struct fs *fs, const struct object *o, const char *name, char container[static 64],
		      unsigned *ret_run)
{
	unsigned runs[RUNS_MAX];
	const char *dot = strchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name), n;

	if (len >= 64)
		return -ENOENT;
	memcpy(container, name, len);
	container[len] = '\0';
	if (!has_container(o, container))
		return -ENOENT;
	n = find_runs(fs, o, container, runs);
	if (!dot) {
		*ret_run = n ? runs[0] : 0;
		return 0;
	}
	if (strcmp(dot, ".previous") == 0 && n > 1) {
		*ret_run = runs[1];
		return 0;
	}
	for (size_t i = 2; i < n; i++) {
		char number[16];

		(void)snprintf(number, sizeof(number), ".%u", runs[i]);
		if (strcmp(dot, number) == 0) {
			*ret_run = runs[i];
			return 0;
		}
	}
	return -ENOENT;
}

static uint64_t log_ino(const struct fs_node *dir, const char *container, unsigned run)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/log/%s/%u", container, run);
	return fs_ino(dir->fs, fs_obj_uid(dir), path);
}

/* --- files --- */

/* Opens the run's file and brings the index up to date; *ret_mtime may be NULL. */
static int open_log(struct fs_node *n, int64_t *ret_mtime)
{
	_cleanup_object_ struct object *o = cache_get_uid(n->fs->cache, fs_obj_uid(n));
	struct log *log = n->data;
	_cleanup_close_ int dir = o ? open_dir(n->fs, o, log->container) : -ESTALE, fd = -1;
	char name[32];
	struct stat st;
	int r;

	if (dir < 0)
		return dir;
	(void)snprintf(name, sizeof(name), "%u.log", log->run);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (log->file != st.st_ino)
		logindex_clear(&log->index);
	log->file = st.st_ino;
	r = logindex_update(&log->index, fd);
	if (ret_mtime)
		*ret_mtime = (int64_t)st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
	return r < 0 ? r : steal_fd(&fd);
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	int64_t mtime = n->fs->started;
	const struct log *log = n->data;
	_cleanup_close_ int fd = open_log(n, &mtime);

	if (fd < 0 && fd != -ENOENT) /* -ENOENT: nothing was logged yet */
		return fd == -ESTALE ? -ENOENT : fd;
	fs_attr_file(n, a, S_IFREG | 0444, mtime);
	a->size = fd < 0 ? 0 : log->index.plain;
	a->ttl = FS_TTL_NONE; /* tail -f looks once a second */
	return 0;
}

static void file_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	if (fs_handle_writes(h))
		fs_reply_err(r, -EROFS);
	else
		fs_reply_open(r, h);
}

static void file_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	struct log *log = h->node->data;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_close_ int fd = open_log(h->node, NULL);
	int err = fd < 0 ? fd : logindex_read(&log->index, fd, off, size, &out);

	if (err < 0 && fd != -ENOENT && fd != -ESTALE)
		fs_reply_err(r, err);
	else
		fs_reply_buf(r, out.data, out.len);
}

static void file_destroy(struct fs_node *n)
{
	struct log *log = n->data;

	if (log)
		logindex_clear(&log->index);
	free(log);
}

static const struct fs_ops log_ops = {
	.region = "logs",
	.getattr = file_getattr,
	.destroy = file_destroy,
	.open = file_open,
	.read = file_read,
};

/* --- the directory --- */

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	if (!o)
		return -ENOENT;
	fs_attr_dir(n, a, 0555, fs_live_changed(n->fs, o));
	return 0;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	_cleanup_fs_node_ struct fs_node *n = NULL;
	char container[64];
	struct log *log;
	unsigned run;
	bool is_new;
	int r = o ? parse_name(dir->fs, o, name, container, &run) : -ENOENT;

	if (r == 0)
		r = fs_node_get(dir, name, log_ino(dir, container, run), &log_ops, &n, &is_new);
	if (r < 0)
		return r;
	if (is_new) {
		log = calloc(1, sizeof(*log));
		if (!log)
			return -ENOMEM;
		memcpy(log->container, container, sizeof(container));
		log->run = run;
		n->data = log;
	}
	*ret = steal_ptr(n);
	return 0;
}

static int list_container(struct fs_node *dir, const struct object *o, const char *container, struct fs_listing *l)
{
	unsigned runs[RUNS_MAX];
	size_t n;
	int r;

	if (strlen(container) >= 64)
		return 0;
	n = find_runs(dir->fs, o, container, runs);
	r = fs_listing_add(l, container, S_IFREG, log_ino(dir, container, n ? runs[0] : 0));
	for (size_t i = 1; r == 0 && i < n; i++) {
		char name[96];

		if (i == 1)
			(void)snprintf(name, sizeof(name), "%s.previous", container);
		else
			(void)snprintf(name, sizeof(name), "%s.%u", container, runs[i]);
		r = fs_listing_add(l, name, S_IFREG, log_ino(dir, container, runs[i]));
	}
	return r;
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	int r = o ? 0 : -ENOENT;

	for (size_t k = 0; r == 0 && k < ARRAY_SIZE(lists); k++) {
		const struct value *list = object_path(o, "spec", lists[k]);

		for (size_t i = 0; r == 0 && i < value_len(list); i++)
			r = list_container(dir, o, value_str_or(value_get(value_at(list, i), "name"), ""), l);
	}
	return r;
}

const struct fs_ops fs_podlogs_ops = {
	.region = "logs",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.unlink = fs_obj_unlink,
	.rmdir = fs_obj_rmdir,
};
