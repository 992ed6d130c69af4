/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes without containers. They stand where the node agent stands: they watch the pods that are bound to them and
 * write what becomes of those, by a script; no root is needed. One instance plays any number of nodes. It has no thread
 * and no clock of its own: fake_nodes_step() does what is due by clock_monotonic(), which a test may replace.
 */
#ifndef TESTS_UNIT_FAKE_NODE_H
#define TESTS_UNIT_FAKE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/registry.h"

struct fake_nodes;

/* What becomes of one pod; times in ns. Zeroes: Ready at once, for ever, and gone at once when it is deleted. */
struct fake_life {
	int64_t ready_after; /* its start until it is Ready */
	int64_t ends_after;  /* its start until its containers end; 0: never */
	bool fails;	     /* it ends with Failed, not Succeeded */
	int64_t stops_after; /* its deletion until its containers have ended */
};

/* Says it, once for each pod, when the node sees the pod first. */
typedef struct fake_life (*fake_script_fn)(void *arg, const struct object *pod);

/* Called on any thread when there is something to do that there was not: to wake who steps. May be NULL. */
typedef void (*fake_wake_fn)(void *arg);

/* The registry must outlive it. A NULL script is one of zeroes. Pods that are there already are looked at as after a
 * restart of the agent: what runs goes on. 0 or a negative errno. */
int fake_nodes_new(struct registry *r, fake_script_fn script, fake_wake_fn wake, void *arg, struct fake_nodes **ret);
void fake_nodes_free(struct fake_nodes *f);

/* Makes a Node object that is Ready and has room for `pods` pods; `labels` is a YAML map of strings, or NULL. */
int fake_node_create(struct registry *r, const char *name, int64_t pods, const char *labels);

/* Does what is due for the next pod. False when nothing is; *ret_next is then when something will be, or INT64_MAX.
 * Waits. */
bool fake_nodes_step(struct fake_nodes *f, int64_t *ret_next);

/* A node that is down does nothing until it is up again. Its object is the caller's matter. */
void fake_node_set_down(struct fake_nodes *f, const char *node, bool down);

/* A container of a Running pod ends and is started again: it is not Ready until ready_after from now. */
void fake_nodes_restart_pod(struct fake_nodes *f, const struct object *pod);

/* Ends a pod now: Failed, as a node's eviction of it, or Succeeded. 0 or a negative errno. */
int fake_nodes_end_pod(struct fake_nodes *f, const struct object *pod, bool fails);

#endif
