/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has changed since the scheduler last looked: noted on the store's thread, told to the world on the scheduler's. What
 * cannot be noted since memory is out makes it tell the world everything anew.
 */
#ifndef PODFS_CONTROL_SCHEDULER_FEED_H
#define PODFS_CONTROL_SCHEDULER_FEED_H

#include "control/scheduler_world.h"
#include "store/cache.h"

struct sched_feed;

/* NULL when memory is out. */
struct sched_feed *sched_feed_new(void);
void sched_feed_free(struct sched_feed *f); /* NULL is fine */

/* A node, a pod or a namespace has changed. Any thread. Whether so much waits that it should be told soon. */
bool sched_feed_note(struct sched_feed *f, const struct cache_event *e);

/* Tells the world; the cache shows more than what was noted at most. -ENOMEM: it is to be called again before the world is
 * used. */
int sched_feed_tell(struct sched_feed *f, struct cache *c, struct sched_world *w);

#endif
