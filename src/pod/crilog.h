/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's output, copied to its log file in the CRI format: "RFC3339Nano stdout|stderr F|P text". Lines longer
 * than 16 KiB are split, the parts flagged P, as containerd does; so is a last line without newline.
 *
 * What is read at once is written at once, from one buffer that all logs share. What cannot be written (full disk,
 * directory gone) is dropped and counted, so that the container is never blocked for good.
 *
 * Who writes counts, so rotation needs nobody else and no polling: before a batch would make RUN.log larger than its
 * limit, it is renamed to RUN.log.N, N counting from 1, and the oldest of as many as are kept is removed. A line that is
 * unfinished stays in one file up to twice the limit, so that is what a container can have of the disk.
 */
#ifndef PODFS_POD_CRILOG_H
#define PODFS_POD_CRILOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

enum {
	CRILOG_LINE_MAX = 16 * 1024,               /* containerd's max_container_log_line_size */
	CRILOG_IN_SIZE = CRILOG_LINE_MAX + 64 * 1024, /* of one read: what a pipe holds */
	CRILOG_OUT_SIZE = 128 * 1024,		     /* of one write */
	CRILOG_TIME_SIZE = sizeof("2006-01-02T15:04:05.000000000Z"),
};

enum crilog_which { CRILOG_STDOUT = 0, CRILOG_STDERR = 1 };

struct crilog_stream {
	char *rest; /* CRILOG_LINE_MAX bytes, borrowed: the beginning of a line whose end is to come */
	size_t fill;
	bool partial; /* the last line written was but a part */
};

/* Used during a call only, and so shared by all logs. */
struct crilog_buffers {
	char in[CRILOG_IN_SIZE], out[CRILOG_OUT_SIZE];
};

struct crilog {
	struct crilog_buffers *buffers; /* borrowed */
	int fd; /* the file, opened for appending; -1: output is thrown away */
	bool failing; /* the last write failed */
	uint64_t lost; /* lines dropped */
	const char *path; /* of the file, borrowed; may be NULL without a limit */
	uint64_t size;	    /* bytes in it */
	uint64_t max_size;  /* 0: never rotated */
	uint32_t max_files; /* with the one that is written; at least 2 */
	uint32_t rotations; /* the number of the newest rotated file */
	struct crilog_stream streams[2];
};

/* Opens `path` for appending, 0640, made if it is missing; *ret_size may be NULL. A descriptor or negative errno. */
int crilog_open(const char *path, uint64_t *ret_size);

/* Reads once from fd into the stream and writes the whole lines. Returns the bytes read, 0 at end of file, negative
 * errno of read (-EAGAIN). Write failures are not returned: see failing and lost. */
ssize_t crilog_copy(struct crilog *log, enum crilog_which which, int fd);

/* Takes up to CRILOG_IN_SIZE - CRILOG_LINE_MAX bytes; eof flushes an unfinished line. */
void crilog_feed(struct crilog *log, enum crilog_which which, const char *data, size_t len, bool eof, int64_t now);

/* Real time `t` (ns since 1970) in UTC with nine digits of fraction. Like clock_format_rfc3339nano(), but loads no
 * time zone and allocates nothing. */
void crilog_format_time(int64_t t, char out[static CRILOG_TIME_SIZE]);

#endif
