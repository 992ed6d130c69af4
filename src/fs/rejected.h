/* SPDX-License-Identifier: Apache-2.0 */
/* rejected/: the bytes of the last refused manifests, as files beside the store, each its writer's and 0600. */
#ifndef PODFS_FS_REJECTED_H
#define PODFS_FS_REJECTED_H

#include "fs/node.h"

enum {
	FS_REJECTED_MAX = 50,
	FS_REJECTED_USER = 15, /* of them of one user other than root, who else could push out all others' drafts */
};

extern const struct fs_ops fs_rejected_ops;

/* Keeps the bytes; failure is ignored, since the refusal itself is told by its errno and in `errors`. */
void fs_rejected_save(struct fs *fs, const struct writer *who, const char *ns, const char *path, const void *data,
		      size_t len);

#endif
