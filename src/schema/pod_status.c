/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the node agent reports of a pod. Users write none of it.
 */
#include "schema/table.h"

static const struct schema_field pod_condition_fields[] = {
	{ "lastProbeTime", &schema_time },
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "observedGeneration", INT64 },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type pod_condition = STRUCT("PodCondition", pod_condition_fields);

static const struct schema_field resource_health_fields[] = {
	{ "health", STRING },
	{ "message", STRING, KEEP_ZERO },
	{ "resourceID", STRING, ALWAYS },
};
static const struct schema_type resource_health = STRUCT("ResourceHealth", resource_health_fields);

static const struct schema_field resource_status_fields[] = {
	{ "name", STRING, ALWAYS },
	{ "resources", LIST_BY(&resource_health, "resourceID") },
};
static const struct schema_type resource_status = STRUCT("ResourceStatus", resource_status_fields);

static const struct schema_field container_state_running_fields[] = {
	{ "startedAt", &schema_time },
};
static const struct schema_type container_state_running =
	STRUCT("ContainerStateRunning", container_state_running_fields);

static const struct schema_field container_state_terminated_fields[] = {
	{ "containerID", STRING },
	{ "exitCode", INT32, ALWAYS },
	{ "finishedAt", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "signal", INT32 },
	{ "startedAt", &schema_time },
};
static const struct schema_type container_state_terminated =
	STRUCT("ContainerStateTerminated", container_state_terminated_fields);

static const struct schema_field container_state_waiting_fields[] = {
	{ "message", STRING },
	{ "reason", STRING },
};
static const struct schema_type container_state_waiting =
	STRUCT("ContainerStateWaiting", container_state_waiting_fields);

static const struct schema_field container_state_fields[] = {
	{ "running", &container_state_running },
	{ "terminated", &container_state_terminated },
	{ "waiting", &container_state_waiting },
};
static const struct schema_type container_state = STRUCT("ContainerState", container_state_fields);

static const struct schema_field linux_container_user_fields[] = {
	{ "gid", INT64, ALWAYS },
	{ "supplementalGroups", LIST(INT64) },
	{ "uid", INT64, ALWAYS },
};
static const struct schema_type linux_container_user = STRUCT("LinuxContainerUser", linux_container_user_fields);

static const struct schema_field container_user_fields[] = {
	{ "linux", &linux_container_user },
};
static const struct schema_type container_user = STRUCT("ContainerUser", container_user_fields);

static const struct schema_field image_volume_status_fields[] = {
	{ "imageRef", STRING },
};
static const struct schema_type image_volume_status = STRUCT("ImageVolumeStatus", image_volume_status_fields);

static const struct schema_field volume_status_fields[] = {
	{ "image", &image_volume_status },
};
static const struct schema_type volume_status = STRUCT("VolumeStatus", volume_status_fields);

static const struct schema_field volume_mount_status_fields[] = {
	{ "mountPath", STRING, ALWAYS },
	{ "name", STRING, ALWAYS },
	{ "readOnly", BOOL },
	{ "recursiveReadOnly", STRING, KEEP_ZERO },
	{ "volumeStatus", &volume_status },
};
static const struct schema_type volume_mount_status = STRUCT("VolumeMountStatus", volume_mount_status_fields);

static const struct schema_field container_status_fields[] = {
	{ "allocatedResources", &schema_resource_list },
	{ "allocatedResourcesStatus", LIST_BY(&resource_status, "name") },
	{ "containerID", STRING },
	{ "image", STRING, ALWAYS },
	{ "imageID", STRING, ALWAYS },
	{ "lastState", &container_state, ALWAYS },
	{ "name", STRING, ALWAYS },
	{ "ready", BOOL, ALWAYS },
	{ "resources", &schema_resource_requirements },
	{ "restartCount", INT32, ALWAYS },
	{ "started", BOOL, KEEP_ZERO },
	{ "state", &container_state, ALWAYS },
	{ "stopSignal", STRING, KEEP_ZERO },
	{ "user", &container_user },
	{ "volumeMounts", LIST_BY(&volume_mount_status, "mountPath") },
};
static const struct schema_type container_status = STRUCT("ContainerStatus", container_status_fields);

static const struct schema_field container_extended_resource_request_fields[] = {
	{ "containerName", STRING, ALWAYS },
	{ "requestName", STRING, ALWAYS },
	{ "resourceName", STRING, ALWAYS },
};
static const struct schema_type container_extended_resource_request =
	STRUCT("ContainerExtendedResourceRequest", container_extended_resource_request_fields);

static const struct schema_field pod_extended_resource_claim_status_fields[] = {
	{ "requestMappings", LIST(&container_extended_resource_request), ALWAYS },
	{ "resourceClaimName", STRING, ALWAYS },
};
static const struct schema_type pod_extended_resource_claim_status =
	STRUCT("PodExtendedResourceClaimStatus", pod_extended_resource_claim_status_fields);

static const struct schema_field host_ip_fields[] = {
	{ "ip", STRING, ALWAYS },
};
static const struct schema_type host_ip = STRUCT("HostIP", host_ip_fields);

static const struct schema_field node_allocatable_resource_claim_status_fields[] = {
	{ "containers", SET(STRING) },
	{ "resourceClaimName", STRING, ALWAYS },
	{ "resources", &schema_resource_list, ALWAYS },
};
static const struct schema_type node_allocatable_resource_claim_status =
	STRUCT("NodeAllocatableResourceClaimStatus", node_allocatable_resource_claim_status_fields);

static const struct schema_field pod_ip_fields[] = {
	{ "ip", STRING, ALWAYS },
};
static const struct schema_type pod_ip = STRUCT("PodIP", pod_ip_fields);

static const struct schema_field pod_resource_claim_status_fields[] = {
	{ "name", STRING, ALWAYS },
	{ "resourceClaimName", STRING, KEEP_ZERO },
};
static const struct schema_type pod_resource_claim_status =
	STRUCT("PodResourceClaimStatus", pod_resource_claim_status_fields);

static const struct schema_field pod_status_fields[] = {
	{ "allocatedResources", &schema_resource_list },
	{ "conditions", LIST_BY(&pod_condition, "type") },
	{ "containerStatuses", LIST(&container_status) },
	{ "ephemeralContainerStatuses", LIST(&container_status) },
	{ "extendedResourceClaimStatus", &pod_extended_resource_claim_status },
	{ "hostIP", STRING },
	{ "hostIPs", LIST_BY(&host_ip, "ip") },
	{ "initContainerStatuses", LIST(&container_status) },
	{ "message", STRING },
	{ "nodeAllocatableResourceClaimStatuses", LIST(&node_allocatable_resource_claim_status) },
	{ "nominatedNodeName", STRING },
	{ "observedGeneration", INT64 },
	{ "phase", STRING },
	{ "podIP", STRING },
	{ "podIPs", LIST_BY(&pod_ip, "ip") },
	{ "qosClass", STRING },
	{ "reason", STRING },
	{ "resize", STRING },
	{ "resourceClaimStatuses", LIST_BY(&pod_resource_claim_status, "name") },
	{ "resources", &schema_resource_requirements },
	{ "startTime", &schema_time },
};
const struct schema_type schema_pod_status = STRUCT("PodStatus", pod_status_fields);
