/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of the node agent share: agent.c (thread and table), agent_inbox.c (what comes to the thread), agent_watch.c
 * (what is watched), agent_leftover.c (what is no longer ours), agent_pod.c (one pod: what is done), agent_event.c
 * (one pod: what podfs-pod says), agent_status.c (what is told to the store), agent_launch.c (what is handed to
 * podfs-pod), cleaner.c (removal). */
#ifndef PODFS_NODE_AGENT_INTERNAL_H
#define PODFS_NODE_AGENT_INTERNAL_H

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdatomic.h>

#include "node/agent.h"
#include "node/cgroup.h"
#include "node/cleaner.h"
#include "node/env.h"
#include "node/eviction.h"
#include "node/image_gc.h"
#include "node/idrange.h"
#include "node/lifecycle.h"
#include "node/owners.h"
#include "node/prober.h"
#include "node/sandbox.h"
#include "node/source.h"
#include "store/event.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* A pod in the agent's hands. Belongs to the agent's thread. */
struct agent_pod {
	UT_hash_handle hh; /* by uid */
	TAILQ_ENTRY(agent_pod) in_dirty;
	bool dirty;
	char uid[OBJECT_UID_SIZE];
	struct object *object; /* newest; owned. Of a pod that is gone from the store: the last */
	struct object *runs_of; /* owned; what its containers' specs lie in, when a newer one's could not be taken up; else NULL */
	bool gone;	       /* from the store */
	bool cleaning;	       /* the cleaner is at work on its sandbox */
	bool has_files;	       /* in STATE/pods/UID, or a log */
	bool expected_end;     /* podfs-pod was told to go, or has told why it goes */
	bool set_up;	       /* podfs-pod has said that it is */
	bool adopting;	       /* an earlier daemon's podfs-pod is telling how it stands */
	bool removing;	       /* its removal from the store is under way */
	bool removed;	       /* and was carried out */
	bool writing;	       /* a status is on its way to the store */
	bool write_due;	       /* and another is to follow */
	bool has_limits;       /* of what it may take of the disk */
	bool uses_sources;     /* ConfigMaps or Secrets, in its environment or volumes */
	int64_t write_at;      /* real time before which none is tried, after a failure */
	struct owners_wait owning_wait; /* for a volume of it that is being given to a group; real time */
	char *owning;	       /* that volume's path; owned; NULL: not known */
	struct pod_run run;
	struct sandbox *sandbox;
	char *dir;		 /* STATE/pods/UID */
	char cgroup[CGROUP_PATH_MAX];
	int64_t wake_at;	 /* real time of the next look at it; INT64_MAX: none */
	int64_t token_at;	 /* real time at which a token is to be renewed, and its volumes looked at; INT64_MAX: none */
	LIST_HEAD(, agent_call) standing; /* checks that stand: agent_probe.c */
	int64_t probe_at;	 /* real time of the next probe or its deadline; INT64_MAX: none */
};

struct disk_job;
struct owners;
struct provisioner;
struct agent_fact;
struct agent_pull;
struct agent_call;
struct agent_exec_job;
TAILQ_HEAD(agent_dirty, agent_pod);
TAILQ_HEAD(agent_pulls, agent_pull);

enum inbox_type {
	INBOX_POD,     /* a pod's newest version */
	INBOX_GONE,    /* a pod has left the store; the object is its last */
	INBOX_SOURCE,  /* a ConfigMap or Secret has come, changed or gone, or a ServiceAccount has come */
	INBOX_EXEC,    /* a program is to be run, or who asked for it has gone */
	INBOX_CLEANED, /* the cleaner has finished with a pod */
	INBOX_WRITTEN, /* a status has been stored, or not: result */
	INBOX_REMOVED, /* a removal from the store was carried out, or not: result */
	INBOX_NODE,    /* the Node has been written, or not: result */
	INBOX_NODE_GONE, /* somebody has removed it */
	INBOX_MEASURED, /* a count of what pods take on the disk has ended */
	INBOX_OWNED,   /* a volume has been given to a group, or not */
};

/* What others have to tell the agent's thread. */
struct inbox_item {
	TAILQ_ENTRY(inbox_item) link;
	enum inbox_type type;
	struct agent *agent;
	struct object *object; /* INBOX_POD, INBOX_GONE, INBOX_SOURCE */
	struct agent_exec_job *exec; /* INBOX_EXEC; NULL: exec_id has hung up */
	uint64_t exec_id;
	char *path; /* INBOX_OWNED: of the volume; owned */
	int result;
	char uid[OBJECT_UID_SIZE];
};

TAILQ_HEAD(inbox, inbox_item);

/* The removal of images that nobody uses: agent_gc.c. Belongs to the agent's thread. */
struct agent_gc {
	struct image_gc_policy policy;
	int64_t since, at;	    /* real time: of the agent's start; of the next look, INT64_MAX: none */
	bool collecting, told;	    /* the disk is too full; and nothing can be done, which was said */
	int64_t freed;		    /* bytes of the images that went since it is */
	bool reclaim;		    /* every unused image goes, for the sake of a pod that would have to */
	struct image_job *job;	    /* a removal under way, or NULL */
	char removing[sizeof("sha256:") + 64]; /* its image */
	int64_t size;		    /* of that */
	struct agent_image *images; /* by digest */
};

/* Eviction: agent_evict.c. Belongs to the agent's thread. Times are monotonic, since
 * a clock that is set back is no reason to wait. */
struct agent_evict {
	struct eviction_policy policy;
	struct pod_resources capacity, reserved;
	struct eviction_state state;
	struct eviction_figure figures[EVICTION_SIGNALS]; /* of the last look */
	int64_t at, looked_at;	   /* monotonic time: of the next look, INT64_MAX: none; of the last */
	int stall_fd, memory_fd;   /* PSI; eventfd of the cgroup above all pods; -1: none */
	int64_t line;		   /* bytes at which that is written to */
	bool reclaimed;		   /* what could go without a pod has gone */
	bool reclaiming_files, reclaiming_images;
	struct disk_job *disk;	   /* a count under way, or NULL */
	bool counts_all;	   /* of all pods */
	int64_t count_at;	   /* monotonic time before which none is begun */
	char victim[OBJECT_UID_SIZE];
	int64_t victim_until;	   /* monotonic time until which its end is waited for */
};

struct agent {
	struct registry *registry;
	struct writer writer;
	char *node_name, *host_ip, *state_dir, *run_dir, *log_dir, *pod_program;
	uint64_t log_max_size; /* see struct agent_config */
	unsigned log_max_files;
	int64_t pod_max_pids;
	struct image_store *images;
	const struct agent_network *network;
	void *network_arg;
	struct cgroups *cgroups;
	struct idrange *ids; /* of user namespaces */
	struct cleaner *cleaner;
	struct prober *prober;
	struct provisioner *provisioner;
	struct owners *owners; /* of volumes */
	char *owning; /* owned; the one that was asked for last and is being gone through */
	struct agent_exec_job *execs; /* that run, by id */
	struct agent_call *calls; /* checks that podfs-probe has in hand, by id */
	uint64_t last_call;
	struct agent_pulls pulls; /* of images, oldest first; the agent's thread only */
	uint64_t last_pull;
	struct agent_gc gc;
	struct agent_evict evict;
	bool node_writing, node_due; /* the Node is on its way to the store; and is to be written again */
	int pull_epoll; /* of the pulls' and removals' descriptors, in `epoll` itself */
	struct cache_subscription *subscription, *sources[3]; /* of pods; of ConfigMaps, Secrets, ServiceAccounts */
	struct cache_subscription *nodes;
	_Atomic size_t n_source_users;			       /* pods that use those */
	pthread_t thread;
	bool started;
	int epoll, wake_fd, timer_fd;
	struct agent_pod *pods; /* by uid; the agent's thread only */
	struct agent_dirty dirty;
	bool draining;
	_Atomic size_t n_pods;
	pthread_mutex_t facts_lock; /* protects facts */
	struct agent_fact *facts;
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t drained;
	struct inbox inbox;
	size_t in_flight; /* transactions whose completion is to come */
	pthread_cond_t settled;
	bool stopping, drain_wanted, is_drained, images_changed;
};

/* --- agent.c --- */

/* Puts a pod in the list of those to look at before the thread sleeps. */
void agent_mark(struct agent *agent, struct agent_pod *p);
/* --- agent_inbox.c: from any thread --- */

/* Has the thread look into the inbox. */
void agent_wake(struct agent *agent);
/* Puts news in the inbox; object may be NULL. Without memory they are lost, which is logged. */
void agent_put(struct agent *agent, enum inbox_type type, const struct object *object, const char *uid);
/* Puts a job, or with NULL the end of that of the id, in the inbox. -ENOMEM. */
int agent_put_exec(struct agent *agent, struct agent_exec_job *job, uint64_t id);
/* The cleaner has finished with a pod; with "": with what cleaner_drop_gone() asked for. */
void agent_note_cleaned(void *arg, const char *uid);
/* A count of what pods take on the disk has ended. */
void agent_note_measured(struct agent *agent);
/* A volume has been given to a group, or not. */
void agent_note_owned(void *arg, const char *path);

/* Submits a transaction whose outcome comes to the inbox as `type`. Frees nothing. Returns as txn_submit(). */
int agent_submit(struct agent *agent, struct txn *t, unsigned flags, enum inbox_type type, const char *uid);

/* Frees what has been taken out of it. */
void agent_inbox_free(struct inbox_item *i);
/* Frees what is in it when nobody puts anything there any more. */
void agent_inbox_clear(struct agent *agent);

/* --- agent_watch.c --- */

/* Whether a pod is bound to this node; NULL is not. */
bool agent_owns(struct agent *agent, const struct object *pod);
/* Begins to watch this node's own Node. */
int agent_watch_node(struct agent *agent);
/* Begins to watch pods and what they are made of: all there are come to the inbox. */
int agent_watch(struct agent *agent);
/* Ends it all. */
void agent_unwatch(struct agent *agent);

/* --- agent_leftover.c --- */

/* Ends pods that an earlier daemon left and that are no longer in the store, or another node's. */
void agent_end_leftovers(struct agent *agent);

/* --- agent_pod.c: on the agent's thread --- */

/* Takes a newer version of the pod; NULL: it has left the store. */
void agent_pod_update(struct agent *agent, struct agent_pod *p, const struct object *now);
/* Decides and acts, until there is nothing to do now. Returns false when the pod is over and to be forgotten. */
bool agent_pod_reconcile(struct agent *agent, struct agent_pod *p);
/* Takes up a pod whose podfs-pod may still run. */
void agent_pod_adopt(struct agent *agent, struct agent_pod *p);
void agent_pod_cleaned(struct agent *agent, struct agent_pod *p);
/* A volume has been given to a group, or not: if the pod waited for it, it is tried again. */
void agent_pod_owned(struct agent *agent, struct agent_pod *p, const char *path);
/* Whether it is on its way out, for good or with the node. */
bool agent_pod_is_ending(const struct agent *agent, const struct agent_pod *p);
void agent_pod_free(struct agent_pod *p);
/* Ends it for good, for a want of the node's or for what it takes beyond its limits; see lifecycle_evict(). */
void agent_pod_evict(struct agent *agent, struct agent_pod *p, const char *message, bool disrupted);
/* Has the files of a pod that is over removed, its logs too; does nothing to others. */
void agent_pod_reclaim(struct agent *agent, struct agent_pod *p);
/* Tells podfs-pod to kill what runs and to go. */
void agent_pod_end_sandbox(struct agent *agent, struct agent_pod *p);
/* The sandbox could not be had: says so, and has it tried again later. */
void agent_pod_sandbox_failed(struct agent *agent, struct agent_pod *p, const char *why);
/* Hands what is left of a sandbox to the cleaner. */
void agent_pod_clean(struct agent *agent, struct agent_pod *p);

/* --- agent_event.c: on the agent's thread --- */

/* Reads what its podfs-pod says. */
void agent_pod_receive(struct agent *agent, struct agent_pod *p);
/* A container's state as podfs-pod, or the file that it left, tells it. */
void agent_pod_take_status(struct agent *agent, struct agent_pod *p, const struct sandbox_event *ev);
/* podfs-pod died without being told to: its containers died with it. */
void agent_pod_lost(struct agent *agent, struct agent_pod *p);

/* --- agent_source.c: on the agent's thread --- */

/* Where the pod's configuration comes from; valid as long as the pod is. hostname in `a`. */
struct sources agent_sources(struct agent *agent, const struct agent_pod *p, struct arena *a);
/* Counts the pod among those that use ConfigMaps or Secrets if it does. */
void agent_source_uses(struct agent *agent, struct agent_pod *p);
/* Whether the change of a ConfigMap, Secret or ServiceAccount may concern a pod: that is all that every pod has to do with,
 * and the others where there are pods that use such. Any thread. */
bool agent_source_concerns(const struct cache_event *e, bool has_users);
/* One has changed: brings the volumes that show it up to date, and has what waits for it tried again. */
void agent_source_changed(struct agent *agent, const struct object *source);
/* Brings the pod's volumes up to date with the pod itself (labels and annotations in downwardAPI volumes). */
void agent_refresh_volumes(struct agent *agent, struct agent_pod *p);
/* A token is due: renews it, and sets p->token_at for the next. */
void agent_renew_tokens(struct agent *agent, struct agent_pod *p);

/* --- agent_status.c: on the agent's thread --- */

/* Records an event about the pod. */
void agent_tell(struct agent *agent, const struct agent_pod *p, enum event_type type, const char *reason, const char *fmt,
		...) __attribute__((format(printf, 5, 6)));
/* Shows in the store what is. */
void agent_write_status(struct agent *agent, struct agent_pod *p);
void agent_status_written(struct agent *agent, struct agent_pod *p, int result);
/* The last word on a pod that is being deleted. */
void agent_remove_from_store(struct agent *agent, struct agent_pod *p);
void agent_removed(struct agent *agent, struct agent_pod *p, int result);

/* --- agent_hook.c: on the agent's thread --- */

/* A run has begun: its postStart hook is next, if it has one. */
void agent_hook_post_start(struct agent *agent, struct agent_pod *p, struct container_run *c);
/* The pod ends: the container's preStop hook begins, though its own turn to end may be later. */
void agent_hook_pre_stop(struct agent *agent, struct agent_pod *p, struct container_run *c, int64_t grace);
/* Ends a container within the grace (ns): preStop hook first, then its stop signal. A grace is only ever shortened.
 * True when this is the first that it hears of it. */
bool agent_hook_stop(struct agent *agent, struct agent_pod *p, struct container_run *c, int64_t grace);
/* The hook in hand has ended; `failed`: why, or NULL. */
void agent_hook_ended(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *failed);
/* Ends hooks whose time is up. */
void agent_hook_work(struct agent *agent, struct agent_pod *p, int64_t now);

/* --- agent_probe.c: on the agent's thread --- */

enum { AGENT_CALL_HOOK = PROBE_TYPES }; /* what a check is for: a probe of that type, or the hook in hand */

/* Carries out the probes that are due, and sets p->probe_at for the next. */
void agent_probe_work(struct agent *agent, struct agent_pod *p);
/* An exec has ended: a probe, a hook, or neither. */
void agent_probe_exec_ended(struct agent *agent, struct agent_pod *p, const struct sandbox_event *ev);
/* Reads what podfs-probe answers. */
void agent_probe_receive(struct agent *agent);
struct agent_ask {
	int what;	  /* what it is for: enum probe_type or AGENT_CALL_HOOK */
	const char *type; /* "httpGet", "tcpSocket", "grpc" */
	const struct value *action;
	int64_t timeout, period; /* ns; a timeout of 0: none */
	uint32_t count;		 /* more than 1: it stands (probe/protocol.h) */
};

/* Asks podfs-probe on behalf of the container. Its id, or a negative errno. */
int agent_probe_call(struct agent *agent, struct agent_pod *p, struct container_run *c, const struct agent_ask *ask,
		     uint64_t *ret_id, struct error *err);
/* The pod is to be forgotten: takes back what podfs-probe has in hand for it. */
void agent_probe_forget(struct agent *agent, struct agent_pod *p);
void agent_probe_clear(struct agent *agent);

/* --- agent_pull.c: on the agent's thread --- */

/*
 * Sees to the container's image before a start. 0: start it (or let the launch say why not); 1: it waits, for a pull that
 * is now under way or for its back-off, and is tried again when that has ended.
 */
int agent_pull_image(struct agent *agent, struct agent_pod *p, struct container_run *c, const char *image);
/* Takes in pulls that have ended. */
void agent_pull_receive(struct agent *agent);
/* Ends pulls that nobody waits for any more, and starts the next. */
void agent_pull_work(struct agent *agent);
/* Has what a dead daemon's pulls left removed. */
void agent_pull_sweep(struct agent *agent);
void agent_pull_clear(struct agent *agent);

/* --- agent_gc.c: on the agent's thread --- */

/* Looks whether an image is to go, and has one removed. */
void agent_gc_work(struct agent *agent);
/* A removal has ended: looks again. */
void agent_gc_removed(struct agent *agent);
/* Images have come or are no longer used, or, with `now`, the disk is full: has a look later, or at once. */
void agent_gc_expect(struct agent *agent, bool now);
/* A pod is over: what it used was used until now, also when no look has seen that. */
void agent_gc_forget(struct agent *agent, const struct agent_pod *p);
/* Whether that image is just being removed: the container then waits until it has gone. */
bool agent_gc_removes(const struct agent *agent, struct container_run *c, const char *digest);
/* Has every unused image removed that may be, whatever its age and the disk's use; agent_evict_reclaimed() when done. */
void agent_gc_reclaim(struct agent *agent);
void agent_gc_clear(struct agent *agent);

/* --- agent_evict.c: on the agent's thread --- */

void agent_evict_open(struct agent *agent, const struct eviction_policy *policy, struct pod_resources reserved);
void agent_evict_close(struct agent *agent);
/* Looks how the node stands, and takes the next step. */
void agent_evict_work(struct agent *agent);
/* A pod with limits of what it may take of the disk has begun to run. */
void agent_evict_expect(struct agent *agent);
/* Memory may be short: has a look soon. `event`: the cgroup says so. */
void agent_evict_wake(struct agent *agent, bool event);
void agent_evict_measured(struct agent *agent);
/* Unused images, or the files of pods that are over, have gone. */
void agent_evict_reclaimed(struct agent *agent, bool images);
/* Nothing is left of a pod's sandbox. */
void agent_evict_cleaned(struct agent *agent, const struct agent_pod *p);
/* Why a pod that has just come is refused; NULL: it is not. */
const char *agent_evict_refusal(struct arena *a, const struct agent *agent, const struct object *pod);
/* Whether a pod has limits of what it may take of the disk. */
bool agent_evict_has_limits(const struct object *pod);

/* --- agent_exec.c: on the agent's thread --- */

/* Starts a job, which it takes; or, with NULL, ends that of the id. */
void agent_exec_take(struct agent *agent, struct agent_exec_job *job, uint64_t id);
/* An exec has started, failed or ended: true if it was one of these. */
bool agent_exec_event(struct agent *agent, struct agent_pod *p, struct sandbox_event *ev);
/* The pod's podfs-pod has gone. */
void agent_exec_lost(struct agent *agent, const struct agent_pod *p);
void agent_exec_job_free(struct agent_exec_job *job);
void agent_exec_clear(struct agent *agent);

/* --- agent_facts.c --- */

/* Shows other threads how a container stands. */
void agent_facts_set(struct agent *agent, const struct agent_pod *p, const struct container_run *c);
void agent_facts_clear(struct agent *agent);

/* --- agent_launch.c --- */

/* The log file of the container's current run; NULL when memory is out. */
char *agent_log_path(struct arena *a, struct agent *agent, const struct agent_pod *p, const struct container_run *run);

/* Makes cgroup, volumes and address, and starts podfs-pod. Sets *ret_mount when it is a volume that failed. */
int agent_launch_sandbox(struct agent *agent, struct agent_pod *p, bool *ret_mount, struct error *err);
/* While podfs-pod sets itself up: writes the pod's files, and makes what its containers will need, so that their start
 * finds it there. 0, or a negative errno with err when the files could not be written. */
int agent_launch_files(struct agent *agent, struct agent_pod *p, struct error *err);
/* Where its service account's files are: in memory, but for a pod in a user namespace of its own, since a tmpfs takes mounts
 * that map IDs from Linux 6.3 on only. From the arena or the pod; NULL when memory is out. */
const char *agent_account_dir(struct arena *a, const struct agent *agent, const struct agent_pod *p);
/* Notes when the pod's tokens are to be renewed. */
void agent_note_tokens(struct agent *agent, struct agent_pod *p);
/* Sends a container's start. On failure *ret_reason is Kubernetes' word for why it waits. */
int agent_launch_container(struct agent *agent, struct agent_pod *p, struct container_run *c, const char **ret_reason,
			   struct error *err);
/* Runs a program beside the container's own processes, as the container is, or does what builtin says (pod/spec.h). stdio is
 * borrowed, -1: nowhere; NULL: a terminal of its own. SANDBOX_EXEC_EXITED follows with that id, unless the daemon dies, which
 * kills a program. */
int agent_launch_exec(struct agent *agent, struct agent_pod *p, struct container_run *run, const char *const *args,
		      size_t n_args, const int stdio[3], const char *builtin, uint64_t *ret_id, struct error *err);
/* As above for a handler's command, with output to `out` (-1: nowhere). */
int agent_launch_command(struct agent *agent, struct agent_pod *p, struct container_run *run, const struct value *command,
			 int out, uint64_t *ret_id, struct error *err);
/* Everything of a container but its root, log, cgroup and mounts. Strings are of `a`, the spec and the image. */
int agent_container_assemble(struct arena *a, struct agent *agent, struct agent_pod *p, struct container_run *run,
			     const struct image *image, struct env_list *env, struct sandbox_container *c,
			     struct error *err);
/* Its QoS class. */
const char *agent_pod_qos(const struct object *pod);
/* The hostname of a pod: spec.hostname or its name, cut to 63 bytes. */
const char *agent_hostname(struct arena *a, const struct object *pod);
/* Whether spec.KEY is true. */
bool agent_pod_flag(const struct object *pod, const char *key);

/* --- node_object.c --- */

/* What pods may have of this node. */
struct pod_resources node_object_allocatable(struct agent *agent);
/* Creates or refreshes this node's Node object, and waits for it. */
int node_object_write(struct agent *agent, struct error *err);
/*
 * Brings it up to date without waiting, on the agent's thread; node_object_written() follows through the inbox. One that was
 * removed is made anew: nothing could run on a machine whose only node is gone, and kubelet's restart does the same.
 */
void node_object_refresh(struct agent *agent);
void node_object_written(struct agent *agent, int result);
/* Records an event about it. */
void node_object_event(struct agent *agent, enum event_type type, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
