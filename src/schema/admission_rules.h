/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of admissionregistration.k8s.io: hooks for admission.c. Private to this floor. Expressions
 * (CEL) are not compiled.
 */
#ifndef PODFS_SCHEMA_ADMISSION_RULES_H
#define PODFS_SCHEMA_ADMISSION_RULES_H

#include "schema/report.h"

/* webhook_rules.c */
void webhook_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void webhooks_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void webhook_configuration_from_beta(struct admit *ad, struct value *root);
void rule_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* Of any webhook: exactly one of url and service, and what each asks for. */
void webhook_client_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* Recognized versions of a review, none twice. */
void review_versions_check(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key);

/* admission_rules.c */
void match_conditions_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void param_kind_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void param_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void validation_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void variable_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void mutation_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void validating_policy_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void mutating_policy_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void policy_binding_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void mutating_binding_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
