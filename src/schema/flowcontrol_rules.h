/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of flowcontrol.apiserver.k8s.io and of certificates: hooks for flowcontrol.c and certificate.c.
 * Private to this floor.
 */
#ifndef PODFS_SCHEMA_FLOWCONTROL_RULES_H
#define PODFS_SCHEMA_FLOWCONTROL_RULES_H

#include "schema/report.h"

void flow_schema_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void flow_rule_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void flow_subject_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void flow_resource_rule_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void flow_url_rule_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void priority_level_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void limit_response_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void queuing_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* v1beta1 and v1beta2: assuredConcurrencyShares. */
void priority_level_from_beta(struct admit *ad, struct value *root);

void signing_request_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
