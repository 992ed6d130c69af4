/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Job and CronJob.
 */
#include "schema/batch_rules.h"
#include "schema/table.h"

static const struct schema_field pod_failure_policy_on_exit_codes_requirement_fields[] = {
	{ "containerName", STRING, KEEP_ZERO },
	{ "operator", TYPE(.form = SCHEMA_STRING, .values = NAMES("In", "NotIn"),
	  .required = "valid values: [\"In\" \"NotIn\"]"), REQUIRED | ALWAYS },
	{ "values", SET(INT32), ALWAYS },
};
static const struct schema_type pod_failure_policy_on_exit_codes_requirement =
	STRUCT("PodFailurePolicyOnExitCodesRequirement", pod_failure_policy_on_exit_codes_requirement_fields);

static const struct schema_field pod_failure_policy_on_pod_conditions_pattern_fields[] = {
	{ "status", ENUM("False", "True", "Unknown"), ALWAYS, "True" },
	{ "type", FORMAT(format_qualified_name), REQUIRED | ALWAYS },
};
static const struct schema_type pod_failure_policy_on_pod_conditions_pattern =
	STRUCT("PodFailurePolicyOnPodConditionsPattern", pod_failure_policy_on_pod_conditions_pattern_fields);

static const struct schema_field pod_failure_policy_rule_fields[] = {
	{ "action", TYPE(.form = SCHEMA_STRING, .values = NAMES("Count", "FailIndex", "FailJob", "Ignore"),
	  .required = "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"), REQUIRED | ALWAYS },
	{ "onExitCodes", &pod_failure_policy_on_exit_codes_requirement },
	{ "onPodConditions", LIST(&pod_failure_policy_on_pod_conditions_pattern) },
};
static const struct schema_type pod_failure_policy_rule =
	STRUCT("PodFailurePolicyRule", pod_failure_policy_rule_fields);

static const struct schema_field pod_failure_policy_fields[] = {
	{ "rules", LIST(&pod_failure_policy_rule), ALWAYS },
};
static const struct schema_type pod_failure_policy = STRUCT("PodFailurePolicy", pod_failure_policy_fields);

static const struct schema_field success_policy_rule_fields[] = {
	{ "succeededCount", INT32_NONNEG, KEEP_ZERO },
	{ "succeededIndexes", STRING, KEEP_ZERO },
};
static const struct schema_type success_policy_rule = STRUCT("SuccessPolicyRule", success_policy_rule_fields);

static const struct schema_field success_policy_fields[] = {
	{ "rules", LIST(&success_policy_rule), ALWAYS },
};
static const struct schema_type success_policy = STRUCT("SuccessPolicy", success_policy_fields);

static const struct schema_field job_spec_fields[] = {
	{ "activeDeadlineSeconds", INT64_NONNEG, KEEP_ZERO },
	{ "backoffLimit", INT32_NONNEG, KEEP_ZERO },
	{ "backoffLimitPerIndex", INT32_NONNEG, KEEP_ZERO },
	{ "completionMode", ENUM("Indexed", "NonIndexed"), KEEP_ZERO },
	{ "completions", INT32_NONNEG, KEEP_ZERO },
	{ "managedBy", FORMAT(format_domain_path), KEEP_ZERO },
	{ "manualSelector", BOOL, KEEP_ZERO },
	{ "maxFailedIndexes", INT32_NONNEG, KEEP_ZERO },
	{ "parallelism", INT32_NONNEG, KEEP_ZERO },
	{ "podFailurePolicy", &pod_failure_policy },
	{ "podReplacementPolicy", ENUM("Failed", "TerminatingOrFailed"), KEEP_ZERO },
	{ "selector", &schema_label_selector },
	{ "successPolicy", &success_policy },
	{ "suspend", BOOL, KEEP_ZERO },
	{ "template", &schema_pod_template_spec, ALWAYS },
	{ "ttlSecondsAfterFinished", INT32_NONNEG, KEEP_ZERO },
};
static const struct schema_type job_spec = STRUCT("JobSpec", job_spec_fields, .check = job_spec_check);

static const struct schema_field job_condition_fields[] = {
	{ "lastProbeTime", &schema_time },
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type job_condition = STRUCT("JobCondition", job_condition_fields);

static const struct schema_field uncounted_terminated_pods_fields[] = {
	{ "failed", SET(STRING) },
	{ "succeeded", SET(STRING) },
};
static const struct schema_type uncounted_terminated_pods =
	STRUCT("UncountedTerminatedPods", uncounted_terminated_pods_fields);

static const struct schema_field job_status_fields[] = {
	{ "active", INT32 },
	{ "completedIndexes", STRING },
	{ "completionTime", &schema_time },
	{ "conditions", LIST_BY(&job_condition, "type") },
	{ "failed", INT32 },
	{ "failedIndexes", STRING, KEEP_ZERO },
	{ "ready", INT32, KEEP_ZERO },
	{ "startTime", &schema_time },
	{ "succeeded", INT32 },
	{ "terminating", INT32, KEEP_ZERO },
	{ "uncountedTerminatedPods", &uncounted_terminated_pods },
};
static const struct schema_type job_status = STRUCT("JobStatus", job_status_fields);

static const struct schema_field job_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &job_spec, ALWAYS },
	{ "status", &job_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_job = STRUCT("Job", job_fields, .defaults = job_defaults, .check = job_check);

static const struct schema_field job_template_spec_fields[] = {
	{ "metadata", &schema_object_meta, ALWAYS },
	{ "spec", &job_spec, ALWAYS },
};
static const struct schema_type job_template_spec =
	STRUCT("JobTemplateSpec", job_template_spec_fields, .check = job_template_check);

static const struct schema_field cron_job_spec_fields[] = {
	{ "concurrencyPolicy", ENUM("Allow", "Forbid", "Replace"), 0, "Allow" },
	{ "failedJobsHistoryLimit", INT32_NONNEG, KEEP_ZERO, "1" },
	{ "jobTemplate", &job_template_spec, ALWAYS },
	{ "schedule", TYPE(.form = SCHEMA_STRING, .check = schedule_check), REQUIRED | ALWAYS },
	{ "startingDeadlineSeconds", INT64_NONNEG, KEEP_ZERO },
	{ "successfulJobsHistoryLimit", INT32_NONNEG, KEEP_ZERO, "3" },
	{ "suspend", BOOL, KEEP_ZERO, "false" },
	{ "timeZone", TYPE(.form = SCHEMA_STRING, .check = time_zone_check), KEEP_ZERO },
};
static const struct schema_type cron_job_spec = STRUCT("CronJobSpec", cron_job_spec_fields);

static const struct schema_field cron_job_status_fields[] = {
	{ "active", LIST(&schema_object_reference) },
	{ "lastScheduleTime", &schema_time },
	{ "lastSuccessfulTime", &schema_time },
};
static const struct schema_type cron_job_status = STRUCT("CronJobStatus", cron_job_status_fields);

static const struct schema_field cron_job_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &cron_job_spec, ALWAYS },
	{ "status", &cron_job_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_cron_job = STRUCT("CronJob", cron_job_fields, .check = cron_job_check);
