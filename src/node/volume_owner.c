/* SPDX-License-Identifier: Apache-2.0 */
#include "node/volume_owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static mode_t wanted_mode(const struct stat *st)
{
	return (st->st_mode & 07777) | (S_ISDIR(st->st_mode) ? 02770 : 0660);
}

/* chmod(2) of what an O_PATH descriptor stands for. */
static int set_mode(int fd, mode_t mode)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode) < 0 ? -errno : 0;
}

static int set_one(int fd, const struct stat *st, gid_t group)
{
	if (st->st_gid != group && fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH) < 0)
		return -errno;
	/* A link has no mode of its own; chown(2) takes set-user-ID away from a file, which a volume should not have anyhow. */
	return S_ISLNK(st->st_mode) || (st->st_mode & 07777) == wanted_mode(st) ? 0 : set_mode(fd, wanted_mode(st));
}

/* What is to be done, and how far down. */
struct task {
	gid_t group;
	const atomic_bool *stop;
};

static int set_below(int fd, const struct task *t, unsigned depth);

static int set_entry(int dir, const char *name, const struct task *t, unsigned depth)
{
	_cleanup_close_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (atomic_load(t->stop))
		return -ECANCELED;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	r = set_one(fd, &st, t->group);
	return r < 0 || !S_ISDIR(st.st_mode) || !depth ? r : set_below(fd, t, depth - 1);
}

/* What is in a directory. */
static int set_below(int fd, const struct task *t, unsigned depth)
{
	_cleanup_close_ int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;
	int r = dir ? 0 : -errno;

	if (!dir)
		return r;
	(void)steal_fd(&copy);
	while (r == 0 && (errno = 0, d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = set_entry(dirfd(dir), d->d_name, t, depth);
	return r;
}

static bool is_done(const struct stat *st, gid_t group)
{
	return st->st_gid == group && (st->st_mode & 07777) == wanted_mode(st);
}

int volume_owner_check(const char *path, gid_t group)
{
	struct stat st;

	return stat(path, &st) < 0 ? -errno : is_done(&st, group);
}

int volume_owner_set(const char *path, gid_t group, const atomic_bool *stop)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (is_done(&st, group))
		return 0;
	r = set_below(fd, &(struct task){ group, stop }, VOLUME_OWNER_DEPTH);
	return r < 0 ? r : set_one(fd, &st, group); /* last: it says that all is done */
}
