/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking kinds up, for admission. Private to this floor.
 */
#ifndef PODFS_SCHEMA_KINDS_H
#define PODFS_SCHEMA_KINDS_H

#include "schema/schema.h"

struct schema_old_version;

/* The kind of that name whatever its group, for hints; NULL. */
const struct schema_kind *schema_kind_by_name(const char *kind);
/* The entry when api_version is one of the kind's old ones; NULL for the current one. */
const struct schema_old_version *schema_old_version(const struct schema_kind *kind, const char *api_version);
/* Whether Kubernetes has this kind in that group and these tables do not. */
bool schema_kind_is_elsewhere(const char *api_version, const char *kind);

#endif
