/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dynamic resource allocation: the kinds of resource.k8s.io.
 */
#include "schema/device_rules.h"
#include "schema/table.h"

static const struct schema_field opaque_device_configuration_fields[] = {
	{ "driver", STRING },
	{ "parameters", &schema_any },
};
static const struct schema_type opaque_device_configuration =
	STRUCT("OpaqueDeviceConfiguration", opaque_device_configuration_fields, .check = device_opaque_check);

static const struct schema_field device_class_configuration_fields[] = {
	{ "opaque", &opaque_device_configuration },
};
static const struct schema_type device_class_configuration =
	STRUCT("DeviceClassConfiguration", device_class_configuration_fields);

static const struct schema_field cel_device_selector_fields[] = {
	{ "expression", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type cel_device_selector = STRUCT("CELDeviceSelector", cel_device_selector_fields);

static const struct schema_field device_selector_fields[] = {
	{ "cel", &cel_device_selector },
};
static const struct schema_type device_selector = STRUCT("DeviceSelector", device_selector_fields);

static const struct schema_field device_class_spec_fields[] = {
	{ "config", LIST(&device_class_configuration) },
	{ "extendedResourceName", STRING, KEEP_ZERO },
	{ "selectors", LIST(&device_selector) },
};
static const struct schema_type device_class_spec = STRUCT("DeviceClassSpec", device_class_spec_fields);

static const struct schema_field device_class_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &device_class_spec, REQUIRED | ALWAYS },
};
const struct schema_type schema_device_class = STRUCT("DeviceClass", device_class_fields);

static const struct schema_field device_claim_configuration_fields[] = {
	{ "opaque", &opaque_device_configuration },
	{ "requests", LIST(STRING) },
};
static const struct schema_type device_claim_configuration =
	STRUCT("DeviceClaimConfiguration", device_claim_configuration_fields);

static const struct schema_field device_constraint_fields[] = {
	{ "distinctAttribute", STRING, KEEP_ZERO },
	{ "matchAttribute", STRING, KEEP_ZERO },
	{ "requests", LIST(STRING) },
};
static const struct schema_type device_constraint = STRUCT("DeviceConstraint", device_constraint_fields);

static const struct schema_field capacity_requirements_fields[] = {
	{ "requests", &schema_resource_list },
};
static const struct schema_type capacity_requirements = STRUCT("CapacityRequirements", capacity_requirements_fields);

static const struct schema_field device_toleration_fields[] = {
	{ "effect", ENUM("NoExecute", "NoSchedule", "None") },
	{ "key", STRING },
	{ "operator", ENUM("Equal", "Exists"), 0, "Equal" },
	{ "tolerationSeconds", INT64, KEEP_ZERO },
	{ "value", STRING },
};
static const struct schema_type device_toleration =
	STRUCT("DeviceToleration", device_toleration_fields, .check = device_toleration_check);

static const struct schema_field exact_device_request_fields[] = {
	{ "adminAccess", BOOL, KEEP_ZERO },
	{ "allocationMode", ENUM("All", "ExactCount") },
	{ "capacity", &capacity_requirements },
	{ "count", INT64 },
	{ "deviceClassName", STRING },
	{ "selectors", LIST(&device_selector) },
	{ "tolerations", LIST(&device_toleration) },
};
static const struct schema_type exact_device_request =
	STRUCT("ExactDeviceRequest", exact_device_request_fields, .defaults = device_count_defaults, .check = device_count_check);

static const struct schema_field device_sub_request_fields[] = {
	{ "allocationMode", ENUM("All", "ExactCount") },
	{ "capacity", &capacity_requirements },
	{ "count", INT64 },
	{ "deviceClassName", STRING },
	{ "name", FORMAT(format_dns_label), REQUIRED | ALWAYS },
	{ "selectors", LIST(&device_selector) },
	{ "tolerations", LIST(&device_toleration) },
};
static const struct schema_type device_sub_request =
	STRUCT("DeviceSubRequest", device_sub_request_fields, .defaults = device_count_defaults, .check = device_count_check);

static const struct schema_field device_request_fields[] = {
	{ "exactly", &exact_device_request },
	{ "firstAvailable", LIST(&device_sub_request) },
	{ "name", STRING },
};
static const struct schema_type device_request =
	STRUCT("DeviceRequest", device_request_fields, .check = device_request_check);

static const struct schema_field device_claim_fields[] = {
	{ "config", LIST(&device_claim_configuration) },
	{ "constraints", LIST(&device_constraint) },
	{ "requests", LIST(&device_request) },
};
static const struct schema_type device_claim = STRUCT("DeviceClaim", device_claim_fields, .check = device_claim_check);

static const struct schema_field resource_claim_spec_fields[] = {
	{ "devices", &device_claim, ALWAYS },
};
static const struct schema_type resource_claim_spec = STRUCT("ResourceClaimSpec", resource_claim_spec_fields);

static const struct schema_field device_allocation_configuration_fields[] = {
	{ "opaque", &opaque_device_configuration },
	{ "requests", LIST(STRING) },
	{ "source", STRING, ALWAYS },
};
static const struct schema_type device_allocation_configuration =
	STRUCT("DeviceAllocationConfiguration", device_allocation_configuration_fields);

static const struct schema_field device_request_allocation_result_fields[] = {
	{ "adminAccess", BOOL, KEEP_ZERO },
	{ "bindingConditions", LIST(STRING) },
	{ "bindingFailureConditions", LIST(STRING) },
	{ "consumedCapacity", &schema_resource_list },
	{ "device", STRING, ALWAYS },
	{ "driver", STRING, ALWAYS },
	{ "pool", STRING, ALWAYS },
	{ "request", STRING, ALWAYS },
	{ "shareID", STRING, KEEP_ZERO },
	{ "tolerations", LIST(&device_toleration) },
};
static const struct schema_type device_request_allocation_result =
	STRUCT("DeviceRequestAllocationResult", device_request_allocation_result_fields);

static const struct schema_field device_allocation_result_fields[] = {
	{ "config", LIST(&device_allocation_configuration) },
	{ "results", LIST(&device_request_allocation_result) },
};
static const struct schema_type device_allocation_result =
	STRUCT("DeviceAllocationResult", device_allocation_result_fields);

static const struct schema_field allocation_result_fields[] = {
	{ "allocationTimestamp", &schema_time },
	{ "devices", &device_allocation_result, ALWAYS },
	{ "nodeSelector", &schema_node_selector },
};
static const struct schema_type allocation_result = STRUCT("AllocationResult", allocation_result_fields);

static const struct schema_field condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING, ALWAYS },
	{ "observedGeneration", INT64 },
	{ "reason", STRING, ALWAYS },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type condition = STRUCT("Condition", condition_fields);

static const struct schema_field network_device_data_fields[] = {
	{ "hardwareAddress", STRING },
	{ "interfaceName", STRING },
	{ "ips", LIST(STRING) },
};
static const struct schema_type network_device_data = STRUCT("NetworkDeviceData", network_device_data_fields);

static const struct schema_field allocated_device_status_fields[] = {
	{ "conditions", LIST_BY(&condition, "type") },
	{ "data", &schema_any },
	{ "device", STRING, ALWAYS },
	{ "driver", STRING, ALWAYS },
	{ "networkData", &network_device_data },
	{ "pool", STRING, ALWAYS },
	{ "shareID", STRING, KEEP_ZERO },
};
static const struct schema_type allocated_device_status =
	STRUCT("AllocatedDeviceStatus", allocated_device_status_fields);

static const struct schema_field resource_claim_consumer_reference_fields[] = {
	{ "apiGroup", STRING },
	{ "name", STRING, ALWAYS },
	{ "resource", STRING, ALWAYS },
	{ "uid", STRING, ALWAYS },
};
static const struct schema_type resource_claim_consumer_reference =
	STRUCT("ResourceClaimConsumerReference", resource_claim_consumer_reference_fields);

static const struct schema_field resource_claim_status_fields[] = {
	{ "allocation", &allocation_result },
	{ "devices", LIST_BY(&allocated_device_status, "driver", "device", "pool", "shareID") },
	{ "reservedFor", LIST_BY(&resource_claim_consumer_reference, "uid") },
};
static const struct schema_type resource_claim_status = STRUCT("ResourceClaimStatus", resource_claim_status_fields);

static const struct schema_field resource_claim_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &resource_claim_spec, REQUIRED | IMMUTABLE | ALWAYS },
	{ "status", &resource_claim_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_resource_claim = STRUCT("ResourceClaim", resource_claim_fields);

static const struct schema_field resource_claim_template_spec_fields[] = {
	{ "metadata", &schema_object_meta },
	{ "spec", &resource_claim_spec, REQUIRED | ALWAYS },
};
static const struct schema_type resource_claim_template_spec =
	STRUCT("ResourceClaimTemplateSpec", resource_claim_template_spec_fields);

static const struct schema_field resource_claim_template_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &resource_claim_template_spec, REQUIRED | IMMUTABLE | ALWAYS },
};
const struct schema_type schema_resource_claim_template =
	STRUCT("ResourceClaimTemplate", resource_claim_template_fields);

static const struct schema_field device_attribute_fields[] = {
	{ "bool", BOOL, KEEP_ZERO },
	{ "bools", LIST(BOOL) },
	{ "int", INT64, KEEP_ZERO },
	{ "ints", LIST(INT64) },
	{ "string", STRING, KEEP_ZERO },
	{ "strings", LIST(STRING) },
	{ "version", STRING, KEEP_ZERO },
	{ "versions", LIST(STRING) },
};
static const struct schema_type device_attribute = STRUCT("DeviceAttribute", device_attribute_fields);

static const struct schema_field capacity_request_policy_range_fields[] = {
	{ "max", &schema_quantity },
	{ "min", &schema_quantity, REQUIRED },
	{ "step", &schema_quantity },
};
static const struct schema_type capacity_request_policy_range =
	STRUCT("CapacityRequestPolicyRange", capacity_request_policy_range_fields);

static const struct schema_field capacity_request_policy_fields[] = {
	{ "default", &schema_quantity },
	{ "validRange", &capacity_request_policy_range },
	{ "validValues", LIST(&schema_quantity) },
};
static const struct schema_type capacity_request_policy =
	STRUCT("CapacityRequestPolicy", capacity_request_policy_fields);

static const struct schema_field device_capacity_fields[] = {
	{ "requestPolicy", &capacity_request_policy },
	{ "value", &schema_quantity, REQUIRED | ALWAYS },
};
static const struct schema_type device_capacity = STRUCT("DeviceCapacity", device_capacity_fields);

static const struct schema_field counter_fields[] = {
	{ "value", &schema_quantity, REQUIRED | ALWAYS },
};
static const struct schema_type counter = STRUCT("Counter", counter_fields);

static const struct schema_field device_counter_consumption_fields[] = {
	{ "counterSet", STRING, REQUIRED | ALWAYS },
	{ "counters", MAP(&counter), REQUIRED },
};
static const struct schema_type device_counter_consumption =
	STRUCT("DeviceCounterConsumption", device_counter_consumption_fields);

static const struct schema_field node_allocatable_resource_mapping_fields[] = {
	{ "allocationMultiplier", &schema_quantity },
	{ "capacityKey", STRING, KEEP_ZERO },
};
static const struct schema_type node_allocatable_resource_mapping =
	STRUCT("NodeAllocatableResourceMapping", node_allocatable_resource_mapping_fields);

static const struct schema_field device_taint_fields[] = {
	{ "effect", STRING, REQUIRED | ALWAYS },
	{ "key", STRING, REQUIRED | ALWAYS },
	{ "timeAdded", &schema_time },
	{ "value", STRING },
};
static const struct schema_type device_taint = STRUCT("DeviceTaint", device_taint_fields);

static const struct schema_field device_fields[] = {
	{ "allNodes", BOOL, KEEP_ZERO },
	{ "allowMultipleAllocations", BOOL, KEEP_ZERO },
	{ "attributes", MAP(&device_attribute) },
	{ "bindingConditions", LIST(STRING) },
	{ "bindingFailureConditions", LIST(STRING) },
	{ "bindsToNode", BOOL, KEEP_ZERO },
	{ "capacity", MAP(&device_capacity) },
	{ "consumesCounters", LIST(&device_counter_consumption) },
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "nodeAllocatableResourceMappings", MAP(&node_allocatable_resource_mapping) },
	{ "nodeName", STRING, KEEP_ZERO },
	{ "nodeSelector", &schema_node_selector },
	{ "taints", LIST(&device_taint) },
};
static const struct schema_type device = STRUCT("Device", device_fields);

static const struct schema_field resource_pool_fields[] = {
	{ "generation", INT64, REQUIRED | ALWAYS },
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "resourceSliceCount", INT64, REQUIRED | ALWAYS },
};
static const struct schema_type resource_pool = STRUCT("ResourcePool", resource_pool_fields);

static const struct schema_field counter_set_fields[] = {
	{ "counters", MAP(&counter), REQUIRED },
	{ "name", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type counter_set = STRUCT("CounterSet", counter_set_fields);

static const struct schema_field resource_slice_spec_fields[] = {
	{ "allNodes", BOOL, KEEP_ZERO },
	{ "devices", LIST(&device) },
	{ "driver", STRING, ALWAYS },
	{ "nodeName", STRING, KEEP_ZERO },
	{ "nodeSelector", &schema_node_selector },
	{ "perDeviceNodeSelection", BOOL, KEEP_ZERO },
	{ "pool", &resource_pool, REQUIRED | ALWAYS },
	{ "sharedCounters", LIST(&counter_set) },
};
static const struct schema_type resource_slice_spec =
	STRUCT("ResourceSliceSpec", resource_slice_spec_fields, .check = resource_slice_spec_check);

static const struct schema_field resource_slice_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &resource_slice_spec, REQUIRED | ALWAYS },
};
const struct schema_type schema_resource_slice = STRUCT("ResourceSlice", resource_slice_fields);
