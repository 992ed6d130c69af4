/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between this process's standard streams and those of a program elsewhere. None of the ways waits for another, and
 * no flag of a descriptor that this process was given is changed, since others share it.
 */
#ifndef PODFS_CMD_PUMP_H
#define PODFS_CMD_PUMP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { PUMP_BUFFER = 64 * 1024, PUMP_MORE_MAX = 2 };

/* One way. */
struct pump_flow {
	int from, to; /* -1: there is nothing more to do */
	bool owns_from, owns_to;
	bool refused; /* it has ended since nobody takes any more */
	bool came;    /* something, be it copied yet or not */
	size_t chunk; /* that can be written without waiting, where poll(2) says so */
	size_t at, len;
	char buffer[PUMP_BUFFER];
};

struct pump {
	struct pump_flow in, out, err;
};

/* All ways closed. */
void pump_init(struct pump *p);
/* Standard input goes to `to`, which is taken, and closed at the end of it; -1: it does not. */
void pump_set_input(struct pump *p, int to);
/* What comes from these, which are taken, goes to standard output and error; -1: nothing does. */
void pump_set_output(struct pump *p, int out, int err);
/* A terminal's master, which is taken: standard input goes to it (with `input`), what comes from it to standard output. */
void pump_set_terminal(struct pump *p, int master, bool input);

/* Waits until something can be copied, and copies that, or until somebody takes no more, or until one of `more`, at most
 * PUMP_MORE_MAX, is ready. */
void pump_round(struct pump *p, struct pollfd *more, size_t n_more);
/* Whether output may still come. */
bool pump_has_output(const struct pump *p);
/* No more input, and no more output than there is by now: what the program has left behind may hold the other ends long. */
void pump_drain(struct pump *p);
void pump_clear(struct pump *p);

#endif
