/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of roles and bindings: hooks for rbac.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_RBAC_RULES_H
#define PODFS_SCHEMA_RBAC_RULES_H

#include "schema/report.h"

void role_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void cluster_role_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void subject_defaults(struct admit *ad, struct value *v);
void role_binding_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void cluster_role_binding_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void binding_check_update(struct admit *ad, const struct value *old, const struct value *now);
/* v1alpha1: a subject's apiVersion in place of its apiGroup. */
void binding_from_alpha(struct admit *ad, struct value *root);

#endif
