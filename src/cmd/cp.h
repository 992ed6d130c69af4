/* SPDX-License-Identifier: Apache-2.0 */
/* For cp.c and cp_streams.c: the container's end of a copy. */
#ifndef PODFS_CMD_CP_H
#define PODFS_CMD_CP_H

#include <pthread.h>
#include <signal.h>

#include "cmd/remote.h"

struct cp_session {
	struct remote remote;
	const char *shown; /* POD:PATH, the container's side */
	char *prefix;	   /* owned; "podfs cp: POD:" before what it says */
	int in, out, said; /* where it takes an archive from, gives one to, and says what is wrong; -1: closed */
	int done;	   /* eventfd: nothing more will be said */
	int signals;	   /* signalfd of those that end the command */
	sigset_t before;   /* what was blocked before cp_begin() */
	pthread_t caller;
	bool has_said;	   /* something was; to be read when the listener has ended */
	bool listens;
	_Atomic bool quiet; /* what it says from now on only follows from what was said here */
	pthread_t listener;
};

#define CP_SESSION_INIT \
	((struct cp_session){ .remote = REMOTE_INIT, .in = -1, .out = -1, .said = -1, .done = -1, .signals = -1 })

/* The signal by which the user has ended the command; 0: he has not. */
extern _Atomic int cp_interrupted;

/* Begins the container's end with these arguments (pod/copy.h). The pod was found. From here to cp_clear() signals that would end
 * the process set cp_interrupted, and end the calls of this thread that wait; a second one does end it. */
int cp_begin(struct cp_session *s, char **args, size_t n_args, struct error *err);
/* Closes the streams and waits for its end, for some seconds only once cp_interrupted. 0, 1 when it has said why, or a negative errno with err. */
int cp_end(struct cp_session *s, struct error *err);
void cp_clear(struct cp_session *s);

/* Prints "PREFIX" and a line of others' making, so that a terminal takes no orders from it. */
void cp_print(const char *prefix, const char *line, size_t len);

/* tar_read_fn and tar_write_fn of a descriptor, `int *`. -EINTR once cp_interrupted. */
ssize_t cp_read(void *arg, void *data, size_t size);
ssize_t cp_write(void *arg, const void *data, size_t size);

#endif
