/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/crilog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	HEADER_SIZE = CRILOG_TIME_SIZE + sizeof("stdout F "),
	ROTATED_PATH_MAX = 1024 + 16,
	ROTATED_TRIES = 64, /* numbers that others have taken */
};

/* One write in the making, in log->buffers->out. */
struct batch {
	struct crilog *log;
	struct crilog_stream *stream;
	uint64_t lines;
	size_t len;
	size_t header_len;
	bool partial_end; /* its last line is but a part */
	char header[HEADER_SIZE];
};

static void put_digits(char *out, unsigned width, uint64_t v)
{
	while (width-- > 0) {
		out[width] = (char)('0' + v % 10);
		v /= 10;
	}
}

void crilog_format_time(int64_t t, char out[static CRILOG_TIME_SIZE])
{
	uint64_t ns = (uint64_t)(t > 0 ? t : 0);
	uint64_t sec = ns / NSEC_PER_SEC;
	uint64_t day = sec / 86400, left = sec % 86400;
	/* Civil date of a day number, in 400-year eras that begin on 1 March 0000 (719468 days before 1970). */
	uint64_t z = day + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	uint64_t mp = (5 * doy + 2) / 153;
	uint64_t month = mp < 10 ? mp + 3 : mp - 9;

	memcpy(out, "0000-00-00T00:00:00.000000000Z", CRILOG_TIME_SIZE);
	put_digits(out, 4, yoe + era * 400 + (month <= 2));
	put_digits(out + 5, 2, month);
	put_digits(out + 8, 2, doy - (153 * mp + 2) / 5 + 1);
	put_digits(out + 11, 2, left / 3600);
	put_digits(out + 14, 2, left / 60 % 60);
	put_digits(out + 17, 2, left % 60);
	put_digits(out + 20, 9, ns % NSEC_PER_SEC);
}

int crilog_open(const char *path, uint64_t *ret_size)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0640);
	struct stat st;

	if (fd >= 0 && ret_size)
		*ret_size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return fd < 0 ? -errno : fd;
}

/* Puts the number behind the path. False: it does not fit. */
static bool rotated_path(const struct crilog *log, uint32_t number, char out[static ROTATED_PATH_MAX])
{
	int n = snprintf(out, ROTATED_PATH_MAX, "%s.%u", log->path, number);

	return n > 0 && n < ROTATED_PATH_MAX;
}

/* Gives the file a number that is free. */
static int move_away(struct crilog *log, char to[static ROTATED_PATH_MAX])
{
	int r = -ENAMETOOLONG;

	for (unsigned i = 0; i < ROTATED_TRIES && rotated_path(log, log->rotations + 1, to); i++) {
		r = renameat2(AT_FDCWD, log->path, AT_FDCWD, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
		if (r == -EINVAL) /* a file system that cannot; nobody else makes files of these names */
			r = faccessat(AT_FDCWD, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? -EEXIST :
			    rename(log->path, to) < 0			     ? -errno : 0;
		if (r != -EEXIST)
			return r;
		log->rotations++;
	}
	return r;
}

/* Goes on in a new file. The oldest goes first, so that this needs no room on the disk. */
static int rotate(struct crilog *log)
{
	char path[ROTATED_PATH_MAX];
	int fd, r;
	bool gone;

	if (log->rotations + 1 >= log->max_files && rotated_path(log, log->rotations + 2 - log->max_files, path))
		(void)unlink(path); /* ignoring: somebody else may have */
	r = move_away(log, path);
	gone = r == -ENOENT; /* somebody removed the file: a new one is begun */
	if (r < 0 && !gone)
		return r;
	fd = crilog_open(log->path, NULL);
	if (fd < 0) {
		if (!gone)
			(void)rename(path, log->path); /* ignoring: then what is written is found there */
		return fd;
	}
	(void)close(log->fd);
	log->fd = fd;
	log->size = 0;
	log->rotations += !gone;
	return 0;
}

/* Whether a batch may be written. */
static bool make_room(struct crilog *log, size_t bytes)
{
	bool partial = log->streams[0].partial || log->streams[1].partial;

	if (!log->max_size || !log->size || log->size + bytes <= (partial ? 2 : 1) * log->max_size)
		return true;
	return rotate(log) == 0 || log->size + bytes <= 2 * log->max_size;
}

static void batch_begin(struct batch *b, struct crilog *log, enum crilog_which which, int64_t now)
{
	*b = (struct batch){ .log = log, .stream = &log->streams[which] };
	crilog_format_time(now, b->header);
	memcpy(b->header + CRILOG_TIME_SIZE - 1, which == CRILOG_STDOUT ? " stdout F " : " stderr F ",
	       sizeof(" stdout F "));
	b->header_len = strlen(b->header);
}

/*
 * A batch is written whole or not at all: what a full disk took of it is cut off again, so that the file always ends
 * with a whole line and the reader never meets half a header.
 */
static void batch_flush(struct batch *b)
{
	struct crilog *log = b->log;
	ssize_t n;

	if (b->len == 0)
		return;
	if (log->fd < 0 || !make_room(log, b->len)) {
		n = -1;
	} else {
		do
			n = write(log->fd, log->buffers->out, b->len);
		while (n < 0 && errno == EINTR);
	}
	log->failing = n != (ssize_t)b->len;
	if (log->failing) {
		off_t end = n > 0 ? lseek(log->fd, 0, SEEK_CUR) : -1;

		if (end >= n && n > 0 && ftruncate(log->fd, end - n) < 0)
			(void)lseek(log->fd, 0, SEEK_END); /* ignoring: the cut line stays */
		log->lost += b->lines;
	} else {
		log->size += b->len;
	}
	b->stream->partial = b->partial_end;
	b->lines = 0;
	b->len = 0;
}

/* A line or, unless `full`, a part of one; without its newline. */
static void batch_add(struct batch *b, const char *text, size_t len, bool full)
{
	const struct crilog *log = b->log;
	size_t size = b->header_len + len + 1;
	char *at;

	if (b->len + size > CRILOG_OUT_SIZE || (log->max_size && log->size + b->len + size > log->max_size))
		batch_flush(b);
	at = log->buffers->out + b->len;
	memcpy(at, b->header, b->header_len);
	if (!full)
		at[b->header_len - 2] = 'P';
	memcpy(at + b->header_len, text, len);
	at[size - 1] = '\n';
	b->len += size;
	b->partial_end = !full;
	b->lines++;
}

/* The stream's rest and `len` bytes more are in the buffer. */
static void take(struct crilog *log, enum crilog_which which, size_t len, bool eof, int64_t now)
{
	struct crilog_stream *s = &log->streams[which];
	const char *at = log->buffers->in, *end = at + s->fill + len;
	struct batch b;

	batch_begin(&b, log, which, now);
	while (at < end) {
		size_t left = (size_t)(end - at);
		size_t look = left <= CRILOG_LINE_MAX ? left : CRILOG_LINE_MAX + 1;
		const char *nl = memchr(at, '\n', look);

		if (nl) {
			batch_add(&b, at, (size_t)(nl - at), true);
			at = nl + 1;
		} else if (left > CRILOG_LINE_MAX) {
			batch_add(&b, at, CRILOG_LINE_MAX, false);
			at += CRILOG_LINE_MAX;
		} else if (eof) {
			batch_add(&b, at, left, false);
			at = end;
		} else {
			break;
		}
	}
	batch_flush(&b);
	s->fill = (size_t)(end - at);
	if (s->fill > 0)
		memcpy(s->rest, at, s->fill);
}

void crilog_feed(struct crilog *log, enum crilog_which which, const char *data, size_t len, bool eof, int64_t now)
{
	struct crilog_stream *s = &log->streams[which];

	if (s->fill > 0)
		memcpy(log->buffers->in, s->rest, s->fill);
	if (len > 0)
		memcpy(log->buffers->in + s->fill, data, len);
	take(log, which, len, eof, now);
}

ssize_t crilog_copy(struct crilog *log, enum crilog_which which, int fd)
{
	struct crilog_stream *s = &log->streams[which];
	ssize_t n;

	do
		n = read(fd, log->buffers->in + s->fill, CRILOG_IN_SIZE - s->fill);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (s->fill > 0)
		memcpy(log->buffers->in, s->rest, s->fill);
	take(log, which, (size_t)n, n == 0, clock_realtime());
	return n;
}
