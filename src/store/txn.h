/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions on their way: copied at submission with all the memory that committing them takes, so that the
 * runner has nothing left to allocate for them. An overlay shows what a batch, or what is lazy, has changed.
 */
#ifndef PODFS_STORE_TXN_H
#define PODFS_STORE_TXN_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <stdbool.h>

#include "store/store.h"
#include "store/table.h"

struct op {
	RB_ENTRY(op) link; /* in at most one overlay */
	enum store_op_type type;
	bool changes; /* set when evaluated: the operation changes its key */
	uint64_t expect;
	struct store_entry *now;  /* owned; the new entry of a put, else NULL */
	struct table_node *spare; /* owned; for a put of a new key */
	const char *key;
	char keybuf[]; /* the key, unless `now` holds it */
};

struct txn {
	TAILQ_ENTRY(txn) link;
	unsigned flags;
	store_done_fn done;
	void *arg;
	int result;
	uint64_t rev;
	bool changes; /* set when evaluated */
	size_t bytes; /* of keys and values */
	size_t n;
	struct op *ops[]; /* owned; NULL where ownership has gone */
};

TAILQ_HEAD(txn_queue, txn);

/* Copies a transaction. -ENOMEM, -E2BIG, or -EINVAL: an empty key, or one changed twice. */
int transaction_new(const struct store_op *ops, size_t n, unsigned flags, store_done_fn done, void *arg, struct txn **ret);
void transaction_free(struct txn *t);
DEFINE_CLEANUP(struct txn *, transaction_free);
#define _cleanup_txn_ _cleanup_(transaction_freep)

void op_free(struct op *o);

RB_HEAD(overlay, op);

struct op *overlay_find(const struct overlay *v, const char *key);
/* Sets the key's change; returns the one it replaces or NULL. */
struct op *overlay_set(struct overlay *v, struct op *o);
struct op *overlay_first(const struct overlay *v);
struct op *overlay_next(struct op *o);
void overlay_remove(struct overlay *v, struct op *o);

#endif
