/* SPDX-License-Identifier: Apache-2.0 */
/* Eviction: a deletion of a pod that disruption budgets must allow. Rules: K8S:pkg/registry/core/pod/storage/eviction.go. */
#ifndef PODFS_FS_EVICT_H
#define PODFS_FS_EVICT_H

#include "fs/node.h"

/*
 * Whether the pod (decoded) may be evicted now. What that takes off a budget goes into the transaction that deletes it.
 * -EBUSY: a budget says no; -EINVAL: it has more than one; the reason is appended to `why`.
 */
int fs_evict_admit(struct fs *fs, struct txn *t, const struct object *pod, struct buf *why);

#endif
