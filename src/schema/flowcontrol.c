/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FlowSchema and PriorityLevelConfiguration.
 */
#include "schema/flowcontrol_rules.h"
#include "schema/table.h"

static const struct schema_field flow_distinguisher_method_fields[] = {
	{ "type", ENUM("ByNamespace", "ByUser"), REQUIRED | ALWAYS },
};
static const struct schema_type flow_distinguisher_method =
	STRUCT("FlowDistinguisherMethod", flow_distinguisher_method_fields);

static const struct schema_field priority_level_configuration_reference_fields[] = {
	{ "name", STRING },
};
static const struct schema_type priority_level_configuration_reference =
	STRUCT("PriorityLevelConfigurationReference", priority_level_configuration_reference_fields);

static const struct schema_field non_resource_policy_rule_fields[] = {
	{ "nonResourceURLs", SET(STRING) },
	{ "verbs", SET(STRING) },
};
static const struct schema_type non_resource_policy_rule =
	STRUCT("NonResourcePolicyRule", non_resource_policy_rule_fields, .check = flow_url_rule_check);

static const struct schema_field resource_policy_rule_fields[] = {
	{ "apiGroups", SET(STRING) },
	{ "clusterScope", BOOL },
	{ "namespaces", SET(STRING) },
	{ "resources", SET(STRING) },
	{ "verbs", SET(STRING) },
};
static const struct schema_type resource_policy_rule =
	STRUCT("ResourcePolicyRule", resource_policy_rule_fields, .check = flow_resource_rule_check);

static const struct schema_field group_subject_fields[] = {
	{ "name", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type group_subject = STRUCT("GroupSubject", group_subject_fields);

static const struct schema_field service_account_subject_fields[] = {
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "namespace", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type service_account_subject =
	STRUCT("ServiceAccountSubject", service_account_subject_fields);

static const struct schema_field user_subject_fields[] = {
	{ "name", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type user_subject = STRUCT("UserSubject", user_subject_fields);

static const struct schema_field subject_fields[] = {
	{ "group", &group_subject },
	{ "kind", STRING },
	{ "serviceAccount", &service_account_subject },
	{ "user", &user_subject },
};
static const struct schema_type subject = STRUCT("Subject", subject_fields, .check = flow_subject_check);

static const struct schema_field policy_rules_with_subjects_fields[] = {
	{ "nonResourceRules", LIST(&non_resource_policy_rule) },
	{ "resourceRules", LIST(&resource_policy_rule) },
	{ "subjects", LIST(&subject) },
};
static const struct schema_type policy_rules_with_subjects =
	STRUCT("PolicyRulesWithSubjects", policy_rules_with_subjects_fields, .check = flow_rule_check);

static const struct schema_field flow_schema_spec_fields[] = {
	{ "distinguisherMethod", &flow_distinguisher_method },
	{ "matchingPrecedence", INT32, ALWAYS, "1000" },
	{ "priorityLevelConfiguration", &priority_level_configuration_reference, ALWAYS },
	{ "rules", LIST(&policy_rules_with_subjects) },
};
static const struct schema_type flow_schema_spec = STRUCT("FlowSchemaSpec", flow_schema_spec_fields);

static const struct schema_field flow_schema_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING },
	{ "type", STRING },
};
static const struct schema_type flow_schema_condition = STRUCT("FlowSchemaCondition", flow_schema_condition_fields);

static const struct schema_field flow_schema_status_fields[] = {
	{ "conditions", LIST_BY(&flow_schema_condition, "type") },
};
static const struct schema_type flow_schema_status = STRUCT("FlowSchemaStatus", flow_schema_status_fields);

static const struct schema_field flow_schema_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &flow_schema_spec, ALWAYS },
	{ "status", &flow_schema_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_flow_schema = STRUCT("FlowSchema", flow_schema_fields, .check = flow_schema_check);

static const struct schema_field exempt_priority_level_configuration_fields[] = {
	{ "lendablePercent", INT32_RANGE(0, 100), KEEP_ZERO, "0" },
	{ "nominalConcurrencyShares", INT32_NONNEG, KEEP_ZERO, "0" },
};
static const struct schema_type exempt_priority_level_configuration =
	STRUCT("ExemptPriorityLevelConfiguration", exempt_priority_level_configuration_fields);

static const struct schema_field queuing_configuration_fields[] = {
	{ "handSize", INT32, ALWAYS, "8" },
	{ "queueLengthLimit", INT32, ALWAYS, "50" },
	{ "queues", INT32, ALWAYS, "64" },
};
static const struct schema_type queuing_configuration =
	STRUCT("QueuingConfiguration", queuing_configuration_fields, .check = queuing_check);

static const struct schema_field limit_response_fields[] = {
	{ "queuing", &queuing_configuration },
	{ "type", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type limit_response =
	STRUCT("LimitResponse", limit_response_fields, .check = limit_response_check);

static const struct schema_field limited_priority_level_configuration_fields[] = {
	{ "borrowingLimitPercent", INT32_NONNEG, KEEP_ZERO },
	{ "lendablePercent", INT32_RANGE(0, 100), KEEP_ZERO, "0" },
	{ "limitResponse", &limit_response, ALWAYS },
	{ "nominalConcurrencyShares", INT32_NONNEG, KEEP_ZERO, "30" },
};
static const struct schema_type limited_priority_level_configuration =
	STRUCT("LimitedPriorityLevelConfiguration", limited_priority_level_configuration_fields);

static const struct schema_field priority_level_configuration_spec_fields[] = {
	{ "exempt", &exempt_priority_level_configuration },
	{ "limited", &limited_priority_level_configuration },
	{ "type", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type priority_level_configuration_spec =
	STRUCT("PriorityLevelConfigurationSpec", priority_level_configuration_spec_fields);

static const struct schema_field priority_level_configuration_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING },
	{ "type", STRING },
};
static const struct schema_type priority_level_configuration_condition =
	STRUCT("PriorityLevelConfigurationCondition", priority_level_configuration_condition_fields);

static const struct schema_field priority_level_configuration_status_fields[] = {
	{ "conditions", LIST_BY(&priority_level_configuration_condition, "type") },
};
static const struct schema_type priority_level_configuration_status =
	STRUCT("PriorityLevelConfigurationStatus", priority_level_configuration_status_fields);

static const struct schema_field priority_level_configuration_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &priority_level_configuration_spec, ALWAYS },
	{ "status", &priority_level_configuration_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_priority_level_configuration =
	STRUCT("PriorityLevelConfiguration", priority_level_configuration_fields, .check = priority_level_check);
