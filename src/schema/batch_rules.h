/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of Job and CronJob: hooks for batch.c and batch_kinds.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_BATCH_RULES_H
#define PODFS_SCHEMA_BATCH_RULES_H

#include "schema/report.h"

/* batch_rules.c */
void job_defaults(struct admit *ad, struct value *v);
void job_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void job_template_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void cron_job_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void schedule_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void time_zone_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* job_selector_rules.c: the selector and labels that a Job is given by its uid */
void job_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void job_finish_create(struct admit *ad, struct value *root);
void job_check_update(struct admit *ad, const struct value *old, const struct value *new_root);

/* job_policy_rules.c: `spec` is a JobSpec */
void pod_failure_policy_check(struct admit *ad, const struct value *spec, const struct schema_path *at);
void success_policy_check(struct admit *ad, const struct value *spec, const struct schema_path *at);

#endif
