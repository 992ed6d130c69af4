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
	FS_QUOTA_READ = 64 << 20,	   /* bytes that a user other than root may hold open for reading */
	FS_QUOTA_READ_ALL = 256 << 20,	   /* and all of them together */
	FS_QUOTA_HANDLE = 8192,		   /* what a handle counts for by itself: a user has 8192, all have 32768 */
	FS_QUOTA_NAME = 1024,		   /* what a manifest counts for beside its bytes */
	FS_QUOTA_RECORDS = 64 << 20,	   /* bytes of manifests of a user other than root, with what the files have */
	FS_QUOTA_SCRATCH = 64 << 20,	   /* bytes on disk of a user other than root */
	FS_QUOTA_FILE = 4096,		   /* what a name of scratch counts for */
};

/* A handle's buffer is to have that many bytes: it is charged to who opened it until the handle is freed.
 * -EFBIG beyond FS_MANIFEST_MAX, -EDQUOT, -ENOMEM. */
int fs_quota_hold(struct fs_handle *h, size_t bytes);
/*
 * A handle holds that much to read from: a rendered text, a listing; it is charged to who opened it until it is freed.
 * -EMFILE beyond what a user, or all but root together, may hold open; -ENOMEM.
 */
int fs_quota_read(struct fs_handle *h, size_t bytes);
/* The handle is freed. */
void fs_quota_drop(struct fs_handle *h);

/*
 * A user is about to add to scratch. What was added is summed; the disk is looked at only when the sum passes the quota,
 * and not more than ten times a second. -EDQUOT, -ENOMEM.
 */
int fs_quota_scratch(struct fs *fs, uid_t uid, size_t bytes);

/* A user is about to commit a manifest of that many bytes, as above: what they have is summed, and looked at in the store
 * when the sum passes FS_QUOTA_RECORDS. -EDQUOT, -ENOMEM. */
int fs_quota_record(struct fs *fs, uid_t uid, size_t bytes);

void fs_quota_free(struct fs *fs);

#endif
