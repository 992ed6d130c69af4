/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the child that becomes a container tells its podfs-pod: over a close-on-exec SOCK_SEQPACKET pair, one record a
 * datagram. A REPORT_READY followed by end of file means that execve succeeded; end of file without it is a failure.
 */
#ifndef PODFS_POD_REPORT_H
#define PODFS_POD_REPORT_H

#include <stdint.h>

#include "pod/protocol.h"

enum report_kind {
	REPORT_READY = 1,   /* all is set up, execve comes next */
	REPORT_FAILED = 2,  /* code and text; the child exits */
	REPORT_WARNING = 3, /* text; it goes on */
	REPORT_PID = 4,     /* pid: the process that will exec (an exec, and a container in a user namespace or a shared PID namespace, start in two steps) */
	REPORT_TTY = 5,     /* with a descriptor: the terminal's master */
};

struct report {
	uint32_t kind;
	int32_t code; /* negative errno */
	int32_t pid;
	int32_t reserved;
	char text[POD_TEXT_SIZE];
};

/* Sends a record, with descriptor fd unless it is -1. Negative errno when the supervisor is gone. */
int report_send(int sock, const struct report *r, int fd);

/* Sends REPORT_FAILED with "format: text of code" and returns code. */
int report_fail(int sock, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As report_fail() without the text of code. */
int report_fail_text(int sock, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Sends REPORT_WARNING with "format: text of code". */
void report_warn(int sock, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Receives one record. 1: stored, *ret_fd is its descriptor or -1; 0: end of file; -EAGAIN; another negative errno. */
int report_receive(int sock, struct report *ret_report, int *ret_fd);

#endif
