/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts by node that follow the pods: how many of those that some terms select are on each (a group), and how many of those
 * that have a term of their own (what they carry). A group is made when a decision asks for it, by one look at all pods, and
 * follows from then on; those that nobody has asked for in a while make way.
 */
#ifndef PODFS_CONTROL_SCHEDULER_COUNTS_H
#define PODFS_CONTROL_SCHEDULER_COUNTS_H

#include "control/scheduler_world.h"

/* The values of a label of nodes, as small numbers by slot; 0: the node has no such label. */
struct sched_column {
	UT_hash_handle hh;
	uint32_t *value;
	size_t n_values; /* the numbers are below it */
	struct label_value *values;
	uint64_t used;
	char key[];
};

/* Pods on nodes that have one term in common. */
struct sched_carried {
	UT_hash_handle hh;
	enum sched_terms kind;
	struct sched_term term;
	struct arena *arena; /* the term's */
	int32_t *count;	     /* by slot */
	size_t pods;
	char key[];
};

/* Without groups and columns, which come as decisions ask for them. NULL when memory is out. The scheduler's thread. */
struct sched_counts *sched_counts_new(void);
void sched_counts_free(struct sched_counts *c); /* NULL is fine */

/* For scheduler_world.c: there is to be room for so many slots; a node's labels are so now (NULL: there is none); a pod has
 * come, goes; a namespace has other labels. -ENOMEM. */
int sched_counts_grow(struct sched_world *w, size_t slots);
int sched_counts_set_labels(struct sched_world *w, size_t slot, const struct value *labels);
int sched_counts_add_pod(struct sched_world *w, struct sched_pod *p, const struct object *pod);
void sched_counts_remove_pod(struct sched_world *w, struct sched_pod *p);
void sched_counts_namespace(struct sched_world *w);

/* Makes room for what a decision may ask for: what the next two give lasts until then. */
void sched_counts_trim(struct sched_world *w);

/* NULL when memory is out. */
const struct sched_column *sched_column(struct sched_world *w, const char *label);

/* The number of a value; 0: no node has it, or had it lately. */
uint32_t sched_column_find(const struct sched_column *col, const char *text);

/* By slot, how many pods all of the terms select; `living`: without those that are being deleted. NULL when memory is out. */
const int32_t *sched_count(struct sched_world *w, const struct sched_term *terms, size_t n, bool living);

/* The same for what pods carry (scheduler_carried.c). */
int sched_carried_grow(struct sched_world *w, size_t slots);
int sched_carried_add_pod(struct sched_world *w, struct sched_pod *p, const struct object *pod);
void sched_carried_remove_pod(struct sched_world *w, struct sched_pod *p);

/* What pods carry, one after another, in no order: NULL begins; NULL ends. */
const struct sched_carried *sched_carried_next(const struct sched_world *w, const struct sched_carried *c);

/* Makes an array longer by zeros; false when memory is out. An array of length n has n + 1 items. */
bool sched_grow_array(void **array, size_t size, size_t old_n, size_t n);

/* Whether the term selects a pod. */
bool sched_term_selects(const struct sched_world *w, const struct sched_term *t, const struct object *pod);

#endif
