/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of resource.k8s.io: hooks for device.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_DEVICE_RULES_H
#define PODFS_SCHEMA_DEVICE_RULES_H

#include "schema/report.h"

void device_count_defaults(struct admit *ad, struct value *v);
void device_count_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void device_claim_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void device_request_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void device_opaque_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void device_toleration_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void resource_slice_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
