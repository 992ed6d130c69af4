/* SPDX-License-Identifier: Apache-2.0 */
#include "node/volume_images.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "node/runenv.h"

static char *file_path(const char *pod_dir, const char *container)
{
	char *path;

	return asprintf(&path, "%s/containers/%s/volumes.images", pod_dir, container) < 0 ? NULL : path;
}

int volume_images_note(const char *pod_dir, const char *container, const char *const *digests, size_t n)
{
	_cleanup_free_ char *path = file_path(pod_dir, container);

	return path ? runenv_write(path, digests, n) : -ENOMEM;
}

static int each_of(const char *pod_dir, const char *container, int (*each)(void *arg, const char *digest), void *arg)
{
	_cleanup_free_ char *path = file_path(pod_dir, container);
	_cleanup_arena_ struct arena *a = arena_new(0);
	const char *const *digests = NULL;
	size_t n = 0;
	int r = path && a ? runenv_read(a, path, &digests, &n) : -ENOMEM;

	if (r == -ENOENT)
		return 0;
	for (size_t i = 0; i < n && r == 0; i++)
		r = each(arg, digests[i]);
	return r;
}

int volume_images_each(const char *pod_dir, int (*each)(void *arg, const char *digest), void *arg)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_free_ char *path = NULL;
	struct dirent *d;
	int r = 0;

	if (asprintf(&path, "%s/containers", pod_dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	for (errno = 0; r == 0 && (d = readdir(dir)); errno = 0)
		if (d->d_name[0] != '.')
			r = each_of(pod_dir, d->d_name, each, arg);
	return r ? r : -errno;
}
