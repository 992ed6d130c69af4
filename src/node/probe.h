/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's probes as data and pure decisions: when each is due, what its results mean. K8S:pkg/kubelet/prober,
 * worker.go and results; kubernetes-semantics, "Probes". The agent carries them out (agent_probe.c).
 */
#ifndef PODFS_NODE_PROBE_H
#define PODFS_NODE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "probe/protocol.h"
#include "value/value.h"

struct container_run;

enum probe_type { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_TYPES };

/* One probe of one run. All zero: nothing is known yet. */
struct probe_state {
	bool in_flight;
	uint64_t id;	  /* of the check in flight */
	int64_t due;	  /* real time, ns, of the next check; 0: it is not set yet */
	int64_t deadline; /* of the check in flight */
	unsigned row;	  /* equal results in a row */
	unsigned tries;	  /* of this check that came to nothing */
	int out;	  /* where an exec's output can be read; 0: nowhere (0 is the daemon's standard input) */
	bool row_is_good;
	enum { PROBE_UNKNOWN, PROBE_GOOD, PROBE_BAD } result;
};

/* What a result asks for. */
enum probe_effect {
	PROBE_NO_EFFECT,
	PROBE_STATUS_CHANGES, /* ready or started */
	PROBE_KILL,	      /* the container has failed its liveness or startup probe */
};

/* The probe of that type in the container's spec, or NULL. */
const struct value *probe_spec(const struct container_run *c, enum probe_type type);
/* "Startup", "Liveness", "Readiness", as events name it. */
const char *probe_name(enum probe_type type);

/*
 * The probes to be carried out now, as bits 1 << type, and the time of the next in *ret_wake_at, which is only ever
 * lowered. A probe's deadline counts as its time while it is in flight. `ending`: the pod is being deleted, only readiness
 * goes on. `spread` (ns) delays the first check of what an earlier daemon started.
 */
unsigned probe_due(struct container_run *c, bool ending, int64_t now, int64_t spread, int64_t *ret_wake_at);

/* Whether that probe is at work at all, in this moment of the container's. */
bool probe_is_active(const struct container_run *c, enum probe_type type, bool ending);

/*
 * How many checks podfs-probe may carry out, each a period (ns, *ret_period) after the last, before it answers: as many as
 * there are in a minute where another success would change nothing, else 1. What is no success it tells at once.
 */
uint32_t probe_standing(const struct container_run *c, enum probe_type type, int64_t *ret_period);

/* The check in flight is lost: forgets it, and has a single one done in its stead, at once. */
void probe_again(struct container_run *c, enum probe_type type, int64_t now);

/* Notes that a check was sent, with its id, and when it is given up (real time, ns). */
void probe_sent(struct container_run *c, enum probe_type type, uint64_t id, int64_t deadline);
/* Notes the outcome of the check in flight. */
enum probe_effect probe_note(struct container_run *c, enum probe_type type, enum probe_outcome outcome, int64_t now);

/* Forgets all, and closes `out`. */
void probe_clear(struct probe_state *p);

/* In ns. */
int64_t probe_timeout(const struct container_run *c, enum probe_type type);

/* Whether a running container has started (its startup probe has passed, its postStart hook has ended), and whether it is
 * ready: both false when it does not run. */
bool probe_is_started(const struct container_run *c);
bool probe_is_ready(const struct container_run *c);

#endif
