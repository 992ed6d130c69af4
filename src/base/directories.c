/* SPDX-License-Identifier: Apache-2.0 */
#include "base/directories.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static int make_one(const char *path, mode_t mode)
{
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int directories_make(const char *path, mode_t above, mode_t mode)
{
	_cleanup_free_ char *copy = NULL;
	int r = make_one(path, mode);

	if (r != -ENOENT || !*path)
		return r;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = make_one(copy, above);
		if (r < 0)
			return r;
		*p = '/';
	}
	return make_one(path, mode);
}
