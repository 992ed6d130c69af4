/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of HorizontalPodAutoscaler: hooks for autoscaling.c and autoscaling_kinds.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_AUTOSCALING_RULES_H
#define PODFS_SCHEMA_AUTOSCALING_RULES_H

#include "schema/quota_rules.h"
#include "schema/report.h"

void autoscaler_spec_defaults(struct admit *ad, struct value *v);
void autoscaler_behavior_defaults(struct admit *ad, struct value *v);
void autoscaler_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void scaling_rules_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void scaling_policy_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void metric_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void metric_target_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* autoscaling_old.c */
void autoscaler_from_v1(struct admit *ad, struct value *root);
void autoscaler_from_v2beta1(struct admit *ad, struct value *root);

#endif
