/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles and their bindings.
 */
#include "schema/rbac_rules.h"
#include "schema/table.h"

static const struct schema_field aggregation_rule_fields[] = {
	{ "clusterRoleSelectors", LIST(&schema_label_selector) },
};
static const struct schema_type aggregation_rule = STRUCT("AggregationRule", aggregation_rule_fields);

static const struct schema_field policy_rule_fields[] = {
	{ "apiGroups", LIST(STRING) },
	{ "nonResourceURLs", LIST(STRING) },
	{ "resourceNames", LIST(STRING) },
	{ "resources", LIST(STRING) },
	{ "verbs", LIST(STRING) },
};
static const struct schema_type policy_rule = STRUCT("PolicyRule", policy_rule_fields);

static const struct schema_field cluster_role_fields[] = {
	{ "aggregationRule", &aggregation_rule },
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "rules", LIST(&policy_rule) },
};
const struct schema_type schema_cluster_role = STRUCT("ClusterRole", cluster_role_fields, .check = cluster_role_check);

static const struct schema_field role_ref_fields[] = {
	{ "apiGroup", STRING, ALWAYS, "rbac.authorization.k8s.io" },
	{ "kind", STRING },
	{ "name", STRING },
};
static const struct schema_type role_ref = STRUCT("RoleRef", role_ref_fields);

static const struct schema_field subject_fields[] = {
	{ "apiGroup", STRING },
	{ "kind", STRING },
	{ "name", STRING },
	{ "namespace", STRING },
};
static const struct schema_type subject = STRUCT("Subject", subject_fields, .defaults = subject_defaults);

static const struct schema_field cluster_role_binding_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "roleRef", &role_ref, REQUIRED | ALWAYS },
	{ "subjects", LIST(&subject) },
};
const struct schema_type schema_cluster_role_binding =
	STRUCT("ClusterRoleBinding", cluster_role_binding_fields, .check = cluster_role_binding_check);

static const struct schema_field role_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "rules", LIST(&policy_rule) },
};
const struct schema_type schema_role = STRUCT("Role", role_fields, .check = role_check);

static const struct schema_field role_binding_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "roleRef", &role_ref, REQUIRED | ALWAYS },
	{ "subjects", LIST(&subject) },
};
const struct schema_type schema_role_binding = STRUCT("RoleBinding", role_binding_fields, .check = role_binding_check);
