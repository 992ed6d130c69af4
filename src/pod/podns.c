/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/podns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/mounts.h"
#include "pod/sys.h"

const char podns_pids[] = "/pids";

/* OCI runtime specification, "Default Devices". */
const struct podns_device podns_devices[PODNS_DEVICES] = {
	{ "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

/* The devices of the pod's containers. Where the machine forbids to make nodes (podfs inside a container), the host's
 * own are bound instead. */
static int make_devices(int root)
{
	_cleanup_close_ int dev = mounts_new("tmpfs", "mode=755,size=64k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

	if (dev < 0)
		return dev;
	if (mkdirat(root, "dev", 0755) < 0 || move_mount(dev, "", root, "dev", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	for (size_t i = 0; i < (size_t)PODNS_DEVICES; i++) {
		const struct podns_device *d = &podns_devices[i];
		_cleanup_close_ int host = -1;
		char path[32];
		int r;

		if (mknodat(dev, d->name, S_IFCHR | 0666, makedev(d->major, d->minor)) == 0)
			continue;
		if (errno != EPERM)
			return -errno;
		(void)snprintf(path, sizeof(path), "/dev/%s", d->name);
		host = mounts_clone(AT_FDCWD, path, false);
		r = host < 0 ? host : mounts_attach(host, dev, d->name, RESOLVE_NO_SYMLINKS);
		if (r < 0)
			return r;
	}
	return mounts_set(dev, MOUNT_ATTR_RDONLY, false, 0);
}

/* A tmpfs of the pod's root's. */
static int new_tmpfs(const struct userns *users, unsigned mode, unsigned long long size, uint32_t gid, unsigned attr)
{
	char data[128];
	int n = snprintf(data, sizeof(data), "mode=%o,uid=%u,gid=%u", mode & 07777, userns_host_id(users, 0),
			 userns_host_id(users, gid));

	if (size > 0)
		(void)snprintf(data + n, sizeof(data) - (size_t)n, ",size=%llu", size);
	return mounts_new("tmpfs", data, attr);
}

/* The mounts that the kernel wants to see in a mount namespace of a user namespace before it mounts more of the kind:
 * made in the host's, where it does not ask. */
struct visible {
	int proc, sys;
};

static int attach_visible(const struct visible *v, int root)
{
	if (v->proc < 0)
		return 0;
	if (mkdirat(root, "proc", 0700) < 0 || mkdirat(root, "sys", 0700) < 0 ||
	    move_mount(v->proc, "", root, "proc", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
	    move_mount(v->sys, "", root, "sys", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int fill_podns(const struct podns_config *c, const struct userns *users, int root)
{
	struct spec_item item;
	_cleanup_close_ int shm = -1;
	int r = make_devices(root);

	if (r < 0)
		return r;
	if (mkdirat(root, "root", 0755) < 0 || mkdirat(root, "shm", 0755) < 0 || mkdirat(root, "vol", 0755) < 0)
		return -errno;
	if (c->share_pids && mkdirat(root, podns_pids + 1, 0700) < 0)
		return -errno;
	shm = new_tmpfs(users, 01777, c->shm_size, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (shm < 0)
		return shm;
	if (move_mount(shm, "", root, "shm", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	for (size_t at = 0; spec_next(c->spec, at, SPEC_TMPFS, &item); at = item.next) {
		struct spec_tmpfs t;
		const char *name = spec_item_string(&item, sizeof(t), 0);
		char path[NAME_MAX + 8];
		_cleanup_close_ int fd = -1;
		int n;

		memcpy(&t, item.data, sizeof(t));
		n = snprintf(path, sizeof(path), "vol/%s", name);
		if (n < 0 || n >= (int)sizeof(path) || *name == '\0' || *name == '.' || strchr(name, '/'))
			return -EINVAL;
		if (mkdirat(root, path, 0755) < 0)
			return -errno;
		fd = new_tmpfs(users, t.mode, t.size, t.gid, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
		if (fd < 0)
			return fd;
		if (move_mount(fd, "", root, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return -errno;
	}
	return 0;
}

/* Called in a copy of the host's namespace: replaces all of it by a small tmpfs. */
static int empty_namespace(const struct podns_config *c, const struct userns *users, const struct visible *visible)
{
	_cleanup_close_ int root = -1;
	int r;

	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	root = mounts_new("tmpfs", "mode=755,size=256k", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (root < 0)
		return root;
	/* /proc is where a machine surely has a directory that may be covered. */
	if (move_mount(root, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	r = fill_podns(c, users, root);
	if (r == 0)
		r = attach_visible(visible, root);
	if (r < 0)
		return r;
	if (fchdir(root) < 0 || sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return -errno;
	return mounts_set(root, MOUNT_ATTR_RDONLY, false, 0);
}

int podns_make(const struct podns_config *c, struct userns *users, int *ret_podns)
{
	/* Kept open, since there is no /proc in the new namespace to look into. */
	_cleanup_close_ int ns = open("/proc/self/ns", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int host = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int made = -1, proc = -1, sys = -1;
	int r;

	if (ns < 0 || host < 0)
		return -errno;
	if (users->fd >= 0) {
		proc = mounts_new("proc", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
		sys = mounts_new("sysfs", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
		if (proc < 0 || sys < 0)
			return proc < 0 ? proc : sys;
		made = steal_fd(&users->mnt);
	}
	if (made >= 0 ? setns(made, CLONE_NEWNS) < 0 : unshare(CLONE_NEWNS) < 0)
		return -errno;
	r = empty_namespace(c, users, &(struct visible){ proc, sys });
	if (r == 0 && made < 0) {
		made = openat(ns, "mnt", O_RDONLY | O_CLOEXEC);
		if (made < 0)
			r = -errno;
	}
	if (setns(host, CLONE_NEWNS) < 0)
		return -errno;
	if (r < 0)
		return r;
	*ret_podns = steal_fd(&made);
	return 0;
}

int podns_mount_pids(int podns)
{
	static const char *const shown[] = { podns_pids, "/proc", "/sys" };
	_cleanup_close_ int proc = -1;

	if (setns(podns, CLONE_NEWNS) < 0)
		return -errno;
	proc = mounts_new("proc", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (proc < 0)
		return proc;
	if (move_mount(proc, "", AT_FDCWD, podns_pids, MOVE_MOUNT_F_EMPTY_PATH) < 0 || unshare(CLONE_NEWNS) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		if (umount2(shown[i], MNT_DETACH) < 0 && errno != ENOENT)
			return -errno;
	return 0;
}
