/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that ask a daemon about a container share: podfs exec, attach. */
#ifndef PODFS_CMD_REMOTE_H
#define PODFS_CMD_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cmd/cluster.h"
#include "cmd/control.h"

struct remote {
	const char *run_dir, *container; /* the caller's */
	bool input, tty;		 /* -i, -t */
	char *mountpoint, *namespace, *pod; /* owned */
	int sock;
	bool said; /* remote_attach(): something came from the container */
};

#define REMOTE_INIT (struct remote){ .run_dir = DEFAULT_RUN_DIR, .container = "", .sock = -1 }

enum {
	REMOTE_TEXT_SIZE = 1024,
	REMOTE_FAILED = 125, /* the exit status when it is not the program's own, as container engines have it */
};

/* The options that each has, for the end of a table of long ones, and what they are told by; -i and -t have letters. */
enum { REMOTE_RUN_DIR = 256 };
#define REMOTE_LONG_OPTIONS                                                                                     \
	{ "container", required_argument, NULL, 'c' }, { "run-dir", required_argument, NULL, REMOTE_RUN_DIR },  \
	{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }

/* Takes the option c that getopt_long(3) found and `optarg`. -1: go on; else the exit status, with `help` shown if it was
 * asked for; 2 also for one that is not among them. */
int remote_option(struct remote *s, int c, const char *help);
/* The options that these commands share, up to `optind`; `mixed`: also such as follow other arguments. -1: go on; else the
 * exit status, with `help` shown if it was asked for. */
int remote_options(struct remote *s, int argc, char **argv, const char *help, bool mixed);
/* The pod that an argument names: its directory, or its name where one cluster is mounted. */
int remote_find_pod(struct remote *s, const char *arg, struct error *err);
/* Connects and asks. */
int remote_ask(struct remote *s, enum control_what what, char **args, size_t n_args, struct error *err);
/* The next answer, with the descriptors that it brings, the rest of them -1. */
int remote_receive(struct remote *s, struct control_answer *ret, char text[static REMOTE_TEXT_SIZE],
		   int ret_fds[static CONTROL_FDS_MAX], struct error *err);
/* What to say of an answer of failure. */
const char *remote_reason(const struct control_answer *a, const char *text);
void remote_clear(struct remote *s);
/* cmd/attach.c: joins this process' streams to the container's, as -i and -t say, until that ends: 1; or until nobody takes
 * what it writes: 0. The caller ignores SIGPIPE. Once in a process. */
int remote_attach(struct remote *s, struct error *err);

/* Makes the terminal on standard input, if it is one, raw until the process ends. */
void terminal_make_raw(void);
/* Gives a terminal the size of that on standard input. */
void terminal_copy_size(int master);
/* Sends it to who sets it there, which may have gone. */
void terminal_send_size(int sock);
/* A descriptor that can be read when that size has changed (a struct signalfd_siginfo). */
int terminal_open_winch(void);

#endif
