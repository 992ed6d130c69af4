/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An archive to files. Whatever the archive says, nothing is made but below the directory that was named: a parent is opened
 * with openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), and what is in it by one name, following no link.
 */
#include "copy/receive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRS_MAX = 64 * 1024 * 1024 }; /* bytes of what is remembered of directories, which the archive has the say of */

/* --- names --- */

/*
 * The path below the root of what the archive calls `path`: without "." and doubled slashes; "" is the root itself. -EINVAL:
 * it is absolute, has "..", or is not what the archive was to hold.
 */
static int place(const struct receiver *r, const char *path, char out[static PATH_MAX])
{
	const char *top = r->flags & (COPY_CONTENTS | COPY_INTO) ? NULL : r->name;
	size_t len = 0;

	if (*path == '/')
		return -EINVAL;
	while (*path) {
		size_t n = strcspn(path, "/");
		const char *name = path;

		path += n + strspn(path + n, "/");
		if (n == 1 && *name == '.')
			continue;
		if (n == 2 && !strncmp(name, "..", 2))
			return -EINVAL;
		if (top) {
			if (strlen(top) != n || strncmp(top, name, n) != 0)
				return -EINVAL;
			name = r->as;
			n = strlen(r->as);
			top = NULL;
		}
		if (len + n + 2 > PATH_MAX)
			return -ENAMETOOLONG;
		if (len)
			out[len++] = '/';
		memcpy(out + len, name, n);
		len += n;
	}
	out[len] = '\0';
	return top ? -EINVAL : 0;
}

/* Makes the directories of a path that the archive has not named. */
static int make_parents(struct receiver *r, const char *dir)
{
	char path[PATH_MAX];
	size_t at = 0;

	for (;;) {
		_cleanup_close_ int parent = -1;
		size_t start = at ? at + 1 : 0, end = start + strcspn(dir + start, "/");

		(void)snprintf(path, sizeof(path), "%.*s", (int)at, dir);
		parent = copy_open_beneath(r->root, at ? path : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		if (parent < 0)
			return parent;
		(void)snprintf(path, sizeof(path), "%.*s", (int)(end - start), dir + start);
		if (mkdirat(parent, path, 0777) < 0 && errno != EEXIST)
			return -errno;
		if (!dir[end])
			return 0;
		at = end;
	}
}

/* The directory that rel is in: a descriptor of r's, kept for the next one; *ret_name is its name in there. */
static int open_parent(struct receiver *r, const char *rel, const char **ret_name)
{
	const char *slash = strrchr(rel, '/');
	char dir[PATH_MAX];
	int fd;

	*ret_name = slash ? slash + 1 : rel;
	(void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - rel) : 0, rel);
	if (r->parent >= 0 && !strcmp(dir, r->parent_path))
		return r->parent;
	fd = copy_open_beneath(r->root, *dir ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd == -ENOENT) {
		fd = make_parents(r, dir);
		if (fd == 0)
			fd = copy_open_beneath(r->root, dir, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	}
	if (fd < 0)
		return fd;
	close_fdp(&r->parent);
	(void)snprintf(r->parent_path, sizeof(r->parent_path), "%s", dir);
	r->parent = fd;
	return fd;
}

mode_t receive_mode(const struct receiver *r, mode_t mode, bool owned)
{
	if (r->flags & COPY_OWNERS)
		return mode & (owned ? 07777 : 0777);
	return r->flags & COPY_TRUSTED ? mode & 0777 : mode & 0777 & ~r->umask;
}

/* --- what is neither file nor directory --- */

int receive_temporary(char ret[static RECEIVE_TEMPORARY])
{
	uint64_t n;

	if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		return -errno;
	(void)snprintf(ret, RECEIVE_TEMPORARY, ".podfs-cp.%016llx", (unsigned long long)n);
	return 0;
}

/* Makes a link by `make`, in the place of whatever file has the name. */
static int put_in_place(struct receiver *r, int dir, const char *name,
			int (*make)(struct receiver *r, int dir, const char *name))
{
	char temporary[RECEIVE_TEMPORARY];
	struct stat st;
	int e = make(r, dir, name);

	if (e != -EEXIST)
		return e;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return -EISDIR;
	e = receive_temporary(temporary);
	if (e == 0)
		e = make(r, dir, temporary);
	if (e < 0)
		return e;
	e = renameat(dir, temporary, dir, name) < 0 ? -errno : 0;
	/* it is still there also where both were names of one file */
	(void)unlinkat(dir, temporary, 0); /* ignoring: it is gone, as a rule */
	return e;
}

static void set_owner(const struct receiver *r, int dir, const char *name, const struct tar_entry *e)
{
	if (r->flags & COPY_OWNERS)
		(void)fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW); /* ignoring: where it may be done */
}

static int make_symlink(struct receiver *r, int dir, const char *name)
{
	const struct tar_entry *e = &r->entry;
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { e->mtime, e->mtime_nsec } };

	if (symlinkat(e->target, dir, name) < 0)
		return -errno;
	set_owner(r, dir, name, e);
	(void)utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW); /* ignoring: some file systems cannot */
	return 0;
}

static int make_hard(struct receiver *r, int dir, const char *name)
{
	return linkat(r->link_dir, r->link_name, dir, name, 0) < 0 ? -errno : 0;
}

/* A further name, of a file that this archive has brought. */
static int put_hard(struct receiver *r, const char *rel)
{
	_cleanup_close_ int from = -1;
	char target[PATH_MAX], dir[PATH_MAX];
	const char *name, *slash;
	struct stat st;
	int fd, e = place(r, r->entry.target, target);

	if (e < 0 || !*target)
		return -EINVAL;
	slash = strrchr(target, '/');
	(void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - target) : 0, target);
	from = copy_open_beneath(r->root, *dir ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (from < 0)
		return from;
	r->link_dir = from;
	r->link_name = slash ? slash + 1 : target;
	if (fstatat(from, r->link_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (!(r->flags & COPY_TRUSTED) && !receive_is_ours(r, &st)))
		return -EPERM;
	fd = open_parent(r, rel, &name);
	return fd < 0 ? fd : put_in_place(r, fd, name, make_hard);
}

/* --- directories --- */

static void finish_dir(struct receiver *r, const struct receive_dir *d, const char *rel)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { d->mtime, d->mtime_nsec } };
	_cleanup_close_ int fd = copy_open_beneath(r->root, *rel ? rel : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	bool owned = fd >= 0 && r->flags & COPY_OWNERS && fchown(fd, d->uid, d->gid) == 0;

	if (fd >= 0 && futimens(fd, times) < 0 && errno != EPERM)
		(void)copy_fail(r->c, r->base, rel, -errno);
	if (fd < 0 || fchmod(fd, receive_mode(r, d->mode, owned)) < 0)
		(void)copy_fail(r->c, r->base, rel, fd < 0 ? fd : -errno);
}

/* Modes and times are set at the end, when nothing is made in it any more. */
static int remember_dir(struct receiver *r, const char *rel)
{
	const struct tar_entry *e = &r->entry;
	struct receive_dir d = { e->mtime, e->mtime_nsec, e->mode, e->uid, e->gid };

	if (r->dirs.len > DIRS_MAX) {
		finish_dir(r, &d, rel);
		return 0;
	}
	buf_append(&r->dirs, &d, sizeof(d));
	buf_append(&r->dirs, rel, strlen(rel) + 1);
	return buf_failed(&r->dirs) ? -ENOMEM : 0;
}

static int put_dir(struct receiver *r, const char *rel)
{
	const char *name;
	struct stat st;
	int dir;

	if (!*rel)
		return r->made_root || r->flags & COPY_OWNERS ? remember_dir(r, rel) : 0;
	dir = open_parent(r, rel, &name);
	if (dir < 0)
		return dir;
	if (mkdirat(dir, name, 0700) == 0)
		return remember_dir(r, rel);
	if (errno != EEXIST)
		return -errno;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* one that is there stays as it is */
	return !S_ISDIR(st.st_mode) ? -ENOTDIR : r->flags & COPY_OWNERS ? remember_dir(r, rel) : 0;
}

/* Those below first, since the mode of one above may forbid to reach them. */
static void finish_dirs(struct receiver *r)
{
	_cleanup_free_ size_t *starts = NULL;
	size_t n = 0, max = r->dirs.len / (sizeof(struct receive_dir) + 1) + 1;

	starts = calloc(max, sizeof(*starts));
	if (!starts || buf_failed(&r->dirs))
		return;
	for (size_t at = 0; at < r->dirs.len; n++) {
		starts[n] = at;
		at += sizeof(struct receive_dir) + strlen(r->dirs.data + at + sizeof(struct receive_dir)) + 1;
	}
	while (n-- > 0) {
		struct receive_dir d;

		memcpy(&d, r->dirs.data + starts[n], sizeof(d));
		finish_dir(r, &d, r->dirs.data + starts[n] + sizeof(d));
	}
}

/* --- entries --- */

static int put_other(struct receiver *r, const char *rel)
{
	copy_say(r->c, r->base, rel, "neither file, directory nor link, left out");
	return 0;
}

static int put_link(struct receiver *r, const char *rel)
{
	const char *name;
	int dir;

	/* else a second copy to the same name would go where it points */
	if (!(r->flags & (COPY_CONTENTS | COPY_INTO)) && !strchr(rel, '/') && !(r->flags & COPY_TRUSTED))
		return -EPERM;
	dir = open_parent(r, rel, &name);
	return dir < 0 ? dir : put_in_place(r, dir, name, make_symlink);
}

static int put(struct receiver *r, const char *rel)
{
	const char *name;
	int dir;

	if (!*rel && r->entry.type != TAR_DIR)
		return -EINVAL;
	if (r->wants_dir && r->entry.type != TAR_DIR && !strchr(rel, '/'))
		return -ENOTDIR;
	switch (r->entry.type) {
	case TAR_DIR:
		return put_dir(r, rel);
	case TAR_LINK:
		return put_link(r, rel);
	case TAR_HARD:
		return put_hard(r, rel);
	case TAR_FILE:
		dir = open_parent(r, rel, &name);
		return dir < 0 ? dir : receive_file(r, dir, name);
	case TAR_SPARSE:
		return -EOPNOTSUPP;
	default:
		return put_other(r, rel);
	}
}

/* Whether nothing that follows will fare better. */
static bool ends_all(int code)
{
	return code == -ENOSPC || code == -EDQUOT || code == -EROFS || code == -EIO || code == -ENOMEM || code == -EOPNOTSUPP;
}

static int receive_all(struct receiver *r)
{
	char rel[PATH_MAX];

	for (;;) {
		int e = tar_read(r->in, &r->entry);

		if (e <= 0)
			return e;
		e = place(r, r->entry.path, rel);
		if (e < 0) {
			copy_say(r->c, r->entry.path, "", e == -EINVAL ? "not a name that may come in this archive, left out" :
									  strerrordesc_np(-e));
			continue;
		}
		e = put(r, rel);
		if (r->stream_error) /* the archive's, not the file's */
			return r->stream_error;
		if (e == -EOPNOTSUPP)
			copy_say(r->c, r->base, rel, "archives of sparse files are not read");
		else if (e < 0)
			(void)copy_fail(r->c, r->base, rel, e);
		if (e < 0 && ends_all(e))
			return e;
	}
}

int copy_receive(struct copy *c, const char *path, const char *name, unsigned flags, struct tar_in *in)
{
	struct receiver *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return copy_fail(c, path, "", -ENOMEM);
	*r = (struct receiver){ .c = c, .in = in, .name = name, .flags = flags, .root = -1, .parent = -1, .umask = umask(0) };
	(void)umask(r->umask);
	e = receive_open(r, path);
	if (e == 0) {
		e = receive_all(r);
		finish_dirs(r);
	}
	close_fdp(&r->root);
	close_fdp(&r->parent);
	buf_clear(&r->dirs);
	free(r->ours);
	free(r);
	return e;
}
