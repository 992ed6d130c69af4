/* SPDX-License-Identifier: Apache-2.0 */
/* What commit.c and commit_names.c share. Of the loop thread. */
#ifndef PODFS_FS_COMMIT_INTERNAL_H
#define PODFS_FS_COMMIT_INTERNAL_H

#include "fs/commit.h"

/* A key's entry, in the place of *ret_entry, which is given back, and its record, which points into it; 0 and NULL when there
 * is none. */
int fs_commit_read(struct fs *fs, const char *key, struct store_entry **ret_entry, struct fs_record *ret);
/* Adds to the transaction the waits for what that record declared and `is` does not. */
int fs_commit_put_prunes(struct fs *fs, struct txn *t, const struct fs_record *was, const struct fs_record *is,
			 const char *key, const char *key2);
/* What that record declared and nothing does any more waits; what another file still declares is set as that says. */
void fs_commit_settle_removed(struct fs *fs, const struct fs_record *was, const struct fs_record *is);

#endif
