/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of PodDisruptionBudget, PriorityClass, RuntimeClass and Lease: hooks for limits.c and limits_kinds.c.
 * Private to this floor.
 */
#ifndef PODFS_SCHEMA_LIMITS_RULES_H
#define PODFS_SCHEMA_LIMITS_RULES_H

#include "schema/quota_rules.h"

void budget_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* policy/v1beta1, where an empty selector selects nothing. */
void budget_from_v1beta1(struct admit *ad, struct value *root);

void priority_class_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void priority_class_check_update(struct admit *ad, const struct value *old, const struct value *new_root);

/* node.k8s.io/v1alpha1, which had a spec. */
void runtime_class_from_alpha(struct admit *ad, struct value *root);
void overhead_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void scheduling_check(struct admit *ad, const struct value *v, const struct schema_path *at);

void lease_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
