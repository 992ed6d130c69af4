/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's socket, RUN/control/HASH, by which `podfs exec` asks it to run a program in a container. Anybody may
 * connect; what they may do is decided by who they are (SO_PEERCRED), as for files of the mount. SOCK_SEQPACKET: one
 * message a request, and for it one or two answers.
 */
#ifndef PODFS_CMD_CONTROL_H
#define PODFS_CMD_CONTROL_H

#include <stdint.h>

#include "fs/session.h"
#include "node/agent.h"

enum {
	CONTROL_MAGIC = 0x70667331,
	CONTROL_MESSAGE_MAX = 128 * 1024,
	CONTROL_ARGS_MAX = 4096,
};

/*
 * With descriptors for standard input, output and error, unless a terminal is asked for. Followed by strings, each with
 * its NUL: namespace, pod, container ("": the default one), then the arguments.
 */
struct control_exec {
	uint32_t magic;
	uint32_t tty;
	uint32_t n_args;
	uint32_t what; /* enum control_what */
};

enum control_what {
	CONTROL_RUN = 0,
	CONTROL_ATTACH = 1,	  /* no arguments: the output, errors are stream sockets that what the container writes goes to */
	CONTROL_ATTACH_INPUT = 2, /* as above, and CONTROL_STARTED brings where its input goes, if it has any */
	CONTROL_COPY = 3,	  /* the container's end of `podfs cp`, by the arguments of pod/copy.h; no terminal */
};

enum control_answer_type {
	CONTROL_STARTED = 1, /* with a terminal: its master's descriptor; see enum control_what */
	CONTROL_EXITED,	     /* code: the exit status */
	CONTROL_FAILED,	     /* code: negative errno; a text with its NUL follows */
};

struct control_answer {
	uint32_t type;
	int32_t code;
};

/* The socket's path for a mount point; to be freed. NULL when memory is out. */
char *control_path(const char *run_dir, const char *mountpoint);

struct control;

/* Starts answering, on a thread of its own. fs and agent must outlive control_stop(). */
int control_start(struct fs *fs, struct agent *agent, const char *run_dir, const char *mountpoint, struct control **ret,
		  struct error *err);
/* Takes no more requests, and removes the socket unless `keep` (the next daemon takes it over). NULL is fine. */
void control_stop(struct control *c, bool keep);
/* After the agent has been stopped, which answers no more. NULL is fine. */
void control_free(struct control *c);

#endif
