/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of scratch: plain pread(2) and pwrite(2) on the loop, of files that are mostly in the page cache; the kernel may
 * cache their pages too, so that they can be mapped. What must reach the disk (fsync) waits on the worker. A file that is
 * open is looked at through its descriptor, since its name may be gone or another's by now.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/clock.h"
#include "fs/keep.h"
#include "fs/quota.h"
#include "fs/scratch-internal.h"

/* What is kept of a handle: where the last write to the end of the file began, since it may come again. */
struct kept {
	uint64_t unique, at;
};

/* --- open files --- */

struct fs_sfile *fs_sfile_new(struct fs_node *n, int fd, bool writes)
{
	struct fs_sfile *f = calloc(1, sizeof(*f));

	if (!f) {
		close_fdp(&fd);
		return NULL;
	}
	*f = (struct fs_sfile){ .next = n->fs->scratch_files, .prev = &n->fs->scratch_files, .node = n, .fd = fd,
				.writes = writes };
	if (f->next)
		f->next->prev = &f->next;
	n->fs->scratch_files = f;
	return f;
}

static const struct fs_sfile *find(const struct fs_node *n, bool writes)
{
	for (const struct fs_sfile *f = n->fs->scratch_files; f; f = f->next)
		if (f->node == n && (f->writes || !writes))
			return f;
	return NULL;
}

/* A descriptor of the node: an open file's, or *to_close, which is opened for it. */
static int node_fd(struct fs_node *n, int flags, int *to_close)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	const struct fs_sfile *f = find(n, (flags & O_ACCMODE) != O_RDONLY);
	int r;

	if (f)
		return f->fd;
	r = fs_scratch_path(n, &path);
	if (r == 0)
		r = *to_close = fs_scratch_open(n->fs, path.data, flags | O_NONBLOCK, 0);
	return r;
}

void fs_sfile_op_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	int err = fs_scratch_path(n, &path), fd;

	if (err == 0) {
		fd = fs_scratch_open(n->fs, path.data,
				     (fs_handle_writes(h) ? O_RDWR : O_RDONLY) | (h->flags & O_TRUNC), 0);
		h->data = fd < 0 ? NULL : fs_sfile_new(n, fd, fs_handle_writes(h));
		err = fd < 0 ? fd : h->data ? 0 : -ENOMEM;
	}
	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	fs_reply_open(r, h);
}

void fs_sfile_op_release(struct fs_handle *h)
{
	struct fs_sfile *f = h->data;

	*f->prev = f->next;
	if (f->next)
		f->next->prev = f->prev;
	close_fdp(&f->fd);
	free(f);
	h->data = NULL;
}

/* --- over the death of a daemon --- */

void fs_sfile_op_keep(struct fs_handle *h)
{
	h->kept->region = FS_KEPT_SCRATCH;
}

int fs_scratch_restore(struct fs_handle *h, const struct fs_takeover_place *at)
{
	struct fs_node *n = fs_takeover_node(h->fs, at->ino);
	_cleanup_buf_ struct buf path = BUF_INIT;
	int fd, r = n && n->ops == &fs_scratch_ops ? fs_scratch_path(n, &path) : -ESTALE;

	if (r < 0)
		return r;
	fd = fs_scratch_open(n->fs, path.data, fs_handle_writes(h) ? O_RDWR : O_RDONLY, 0);
	if (fd < 0)
		return fd;
	h->data = fs_sfile_new(n, fd, fs_handle_writes(h));
	if (!h->data)
		return -ENOMEM;
	h->ops = n->ops;
	h->node = fs_node_ref(n);
	return 0;
}

/* --- bytes --- */

void fs_sfile_op_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	const struct fs_sfile *f = h->data;
	_cleanup_free_ char *b = malloc(size);
	ssize_t n = b ? pread(f->fd, b, size, (off_t)off) : -1;

	if (n < 0)
		fs_reply_err(r, b ? -errno : -ENOMEM);
	else
		fs_reply_buf(r, b, (size_t)n);
}

/* A file that got a manifest's name was copied: what is written after that would be lost. */
static int check_write(const struct fs_handle *h, uint64_t bytes)
{
	if (h->node->ops != &fs_scratch_ops)
		return -ESTALE;
	return fs_quota_scratch(h->fs, h->uid, bytes);
}

/* Where a write to the end of the file is to begin: a second time at the same place, whatever was written by then. */
static uint64_t append_at(struct fs_req *r, struct fs_handle *h, uint64_t end)
{
	uint8_t state[FS_KEEP_STATE] = { 0 };
	struct kept k;

	if (!h->kept)
		return end;
	memcpy(&k, fs_keep_version(h->kept)->state, sizeof(k));
	if (fs_req_unique(r) & FS_KEEP_RESEND && k.unique == (fs_req_unique(r) & ~FS_KEEP_RESEND))
		return k.at;
	k = (struct kept){ .unique = fs_req_unique(r) & ~FS_KEEP_RESEND, .at = end };
	memcpy(state, &k, sizeof(k));
	fs_keep_state(h->fs->keep, h->kept, state, 0);
	return end;
}

void fs_sfile_op_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	const struct fs_sfile *f = h->data;
	int err = check_write(h, size);
	struct stat st;
	ssize_t n;

	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	if (h->flags & O_APPEND)
		off = append_at(r, h, fstat(f->fd, &st) == 0 ? (uint64_t)st.st_size : off);
	n = pwrite(f->fd, data, size, (off_t)off);
	if (n < 0)
		fs_reply_err(r, -errno);
	else
		fs_reply_write(r, (size_t)n);
}

void fs_sfile_op_fallocate(struct fs_req *r, struct fs_handle *h, int mode, uint64_t off, uint64_t len)
{
	const struct fs_sfile *f = h->data;
	int err = check_write(h, mode & FALLOC_FL_PUNCH_HOLE ? 0 : len);

	if (err == 0 && fallocate(f->fd, mode, (off_t)off, (off_t)len) < 0)
		err = -errno;
	fs_reply_err(r, err);
}

struct sync {
	struct fs_req *r;
	int fd; /* the handle's, which lives while its request waits */
	int result;
};

/* On the worker. */
static void do_sync(void *arg)
{
	struct sync *s = arg;

	s->result = fsync(s->fd) < 0 ? -errno : 0;
}

static void on_synced(struct fs *fs, void *arg)
{
	struct sync *s = arg;

	fs_reply_err(s->r, s->result);
	free(s);
}

/* A repository's objects are no scratch to whom they belong. */
void fs_sfile_op_fsync(struct fs_req *r, struct fs_handle *h)
{
	const struct fs_sfile *f = h->data;
	struct sync *s = malloc(sizeof(*s));
	int err;

	if (!s) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	*s = (struct sync){ .r = r, .fd = f->fd };
	fs_req_park(r, NULL, NULL);
	err = fs_work(h->fs, do_sync, on_synced, s);
	if (err < 0) {
		s->result = err;
		on_synced(h->fs, s);
	}
}

/* --- attributes --- */

int fs_sfile_op_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	const struct fs_sfile *f = find(n, false);
	struct stat st;
	int r = f ? 0 : fs_scratch_path(n, &path);

	if (r < 0)
		return r;
	if (f ? fstat(f->fd, &st) < 0 : fstatat(n->fs->state_fd, path.data, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*a = (struct fs_attr){ .mode = st.st_mode, .uid = st.st_uid, .gid = st.st_gid, .size = (uint64_t)st.st_size,
			       .nlink = (uint32_t)st.st_nlink, .unlinked = !st.st_nlink, .mtime = fs_timespec_ns(&st.st_mtim),
			       .ctime = fs_timespec_ns(&st.st_ctim), .ttl = FS_TTL };
	return 0;
}

/* What cannot be opened, a link, has an owner and a time only. */
static int set_of_link(struct fs_node *n, const struct fs_attr *a, unsigned set, const struct timespec times[2])
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	int r = fs_scratch_path(n, &path), dir = n->fs->state_fd;

	if (r < 0)
		return r;
	if (set & (FS_SET_UID | FS_SET_GID) &&
	    fchownat(dir, path.data, set & FS_SET_UID ? a->uid : (uid_t)-1, set & FS_SET_GID ? a->gid : (gid_t)-1,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (set & FS_SET_MTIME && utimensat(dir, path.data, times, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return set & FS_SET_MODE ? -EOPNOTSUPP : 0;
}

static int set_attributes(struct fs_node *n, const struct fs_attr *a, unsigned set)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = (time_t)(a->mtime / NSEC_PER_SEC),
					     .tv_nsec = (long)(a->mtime % NSEC_PER_SEC) } };
	_cleanup_close_ int to_close = -1;
	int fd = node_fd(n, set & FS_SET_SIZE ? O_WRONLY : O_RDONLY, &to_close);

	if (fd == -ELOOP)
		return set_of_link(n, a, set, times);
	if (fd < 0)
		return fd;
	if ((set & FS_SET_SIZE && ftruncate(fd, (off_t)a->size) < 0) ||
	    (set & (FS_SET_UID | FS_SET_GID) &&
	     fchown(fd, set & FS_SET_UID ? a->uid : (uid_t)-1, set & FS_SET_GID ? a->gid : (gid_t)-1) < 0) ||
	    (set & FS_SET_MODE && fchmod(fd, a->mode & 0777) < 0) || (set & FS_SET_MTIME && futimens(fd, times) < 0))
		return -errno;
	return 0;
}

void fs_sfile_op_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set, struct fs_handle *h)
{
	int err = set_attributes(n, a, set);

	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_attr(r, n);
}

/* --- extended attributes: the disk's own --- */

static bool is_hidden(const char *name)
{
	return strncmp(name, FS_SCRATCH_HIDDEN, strlen(FS_SCRATCH_HIDDEN)) == 0 || strncmp(name, "user.", 5) != 0;
}

int fs_sfile_op_getxattr(struct fs_node *n, const char *name, struct buf *out)
{
	_cleanup_close_ int to_close = -1;
	int fd = node_fd(n, O_RDONLY, &to_close);
	_cleanup_free_ char *value = malloc(XATTR_SIZE_MAX);
	ssize_t len;

	if (fd < 0 || is_hidden(name))
		return fd < 0 && fd != -ELOOP ? fd : -ENODATA;
	if (!value)
		return -ENOMEM;
	len = fgetxattr(fd, name, value, XATTR_SIZE_MAX);
	if (len < 0)
		return errno == EOPNOTSUPP ? -ENODATA : -errno;
	buf_append(out, value, (size_t)len);
	return 0;
}

int fs_sfile_op_listxattr(struct fs_node *n, struct buf *out)
{
	_cleanup_close_ int to_close = -1;
	int fd = node_fd(n, O_RDONLY, &to_close);
	_cleanup_free_ char *names = malloc(XATTR_LIST_MAX);
	ssize_t len;

	if (fd < 0)
		return fd == -ELOOP ? 0 : fd;
	if (!names)
		return -ENOMEM;
	len = flistxattr(fd, names, XATTR_LIST_MAX);
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1)
		if (!is_hidden(names + at))
			buf_append(out, names + at, strlen(names + at) + 1);
	return 0;
}

void fs_sfile_op_setxattr(struct fs_req *r, struct fs_node *n, const char *name, const void *value, size_t size,
			  int flags)
{
	_cleanup_close_ int to_close = -1;
	int fd = node_fd(n, O_RDONLY, &to_close);
	int err = fd < 0 ? fd : is_hidden(name) ? -EPERM : fs_quota_scratch(n->fs, fs_req_writer(r).uid, size);

	if (err >= 0)
		err = fsetxattr(fd, name, value, size, flags) < 0 ? -errno : 0;
	fs_reply_err(r, err);
}

void fs_sfile_op_removexattr(struct fs_req *r, struct fs_node *n, const char *name)
{
	_cleanup_close_ int to_close = -1;
	int fd = node_fd(n, O_RDONLY, &to_close);

	fs_reply_err(r, fd < 0 ? fd : is_hidden(name) ? -ENODATA : fremovexattr(fd, name) < 0 ? -errno : 0);
}
