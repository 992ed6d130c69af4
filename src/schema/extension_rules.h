/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of CustomResourceDefinition and APIService: hooks for extension.c and api_service.c. Private
 * to this floor.
 */
#ifndef PODFS_SCHEMA_EXTENSION_RULES_H
#define PODFS_SCHEMA_EXTENSION_RULES_H

#include "schema/report.h"

/* extension_rules.c */
void definition_spec_defaults(struct admit *ad, struct value *v);
void definition_initial_status(struct admit *ad, struct value *root);
void definition_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void definition_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void definition_version_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void definition_names_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void definition_scale_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void definition_column_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void definition_conversion_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void definition_check_update(struct admit *ad, const struct value *old, const struct value *now);
void api_service_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* extension_beta.c: apiextensions.k8s.io/v1beta1, whose schema, columns and subresources stood at the top. */
void definition_from_beta(struct admit *ad, struct value *root);

/* structural_rules.c: an openAPIV3Schema, which must be structural. */
void structural_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
