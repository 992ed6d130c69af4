/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhooks and policies of admission.
 */
#include "schema/admission_rules.h"
#include "schema/table.h"

static const struct schema_field service_reference_fields[] = {
	{ "name", STRING },
	{ "namespace", STRING },
	{ "path", STRING, KEEP_ZERO },
	{ "port", INT32, KEEP_ZERO, "443" },
};
static const struct schema_type service_reference = STRUCT("ServiceReference", service_reference_fields);

static const struct schema_field webhook_client_config_fields[] = {
	{ "caBundle", BYTES },
	{ "service", &service_reference },
	{ "url", STRING, KEEP_ZERO },
};
static const struct schema_type webhook_client_config = STRUCT("WebhookClientConfig", webhook_client_config_fields);

static const struct schema_field match_condition_fields[] = {
	{ "expression", STRING, ALWAYS },
	{ "name", STRING, ALWAYS },
};
static const struct schema_type match_condition = STRUCT("MatchCondition", match_condition_fields);

static const struct schema_field rule_with_operations_fields[] = {
	{ "apiGroups", LIST(STRING) },
	{ "apiVersions", LIST(STRING) },
	{ "operations", LIST(STRING) },
	{ "resources", LIST(STRING) },
	{ "scope", ENUM("*", "Cluster", "Namespaced"), KEEP_ZERO, "*" },
};
static const struct schema_type rule_with_operations =
	STRUCT("RuleWithOperations", rule_with_operations_fields, .check = rule_check);

static const struct schema_field mutating_webhook_fields[] = {
	{ "admissionReviewVersions", LIST(STRING) },
	{ "clientConfig", &webhook_client_config },
	{ "failurePolicy", ENUM("Fail", "Ignore"), KEEP_ZERO, "Fail" },
	{ "matchConditions", LIST_BY(&match_condition, "name") },
	{ "matchPolicy", ENUM("Equivalent", "Exact"), KEEP_ZERO, "Equivalent" },
	{ "name", STRING },
	{ "namespaceSelector", &schema_label_selector, 0, "{}" },
	{ "objectSelector", &schema_label_selector, 0, "{}" },
	{ "reinvocationPolicy", ENUM("IfNeeded", "Never"), KEEP_ZERO, "Never" },
	{ "rules", LIST(&rule_with_operations) },
	{ "sideEffects", STRING, KEEP_ZERO },
	{ "timeoutSeconds", INT32, KEEP_ZERO, "10" },
};
static const struct schema_type mutating_webhook =
	STRUCT("MutatingWebhook", mutating_webhook_fields, .check = webhook_check);

static const struct schema_field mutating_webhook_configuration_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "webhooks", TYPE(.form = SCHEMA_LIST, .elem = &mutating_webhook, .keys = NAMES("name"),
	  .check = webhooks_check) },
};
const struct schema_type schema_mutating_webhook_configuration =
	STRUCT("MutatingWebhookConfiguration", mutating_webhook_configuration_fields);

static const struct schema_field validating_webhook_fields[] = {
	{ "admissionReviewVersions", LIST(STRING) },
	{ "clientConfig", &webhook_client_config },
	{ "failurePolicy", ENUM("Fail", "Ignore"), KEEP_ZERO, "Fail" },
	{ "matchConditions", LIST_BY(&match_condition, "name") },
	{ "matchPolicy", ENUM("Equivalent", "Exact"), KEEP_ZERO, "Equivalent" },
	{ "name", STRING },
	{ "namespaceSelector", &schema_label_selector, 0, "{}" },
	{ "objectSelector", &schema_label_selector, 0, "{}" },
	{ "rules", LIST(&rule_with_operations) },
	{ "sideEffects", STRING, KEEP_ZERO },
	{ "timeoutSeconds", INT32, KEEP_ZERO, "10" },
};
static const struct schema_type validating_webhook =
	STRUCT("ValidatingWebhook", validating_webhook_fields, .check = webhook_check);

static const struct schema_field validating_webhook_configuration_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "webhooks", TYPE(.form = SCHEMA_LIST, .elem = &validating_webhook, .keys = NAMES("name"),
	  .check = webhooks_check) },
};
const struct schema_type schema_validating_webhook_configuration =
	STRUCT("ValidatingWebhookConfiguration", validating_webhook_configuration_fields);

static const struct schema_field audit_annotation_fields[] = {
	{ "key", STRING, REQUIRED | ALWAYS },
	{ "valueExpression", STRING, ALWAYS },
};
static const struct schema_type audit_annotation = STRUCT("AuditAnnotation", audit_annotation_fields);

static const struct schema_field named_rule_with_operations_fields[] = {
	{ "apiGroups", LIST(STRING) },
	{ "apiVersions", LIST(STRING) },
	{ "operations", LIST(STRING) },
	{ "resourceNames", LIST(STRING) },
	{ "resources", LIST(STRING) },
	{ "scope", ENUM("*", "Cluster", "Namespaced"), KEEP_ZERO, "*" },
};
static const struct schema_type named_rule_with_operations =
	STRUCT("NamedRuleWithOperations", named_rule_with_operations_fields, .check = rule_check);

static const struct schema_field match_resources_fields[] = {
	{ "excludeResourceRules", LIST(&named_rule_with_operations) },
	{ "matchPolicy", ENUM("Equivalent", "Exact"), KEEP_ZERO, "Equivalent" },
	{ "namespaceSelector", &schema_label_selector, 0, "{}" },
	{ "objectSelector", &schema_label_selector, 0, "{}" },
	{ "resourceRules", LIST(&named_rule_with_operations) },
};
static const struct schema_type match_resources = STRUCT("MatchResources", match_resources_fields);

static const struct schema_field param_kind_fields[] = {
	{ "apiVersion", STRING },
	{ "kind", STRING },
};
static const struct schema_type param_kind = STRUCT("ParamKind", param_kind_fields, .check = param_kind_check);

static const struct schema_field validation_fields[] = {
	{ "expression", STRING, ALWAYS },
	{ "message", STRING },
	{ "messageExpression", STRING },
	{ "reason", STRING, KEEP_ZERO },
};
static const struct schema_type validation = STRUCT("Validation", validation_fields, .check = validation_check);

static const struct schema_field variable_fields[] = {
	{ "expression", STRING, ALWAYS },
	{ "name", STRING, ALWAYS },
};
static const struct schema_type variable = STRUCT("Variable", variable_fields, .check = variable_check);

static const struct schema_field validating_admission_policy_spec_fields[] = {
	{ "auditAnnotations", LIST(&audit_annotation) },
	{ "failurePolicy", ENUM("Fail", "Ignore"), KEEP_ZERO, "Fail" },
	{ "matchConditions", LIST_BY(&match_condition, "name") },
	{ "matchConstraints", &match_resources },
	{ "paramKind", &param_kind },
	{ "validations", LIST(&validation) },
	{ "variables", LIST_BY(&variable, "name") },
};
static const struct schema_type validating_admission_policy_spec =
	STRUCT("ValidatingAdmissionPolicySpec", validating_admission_policy_spec_fields);

static const struct schema_field condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING, ALWAYS },
	{ "observedGeneration", INT64 },
	{ "reason", STRING, ALWAYS },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type condition = STRUCT("Condition", condition_fields);

static const struct schema_field expression_warning_fields[] = {
	{ "fieldRef", STRING, ALWAYS },
	{ "warning", STRING, ALWAYS },
};
static const struct schema_type expression_warning = STRUCT("ExpressionWarning", expression_warning_fields);

static const struct schema_field type_checking_fields[] = {
	{ "expressionWarnings", LIST(&expression_warning) },
};
static const struct schema_type type_checking = STRUCT("TypeChecking", type_checking_fields);

static const struct schema_field validating_admission_policy_status_fields[] = {
	{ "conditions", LIST_BY(&condition, "type") },
	{ "observedGeneration", INT64 },
	{ "typeChecking", &type_checking },
};
static const struct schema_type validating_admission_policy_status =
	STRUCT("ValidatingAdmissionPolicyStatus", validating_admission_policy_status_fields);

static const struct schema_field validating_admission_policy_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &validating_admission_policy_spec, ALWAYS },
	{ "status", &validating_admission_policy_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_validating_admission_policy =
	STRUCT("ValidatingAdmissionPolicy", validating_admission_policy_fields, .check = validating_policy_check);

static const struct schema_field param_ref_fields[] = {
	{ "name", STRING },
	{ "namespace", STRING },
	{ "parameterNotFoundAction", STRING, KEEP_ZERO },
	{ "selector", &schema_label_selector },
};
static const struct schema_type param_ref = STRUCT("ParamRef", param_ref_fields, .check = param_ref_check);

static const struct schema_field validating_admission_policy_binding_spec_fields[] = {
	{ "matchResources", &match_resources },
	{ "paramRef", &param_ref },
	{ "policyName", STRING },
	{ "validationActions", SET(ENUM("Audit", "Deny", "Warn")) },
};
static const struct schema_type validating_admission_policy_binding_spec =
	STRUCT("ValidatingAdmissionPolicyBindingSpec", validating_admission_policy_binding_spec_fields, .check = policy_binding_spec_check);

static const struct schema_field validating_admission_policy_binding_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &validating_admission_policy_binding_spec, REQUIRED | ALWAYS },
};
const struct schema_type schema_validating_admission_policy_binding =
	STRUCT("ValidatingAdmissionPolicyBinding", validating_admission_policy_binding_fields);

static const struct schema_field apply_configuration_fields[] = {
	{ "expression", STRING },
};
static const struct schema_type apply_configuration = STRUCT("ApplyConfiguration", apply_configuration_fields);

static const struct schema_field json_patch_fields[] = {
	{ "expression", STRING },
};
static const struct schema_type json_patch = STRUCT("JSONPatch", json_patch_fields);

static const struct schema_field mutation_fields[] = {
	{ "applyConfiguration", &apply_configuration },
	{ "jsonPatch", &json_patch },
	{ "patchType", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type mutation = STRUCT("Mutation", mutation_fields, .check = mutation_check);

static const struct schema_field mutating_admission_policy_spec_fields[] = {
	{ "failurePolicy", ENUM("Fail", "Ignore"), KEEP_ZERO, "Fail" },
	{ "matchConditions", LIST_BY(&match_condition, "name") },
	{ "matchConstraints", &match_resources },
	{ "mutations", LIST(&mutation) },
	{ "paramKind", &param_kind },
	{ "reinvocationPolicy", ENUM("IfNeeded", "Never") },
	{ "variables", LIST(&variable) },
};
static const struct schema_type mutating_admission_policy_spec =
	STRUCT("MutatingAdmissionPolicySpec", mutating_admission_policy_spec_fields);

static const struct schema_field mutating_admission_policy_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &mutating_admission_policy_spec, ALWAYS },
};
const struct schema_type schema_mutating_admission_policy =
	STRUCT("MutatingAdmissionPolicy", mutating_admission_policy_fields, .check = mutating_policy_check);

static const struct schema_field mutating_admission_policy_binding_spec_fields[] = {
	{ "matchResources", &match_resources },
	{ "paramRef", &param_ref },
	{ "policyName", STRING },
};
static const struct schema_type mutating_admission_policy_binding_spec =
	STRUCT("MutatingAdmissionPolicyBindingSpec", mutating_admission_policy_binding_spec_fields, .check = mutating_binding_spec_check);

static const struct schema_field mutating_admission_policy_binding_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &mutating_admission_policy_binding_spec, ALWAYS },
};
const struct schema_type schema_mutating_admission_policy_binding =
	STRUCT("MutatingAdmissionPolicyBinding", mutating_admission_policy_binding_fields);
