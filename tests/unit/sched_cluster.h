/* SPDX-License-Identifier: Apache-2.0 */
/* A world for the scheduler's decisions, made of short YAML. Include after cmocka.h. */
#ifndef TESTS_UNIT_SCHED_CLUSTER_H
#define TESTS_UNIT_SCHED_CLUSTER_H

#include "control/scheduler_decide.h"
#include "objects.h"

struct cluster {
	struct sched_world *world;
	struct object_list objects;
};

#define CLUSTER_INIT ((struct cluster){ 0 })
void cluster_clear(struct cluster *c);
#define _cleanup_cluster_ _cleanup_(cluster_clear)

/* Adds an object and tells the world of it. It stays the cluster's. */
struct object *cluster_add(struct cluster *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One is gone. */
void cluster_remove(struct cluster *c, const char *key);

/* Decides; the message or the node's name, in `a`. */
const char *cluster_decide(struct cluster *c, const struct object *pod, const struct sched_request *more, struct arena *a,
			   struct sched_outcome *ret);
/* The same without what is said of preemption. */
const char *cluster_filter(struct cluster *c, const struct object *pod, struct arena *a);

#endif
