/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files to an archive. A directory's files come before the directories in it, so that few descriptors are open at a time,
 * however deep the tree is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "copy/copy.h"
#include "copy/paths.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
	CHUNK = 64 * 1024,
	UNSIZED_MAX = 16 * 1024 * 1024, /* bytes of a file that says it has none: in /proc */
};

/* A file of several names, by its first one in the archive. */
struct seen {
	UT_hash_handle hh;
	struct {
		uint64_t dev, ino;
	} key;
	char path[];
};

struct sender {
	struct copy *c;
	struct tar_out *out;
	const char *base; /* as it was named */
	const char *name; /* in the archive; "" for its contents */
	int top;
	struct seen *seen;
	struct tar_entry entry;
	char rel[PATH_MAX];
	unsigned char chunk[CHUNK];
};

static void set_stat(struct tar_entry *e, const struct stat *st)
{
	e->size = 0;
	e->mode = st->st_mode & 07777;
	e->uid = st->st_uid;
	e->gid = st->st_gid;
	e->mtime = st->st_mtim.tv_sec;
	e->mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
}

/* The name in the archive of what is at s->rel. */
static int set_path(struct sender *s, const char *end)
{
	int n = snprintf(s->entry.path, sizeof(s->entry.path), "%s%s%s%s", *s->name ? s->name : ".", *s->rel ? "/" : "", s->rel,
			 end);

	return n < (int)sizeof(s->entry.path) ? 0 : -ENAMETOOLONG;
}

/* Whether it was sent under another name: then that is the entry's target. */
static bool find_seen(struct sender *s, const struct stat *st)
{
	size_t len = strlen(s->entry.path) + 1;
	struct seen *e = calloc(1, sizeof(*e) + len), *found;

	if (!e)
		return false; /* it becomes a file of its own */
	e->key.dev = st->st_dev;
	e->key.ino = st->st_ino;
	memcpy(e->path, s->entry.path, len);
	HASH_FIND(hh, s->seen, &e->key, sizeof(e->key), found);
	if (!found) {
		HASH_ADD(hh, s->seen, key, sizeof(e->key), e);
		if (!e->hh.tbl)
			free(e);
		return false;
	}
	(void)snprintf(s->entry.target, sizeof(s->entry.target), "%s", found->path);
	free(e);
	return true;
}

/* size bytes of the file, with zeros for those that are gone meanwhile. */
static int send_bytes(struct sender *s, int fd, uint64_t size)
{
	uint64_t left = size;
	int bad = 0, r = 0;

	while (left > 0 && r == 0) {
		size_t want = left < CHUNK ? (size_t)left : CHUNK;
		ssize_t n = bad ? 0 : read(fd, s->chunk, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!bad)
				copy_say(s->c, s->base, s->rel, n < 0 ? strerrordesc_np(errno) : "it became shorter meanwhile");
			bad = 1;
			memset(s->chunk, 0, want);
			n = (ssize_t)want;
		}
		r = tar_put_data(s->out, s->chunk, (size_t)n);
		left -= (uint64_t)n;
	}
	return r < 0 ? r : tar_put_padding(s->out, size);
}

/* A small file is read before its size is told: in /proc and /sys that is known only then. */
static int send_small(struct sender *s, int fd, uint64_t size)
{
	uint64_t max = size ? size : UNSIZED_MAX;
	_cleanup_buf_ struct buf b = BUF_INIT;
	ssize_t n = 1;

	while (b.len < max && n != 0) {
		n = read(fd, s->chunk, max - b.len < CHUNK ? (size_t)(max - b.len) : CHUNK);
		if (n > 0)
			buf_append(&b, s->chunk, (size_t)n);
		if ((n < 0 && errno != EINTR) || buf_failed(&b)) {
			(void)copy_fail(s->c, s->base, s->rel, n < 0 ? -errno : -ENOMEM);
			return 0;
		}
	}
	if (b.len == UNSIZED_MAX) {
		(void)copy_fail(s->c, s->base, s->rel, -EFBIG);
		return 0;
	}
	s->entry.size = b.len;
	(void)tar_put(s->out, &s->entry); /* kept in out->error */
	(void)tar_put_data(s->out, buf_str(&b), b.len);
	return tar_put_padding(s->out, b.len);
}

/* fd is an open file. Negative when the archive cannot be written, which ends it all. */
static int send_file(struct sender *s, int fd)
{
	struct stat st;
	int r = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? set_path(s, "") : -ESTALE;

	if (r < 0) {
		(void)copy_fail(s->c, s->base, s->rel, r);
		return 0;
	}
	set_stat(&s->entry, &st);
	s->entry.type = TAR_FILE;
	if (st.st_nlink > 1 && find_seen(s, &st)) {
		s->entry.type = TAR_HARD;
		return tar_put(s->out, &s->entry);
	}
	if (st.st_size <= CHUNK)
		return send_small(s, fd, (uint64_t)st.st_size);
	s->entry.size = (uint64_t)st.st_size;
	r = tar_put(s->out, &s->entry);
	return r < 0 ? r : send_bytes(s, fd, s->entry.size);
}

static int send_link(struct sender *s, int dir, const char *name, const struct stat *st)
{
	ssize_t n = readlinkat(dir, name, s->entry.target, sizeof(s->entry.target));
	int r = n < 0 ? -errno : n == 0 || n >= (ssize_t)sizeof(s->entry.target) ? -ENAMETOOLONG : set_path(s, "");

	if (r < 0) {
		(void)copy_fail(s->c, s->base, s->rel, r);
		return 0;
	}
	s->entry.target[n] = '\0';
	set_stat(&s->entry, st);
	s->entry.type = TAR_LINK;
	return tar_put(s->out, &s->entry);
}

static const char *special(mode_t mode)
{
	return S_ISSOCK(mode) ? "a socket, left out" : S_ISFIFO(mode) ? "a FIFO, left out" : "a device, left out";
}

/* What is called that in the directory `dir`, s->rel below the top, and is no directory: those are kept in `dirs`. */
static int send_one(struct sender *s, int dir, const char *name, struct buf *dirs)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT) /* it has gone meanwhile */
			(void)copy_fail(s->c, s->base, s->rel, -errno);
		return 0;
	}
	if (S_ISDIR(st.st_mode)) {
		buf_append(dirs, name, strlen(name) + 1);
		return 0;
	}
	if (S_ISLNK(st.st_mode))
		return send_link(s, dir, name, &st);
	if (S_ISREG(st.st_mode)) {
		_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		if (fd >= 0)
			return send_file(s, fd);
		(void)copy_fail(s->c, s->base, s->rel, -errno);
		return 0;
	}
	copy_say(s->c, s->base, s->rel, special(st.st_mode));
	return 0;
}

/* Puts a name behind s->rel, which has len bytes. */
static bool append(struct sender *s, size_t len, const char *name)
{
	if (len + strlen(name) + 2 <= sizeof(s->rel)) {
		(void)snprintf(s->rel + len, sizeof(s->rel) - len, "%s%s", len ? "/" : "", name);
		return true;
	}
	(void)copy_fail(s->c, s->base, s->rel, -ENAMETOOLONG);
	return false;
}

/* File systems that are the kernel's own, and no files: not below what is copied, but where they themselves are. */
static bool is_kernels(int fd, const struct sender *s)
{
	struct statfs fs;

	if (!*s->rel || fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEVPTS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

/* The directory's own entry, its files, and the names of the directories in it. */
static int send_files(struct sender *s, struct buf *dirs)
{
	_cleanup_closedir_ DIR *d = NULL;
	size_t len = strlen(s->rel);
	struct dirent *e;
	struct stat st;
	int fd = copy_open_beneath(s->top, len ? s->rel : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), r;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d && fd >= 0)
		(void)close(fd);
	r = fd < 0 ? fd : !d || fstat(fd, &st) < 0 ? -errno : set_path(s, "/");
	if (r < 0) {
		(void)copy_fail(s->c, s->base, s->rel, r);
		return 0;
	}
	set_stat(&s->entry, &st);
	s->entry.type = TAR_DIR;
	r = tar_put(s->out, &s->entry);
	if (r < 0 || is_kernels(fd, s))
		return r;
	while (r == 0 && (errno = 0, e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || !append(s, len, e->d_name))
			continue;
		r = send_one(s, fd, e->d_name, dirs);
		s->rel[len] = '\0';
	}
	if (r == 0 && errno)
		(void)copy_fail(s->c, s->base, s->rel, -errno);
	return r;
}

/* The stack is as deep as a path can be. */
static int send_dir(struct sender *s)
{
	_cleanup_buf_ struct buf dirs = BUF_INIT;
	size_t len = strlen(s->rel);
	int r = send_files(s, &dirs);

	if (r == 0 && buf_failed(&dirs))
		(void)copy_fail(s->c, s->base, s->rel, -ENOMEM);
	for (size_t at = 0; r == 0 && at < dirs.len; at += strlen(dirs.data + at) + 1) {
		if (append(s, len, dirs.data + at))
			r = send_dir(s);
		s->rel[len] = '\0';
	}
	return r;
}

static int send_named(struct sender *s, const char *path)
{
	struct stat st;
	int r;

	/* looked at before it is opened: a device may act on that alone */
	if (stat(path, &st) < 0)
		return copy_fail(s->c, path, "", -errno);
	if (S_ISDIR(st.st_mode)) {
		s->top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		return s->top < 0 ? copy_fail(s->c, path, "", -errno) : send_dir(s);
	}
	if (!S_ISREG(st.st_mode)) {
		copy_say(s->c, path, "", special(st.st_mode));
		return -EINVAL;
	}
	s->top = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	r = s->top < 0 ? copy_fail(s->c, path, "", -errno) : send_file(s, s->top);
	return r;
}

int copy_send(struct copy *c, const char *path, struct tar_out *out)
{
	struct sender *s = calloc(1, sizeof(*s));
	char name[NAME_MAX + 1];
	struct seen *e, *next;
	int r;

	if (!s)
		return copy_fail(c, path, "", -ENOMEM);
	copy_name_of(path, name);
	s->c = c;
	s->out = out;
	s->base = path;
	s->name = name;
	s->top = -1;
	r = send_named(s, path);
	if (r == 0)
		r = tar_put_end(out);
	HASH_ITER(hh, s->seen, e, next) {
		HASH_DEL(s->seen, e);
		free(e);
	}
	close_fdp(&s->top);
	free(s);
	return r;
}
