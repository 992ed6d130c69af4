/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On disk: STATE/rejected/NS_TIME-FILE. A namespace's own directory shows its files without "NS_", the root's shows all as
 * they are named on disk.
 */
#include "fs/rejected.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "fs/region.h"

static int open_dir(struct fs *fs)
{
	int fd = openat(fs->state_fd, "rejected", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int compare(const struct dirent **a, const struct dirent **b)
{
	const char *x = strchr((*a)->d_name, '_'), *y = strchr((*b)->d_name, '_');

	return strcmp(x ? x : "", y ? y : ""); /* by time, whatever the namespace */
}

static int is_file(const struct dirent *d)
{
	return d->d_name[0] != '.' && strchr(d->d_name, '_');
}

static bool is_of(int dir, const char *name, uid_t uid)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == uid;
}

/* Keeps the newest, and of a user other than root no more than their share. */
static void drop_oldest(int dir, uid_t uid)
{
	struct dirent **list = NULL;
	int n = scandirat(dir, ".", &list, is_file, compare), left = n, same = 0;

	for (int i = n - 1; i >= 0; i--) {
		bool his = uid && is_of(dir, list[i]->d_name, uid);

		same += his;
		if (his && same > FS_REJECTED_USER) {
			(void)unlinkat(dir, list[i]->d_name, 0); /* ignoring: one too many is no harm */
			left--;
			list[i]->d_name[0] = '\0';
		}
	}
	for (int i = 0; i < n; i++) {
		if (left > FS_REJECTED_MAX && list[i]->d_name[0]) {
			(void)unlinkat(dir, list[i]->d_name, 0); /* ignoring: as above */
			left--;
		}
		free(list[i]);
	}
	free(list);
}

void fs_rejected_save(struct fs *fs, const struct writer *who, const char *ns, const char *path, const void *data,
		      size_t len)
{
	_cleanup_close_ int dir = open_dir(fs), fd = -1;
	const char *base = strrchr(path, '/');
	int64_t now = registry_now(fs->registry);
	time_t sec = (time_t)(now / NSEC_PER_SEC);
	char name[NAME_MAX + 1], stamp[32];
	struct tm tm;

	if (dir < 0 || !len || !gmtime_r(&sec, &tm))
		return;
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
	(void)snprintf(name, sizeof(name), "%s_%s.%09d-%.120s", ns, stamp, (int)(now % NSEC_PER_SEC), base ? base + 1 : path);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (write(fd, data, len) != (ssize_t)len ||
	    fchown(fd, who->uid == (uid_t)-1 ? 0 : who->uid, who->gid == (gid_t)-1 ? 0 : who->gid) < 0)
		(void)unlinkat(dir, name, 0); /* ignoring: half a draft, or one that its writer could not read, helps nobody */
	drop_oldest(dir, who->uid == (uid_t)-1 ? 0 : who->uid);
}

/* The name on disk of what the directory shows as `name`. */
static void disk_name(const struct fs_node *dir, const char *name, char out[static NAME_MAX + 1])
{
	if (fs_region_is_root(dir))
		(void)snprintf(out, NAME_MAX + 1, "%s", name);
	else
		(void)snprintf(out, NAME_MAX + 1, "%s_%s", dir->ns, name);
}

/* --- files --- */

static int file_stat(const struct fs_node *n, struct stat *st)
{
	_cleanup_close_ int dir = open_dir(n->fs);
	char name[NAME_MAX + 1];

	if (dir < 0)
		return dir;
	disk_name(n->parent, n->name, name);
	return fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	struct stat st;
	int r = file_stat(n, &st);

	if (r < 0)
		return r;
	fs_attr_file(n, a, S_IFREG | (st.st_mode & 07777), st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec);
	a->uid = st.st_uid;
	a->gid = st.st_gid;
	a->size = (uint64_t)st.st_size;
	return 0;
}

static int file_render(struct fs_node *n, struct buf *out)
{
	_cleanup_close_ int dir = open_dir(n->fs), fd = -1;
	char name[NAME_MAX + 1], part[16384];
	ssize_t got;

	if (dir < 0)
		return dir;
	disk_name(n->parent, n->name, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	while ((got = read(fd, part, sizeof(part))) > 0)
		buf_append(out, part, (size_t)got);
	return got < 0 ? -errno : 0;
}

static const struct fs_ops file_ops = { .region = "rejected", .getattr = file_getattr, .render = file_render };

/* --- the directory --- */

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	struct stat st;
	_cleanup_close_ int dir = open_dir(n->fs);

	if (dir < 0 || fstat(dir, &st) < 0)
		return dir < 0 ? dir : -errno;
	fs_attr_dir(n, a, fs_region_is_root(n) ? 0700 : 0755, st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec);
	return 0;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_close_ int fd = open_dir(dir->fs);
	char disk[NAME_MAX + 1];
	struct stat st;

	if (fd < 0)
		return fd;
	disk_name(dir, name, disk);
	if (!strchr(disk, '_') || fstatat(fd, disk, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -ENOENT;
	/* A file shown by the root and by its namespace is two files here: a node has one parent. */
	return fs_node_get(dir, name, fs_ino(dir->fs, fs_region_is_root(dir) ? "/rejected" : "/rejected/ns", disk),
			   &file_ops, ret, NULL);
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_closedir_ DIR *d = NULL;
	int fd = open_dir(dir->fs), r = 0;
	size_t prefix = strlen(dir->ns);
	struct dirent *de;

	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		close_fdp(&fd);
		return -ENOMEM;
	}
	while (r == 0 && (de = readdir(d))) {
		if (!is_file(de))
			continue;
		if (fs_region_is_root(dir))
			r = fs_listing_add(l, de->d_name, S_IFREG, 0);
		else if (strncmp(de->d_name, dir->ns, prefix) == 0 && de->d_name[prefix] == '_')
			r = fs_listing_add(l, de->d_name + prefix + 1, S_IFREG, 0);
	}
	return r;
}

static void dir_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	_cleanup_close_ int fd = open_dir(dir->fs);
	char disk[NAME_MAX + 1];
	int err = fd;

	if (fd >= 0) {
		disk_name(dir, name, disk);
		err = strchr(disk, '_') ? 0 : -ENOENT;
		if (err == 0 && unlinkat(fd, disk, 0) < 0)
			err = -errno;
	}
	fs_reply_err(r, err);
}

const struct fs_ops fs_rejected_ops = {
	.region = "rejected",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.unlink = dir_unlink,
};
