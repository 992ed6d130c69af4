/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's socket, RUN/control/HASH, by which `podfs exec`, `attach` and `cp` ask it. Anybody may connect; what they may
 * do is decided by who they are (SO_PEERCRED), as for files of the mount. SOCK_SEQPACKET: one message a request, and for it
 * one or two answers.
 *
 * Whoever asks is hostile. To close a descriptor, or to write to it, may wait for ever (a socket that lingers, a file of a
 * file system that does not answer). So none is taken from those who ask: they are given ends of sockets that were made here,
 * and a thread of their own, since a message may bring descriptors unasked. Nor do they share a pipe with a program, which
 * could be locked for ever: podfs-pod copies (pod/relay.h).
 */
#ifndef PODFS_CMD_CONTROL_H
#define PODFS_CMD_CONTROL_H

#include <stdint.h>

#include "fs/session.h"
#include "node/agent.h"

enum {
	CONTROL_MAGIC = 0x70667332,
	CONTROL_MESSAGE_MAX = 128 * 1024,
	CONTROL_ARGS_MAX = 4096,
	CONTROL_FDS_MAX = 4, /* of an answer */
};

/* Followed by strings, each with its NUL: namespace, pod, container ("": the default one), then the arguments. */
struct control_exec {
	uint32_t magic;
	uint32_t flags; /* enum control_flags */
	uint32_t n_args;
	uint32_t what; /* enum control_what */
};

enum control_what {
	CONTROL_RUN = 0,
	CONTROL_ATTACH = 1, /* no arguments */
	CONTROL_COPY = 2,   /* the container's end of `podfs cp`, by the arguments of pod/copy.h; no terminal */
};

enum control_flags {
	CONTROL_TTY = 1 << 0,	/* CONTROL_RUN: a terminal, instead of pipes */
	CONTROL_INPUT = 1 << 1, /* its input is wanted */
};

enum control_answer_type {
	/*
	 * With descriptors. CONTROL_RUN, CONTROL_COPY: where its output can be read, its errors, and with CONTROL_INPUT
	 * where its input is written; or only the terminal's master. CONTROL_ATTACH: likewise, of the container,
	 * and with CONTROL_INPUT a fourth, to which each struct winsize of its terminal is sent.
	 */
	CONTROL_STARTED = 1,
	CONTROL_EXITED, /* code: the exit status */
	CONTROL_FAILED, /* code: negative errno; a text with its NUL follows */
};

struct control_answer {
	uint32_t type;
	int32_t code;
};

/* Has the kernel refuse descriptors that somebody sends to this end. An older one than Linux 6.16 lets them come. */
void control_refuse_rights(int sock);

/* The socket's path for a mount point; to be freed. NULL when memory is out. */
char *control_path(const char *run_dir, const char *mountpoint);

struct control;

/* Starts answering, on threads of its own. fs and agent must outlive control_stop(). */
int control_start(struct fs *fs, struct agent *agent, const char *run_dir, const char *mountpoint, struct control **ret,
		  struct error *err);
/* Takes no more requests, and removes the socket unless `keep` (the next daemon takes it over). NULL is fine. */
void control_stop(struct control *c, bool keep);
/* After the agent has been stopped, which answers no more. Who asks and holds up the thread that serves it is left to the
 * end of the process. NULL is fine. */
void control_free(struct control *c);

#endif
