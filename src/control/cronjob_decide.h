/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a CronJob starts a Job, and what becomes of those it has started: pure functions of it, its Jobs and the time, as
 * K8S:pkg/controller/cronjob decides it.
 *
 * Nothing is started twice: a Job's name says for which minute it is, and it is made in the transaction that writes
 * lastScheduleTime. (Kubernetes, which cannot write two objects at once, finds out by the name alone.)
 */
#ifndef PODFS_CONTROL_CRONJOB_DECIDE_H
#define PODFS_CONTROL_CRONJOB_DECIDE_H

#include "base/zone.h"
#include "store/event.h"
#include "value/cron.h"

#define CRONJOB_TIMESTAMP "batch.kubernetes.io/cronjob-scheduled-timestamp"
#define CRONJOB_INSTANTIATE "cronjob.kubernetes.io/instantiate" /* "manual", as kubectl create job --from has it */

enum {
	CRONJOB_MISSED_MANY = 100, /* beyond it, missed starts are warned of: mostRecentScheduleTime */
	CRONJOB_DELTA_MS = 100,	   /* a start is looked for so long after its time: nextScheduleDelta */
};

struct cronjob_view {
	const struct object *cronjob;
	const struct object_list *jobs; /* that it controls */
	const struct cron *schedule;
	const struct zone *zone; /* NULL: UTC */
	int64_t since; /* when the schedule became what it is, as far as that is known; what it would have had before never was */
	int64_t now;
};

struct cronjob_note {
	enum event_type type;
	const char *reason, *message;
};

/* Arrays and texts are in the arena; objects are borrowed from the view. */
struct cronjob_plan {
	const struct object **expire; /* Jobs beyond the limits of the history, to delete */
	size_t n_expire;
	const struct value **active; /* the references in status.active that stay */
	size_t n_active;
	int64_t last_success; /* status.lastSuccessfulTime, real, ns; 0: none */
	bool start;	      /* a Job is to be made, for the time `scheduled` */
	bool replace;	      /* and those that are active are to be deleted first */
	int64_t scheduled;
	struct cronjob_note *notes;
	size_t n_notes;
	int64_t wait; /* ns until it is to be looked at again; 0: it need not */
};

/* -ENOMEM. */
int cronjob_decide(const struct cronjob_view *v, struct arena *a, struct cronjob_plan *ret);

/* The name of the Job of that time: the CronJob's and the minutes since 1970. In `a`; NULL when memory is out. */
const char *cronjob_job_name(struct arena *a, const struct object *cronjob, int64_t scheduled);
/* The Job of that time. In `a`; NULL when memory is out. */
struct value *cronjob_new_job(struct arena *a, const struct object *cronjob, const struct zone *zone, int64_t scheduled);

/* A Job for a run that somebody asked for, whenever. In `a`; NULL when memory is out. */
struct value *cronjob_new_manual_job(struct arena *a, const struct object *cronjob);
/* How many of those are asked for: CRONJOB_TRIGGER; and counts one down in a copy of the CronJob. */
int64_t cronjob_triggers(const struct object *cronjob);
void cronjob_count_trigger(struct arena *a, struct value *root);

/* Writes the plan into the status of a copy of the CronJob; `started` is the Job that was made for the plan's time, as a tree
 * with name and uid; NULL: none was. */
void cronjob_set_status(struct arena *a, struct value *root, const struct cronjob_plan *plan, const struct value *started);

#endif
