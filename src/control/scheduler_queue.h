/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pods that fit nowhere, and which of them are to be tried again when something happens: as the queueing hints of
 * K8S:pkg/scheduler/backend/queue, those whose reason it can cure.
 *
 * Pods that are judged alike (of one ReplicaSet, say) form a class: while the first of a class does not fit, none does. So
 * one pod's going brings back the first of each class, and the next of it when that has fitted, and not ten thousand.
 *
 * What happens is only noted, in the same time however many wait; they are handed out in turns, the first of each class before
 * others, and among those of one turn the class of the highest priority first. Any thread.
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
	SCHED_POD_CAME = 8, /* a pod is on a node */
	SCHED_POD_LABELS = 16, /* labels of a pod on a node, or of a namespace, have changed */
};

enum { SCHED_CURES = 5 };

/* Where things stood when a pod was looked at. */
struct sched_moment {
	uint64_t happened[SCHED_CURES]; /* how often, for each bit */
};

enum { SCHED_TURN_MAX = 64 };

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

/* What was found out about a pod. */
struct sched_finding {
	const char *class; /* of pods that are judged alike */
	int64_t priority;
	unsigned cures; /* what may let it fit */
	struct sched_moment seen; /* before it was looked at */
};

/* A pod fits nowhere. Where memory is out it is as good as noted: the scheduler's own retry finds it. Where it
 * was handed out and is of another class now, the next one's key of its old class is put into `next`, which is "" else. */
enum sched_put sched_queue_put(struct sched_queue *q, const char *key, const struct sched_finding *f,
			       char next[static STORE_KEY_MAX + 1]);

/* A pod waits no more. Where others of its class may now be tried, the next one's key is put into `next`, which is "" else. */
void sched_queue_remove(struct sched_queue *q, const char *key, char next[static STORE_KEY_MAX + 1]);

/* Something has happened: whether sched_queue_take() is to be called for it. */
bool sched_queue_happened(struct sched_queue *q, enum sched_cure what);

/* Hands out the keys of pods to try, those of a class in the order in which they came, `max` (SCHED_TURN_MAX at most), through fn, which must not call this
 * room. Whether there may be more. */
bool sched_queue_take(struct sched_queue *q, size_t max, void (*fn)(void *arg, const char *key), void *arg);

#endif
