/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespace, Node, ConfigMap and Event.
 */
#include "schema/core_rules.h"
#include "schema/meta_rules.h"
#include "schema/table.h"

static const struct schema_field namespace_spec_fields[] = {
	{ "finalizers", TYPE(.form = SCHEMA_LIST, .elem = FORMAT(format_qualified_name), .check = namespace_finalizers_check) },
};
static const struct schema_type namespace_spec = STRUCT("NamespaceSpec", namespace_spec_fields);

static const struct schema_field namespace_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type namespace_condition = STRUCT("NamespaceCondition", namespace_condition_fields);

static const struct schema_field namespace_status_fields[] = {
	{ "conditions", LIST_BY(&namespace_condition, "type") },
	{ "phase", STRING },
};
static const struct schema_type namespace_status = STRUCT("NamespaceStatus", namespace_status_fields);

static const struct schema_field namespace_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &namespace_spec, ALWAYS },
	{ "status", &namespace_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_namespace = STRUCT("Namespace", namespace_fields, .defaults = namespace_defaults);

static const struct schema_field config_map_node_config_source_fields[] = {
	{ "kubeletConfigKey", STRING, REQUIRED | ALWAYS },
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "namespace", STRING, REQUIRED | ALWAYS },
	{ "resourceVersion", STRING },
	{ "uid", STRING },
};
static const struct schema_type config_map_node_config_source =
	STRUCT("ConfigMapNodeConfigSource", config_map_node_config_source_fields);

static const struct schema_field node_config_source_fields[] = {
	{ "configMap", &config_map_node_config_source },
};
static const struct schema_type node_config_source = STRUCT("NodeConfigSource", node_config_source_fields);

static const struct schema_field taint_fields[] = {
	{ "effect", ENUM("NoExecute", "NoSchedule", "PreferNoSchedule"), REQUIRED | ALWAYS },
	{ "key", FORMAT(format_qualified_name), REQUIRED | ALWAYS },
	{ "timeAdded", &schema_time },
	{ "value", FORMAT(format_label_value) },
};
static const struct schema_type taint = STRUCT("Taint", taint_fields);

static const struct schema_field node_spec_fields[] = {
	{ "configSource", &node_config_source, NOT_ACTED },
	{ "externalID", STRING, NOT_ACTED },
	{ "podCIDR", FORMAT(format_cidr), NOT_ACTED },
	{ "podCIDRs", SET(FORMAT(format_cidr)), NOT_ACTED },
	{ "providerID", STRING, NOT_ACTED },
	{ "taints", LIST(&taint) },
	{ "unschedulable", BOOL },
};
static const struct schema_type node_spec =
	STRUCT("NodeSpec", node_spec_fields, .defaults = node_spec_defaults, .check = node_spec_check);

static const struct schema_field node_address_fields[] = {
	{ "address", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type node_address = STRUCT("NodeAddress", node_address_fields);

static const struct schema_field node_condition_fields[] = {
	{ "lastHeartbeatTime", &schema_time },
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type node_condition = STRUCT("NodeCondition", node_condition_fields);

static const struct schema_field node_config_status_fields[] = {
	{ "active", &node_config_source },
	{ "assigned", &node_config_source },
	{ "error", STRING },
	{ "lastKnownGood", &node_config_source },
};
static const struct schema_type node_config_status = STRUCT("NodeConfigStatus", node_config_status_fields);

static const struct schema_field daemon_endpoint_fields[] = {
	{ "Port", INT32, ALWAYS },
};
static const struct schema_type daemon_endpoint = STRUCT("DaemonEndpoint", daemon_endpoint_fields);

static const struct schema_field node_daemon_endpoints_fields[] = {
	{ "kubeletEndpoint", &daemon_endpoint, ALWAYS },
};
static const struct schema_type node_daemon_endpoints = STRUCT("NodeDaemonEndpoints", node_daemon_endpoints_fields);

static const struct schema_field node_features_fields[] = {
	{ "supplementalGroupsPolicy", BOOL, KEEP_ZERO },
};
static const struct schema_type node_features = STRUCT("NodeFeatures", node_features_fields);

static const struct schema_field container_image_fields[] = {
	{ "names", LIST(STRING), ALWAYS },
	{ "sizeBytes", INT64 },
};
static const struct schema_type container_image = STRUCT("ContainerImage", container_image_fields);

static const struct schema_field node_swap_status_fields[] = {
	{ "capacity", INT64, KEEP_ZERO },
};
static const struct schema_type node_swap_status = STRUCT("NodeSwapStatus", node_swap_status_fields);

static const struct schema_field node_system_info_fields[] = {
	{ "architecture", STRING, ALWAYS },
	{ "bootID", STRING, ALWAYS },
	{ "containerRuntimeVersion", STRING, ALWAYS },
	{ "kernelVersion", STRING, ALWAYS },
	{ "kubeProxyVersion", STRING, ALWAYS },
	{ "kubeletVersion", STRING, ALWAYS },
	{ "machineID", STRING, ALWAYS },
	{ "operatingSystem", STRING, ALWAYS },
	{ "osImage", STRING, ALWAYS },
	{ "swap", &node_swap_status },
	{ "systemUUID", STRING, ALWAYS },
};
static const struct schema_type node_system_info = STRUCT("NodeSystemInfo", node_system_info_fields);

static const struct schema_field node_runtime_handler_features_fields[] = {
	{ "recursiveReadOnlyMounts", BOOL, KEEP_ZERO },
	{ "userNamespaces", BOOL, KEEP_ZERO },
};
static const struct schema_type node_runtime_handler_features =
	STRUCT("NodeRuntimeHandlerFeatures", node_runtime_handler_features_fields);

static const struct schema_field node_runtime_handler_fields[] = {
	{ "features", &node_runtime_handler_features },
	{ "name", STRING, ALWAYS },
};
static const struct schema_type node_runtime_handler = STRUCT("NodeRuntimeHandler", node_runtime_handler_fields);

static const struct schema_field attached_volume_fields[] = {
	{ "devicePath", STRING, ALWAYS },
	{ "name", STRING, ALWAYS },
};
static const struct schema_type attached_volume = STRUCT("AttachedVolume", attached_volume_fields);

static const struct schema_field node_status_fields[] = {
	{ "addresses", LIST_BY(&node_address, "type") },
	{ "allocatable", &schema_resource_list },
	{ "capacity", &schema_resource_list },
	{ "conditions", LIST_BY(&node_condition, "type") },
	{ "config", &node_config_status },
	{ "daemonEndpoints", &node_daemon_endpoints, ALWAYS },
	{ "declaredFeatures", LIST(STRING) },
	{ "features", &node_features },
	{ "images", LIST(&container_image) },
	{ "nodeInfo", &node_system_info, ALWAYS },
	{ "phase", STRING },
	{ "runtimeHandlers", LIST(&node_runtime_handler) },
	{ "volumesAttached", LIST(&attached_volume) },
	{ "volumesInUse", LIST(STRING) },
};
static const struct schema_type node_status =
	STRUCT("NodeStatus", node_status_fields, .defaults = node_status_defaults);

static const struct schema_field node_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &node_spec, ALWAYS },
	{ "status", &node_status, SYSTEM | MANIFEST | ALWAYS },
};
const struct schema_type schema_node = STRUCT("Node", node_fields);

static const struct schema_field config_map_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "binaryData", TYPE(.form = SCHEMA_MAP, .elem = BYTES, .check = config_keys_check) },
	{ "data", TYPE(.form = SCHEMA_MAP, .elem = STRING, .check = config_keys_check) },
	{ "immutable", BOOL, KEEP_ZERO },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
};
const struct schema_type schema_config_map = STRUCT("ConfigMap", config_map_fields, .check = config_map_check);

static const struct schema_field event_series_fields[] = {
	{ "count", INT32 },
	{ "lastObservedTime", &schema_micro_time },
};
static const struct schema_type event_series = STRUCT("EventSeries", event_series_fields);

static const struct schema_field event_source_fields[] = {
	{ "component", STRING },
	{ "host", STRING },
};
static const struct schema_type event_source = STRUCT("EventSource", event_source_fields);

static const struct schema_field event_fields[] = {
	{ "action", STRING },
	{ "apiVersion", STRING, REQUIRED },
	{ "count", INT32 },
	{ "eventTime", &schema_micro_time },
	{ "firstTimestamp", &schema_time },
	{ "involvedObject", &schema_object_reference, ALWAYS },
	{ "kind", STRING, REQUIRED },
	{ "lastTimestamp", &schema_time },
	{ "message", STRING },
	{ "metadata", &schema_object_meta },
	{ "reason", STRING },
	{ "related", &schema_object_reference },
	{ "reportingComponent", STRING, ALWAYS },
	{ "reportingInstance", STRING, ALWAYS },
	{ "series", &event_series },
	{ "source", &event_source, ALWAYS },
	{ "type", STRING },
};
const struct schema_type schema_event = STRUCT("Event", event_fields, .check = event_check);
