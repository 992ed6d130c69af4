/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a pod on its node, as data and pure decisions: what is running, what is to be done next, and what the
 * status says. Nothing here does anything; agent.c carries the plan out. Rules: kubernetes-semantics, "Pods and node
 * agent"; the constants are kubelet's.
 */
#ifndef PODFS_NODE_LIFECYCLE_H
#define PODFS_NODE_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "node/probe.h"
#include "schema/resources.h"
#include "store/object.h"

/* kubelet: crash loop back-off of 10 s doubling to 300 s, forgotten after a run of twice the maximum. */
#define LIFECYCLE_BACKOFF_FIRST (10 * NSEC_PER_SEC)
#define LIFECYCLE_BACKOFF_MAX (300 * NSEC_PER_SEC)
#define LIFECYCLE_BACKOFF_RESET (600 * NSEC_PER_SEC)

/* K8S:pkg/kubelet/kubelet_pods.go: why a container ended, or waits, that runs again for the sake of another. */
#define LIFECYCLE_RESTARTING_ALL "RestartingAllContainers"

/* status.reason of a pod that has more containers than a node runs. */
#define LIFECYCLE_TOO_MANY "TooManyContainers"

enum {
	LIFECYCLE_CONTAINERS_MAX = SCHEMA_POD_CONTAINERS_MAX,
	LIFECYCLE_GRACE_DEFAULT = 30,
	LIFECYCLE_SECONDS_MAX = 1000000000, /* what more is asked for counts as this: 31 years */
	LIFECYCLE_GRACE_MIN = 2, /* K8S:pkg/kubelet/kuberuntime: minimumGracePeriodInSeconds */
	LIFECYCLE_EXIT_UNKNOWN = 137, /* ContainerStatusUnknown */
};

enum container_kind { CONTAINER_INIT, CONTAINER_SIDECAR, CONTAINER_MAIN, CONTAINER_EPHEMERAL };

enum container_phase { CONTAINER_WAITING, CONTAINER_STARTING, CONTAINER_RUNNING, CONTAINER_EXITED };

/* A run's postStart or preStop hook. */
enum hook_state { HOOK_PENDING, HOOK_RUNNING, HOOK_DONE };

/* How a run ended. */
struct container_exit {
	bool is_set;
	int code, signal;
	const char *reason; /* static: "Completed", "Error", "OOMKilled", "StartError", "ContainerStatusUnknown", or
			     * LIFECYCLE_RESTARTING_ALL */
	char *message;	    /* owned; NULL: none */
	int64_t started_at, finished_at; /* real time, ns */
	uint32_t run;
};

struct container_run {
	const struct value *spec; /* borrowed from the pod's spec */
	const char *name;	  /* in it */
	enum container_kind kind;
	enum container_phase phase;
	uint32_t run;	       /* number of the current run, or of the one to come; restartCount */
	int64_t pid;
	int64_t started_at;    /* of the current run, real time, ns */
	struct container_exit exit; /* of this run, when it has exited */
	struct container_exit last; /* of the run before */
	int64_t backoff;	    /* delay before the restart after next; ns */
	int64_t not_before;	    /* real time before which it is not started again */
	int64_t stop_by;	    /* real time of the end that a stop has set; 0: none was sent */
	bool replacing;		    /* stopped for the sake of a new image: it runs again whatever the policy */
	bool restarting;	    /* stopped for the sake of another's end, which restarts all */
	bool has_started;	    /* in this sandbox, its startup probe and postStart hook too */
	struct probe_state probes[PROBE_TYPES];
	enum hook_state post_start, pre_stop; /* of the current run */
	uint64_t hook_id;	    /* of the check or exec that the hook in hand waits for; 0: none */
	int64_t hook_until;	    /* real time at which it ends by itself or is given up; 0: never */
	int64_t term_grace;	    /* ns; with pre_stop in hand: the grace it is part of */
	bool was_started, was_ready; /* as the store had it of run was_run, when the agent came up */
	uint32_t was_run;
	const char *waiting_reason; /* static; NULL: the usual one */
	char *waiting_message;	    /* owned; NULL: none */
	int64_t retry;		    /* delay after the next failure to launch it; ns */
	uint64_t pull_id;	    /* of the pull that it waits for; 0: none */
	uint64_t pulled;	    /* since it was last started: bit 0, its image; bit N, that of its pod's Nth volume */
	unsigned pull_of;	    /* the same number: which of them the pull, its delay or its time is of */
	int64_t pull_backoff;	    /* delay after the last pull that failed; ns */
	int64_t pull_at;	    /* real time before which it is not pulled again */
	char *image;		    /* owned; what the spec said at the current or last launch; NULL: never launched */
	char *image_id;		    /* owned; of the current or last run */
	int64_t oom_kills;	    /* seen before this run */
	uint64_t request;	    /* id of the start that was sent */
	enum { RECORD_NONE, RECORD_DUE, RECORD_WRITING } record; /* whether the exit is to be stored, then acknowledged */
};

enum sandbox_phase { SANDBOX_NONE, SANDBOX_COMING, SANDBOX_UP, SANDBOX_ENDING };

/* A pod on this node. */
struct pod_run {
	enum sandbox_phase sandbox;
	struct container_run *containers; /* owned */
	size_t n;
	size_t n_init;	       /* the first so many are init containers and sidecars, in order */
	size_t n_main;	       /* the first so many are no ephemeral ones */
	char ip[16];	       /* "" while it has none */
	int64_t started_at;    /* when the agent first saw it; real time, ns */
	int64_t sandbox_not_before; /* after a failure */
	bool killed;	       /* removed from the store by force: end it, write nothing */
	char *fail_reason, *fail_message; /* owned; the node has decided that the pod fails, NULL: it has not */
	bool over;		    /* it was Succeeded or Failed before, of itself */
	bool evicted;		    /* it fails by eviction: within evict_grace, and its files go */
	int64_t evict_grace;	    /* ns; less than LIFECYCLE_GRACE_MIN is that */
	bool disrupted;		    /* and that is for a want of the node's: the condition DisruptionTarget */
};

/* So many seconds in ns, within what times can hold; below 0 is 0. */
int64_t lifecycle_seconds(int64_t n);

/*
 * Fills in the containers of a pod's spec, all waiting. Of more than LIFECYCLE_CONTAINERS_MAX, ephemeral ones are left out;
 * a pod that has so many without them has none here, and has failed (LIFECYCLE_TOO_MANY). -ENOMEM.
 */
int lifecycle_init(struct pod_run *p, const struct value *spec, int64_t now);
void lifecycle_clear(struct pod_run *p);
/*
 * Takes up a newer spec of the same pod: its containers are the same, but ephemeral ones may have come. Whoever points to
 * containers must look for them again. Ephemeral ones that are more than fit are left out. -ENOMEM: so are all new ones, to be
 * tried again. -EINVAL: a container is gone from it, and it keeps the old one.
 */
int lifecycle_update(struct pod_run *p, const struct value *spec);

struct container_run *lifecycle_find(struct pod_run *p, const char *name);

/* Notes that a run has ended. Takes message. */
void lifecycle_exited(struct container_run *c, int code, int signal, const char *reason, char *message,
		      int64_t finished_at);
/* Of a run that has exited: it becomes the last, and the next has another number, and if it crashed a longer back-off. */
void lifecycle_count_run(struct container_run *c, bool crashed);
/* Notes that a container is being started: counts the run, and the back-off of the one after it. */
void lifecycle_starting(struct container_run *c);

/* Takes up a run that an earlier daemon started: it is as ready as the store had it, and its hook is not run again. */
void lifecycle_resume(struct container_run *c);
/* Latches has_started once the container has. */
void lifecycle_check_started(struct container_run *c);
bool lifecycle_is_alive(const struct container_run *c);

/* Notes that the current run has this number: what is known of an earlier one becomes the last. */
void lifecycle_set_run(struct container_run *c, uint32_t run);

/*
 * Notes that a launch came to nothing: it waits for that reason (static) and is tried again after a delay that doubles
 * from LIFECYCLE_BACKOFF_FIRST, or, when `for_event`, only when something has changed. Takes message.
 */
void lifecycle_waits(struct container_run *c, const char *reason, char *message, bool for_event, int64_t now);

/*
 * The same without a delay that doubles: it is looked at again at that time (INT64_MAX: when something has changed). NULL for
 * the reason keeps what it waited for before.
 */
void lifecycle_waits_until(struct container_run *c, const char *reason, char *message, int64_t until);

/* Notes that a pull of its image failed: the next is due after LIFECYCLE_BACKOFF_FIRST, doubling to LIFECYCLE_BACKOFF_MAX
 * (K8S:pkg/kubelet/kubelet.go, MaxImageBackOff and imageBackOffPeriod). */
void lifecycle_pull_failed(struct container_run *c, int64_t now);

/* Notes that another image is wanted: what is known of the last one's pulls is of no use. */
void lifecycle_forget_pull(struct container_run *c);

/* Notes that the sandbox could not be made: what was asked to start in it meanwhile has not, and waits for the next. */
void lifecycle_sandbox_failed(struct pod_run *p);

/* Notes that a new sandbox is being made: what ran in the one before is over, and init containers run again. */
void lifecycle_new_sandbox(struct pod_run *p);

/*
 * Notes that the node ends the pod whatever its restartPolicy says: its containers are stopped with its own grace, and
 * once they are, it is Failed with that status.reason and status.message. The first reason counts. False: it has failed
 * or ended before, or memory is out.
 */
bool lifecycle_fail(struct pod_run *p, const char *reason, const char *message);
/* The same for the reason Evicted, with LIFECYCLE_GRACE_MIN or evict_grace where that is set. */
bool lifecycle_evict(struct pod_run *p, const char *message, bool disrupted);

/*
 * Looks whether spec.activeDeadlineSeconds, counted from status.startTime, is over; the pod then fails. What had ended
 * for good before that stays as it ended. True the first time. K8S:pkg/kubelet/active_deadline.go.
 */
bool lifecycle_check_deadline(struct pod_run *p, const struct object *pod, int64_t now);

/*
 * Whether a container that has exited is to run again: its own restartPolicyRules, its own restartPolicy, the pod's, in
 * that order.
 */
bool lifecycle_restarts(const struct container_run *c, const char *policy);

/*
 * The container whose end, by its restartPolicyRules, restarts all containers of the pod, and has not yet; NULL: none.
 * Of several the one that must wait longest.
 */
const struct container_run *lifecycle_restarting_all(const struct pod_run *p);
/* Whether the end of some container may do so. */
bool lifecycle_could_restart_all(const struct pod_run *p);
/* Makes all containers that have exited wait for their first start again, init containers too. */
void lifecycle_restart_all(struct pod_run *p);

/* Whether the spec names another image than that of the current or last launch. */
bool lifecycle_is_outdated(const struct container_run *c);

/* Whether all init containers have ended well, and all sidecars have started. */
bool lifecycle_init_is_done(const struct pod_run *p);

/*
 * Takes up what the pod's stored status says of its containers, when no podfs-pod is left to tell: what was running has
 * ended in a way that nobody saw; what had ended stays so.
 */
void lifecycle_recover(struct pod_run *p, const struct value *status, int64_t now);

struct pod_plan {
	bool start_sandbox;
	bool end_sandbox;	    /* nothing runs and nothing will */
	bool finished;		    /* the sandbox is gone and the pod may leave the store or rest in it */
	size_t start[LIFECYCLE_CONTAINERS_MAX], n_start; /* containers to start now */
	size_t stop[LIFECYCLE_CONTAINERS_MAX], n_stop;	 /* containers to stop now */
	bool replace;		    /* those stops are for the sake of a new image */
	bool restart;		    /* those stops are for the sake of a container's end, which restarts all */
	bool restart_all;	    /* and nothing runs any more: lifecycle_restart_all() */
	bool ending;		    /* the pod ends: preStop hooks begin at once, also of those whose turn is later */
	int64_t grace;		    /* ns, for the stops */
	int64_t wake_at;	    /* real time of the next decision that time alone brings; INT64_MAX: none */
};

/* What to do next. `pod` is the newest object, or NULL when it is gone from the store. */
void lifecycle_decide(const struct pod_run *p, const struct object *pod, int64_t now, struct pod_plan *ret);

/* What to do to end the pod with its own grace though its object stays: for a node that is shut down. */
void lifecycle_decide_drain(const struct pod_run *p, const struct object *pod, struct pod_plan *ret);

/* Whether nothing of the pod will run again: it is evicted, or done as below. */
bool lifecycle_is_over(const struct pod_run *p, const struct value *spec);

/* Whether all main containers have ended for good, or an init container has that may not be restarted. */
bool lifecycle_is_done(const struct pod_run *p, const struct value *spec);

/*
 * Writes the status into a copy of the pod's tree: phase, conditions, container states, addresses. Conditions keep
 * their times while they do not change. host_ip may be "".
 */
void lifecycle_set_status(struct arena *a, struct value *root, const struct pod_run *p, const char *host_ip, int64_t now);

#endif
