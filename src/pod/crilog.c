/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/crilog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	IOVECS = 96, /* of one writev: a batch of 32 to 48 lines */
	HEADER_SIZE = CRILOG_TIME_SIZE + sizeof("stdout F "),
	ROTATED_PATH_MAX = 1024 + 16,
	ROTATED_TRIES = 64, /* numbers that others have taken */
};

/* One writev in the making. */
struct batch {
	struct crilog *log;
	struct crilog_stream *stream;
	int n;
	uint64_t lines;
	size_t bytes;
	size_t header_len;
	bool partial_end; /* its last line is but a part */
	char full[HEADER_SIZE];
	char partial[HEADER_SIZE];
	struct iovec iov[IOVECS];
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

	if (log->rotations + 1 >= log->max_files && rotated_path(log, log->rotations + 2 - log->max_files, path))
		(void)unlink(path); /* ignoring: somebody else may have */
	r = move_away(log, path);
	if (r < 0)
		return r;
	fd = crilog_open(log->path, NULL);
	if (fd < 0) {
		(void)rename(path, log->path); /* ignoring: then what is written is found there */
		return fd;
	}
	(void)close(log->fd);
	log->fd = fd;
	log->size = 0;
	log->rotations++;
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
	b->log = log;
	b->stream = &log->streams[which];
	b->n = 0;
	b->lines = 0;
	b->bytes = 0;
	crilog_format_time(now, b->full);
	memcpy(b->full + CRILOG_TIME_SIZE - 1, which == CRILOG_STDOUT ? " stdout F " : " stderr F ",
	       sizeof(" stdout F "));
	b->header_len = strlen(b->full);
	memcpy(b->partial, b->full, b->header_len + 1);
	b->partial[b->header_len - 2] = 'P';
}

/*
 * A batch is written whole or not at all: what a full disk took of it is cut off again, so that the file always ends
 * with a whole line and the reader never meets half a header.
 */
static void batch_flush(struct batch *b)
{
	struct crilog *log = b->log;
	ssize_t n;

	if (b->n == 0)
		return;
	if (log->fd < 0 || !make_room(log, b->bytes)) {
		n = -1;
	} else {
		do
			n = writev(log->fd, b->iov, b->n);
		while (n < 0 && errno == EINTR);
	}
	log->failing = n != (ssize_t)b->bytes;
	if (log->failing) {
		off_t end = n > 0 ? lseek(log->fd, 0, SEEK_CUR) : -1;

		if (end >= n && n > 0 && ftruncate(log->fd, end - n) < 0)
			(void)lseek(log->fd, 0, SEEK_END); /* ignoring: the cut line stays */
		log->lost += b->lines;
	} else {
		log->size += b->bytes;
	}
	b->stream->partial = b->partial_end;
	b->n = 0;
	b->lines = 0;
	b->bytes = 0;
}

static void batch_add(struct batch *b, const char *text, size_t len, bool full, bool has_newline)
{
	if (b->n + 3 > IOVECS)
		batch_flush(b);
	b->iov[b->n++] = (struct iovec){ .iov_base = full ? b->full : b->partial, .iov_len = b->header_len };
	b->iov[b->n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)text, .iov_len = len };
	b->bytes += b->header_len + len;
	if (!has_newline) {
		b->iov[b->n++] = (struct iovec){ .iov_base = (void *)(uintptr_t)"\n", .iov_len = 1 };
		b->bytes++;
	}
	b->partial_end = !full;
	b->lines++;
}

void crilog_feed(struct crilog *log, enum crilog_which which, size_t len, bool eof, int64_t now)
{
	struct crilog_stream *s = &log->streams[which];
	char *at = s->buffer, *end;
	struct batch b;

	s->fill += len;
	end = s->buffer + s->fill;
	batch_begin(&b, log, which, now);
	while (at < end) {
		size_t left = (size_t)(end - at);
		size_t look = left <= CRILOG_LINE_MAX ? left : CRILOG_LINE_MAX + 1;
		char *nl = memchr(at, '\n', look);

		if (nl) {
			batch_add(&b, at, (size_t)(nl - at) + 1, true, true);
			at = nl + 1;
		} else if (left > CRILOG_LINE_MAX) {
			batch_add(&b, at, CRILOG_LINE_MAX, false, false);
			at += CRILOG_LINE_MAX;
		} else if (eof) {
			batch_add(&b, at, left, false, false);
			at = end;
		} else {
			break;
		}
	}
	batch_flush(&b);
	s->fill = (size_t)(end - at);
	if (s->fill > 0 && at != s->buffer)
		memmove(s->buffer, at, s->fill);
}

ssize_t crilog_copy(struct crilog *log, enum crilog_which which, int fd)
{
	struct crilog_stream *s = &log->streams[which];
	ssize_t n;

	/* After a feed at most CRILOG_LINE_MAX bytes are left, so there is always room for a page. */
	do
		n = read(fd, s->buffer + s->fill, CRILOG_BUFFER_SIZE - s->fill);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	crilog_feed(log, which, (size_t)n, n == 0, clock_realtime());
	return n;
}
