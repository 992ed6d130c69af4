/* SPDX-License-Identifier: Apache-2.0 */
#include "base/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { REMOVE_TRIES = 100 }; /* from the top, while somebody moves things about */

/* Unlinks all it can in a directory. Gives the name of the first directory that is not empty, or "". */
static int empty_directory(int fd, const atomic_bool *stop, char deeper[static NAME_MAX + 1])
{
	_cleanup_close_ int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;

	deeper[0] = '\0';
	if (copy < 0)
		return -errno;
	dir = fdopendir(copy);
	if (!dir)
		return -errno;
	(void)steal_fd(&copy);
	while (errno = 0, (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (stop && atomic_load(stop))
			return -ECANCELED;
		if (unlinkat(fd, e->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
		if (unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -errno;
		memcpy(deeper, e->d_name, strlen(e->d_name) + 1);
		return 0;
	}
	return -errno;
}

/* A directory on the way down, as it was met. */
struct level {
	uint64_t mount, inode;
	uint32_t major, minor;
};

struct way {
	struct level *levels; /* owned */
	size_t n, cap;
	const atomic_bool *stop; /* NULL: it goes on until the end */
};

static void clear_way(struct way *w)
{
	free(w->levels);
}

static int look(int fd, struct level *ret)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &st) < 0)
		return -errno;
	*ret = (struct level){ .mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0, .inode = st.stx_ino,
			       .major = st.stx_dev_major, .minor = st.stx_dev_minor };
	return 0;
}

static bool is_same(const struct level *a, const struct level *b)
{
	return a->mount == b->mount && a->inode == b->inode && a->major == b->major && a->minor == b->minor;
}

/* -EBUSY: something else is mounted there. */
static int descend(struct way *w, int fd)
{
	struct level at;
	int r = look(fd, &at);

	if (r < 0)
		return r;
	if (w->n && w->levels[0].mount != at.mount)
		return -EBUSY;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 16;
		struct level *bigger = reallocarray(w->levels, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		w->levels = bigger;
		w->cap = cap;
	}
	w->levels[w->n++] = at;
	return 0;
}

/* The directory above the last, which must be the one that led there; -ESTALE when it is not, as somebody moves things. */
static int ascend(struct way *w, int fd)
{
	_cleanup_close_ int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct level at;
	int r;

	if (up < 0)
		return -errno;
	r = look(up, &at);
	if (r < 0)
		return r;
	if (!is_same(&at, &w->levels[--w->n - 1]))
		return -ESTALE;
	return steal_fd(&up);
}

/* Once from the top. */
static int remove_content(int dirfd, const char *name, struct way *w)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char deeper[NAME_MAX + 1];
	int r;

	if (fd < 0)
		return -errno;
	w->n = 0;
	r = descend(w, fd);
	/* Down by name and up by "..", so that depth costs no descriptors and no stack. */
	while (r == 0) {
		int next;

		r = empty_directory(fd, w->stop, deeper);
		if (r < 0 || (!deeper[0] && w->n == 1))
			break;
		next = deeper[0] ? openat(fd, deeper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : ascend(w, fd);
		if (next < 0)
			return !deeper[0] ? next : errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? -ESTALE : -errno;
		close_fdp(&fd);
		fd = next;
		if (deeper[0])
			r = descend(w, fd);
	}
	return r;
}

int remove_tree(int dirfd, const char *name)
{
	return remove_tree_until(dirfd, name, NULL);
}

int remove_tree_until(int dirfd, const char *name, const atomic_bool *stop)
{
	_cleanup_(clear_way) struct way w = { .stop = stop };
	int r = -ESTALE;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	for (int i = 0; r == -ESTALE && i < REMOVE_TRIES; i++) {
		r = remove_content(dirfd, name, &w);
		if (r == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = errno == ENOTEMPTY || errno == EEXIST ? -ESTALE : -errno;
	}
	return r == -ESTALE ? -EBUSY : r;
}
