/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that ask a daemon about a container share: podfs exec, attach. */
#ifndef PODFS_CMD_REMOTE_H
#define PODFS_CMD_REMOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "cmd/control.h"

struct remote {
	const char *run_dir, *container; /* the caller's */
	char *mountpoint, *namespace, *pod; /* owned */
	int sock;
};

enum { REMOTE_TEXT_SIZE = 1024 };

/* The pod that an argument names: its directory, or its name where one cluster is mounted. */
int remote_find_pod(struct remote *s, const char *arg, struct error *err);
/* Connects and asks. fds: three descriptors, borrowed, or NULL. */
int remote_ask(struct remote *s, enum control_what what, bool tty, char **args, size_t n_args, const int *fds,
	       struct error *err);
/* The next answer, with the descriptor it brings or -1. */
int remote_receive(struct remote *s, struct control_answer *ret, char text[static REMOTE_TEXT_SIZE], int *ret_fd,
		   struct error *err);
void remote_clear(struct remote *s);

/* Makes the terminal on standard input, if it is one, raw until the process ends. */
void terminal_make_raw(void);
/* Gives a terminal the size of that on standard input. */
void terminal_copy_size(int master);
/* A descriptor that can be read when that size has changed (a struct signalfd_siginfo). */
int terminal_open_winch(void);
/* Copies what is there. False at the end of it, or when nobody takes it. */
bool remote_copy(int from, int to);

#endif
