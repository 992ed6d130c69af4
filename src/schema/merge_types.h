/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PODFS_SCHEMA_MERGE_TYPES_H
#define PODFS_SCHEMA_MERGE_TYPES_H

#include "value/merge.h"

/* The schema's types as value_merge() and value_diff() ask for them: pass a kind's `type` with it. Constant; any
 * thread. */
extern const struct merge_types schema_merge_types;

#endif
