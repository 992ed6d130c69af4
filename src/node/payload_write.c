/* SPDX-License-Identifier: Apache-2.0 */
/* A payload on disk: node/payload.h has the layout. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "node/payload.h"

static const char data_link[] = "..data", data_new[] = "..data_tmp";

enum { DIR_MODE = 0755, GROUP_FILE = 0440, GROUP_DIR = 02550, NAME_SIZE = 64 };

/* Opens below dir, through no link and never out of it. */
static int open_below(int dir, const char *path, uint64_t flags, mode_t mode)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC | O_NOFOLLOW,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int set_owner(int fd, uid_t owner, gid_t group, mode_t mode)
{
	if ((owner || group != (gid_t)-1) && fchown(fd, owner ? owner : (uid_t)-1, group) < 0)
		return -errno;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

static int set_group(int fd, gid_t group, mode_t mode)
{
	return set_owner(fd, 0, group, mode);
}

static mode_t file_mode(const struct payload_file *f, gid_t group)
{
	return group == (gid_t)-1 ? f->mode : f->mode | GROUP_FILE;
}

static mode_t dir_mode(gid_t group)
{
	return group == (gid_t)-1 ? DIR_MODE : DIR_MODE | GROUP_DIR;
}

/* --- does it hold this already? --- */

static bool same_file(int dir, const struct payload_file *f, gid_t group)
{
	_cleanup_close_ int fd = open_below(dir, f->path, O_RDONLY, 0);
	struct stat st;
	char chunk[4096];

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < 0 || (size_t)st.st_size != f->len ||
	    (st.st_mode & 07777) != file_mode(f, group) || (group != (gid_t)-1 && st.st_gid != group) ||
	    (f->owner && st.st_uid != f->owner) || (f->issued && st.st_mtime != f->issued))
		return false;
	for (size_t at = 0; at < f->len;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), (off_t)at);

		if (n <= 0 || (size_t)n > f->len - at || memcmp(chunk, f->data + at, (size_t)n) != 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* The names at the top of a payload: the first components of its paths. */
static bool is_top(const struct payload *p, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < p->n; i++)
		if (!strncmp(p->files[i].path, name, len) && (!p->files[i].path[len] || p->files[i].path[len] == '/'))
			return true;
	return false;
}

static size_t count_files(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d))) {
		_cleanup_close_ int sub = -1;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (e->d_type == DT_DIR)
			sub = openat(copy, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		n += sub < 0 ? 1 : count_files(sub);
	}
	return n;
}

static bool holds(int dir, const char *current, const struct payload *p, gid_t group)
{
	_cleanup_close_ int data = *current ? open_below(dir, current, O_RDONLY | O_DIRECTORY, 0) : -1;

	if (data < 0 || count_files(data) != p->n)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (!same_file(data, &p->files[i], group))
			return false;
	return true;
}

/* --- a new version --- */

static int make_parents(int dir, const char *path, gid_t group)
{
	_cleanup_free_ char *copy = strdup(path);
	int r;

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_close_ int fd = -1;

		*slash = '\0';
		if (mkdirat(dir, copy, DIR_MODE) < 0 && errno != EEXIST)
			return -errno;
		fd = open_below(dir, copy, O_RDONLY | O_DIRECTORY, 0);
		r = fd < 0 ? fd : set_group(fd, group, dir_mode(group));
		if (r < 0)
			return r;
		*slash = '/';
	}
	return 0;
}

static int write_file(int dir, const struct payload_file *f, gid_t group)
{
	_cleanup_close_ int fd = -1;
	int r = make_parents(dir, f->path, group);

	if (r < 0)
		return r;
	fd = open_below(dir, f->path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fd;
	for (size_t at = 0; at < f->len;) {
		ssize_t n = write(fd, f->data + at, f->len - at);

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	r = set_owner(fd, f->owner, group, file_mode(f, group));
	if (r == 0 && f->issued) {
		const struct timespec times[] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)f->issued } };

		r = futimens(fd, times) < 0 ? -errno : 0;
	}
	return r;
}

/* Makes a directory of a new name with the files in it. */
static int write_version(int dir, const struct payload *p, gid_t group, char name[static NAME_SIZE], struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct timespec now;
	struct tm tm;
	char stamp[32];
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	(void)gmtime_r(&now.tv_sec, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y_%m_%d_%H_%M_%S", &tm);
	(void)snprintf(name, NAME_SIZE, "..%s.%09ld", stamp, now.tv_nsec);
	if (mkdirat(dir, name, DIR_MODE) < 0)
		return error_errno(err, -errno, "%s", name);
	fd = open_below(dir, name, O_RDONLY | O_DIRECTORY, 0);
	r = fd < 0 ? fd : set_group(fd, group, dir_mode(group));
	if (r < 0)
		return error_errno(err, r, "%s", name);
	for (size_t i = 0; i < p->n; i++) {
		r = write_file(fd, &p->files[i], group);
		if (r < 0)
			return error_errno(err, r, "%s", p->files[i].path);
	}
	return 0;
}

/* The links by which the files are found: those that are missing are made. */
static int link_names(int dir, const struct payload *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const char *path = p->files[i].path;
		_cleanup_free_ char *name = strndup(path, strcspn(path, "/")), *target = NULL;

		if (!name || asprintf(&target, "%s/%s", data_link, name) < 0)
			return -ENOMEM;
		if (symlinkat(target, dir, name) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Removes what is neither the version in force nor a name of the payload: older versions, and those half made. */
static void sweep(int dir, const struct payload *p, const char *current)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		const char *name = e->d_name;

		if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, data_link) || !strcmp(name, current) ||
		    is_top(p, name))
			continue;
		(void)remove_tree(dir, name); /* ignoring: the next update tries again */
	}
}

static int update(int dir, const struct payload *p, gid_t group, struct error *err)
{
	char current[NAME_SIZE] = "", name[NAME_SIZE];
	ssize_t len = readlinkat(dir, data_link, current, sizeof(current) - 1);
	int r;

	current[len > 0 ? len : 0] = '\0';
	if (!holds(dir, current, p, group)) {
		r = write_version(dir, p, group, name, err);
		if (r < 0) {
			(void)remove_tree(dir, name); /* ignoring: the next update sweeps it */
			return r;
		}
		(void)unlinkat(dir, data_new, 0); /* ignoring: mostly not there */
		if (symlinkat(name, dir, data_new) < 0 || renameat(dir, data_new, dir, data_link) < 0)
			return error_errno(err, -errno, "%s", data_link);
		memcpy(current, name, sizeof(current));
	}
	r = link_names(dir, p);
	if (r < 0)
		return error_errno(err, r, "make links");
	sweep(dir, p, current);
	return 0;
}

int payload_write(const char *path, const struct payload *p, gid_t group, struct error *err)
{
	_cleanup_close_ int dir = -1;
	int r;

	if (mkdir(path, DIR_MODE) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "%s", path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir < 0 ? -errno : set_group(dir, group, dir_mode(group));
	return r < 0 ? error_errno(err, r, "%s", path) : update(dir, p, group, err);
}
