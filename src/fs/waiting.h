/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that were declared while an older one of the name still terminates, or before their namespace was there: their
 * manifest is applied again when the name is free and the namespace there. Kept in the store, since a restart re-applies
 * nothing else.
 */
#ifndef PODFS_FS_WAITING_H
#define PODFS_FS_WAITING_H

#include "fs/node.h"

struct fs_waiting;

int fs_waiting_new(struct fs *fs, struct error *err);
/* Follows the cache no more: the loop is about to end. NULL is fine. */
void fs_waiting_stop(struct fs_waiting *w);
void fs_waiting_free(struct fs_waiting *w);

/* Adds to a transaction that those objects (keys with their NULs) wait with that manifest, or that one waits no more. */
int fs_waiting_put(struct txn *t, const struct buf *object_keys, const char *manifest_key);
int fs_waiting_unput(struct txn *t, const char *object_key);
/* The same in memory, once it is committed. */
void fs_waiting_add(struct fs *fs, const struct buf *object_keys, const char *manifest_key);
void fs_waiting_drop(struct fs *fs, const char *object_key);
bool fs_waiting_has(struct fs *fs, const char *object_key);

#endif
