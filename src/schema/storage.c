/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of storage.k8s.io.
 */
#include "schema/storage_rules.h"
#include "schema/table.h"

static const struct schema_field token_request_fields[] = {
	{ "audience", STRING, ALWAYS },
	{ "expirationSeconds", INT64, KEEP_ZERO },
};
static const struct schema_type token_request = STRUCT("TokenRequest", token_request_fields);

static const struct schema_field csi_driver_spec_fields[] = {
	{ "attachRequired", BOOL, KEEP_ZERO, "true" },
	{ "fsGroupPolicy", ENUM("File", "None", "ReadWriteOnceWithFSType"), KEEP_ZERO, "ReadWriteOnceWithFSType" },
	{ "nodeAllocatableUpdatePeriodSeconds", INT64, KEEP_ZERO },
	{ "podInfoOnMount", BOOL, KEEP_ZERO, "false" },
	{ "preventPodSchedulingIfMissing", BOOL, KEEP_ZERO },
	{ "requiresRepublish", BOOL, KEEP_ZERO, "false" },
	{ "seLinuxMount", BOOL, KEEP_ZERO, "false" },
	{ "serviceAccountTokenInSecrets", BOOL, KEEP_ZERO },
	{ "storageCapacity", BOOL, KEEP_ZERO, "false" },
	{ "tokenRequests", LIST(&token_request) },
	{ "volumeLifecycleModes", SET(STRING) },
};
static const struct schema_type csi_driver_spec =
	STRUCT("CSIDriverSpec", csi_driver_spec_fields, .defaults = csi_driver_spec_defaults, .check = csi_driver_spec_check);

static const struct schema_field csi_driver_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &csi_driver_spec, REQUIRED | ALWAYS },
};
const struct schema_type schema_csi_driver = STRUCT("CSIDriver", csi_driver_fields);

static const struct schema_field volume_node_resources_fields[] = {
	{ "count", INT32_NONNEG, KEEP_ZERO },
};
static const struct schema_type volume_node_resources = STRUCT("VolumeNodeResources", volume_node_resources_fields);

static const struct schema_field csi_node_driver_fields[] = {
	{ "allocatable", &volume_node_resources },
	{ "name", STRING, ALWAYS },
	{ "nodeID", STRING, ALWAYS },
	{ "topologyKeys", LIST(STRING) },
};
static const struct schema_type csi_node_driver =
	STRUCT("CSINodeDriver", csi_node_driver_fields, .check = csi_node_driver_check);

static const struct schema_field csi_node_spec_fields[] = {
	{ "drivers", LIST_BY(&csi_node_driver, "name"), REQUIRED | ALWAYS },
};
static const struct schema_type csi_node_spec =
	STRUCT("CSINodeSpec", csi_node_spec_fields, .check = csi_node_spec_check);

static const struct schema_field csi_node_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &csi_node_spec, REQUIRED | ALWAYS },
};
const struct schema_type schema_csi_node = STRUCT("CSINode", csi_node_fields);

static const struct schema_field csi_storage_capacity_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "capacity", &schema_quantity },
	{ "kind", STRING, REQUIRED },
	{ "maximumVolumeSize", &schema_quantity },
	{ "metadata", &schema_object_meta },
	{ "nodeTopology", &schema_label_selector },
	{ "storageClassName", STRING, IMMUTABLE },
};
const struct schema_type schema_csi_storage_capacity =
	STRUCT("CSIStorageCapacity", csi_storage_capacity_fields, .check = storage_capacity_check);

static const struct schema_field topology_selector_label_requirement_fields[] = {
	{ "key", STRING, ALWAYS },
	{ "values", LIST(STRING) },
};
static const struct schema_type topology_selector_label_requirement =
	STRUCT("TopologySelectorLabelRequirement", topology_selector_label_requirement_fields);

static const struct schema_field topology_selector_term_fields[] = {
	{ "matchLabelExpressions", LIST(&topology_selector_label_requirement) },
};
static const struct schema_type topology_selector_term = STRUCT("TopologySelectorTerm", topology_selector_term_fields);

static const struct schema_field storage_class_fields[] = {
	{ "allowVolumeExpansion", BOOL, KEEP_ZERO },
	{ "allowedTopologies", LIST(&topology_selector_term) },
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "mountOptions", LIST(STRING) },
	{ "parameters", MAP(STRING) },
	{ "provisioner", STRING, IMMUTABLE },
	{ "reclaimPolicy", ENUM("Delete", "Retain"), IMMUTABLE | KEEP_ZERO, "Delete" },
	{ "volumeBindingMode", ENUM("Immediate", "WaitForFirstConsumer"), IMMUTABLE | KEEP_ZERO, "Immediate" },
};
const struct schema_type schema_storage_class =
	STRUCT("StorageClass", storage_class_fields, .check = storage_class_check);

static const struct schema_field volume_attachment_source_fields[] = {
	{ "inlineVolumeSpec", &schema_persistent_volume_spec },
	{ "persistentVolumeName", STRING, KEEP_ZERO },
};
static const struct schema_type volume_attachment_source =
	STRUCT("VolumeAttachmentSource", volume_attachment_source_fields);

static const struct schema_field volume_attachment_spec_fields[] = {
	{ "attacher", STRING, ALWAYS },
	{ "nodeName", STRING, ALWAYS },
	{ "source", &volume_attachment_source, REQUIRED | ALWAYS },
};
static const struct schema_type volume_attachment_spec =
	STRUCT("VolumeAttachmentSpec", volume_attachment_spec_fields, .check = attachment_spec_check);

static const struct schema_field volume_error_fields[] = {
	{ "errorCode", INT32, KEEP_ZERO },
	{ "message", STRING },
	{ "time", &schema_time },
};
static const struct schema_type volume_error = STRUCT("VolumeError", volume_error_fields);

static const struct schema_field volume_attachment_status_fields[] = {
	{ "attachError", &volume_error },
	{ "attached", BOOL, ALWAYS },
	{ "attachmentMetadata", MAP(STRING) },
	{ "detachError", &volume_error },
};
static const struct schema_type volume_attachment_status =
	STRUCT("VolumeAttachmentStatus", volume_attachment_status_fields);

static const struct schema_field volume_attachment_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &volume_attachment_spec, REQUIRED | IMMUTABLE | ALWAYS },
	{ "status", &volume_attachment_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_volume_attachment = STRUCT("VolumeAttachment", volume_attachment_fields);

static const struct schema_field volume_attributes_class_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "driverName", STRING, ALWAYS },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "parameters", MAP(STRING) },
};
const struct schema_type schema_volume_attributes_class =
	STRUCT("VolumeAttributesClass", volume_attributes_class_fields, .check = attributes_class_check);
