/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/rootfs.h"

#include <dirent.h>
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
#include "pod/cgroupfs.h"
#include "pod/layers.h"
#include "pod/mounts.h"
#include "pod/podns.h"
#include "pod/report.h"
#include "pod/sys.h"
#include "pod/target.h"
#include "pod/volume.h"

enum { MOUNTS_MAX = 512 };

struct rootfs {
	const struct rootfs_config *c;
	int root;
	int proc; /* with c->target: a detached mount */
	int dev; /* the container's /dev, from which a null device is taken to hide files */
	int tree[MOUNTS_MAX]; /* detached mounts of the binds, in the order of the spec; -1: none */
	int n_tree;
	char controllers[CGROUPFS_LIST_SIZE]; /* of cgroup v1 */
	bool bind_device[PODNS_DEVICES]; /* which of the devices are bound from the pod's */
};

static const char pod_root[] = "/root";

static const struct link {
	const char *name, *to;
} dev_links[] = {
	{ "fd", "/proc/self/fd" },	 { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" }, { "ptmx", "pts/ptmx" },	 { "core", "/proc/kcore" },
};

/* What every container finds mounted, in order; the set and options of the OCI runtime defaults. */
static const struct fixed {
	const char *target, *type, *data;
	unsigned attr;
	bool optional; /* the kernel may lack it */
} fixed_mounts[] = {
	{ "/proc", "proc", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, false },
	{ "/dev", "dev", "", 0, false },
	{ "/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	  false },
	{ "/dev/shm", "pod", "/shm", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, false },
	{ "/dev/mqueue", "mqueue", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, true },
	{ "/sys", "sysfs", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY, false },
	{ "/sys/fs/cgroup", "cgroup2", "",
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY, true },
};

static struct rootfs rootfs; /* a process builds one */

static bool privileged(const struct rootfs *b)
{
	return b->c->security->flags & SPEC_PRIVILEGED;
}

/* ---- while still in the host's namespace ---- */

/* A file system below the source that cannot map IDs is left as it is: its owners are nobody there. */
static int map_ids(const struct rootfs *b, int fd, bool recursive, const char *target)
{
	int r = mounts_map_ids(fd, b->c->users->fd, recursive);

	if (r < 0 && recursive)
		r = mounts_map_ids(fd, b->c->users->fd, false);
	if (r == -EINVAL)
		return report_fail_text(b->c->report, r, "mount %s: the file system of its source does not allow mounts that map "
					"IDs, and the pod is in a user namespace of its own", target);
	if (r == -EPERM)
		return report_fail_text(b->c->report, r, "mount %s: its source is a mount that maps IDs already, and the pod is in "
					"a user namespace of its own", target);
	return r < 0 ? report_fail(b->c->report, r, "mount %s: map IDs", target) : 0;
}

static int open_sources(struct rootfs *b)
{
	struct spec_item item;

	for (size_t at = 0; spec_next(b->c->spec, at, SPEC_MOUNT, &item); at = item.next) {
		struct spec_mount m;
		const char *source = spec_item_string(&item, sizeof(m), 0);
		const char *target = spec_item_string(&item, sizeof(m), 1);
		int fd = -1;

		memcpy(&m, item.data, sizeof(m));
		if (b->n_tree == MOUNTS_MAX)
			return report_fail_text(b->c->report, -E2BIG, "more than %d mounts", MOUNTS_MAX);
		if (strcmp(spec_item_string(&item, sizeof(m), 2), "bind") == 0) {
			int from = AT_FDCWD;

			if (m.source_fd >= 0) {
				if ((size_t)m.source_fd >= b->c->n_sources)
					return report_fail(b->c->report, -EBADF, "mount %s: source", target);
				from = b->c->sources[m.source_fd];
				source = "";
			}
			fd = mounts_clone(from, source, m.flags & SPEC_MOUNT_RECURSIVE);
			if (fd < 0)
				return report_fail(b->c->report, fd, "mount %s: open %s", target, source);
			if (b->c->users->fd >= 0) {
				int r = map_ids(b, fd, m.flags & SPEC_MOUNT_RECURSIVE, target);

				if (r < 0)
					return r;
			}
		}
		if (strcmp(spec_item_string(&item, sizeof(m), 2), "image") == 0) {
			fd = volume_open(b->c, &item, source);
			if (fd < 0)
				return fd;
		}
		b->tree[b->n_tree++] = fd;
	}
	return 0;
}

/* Copies the host's device nodes, as container runtimes do for privileged containers. */
static int copy_devices(int from, int to, unsigned depth)
{
	static const char *const not_these[] = { ".", "..", "pts", "shm", "fd", "mqueue", "console", "ptmx" };
	_cleanup_closedir_ DIR *d = fdopendir(from);
	struct dirent *e;

	if (!d) {
		int r = -errno;

		(void)close(from); /* ignoring: opened for reading */
		return r;
	}
	while ((e = readdir(d))) {
		struct stat st;
		bool skip = false;

		for (size_t i = 0; i < ARRAY_SIZE(not_these); i++)
			skip |= strcmp(e->d_name, not_these[i]) == 0;
		if (skip || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < 4) {
			int below = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			_cleanup_close_ int made = -1;

			if (below < 0)
				continue;
			(void)mkdirat(to, e->d_name, 0755); /* ignoring: the open tells */
			made = openat(to, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (made < 0)
				(void)close(below); /* ignoring: opened for reading */
			else
				(void)copy_devices(below, made, depth + 1); /* ignoring: as far as it goes */
		} else if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) &&
			   mknodat(to, e->d_name, st.st_mode, st.st_rdev) == 0) {
			/* ignoring: a node with other rights is better than none */
			(void)fchownat(to, e->d_name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
			(void)fchmodat(to, e->d_name, st.st_mode & 07777, 0);
		}
	}
	return 0;
}

/* Binds the pod's device nodes over the empty files that were made for them. */
static int attach_devices(struct rootfs *b)
{
	for (size_t i = 0; i < (size_t)PODNS_DEVICES; i++) {
		_cleanup_close_ int fd = -1;
		char path[32];
		int r;

		if (!b->bind_device[i])
			continue;
		(void)snprintf(path, sizeof(path), "/dev/%s", podns_devices[i].name);
		fd = mounts_clone(AT_FDCWD, path, false);
		r = fd < 0 ? fd : mounts_attach(fd, b->dev, podns_devices[i].name, RESOLVE_NO_SYMLINKS);
		if (r < 0)
			return report_fail(b->c->report, r, "mount %s", path);
	}
	return 0;
}

/*
 * A fresh /dev, filled while it is still detached: nothing of the image has a part in it. Only the privileged may open
 * device nodes of their own making: for all others every mount that can be written is nodev, and the few devices that
 * they may use are bound from the pod's namespace.
 */
static int make_dev(struct rootfs *b)
{
	unsigned attr = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | (privileged(b) ? 0 : MOUNT_ATTR_NODEV);
	_cleanup_close_ int fd = mounts_new("tmpfs", "mode=755,size=65536k", attr);

	if (fd < 0)
		return report_fail(b->c->report, fd, "mount /dev");
	if (privileged(b) && b->c->users->fd < 0) {
		int host = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (host >= 0)
			(void)copy_devices(host, fd, 0); /* ignoring: as far as it goes */
	}
	for (size_t i = 0; i < (size_t)PODNS_DEVICES; i++) {
		_cleanup_close_ int file = openat(fd, podns_devices[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

		if (file < 0 && errno != EEXIST)
			return report_fail(b->c->report, -errno, "make /dev/%s", podns_devices[i].name);
		b->bind_device[i] = file >= 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++)
		if (symlinkat(dev_links[i].to, fd, dev_links[i].name) < 0)
			return report_fail(b->c->report, -errno, "make /dev/%s", dev_links[i].name);
	if (mkdirat(fd, "pts", 0755) < 0 || mkdirat(fd, "shm", 0755) < 0 || mkdirat(fd, "mqueue", 0755) < 0)
		return report_fail(b->c->report, -errno, "make directories of /dev");
	return steal_fd(&fd);
}

/* ---- in the container's own namespace ---- */

static int enter(struct rootfs *b)
{
	int flags = CLONE_NEWNS | (b->c->cgroup_ns ? CLONE_NEWCGROUP : 0);

	if (setns(b->c->podns, CLONE_NEWNS) < 0)
		return report_fail(b->c->report, -errno, "enter the pod's mount namespace");
	if (unshare(flags) < 0)
		return report_fail(b->c->report, -errno, "unshare mounts");
	if (move_mount(b->root, "", AT_FDCWD, pod_root, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return report_fail(b->c->report, -errno, "mount the root");
	return 0;
}

static int mount_controllers(struct rootfs *b, const struct fixed *f, unsigned attr)
{
	int r = cgroupfs_attach(b->root, b->controllers, attr);

	return r < 0 ? report_fail(b->c->report, r, "mount %s", f->target) : 0;
}

static int mount_fixed(struct rootfs *b, const struct fixed *f)
{
	const bool pids = b->c->shared_pids && strcmp(f->type, "proc") == 0;
	_cleanup_close_ int fd = -1;
	unsigned attr = f->attr;
	int r;

	if (privileged(b))
		attr &= ~(unsigned)MOUNT_ATTR_RDONLY;
	if (strcmp(f->type, "cgroup2") == 0 && (!b->c->cgroup_ns || !b->c->cgroup_v2))
		return b->c->cgroup_ns && b->controllers[0] ? mount_controllers(b, f, attr) : 0;
	if (strcmp(f->type, "dev") == 0) {
		fd = fcntl(b->dev, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			fd = -errno;
	} else if (strcmp(f->type, "pod") == 0 || pids) {
		fd = mounts_clone(AT_FDCWD, pids ? podns_pids : f->data, false);
		r = fd < 0 ? fd : mounts_set(fd, attr, false, 0);
		if (r < 0)
			return report_fail(b->c->report, r, "mount %s", f->target);
	} else if (strcmp(f->type, "proc") == 0 && b->c->target >= 0) {
		fd = fcntl(b->proc, F_DUPFD_CLOEXEC, 3);
		fd = fd < 0 ? -errno : fd;
	} else {
		fd = mounts_new(f->type, f->data, attr);
	}
	if (fd == -ENODEV && f->optional)
		return 0;
	if (fd < 0)
		return report_fail(b->c->report, fd, "mount %s", f->target);
	r = mounts_attach(fd, b->root, f->target, RESOLVE_NO_SYMLINKS);
	if (r < 0)
		return report_fail(b->c->report, r, "mount %s", f->target);
	return strcmp(f->type, "dev") == 0 ? attach_devices(b) : 0;
}

static unsigned attributes(const struct rootfs *b, uint32_t flags)
{
	return (privileged(b) ? 0 : MOUNT_ATTR_NODEV) | (flags & (SPEC_MOUNT_RDONLY | SPEC_MOUNT_RRO | SPEC_MOUNT_RRO_IF_POSSIBLE) ? MOUNT_ATTR_RDONLY : 0) |
	       (flags & SPEC_MOUNT_NOSUID ? MOUNT_ATTR_NOSUID : 0) | (flags & SPEC_MOUNT_NODEV ? MOUNT_ATTR_NODEV : 0) |
	       (flags & SPEC_MOUNT_NOEXEC ? MOUNT_ATTR_NOEXEC : 0);
}

/* "NAME" or "NAME/PATH/IN/IT" of a memory volume; what the path lacks is made. */
static int open_volume(const char *source)
{
	size_t len = strcspn(source, "/");
	_cleanup_close_ int vol = -1, sub = -1;
	char path[NAME_MAX + 8];
	struct stat st;
	int r;

	if (len == 0 || len > NAME_MAX || source[0] == '.')
		return -EINVAL;
	(void)snprintf(path, sizeof(path), "/vol/%.*s", (int)len, source);
	if (source[len] == '\0')
		return mounts_clone(AT_FDCWD, path, false);
	vol = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (vol < 0 || fstat(vol, &st) < 0)
		return -errno;
	r = mounts_mkdirs(vol, source + len, st.st_mode & 07777);
	if (r < 0)
		return r;
	sub = mounts_find(vol, source + len);
	return sub < 0 ? sub : mounts_clone(sub, "", false);
}

static int mount_item(struct rootfs *b, const struct spec_item *item, int tree)
{
	struct spec_mount m;
	const char *source = spec_item_string(item, sizeof(m), 0);
	const char *target = spec_item_string(item, sizeof(m), 1);
	const char *type = spec_item_string(item, sizeof(m), 2);
	_cleanup_close_ int fd = tree;
	unsigned propagation;
	int r = 0;

	memcpy(&m, item->data, sizeof(m));
	if (strcmp(type, "pod") == 0) {
		fd = open_volume(source);
	} else if (fd < 0) {
		fd = mounts_new(type, spec_item_string(item, sizeof(m), 3), attributes(b, m.flags));
	}
	if (fd < 0)
		return report_fail(b->c->report, fd, "mount %s: %s", target, type);
	propagation = m.flags & SPEC_MOUNT_RSHARED  ? MS_SHARED
		      : m.flags & SPEC_MOUNT_RSLAVE ? MS_SLAVE
						    : MS_PRIVATE;
	r = mounts_set(fd, 0, true, propagation);
	if (r == 0)
		r = mounts_set(fd, attributes(b, m.flags), m.flags & (SPEC_MOUNT_RRO | SPEC_MOUNT_RRO_IF_POSSIBLE), 0);
	if (r < 0 && (m.flags & SPEC_MOUNT_RRO_IF_POSSIBLE))
		r = mounts_set(fd, attributes(b, m.flags), false, 0);
	if (r == 0)
		r = mounts_attach(fd, b->root, target, 0);
	if (r < 0)
		return report_fail(b->c->report, r, "mount %s", target);
	return 0;
}

/* A file is hidden by the null device, a directory by an empty one. What the kernel has not needs no hiding. */
static int mask_paths(struct rootfs *b)
{
	_cleanup_close_ int empty = -1;
	struct spec_item item;

	for (size_t at = 0; spec_next(b->c->spec, at, SPEC_MASK, &item); at = item.next) {
		const char *path = (const char *)item.data;
		_cleanup_close_ int target = mounts_find(b->root, path);
		_cleanup_close_ int cover = -1;
		struct stat st;
		int use;

		if (target == -ENOENT || target == -ENOTDIR)
			continue;
		if (target < 0 || fstat(target, &st) < 0)
			return report_fail(b->c->report, target < 0 ? target : -errno, "hide %s", path);
		if (!S_ISDIR(st.st_mode))
			use = cover = mounts_clone(b->dev, "null", false);
		else if (empty >= 0)
			use = cover = mounts_clone(empty, "", false);
		else
			use = empty = mounts_new("tmpfs", "mode=755,nr_inodes=1", MOUNT_ATTR_RDONLY);
		if (use < 0)
			return report_fail(b->c->report, use, "hide %s", path);
		if (move_mount(use, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
			return report_fail(b->c->report, -errno, "hide %s", path);
	}
	return 0;
}

static int protect_paths(struct rootfs *b)
{
	struct spec_item item;

	for (size_t at = 0; spec_next(b->c->spec, at, SPEC_READONLY, &item); at = item.next) {
		const char *path = (const char *)item.data;
		_cleanup_close_ int target = mounts_find(b->root, path);
		_cleanup_close_ int cover = -1;
		int r;

		if (target == -ENOENT || target == -ENOTDIR)
			continue;
		cover = target < 0 ? target : mounts_clone(target, "", true);
		r = cover < 0 ? cover : mounts_set(cover, MOUNT_ATTR_RDONLY, true, 0);
		if (r == 0 && move_mount(cover, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
			r = -errno;
		if (r < 0)
			return report_fail(b->c->report, r, "make %s read-only", path);
	}
	return 0;
}

int rootfs_open(const struct rootfs_config *c)
{
	struct rootfs *b = &rootfs;
	int r;

	*b = (struct rootfs){ .c = c, .root = -1, .dev = -1, .proc = -1 };
	r = open_sources(b);
	if (r < 0)
		return r;
	if (c->target >= 0) {
		b->proc = target_proc(c->target, fixed_mounts[0].attr);
		if (b->proc < 0)
			return report_fail(c->report, b->proc, "mount %s of the target container", fixed_mounts[0].target);
	}
	if (!c->cgroup_v2)
		cgroupfs_controllers(b->controllers);
	if (c->users->fd < 0) {
		b->dev = make_dev(b);
		if (b->dev < 0)
			return b->dev;
	}
	b->root = layers_open(c);
	return b->root < 0 ? b->root : 0;
}

int rootfs_build(const struct rootfs_config *c, int *ret_root)
{
	struct rootfs *b = &rootfs;
	struct spec_item item;
	int r, n = 0;

	r = enter(b);
	if (r == 0 && b->dev < 0) {
		b->dev = make_dev(b); /* the user namespace's own */
		r = b->dev < 0 ? b->dev : 0;
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed_mounts); i++)
		r = mount_fixed(b, &fixed_mounts[i]);
	for (size_t at = 0; r == 0 && spec_next(c->spec, at, SPEC_MOUNT, &item); at = item.next)
		r = mount_item(b, &item, b->tree[n++]);
	if (r == 0)
		r = protect_paths(b);
	if (r == 0)
		r = mask_paths(b);
	if (r == 0)
		*ret_root = b->root;
	return r; /* descriptors are left to the end of the process, or to its execve */
}

int rootfs_pivot(const struct rootfs_config *c, int root)
{
	if (c->security->flags & SPEC_READONLY_ROOT) {
		int r = mounts_set(root, MOUNT_ATTR_RDONLY, false, 0);

		if (r < 0)
			return report_fail(c->report, r, "make the root read-only");
	}
	/* pivot_root(".", ".") puts the old root over the new one, whence it is detached. */
	if (fchdir(root) < 0 || sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return report_fail(c->report, -errno, "pivot_root");
	return 0;
}
