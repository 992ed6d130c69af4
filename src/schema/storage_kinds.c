/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/kinds.h"
#include "schema/persistent_rules.h"
#include "schema/storage_rules.h"

const struct schema_kind_ops kind_persistent_volume = {
	.kind = { .kind = "PersistentVolume", .plural = "persistentvolumes", .singular = "persistentvolume",
		  .short_names = NAMES("pv"), .group = "", .api_version = "v1", .has_status = true,
		  .acted_on = true, .has_directory = true, .type = &schema_persistent_volume },
	.name_format = format_dns_subdomain,
	.initial_status = volume_initial_status,
	.check_update = persistent_volume_check_update,
};

const struct schema_kind_ops kind_persistent_volume_claim = {
	.kind = { .kind = "PersistentVolumeClaim", .plural = "persistentvolumeclaims",
		  .singular = "persistentvolumeclaim", .short_names = NAMES("pvc"), .group = "", .api_version = "v1",
		  .namespaced = true, .has_status = true, .acted_on = true, .has_directory = true,
		  .type = &schema_persistent_volume_claim },
	.name_format = format_dns_subdomain,
	.initial_status = claim_initial_status,
	.check_update = claim_check_update,
};

const struct schema_kind_ops kind_storage_class = {
	.kind = { .kind = "StorageClass", .plural = "storageclasses", .singular = "storageclass",
		  .short_names = NAMES("sc"), .group = "storage.k8s.io", .api_version = "storage.k8s.io/v1",
		  .acted_on = true, .has_directory = true, .type = &schema_storage_class },
	.old_versions = OLD({ "storage.k8s.io/v1beta1" }),
	.name_format = format_dns_subdomain,
	.check_update = storage_class_check_update,
};

const struct schema_kind_ops kind_volume_attachment = {
	.kind = { .kind = "VolumeAttachment", .plural = "volumeattachments", .singular = "volumeattachment",
		  .group = "storage.k8s.io", .api_version = "storage.k8s.io/v1", .has_status = true,
		  .has_directory = true, .type = &schema_volume_attachment },
	.old_versions = OLD({ "storage.k8s.io/v1beta1" }, { "storage.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_csi_driver = {
	.kind = { .kind = "CSIDriver", .plural = "csidrivers", .singular = "csidriver", .group = "storage.k8s.io",
		  .api_version = "storage.k8s.io/v1", .has_generation = true, .has_directory = true,
		  .type = &schema_csi_driver },
	.old_versions = OLD({ "storage.k8s.io/v1beta1" }),
	.name_format = format_dns_subdomain,
	.check_update = csi_driver_check_update,
};

const struct schema_kind_ops kind_csi_node = {
	.kind = { .kind = "CSINode", .plural = "csinodes", .singular = "csinode", .group = "storage.k8s.io",
		  .api_version = "storage.k8s.io/v1", .has_directory = true, .type = &schema_csi_node },
	.old_versions = OLD({ "storage.k8s.io/v1beta1" }),
	.name_format = format_dns_subdomain,
	.check_update = csi_node_check_update,
};

const struct schema_kind_ops kind_csi_storage_capacity = {
	.kind = { .kind = "CSIStorageCapacity", .plural = "csistoragecapacities", .singular = "csistoragecapacity",
		  .group = "storage.k8s.io", .api_version = "storage.k8s.io/v1", .namespaced = true,
		  .has_directory = true, .type = &schema_csi_storage_capacity },
	.old_versions = OLD({ "storage.k8s.io/v1beta1" }, { "storage.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
	.check_update = storage_capacity_check_update,
};

const struct schema_kind_ops kind_volume_attributes_class = {
	.kind = { .kind = "VolumeAttributesClass", .plural = "volumeattributesclasses",
		  .singular = "volumeattributesclass", .short_names = NAMES("vac"), .group = "storage.k8s.io",
		  .api_version = "storage.k8s.io/v1", .has_directory = true, .type = &schema_volume_attributes_class },
	.old_versions = OLD({ "storage.k8s.io/v1beta1" }, { "storage.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
	.check_update = attributes_class_check_update,
};
