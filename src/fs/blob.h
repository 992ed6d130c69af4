/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that a handle writes and a commit reads: counted, copied when written while shared. Of the loop thread; who shares
 * one may be read by the worker. */
#ifndef PODFS_FS_BLOB_H
#define PODFS_FS_BLOB_H

#include <stddef.h>

#include "base/cleanup.h"

struct fs_blob {
	unsigned refs;
	size_t len, cap;
	char *data; /* owned */
};

enum { FS_MANIFEST_MAX = 8 * 1024 * 1024 }; /* podfs(7): a manifest is 8 MiB at most */

/* A copy of the bytes; NULL when memory is out. */
struct fs_blob *fs_blob_new(const void *data, size_t len);
struct fs_blob *fs_blob_ref(struct fs_blob *b);
void fs_blob_unref(struct fs_blob *b);
DEFINE_CLEANUP(struct fs_blob *, fs_blob_unref);
#define _cleanup_blob_ _cleanup_(fs_blob_unrefp)

/* Write and resize; *b is replaced when it is shared. Gaps are NULs. -EFBIG beyond FS_MANIFEST_MAX, -ENOMEM. */
int fs_blob_write(struct fs_blob **b, const void *data, size_t len, size_t at);
int fs_blob_resize(struct fs_blob **b, size_t len);

#endif
