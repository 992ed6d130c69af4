/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/mounts.h"
#include "pod/report.h"

enum {
	NAMES_SIZE = 4096, /* what mount(2) takes */
	VALUE_SIZE = 256,  /* what an fsconfig value takes */
	FEW = 60,          /* layers whose names ("999:") still fit that */
};

/* The overlay's directories, by names relative to the working directory. */
struct names {
	char lower[NAMES_SIZE];
	char upper[VALUE_SIZE], work[VALUE_SIZE];
};

static unsigned attributes(const struct rootfs_config *c)
{
	return c->security->flags & SPEC_PRIVILEGED ? 0 : MOUNT_ATTR_NODEV;
}

static int add_lower(const struct rootfs_config *c, struct names *n, int number)
{
	size_t len = strlen(n->lower), room = sizeof(n->lower) - len;

	if ((size_t)snprintf(n->lower + len, room, len ? ":%d" : "%d", number) >= room)
		return report_fail_text(c->report, -E2BIG, "too many layers");
	return 0;
}

static int open_directory(const struct rootfs_config *c, const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? report_fail(c->report, -errno, "open %s", path) : fd;
}

/* Opens the directories and names them by descriptor: short, whatever their paths hold, in one page. */
static int name_by_descriptor(const struct rootfs_config *c, struct names *n)
{
	struct spec_item item;
	int fd, r;

	for (size_t at = 0; spec_next(c->spec, at, SPEC_LAYER, &item); at = item.next) {
		fd = open_directory(c, (const char *)item.data);
		r = fd < 0 ? fd : add_lower(c, n, fd);
		if (r < 0)
			return r;
	}
	fd = open_directory(c, spec_string(c->spec, SPEC_UPPER, ""));
	if (fd < 0)
		return fd;
	(void)snprintf(n->upper, sizeof(n->upper), "%d", fd);
	fd = open_directory(c, spec_string(c->spec, SPEC_WORK, ""));
	if (fd < 0)
		return fd;
	(void)snprintf(n->work, sizeof(n->work), "%d", fd);
	return chdir("/proc/self/fd") < 0 ? report_fail(c->report, -errno, "open /proc/self/fd") : 0;
}

/* ---- layers whose IDs are mapped ---- */

/* A detached mount of a layer with its IDs mapped. */
static int map_layer(const struct rootfs_config *c, const char *path)
{
	_cleanup_close_ int fd = mounts_clone(AT_FDCWD, path, false);
	int r = fd < 0 ? fd : mounts_map_ids(fd, c->users->fd, false);

	if (r == -EINVAL)
		return report_fail_text(c->report, r, "layer %s: its file system does not allow mounts that map IDs, and the pod "
					"is in a user namespace of its own", path);
	return r < 0 ? report_fail(c->report, r, "open layer %s", path) : steal_fd(&fd);
}

/* A detached mount of the directory that holds those for changes and for work, which overlayfs wants on one mount. */
static int open_changes(const struct rootfs_config *c, struct names *n)
{
	const char *upper = spec_string(c->spec, SPEC_UPPER, ""), *work = spec_string(c->spec, SPEC_WORK, "");
	uint32_t root = userns_host_id(c->users, 0);
	_cleanup_close_ int dir = -1;
	char parent[PATH_MAX];
	size_t len = 0;
	int fd;

	for (size_t i = 0; upper[i] != '\0' && upper[i] == work[i]; i++)
		if (upper[i] == '/')
			len = i + 1;
	if (len == 0 || snprintf(parent, sizeof(parent), "%.*s", (int)len, upper) >= (int)sizeof(parent) ||
	    snprintf(n->upper, sizeof(n->upper), "c/%s", upper + len) >= (int)sizeof(n->upper) ||
	    snprintf(n->work, sizeof(n->work), "c/%s", work + len) >= (int)sizeof(n->work))
		return report_fail(c->report, -ENAMETOOLONG, "open %s and %s", upper, work);
	/* The root directory is the container's own, as in the image. */
	dir = open_directory(c, upper);
	if (dir < 0)
		return dir;
	if (fchownat(dir, "", root, root, AT_EMPTY_PATH) < 0)
		return report_fail(c->report, -errno, "chown %s", upper);
	fd = mounts_clone(AT_FDCWD, parent, false);
	return fd < 0 ? report_fail(c->report, fd, "open %s", parent) : fd;
}

static int attach(const struct rootfs_config *c, int fd, int dir, const char *name)
{
	if (mkdirat(dir, name, 0700) < 0 || move_mount(fd, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return report_fail(c->report, -errno, "mount a layer");
	return close(fd) < 0 ? -errno : 0;
}

/*
 * Overlayfs takes only what is mounted where its caller is (before Linux 6.15): a copy of the pod's mount namespace,
 * which this process soon leaves, is the place. It begins with the directory for changes, then the layers from the top.
 */
static int name_by_mount(const struct rootfs_config *c, struct names *n)
{
	_cleanup_close_ int dir = -1;
	int fds[1 + NAMES_SIZE / 2], count = 0, r = 0;
	struct spec_item item;

	fds[count++] = open_changes(c, n);
	if (fds[0] < 0)
		return fds[0];
	for (size_t at = 0; spec_next(c->spec, at, SPEC_LAYER, &item); at = item.next) {
		if (count == (int)ARRAY_SIZE(fds))
			return report_fail_text(c->report, -E2BIG, "too many layers");
		fds[count] = map_layer(c, (const char *)item.data);
		if (fds[count++] < 0)
			return fds[count - 1];
	}
	if (setns(c->podns, CLONE_NEWNS) < 0 || unshare(CLONE_NEWNS) < 0)
		return report_fail(c->report, -errno, "enter the pod's mount namespace");
	dir = mounts_new("tmpfs", "mode=700", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (dir < 0)
		return report_fail(c->report, dir, "mount tmpfs");
	if (move_mount(dir, "", AT_FDCWD, "/vol", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return report_fail(c->report, -errno, "mount tmpfs");
	r = attach(c, fds[0], dir, "c");
	for (int i = 1; r == 0 && i < count; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%d", i);
		r = attach(c, fds[i], dir, name);
		if (r == 0)
			r = add_lower(c, n, i);
	}
	if (r < 0)
		return r;
	return fchdir(dir) < 0 ? report_fail(c->report, -errno, "open the layers") : 0;
}

/* ---- the overlay ---- */

/* fsconfig takes 255 bytes a value; mount(2) takes a page, but needs a place, in a namespace that is left at once. */
static int overlay_by_mount(const struct rootfs_config *c, const struct names *n, const char *place)
{
	char data[NAMES_SIZE];
	int fd, len;

	len = snprintf(data, sizeof(data), "lowerdir=%s,upperdir=%s,workdir=%s%s", n->lower, n->upper, n->work,
		       c->security->flags & SPEC_VOLATILE ? ",volatile" : "");
	if (len < 0 || (size_t)len >= sizeof(data))
		return report_fail_text(c->report, -E2BIG, "too many layers");
	if (mount("overlay", place, "overlay", MS_NODEV, data) < 0)
		return report_fail(c->report, -errno, "mount overlay");
	fd = mounts_clone(AT_FDCWD, place, false);
	if (fd < 0)
		return report_fail(c->report, fd, "mount overlay");
	return fd;
}

static int open_overlay(const struct rootfs_config *c)
{
	bool many = spec_count(c->spec, SPEC_LAYER) > FEW, mapped = c->users->fd >= 0;
	struct names n = { 0 };
	int fd, r;

	if (many && !mapped && (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
		return report_fail(c->report, -errno, "unshare mounts");
	r = mapped ? name_by_mount(c, &n) : name_by_descriptor(c, &n);
	if (r < 0)
		return r;
	if (many)
		return overlay_by_mount(c, &n, mapped ? "/shm" : c->dir);
	fd = mounts_overlay(n.lower, n.upper, n.work, c->security->flags & SPEC_VOLATILE, attributes(c));
	if (fd < 0)
		return report_fail(c->report, fd, "mount overlay");
	return fd;
}

int layers_open(const struct rootfs_config *c)
{
	const char *layer = spec_string(c->spec, SPEC_LAYER, NULL);
	int fd, r;

	if (!layer)
		return report_fail_text(c->report, -EINVAL, "no root file system");
	if (spec_string(c->spec, SPEC_UPPER, NULL))
		return open_overlay(c);
	if (spec_count(c->spec, SPEC_LAYER) != 1)
		return report_fail_text(c->report, -EINVAL, "several layers need a directory for changes");
	fd = c->users->fd >= 0 ? map_layer(c, layer) : mounts_clone(AT_FDCWD, layer, false);
	if (fd < 0)
		return c->users->fd >= 0 ? fd : report_fail(c->report, fd, "open %s", layer);
	r = mounts_set(fd, attributes(c), false, MS_PRIVATE);
	if (r < 0)
		return report_fail(c->report, r, "mount %s", layer);
	return fd;
}
