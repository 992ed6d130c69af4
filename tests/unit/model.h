/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model test of the controllers: all of them on one thread, a store in memory, fake nodes and a clock that the test
 * moves. Which controller goes next, what changes under it and what fails is drawn from a seed, so a run can be
 * repeated exactly.
 *
 *  - model_time.c: the clock, random bytes, and what happens at a commit
 *  - model_world.c: the controllers, whose turn it is, restarts, rest
 *  - model_ops.c: what people and machines do
 *  - model_check.c: what must hold at every change; model_end.c: what must hold at rest
 */
#ifndef TESTS_UNIT_MODEL_H
#define TESTS_UNIT_MODEL_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/controller.h"
#include "control/pods.h"
#include "fake_node.h"

enum { MODEL_CONTROLLERS = 9, MODEL_NODES = 4 };

#define MODEL_NAMESPACE "work"

struct record;

struct model {
	struct store *store;
	struct cache *cache;
	struct registry *registry;
	struct controller *controllers[MODEL_CONTROLLERS];
	bool busy[MODEL_CONTROLLERS]; /* in a sync that something has come between */
	struct fake_nodes *nodes;
	struct cache_subscription *watch;
	uint64_t rng;
	const char *actor; /* who writes: a controller's name, "mount", "node" */
	bool disturbed;	   /* something has come between a controller's look and its commit */
	bool between;	   /* that is under way */
	bool trace;
	size_t made;				/* pods, by controllers */
	void (*before_commit)(struct model *m); /* a test's own: once, before the next commit of the controller */
	const char *committer;			/* of that name */
	unsigned races, faults;			/* of 1000 commits of controllers: something comes between; they fail */
	unsigned dying; /* the daemon is being killed: every commit fails until it is started again */
	bool restarts;	/* it is to be started again when the step has ended */
	struct record *records;
	char failure[640]; /* "": none */
};

/* --- model_time.c --- */

/* The model whose commits are disturbed; NULL: none. */
void model_time_start(struct model *m, uint64_t seed);
void model_time_advance(int64_t ns);
void model_time_jump(int64_t ns); /* the real-time clock alone */

/* --- model_world.c --- */

extern const struct controller_type *const model_types[MODEL_CONTROLLERS];

uint64_t model_random(struct model *m);
unsigned model_below(struct model *m, unsigned n); /* 0 to n - 1 */
bool model_chance(struct model *m, unsigned percent);

int model_open(struct model *m, uint64_t seed);
void model_close(struct model *m);
/* Stops all controllers and the nodes' agents and starts them again. */
void model_restart(struct model *m);
/* Lets one controller or node do one thing; false when nothing is due. */
bool model_step(struct model *m);
/* Steps, and time goes on when nothing is due; ends after n. */
void model_run(struct model *m, unsigned n);
/* Undoes losses and pauses and lets all come to rest; then checks. */
void model_settle(struct model *m);

/* --- model_ops.c --- */

/* Makes an object of a manifest, as a person does. 0 or a negative errno. */
int model_create(struct model *m, const char *text);
/* Does something at random. */
void model_operate(struct model *m);
/* Heals the nodes, ends pauses and suspensions, suspends CronJobs. */
void model_heal(struct model *m);
/* A change by a person or a machine that may come between a controller's look and its commit. */
void model_interfere(struct model *m);

/* --- model_check.c --- */

const struct schema_kind *model_kind(const char *plural);
void model_check(void *arg, const struct cache_event *e);
/* Forgets what was allowed before: all has come to rest. */
void model_check_rest(struct model *m);
void model_check_free(struct model *m);
/* The clock was set: pods may have become available, or not be so any more, without anybody's doing. */
void model_check_clock(struct model *m);
/* How many pods of a Job have ended, as seen. */
void model_job_ended(struct model *m, const char *uid, int64_t *ret_succeeded, int64_t *ret_failed);
/* The first failure counts. */
void model_fail(struct model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* --- model_end.c --- */

void model_check_end(struct model *m);

#endif
