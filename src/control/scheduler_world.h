/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scheduler knows: the nodes, the pods on them, and sums that follow both, so that a decision looks at few pods
 * whatever there are. It is told of changes (sched_world_set_node() and the like) and is never asked to look for them.
 *
 * A node has a slot, a small number; what is counted for each node is an array by slot (scheduler_counts.h). One thread.
 * After -ENOMEM of a function that tells it something it is not right any more: clear it and tell it everything again.
 *
 * Units: thousandths of a CPU, bytes, ns.
 */
#ifndef PODFS_CONTROL_SCHEDULER_WORLD_H
#define PODFS_CONTROL_SCHEDULER_WORLD_H

#include <bsd/sys/queue.h>

#include "control/scheduler_terms.h"
#include "schema/resources.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct sched_node;

struct sched_port {
	int64_t port;
	char protocol[8];
	char ip[46]; /* INET6_ADDRSTRLEN; "0.0.0.0": any */
};

/* A pod on a node, or one that is to be there (nominated) when others have gone. */
struct sched_pod {
	UT_hash_handle hh; /* by key */
	TAILQ_ENTRY(sched_pod) in_node;
	struct sched_node *node;
	struct pod_resources asks, assumed; /* pod_requests(), pod_assumed_requests() */
	int64_t priority, start;
	bool nominated, deleting;
	bool preempted; /* it ends since it was preempted */
	bool lifted;	/* not counted: looked away from for a while, or nominated and not looked at */
	struct sched_port *ports;
	size_t n_ports;
	struct sched_carried **carried; /* its terms */
	size_t n_carried;
	uint32_t *groups; /* it is counted in; some may be gone */
	size_t n_groups;
	char key[]; /* the store's: object_key() */
};

TAILQ_HEAD(sched_pod_list, sched_pod);

struct sched_image {
	UT_hash_handle hh;
	size_t n_nodes;
	char name[];
};

struct sched_node {
	UT_hash_handle hh; /* by name */
	size_t slot;
	struct object *object; /* NULL: pods say that they are on it, but there is none */
	struct pod_resources has;
	int64_t has_pods;
	struct pod_resources used, assumed; /* by the pods on it, without the nominated ones */
	int64_t n_pods;
	struct sched_pod_list pods, nominated;
	bool ready, unschedulable;
	const struct value *taints; /* NULL: none */
	struct {
		struct sched_image *image;
		int64_t size;
	} *images;
	size_t n_images;
	char name[];
};

/* An object by its store key; the caller owns it; NULL: gone. */
typedef struct object *(*sched_get_fn)(void *arg, const char *key);

struct sched_counts;

struct sched_world {
	sched_get_fn get;
	void *get_arg;
	struct sched_node **slots; /* holes are NULL */
	size_t n_slots, n_nodes;   /* nodes: those with an object */
	size_t slots_cap;
	struct sched_node *by_name;
	struct sched_pod *by_key;
	struct sched_image *images;
	struct sched_counts *counts;
	struct sched_carried *carried; /* what pods on nodes carry */
	size_t next_slot; /* where the next decision begins to look */
};

/* NULL when memory is out. */
struct sched_world *sched_world_new(sched_get_fn get, void *arg);
void sched_world_free(struct sched_world *w); /* NULL is fine */
/* Forgets all. */
void sched_world_clear(struct sched_world *w);

/* A node is new or has changed. -ENOMEM. */
int sched_world_set_node(struct sched_world *w, const struct object *node);
void sched_world_remove_node(struct sched_world *w, const char *name);
/* A pod is new or has changed: that it is on a node, is nominated to one, or (again) neither, is read from it. -ENOMEM. */
int sched_world_set_pod(struct sched_world *w, const struct object *pod);
void sched_world_remove_pod(struct sched_world *w, const char *key);
/* A namespace's labels have changed. */
void sched_world_set_namespace(struct sched_world *w);

/* NULL: there is none. */
struct sched_node *sched_world_node(const struct sched_world *w, const char *name);
struct sched_pod *sched_world_pod(const struct sched_world *w, const char *key);

/* Takes a pod's asks away from its node for a while, or (back) adds them: for what would be if. */
void sched_world_lift(struct sched_pod *pod);
void sched_world_put_back(struct sched_pod *pod);

/* The node on which the pod takes something: "" once it has ended. */
const char *sched_bound_node(const struct object *pod);
/* The node on which a pod that is on none yet is to be; "": none. */
const char *sched_nominated_node(const struct object *pod);

#endif
