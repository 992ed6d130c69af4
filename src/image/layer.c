/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/arena.h"
#include "image/stream.h"
#include "image/tree.h"

enum {
	ENTRIES_MAX = 2000000,
	TIMES_MAX_BYTES = 256 << 20, /* of memory for the directories whose times are set last */
	XATTR_MAX = 64 * 1024,	     /* XATTR_SIZE_MAX of the kernel */
	SWELL_MAX = 100,	     /* unpacked bytes for each byte of a blob … */
};
static const uint64_t SWELL_FREE = UINT64_C(256) << 20; /* … above this size */

static const char WHITEOUT[] = ".wh.";
static const char WHITEOUT_META[] = ".wh..wh.";
static const char WHITEOUT_OPAQUE[] = ".wh..wh..opq";
static const char OPAQUE_XATTR[] = "trusted.overlay.opaque";

/* A directory whose times are set when all is in it. */
struct dir_time {
	const char *path;
	struct timespec times[2];
	struct dir_time *next;
};

struct unpack {
	struct tree tree;
	struct archive *tar;
	struct stream *stream;
	struct arena *arena;
	struct dir_time *times;
	const struct layer_limits *limits;
	uint64_t entries, bytes;
	struct error *err;
	struct error stream_err; /* what the stream said inside libarchive */
};

static void unpack_clear(struct unpack *u)
{
	if (u->tar)
		(void)archive_read_free(u->tar); /* ignoring: nothing is written through it */
	tree_clear(&u->tree);
	arena_free(u->arena);
	error_clear(&u->stream_err);
}

struct layer_limits layer_limits_for(uint64_t blob_size, uint64_t max_bytes)
{
	uint64_t bytes = blob_size > max_bytes / SWELL_MAX ? max_bytes : blob_size * SWELL_MAX;

	if (bytes < SWELL_FREE)
		bytes = SWELL_FREE;
	return (struct layer_limits){ .bytes = bytes < max_bytes ? bytes : max_bytes, .entries = ENTRIES_MAX };
}

static la_ssize_t read_stream(struct archive *a, void *data, const void **ret)
{
	struct unpack *u = data;
	ssize_t n = stream_next(u->stream, ret, &u->stream_err);

	if (n < 0) {
		archive_set_error(a, (int)-n, "%s", error_text(&u->stream_err));
		return -1;
	}
	return n;
}

/* An error of libarchive, or of the stream below it. */
static int tar_error(struct unpack *u)
{
	const char *text = archive_error_string(u->tar);

	if (u->stream_err.code)
		return error_set(u->err, u->stream_err.code, "%s", error_text(&u->stream_err));
	return error_set(u->err, -EINVAL, "%s", text ? text : "damaged tar");
}

/* Whether an xattr of an archive may be set. Those that overlayfs and security modules obey may not. */
static bool xattr_kept(const char *name)
{
	return strcmp(name, "security.capability") == 0 ||
	       (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}

static int set_xattrs(struct archive_entry *e, int fd)
{
	const char *name;
	const void *value;
	size_t len;

	if (!archive_entry_xattr_reset(e))
		return 0;
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		if (!name || !xattr_kept(name))
			continue;
		if (len > XATTR_MAX)
			return -E2BIG;
		/* A store on a file system without user xattrs loses them, as with any runtime. */
		if (fsetxattr(fd, name, value, len, 0) < 0 && !(errno == ENOTSUP && strncmp(name, "user.", 5) == 0))
			return -errno;
	}
	return 0;
}

static void entry_times(struct archive_entry *e, struct timespec times[static 2])
{
	times[0] = times[1] = (struct timespec){ .tv_sec = archive_entry_mtime(e),
						 .tv_nsec = archive_entry_mtime_nsec(e) };
	if (times[1].tv_nsec < 0 || times[1].tv_nsec > 999999999)
		times[0].tv_nsec = times[1].tv_nsec = 0;
}

static int entry_owner(struct archive_entry *e, uid_t *ret_uid, gid_t *ret_gid)
{
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	/* The last number of each means "no change" to chown(2). */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return -EINVAL;
	*ret_uid = (uid_t)uid;
	*ret_gid = (gid_t)gid;
	return 0;
}

/* Owner first, since chown(2) clears set-id bits and capabilities. */
static int set_attributes(struct archive_entry *e, int fd, bool with_times)
{
	struct timespec times[2];
	uid_t uid;
	gid_t gid;
	int r = entry_owner(e, &uid, &gid);

	if (r < 0)
		return r;
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, archive_entry_perm(e)) < 0)
		return -errno;
	r = set_xattrs(e, fd);
	if (r < 0)
		return r;
	entry_times(e, times);
	return with_times && futimens(fd, times) < 0 ? -errno : 0;
}

static int set_opaque(int dirfd, const char *name)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) < 0 ? -errno : 0;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* Removes what an earlier entry of this layer left at a name. Gives whether that was a whiteout. */
static int make_way(struct unpack *u, int dirfd, const char *name, bool *ret_whiteout)
{
	struct stat st;
	int r;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	r = tree_remove(dirfd, name);
	if (r < 0)
		return r;
	tree_changed(&u->tree);
	if (ret_whiteout)
		*ret_whiteout = is_whiteout(&st);
	return 0;
}

static int put_whiteout(int dirfd, const char *name)
{
	const char *hidden = name + strlen(WHITEOUT);
	struct stat st;

	if (strcmp(name, WHITEOUT_OPAQUE) == 0)
		return set_opaque(dirfd, ".");
	if (strncmp(name, WHITEOUT_META, strlen(WHITEOUT_META)) == 0)
		return 0; /* ignoring: bookkeeping of aufs */
	if (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)
		return -EINVAL;
	if (mknodat(dirfd, hidden, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST || fstatat(dirfd, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* A whiteout hides only what lies in lower layers: what this one has put there stays. */
	return S_ISDIR(st.st_mode) ? set_opaque(dirfd, hidden) : 0;
}

static int put_directory(struct unpack *u, struct archive_entry *e, const char *path, int dirfd, const char *name)
{
	_cleanup_close_ int fd = -1;
	bool whiteout = false;
	struct dir_time *t;
	struct stat st;
	int r;

	if (mkdirat(dirfd, name, 0700) < 0) {
		if (errno != EEXIST || fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		if (!S_ISDIR(st.st_mode)) {
			r = make_way(u, dirfd, name, &whiteout);
			if (r < 0)
				return r;
			if (mkdirat(dirfd, name, 0700) < 0)
				return -errno;
		}
	}
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (whiteout && fsetxattr(fd, OPAQUE_XATTR, "y", 1, 0) < 0)
		return -errno;
	t = arena_alloc(u->arena, sizeof(*t));
	if (!t || !(t->path = arena_strdup(u->arena, path)))
		return -ENOMEM;
	entry_times(e, t->times);
	t->next = u->times;
	u->times = t;
	return set_attributes(e, fd, false);
}

static int write_at(int fd, const char *data, size_t len, off_t offset)
{
	while (len) {
		ssize_t n = pwrite(fd, data, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

/* Copies an entry's data. 1 when the failure is the archive's and u->err is set. */
static int write_data(struct unpack *u, int fd, int64_t size)
{
	const void *data;
	size_t len;
	la_int64_t offset, end = 0;

	for (;;) {
		int r = archive_read_data_block(u->tar, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN) {
			tar_error(u);
			return 1;
		}
		if (offset < end || (uint64_t)offset + len > (uint64_t)size)
			return -EINVAL;
		r = write_at(fd, data, len, offset);
		if (r < 0)
			return r;
		end = offset + (la_int64_t)len;
	}
	return end < size && ftruncate(fd, size) < 0 ? -errno : 0;
}

static int put_file(struct unpack *u, struct archive_entry *e, int dirfd, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	_cleanup_close_ int fd = -1;
	int64_t size = archive_entry_size(e);
	int r;

	if (size < 0)
		return -EINVAL;
	if ((uint64_t)size > u->limits->bytes - u->bytes)
		return -EFBIG;
	fd = openat(dirfd, name, flags, 0600);
	if (fd < 0 && errno == EEXIST) {
		r = make_way(u, dirfd, name, NULL);
		if (r < 0)
			return r;
		fd = openat(dirfd, name, flags, 0600);
	}
	if (fd < 0)
		return -errno;
	u->bytes += (uint64_t)size;
	r = write_data(u, fd, size);
	return r ? r : set_attributes(e, fd, true);
}

static int put_hardlink(struct unpack *u, const char *target, int dirfd, const char *name)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	struct stat old, st;

	if (source_path(target, path, sizeof(path)) < 0 || !*path) {
		error_set(u->err, -EINVAL, "hard link to %s, which leads out of the layer", target);
		return 1;
	}
	fd = tree_open(&u->tree, path, O_PATH);
	if (fd == -ENOENT || fd == -ENOTDIR) {
		error_set(u->err, -EINVAL, "hard link to %s, which is not in the layer", target);
		return 1;
	}
	if (fd < 0)
		return fd;
	if (linkat(fd, "", dirfd, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (fstat(fd, &st) < 0 || fstatat(dirfd, name, &old, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (st.st_ino == old.st_ino)
		return 0;
	if (S_ISDIR(st.st_mode))
		return -EPERM;
	if (tree_remove(dirfd, name) < 0 || linkat(fd, "", dirfd, name, AT_EMPTY_PATH) < 0)
		return -errno;
	tree_changed(&u->tree);
	return 0;
}

static int put_symlink(struct unpack *u, struct archive_entry *e, int dirfd, const char *name)
{
	const char *target = archive_entry_symlink(e);
	struct timespec times[2];
	uid_t uid;
	gid_t gid;
	int r = entry_owner(e, &uid, &gid);

	if (r < 0 || !target)
		return -EINVAL;
	if (symlinkat(target, dirfd, name) < 0) {
		if (errno != EEXIST)
			return -errno;
		r = make_way(u, dirfd, name, NULL);
		if (r < 0)
			return r;
		if (symlinkat(target, dirfd, name) < 0)
			return -errno;
	}
	entry_times(e, times);
	if (fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int put_fifo(struct unpack *u, struct archive_entry *e, int dirfd, const char *name)
{
	_cleanup_close_ int fd = -1;
	int r = make_way(u, dirfd, name, NULL);

	if (r < 0)
		return r;
	if (mkfifoat(dirfd, name, 0600) < 0)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : set_attributes(e, fd, true);
}

/* The layer's own top directory. */
static int put_root(struct unpack *u, struct archive_entry *e)
{
	if (archive_entry_filetype(e) != AE_IFDIR)
		return -EINVAL;
	return set_attributes(e, u->tree.root, true);
}

/* 0, a negative errno for which the caller makes the message, or 1 when u->err is set. */
static int put_entry(struct unpack *u, struct archive_entry *e, const char *path)
{
	const char *name;
	int dirfd, r;

	if (!*path)
		return put_root(u, e);
	r = tree_parent(&u->tree, path, &dirfd, &name);
	if (r < 0)
		return r;
	if (strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0)
		return put_whiteout(dirfd, name);
	if (archive_entry_hardlink(e))
		return put_hardlink(u, archive_entry_hardlink(e), dirfd, name);
	switch (archive_entry_filetype(e)) {
	case AE_IFDIR:
		return put_directory(u, e, path, dirfd, name);
	case AE_IFREG:
		return put_file(u, e, dirfd, name);
	case AE_IFLNK:
		return put_symlink(u, e, dirfd, name);
	case AE_IFIFO:
		return put_fifo(u, e, dirfd, name);
	default:
		return 0; /* a device or a socket: see the contract */
	}
}

static int take_entry(struct unpack *u, struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e);
	char path[PATH_MAX];
	int r;

	if (++u->entries > u->limits->entries)
		return error_set(u->err, -EFBIG, "more than %ju entries", (uintmax_t)u->limits->entries);
	if (!name)
		return error_set(u->err, -EINVAL, "entry %ju has no readable name", (uintmax_t)u->entries);
	r = source_path(name, path, sizeof(path));
	if (r == -EINVAL)
		return error_set(u->err, r, "%s leads out of the layer", name);
	if (r == 0)
		r = put_entry(u, e, path);
	if (r == -EFBIG)
		return error_set(u->err, r, "%s: the layer unpacks to more than %ju bytes", name,
				 (uintmax_t)u->limits->bytes);
	if (r < 0)
		return error_errno(u->err, r, "%s", name);
	if (r > 0) {
		int code = u->err ? u->err->code : -EINVAL;

		error_wrap(u->err, "%s", name);
		return code;
	}
	return 0;
}

/* Times of directories come last, since every entry in them changes them. */
static int set_directory_times(struct unpack *u)
{
	for (struct dir_time *t = u->times; t; t = t->next) {
		_cleanup_close_ int fd = tree_open(&u->tree, t->path, O_RDONLY | O_DIRECTORY);

		/* ignoring: a later entry has replaced the directory */
		if (fd >= 0 && futimens(fd, t->times) < 0)
			return error_errno(u->err, -errno, "%s: setting its time", t->path);
	}
	return 0;
}

static int unpack_entries(struct unpack *u)
{
	struct archive_entry *e;
	int r;

	u->tar = archive_read_new();
	u->arena = arena_new(TIMES_MAX_BYTES);
	if (!u->tar || !u->arena || archive_read_support_format_tar(u->tar) != ARCHIVE_OK ||
	    archive_read_support_format_empty(u->tar) != ARCHIVE_OK)
		return error_set(u->err, -ENOMEM, "out of memory");
	/* Names are bytes. */
	(void)archive_read_set_format_option(u->tar, "tar", "hdrcharset", "BINARY"); /* ignoring: an old libarchive */
	if (archive_read_open(u->tar, u, NULL, read_stream, NULL) != ARCHIVE_OK)
		return tar_error(u);
	for (;;) {
		r = archive_read_next_header(u->tar, &e);
		if (r == ARCHIVE_EOF)
			return set_directory_times(u);
		if (r < ARCHIVE_WARN)
			return tar_error(u);
		r = take_entry(u, e);
		if (r < 0)
			return r;
	}
}

int layer_unpack(const struct blob *blob, const char *digest, const char *diff_id, const struct layer_limits *limits,
		 int dirfd, uint64_t *ret_size, struct error *err)
{
	_cleanup_error_ struct error own = ERROR_INIT;
	_cleanup_stream_ struct stream *stream = NULL;
	_cleanup_(unpack_clear) struct unpack u = { .tree = TREE_INIT(dirfd), .limits = limits,
						    .err = err ? err : &own };
	int r;

	r = stream_open(blob, limits->bytes, &stream, err);
	if (r < 0)
		return r;
	u.stream = stream;
	r = unpack_entries(&u);
	if (r < 0)
		return r;
	r = stream_verify(stream, digest, diff_id, err);
	if (r < 0)
		return r;
	*ret_size = u.bytes;
	return 0;
}
