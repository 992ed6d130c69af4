/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controllers together on a store, with a node that plays the node agent: every pod bound to it becomes Running and
 * Ready at once. What is waited for is a condition of the cache. Include after cmocka.h.
 */
#ifndef TESTS_UNIT_CONTROL_WORLD_H
#define TESTS_UNIT_CONTROL_WORLD_H

#include <pthread.h>

#include "control/controller.h"

enum { CONTROLLERS = 5 };

struct world {
	struct store *store;
	struct cache *cache;
	struct registry *registry;
	struct controller *controllers[CONTROLLERS];
	struct cache_subscription *watch;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t changes;
	bool mixed;
	size_t made;
};

extern const struct controller_type *const types[CONTROLLERS];
extern const struct writer tester, agent;
/* A node n1 of 8 CPUs, and a Deployment "web" of 3 replicas of nginx:1. */
extern const char node_yaml[], web_yaml[];

/* cmocka fixtures: a world on a store in memory, or on one that is handed over; *state becomes it. */
int setup(void **state);
int setup_on(struct store *s, void **state);
int teardown(void **state);

const struct schema_kind *kind(const char *plural);
/* Creates an object from text as the given writer; the reasons of a refusal are printed. */
int create(struct world *w, const struct writer *who, const char *text, unsigned flags);
/* Plays the node agent once: what is bound runs, what is deleted goes. */
void play_node(struct world *w);

typedef bool (*condition_fn)(struct world *w, void *arg);
/* Waits until a condition holds, playing the node at each change; false after a minute. */
bool wait_for(struct world *w, condition_fn condition, void *arg);

/* Conditions, changes and figures of the Deployment "web" and the namespace default. */
bool is_complete(struct world *w, void *arg); /* arg: int64_t, the replicas */
int scale(void *arg, struct arena *a, struct value *root, const struct object *old); /* arg: int64_t */
int set_image(void *arg, struct arena *a, struct value *root, const struct object *old); /* arg: the image */
int modify_web(struct world *w, registry_change_fn change, void *arg);
int64_t status_number(struct world *w, const char *plural, const char *name, const char *field);
bool count_is(struct world *w, const char *plural, size_t n);
/* Makes the node and the Deployment and waits until it is complete. */
void start_web(struct world *w);

#endif
