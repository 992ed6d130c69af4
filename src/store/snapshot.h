/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store's environment seen from outside, for backups: what is in it is read while its daemon writes on, and a new one is
 * built from what was read. Keys and records travel as they are stored (store/record.h). Not for the daemon, which has the
 * store open. None of it is for more than one thread at a time.
 */
#ifndef PODFS_STORE_SNAPSHOT_H
#define PODFS_STORE_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * The durable state of the store in directory `path` at this moment, whatever is written later: all that has been
 * acknowledged but what is lazy (STORE_LAZY). Pages that it shows are not used again while it is open, so it should not be
 * open for long. The store may be open elsewhere, and may be opened or closed meanwhile. -ENOENT when there is no store;
 * -EPROTO when it is of a newer format; -EBADMSG when it is damaged.
 */
struct store_snapshot;
int store_snapshot_open(const char *path, struct store_snapshot **ret, struct error *err);
/* NULL is fine. */
void store_snapshot_close(struct store_snapshot *s);
DEFINE_CLEANUP(struct store_snapshot *, store_snapshot_close);

/* No revision above it was given out before the snapshot. */
uint64_t store_snapshot_reserved(const struct store_snapshot *s);

/* Gives every key and its record, in key order; both live until fn returns. Stops at fn's first error, which fn has
 * described, and returns it. */
typedef int (*store_snapshot_fn)(void *arg, const void *key, size_t key_len, const void *record, size_t len,
				 struct error *err);
int store_snapshot_each(struct store_snapshot *s, store_snapshot_fn fn, void *arg, struct error *err);

/* A new store in directory `path`, which is made. max_rev: of the records to come; `reserved`: the next revision that the
 * store gives out is above it. */
struct store_builder;
int store_builder_new(const char *path, uint64_t max_rev, uint64_t reserved, struct store_builder **ret,
		      struct error *err);
/* Copies. -EBADMSG when it cannot be a record. */
int store_builder_add(struct store_builder *b, const void *key, size_t key_len, const void *record, size_t len,
		      struct error *err);
/* Makes what was added durable. Without it the store holds some of it. */
int store_builder_finish(struct store_builder *b, struct error *err);
/* NULL is fine. */
void store_builder_free(struct store_builder *b);
DEFINE_CLEANUP(struct store_builder *, store_builder_free);

/* Removes the store in directory `path` if nothing is stored in it. 0 when there is none any more; -EEXIST when something
 * is stored; -EBUSY when it is in use. */
int store_remove_empty(const char *path, struct error *err);

#endif
