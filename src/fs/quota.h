/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each user may keep in the mount beside the store: the buffers of open handles, in memory, and scratch, on disk.
 * Of the loop thread.
 */
#ifndef PODFS_FS_QUOTA_H
#define PODFS_FS_QUOTA_H

#include "fs/node.h"

enum {
	FS_QUOTA_BUFFERS = 64 << 20,	   /* bytes of a user's handles together: eight of the largest manifests */
	FS_QUOTA_BUFFERS_ROOT = 512 << 20,
	FS_QUOTA_SCRATCH = 64 << 20,	   /* bytes on disk of a user other than root */
	FS_QUOTA_FILE = 4096,		   /* what a name of scratch counts for */
};

/* A handle's buffer is to have that many bytes: it is charged to who opened it until the handle is freed.
 * -EFBIG beyond FS_MANIFEST_MAX, -EDQUOT, -ENOMEM. */
int fs_quota_hold(struct fs_handle *h, size_t bytes);
/* The handle is freed. */
void fs_quota_drop(struct fs_handle *h);

/*
 * A user is about to add to scratch. What was added is summed; the disk is looked at only when the sum passes the quota,
 * and not more than ten times a second. -EDQUOT, -ENOMEM.
 */
int fs_quota_scratch(struct fs *fs, uid_t uid, size_t bytes);

void fs_quota_free(struct fs *fs);

#endif
