/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's place on disk is the way of names from its kind's directory. Every look-up stays below STATE/scratch and
 * follows no link (openat2). A file's number is made of what the disk says about it (device, inode, time of birth), unless
 * an attribute of the file carries the number of the manifest that it was.
 */
#include "fs/scratch-internal.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "base/clock.h"
#include "fs/files.h"
#include "fs/ignored.h"
#include "fs/place.h"
#include "fs/quota.h"

int fs_scratch_open(struct fs *fs, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW), .mode = mode,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	long fd = syscall(SYS_openat2, fs->state_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* "scratch/NS/PLURAL/…" or "scratch/NS/manifests/FOLDER/…" of a directory node. */
static int dir_path(const struct fs_node *dir, struct buf *out)
{
	if (!fs_place_disk(dir, out)) {
		int r = dir_path(dir->parent, out);

		if (r < 0)
			return r;
		buf_putc(out, '/');
		buf_puts(out, dir->name);
	}
	return buf_failed(out) ? -ENOMEM : out->len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* A place's directory is made on disk when it is first needed, with those above it. */
static int make_place(struct fs *fs, char *path)
{
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(fs->state_fd, path, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdirat(fs->state_fd, path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int open_dir(struct fs_node *dir, bool make)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	int r = dir_path(dir, &path), fd;

	if (r < 0)
		return r;
	fd = fs_scratch_open(dir->fs, path.data, O_RDONLY | O_DIRECTORY, 0);
	if (fd != -ENOENT || !make || dir->ops == &fs_scratch_ops)
		return fd;
	r = make_place(dir->fs, path.data);
	return r < 0 ? r : fs_scratch_open(dir->fs, path.data, O_RDONLY | O_DIRECTORY, 0);
}

int fs_scratch_path(const struct fs_node *n, struct buf *out)
{
	int r = dir_path(n->parent, out);

	buf_putc(out, '/');
	buf_puts(out, n->name);
	return r < 0 ? r : buf_failed(out) ? -ENOMEM : 0;
}

/* --- numbers --- */

int64_t fs_timespec_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

static uint64_t number_of(struct fs *fs, int dir, const char *name)
{
	char link[64], value[32] = "", id[96];
	_cleanup_close_ int fd = openat(dir, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	struct statx st = { 0 };
	ssize_t n;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME | STATX_TYPE, &st) < 0)
		return 0;
	if (S_ISREG(st.stx_mode)) {
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = getxattr(link, FS_SCRATCH_INO_XATTR, value, sizeof(value) - 1);
		if (n > 0) {
			uint64_t ino = strtoull(value, NULL, 16);

			if (ino > 1)
				return ino;
		}
	}
	(void)snprintf(id, sizeof(id), "%x:%x/%llu/%lld.%u", st.stx_dev_major, st.stx_dev_minor,
		       (unsigned long long)st.stx_ino, (long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
	return fs_ino(fs, "/scratch", id);
}

/* --- names --- */

bool fs_scratch_exists(struct fs_node *dir, const char *name)
{
	_cleanup_close_ int fd = open_dir(dir, false);
	struct stat st;

	return fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int fs_scratch_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_close_ int fd = open_dir(dir, false);
	uint64_t ino;

	if (fd < 0)
		return fd;
	errno = ENOENT;
	ino = number_of(dir->fs, fd, name);
	if (!ino)
		return errno ? -errno : -EIO; /* EMFILE is not "no such file" */
	return fs_node_get(dir, name, ino, &fs_scratch_ops, ret, NULL);
}

int fs_scratch_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_closedir_ DIR *d = NULL;
	int fd = open_dir(dir, false), r = 0;
	struct dirent *de;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	d = fdopendir(fd);
	if (!d) {
		close_fdp(&fd);
		return -ENOMEM;
	}
	while (r == 0 && (de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			r = fs_listing_add(l, de->d_name, DTTOIF(de->d_type), 0);
	return r;
}

void fs_scratch_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	_cleanup_close_ int fd = open_dir(dir, true), file = -1;
	struct writer who = fs_req_writer(r);
	int err = fd < 0 ? fd : fs_quota_scratch(dir->fs, who.uid, FS_QUOTA_FILE);
	struct fs_sfile *f = NULL;

	fs_ignored_changed(dir->fs, name);
	if (err == 0) {
		file = openat(fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (fs_req_flags(r) & (O_EXCL | O_TRUNC)),
			      0600);
		if (file < 0 || fchown(file, who.uid, who.gid) < 0 || fchmod(file, mode & 0777) < 0)
			err = -errno;
	}
	if (err == 0)
		err = fs_scratch_lookup(dir, name, &n);
	if (err == 0) {
		f = fs_sfile_new(n, steal_fd(&file), true);
		err = f ? 0 : -ENOMEM;
	}
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_create(r, n, f);
}

void fs_scratch_mkdir(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	_cleanup_close_ int fd = open_dir(dir, true);
	struct writer who = fs_req_writer(r);
	int err = fd < 0 ? fd : fs_quota_scratch(dir->fs, who.uid, FS_QUOTA_FILE);

	if (err == 0 && (mkdirat(fd, name, 0700) < 0 || fchownat(fd, name, who.uid, who.gid, AT_SYMLINK_NOFOLLOW) < 0 ||
			 fchmodat(fd, name, mode & 0777, 0) < 0))
		err = -errno;
	if (err == 0)
		err = fs_scratch_lookup(dir, name, &n);
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_entry(r, n);
}

static void remove_name(struct fs_req *r, struct fs_node *dir, const char *name, int flags)
{
	_cleanup_close_ int fd = open_dir(dir, false);
	int err = fd < 0 ? fd : unlinkat(fd, name, flags) < 0 ? -errno : 0;

	fs_ignored_changed(dir->fs, name);
	fs_reply_err(r, err);
}

void fs_scratch_rmdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	remove_name(r, dir, name, AT_REMOVEDIR);
}

void fs_scratch_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	remove_name(r, dir, name, 0);
}

int fs_scratch_remove(struct fs_node *dir, const char *name)
{
	_cleanup_close_ int fd = open_dir(dir, false);

	return fd < 0 ? fd : unlinkat(fd, name, 0) < 0 ? -errno : 0;
}

void fs_scratch_symlink(struct fs_req *r, struct fs_node *dir, const char *name, const char *target)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	_cleanup_close_ int fd = open_dir(dir, true);
	struct writer who = fs_req_writer(r);
	int err = fd < 0 ? fd : fs_quota_scratch(dir->fs, who.uid, FS_QUOTA_FILE);

	if (err == 0 && (symlinkat(target, fd, name) < 0 || fchownat(fd, name, who.uid, who.gid, AT_SYMLINK_NOFOLLOW) < 0))
		err = -errno;
	if (err == 0)
		err = fs_scratch_lookup(dir, name, &n);
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_entry(r, n);
}

void fs_scratch_link(struct fs_req *r, struct fs_node *n, struct fs_node *newdir, const char *newname)
{
	_cleanup_close_ int from = open_dir(n->parent, false), to = open_dir(newdir, true);
	_cleanup_fs_node_ struct fs_node *made = NULL;
	int err = from < 0 ? from : to < 0 ? to : 0;

	fs_ignored_changed(n->fs, newname);
	if (err == 0 && linkat(from, n->name, to, newname, 0) < 0)
		err = -errno;
	if (err == 0)
		err = fs_scratch_lookup(newdir, newname, &made);
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_entry(r, made);
}

void fs_scratch_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		       const char *newname, unsigned flags)
{
	_cleanup_close_ int from = open_dir(dir, false), to = open_dir(newdir, true);
	_cleanup_fs_node_ struct fs_node *n = NULL;
	int err = from < 0 ? from : to < 0 ? to : 0;

	if (err == 0)
		(void)fs_scratch_lookup(dir, name, &n); /* ignoring: renameat2 tells */
	if (err == 0 && renameat2(from, name, to, newname, flags) < 0)
		err = -errno;
	if (err == 0 && n)
		err = fs_node_move(n, newdir, newname);
	fs_ignored_changed(dir->fs, name);
	fs_ignored_changed(dir->fs, newname);
	fs_reply_err(r, err);
}

static int op_readlink(struct fs_node *n, struct buf *out)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	char target[PATH_MAX];
	int r = fs_scratch_path(n, &path);
	ssize_t len = r < 0 ? -1 : readlinkat(n->fs->state_fd, path.data, target, sizeof(target));

	if (len < 0)
		return r < 0 ? r : -errno;
	buf_append(out, target, (size_t)len);
	return 0;
}

/* --- between scratch and manifests --- */

static int read_all(int fd, size_t size, struct fs_blob **ret)
{
	_cleanup_blob_ struct fs_blob *b = fs_blob_new(NULL, 0);
	char part[16384];
	ssize_t n;
	int r = b ? fs_blob_resize(&b, size) : -ENOMEM; /* room at once */

	if (r == 0)
		b->len = 0;
	while (r == 0 && (n = read(fd, part, sizeof(part))) != 0)
		r = n < 0 ? -errno : fs_blob_write(&b, part, (size_t)n, b->len);
	if (r == 0)
		*ret = steal_ptr(b);
	return r;
}

static void read_xattrs(int fd, struct buf *out)
{
	char names[4096], value[8192];
	ssize_t n = flistxattr(fd, names, sizeof(names));

	for (ssize_t at = 0; n > 0 && at < n; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t len = fgetxattr(fd, names + at, value, sizeof(value));
		struct buf more = BUF_INIT;

		if (len < 0 || strncmp(names + at, "user.", 5) != 0 || strncmp(names + at, "user.podfs.", 11) == 0)
			continue;
		fs_xattr_change(out->data, out->len, names + at, value, (size_t)len, &more);
		buf_clear(out);
		*out = more;
	}
}

int fs_scratch_read(struct fs_node *dir, const char *name, struct fs_blob **ret, struct fs_record *attr,
		    struct buf *xattrs)
{
	_cleanup_close_ int d = open_dir(dir, false), fd = -1;
	struct stat st;

	if (d < 0)
		return d;
	fd = openat(d, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EISDIR;
	if (st.st_size > FS_MANIFEST_MAX)
		return -EFBIG;
	read_xattrs(fd, xattrs);
	*attr = (struct fs_record){ .ino = number_of(dir->fs, d, name), .mode = st.st_mode & 07777, .uid = st.st_uid,
				    .gid = st.st_gid, .mtime = fs_timespec_ns(&st.st_mtim), .ctime = fs_timespec_ns(&st.st_ctim),
				    .xattrs = xattrs->data, .xattrs_len = xattrs->len };
	return read_all(fd, (size_t)st.st_size, ret);
}

int fs_scratch_text(struct fs_node *dir, const char *name, size_t max, struct buf *out)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	_cleanup_close_ int fd = -1;
	char part[4096];
	ssize_t n = 0;
	int r = dir_path(dir, &path);

	buf_putc(&path, '/');
	buf_puts(&path, name);
	if (r < 0 || buf_failed(&path))
		return r < 0 ? r : -ENOMEM;
	fd = fs_scratch_open(dir->fs, path.data, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	while (out->len < max && (n = read(fd, part, max - out->len < sizeof(part) ? max - out->len : sizeof(part))) > 0)
		buf_append(out, part, (size_t)n);
	return n < 0 ? -errno : buf_failed(out) ? -ENOMEM : 0;
}

int fs_scratch_is_file(struct fs_node *dir, const char *name)
{
	_cleanup_close_ int fd = open_dir(dir, false);
	struct stat st;

	if (fd < 0)
		return fd;
	return fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : S_ISREG(st.st_mode);
}

int fs_scratch_drop(struct fs_node *dir)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	int r = dir_path(dir, &path);

	if (r == 0 && unlinkat(dir->fs->state_fd, path.data, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = errno == EEXIST ? -ENOTEMPTY : -errno;
	return r;
}

int fs_scratch_write(struct fs_node *dir, const char *name, const struct fs_record *rec)
{
	_cleanup_close_ int d = open_dir(dir, true), fd = -1;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)(rec->mtime / NSEC_PER_SEC),
								  .tv_nsec = (long)(rec->mtime % NSEC_PER_SEC) } };
	char ino[32];
	int n = snprintf(ino, sizeof(ino), "%llx", (unsigned long long)rec->ino);

	if (d < 0)
		return d;
	(void)unlinkat(d, name, 0); /* ignoring: usually there is none */
	fd = openat(d, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if ((rec->text_len && write(fd, rec->text, rec->text_len) != (ssize_t)rec->text_len) ||
	    fchown(fd, rec->uid, rec->gid) < 0 || fchmod(fd, rec->mode & 0777) < 0 || futimens(fd, times) < 0) {
		int r = -errno;

		(void)unlinkat(d, name, 0); /* ignoring: the write's failure is told */
		return r < 0 ? r : -ENOSPC;
	}
	(void)fsetxattr(fd, FS_SCRATCH_INO_XATTR, ino, (size_t)n, 0); /* ignoring: the number changes then, which few notice */
	return 0;
}

void fs_scratch_adopt(struct fs_node *n)
{
	if (n->ops->destroy)
		n->ops->destroy(n);
	n->data = NULL;
	n->ops = &fs_scratch_ops;
}

const struct fs_ops fs_scratch_ops = {
	.region = "scratch",
	.cached = true,
	.getattr = fs_sfile_op_getattr,
	.setattr = fs_sfile_op_setattr,
	.getxattr = fs_sfile_op_getxattr,
	.listxattr = fs_sfile_op_listxattr,
	.setxattr = fs_sfile_op_setxattr,
	.removexattr = fs_sfile_op_removexattr,
	.lookup = fs_scratch_lookup,
	.readdir = fs_scratch_readdir,
	.create = fs_files_create,
	.mkdir = fs_scratch_mkdir,
	.unlink = fs_files_unlink,
	.rmdir = fs_scratch_rmdir,
	.rename = fs_files_rename,
	.symlink = fs_scratch_symlink,
	.link = fs_files_link,
	.readlink = op_readlink,
	.open = fs_sfile_op_open,
	.read = fs_sfile_op_read,
	.write = fs_sfile_op_write,
	.fsync = fs_sfile_op_fsync,
	.fallocate = fs_sfile_op_fallocate,
	.release = fs_sfile_op_release,
	.keep = fs_sfile_op_keep,
};
