/* SPDX-License-Identifier: Apache-2.0 */
#include "base/remove.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Unlinks all it can in a directory. Gives the name of the first directory that is not empty, or "". */
static int empty_directory(int fd, char deeper[static NAME_MAX + 1])
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

int remove_tree(int dirfd, const char *name)
{
	_cleanup_close_ int fd = -1;
	char deeper[NAME_MAX + 1];
	unsigned long depth = 1;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Down by name and up by "..", so that depth costs neither descriptors nor stack. */
	while (depth) {
		int next, r = empty_directory(fd, deeper);

		if (r < 0)
			return r;
		depth += deeper[0] ? 1 : -1UL;
		if (!depth)
			break;
		next = openat(fd, deeper[0] ? deeper : "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close_fdp(&fd);
		fd = next;
	}
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}
