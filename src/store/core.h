/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a store, shared by core.c (threads, queue, the public calls), batch.c (how transactions are
 * settled) and watch.c.
 *
 * Lock order: table, then watch_lock; queue_lock stands alone. No lock is held across a callback or the disk.
 */
#ifndef PODFS_STORE_CORE_H
#define PODFS_STORE_CORE_H

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/backend.h"
#include "store/history.h"
#include "store/store.h"
#include "store/table.h"
#include "store/txn.h"

TAILQ_HEAD(watch_list, store_watch);

struct store {
	const struct store_backend_ops *ops;
	void *be;

	/* Changed by the runner only, which may therefore read it without the lock. */
	pthread_rwlock_t table_lock;
	struct table table;	/* protected by table_lock */
	struct history history; /* protected by table_lock */
	uint64_t rev;		/* the newest visible revision; protected by table_lock */

	pthread_mutex_t watch_lock;
	pthread_cond_t watch_idle;   /* `running` has changed */
	struct watch_list watches;   /* protected by watch_lock */
	struct store_watch *running; /* whose callback runs; protected by watch_lock */

	pthread_mutex_t queue_lock;
	pthread_cond_t queue_filled;
	struct txn_queue queue; /* protected by queue_lock */
	bool catch_up;		/* a new watch wants old changes; protected by queue_lock */
	bool stopping;		/* protected by queue_lock */
	bool busy;		/* someone settles transactions: `runner`; protected by queue_lock */
	pthread_t runner;	/* protected by queue_lock */

	pthread_t thread;
	_Atomic int from_cpu; /* where another thread last submitted what is not lazy; -1: nobody has yet */

	/* Whoever is `busy` owns what follows. */
	uint64_t next_rev;	   /* the next to give; runs ahead of `rev`, and past failed batches */
	uint64_t reserved;	   /* durably: no revision above it is in use */
	struct overlay dirty;	   /* lazy changes not yet written; owns its operations */
	struct overlay staged;	   /* changes of the batch under way; borrows */
	struct store_write *writes; /* scratch */
	size_t writes_cap;
	size_t solo; /* so many transactions are to be tried one by one, after a batch failed */

	_Atomic int64_t pressed_at; /* monotonic: when several synced transactions were last in a commit */
	_Atomic uint64_t transactions, disk_commits, conflicts, lazy_pending;
};

/* --- batch.c; called by the runner --- */

/* Settles every transaction of q, which is empty afterwards: results, callbacks and all. */
void batch_run(struct store *s, struct txn_queue *q);

/* Writes what is lazy, and gives back the revisions that were reserved and not used. */
int batch_flush(struct store *s);

/* --- watch.c; called by the runner --- */

/* Gives every watch the changes that it has not had yet, in revision order, then trims the history. */
void watch_deliver(struct store *s);

/* Tells the watches that want to know it (store_watch_after()) that what they were shown has had its completions. */
void watch_settled(struct store *s);

void watch_free_all(struct store *s);

#endif
