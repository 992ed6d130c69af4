/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When this node is short of something, and which pod goes for it: K8S:pkg/kubelet/eviction. Pure functions over figures;
 * agent_evict.c reads those and carries out what is decided here.
 */
#ifndef PODFS_NODE_EVICTION_H
#define PODFS_NODE_EVICTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "value/value.h"

/* In the order in which they are seen to: memory before all else. */
enum eviction_signal {
	EVICTION_MEMORY,      /* memory.available: of the machine */
	EVICTION_ALLOCATABLE, /* the same, of what all pods may have together; its threshold is memory.available's */
	EVICTION_NODEFS,
	EVICTION_NODEFS_INODES,
	EVICTION_IMAGEFS,
	EVICTION_IMAGEFS_INODES,
	EVICTION_PID,
	EVICTION_SIGNALS,
};

enum eviction_condition { EVICTION_MEMORY_PRESSURE, EVICTION_DISK_PRESSURE, EVICTION_PID_PRESSURE, EVICTION_CONDITIONS };

struct eviction_threshold {
	double share;	/* of the capacity, in (0, 1); 0: `amount` counts */
	int64_t amount; /* bytes or a number; 0 and no share: no threshold */
};

struct eviction_policy {
	struct eviction_threshold hard[EVICTION_SIGNALS];
	struct eviction_threshold soft[EVICTION_SIGNALS]; /* acted on when crossed for so long: */
	int64_t soft_grace[EVICTION_SIGNALS];		   /* ns; EVICTION_NO_GRACE: none was given */
	struct eviction_threshold reclaim[EVICTION_SIGNALS]; /* more than the threshold that is to be had when pods go */
	int64_t max_pod_grace; /* ns that a pod has at most which goes for a soft threshold */
	int64_t transition; /* ns: how long a condition holds after it was last seen */
	int64_t period;	    /* ns between two looks */
};

#define EVICTION_NO_GRACE INT64_MAX
#define EVICTION_TRANSITION (300 * NSEC_PER_SEC) /* K8S:pkg/kubelet/apis/config/v1beta1/defaults.go */
#define EVICTION_PERIOD (10 * NSEC_PER_SEC)	 /* K8S:pkg/kubelet/kubelet.go: evictionMonitoringPeriod */
#define EVICTION_CLEANUP (30 * NSEC_PER_SEC)	 /* K8S:pkg/kubelet/eviction: podCleanupTimeout */
#define EVICTION_GRACE (1 * NSEC_PER_SEC)	 /* K8S:pkg/kubelet/eviction: immediateEvictionGracePeriodSeconds */

/* K8S:pkg/kubelet/eviction/defaults_linux.go. */
#define EVICTION_HARD_DEFAULT \
	"memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%"

/* kubelet's defaults. */
struct eviction_policy eviction_default(void);

/*
 * Reads "SIGNAL<QUANTITY" and "SIGNAL<PERCENT%", joined by commas, into policy->hard. As with kubelet, what is not named
 * has no threshold then; so do 0% and 100%. "": none at all. -EINVAL, and nothing is changed.
 */
int eviction_parse(const char *text, struct eviction_policy *policy);
/* The same for policy->soft. */
int eviction_parse_soft(const char *text, struct eviction_policy *policy);
/* "SIGNAL=DURATION" (as Go writes it: "1m30s"), joined by commas, into policy->soft_grace. */
int eviction_parse_soft_grace(const char *text, struct eviction_policy *policy);
/* "SIGNAL=QUANTITY" or "SIGNAL=PERCENT%", joined by commas, into policy->reclaim. */
int eviction_parse_reclaim(const char *text, struct eviction_policy *policy);
/* Whole seconds into policy->max_pod_grace. */
int eviction_parse_max_grace(const char *text, struct eviction_policy *policy);
/* A signal that has a soft threshold without a grace period, or NULL. */
const char *eviction_lacks_grace(const struct eviction_policy *policy);

/* The amount below which a signal's threshold is crossed; 0: there is none. */
int64_t eviction_amount(const struct eviction_threshold *t, int64_t capacity);

/* What a signal measures; capacity 0: unknown. */
struct eviction_figure {
	int64_t capacity, available;
};

struct eviction_state {
	bool met[EVICTION_SIGNALS];	     /* hard thresholds that are crossed */
	bool soft_met[EVICTION_SIGNALS];     /* soft ones that have been for their grace */
	bool is_crossing[EVICTION_SIGNALS];  /* soft ones that are, */
	int64_t since[EVICTION_SIGNALS];     /* from then on */
	bool holds[EVICTION_CONDITIONS];     /* conditions, as the node shows them */
	bool was_seen[EVICTION_CONDITIONS];  /* ever; and when */
	int64_t seen[EVICTION_CONDITIONS];
};

/* Takes a look's figures in; now is monotonic. */
void eviction_observe(struct eviction_state *s, const struct eviction_policy *policy,
		      const struct eviction_figure figures[static EVICTION_SIGNALS], int64_t now);
/* The signal to see to first; EVICTION_SIGNALS: none. */
enum eviction_signal eviction_first(const struct eviction_state *s);

/* Whether room on a disk, or inodes, would end it, rather than memory or process ids. */
bool eviction_is_disk(enum eviction_signal s);
/* As in the options; NULL: it has no threshold of its own. */
const char *eviction_signal_name(enum eviction_signal s);
/* "memory", "ephemeral-storage", "inodes", "pids": what is reclaimed, in kubelet's words. */
const char *eviction_resource(enum eviction_signal s);
/* "MemoryPressure", …, and the key of the taint that goes with it. */
const char *eviction_condition_type(enum eviction_condition c);
const char *eviction_taint(enum eviction_condition c);

struct eviction_candidate {
	bool known;	/* its usage is */
	bool critical;	/* never evicted: K8S:pkg/kubelet/types, IsCriticalPod */
	int64_t usage, request; /* of the resource; request 0: none, as for inodes and pids */
	int64_t priority;
};

/* Which of them goes for that signal; n: none may. */
size_t eviction_choose(enum eviction_signal s, const struct eviction_candidate *pods, size_t n);

/* A size as a quantity, "100Mi"; for inodes and pids as a number. In the arena; NULL without memory. */
const char *eviction_quantity(struct arena *a, enum eviction_signal s, int64_t n);
/* "The node was low on resource: memory. Threshold quantity: 100Mi, available: 88Mi. " */
const char *eviction_message(struct arena *a, enum eviction_signal s, const struct eviction_policy *policy,
			     const struct eviction_state *state, const struct eviction_figure figures[static EVICTION_SIGNALS]);
/* "The node had condition: [DiskPressure]. ": of a pod that comes while it has. */
const char *eviction_refusal(struct arena *a, const struct eviction_state *s);

/* Whether a pod that has just been bound to the node is refused there. */
bool eviction_refuses(const struct eviction_state *s, bool critical, bool best_effort, bool tolerates_memory_pressure);

#endif
