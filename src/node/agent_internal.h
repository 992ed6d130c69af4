/* SPDX-License-Identifier: Apache-2.0 */
/* What the rooms of the node agent share: agent.c (thread and table), agent_pod.c (one pod), agent_launch.c (what is
 * handed to podfs-pod), cleaner.c (removal). */
#ifndef PODFS_NODE_AGENT_INTERNAL_H
#define PODFS_NODE_AGENT_INTERNAL_H

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdatomic.h>

#include "node/agent.h"
#include "node/cgroup.h"
#include "node/cleaner.h"
#include "node/lifecycle.h"
#include "node/sandbox.h"
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
	bool gone;	       /* from the store */
	bool cleaning;	       /* the cleaner is at work on its sandbox */
	bool expected_end;     /* podfs-pod was told to go */
	bool adopting;	       /* an earlier daemon's podfs-pod is telling how it stands */
	bool removed;	       /* its removal from the store was asked for */
	bool sync_status;      /* the next status says what cannot be observed again */
	struct pod_run run;
	struct sandbox *sandbox;
	char *dir;		 /* STATE/pods/UID */
	char cgroup[CGROUP_PATH_MAX];
	int64_t wake_at;	 /* real time; INT64_MAX: none */
};

TAILQ_HEAD(agent_dirty, agent_pod);

struct inbox_item;
TAILQ_HEAD(inbox, inbox_item);

struct agent {
	struct registry *registry;
	struct writer writer;
	char *node_name, *host_ip, *state_dir, *run_dir, *log_dir, *pod_program;
	struct image_store *images;
	const struct agent_network *network;
	void *network_arg;
	struct cgroups *cgroups;
	struct cleaner *cleaner;
	struct cache_subscription *subscription;
	pthread_t thread;
	bool started;
	int epoll, wake_fd, timer_fd;
	struct agent_pod *pods; /* by uid; the agent's thread only */
	struct agent_dirty dirty;
	bool draining;
	_Atomic size_t n_pods;
	pthread_mutex_t lock; /* protects what follows */
	pthread_cond_t drained;
	struct inbox inbox;
	bool stopping, drain_wanted, is_drained, images_changed;
};

/* --- agent.c --- */

/* Puts a pod in the list of those to look at before the thread sleeps. */
void agent_mark(struct agent *agent, struct agent_pod *p);
/* From any thread: the cleaner has finished with a pod. */
void agent_note_cleaned(void *arg, const char *uid);

/* --- agent_pod.c: on the agent's thread --- */

/* Takes a newer version of the pod. */
void agent_pod_update(struct agent *agent, struct agent_pod *p, const struct object *now);
/* Decides and acts, until there is nothing to do now. Returns false when the pod is over and to be forgotten. */
bool agent_pod_reconcile(struct agent *agent, struct agent_pod *p);
/* Reads what its podfs-pod says. */
void agent_pod_receive(struct agent *agent, struct agent_pod *p);
/* Takes up a pod whose podfs-pod may still run. */
void agent_pod_adopt(struct agent *agent, struct agent_pod *p);
void agent_pod_cleaned(struct agent *agent, struct agent_pod *p);
void agent_pod_free(struct agent_pod *p);

/* --- agent_launch.c --- */

/* Makes cgroup, directories, volumes and address, and starts podfs-pod. */
int agent_launch_sandbox(struct agent *agent, struct agent_pod *p, struct error *err);
/* Sends a container's start. On failure *ret_reason is Kubernetes' word for why it waits. */
int agent_launch_container(struct agent *agent, struct agent_pod *p, struct container_run *c, const char **ret_reason,
			   struct error *err);
/* The hostname of a pod: spec.hostname or its name, cut to 63 bytes. */
const char *agent_hostname(struct arena *a, const struct object *pod);

/* --- node_object.c --- */

/* Creates or refreshes this node's Node object. */
int node_object_write(struct agent *agent, struct error *err);

#endif
