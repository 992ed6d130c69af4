/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/backup_scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"

enum { CHUNK = 65536, XATTRS_MAX = 65536 };

/* A name below dir that leads through no link. */
static int open_below(int dir, const char *path, int flags, mode_t mode)
{
	struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC | O_NOFOLLOW, .mode = mode,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

/* --- writing --- */

static void put_xattrs(struct backup_out *o, int fd)
{
	_cleanup_free_ char *names = malloc(XATTRS_MAX), *value = malloc(XATTRS_MAX);
	ssize_t n = fd >= 0 && names && value ? flistxattr(fd, names, XATTRS_MAX) : 0;

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		const char *name = names + at;
		ssize_t len = strncmp(name, "user.", 5) == 0 ? fgetxattr(fd, name, value, XATTRS_MAX) : -1;

		if (len < 0)
			continue;
		backup_put(o, "\1", 1);
		backup_put_bytes(o, name, strlen(name));
		backup_put_bytes(o, value, (size_t)len);
	}
	backup_put(o, "", 1);
}

/* fd: of the file or directory; -1 for a link, whose attributes are of no user. */
static void put_head(struct backup_out *o, enum backup_part type, const char *path, const struct stat *st, int fd)
{
	backup_put(o, &(char){ (char)type }, 1);
	backup_put_bytes(o, path, strlen(path));
	backup_put_u32(o, st->st_mode & 07777);
	backup_put_u32(o, st->st_uid);
	backup_put_u32(o, st->st_gid);
	backup_put_u64(o, (uint64_t)st->st_atim.tv_sec);
	backup_put_u32(o, (uint32_t)st->st_atim.tv_nsec);
	backup_put_u64(o, (uint64_t)st->st_mtim.tv_sec);
	backup_put_u32(o, (uint32_t)st->st_mtim.tv_nsec);
	put_xattrs(o, fd);
}

static int put_file(struct backup_out *o, const char *path, int fd, const struct stat *st)
{
	char data[CHUNK];
	ssize_t n;

	put_head(o, BACKUP_FILE, path, st, fd);
	while ((n = read(fd, data, sizeof(data))) > 0)
		backup_put_bytes(o, data, (size_t)n);
	backup_put_u32(o, 0);
	return n < 0 ? -errno : 0;
}

static int put_link(struct backup_out *o, const char *path, int fd, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));

	if (n < 0)
		return -errno;
	put_head(o, BACKUP_LINK, path, st, -1);
	backup_put_bytes(o, target, (size_t)n);
	return 0;
}

static int put_tree(struct backup_out *o, int root, const char *path, struct error *err);

static int put_node(struct backup_out *o, int root, const char *path, struct error *err)
{
	_cleanup_close_ int fd = open_below(root, path, O_PATH, 0);
	struct stat st;
	int r = 0;

	if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR) /* it has just been moved away */
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, fd < 0 ? fd : -errno, "scratch/%s", path);
	if (S_ISLNK(st.st_mode)) {
		r = put_link(o, path, fd, &st);
		return r < 0 ? error_errno(err, r, "scratch/%s", path) : 0;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	close_fdp(&fd);
	fd = open_below(root, path, O_RDONLY | O_NONBLOCK | O_NOATIME, 0);
	if (fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, fd < 0 ? fd : -errno, "scratch/%s", path);
	if (S_ISREG(st.st_mode)) {
		r = put_file(o, path, fd, &st);
		return r < 0 ? error_errno(err, r, "scratch/%s", path) : 0;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	put_head(o, BACKUP_DIRECTORY, path, &st, fd);
	close_fdp(&fd); /* however deep the tree is, few descriptors are open */
	r = put_tree(o, root, path, err);
	fd = open_below(root, path, O_RDONLY | O_DIRECTORY, 0);
	put_head(o, BACKUP_DIRECTORY_END, path, &st, fd);
	return r;
}

/* The names in a directory, each with its NUL; empty when it has vanished. */
static int read_names(int root, const char *path, struct buf *ret)
{
	_cleanup_close_ int fd = open_below(root, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e = NULL;

	if (fd < 0)
		return fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR ? 0 : fd;
	d = fdopendir(fd);
	if (!d)
		return -errno;
	steal_fd(&fd);
	errno = 0;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			buf_append(ret, e->d_name, strlen(e->d_name) + 1);
	return ret->failed ? -ENOMEM : -errno;
}

static int put_tree(struct backup_out *o, int root, const char *path, struct error *err)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	int r = read_names(root, path, &names);

	if (r < 0)
		return error_errno(err, r, "scratch/%s", path);
	for (size_t at = 0; r == 0 && at < names.len; at += strlen(names.data + at) + 1) {
		_cleanup_free_ char *below = NULL;

		if (asprintf(&below, "%s%s%s", path, *path ? "/" : "", names.data + at) < 0)
			return error_set(err, -ENOMEM, "out of memory");
		r = o->error ? o->error : put_node(o, root, below, err);
	}
	return r;
}

int backup_scratch_write(struct backup_out *o, int dir, struct error *err)
{
	return put_tree(o, dir, "", err);
}

/* --- reading --- */

struct head {
	char *path;
	uint32_t mode, uid, gid;
	struct timespec times[2];
};

static int get_time(struct backup_in *in, struct timespec *ret)
{
	uint64_t seconds = 0;
	uint32_t nanoseconds = 0;
	int r = backup_get_u64(in, &seconds);

	if (r == 0)
		r = backup_get_u32(in, &nanoseconds);
	*ret = (struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = nanoseconds };
	return r == 0 && nanoseconds >= 1000000000 ? -EBADMSG : r;
}

static int get_head(struct backup_in *in, struct head *h)
{
	size_t len = 0;
	int r = backup_get_bytes(in, PATH_MAX, &h->path, &len);

	if (r == 0)
		r = backup_get_u32(in, &h->mode);
	if (r == 0)
		r = backup_get_u32(in, &h->uid);
	if (r == 0)
		r = backup_get_u32(in, &h->gid);
	if (r == 0)
		r = get_time(in, &h->times[0]);
	if (r == 0)
		r = get_time(in, &h->times[1]);
	return r == 0 && (strlen(h->path) != len || h->mode > 07777) ? -EBADMSG : r;
}

/* Gives them to fd. One that this file system cannot keep is lost, which users of scratch hardly notice. */
static int get_xattrs(struct backup_in *in, int fd)
{
	for (;;) {
		_cleanup_free_ char *name = NULL, *value = NULL;
		size_t len = 0;
		char more = 0;
		int r = backup_get(in, &more, 1);

		if (r < 0 || !more)
			return r;
		r = backup_get_bytes(in, XATTR_NAME_MAX, &name, &len);
		if (r == 0)
			r = backup_get_bytes(in, XATTRS_MAX, &value, &len);
		if (r < 0)
			return r;
		if (strncmp(name, "user.", 5) != 0)
			return -EBADMSG;
		if (fd >= 0 && fsetxattr(fd, name, value, len, 0) < 0 && errno != ENOTSUP && errno != ENOSPC)
			return -errno;
	}
}

static int get_file(struct backup_in *in, int fd)
{
	for (;;) {
		_cleanup_free_ char *data = NULL;
		size_t len = 0;
		int r = backup_get_bytes(in, CHUNK, &data, &len);

		if (r < 0 || len == 0)
			return r;
		for (size_t at = 0; at < len;) {
			ssize_t n = write(fd, data + at, len - at);

			if (n < 0)
				return -errno;
			at += (size_t)n;
		}
	}
}

static int make_link(struct backup_in *in, int parent, const char *name, const struct head *h)
{
	_cleanup_free_ char *target = NULL;
	size_t len = 0;
	int r = get_xattrs(in, -1);

	if (r == 0)
		r = backup_get_bytes(in, PATH_MAX, &target, &len);
	if (r < 0)
		return r;
	if (symlinkat(target, parent, name) < 0 || fchownat(parent, name, h->uid, h->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(parent, name, h->times, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int set_attributes(int fd, const struct head *h)
{
	if (fchown(fd, h->uid, h->gid) < 0 || fchmod(fd, h->mode) < 0 || futimens(fd, h->times) < 0)
		return -errno;
	return 0;
}

static int make_node(struct backup_in *in, enum backup_part type, int parent, const char *name, const struct head *h)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (type == BACKUP_LINK)
		return make_link(in, parent, name, h);
	if (type == BACKUP_DIRECTORY && mkdirat(parent, name, 0700) < 0)
		return -errno;
	fd = type == BACKUP_FILE ? openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) :
				   openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = get_xattrs(in, fd);
	if (r == 0 && type == BACKUP_FILE)
		r = get_file(in, fd);
	return r < 0 || type == BACKUP_DIRECTORY ? r : set_attributes(fd, h);
}

int backup_scratch_read(struct backup_in *in, enum backup_part type, int dir, struct error *err)
{
	_cleanup_close_ int parent = -1;
	struct head h = { 0 };
	_cleanup_free_ char *path = NULL;
	const char *name;
	char *slash;
	int r = get_head(in, &h);

	path = h.path;
	if (r < 0)
		return error_errno(err, r, "scratch");
	slash = strrchr(path, '/');
	name = slash ? slash + 1 : path;
	if (slash)
		*slash = '\0';
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(err, -EBADMSG, "scratch: \"%s\" is no name", name);
	parent = open_below(dir, slash ? path : ".", O_PATH | O_DIRECTORY, 0);
	r = parent < 0 ? parent : make_node(in, type, parent, name, &h);
	return r < 0 ? error_errno(err, r, "scratch/%s%s%s", slash ? path : "", slash ? "/" : "", name) : 0;
}
