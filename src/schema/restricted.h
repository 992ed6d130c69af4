/* SPDX-License-Identifier: Apache-2.0 */
/* What the Pod Security Standards' profile "restricted" asks beyond "baseline". Of baseline.c only. */
#ifndef PODFS_SCHEMA_RESTRICTED_H
#define PODFS_SCHEMA_RESTRICTED_H

#include "schema/report.h"

/* Judges the spec of a pod at `at` by the rules of version 1.`minor`. */
void restricted_check(struct admit *ad, int minor, const struct value *spec, const struct schema_path *at);

#endif
