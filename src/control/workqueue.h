/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of keys: each waits at most once, in the order of rank (0 unless it is given) and arrival, or at a time of its own; a key that failed comes
 * back with exponential back-off. Pure: no lock, no clock; the caller brings `now` (monotonic, ns).
 */
#ifndef PODFS_CONTROL_WORKQUEUE_H
#define PODFS_CONTROL_WORKQUEUE_H

#include <stdint.h>

#include "base/clock.h"

struct workqueue;

/* client-go's default item back-off: 5 ms doubling to 1000 s. */
#define WORKQUEUE_BACKOFF_FIRST (5 * NSEC_PER_MSEC)
#define WORKQUEUE_BACKOFF_MAX (1000 * NSEC_PER_SEC)

/* NULL when memory is out. */
struct workqueue *workqueue_new(void);
void workqueue_free(struct workqueue *q);

/* Adds a key that is due at once; one that waits for later moves to the end of what is due. -ENOMEM. */
int workqueue_add(struct workqueue *q, const char *key);
/* The same with a rank: before those of a lower one, whenever it is due, until it has been taken. -ENOMEM. */
int workqueue_add_ranked(struct workqueue *q, const char *key, int64_t rank);
/* Adds a key that is due at `at`, unless it is due earlier already. -ENOMEM. */
int workqueue_add_at(struct workqueue *q, const char *key, int64_t at);
/* Adds a key again after a failure, later each time. -ENOMEM. */
int workqueue_add_failed(struct workqueue *q, const char *key, int64_t now);
/* Makes due at once what waits for a time, but for what comes back after a failure. */
void workqueue_hurry(struct workqueue *q);
/* Forgets the failures of a key. */
void workqueue_forget(struct workqueue *q, const char *key);

/*
 * Takes the next key that is due; the caller frees it with free(). NULL when none is; then *ret_next is when
 * the next one will be, or INT64_MAX.
 */
char *workqueue_pop(struct workqueue *q, int64_t now, int64_t *ret_next);

#endif
