/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of resources, and the rules of ResourceQuota and LimitRange: hooks for limits.c and others. Private to this
 * floor.
 */
#ifndef PODFS_SCHEMA_QUOTA_RULES_H
#define PODFS_SCHEMA_QUOTA_RULES_H

#include "schema/report.h"

/* What a container may ask for: cpu, memory, ephemeral-storage, hugepages-SIZE, example.com/gpu. As formats do. */
const char *container_resource_format(const char *s, size_t len);

void quota_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void quota_check_update(struct admit *ad, const struct value *old, const struct value *new_root);
void limit_range_item_defaults(struct admit *ad, struct value *v);
void limit_range_item_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void limit_range_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
