/* SPDX-License-Identifier: Apache-2.0 */
/* What only the store floor sees of an object. */
#ifndef PODFS_STORE_OBJECT_INTERNAL_H
#define PODFS_STORE_OBJECT_INTERNAL_H

#include "store/object.h"

/* Whether it has owner references besides its controller's. */
bool object_has_other_owners(const struct object *o);

#endif
