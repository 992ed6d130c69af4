/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of completion indexes, as a Job's status and success policy write them: "1,3-5,7". Kept as intervals in order,
 * so that a Job of 100,000 completions is a few numbers. Pure; everything is in the arena that is given.
 */
#ifndef PODFS_CONTROL_JOB_INDEXES_H
#define PODFS_CONTROL_JOB_INDEXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct job_interval {
	int32_t first, last;
};

/* Ascending, with a gap between any two. All zeros is the empty set. */
struct job_indexes {
	struct job_interval *items;
	size_t n;
};

/* Reads the text form; what is malformed in it is passed over, and indexes of `completions` and more are cut off. -ENOMEM. */
int job_indexes_parse(struct arena *a, const char *text, int64_t completions, struct job_indexes *ret);
/* The text form: two neighbours are "1,2", three "1-3". "" for the empty set; NULL when memory is out. */
const char *job_indexes_format(struct arena *a, const struct job_indexes *s);
bool job_indexes_has(const struct job_indexes *s, int64_t index);
int64_t job_indexes_total(const struct job_indexes *s);
/* How many indexes are in both. */
int64_t job_indexes_common(const struct job_indexes *x, const struct job_indexes *y);
/* The union; x or y may be *ret. -ENOMEM. */
int job_indexes_merge(struct arena *a, const struct job_indexes *x, const struct job_indexes *y, struct job_indexes *ret);
/* Adds n indexes, which are ascending; one may come again. -ENOMEM. */
int job_indexes_add(struct arena *a, struct job_indexes *s, const int32_t *indexes, size_t n);
/* Puts the first at most n indexes below `completions` that are not in the set into `ret`; returns how many. */
size_t job_indexes_missing(const struct job_indexes *s, int64_t completions, int32_t *ret, size_t n);

#endif
