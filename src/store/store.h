/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: one ordered table of keys and bytes with one increasing revision for the whole cluster, as etcd has it.
 * It is the only place where the parts of podfs meet. lmdb.c is the embedded default, memory.c serves tests, and an
 * etcd back end follows the same contract (tests/unit/test_store.c runs against each).
 *
 * Rules
 *  - Each committed transaction gets one revision; every key it puts gets that mod_rev. Revisions are never reused,
 *    also not after a crash: LMDB reserves them durably in blocks.
 *  - A transaction is applied whole or not at all. Its operations name the mod_rev that each key must have
 *    (compare-and-swap). Transactions that arrive together share one disk commit.
 *  - A synced transaction is visible to readers and watchers only after it is durable. A lazy one (STORE_LAZY) is
 *    visible at once and written with the next synced commit or at store_close(); a crash may lose it. It is for
 *    status that can be observed again. If no synced commit follows, nothing is written: an idle store writes nothing.
 *    A synced transaction never becomes durable before a lazy one that it has seen (same-key order is kept).
 *  - Watch callbacks and completion callbacks run on one thread at a time, in revision order: the store's own, or that
 *    of a store_commit() under way. The completion of a transaction is called after every watch in this process has
 *    been given its changes, so whoever waits for it reads its own writes from any cache. Callbacks must be quick, and
 *    must not call store_commit(), store_close() or store_unwatch() (deadlock); store_submit(), store_watch(),
 *    store_get() and store_list() are fine. Whoever calls store_commit() or store_unwatch() must not hold a lock that
 *    a callback takes.
 *  - Reads are answered from memory. All functions may be called from any thread, but for open and close.
 */
#ifndef PODFS_STORE_STORE_H
#define PODFS_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct store;

/* --- entries: immutable, reference-counted snapshots of one key --- */

struct store_entry;

struct store_entry *store_entry_ref(struct store_entry *e);
void store_entry_unref(struct store_entry *e);
DEFINE_CLEANUP(struct store_entry *, store_entry_unref);
#define _cleanup_store_entry_ _cleanup_(store_entry_unrefp)

const char *store_entry_key(const struct store_entry *e);
/* The value's bytes; they live as long as the entry. */
const void *store_entry_value(const struct store_entry *e, size_t *ret_len);
/* The revision that created the key, and the one that last changed it. */
uint64_t store_entry_create_rev(const struct store_entry *e);
uint64_t store_entry_mod_rev(const struct store_entry *e);

struct store_list {
	struct store_entry **items; /* in key order (bytewise) */
	size_t n;
	uint64_t rev; /* the revision that the list shows: watch from rev + 1 */
};

#define STORE_LIST_INIT ((struct store_list){ NULL, 0, 0 })
void store_list_clear(struct store_list *l);
#define _cleanup_store_list_ _cleanup_(store_list_clear)

/* --- opening --- */

/*
 * Opens "lmdb:PATH" (a directory, created 0700 if absent) or "memory:". A store has one process at a time: a second
 * opener gets -EBUSY. A store of a newer format is refused with -EPROTO and not touched.
 */
int store_open(const char *uri, struct store **ret, struct error *err);

/* Writes what is lazy, waits for transactions under way (their callbacks are called), and closes. No other call may
 * be under way. NULL is fine. */
void store_close(struct store *s);

/* --- reading --- */

/* -ENOENT when absent. */
int store_get(struct store *s, const char *key, struct store_entry **ret);

/* All entries whose key starts with prefix, from one snapshot. */
int store_list(struct store *s, const char *prefix, struct store_list *ret);

/* At most `max` of them, from the first whose key comes after `after` ("": from the first of all). */
int store_list_after(struct store *s, const char *prefix, const char *after, size_t max, struct store_list *ret);

/* The newest visible revision. */
uint64_t store_revision(struct store *s);

/* --- writing --- */

enum store_op_type {
	STORE_PUT,
	STORE_DELETE,
	STORE_CHECK, /* only the expectation */
};

#define STORE_ANY UINT64_MAX /* no expectation: create, overwrite or delete whatever is there */
#define STORE_ABSENT UINT64_C(0)

struct store_op {
	enum store_op_type type;
	const char *key;   /* at most STORE_KEY_MAX bytes */
	const void *value; /* STORE_PUT */
	size_t len;	   /* at most STORE_VALUE_MAX */
	uint64_t expect;   /* mod_rev the key must have; STORE_ABSENT; STORE_ANY */
};

enum {
	STORE_KEY_MAX = 480,		      /* LMDB's own limit is 511 */
	STORE_VALUE_MAX = 16 * 1024 * 1024,
};

enum store_flags {
	STORE_LAZY = 1 << 0,
};

/*
 * The outcome of a transaction: 0 and its revision; -EEXIST when a key expected absent is there; -ESTALE when a key is
 * gone or has another mod_rev; -ENOSPC, -EIO, -EROFS from the disk. A delete of an absent key under STORE_ANY is no
 * error. A transaction whose expectations hold but that changes nothing (STORE_CHECK only) gives the current revision.
 */
typedef void (*store_done_fn)(void *arg, int result, uint64_t rev);

/*
 * Queues a transaction; everything is copied. `done` (may be NULL) is called once, as a callback. Transactions
 * are settled in the order of submission. Returns -ENOMEM, -E2BIG (a key or value too long), -EINVAL (an empty key, or
 * two operations that change the same key) or -ESHUTDOWN, and then `done` is not called.
 */
int store_submit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, store_done_fn done, void *arg);

/* As store_submit(), and waits. ret_rev may be NULL. Not from a callback: -EDEADLK. */
int store_commit(struct store *s, const struct store_op *ops, size_t n, unsigned flags, uint64_t *ret_rev);

/* --- watching --- */

struct store_change {
	uint64_t rev;
	struct store_entry *old; /* NULL when the key was created */
	struct store_entry *now; /* NULL when it was deleted */
};

struct store_watch;
typedef void (*store_watch_fn)(void *arg, const struct store_change *change);

/*
 * Calls fn for every change of a key that starts with prefix from revision `from` on, each once, in order. -ESTALE
 * when `from` lies before what is remembered: list again and watch from list.rev + 1. Remembered are the last 10,000
 * changes of this process, or fewer when the values that they replaced exceed 1 MiB, but always the last 16.
 */
int store_watch(struct store *s, const char *prefix, uint64_t from, store_watch_fn fn, void *arg,
		struct store_watch **ret);

/*
 * Has `after` called, as a callback with the watch's `arg`, once the transactions whose changes the watch was shown have
 * had their completions: for what only follows from a change and should not hold up the answer to who made it, such as
 * waking threads. It is called once for many changes. Call it before the watch is used by other threads.
 */
void store_watch_after(struct store_watch *w, void (*after)(void *arg));

/* Ends a watch; when it returns, fn is not running and will not be called again. NULL is fine. Watches must be ended
 * before store_close(). */
void store_unwatch(struct store_watch *w);

/*
 * The same changes for who asks when he has time, and holds nothing meanwhile: a cursor is a place among those that are
 * remembered. store_cursor() gives the place of the next change to come. store_next() returns 1 and the next change from
 * there on, moving the cursor behind it; 0 when there is none yet; -ESTALE when it is forgotten. The entries of the
 * change are references that the caller owns: store_change_clear().
 */
uint64_t store_cursor(struct store *s);
int store_next(struct store *s, uint64_t *cursor, struct store_change *ret);
void store_change_clear(struct store_change *c);

/* The versions of a key before that entry, newest first, as far as they are remembered and found without a long search.
 * ret->rev is 0. -ENOMEM. */
int store_versions(struct store *s, const struct store_entry *e, struct store_list *ret);
#define _cleanup_store_change_ _cleanup_(store_change_clear)

/*
 * Whether several writers have been waiting for the disk at once a moment ago: two synced transactions or more went into
 * one commit within the last STORE_PRESSED_MS. Who has lazy work can let them go first. Any thread.
 */
enum { STORE_PRESSED_MS = 3 };
bool store_is_pressed(struct store *s);

/* --- figures, for metrics --- */

struct store_stats {
	uint64_t transactions, disk_commits, conflicts, lazy_pending;
	uint64_t keys, bytes;
};

void store_stats(struct store *s, struct store_stats *ret);

#endif
