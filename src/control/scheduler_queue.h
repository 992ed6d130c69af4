/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pods that fit nowhere, and which of them are to be tried again when something happens: as the queueing hints of
 * K8S:pkg/scheduler/backend/queue, those whose reason it can cure.
 *
 * Pods that are judged alike (of one ReplicaSet, say) form a class: while the first of a class does not fit, none does. So
 * one pod's going brings back the first of each class, and the next of it when that has fitted, and not ten thousand.
 *
 * What happens is only noted, in the same time however many wait; they are handed out in turns. Any thread.
 */
#ifndef PODFS_CONTROL_SCHEDULER_QUEUE_H
#define PODFS_CONTROL_SCHEDULER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* What can cure a pod's not fitting; bits. */
enum sched_cure {
	SCHED_POD_GONE = 1, /* what a bound pod took is free */
	SCHED_NODE = 2,	    /* a node has come, gone or changed */
	SCHED_STORAGE = 4,  /* claims, volumes, classes */
};

/* Where things stood when a pod was looked at. */
struct sched_moment {
	uint64_t happened[3]; /* how often, for each bit */
};

struct sched_queue;

/* NULL when memory is out. */
struct sched_queue *sched_queue_new(void);
void sched_queue_free(struct sched_queue *q); /* NULL is fine */

struct sched_moment sched_queue_now(struct sched_queue *q);

enum sched_put {
	SCHED_PUT_STALE = -1, /* not noted: what may cure it has happened since; it is to be tried at once */
	SCHED_PUT_NEW,
	SCHED_PUT_AGAIN, /* it was noted before */
};

/*
 * A pod fits nowhere, as was seen at `seen`. class: of pods that are judged alike. cures: what may let it fit. Where memory
 * is out it is as good as noted: the scheduler's own retry finds it.
 */
enum sched_put sched_queue_put(struct sched_queue *q, const char *key, const char *class, unsigned cures,
			       const struct sched_moment *seen);

/* A pod waits no more. Where others of its class may now be tried, the next one's key is put into `next`, which is "" else. */
void sched_queue_remove(struct sched_queue *q, const char *key, char next[static STORE_KEY_MAX + 1]);

/* Something has happened: whether sched_queue_take() is to be called for it. */
bool sched_queue_happened(struct sched_queue *q, enum sched_cure what);

/* Hands out the keys of pods to try, in the order in which they came, `max` at most, through fn, which must not call this
 * room. Whether there may be more. */
bool sched_queue_take(struct sched_queue *q, size_t max, void (*fn)(void *arg, const char *key), void *arg);

#endif
