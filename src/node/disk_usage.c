/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depth first: down by name, and up by "..", which must then be the directory that was left. Of each level only the place
 * in its directory is kept, so that neither wide nor deep trees cost much.
 */
#include "node/disk_usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { DEPTH_MAX = 4096, LEVELS_FIRST = 32, BUFFER_SIZE = 8192, BLOCK = 512 };

struct level {
	ino_t inode;
	off_t at; /* where its directory is read on */
};

struct walk {
	int fd; /* of the directory in hand */
	dev_t device;
	struct level *levels;
	size_t n, cap;
	double blocks, inodes; /* parts of files with several names */
	char buffer[BUFFER_SIZE];
};

static void count(struct walk *w, const struct stat *st)
{
	double share = S_ISDIR(st->st_mode) || st->st_nlink < 2 ? 1 : 1.0 / (double)st->st_nlink;

	w->blocks += share * (double)st->st_blocks;
	w->inodes += share;
}

static int push(struct walk *w, ino_t inode)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : LEVELS_FIRST;
		struct level *bigger = reallocarray(w->levels, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		w->levels = bigger;
		w->cap = cap;
	}
	w->levels[w->n++] = (struct level){ .inode = inode };
	return 0;
}

/* Makes a directory below the one in hand that in hand. 1; 0: it is gone, or it is not to be counted. */
static int descend(struct walk *w, const char *name)
{
	int fd = openat(w->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0 || st.st_dev != w->device || w->n >= DEPTH_MAX) {
		(void)close(fd);
		return 0;
	}
	r = push(w, st.st_ino);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	(void)close(w->fd);
	w->fd = fd;
	return 1;
}

/* Back to the directory above; false when that is another by now, or there is none. */
static bool ascend(struct walk *w)
{
	struct stat st;
	int fd;

	if (--w->n == 0)
		return false;
	fd = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	(void)close(w->fd);
	w->fd = fd;
	return fstat(fd, &st) == 0 && st.st_dev == w->device && st.st_ino == w->levels[w->n - 1].inode &&
	       lseek(fd, w->levels[w->n - 1].at, SEEK_SET) >= 0;
}

/* Counts what is next in the directory in hand. 1: another is in hand now; 0: it has been read to its end. */
static int read_directory(struct walk *w, const atomic_bool *stop)
{
	ssize_t n;

	while ((n = getdents64(w->fd, w->buffer, sizeof(w->buffer))) > 0 && !atomic_load(stop))
		for (ssize_t i = 0; i < n;) {
			const struct dirent64 *d = (const void *)(w->buffer + i);
			struct stat st;
			int r;

			i += d->d_reclen;
			w->levels[w->n - 1].at = d->d_off;
			if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
			    fstatat(w->fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != w->device)
				continue;
			count(w, &st);
			r = S_ISDIR(st.st_mode) ? descend(w, d->d_name) : 0;
			if (r != 0)
				return r;
		}
	return 0;
}

static int walk(struct walk *w, const struct stat *top, const atomic_bool *stop)
{
	int r = push(w, top->st_ino);

	while (r >= 0 && !atomic_load(stop)) {
		r = read_directory(w, stop);
		if (r == 0 && !ascend(w))
			break;
	}
	return r < 0 ? r : 0;
}

int disk_usage_add(const char *path, const atomic_bool *stop, struct disk_usage *usage)
{
	_cleanup_free_ struct walk *w = calloc(1, sizeof(*w));
	struct stat st;
	int r = 0;

	if (!w)
		return -ENOMEM;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	w->device = st.st_dev;
	count(w, &st);
	if (S_ISDIR(st.st_mode)) {
		w->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = w->fd < 0 ? -errno : walk(w, &st, stop);
		if (w->fd >= 0)
			(void)close(w->fd);
		free(w->levels);
	}
	usage->bytes += (int64_t)(w->blocks * BLOCK);
	usage->inodes += (int64_t)(w->inodes + 0.5);
	return r == -ENOENT ? 0 : r;
}
