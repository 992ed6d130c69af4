/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/cgroupfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/mounts.h"
#include "pod/sys.h"

void cgroupfs_controllers(char list[static CGROUPFS_LIST_SIZE])
{
	_cleanup_close_ int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	char text[8192];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	size_t len = 0;

	list[0] = '\0';
	if (n <= 0)
		return;
	text[n] = '\0';
	/* Lines of "ID:CONTROLLERS:PATH"; v2 has no controllers there, named hierarchies a '='. */
	for (char *line = text, *nl; (nl = strchr(line, '\n')); line = nl + 1) {
		char *names = strchr(line, ':'), *path;
		size_t size;

		*nl = '\0';
		path = names ? strchr(names + 1, ':') : NULL;
		if (!path || strcmp(path, ":/") == 0)
			continue;
		names++;
		size = (size_t)(path - names);
		if (size == 0 || memchr(names, '=', size) || len + size + 2 > CGROUPFS_LIST_SIZE)
			continue;
		memcpy(list + len, names, size);
		len += size;
		list[len++] = '\n';
		list[len] = '\0';
	}
}

/* "cpu,cpuacct" is found as cpu and as cpuacct, too. */
static int link_names(int dir, const char *names)
{
	char name[CGROUPFS_LIST_SIZE];

	for (const char *at = names; strchr(names, ',') && *at != '\0';) {
		size_t len = strcspn(at, ",");

		memcpy(name, at, len);
		name[len] = '\0';
		if (symlinkat(names, dir, name) < 0)
			return -errno;
		at += len + (at[len] == ',');
	}
	return 0;
}

static int attach_one(int dir, const char *names, unsigned attr)
{
	_cleanup_close_ int fd = mounts_new("cgroup", names, attr);

	if (fd < 0)
		return fd;
	if (mkdirat(dir, names, 0555) < 0 || move_mount(fd, "", dir, names, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return link_names(dir, names);
}

int cgroupfs_attach(int root, const char *list, unsigned attr)
{
	_cleanup_close_ int dir = mounts_new("tmpfs", "mode=755,size=64k", attr & ~(unsigned)MOUNT_ATTR_RDONLY);
	int r;

	if (dir < 0)
		return dir;
	r = mounts_attach(dir, root, "/sys/fs/cgroup", RESOLVE_NO_SYMLINKS);
	while (r == 0 && *list != '\0') {
		char names[CGROUPFS_LIST_SIZE];
		size_t len = strcspn(list, "\n");

		if (len >= sizeof(names))
			return -E2BIG;
		memcpy(names, list, len);
		names[len] = '\0';
		r = attach_one(dir, names, attr);
		list += len + (list[len] == '\n');
	}
	return r < 0 ? r : mounts_set(dir, MOUNT_ATTR_RDONLY, false, 0);
}
