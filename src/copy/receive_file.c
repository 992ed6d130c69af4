/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file: written under a name of its own and renamed when it is complete, so that none is ever half there. Where that cannot
 * be (a directory that takes no new files, a file that something is mounted on) it is written in place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "copy/receive.h"

enum { HOLE = 4096 }; /* zeros of that many bytes at such an offset are not written */

/* --- which files are this copy's --- */

static size_t slot_of(const struct receiver *r, const struct receive_file_id *id)
{
	size_t at = (size_t)((id->ino * 0x9e3779b97f4a7c15) ^ id->dev) % r->ours_size;

	while (r->ours[at].ino && (r->ours[at].ino != id->ino || r->ours[at].dev != id->dev))
		at = (at + 1) % r->ours_size;
	return at;
}

bool receive_is_ours(const struct receiver *r, const struct stat *st)
{
	const struct receive_file_id id = { st->st_dev, st->st_ino };

	return r->ours_size && r->ours[slot_of(r, &id)].ino;
}

static int grow(struct receiver *r)
{
	struct receive_file_id *old = r->ours;
	size_t size = r->ours_size;

	r->ours_size = size ? 2 * size : 1024;
	r->ours = calloc(r->ours_size, sizeof(*r->ours));
	if (!r->ours) {
		r->ours = old;
		r->ours_size = size;
		return -ENOMEM;
	}
	for (size_t i = 0; i < size; i++)
		if (old[i].ino)
			r->ours[slot_of(r, &old[i])] = old[i];
	free(old);
	return 0;
}

static int remember(struct receiver *r, int fd)
{
	struct receive_file_id id;
	struct stat st;

	if (r->flags & COPY_TRUSTED)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (2 * r->n_ours >= r->ours_size && grow(r) < 0)
		return -ENOMEM;
	id = (struct receive_file_id){ st.st_dev, st.st_ino };
	r->ours[slot_of(r, &id)] = id;
	r->n_ours++;
	return 0;
}

/* --- its bytes --- */

static bool is_zero(const unsigned char *data, size_t size)
{
	return data[0] == 0 && !memcmp(data, data + 1, size - 1);
}

static int write_at(int fd, const unsigned char *data, size_t size, uint64_t at)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, data, size, (off_t)at);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			size -= (size_t)n;
			at += (uint64_t)n;
		}
	}
	return 0;
}

/* The same, but for what is zero: fd is a file that holds nothing else there. */
static int write_sparsely(int fd, const unsigned char *data, size_t size, uint64_t at)
{
	while (size > 0) {
		size_t n = HOLE - at % HOLE, next;
		int e = 0;

		n = n < size ? n : size;
		if (!is_zero(data, n)) {
			/* as much as there is up to the next hole, in one go */
			while (n < size && (next = size - n < HOLE ? size - n : HOLE) && !is_zero(data + n, next))
				n += next;
			e = write_at(fd, data, n, at);
		}
		if (e < 0)
			return e;
		data += n;
		size -= n;
		at += n;
	}
	return 0;
}

static int write_data(struct receiver *r, int fd)
{
	const unsigned char *data;
	uint64_t at = 0;
	ssize_t n;
	int e;

	while ((n = tar_read_data(r->in, &data)) > 0) {
		e = write_sparsely(fd, data, (size_t)n, at);
		if (e < 0)
			return e;
		at += (uint64_t)n;
	}
	if (n < 0)
		return r->stream_error = (int)n;
	return ftruncate(fd, (off_t)at) < 0 ? -errno : 0;
}

static int set_attributes(const struct receiver *r, int fd)
{
	const struct tar_entry *e = &r->entry;
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { e->mtime, e->mtime_nsec } };

	bool owned = r->flags & COPY_OWNERS && fchown(fd, e->uid, e->gid) == 0;

	if (fchmod(fd, receive_mode(r, e->mode, owned)) < 0)
		return -errno;
	return futimens(fd, times) < 0 && errno != EPERM ? -errno : 0;
}

/* --- its name --- */

static int open_existing(int dir, const char *name)
{
	_cleanup_close_ int fd = copy_open_beneath(dir, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return ftruncate(fd, 0) < 0 ? -errno : steal_fd(&fd);
}

/* The archive's bytes over those of the file that is there. */
static int write_in_place(struct receiver *r, int dir, const char *name)
{
	_cleanup_close_ int fd = open_existing(dir, name);
	int e = fd < 0 ? fd : write_data(r, fd);

	if (e == 0)
		(void)set_attributes(r, fd); /* ignoring: it is somebody else's, perhaps */
	return e;
}

/* Those of a complete file, which cannot take that one's name. */
static int copy_in_place(struct receiver *r, int from, int dir, const char *name)
{
	_cleanup_close_ int to = open_existing(dir, name);
	unsigned char chunk[16384];
	uint64_t at = 0;
	ssize_t n;
	int e = to < 0 ? to : 0;

	while (e == 0 && (n = pread(from, chunk, sizeof(chunk), (off_t)at)) != 0) {
		e = n < 0 ? -errno : write_at(to, chunk, (size_t)n, at);
		at += n > 0 ? (uint64_t)n : 0;
	}
	if (e == 0)
		(void)set_attributes(r, to); /* ignoring: as above */
	return e;
}

int receive_file(struct receiver *r, int dir, const char *name)
{
	char temporary[RECEIVE_TEMPORARY];
	_cleanup_close_ int fd = -1;
	struct stat st;
	int e;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return -EISDIR;
	e = receive_temporary(temporary);
	if (e < 0)
		return e;
	fd = openat(dir, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		int other, why = -errno;

		if (why != -EACCES && why != -EPERM && why != -EROFS)
			return why;
		other = write_in_place(r, dir, name);
		return other == -ENOENT ? why : other;
	}
	e = write_data(r, fd);
	if (e == 0)
		e = remember(r, fd);
	if (e == 0)
		e = set_attributes(r, fd);
	if (e == 0)
		e = renameat(dir, temporary, dir, name) < 0 ? -errno : 0;
	if (e == -EBUSY)
		e = copy_in_place(r, fd, dir, name);
	else if (e == 0)
		return 0;
	(void)unlinkat(dir, temporary, 0); /* ignoring: it was made above */
	return e;
}
