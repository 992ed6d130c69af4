/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields whose file was removed: after the settle time each goes back to what the manifest says, else to its default, else it
 * is unset. Forgotten if the removal of a directory above it was tried by then, as "rm -r" does: then it was not
 * the field that was meant.
 */
#ifndef PODFS_FS_REVERT_H
#define PODFS_FS_REVERT_H

#include "fs/node.h"

enum { FS_REVERT_MAX = 4096 }; /* fields that wait; removing more is refused with EAGAIN */

int fs_revert_new(struct fs *fs, struct error *err);
void fs_revert_free(struct fs *fs);

/* unlink(2) of the field at that path below NAME/. Answers the request. */
void fs_revert_add(struct fs_req *r, struct fs_node *dir, const char *name, const char *uid, const char *path);
/* rmdir(2) of that directory below NAME/ ("": NAME/ itself) was tried. */
void fs_revert_forget(struct fs *fs, const char *uid, const char *path);

/* The field was written again: it is not to go. For what writes it, by a transaction that fs_revert_unstore() was part of,
 * so that no later daemon takes back what was answered. */
void fs_revert_cancel(struct fs *fs, const char *uid, const char *path);
/* Adds to a transaction that nothing waits for the field; nothing is added where nothing does. Until fs_revert_cancel(), or
 * fs_revert_resume() if that fails, the field is not taken back. */
int fs_revert_unstore(struct fs *fs, struct txn *t, const char *uid, const char *path);
/* The transaction has failed: the settle time starts anew. */
void fs_revert_resume(struct fs *fs, const char *uid, const char *path);
/* Whether it waits. */
bool fs_revert_pending(const struct fs *fs, const char *uid, const char *path);

#endif
