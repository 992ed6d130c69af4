/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps data from going with a declaration: podfs(5), "Persistent volumes". */
#ifndef PODFS_STORE_RETAIN_H
#define PODFS_STORE_RETAIN_H

#include "store/registry.h"

/*
 * Deletes an object because nothing declares it any more: as txn_delete(), but the volume of a claim, or the volumes of all
 * claims of a namespace, are kept for PV_RETENTION_SECONDS once they are Released, and of a volume the data stays. All in
 * the same transaction. Reads the registry's cache. -ENOMEM, and what txn_update() and txn_delete() return.
 */
int retain_delete(struct txn *t, struct registry *r, const struct object *o);

#endif
