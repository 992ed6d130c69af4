/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What limits and ranks others: PodDisruptionBudget, ResourceQuota, LimitRange, PriorityClass,
 * RuntimeClass; and Lease.
 */
#include "schema/limits_rules.h"
#include "schema/table.h"

static const struct schema_field scoped_resource_selector_requirement_fields[] = {
	{ "operator", STRING, ALWAYS },
	{ "scopeName", STRING, ALWAYS },
	{ "values", LIST(STRING) },
};
static const struct schema_type scoped_resource_selector_requirement =
	STRUCT("ScopedResourceSelectorRequirement", scoped_resource_selector_requirement_fields);

static const struct schema_field scope_selector_fields[] = {
	{ "matchExpressions", LIST(&scoped_resource_selector_requirement) },
};
static const struct schema_type scope_selector = STRUCT("ScopeSelector", scope_selector_fields);

static const struct schema_field resource_quota_spec_fields[] = {
	{ "hard", &schema_resource_list },
	{ "scopeSelector", &scope_selector },
	{ "scopes", LIST(STRING) },
};
static const struct schema_type resource_quota_spec =
	STRUCT("ResourceQuotaSpec", resource_quota_spec_fields, .check = quota_spec_check);

static const struct schema_field resource_quota_status_fields[] = {
	{ "hard", &schema_resource_list },
	{ "used", &schema_resource_list },
};
static const struct schema_type resource_quota_status = STRUCT("ResourceQuotaStatus", resource_quota_status_fields);

static const struct schema_field resource_quota_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &resource_quota_spec, ALWAYS },
	{ "status", &resource_quota_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_resource_quota = STRUCT("ResourceQuota", resource_quota_fields);

static const struct schema_field limit_range_item_fields[] = {
	{ "default", &schema_resource_list },
	{ "defaultRequest", &schema_resource_list },
	{ "max", &schema_resource_list },
	{ "maxLimitRequestRatio", &schema_resource_list },
	{ "min", &schema_resource_list },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type limit_range_item =
	STRUCT("LimitRangeItem", limit_range_item_fields, .defaults = limit_range_item_defaults,
	       .check = limit_range_item_check);

static const struct schema_field limit_range_spec_fields[] = {
	{ "limits", LIST(&limit_range_item), ALWAYS },
};
static const struct schema_type limit_range_spec =
	STRUCT("LimitRangeSpec", limit_range_spec_fields, .check = limit_range_spec_check);

static const struct schema_field limit_range_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &limit_range_spec, ALWAYS },
};
const struct schema_type schema_limit_range = STRUCT("LimitRange", limit_range_fields);

static const struct schema_field pod_disruption_budget_spec_fields[] = {
	{ "maxUnavailable", &schema_count_or_percent },
	{ "minAvailable", &schema_count_or_percent },
	{ "selector", &schema_label_selector },
	{ "unhealthyPodEvictionPolicy", ENUM("AlwaysAllow", "IfHealthyBudget"), KEEP_ZERO },
};
static const struct schema_type pod_disruption_budget_spec =
	STRUCT("PodDisruptionBudgetSpec", pod_disruption_budget_spec_fields, .check = budget_spec_check);

static const struct schema_field condition_fields[] = {
	{ "lastTransitionTime", &schema_time, ALWAYS },
	{ "message", STRING, ALWAYS },
	{ "observedGeneration", INT64 },
	{ "reason", STRING, ALWAYS },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type condition = STRUCT("Condition", condition_fields);

static const struct schema_field pod_disruption_budget_status_fields[] = {
	{ "conditions", LIST_BY(&condition, "type") },
	{ "currentHealthy", INT32, ALWAYS },
	{ "desiredHealthy", INT32, ALWAYS },
	{ "disruptedPods", MAP(&schema_time) },
	{ "disruptionsAllowed", INT32, ALWAYS },
	{ "expectedPods", INT32, ALWAYS },
	{ "observedGeneration", INT64 },
};
static const struct schema_type pod_disruption_budget_status =
	STRUCT("PodDisruptionBudgetStatus", pod_disruption_budget_status_fields);

static const struct schema_field pod_disruption_budget_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &pod_disruption_budget_spec, ALWAYS },
	{ "status", &pod_disruption_budget_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_pod_disruption_budget = STRUCT("PodDisruptionBudget", pod_disruption_budget_fields);

static const struct schema_field priority_class_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "description", STRING },
	{ "globalDefault", BOOL },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "preemptionPolicy", ENUM("Never", "PreemptLowerPriority"), KEEP_ZERO, "PreemptLowerPriority" },
	{ "value", INT32, ALWAYS },
};
const struct schema_type schema_priority_class =
	STRUCT("PriorityClass", priority_class_fields, .check = priority_class_check);

static const struct schema_field overhead_fields[] = {
	{ "podFixed", &schema_resource_list },
};
static const struct schema_type overhead = STRUCT("Overhead", overhead_fields, .check = overhead_check);

static const struct schema_field scheduling_fields[] = {
	{ "nodeSelector", &schema_labels },
	{ "tolerations", LIST(&schema_toleration) },
};
static const struct schema_type scheduling = STRUCT("Scheduling", scheduling_fields, .check = scheduling_check);

static const struct schema_field runtime_class_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "handler", FORMAT(format_dns_label), REQUIRED | IMMUTABLE | ALWAYS },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "overhead", &overhead },
	{ "scheduling", &scheduling },
};
const struct schema_type schema_runtime_class = STRUCT("RuntimeClass", runtime_class_fields);

static const struct schema_field lease_spec_fields[] = {
	{ "acquireTime", &schema_micro_time },
	{ "holderIdentity", STRING, KEEP_ZERO },
	{ "leaseDurationSeconds", INT32, KEEP_ZERO },
	{ "leaseTransitions", INT32_NONNEG, KEEP_ZERO },
	{ "preferredHolder", STRING, KEEP_ZERO },
	{ "renewTime", &schema_micro_time },
	{ "strategy", STRING, KEEP_ZERO },
};
static const struct schema_type lease_spec = STRUCT("LeaseSpec", lease_spec_fields, .check = lease_spec_check);

static const struct schema_field lease_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &lease_spec, ALWAYS },
};
const struct schema_type schema_lease = STRUCT("Lease", lease_fields);
