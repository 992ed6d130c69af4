/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests that were unlinked a moment ago. git, tar and others replace a file by unlink(2) and open(2): when what they write
 * anew under the name is refused, and nothing better has come by the end of the settle time, the version before comes back
 * then, since a mistake in a manifest must never remove what it declares. Not sooner: git removes what was refused and tries
 * again. Kept in memory until the objects are removed. Of the loop thread.
 */
#ifndef PODFS_FS_UNLINKED_H
#define PODFS_FS_UNLINKED_H

#include "fs/node.h"

/* That record was removed; `e` is referenced. Lack of memory is ignored: then nothing comes back. */
void fs_unlinked_note(struct fs *fs, const char *key, struct store_entry *e);
/* What was to become the file of that key was refused. */
void fs_unlinked_refused(struct fs *fs, const char *key);
/* The settle time is over: begins to put back what was refused and is not there again. Whether there was any. */
bool fs_unlinked_restore(struct fs *fs);
/* Nothing waits for its removal any more. */
void fs_unlinked_clear(struct fs *fs);

#endif
