/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removal of objects that no manifest declares any more. A removal waits until no manifest has changed for the settle time,
 * so that what mv, git and editors take away and bring back is never restarted; it is written to the store in the
 * transaction that took the declaration away, with the manifest's text, which a merge needs if it comes back. A text
 * that declared several objects is written once, and goes with the last of them that waited. After a restart the wait
 * starts anew. A timer runs only while something waits.
 */
#ifndef PODFS_FS_PRUNE_H
#define PODFS_FS_PRUNE_H

#include "fs/node.h"
#include "fs/record.h"

#define FS_PRUNE_PREFIX "/pruning"	    /* and the object's key: the text, or a NUL and the key of a text */
#define FS_PRUNE_TEXTS "/pruned-texts/" /* and when it was committed, which no two texts share */

struct fs_prune;

int fs_prune_new(struct fs *fs, struct error *err);
void fs_prune_free(struct fs_prune *p);

/* The declaration of an object, by the manifest `was`, goes (comes back) in that transaction, which put_text ends for all
 * objects of a manifest; call added (dropped) once it is committed. */
int fs_prune_put(struct txn *t, const char *object_key, const struct fs_record *was);
int fs_prune_put_text(struct txn *t, const struct fs_record *was);
int fs_prune_unput(struct txn *t, const char *object_key);
void fs_prune_added(struct fs *fs, const char *object_key, const struct fs_record *was);
void fs_prune_dropped(struct fs *fs, const char *object_key);
bool fs_prune_pending(struct fs *fs, const char *object_key);
/* The key whose value is the text that declared an object which waits; -ENOENT. Any thread. */
int fs_prune_find(struct store *s, const char *object_key, char ret_key[static STORE_KEY_MAX + 1]);

/* A manifest has changed: what waits waits on. */
void fs_prune_touch(struct fs *fs);
/* A manifest is being written (+1), no longer (-1). */
void fs_prune_writing(struct fs *fs, int by);

/* Pure: whether a removal that failed so may yet succeed as it is; else it is not tried again until its object is declared
 * or undeclared anew. */
bool fs_prune_is_passing(int err);

/*
 * Pure: when the removals that wait may act, in monotonic ns. `first`: when the oldest began to wait; `touched`: the last
 * change of any manifest; `writing`: how many are half written. While one is, only FS_SETTLE_MAX_MS ends the wait.
 */
int64_t fs_prune_due(int64_t first, int64_t touched, int64_t settle_ns, unsigned writing);

#endif
