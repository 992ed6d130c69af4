/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of services and of what they lead to: hooks for service.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_SERVICE_RULES_H
#define PODFS_SCHEMA_SERVICE_RULES_H

#include "schema/report.h"

/* service_rules.c */
void service_port_defaults(struct admit *ad, struct value *v);
void service_spec_defaults(struct admit *ad, struct value *v);
void service_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void service_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* service_update.c */
void service_prepare_update(struct admit *ad, const struct value *old, struct value *now);
void service_check_update(struct admit *ad, const struct value *old, const struct value *now);
/* What both look at: clusterIP: None. */
bool service_is_headless(const struct value *spec);
bool service_is_reachable_from_outside(const struct value *spec);
bool service_needs_health_check(const struct value *spec);

/* endpoint_rules.c */
void endpoint_subset_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void endpoint_address_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* discovery.k8s.io/v1beta1: topology. */
void slice_from_beta(struct admit *ad, struct value *root);
void slice_port_defaults(struct admit *ad, struct value *v);
void endpoint_slice_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
