/* SPDX-License-Identifier: Apache-2.0 */
/* What the manifest in force says of an object. */
#ifndef PODFS_FS_DECLARED_H
#define PODFS_FS_DECLARED_H

#include "fs/node.h"

/* The document that declares it, as it was written (no defaults), in `a`; NULL when there is none. */
const struct value *fs_declared_document(struct fs *fs, struct arena *a, const struct object *o);

#endif
