/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From root's child to the container's program: user, capabilities, limits, filter, execve. Each step reports its
 * failure to the supervisor and returns it.
 */
#ifndef PODFS_POD_BECOME_H
#define PODFS_POD_BECOME_H

#include <stdbool.h>

#include "pod/spec.h"
#include "pod/user.h"

struct become {
	int report;
	const struct spec *spec;
	struct spec_security security;
	struct user user;
	char **argv;
	char **env;
	char program[4096];
};

/* Looks the user up in the image that is the root now, and lays out argv and env. */
int become_prepare(struct become *b);

/* Whether it is a pipe without a name, to which nobody comes by its owner. */
bool become_is_pipe(int fd);

/*
 * Hands the pipes of standard input, output and error to the user, so that /dev/stdout can be opened; the terminal too
 * when it is the container's own. What somebody else has brought (his terminal, a FIFO of the host) stays his.
 */
void become_own_stdio(const struct become *b, bool own_tty);

/* Everything that is given up, in the order that the kernel wants; the working directory, too. What is left after it
 * is become_exec(). */
int become_drop(struct become *b);

/* Says that all is ready and runs the program; returns only on failure. */
int become_exec(struct become *b);

/* As above, where none is executed: 0 with nothing of the supervisor's open. On failure it is told. */
int become_builtin(struct become *b);

#endif
