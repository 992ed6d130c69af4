/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs-relay: a process that copies between the sockets of who asked for something and the pipes, or the terminal, of a
 * program in a container.
 *
 * Who asks is hostile. What he sends may hold up whoever takes it (a descriptor that comes with it, and lingers when it is
 * closed), and who shares a pipe with a program can hold that up for ever, so that nothing kills it: the pipe is locked
 * while it is written to from memory that is not there. So the program's ends of pipes are shared with podfs's own processes
 * only, and nobody but this one takes what comes: without a capability, and in podfs-pod's own PID namespace, so that no
 * container may trace it.
 */
#ifndef PODFS_POD_RELAY_H
#define PODFS_POD_RELAY_H

#include <stddef.h>
#include <sys/types.h>

enum { RELAY_INPUT = 0, RELAY_OUTPUT, RELAY_ERRORS, RELAY_FLOWS };

/* All are borrowed. -1: there is none. The program's ends do not block. */
struct relay_streams {
	int asker[RELAY_FLOWS];	  /* sockets */
	int program[RELAY_FLOWS]; /* what it reads from, and where it writes to: the other ends of those */
	int sizes; /* SOCK_SEQPACKET: each struct winsize is that of the terminal from now on. At its end who asked has gone: what
		    * the program does not take then is dropped */
	int ended; /* a pipe whose end says that the program has ended: what it had written by then is still copied */
};

#define RELAY_STREAMS_NONE \
	((struct relay_streams){ .asker = { -1, -1, -1 }, .program = { -1, -1, -1 }, .sizes = -1, .ended = -1 })

/* Starts it, as a child, until there is nothing more to copy. Its number, or a negative errno. */
pid_t relay_start(const struct relay_streams *s);

#endif
