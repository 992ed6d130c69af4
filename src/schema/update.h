/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of an update that tables cannot say. Private to this floor.
 */
#ifndef PODFS_SCHEMA_UPDATE_H
#define PODFS_SCHEMA_UPDATE_H

#include "schema/report.h"

/* An ephemeral container that would be one more than a node runs of one pod (SCHEMA_POD_CONTAINERS_MAX) is refused here. */
void pod_check_update(struct admit *ad, const struct value *old, const struct value *new_root);

#endif
