/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps data from going with a declaration: podfs(5), "Persistent volumes". */
#ifndef PODFS_STORE_RETAIN_H
#define PODFS_STORE_RETAIN_H

#include "store/registry.h"

/*
 * Of an object that the transaction removes because nothing declares it any more: has the volume of a claim, or the volumes
 * of all claims of a namespace, be kept for PV_RETENTION_SECONDS, in the same transaction. Others are left alone. Reads the
 * registry's cache. -ENOMEM, and what txn_update() returns.
 */
int retain_volumes(struct txn *t, struct registry *r, const struct object *removed);

#endif
