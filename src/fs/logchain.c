/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/logchain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* --- the files --- */

static bool parse_name(const char *name, struct logfile *ret)
{
	char check[LOGFILE_NAME_SIZE];

	*ret = (struct logfile){ 0 };
	if (strlen(name) >= sizeof(check) || sscanf(name, "%9u.log.%9u", &ret->run, &ret->number) < 1)
		return false;
	if (ret->number)
		(void)snprintf(check, sizeof(check), "%u.log.%u", ret->run, ret->number);
	else
		(void)snprintf(check, sizeof(check), "%u.log", ret->run);
	return strcmp(name, check) == 0;
}

static int by_age(const void *a, const void *b)
{
	const struct logfile *x = a, *y = b;

	if (x->run != y->run)
		return x->run < y->run ? 1 : -1;
	/* 0, which is still written, is the newest */
	return x->number - 1 < y->number - 1 ? 1 : x->number != y->number ? -1 : 0;
}

size_t logfiles_find(int dirfd, struct logfile files[static LOGFILES_MAX])
{
	_cleanup_closedir_ DIR *d = dirfd >= 0 ? fdopendir(dirfd) : NULL;
	struct dirent *de;
	size_t n = 0, had;

	if (!d) {
		close_fdp(&dirfd);
		return 0;
	}
	while (n < LOGFILES_MAX && (de = readdir(d)))
		n += parse_name(de->d_name, &files[n]);
	qsort(files, n, sizeof(files[0]), by_age);
	had = n;
	for (size_t i = 0; i < had && n < LOGFILES_MAX; i++)
		if (files[i].number && (!i || files[i - 1].run != files[i].run))
			files[n++] = (struct logfile){ .run = files[i].run };
	if (n > had)
		qsort(files, n, sizeof(files[0]), by_age);
	return n;
}

unsigned logfiles_next(const struct logfile *files, size_t n, unsigned run)
{
	for (size_t i = 0; i < n; i++)
		if (files[i].run == run && files[i].number)
			return files[i].number + 1;
	return 1;
}

static int open_file(int dirfd, unsigned run, unsigned number)
{
	char name[LOGFILE_NAME_SIZE];
	int fd;

	if (number)
		(void)snprintf(name, sizeof(name), "%u.log.%u", run, number);
	else
		(void)snprintf(name, sizeof(name), "%u.log", run);
	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* The lowest number of the run's rotated files that is above `number`; 0: there is none. */
static unsigned next_above(int dirfd, unsigned run, unsigned number)
{
	_cleanup_closedir_ DIR *d = NULL;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned best = 0;
	struct dirent *de;
	struct logfile f;

	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d) {
		close_fdp(&fd);
		return 0;
	}
	while ((de = readdir(d)))
		if (parse_name(de->d_name, &f) && f.run == run && f.number > number && (!best || f.number < best))
			best = f.number;
	return best;
}

/* --- a chain --- */

static int add_part(struct logchain *c, unsigned number, uint64_t start)
{
	struct logpart *bigger = reallocarray(c->parts, c->n + 1, sizeof(*bigger));

	if (!bigger)
		return -ENOMEM;
	c->parts = bigger;
	c->parts[c->n++] = (struct logpart){ .number = number, .start = start };
	return 0;
}

int logchain_init(struct logchain *c, unsigned run, unsigned number, uint64_t start, bool follows)
{
	*c = (struct logchain){ .run = run, .follows = follows };
	return add_part(c, number, start);
}

void logchain_clear(struct logchain *c)
{
	for (size_t i = 0; i < c->n; i++)
		logindex_clear(&c->parts[i].index);
	free(c->parts);
	*c = (struct logchain){ 0 };
}

uint64_t logchain_size(const struct logchain *c)
{
	return c->n ? c->parts[c->n - 1].start + c->parts[c->n - 1].index.plain : 0;
}

/* Takes in what the part's file holds. */
static int update_part(struct logchain *c, struct logpart *p, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (p->open && p->file != st.st_ino)
		logindex_clear(&p->index);
	p->file = st.st_ino;
	p->open = true;
	c->mtime = (int64_t)st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
	return logindex_update(&p->index, fd);
}

/* Opens the file that is the last part. 0 with *ret_fd -1: it is not there (any more); *ret_ended: it was rotated. */
static int open_last(const struct logchain *c, int dirfd, int *ret_fd, bool *ret_ended)
{
	const unsigned number = c->parts[c->n - 1].number;
	_cleanup_close_ int rotated = open_file(dirfd, c->run, number), fd = -1;

	*ret_ended = true;
	*ret_fd = -1;
	if (rotated == -ENOENT && c->follows) {
		*ret_ended = next_above(dirfd, c->run, number) != 0;
		fd = *ret_ended ? -ENOENT : open_file(dirfd, c->run, 0);
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		rotated = open_file(dirfd, c->run, number); /* since a moment ago, perhaps */
		*ret_ended = rotated >= 0;
	}
	if (rotated < 0 && rotated != -ENOENT)
		return rotated;
	*ret_fd = rotated >= 0 ? steal_fd(&rotated) : steal_fd(&fd);
	return 0;
}

/* Those that were read and are gone. */
static void drop_removed(struct logchain *c, int dirfd)
{
	size_t gone = 0;

	for (; gone + 1 < c->n; gone++) {
		_cleanup_close_ int fd = open_file(dirfd, c->run, c->parts[gone].number);

		if (fd >= 0)
			break;
		logindex_clear(&c->parts[gone].index);
	}
	if (gone)
		memmove(c->parts, c->parts + gone, (c->n - gone) * sizeof(*c->parts));
	c->n -= gone;
}

int logchain_update(struct logchain *c, int dirfd)
{
	size_t before = c->n;
	bool ended = true;
	int r = 0;

	while (r == 0 && ended) {
		struct logpart *p = &c->parts[c->n - 1];
		_cleanup_close_ int fd = -1;
		unsigned next;

		r = open_last(c, dirfd, &fd, &ended);
		if (r == 0 && fd >= 0)
			r = update_part(c, p, fd);
		if (r < 0 || !c->follows || !ended)
			break;
		p->ended = true;
		next = next_above(dirfd, c->run, p->number);
		r = add_part(c, next ? next : p->number + 1, p->start + p->index.plain);
	}
	if (c->n > before)
		drop_removed(c, dirfd);
	return r;
}

/* The file that the part was read from, if it is still there. */
static int open_part(const struct logchain *c, const struct logpart *p, int dirfd)
{
	int fd = p->ended ? -ENOENT : open_file(dirfd, c->run, 0);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == p->file)
		return fd;
	close_fdp(&fd);
	return open_file(dirfd, c->run, p->number);
}

int logchain_read(struct logchain *c, int dirfd, uint64_t off, size_t size, struct buf *out)
{
	const uint64_t end = logchain_size(c);
	size_t got = 0;
	int r = 0;

	if (off >= end)
		return 0;
	if (size > end - off)
		size = (size_t)(end - off);
	while (r == 0 && got < size) {
		uint64_t at = off + got, until = c->parts[0].start;
		struct logpart *p = NULL;
		size_t before = out->len, left;

		for (size_t i = 0; i < c->n && c->parts[i].start <= at; i++) {
			p = &c->parts[i];
			until = p->start + p->index.plain;
		}
		left = until - at < size - got ? (size_t)(until - at) : size - got;
		if (p) {
			_cleanup_close_ int fd = open_part(c, p, dirfd);

			r = fd < 0 ? 0 : logindex_read(&p->index, fd, at - p->start, left, out);
		}
		for (size_t n = out->len - before; r == 0 && n < left; n++)
			buf_putc(out, '\0');
		got += left;
	}
	return r < 0 ? r : buf_failed(out) ? -ENOMEM : 0;
}
