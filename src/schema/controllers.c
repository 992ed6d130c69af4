/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReplicationController, PodTemplate, StatefulSet, DaemonSet and ControllerRevision.
 */
#include "schema/controllers_rules.h"
#include "schema/table.h"

static const struct schema_field replication_controller_spec_fields[] = {
	{ "minReadySeconds", INT32_NONNEG },
	{ "replicas", INT32_NONNEG, KEEP_ZERO, "1" },
	{ "selector", &schema_labels, REQUIRED },
	{ "template", &schema_pod_template_spec, REQUIRED },
};
static const struct schema_type replication_controller_spec =
	STRUCT("ReplicationControllerSpec", replication_controller_spec_fields, .check = replication_controller_spec_check);

static const struct schema_field replication_controller_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type replication_controller_condition =
	STRUCT("ReplicationControllerCondition", replication_controller_condition_fields);

static const struct schema_field replication_controller_status_fields[] = {
	{ "availableReplicas", INT32 },
	{ "conditions", LIST_BY(&replication_controller_condition, "type") },
	{ "fullyLabeledReplicas", INT32 },
	{ "observedGeneration", INT64 },
	{ "readyReplicas", INT32 },
	{ "replicas", INT32, ALWAYS },
};
static const struct schema_type replication_controller_status =
	STRUCT("ReplicationControllerStatus", replication_controller_status_fields);

static const struct schema_field replication_controller_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &replication_controller_spec, ALWAYS },
	{ "status", &replication_controller_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_replication_controller =
	STRUCT("ReplicationController", replication_controller_fields, .defaults = replication_controller_defaults,
	       .check = workload_check);

static const struct schema_field pod_template_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "template", &schema_pod_template_spec, ALWAYS },
};
const struct schema_type schema_pod_template = STRUCT("PodTemplate", pod_template_fields);

static const struct schema_field stateful_set_ordinals_fields[] = {
	{ "start", INT32_NONNEG, ALWAYS },
};
static const struct schema_type stateful_set_ordinals = STRUCT("StatefulSetOrdinals", stateful_set_ordinals_fields);

static const struct schema_field stateful_set_persistent_volume_claim_retention_policy_fields[] = {
	{ "whenDeleted", ENUM("Delete", "Retain"), 0, "Retain" },
	{ "whenScaled", ENUM("Delete", "Retain"), 0, "Retain" },
};
static const struct schema_type stateful_set_persistent_volume_claim_retention_policy =
	STRUCT("StatefulSetPersistentVolumeClaimRetentionPolicy",
	       stateful_set_persistent_volume_claim_retention_policy_fields);

static const struct schema_field rolling_update_stateful_set_strategy_fields[] = {
	{ "maxUnavailable", &schema_count_or_percent, NOT_ACTED }, /* K8S:pkg/features: off by default */
	{ "partition", INT32_NONNEG, KEEP_ZERO },
};
static const struct schema_type rolling_update_stateful_set_strategy =
	STRUCT("RollingUpdateStatefulSetStrategy", rolling_update_stateful_set_strategy_fields);

static const struct schema_field stateful_set_update_strategy_fields[] = {
	{ "rollingUpdate", &rolling_update_stateful_set_strategy },
	{ "type", ENUM_OR("must be 'RollingUpdate' or 'OnDelete'", "OnDelete", "RollingUpdate") },
};
static const struct schema_type stateful_set_update_strategy =
	STRUCT("StatefulSetUpdateStrategy", stateful_set_update_strategy_fields, .defaults = stateful_set_strategy_defaults,
	       .check = stateful_set_strategy_check, .retains_keys = true);

/* A claim of its own for each pod; its names and types are those of a PersistentVolumeClaim. */
static const struct schema_field volume_claim_template_fields[] = {
	{ "apiVersion", STRING },
	{ "kind", STRING },
	{ "metadata", &schema_object_meta, ALWAYS },
	{ "spec", &schema_persistent_volume_claim_spec, ALWAYS },
	{ "status", &schema_persistent_volume_claim_status },
};
static const struct schema_type volume_claim_template =
	STRUCT("PersistentVolumeClaim", volume_claim_template_fields, .defaults = volume_claim_template_defaults);

static const struct schema_field stateful_set_spec_fields[] = {
	{ "minReadySeconds", INT32_NONNEG },
	{ "ordinals", &stateful_set_ordinals },
	{ "persistentVolumeClaimRetentionPolicy", &stateful_set_persistent_volume_claim_retention_policy, 0, "{}" },
	{ "podManagementPolicy", ENUM_OR("must be 'OrderedReady' or 'Parallel'", "OrderedReady", "Parallel"), 0,
	  "OrderedReady" },
	{ "replicas", INT32_NONNEG, KEEP_ZERO, "1" },
	{ "revisionHistoryLimit", INT32, KEEP_ZERO, "10" },
	{ "selector", &schema_label_selector, REQUIRED },
	{ "serviceName", FORMAT(format_dns_label), ALWAYS },
	{ "template", &schema_pod_template_spec, ALWAYS },
	{ "updateStrategy", &stateful_set_update_strategy, ALWAYS },
	{ "volumeClaimTemplates", LIST(&volume_claim_template) },
};
static const struct schema_type stateful_set_spec =
	STRUCT("StatefulSetSpec", stateful_set_spec_fields, .defaults = stateful_set_spec_defaults,
	       .check = stateful_set_spec_check);

static const struct schema_field stateful_set_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type stateful_set_condition = STRUCT("StatefulSetCondition", stateful_set_condition_fields);

static const struct schema_field stateful_set_status_fields[] = {
	{ "availableReplicas", INT32, ALWAYS },
	{ "collisionCount", INT32, KEEP_ZERO },
	{ "conditions", LIST_BY(&stateful_set_condition, "type") },
	{ "currentReplicas", INT32 },
	{ "currentRevision", STRING },
	{ "observedGeneration", INT64 },
	{ "readyReplicas", INT32 },
	{ "replicas", INT32, ALWAYS },
	{ "updateRevision", STRING },
	{ "updatedReplicas", INT32 },
};
static const struct schema_type stateful_set_status = STRUCT("StatefulSetStatus", stateful_set_status_fields);

static const struct schema_field stateful_set_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &stateful_set_spec, ALWAYS },
	{ "status", &stateful_set_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_stateful_set = STRUCT("StatefulSet", stateful_set_fields, .check = workload_check);

static const struct schema_field rolling_update_daemon_set_fields[] = {
	{ "maxSurge", &schema_count_or_percent },
	{ "maxUnavailable", &schema_count_or_percent },
};
static const struct schema_type rolling_update_daemon_set =
	STRUCT("RollingUpdateDaemonSet", rolling_update_daemon_set_fields);

static const struct schema_field daemon_set_update_strategy_fields[] = {
	{ "rollingUpdate", &rolling_update_daemon_set },
	{ "type", ENUM("OnDelete", "RollingUpdate") },
};
static const struct schema_type daemon_set_update_strategy =
	STRUCT("DaemonSetUpdateStrategy", daemon_set_update_strategy_fields, .defaults = daemon_set_strategy_defaults,
	       .check = daemon_set_strategy_check, .retains_keys = true);

static const struct schema_field daemon_set_spec_fields[] = {
	{ "minReadySeconds", INT32_NONNEG },
	{ "revisionHistoryLimit", INT32_NONNEG, KEEP_ZERO, "10" },
	{ "selector", &schema_label_selector, REQUIRED | IMMUTABLE },
	{ "template", &schema_pod_template_spec, ALWAYS },
	{ "updateStrategy", &daemon_set_update_strategy, ALWAYS },
};
static const struct schema_type daemon_set_spec =
	STRUCT("DaemonSetSpec", daemon_set_spec_fields, .check = daemon_set_spec_check);

static const struct schema_field daemon_set_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type daemon_set_condition = STRUCT("DaemonSetCondition", daemon_set_condition_fields);

static const struct schema_field daemon_set_status_fields[] = {
	{ "collisionCount", INT32, KEEP_ZERO },
	{ "conditions", LIST_BY(&daemon_set_condition, "type") },
	{ "currentNumberScheduled", INT32, ALWAYS },
	{ "desiredNumberScheduled", INT32, ALWAYS },
	{ "numberAvailable", INT32 },
	{ "numberMisscheduled", INT32, ALWAYS },
	{ "numberReady", INT32, ALWAYS },
	{ "numberUnavailable", INT32 },
	{ "observedGeneration", INT64 },
	{ "updatedNumberScheduled", INT32 },
};
static const struct schema_type daemon_set_status = STRUCT("DaemonSetStatus", daemon_set_status_fields);

static const struct schema_field daemon_set_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &daemon_set_spec, ALWAYS },
	{ "status", &daemon_set_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_daemon_set = STRUCT("DaemonSet", daemon_set_fields, .check = daemon_set_check);

static const struct schema_field controller_revision_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "data", &schema_any },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "revision", INT64_NONNEG, ALWAYS },
};
const struct schema_type schema_controller_revision =
	STRUCT("ControllerRevision", controller_revision_fields, .check = controller_revision_check);
