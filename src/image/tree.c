/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/openat2.h"
#include "base/remove.h"

static int open_in_root(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	int fd = openat2_retry(root, *path ? path : ".", &how);

	return fd < 0 ? -errno : fd;
}

void tree_clear(struct tree *t)
{
	close_fdp(&t->parent);
}

void tree_changed(struct tree *t)
{
	t->parent_path[0] = '\0';
}

int tree_open(const struct tree *t, const char *path, int flags)
{
	return open_in_root(t->root, path, flags | O_NOFOLLOW);
}

/* Opens the directory of the first `len` bytes of path, and makes what is missing, one part after the other. */
static int make_directories(int root, const char *path, size_t len)
{
	char part[PATH_MAX];
	_cleanup_close_ int fd = -1;
	size_t end = 0;

	for (;;) {
		int next;

		end += strcspn(path + end, "/");
		if (end > len)
			end = len;
		memcpy(part, path, end);
		part[end] = '\0';
		next = open_in_root(root, part, O_PATH | O_DIRECTORY);
		if (next == -ENOENT) {
			const char *slash = strrchr(part, '/');

			/* A dangling link in this place makes mkdirat() fail with EEXIST. */
			if (mkdirat(fd < 0 ? root : fd, slash ? slash + 1 : part, 0755) < 0)
				return errno == EEXIST ? -ENOTDIR : -errno;
			next = open_in_root(root, part, O_PATH | O_DIRECTORY);
		}
		if (next < 0)
			return next;
		close_fdp(&fd);
		fd = next;
		if (end == len)
			return steal_fd(&fd);
		end++;
	}
}

int tree_parent(struct tree *t, const char *path, int *ret_dirfd, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int fd;

	if (!slash) {
		*ret_dirfd = t->root;
		*ret_name = path;
		return 0;
	}
	if (t->parent < 0 || strncmp(t->parent_path, path, len) != 0 || t->parent_path[len] != '\0') {
		char dir[PATH_MAX];

		tree_changed(t);
		close_fdp(&t->parent);
		if (len >= sizeof(dir))
			return -ENAMETOOLONG;
		memcpy(dir, path, len);
		dir[len] = '\0';
		fd = open_in_root(t->root, dir, O_PATH | O_DIRECTORY);
		if (fd == -ENOENT)
			fd = make_directories(t->root, path, len);
		if (fd < 0)
			return fd;
		t->parent = fd;
		memcpy(t->parent_path, dir, len + 1);
	}
	*ret_dirfd = t->parent;
	*ret_name = slash + 1;
	return 0;
}

int tree_remove(int dirfd, const char *name)
{
	return remove_tree(dirfd, name);
}
