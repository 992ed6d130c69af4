/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last changes, in order, in a ring. Each has a sequence number that only grows; watches are cursors into it.
 * Not thread-safe: the core's lock protects it; only the runner (core.h) changes it.
 */
#ifndef PODFS_STORE_HISTORY_H
#define PODFS_STORE_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

enum {
	HISTORY_MAX = 10000,		      /* changes remembered */
	HISTORY_MIN = 16,		      /* and at least these, however large */
	HISTORY_BYTES = 1024 * 1024,	      /* of values that nothing but the history may hold */
};

struct history {
	struct store_change *ring;
	size_t cap;	     /* a power of two, or 0 */
	uint64_t head, tail; /* sequence numbers: [head, tail) is remembered */
	uint64_t compacted;  /* the revision before the first remembered: watches from it on are stale */
	size_t bytes;	     /* of replaced and deleted values */
};

void history_init(struct history *h, uint64_t rev);
void history_clear(struct history *h);

/* Makes room, so that the next n history_push() cannot fail. -ENOMEM. */
int history_reserve(struct history *h, size_t n);

/* Appends a change; takes the references of `change`. */
void history_push(struct history *h, struct store_change change);

/* Forgets what is too much, but nothing from sequence number `keep` on. */
void history_trim(struct history *h, uint64_t keep);

/* The change with this sequence number, which must be remembered. */
const struct store_change *history_at(const struct history *h, uint64_t seq);

/* The first sequence number whose change has at least revision `rev`; tail if there is none yet. -ESTALE when
 * changes from that revision on are forgotten. */
int history_seek(const struct history *h, uint64_t rev, uint64_t *ret_seq);

#endif
