/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of storage.k8s.io: hooks for storage.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_STORAGE_RULES_H
#define PODFS_SCHEMA_STORAGE_RULES_H

#include "schema/report.h"

void storage_class_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void storage_class_check_update(struct admit *ad, const struct value *old, const struct value *now);
void attributes_class_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void attributes_class_check_update(struct admit *ad, const struct value *old, const struct value *now);
void attachment_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void csi_driver_spec_defaults(struct admit *ad, struct value *v);
void csi_driver_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void csi_driver_check_update(struct admit *ad, const struct value *old, const struct value *now);
void csi_node_driver_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void csi_node_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void csi_node_check_update(struct admit *ad, const struct value *old, const struct value *now);
void storage_capacity_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void storage_capacity_check_update(struct admit *ad, const struct value *old, const struct value *now);

#endif
