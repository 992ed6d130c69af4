/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's thread, its queue, and the public calls. One thread at a time, the runner, settles transactions
 * (batch.c). That is the store's own thread, which sleeps until something is queued and takes all of it, so that what
 * arrives while it is busy becomes the next batch; or a caller of store_commit() who finds nothing under way, since
 * waking two threads would take longer than all else but the disk.
 */
#include "store/core.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "store/apart.h"
#include "store/lmdb.h"

/* --- reading --- */

int store_get(struct store *s, const char *key, struct store_entry **ret)
{
	struct store_entry *e = NULL;

	pthread_rwlock_rdlock(&s->table_lock);
	e = store_entry_ref(table_find(&s->table, key));
	pthread_rwlock_unlock(&s->table_lock);
	if (!e)
		return -ENOENT;
	*ret = e;
	return 0;
}

int store_list_after(struct store *s, const char *prefix, const char *after, size_t max, struct store_list *ret)
{
	_cleanup_store_list_ struct store_list l = STORE_LIST_INIT;
	int r;

	pthread_rwlock_rdlock(&s->table_lock);
	l.rev = s->rev;
	r = table_list(&s->table, prefix, after, max, &l);
	pthread_rwlock_unlock(&s->table_lock);
	if (r < 0)
		return r;
	*ret = l;
	l = STORE_LIST_INIT;
	return 0;
}

int store_list(struct store *s, const char *prefix, struct store_list *ret)
{
	return store_list_after(s, prefix, "", SIZE_MAX, ret);
}

uint64_t store_revision(struct store *s)
{
	uint64_t rev;

	pthread_rwlock_rdlock(&s->table_lock);
	rev = s->rev;
	pthread_rwlock_unlock(&s->table_lock);
	return rev;
}

bool store_is_pressed(struct store *s)
{
	int64_t at = atomic_load_explicit(&s->pressed_at, memory_order_relaxed);

	return at && clock_monotonic() - at < STORE_PRESSED_MS * NSEC_PER_MSEC;
}

void store_stats(struct store *s, struct store_stats *ret)
{
	*ret = (struct store_stats){
		.transactions = s->transactions,
		.disk_commits = s->disk_commits,
		.conflicts = s->conflicts,
		.lazy_pending = s->lazy_pending,
	};
	pthread_rwlock_rdlock(&s->table_lock);
	ret->keys = s->table.keys;
	ret->bytes = s->table.bytes;
	pthread_rwlock_unlock(&s->table_lock);
}

/* --- writing --- */

/* Queues t and takes ownership of it, or returns -ESHUTDOWN. */
static int enqueue(struct store *s, struct txn **t)
{
	bool wake = false;
	int r = 0;

	pthread_mutex_lock(&s->queue_lock);
	if (s->stopping) {
		r = -ESHUTDOWN;
	} else {
		if (!((*t)->flags & STORE_LAZY) && !(s->busy && pthread_equal(pthread_self(), s->runner)))
			atomic_store_explicit(&s->from_cpu, sched_getcpu(), memory_order_relaxed);
		TAILQ_INSERT_TAIL(&s->queue, *t, link);
		steal_ptr(*t);
		wake = !s->busy;
	}
	pthread_mutex_unlock(&s->queue_lock);
	if (wake)
		pthread_cond_signal(&s->queue_filled);
	return r;
}

int store_submit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, store_done_fn done, void *arg)
{
	_cleanup_txn_ struct txn *t = NULL;
	int r = transaction_new(ops, n, flags, done, arg, &t);

	return r < 0 ? r : enqueue(s, &t);
}

/* --- who settles: the store's thread, or a caller of store_commit() who finds nothing under way --- */

/* Whether the caller may settle now what it brings, before anything else. Then end_turn() must follow. */
static bool begin_turn(struct store *s)
{
	bool mine;

	pthread_mutex_lock(&s->queue_lock);
	mine = !s->busy && !s->stopping && !s->catch_up && TAILQ_EMPTY(&s->queue);
	if (mine) {
		s->busy = true;
		s->runner = pthread_self();
	}
	pthread_mutex_unlock(&s->queue_lock);
	return mine;
}

static void end_turn(struct store *s)
{
	bool wake;

	pthread_mutex_lock(&s->queue_lock);
	s->busy = false;
	wake = !TAILQ_EMPTY(&s->queue) || s->catch_up || s->stopping;
	pthread_mutex_unlock(&s->queue_lock);
	if (wake)
		pthread_cond_signal(&s->queue_filled);
}

/* Whether the caller runs inside a callback of the store. */
static bool in_callback(struct store *s)
{
	bool in;

	pthread_mutex_lock(&s->queue_lock);
	in = s->busy && pthread_equal(pthread_self(), s->runner);
	pthread_mutex_unlock(&s->queue_lock);
	return in;
}

/* One sleeper: a futex on its stack, which the waker does not touch after the value that lets the sleeper go. */
struct waiter {
	_Atomic uint32_t settled;
	int result;
	uint64_t rev;
};

static void settle_waiter(void *arg, int result, uint64_t rev)
{
	struct waiter *w = arg;

	w->result = result;
	w->rev = rev;
	atomic_store_explicit(&w->settled, 1, memory_order_release);
	/* ignoring the result: the address may be someone else's by now, who then wakes once for nothing */
	(void)syscall(SYS_futex, &w->settled, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int store_commit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, uint64_t *ret_rev)
{
	_cleanup_txn_ struct txn *t = NULL;
	struct waiter w = { 0 };
	int r;

	if (in_callback(s))
		return -EDEADLK;
	r = transaction_new(ops, n, flags, settle_waiter, &w, &t);
	if (r < 0)
		return r;
	if (begin_turn(s)) {
		struct txn_queue q = TAILQ_HEAD_INITIALIZER(q);

		TAILQ_INSERT_TAIL(&q, t, link);
		steal_ptr(t);
		batch_run(s, &q);
		end_turn(s);
	} else {
		r = enqueue(s, &t);
		if (r < 0)
			return r;
		while (!atomic_load_explicit(&w.settled, memory_order_acquire))
			(void)syscall(SYS_futex, &w.settled, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	}
	if (w.result >= 0 && ret_rev)
		*ret_rev = w.rev;
	return w.result;
}

/* --- the thread --- */

/* Sleeps until there is work and moves it to q. Returns false when there is none and will be none. */
static bool next_batch(struct store *s, struct txn_queue *q)
{
	bool more;

	pthread_mutex_lock(&s->queue_lock);
	while (s->busy || (TAILQ_EMPTY(&s->queue) && !s->catch_up && !s->stopping))
		pthread_cond_wait(&s->queue_filled, &s->queue_lock);
	more = !TAILQ_EMPTY(&s->queue) || s->catch_up;
	s->busy = more;
	s->runner = pthread_self();
	s->catch_up = false;
	TAILQ_CONCAT(q, &s->queue, link);
	pthread_mutex_unlock(&s->queue_lock);
	return more;
}

static void *store_thread(void *arg)
{
	struct store *s = arg;
	struct txn_queue q = TAILQ_HEAD_INITIALIZER(q);
	struct apart apart = APART_INIT;

	while (next_batch(s, &q)) {
		apart_from(&apart, store_is_pressed(s) ? atomic_load_explicit(&s->from_cpu, memory_order_relaxed) : -1);
		watch_deliver(s); /* for watches that have just started in the past */
		watch_settled(s);
		batch_run(s, &q);
		end_turn(s);
	}
	(void)batch_flush(s); /* ignoring: what is lazy may be lost, and nobody is left to be told */
	return NULL;
}

/* Starts the thread with all signals blocked: they are for the threads that wait for them. */
static int start_thread(struct store *s)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&s->thread, NULL, store_thread, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r == 0)
		(void)pthread_setname_np(s->thread, "store"); /* ignoring: only for people's eyes */
	return -r;
}

/* --- opening and closing --- */

static int load_entry(void *arg, struct store_entry *e)
{
	struct store *s = arg;
	struct table_node *spare = malloc(sizeof(*spare));

	if (!spare) {
		store_entry_unref(e);
		return -ENOMEM;
	}
	store_entry_unref(table_put(&s->table, e, &spare));
	free(spare);
	return 0;
}

static void store_free(struct store *s)
{
	struct op *o = NULL;

	if (!s)
		return;
	if (s->ops)
		s->ops->close(s->be);
	watch_free_all(s);
	while ((o = overlay_first(&s->dirty))) {
		overlay_remove(&s->dirty, o);
		op_free(o);
	}
	history_clear(&s->history);
	table_clear(&s->table);
	free(s->writes);
	pthread_cond_destroy(&s->queue_filled);
	pthread_cond_destroy(&s->watch_idle);
	pthread_mutex_destroy(&s->queue_lock);
	pthread_mutex_destroy(&s->watch_lock);
	pthread_rwlock_destroy(&s->table_lock);
	free(s);
}
DEFINE_CLEANUP(struct store *, store_free);

static struct store *store_new(const struct store_backend_ops *ops, void *be)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ops = ops;
	s->be = be;
	s->from_cpu = -1;
	pthread_rwlock_init(&s->table_lock, NULL);
	pthread_mutex_init(&s->watch_lock, NULL);
	pthread_mutex_init(&s->queue_lock, NULL);
	pthread_cond_init(&s->watch_idle, NULL);
	pthread_cond_init(&s->queue_filled, NULL);
	TAILQ_INIT(&s->watches);
	TAILQ_INIT(&s->queue);
	RB_INIT(&s->dirty);
	RB_INIT(&s->staged);
	table_init(&s->table);
	return s;
}

int store_open_backend(const struct store_backend_ops *ops, void *be, struct store **ret, struct error *err)
{
	_cleanup_(store_freep) struct store *s = store_new(ops, be);
	int r;

	if (!s) {
		ops->close(be);
		return error_errno(err, -ENOMEM, "store");
	}
	r = ops->load(be, load_entry, s, &s->reserved, err);
	if (r < 0)
		return r;
	s->rev = s->reserved;
	s->next_rev = s->rev + 1;
	history_init(&s->history, s->rev);
	r = start_thread(s);
	if (r < 0)
		return error_errno(err, r, "starting the store's thread");
	*ret = steal_ptr(s);
	return 0;
}

int store_open(const char *uri, struct store **ret, struct error *err)
{
	void *be = NULL;
	int r;

	if (strcmp(uri, "memory:") == 0)
		return store_open_backend(&store_memory_ops, NULL, ret, err);
	if (strncmp(uri, "lmdb:", 5) != 0 || !uri[5])
		return error_set(err, -EINVAL, "%s is no store: lmdb:DIRECTORY or memory: is expected", uri);
	r = store_lmdb_open(uri + 5, 0, &be, err);
	return r < 0 ? r : store_open_backend(&store_lmdb_ops, be, ret, err);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->queue_lock);
	s->stopping = true;
	pthread_cond_signal(&s->queue_filled);
	pthread_mutex_unlock(&s->queue_lock);
	pthread_join(s->thread, NULL);
	store_free(s);
}
