/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a pod may run: affinity, tolerations, spreading.
 */
#include "schema/pod_rules.h"
#include "schema/table.h"

static const struct schema_field node_selector_requirement_fields[] = {
	{ "key", FORMAT(format_qualified_name), REQUIRED | ALWAYS },
	{ "operator", ENUM("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"), REQUIRED | ALWAYS },
	{ "values", LIST(STRING) },
};
static const struct schema_type node_selector_requirement =
	STRUCT("NodeSelectorRequirement", node_selector_requirement_fields, .check = node_requirement_check);

static const struct schema_field node_selector_term_fields[] = {
	{ "matchExpressions", LIST(&node_selector_requirement) },
	{ "matchFields", LIST(&node_selector_requirement) },
};
static const struct schema_type node_selector_term =
	STRUCT("NodeSelectorTerm", node_selector_term_fields, .check = node_term_check);

static const struct schema_field preferred_scheduling_term_fields[] = {
	{ "preference", &node_selector_term, REQUIRED | ALWAYS },
	{ "weight", INT32_RANGE_OR("must be in the range 1-100", 1, 100), REQUIRED | ALWAYS },
};
static const struct schema_type preferred_scheduling_term =
	STRUCT("PreferredSchedulingTerm", preferred_scheduling_term_fields);

static const struct schema_field node_selector_fields[] = {
	{ "nodeSelectorTerms",
	  TYPE(.form = SCHEMA_LIST, .elem = &node_selector_term, .required = "must have at least one node selector term"),
	  REQUIRED | ALWAYS },
};
const struct schema_type schema_node_selector =
	STRUCT("NodeSelector", node_selector_fields, .check = node_selector_check);

static const struct schema_field node_affinity_fields[] = {
	{ "preferredDuringSchedulingIgnoredDuringExecution", LIST(&preferred_scheduling_term) },
	{ "requiredDuringSchedulingIgnoredDuringExecution", &schema_node_selector },
};
static const struct schema_type node_affinity = STRUCT("NodeAffinity", node_affinity_fields);

static const struct schema_field pod_affinity_term_fields[] = {
	{ "labelSelector", &schema_label_selector },
	{ "matchLabelKeys", LIST(FORMAT(format_qualified_name)) },
	{ "mismatchLabelKeys", LIST(FORMAT(format_qualified_name)) },
	{ "namespaceSelector", &schema_label_selector },
	{ "namespaces", LIST(FORMAT(format_dns_label)) },
	{ "topologyKey",
	  TYPE(.form = SCHEMA_STRING, .format = format_qualified_name, .required = "can not be empty"), REQUIRED | ALWAYS },
};
static const struct schema_type pod_affinity_term =
	STRUCT("PodAffinityTerm", pod_affinity_term_fields, .check = affinity_term_check);

static const struct schema_field weighted_pod_affinity_term_fields[] = {
	{ "podAffinityTerm", &pod_affinity_term, REQUIRED | ALWAYS },
	{ "weight", INT32_RANGE_OR("must be in the range 1-100", 1, 100), REQUIRED | ALWAYS },
};
static const struct schema_type weighted_pod_affinity_term =
	STRUCT("WeightedPodAffinityTerm", weighted_pod_affinity_term_fields);

static const struct schema_field pod_affinity_fields[] = {
	{ "preferredDuringSchedulingIgnoredDuringExecution", LIST(&weighted_pod_affinity_term) },
	{ "requiredDuringSchedulingIgnoredDuringExecution", LIST(&pod_affinity_term) },
};
static const struct schema_type pod_affinity = STRUCT("PodAffinity", pod_affinity_fields);

static const struct schema_field pod_anti_affinity_fields[] = {
	{ "preferredDuringSchedulingIgnoredDuringExecution", LIST(&weighted_pod_affinity_term) },
	{ "requiredDuringSchedulingIgnoredDuringExecution", LIST(&pod_affinity_term) },
};
static const struct schema_type pod_anti_affinity = STRUCT("PodAntiAffinity", pod_anti_affinity_fields);

static const struct schema_field affinity_fields[] = {
	{ "nodeAffinity", &node_affinity },
	{ "podAffinity", &pod_affinity },
	{ "podAntiAffinity", &pod_anti_affinity },
};
const struct schema_type schema_affinity = STRUCT("Affinity", affinity_fields);

static const struct schema_field toleration_fields[] = {
	{ "effect", ENUM("NoExecute", "NoSchedule", "PreferNoSchedule") },
	{ "key", FORMAT(format_qualified_name) },
	{ "operator", ENUM("Equal", "Exists") },
	{ "tolerationSeconds", INT64, KEEP_ZERO },
	{ "value", STRING },
};
const struct schema_type schema_toleration = STRUCT("Toleration", toleration_fields, .check = toleration_check);

static const struct schema_field topology_spread_constraint_fields[] = {
	{ "labelSelector", &schema_label_selector },
	{ "matchLabelKeys", LIST(FORMAT(format_qualified_name)) },
	{ "maxSkew", INT32, ALWAYS },
	{ "minDomains", INT32, KEEP_ZERO },
	{ "nodeAffinityPolicy", ENUM("Honor", "Ignore"), KEEP_ZERO },
	{ "nodeTaintsPolicy", ENUM("Honor", "Ignore"), KEEP_ZERO },
	{ "topologyKey", TYPE(.form = SCHEMA_STRING, .required = "can not be empty"), REQUIRED | ALWAYS },
	{ "whenUnsatisfiable", ENUM("DoNotSchedule", "ScheduleAnyway"), REQUIRED | ALWAYS },
};
const struct schema_type schema_topology_spread_constraint =
	STRUCT("TopologySpreadConstraint", topology_spread_constraint_fields, .check = spread_check);
