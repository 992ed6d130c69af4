/* SPDX-License-Identifier: Apache-2.0 */
/* Where a copy goes, by cp's rules. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/receive.h"

static int open_root(struct receiver *r, const char *dir)
{
	(void)snprintf(r->base, sizeof(r->base), "%s", dir);
	r->root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return r->root < 0 ? copy_fail(r->c, dir, "", -errno) : 0;
}

/* It becomes `path`, which is no directory by now. */
static int open_parent_of(struct receiver *r, const char *path)
{
	char dir[PATH_MAX];
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	r->wants_dir = path[end] == '/';
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	if (end - start > NAME_MAX)
		return copy_fail(r->c, path, "", -ENAMETOOLONG);
	(void)snprintf(r->as, sizeof(r->as), "%.*s", (int)(end - start), path + start);
	if (!*r->as || !strcmp(r->as, ".") || !strcmp(r->as, ".."))
		return copy_fail(r->c, path, "", -ENOENT);
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)start, path);
	return open_root(r, *dir ? dir : ".");
}

/* The link goes to a file: that is what is written then. */
static int open_linked(struct receiver *r, const char *path)
{
	_cleanup_free_ char *file = realpath(path, NULL);

	return file ? open_parent_of(r, file) : copy_fail(r->c, path, "", -errno);
}

int receive_open(struct receiver *r, const char *path)
{
	bool contents = r->flags & (COPY_CONTENTS | COPY_INTO), there;
	struct stat st, link;

	if (!*path || strlen(path) >= PATH_MAX)
		return copy_fail(r->c, path, "", *path ? -ENAMETOOLONG : -ENOENT);
	there = stat(path, &st) == 0;
	if (!there && errno != ENOENT)
		return copy_fail(r->c, path, "", -errno);
	if (there && S_ISDIR(st.st_mode)) {
		(void)snprintf(r->as, sizeof(r->as), "%s", r->name);
		return open_root(r, path);
	}
	if (there && contents)
		return copy_fail(r->c, path, "", -ENOTDIR);
	if (!there && r->flags & COPY_INTO)
		return copy_fail(r->c, path, "", -ENOENT);
	if (!there && contents) {
		if (mkdir(path, 0777) < 0)
			return copy_fail(r->c, path, "", -errno);
		r->made_root = true;
		return open_root(r, path);
	}
	if (lstat(path, &link) == 0 && S_ISLNK(link.st_mode)) {
		if (!there)
			return copy_fail(r->c, path, "", -ENOENT);
		if (r->flags & COPY_TRUSTED)
			return open_linked(r, path);
	}
	return open_parent_of(r, path);
}
