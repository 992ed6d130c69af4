/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PODFS_SCHEMA_HINT_H
#define PODFS_SCHEMA_HINT_H

#include "schema/report.h"
#include "schema/table.h"

/*
 * Whether `key`, which the struct at `at` does not have, is a field of a struct above it or below: then the nearest
 * such struct's path goes to *ret_way (empty for the whole document). `root` is the kind's type.
 */
bool schema_hint(const struct schema_type *root, const struct schema_path *at, const char *key, struct buf *ret_way);

#endif
