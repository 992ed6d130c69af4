/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/sys.h"

enum { LINKS_MAX = 16 }; /* dangling symlinks followed while directories are made */
enum { DIR_MODE = 0755 };

static int set_option(int fs, const char *option, size_t len)
{
	char text[256 + 256];
	char *value;
	int r;

	if (len >= sizeof(text))
		return -E2BIG;
	memcpy(text, option, len);
	text[len] = '\0';
	value = strchr(text, '=');
	if (value)
		*value++ = '\0';
	r = fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, text, value, 0);
	return r < 0 ? -errno : 0;
}

static int create(int fs, unsigned attr)
{
	int fd;

	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, attr);
	return fd < 0 ? -errno : fd;
}

int mounts_new(const char *type, const char *data, unsigned attr)
{
	_cleanup_close_ int fs = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0) < 0)
		return -errno;
	while (*data != '\0') {
		size_t len = strcspn(data, ",");
		int r = set_option(fs, data, len);

		if (r < 0)
			return r;
		data += len + (data[len] == ',');
	}
	return create(fs, attr);
}

int mounts_overlay(const char *lower, const char *upper, const char *work, bool skip_sync, unsigned attr)
{
	_cleanup_close_ int fs = fsopen("overlay", FSOPEN_CLOEXEC);

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", "overlay", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", lower, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", upper, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "workdir", work, 0) < 0)
		return -errno;
	if (skip_sync && fsconfig(fs, FSCONFIG_SET_FLAG, "volatile", NULL, 0) < 0)
		return -errno;
	return create(fs, attr);
}

int mounts_clone(int dirfd, const char *path, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path == '\0' ? AT_EMPTY_PATH : 0) |
			 (recursive ? AT_RECURSIVE : 0);
	int fd = open_tree(dirfd, path, flags);

	return fd < 0 ? -errno : fd;
}

int mounts_set(int fd, unsigned attr, bool recursive, unsigned propagation)
{
	struct mount_attr a = { .attr_set = attr, .propagation = propagation };

	if (attr == 0 && propagation == 0)
		return 0;
	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a, sizeof(a)) < 0)
		return -errno;
	return 0;
}

int mounts_map_ids(int fd, int userns, bool recursive)
{
	struct mount_attr a = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };

	if (mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &a, sizeof(a)) < 0)
		return -errno;
	return 0;
}

static int find(int root, const char *path, uint64_t flags, uint64_t resolve)
{
	int fd = sys_openat2(root, *path ? path : ".", O_PATH | O_CLOEXEC | flags, 0,
			     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);

	return fd < 0 ? -errno : fd;
}

int mounts_find(int root, const char *path)
{
	return find(root, path, 0, 0);
}

static int mkdirs(int root, const char *path, uint64_t resolve, mode_t mode, unsigned links);

/* `prefix` does not resolve although something of its name may be there: makes it, or what a dangling link means. */
static int make_component(int root, int parent, const char *prefix, size_t dir_len, const char *name, uint64_t resolve,
			  mode_t mode, unsigned links)
{
	char to[PATH_MAX], full[2 * PATH_MAX + 2];
	ssize_t n;
	int len;

	if (mkdirat(parent, name, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (resolve & RESOLVE_NO_SYMLINKS)
		return -ELOOP;
	n = readlinkat(parent, name, to, sizeof(to) - 1);
	if (n < 0)
		return errno == EINVAL ? 0 : -errno; /* somebody else made it meanwhile */
	to[n] = '\0';
	if (links == 0)
		return -ELOOP;
	len = snprintf(full, sizeof(full), "%.*s/%s", to[0] == '/' ? 0 : (int)dir_len, prefix, to);
	if (len < 0 || len >= PATH_MAX)
		return -ENAMETOOLONG;
	return mkdirs(root, full, resolve, mode, links - 1);
}

static int mkdirs(int root, const char *path, uint64_t resolve, mode_t mode, unsigned links)
{
	_cleanup_close_ int at = find(root, ".", O_DIRECTORY, 0);
	char prefix[PATH_MAX] = "";
	size_t len = 0;

	if (at < 0)
		return at;
	for (;;) {
		size_t dir_len = len, n;
		int next;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 0)
			return 0;
		if (n > NAME_MAX || len + n + 2 > sizeof(prefix))
			return -ENAMETOOLONG;
		prefix[len++] = '/';
		memcpy(prefix + len, path, n);
		len += n;
		prefix[len] = '\0';
		next = find(root, prefix, O_DIRECTORY, resolve);
		if (next == -ENOENT) {
			int r = make_component(root, at, prefix, dir_len, prefix + dir_len + 1, resolve, mode, links);

			if (r < 0)
				return r;
			next = find(root, prefix, O_DIRECTORY, resolve);
		}
		if (next < 0)
			return next;
		close_fdp(&at);
		at = next;
		path += n;
	}
}

int mounts_mkdirs(int root, const char *path, mode_t mode)
{
	return mkdirs(root, path, 0, mode, LINKS_MAX);
}

/* Makes the empty file that a file is mounted on. */
static int make_file(int root, const char *path, uint64_t resolve)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int fd, r;

	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, len);
	dir[len] = '\0';
	r = mkdirs(root, dir, resolve, DIR_MODE, LINKS_MAX);
	if (r < 0)
		return r;
	fd = sys_openat2(root, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644,
			 RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
	if (fd < 0)
		return -errno;
	return close(fd) < 0 ? -errno : 0;
}

int mounts_attach(int fd, int root, const char *target, uint64_t resolve)
{
	_cleanup_close_ int at = -1;
	struct stat st;
	bool dir;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	dir = S_ISDIR(st.st_mode);
	at = find(root, target, dir ? O_DIRECTORY : 0, resolve);
	if (at == -ENOENT) {
		r = dir ? mkdirs(root, target, resolve, DIR_MODE, LINKS_MAX) : make_file(root, target, resolve);
		if (r < 0)
			return r;
		at = find(root, target, dir ? O_DIRECTORY : 0, resolve);
	}
	if (at < 0)
		return at;
	if (move_mount(fd, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}
