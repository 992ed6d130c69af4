/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deployment and ReplicaSet.
 */
#include "schema/workload_rules.h"
#include "schema/table.h"

static const struct schema_field replica_set_spec_fields[] = {
	{ "minReadySeconds", INT32_NONNEG },
	{ "replicas", INT32_NONNEG, KEEP_ZERO, "1" },
	{ "selector", &schema_label_selector, REQUIRED | IMMUTABLE },
	{ "template", &schema_pod_template_spec, ALWAYS },
};
static const struct schema_type replica_set_spec =
	STRUCT("ReplicaSetSpec", replica_set_spec_fields, .check = replica_set_spec_check);

static const struct schema_field replica_set_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type replica_set_condition = STRUCT("ReplicaSetCondition", replica_set_condition_fields);

static const struct schema_field replica_set_status_fields[] = {
	{ "availableReplicas", INT32 },
	{ "conditions", LIST_BY(&replica_set_condition, "type") },
	{ "fullyLabeledReplicas", INT32 },
	{ "observedGeneration", INT64 },
	{ "readyReplicas", INT32 },
	{ "replicas", INT32, ALWAYS },
	{ "terminatingReplicas", INT32, KEEP_ZERO },
};
static const struct schema_type replica_set_status = STRUCT("ReplicaSetStatus", replica_set_status_fields);

static const struct schema_field replica_set_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &replica_set_spec, ALWAYS },
	{ "status", &replica_set_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_replica_set = STRUCT("ReplicaSet", replica_set_fields, .check = workload_check);

static const struct schema_field rolling_update_deployment_fields[] = {
	{ "maxSurge", &schema_count_or_percent },
	{ "maxUnavailable", &schema_count_or_percent },
};
static const struct schema_type rolling_update_deployment =
	STRUCT("RollingUpdateDeployment", rolling_update_deployment_fields);

static const struct schema_field deployment_strategy_fields[] = {
	{ "rollingUpdate", &rolling_update_deployment },
	{ "type", ENUM("Recreate", "RollingUpdate"), 0, "RollingUpdate" },
};
static const struct schema_type deployment_strategy =
	STRUCT("DeploymentStrategy", deployment_strategy_fields, .defaults = strategy_defaults, .check = strategy_check,
	       .retains_keys = true); /* K8S:staging/src/k8s.io/api/apps/v1/types.go */

static const struct schema_field deployment_spec_fields[] = {
	{ "minReadySeconds", INT32_NONNEG },
	{ "paused", BOOL },
	{ "progressDeadlineSeconds", INT32_NONNEG, KEEP_ZERO, "600" },
	{ "replicas", INT32_NONNEG, KEEP_ZERO, "1" },
	{ "revisionHistoryLimit", INT32_NONNEG, KEEP_ZERO, "10" },
	{ "selector", &schema_label_selector, REQUIRED | IMMUTABLE },
	{ "strategy", &deployment_strategy, ALWAYS },
	{ "template", &schema_pod_template_spec, REQUIRED | ALWAYS },
};
static const struct schema_type deployment_spec =
	STRUCT("DeploymentSpec", deployment_spec_fields, .check = deployment_spec_check);

static const struct schema_field deployment_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "lastUpdateTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type deployment_condition = STRUCT("DeploymentCondition", deployment_condition_fields);

static const struct schema_field deployment_status_fields[] = {
	{ "availableReplicas", INT32 },
	{ "collisionCount", INT32, KEEP_ZERO },
	{ "conditions", LIST_BY(&deployment_condition, "type") },
	{ "observedGeneration", INT64 },
	{ "readyReplicas", INT32 },
	{ "replicas", INT32 },
	{ "terminatingReplicas", INT32, KEEP_ZERO },
	{ "unavailableReplicas", INT32 },
	{ "updatedReplicas", INT32 },
};
static const struct schema_type deployment_status = STRUCT("DeploymentStatus", deployment_status_fields);

static const struct schema_field deployment_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &deployment_spec, ALWAYS },
	{ "status", &deployment_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_deployment = STRUCT("Deployment", deployment_fields, .check = workload_check);
