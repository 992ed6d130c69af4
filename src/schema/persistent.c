/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PersistentVolume and PersistentVolumeClaim.
 */
#include "schema/persistent_rules.h"
#include "schema/table.h"

static const struct schema_field azure_file_persistent_volume_source_fields[] = {
	{ "readOnly", BOOL },
	{ "secretName", STRING, REQUIRED | ALWAYS },
	{ "secretNamespace", STRING, KEEP_ZERO },
	{ "shareName", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type azure_file_persistent_volume_source =
	STRUCT("AzureFilePersistentVolumeSource", azure_file_persistent_volume_source_fields, .check = azure_file_check);

static const struct schema_field secret_reference_fields[] = {
	{ "name", STRING },
	{ "namespace", STRING },
};
static const struct schema_type secret_reference = STRUCT("SecretReference", secret_reference_fields);

static const struct schema_field ceph_fs_persistent_volume_source_fields[] = {
	{ "monitors", LIST(STRING), REQUIRED | ALWAYS },
	{ "path", STRING },
	{ "readOnly", BOOL },
	{ "secretFile", STRING },
	{ "secretRef", &secret_reference },
	{ "user", STRING },
};
static const struct schema_type ceph_fs_persistent_volume_source =
	STRUCT("CephFSPersistentVolumeSource", ceph_fs_persistent_volume_source_fields);

static const struct schema_type csi_secret_reference =
	STRUCT("SecretReference", secret_reference_fields, .check = secret_reference_check);

static const struct schema_field cinder_persistent_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "readOnly", BOOL },
	{ "secretRef", &csi_secret_reference },
	{ "volumeID", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type cinder_persistent_volume_source =
	STRUCT("CinderPersistentVolumeSource", cinder_persistent_volume_source_fields, .check = cinder_persistent_check);

static const struct schema_field csi_persistent_volume_source_fields[] = {
	{ "controllerExpandSecretRef", &csi_secret_reference },
	{ "controllerPublishSecretRef", &csi_secret_reference },
	{ "driver", FORMAT(format_csi_driver), REQUIRED | ALWAYS },
	{ "fsType", STRING },
	{ "nodeExpandSecretRef", &csi_secret_reference },
	{ "nodePublishSecretRef", &csi_secret_reference },
	{ "nodeStageSecretRef", &secret_reference },
	{ "readOnly", BOOL },
	{ "volumeAttributes", MAP(STRING) },
	{ "volumeHandle", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type csi_persistent_volume_source =
	STRUCT("CSIPersistentVolumeSource", csi_persistent_volume_source_fields);

static const struct schema_field flex_persistent_volume_source_fields[] = {
	{ "driver", STRING, REQUIRED | ALWAYS },
	{ "fsType", STRING },
	{ "options", MAP(STRING) },
	{ "readOnly", BOOL },
	{ "secretRef", &secret_reference },
};
static const struct schema_type flex_persistent_volume_source =
	STRUCT("FlexPersistentVolumeSource", flex_persistent_volume_source_fields, .check = flex_check);

static const struct schema_field glusterfs_persistent_volume_source_fields[] = {
	{ "endpoints", STRING, REQUIRED | ALWAYS },
	{ "endpointsNamespace", STRING, KEEP_ZERO },
	{ "path", STRING, REQUIRED | ALWAYS },
	{ "readOnly", BOOL },
};
static const struct schema_type glusterfs_persistent_volume_source =
	STRUCT("GlusterfsPersistentVolumeSource", glusterfs_persistent_volume_source_fields, .check = glusterfs_check);

static const struct schema_field iscsi_persistent_volume_source_fields[] = {
	{ "chapAuthDiscovery", BOOL },
	{ "chapAuthSession", BOOL },
	{ "fsType", STRING },
	{ "initiatorName", STRING, KEEP_ZERO },
	{ "iqn", STRING, REQUIRED | ALWAYS },
	{ "iscsiInterface", STRING, 0, "default" },
	{ "lun", INT32, ALWAYS },
	{ "portals", LIST(STRING) },
	{ "readOnly", BOOL },
	{ "secretRef", &secret_reference },
	{ "targetPortal", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type iscsi_persistent_volume_source =
	STRUCT("ISCSIPersistentVolumeSource", iscsi_persistent_volume_source_fields, .check = iscsi_persistent_check);

static const struct schema_field local_volume_source_fields[] = {
	{ "fsType", STRING, KEEP_ZERO },
	{ "path", FORMAT(format_no_dotdot), REQUIRED | ALWAYS },
};
static const struct schema_type local_volume_source = STRUCT("LocalVolumeSource", local_volume_source_fields);

static const struct schema_field volume_node_affinity_fields[] = {
	{ "required", &schema_node_selector },
};
static const struct schema_type volume_node_affinity = STRUCT("VolumeNodeAffinity", volume_node_affinity_fields);

static const struct schema_field rbd_persistent_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "image", STRING, REQUIRED | ALWAYS },
	{ "keyring", STRING, 0, "/etc/ceph/keyring" },
	{ "monitors", LIST(STRING), REQUIRED | ALWAYS },
	{ "pool", STRING, 0, "rbd" },
	{ "readOnly", BOOL },
	{ "secretRef", &secret_reference },
	{ "user", STRING, 0, "admin" },
};
static const struct schema_type rbd_persistent_volume_source =
	STRUCT("RBDPersistentVolumeSource", rbd_persistent_volume_source_fields);

static const struct schema_field scale_io_persistent_volume_source_fields[] = {
	{ "fsType", STRING, 0, "xfs" },
	{ "gateway", STRING, REQUIRED | ALWAYS },
	{ "protectionDomain", STRING },
	{ "readOnly", BOOL },
	{ "secretRef", &secret_reference, REQUIRED },
	{ "sslEnabled", BOOL },
	{ "storageMode", STRING, 0, "ThinProvisioned" },
	{ "storagePool", STRING },
	{ "system", STRING, REQUIRED | ALWAYS },
	{ "volumeName", STRING, REQUIRED },
};
static const struct schema_type scale_io_persistent_volume_source =
	STRUCT("ScaleIOPersistentVolumeSource", scale_io_persistent_volume_source_fields);

static const struct schema_field storage_os_persistent_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "readOnly", BOOL },
	{ "secretRef", &schema_object_reference },
	{ "volumeName", STRING },
	{ "volumeNamespace", STRING },
};
static const struct schema_type storage_os_persistent_volume_source =
	STRUCT("StorageOSPersistentVolumeSource", storage_os_persistent_volume_source_fields,
	       .check = storage_os_persistent_check);

static const struct schema_field persistent_volume_spec_fields[] = {
	{ "accessModes", LIST(STRING) },
	{ "awsElasticBlockStore", &schema_aws_elastic_block_store_volume_source },
	{ "azureDisk", &schema_azure_disk_volume_source },
	{ "azureFile", &azure_file_persistent_volume_source },
	{ "capacity", &schema_resource_list },
	{ "cephfs", &ceph_fs_persistent_volume_source },
	{ "cinder", &cinder_persistent_volume_source },
	{ "claimRef", &schema_object_reference },
	{ "csi", &csi_persistent_volume_source },
	{ "fc", &schema_fc_volume_source },
	{ "flexVolume", &flex_persistent_volume_source },
	{ "flocker", &schema_flocker_volume_source },
	{ "gcePersistentDisk", &schema_gce_persistent_disk_volume_source },
	{ "glusterfs", &glusterfs_persistent_volume_source },
	{ "hostPath", &schema_host_path_volume_source },
	{ "iscsi", &iscsi_persistent_volume_source },
	{ "local", &local_volume_source },
	{ "mountOptions", LIST(STRING) },
	{ "nfs", &schema_nfs_volume_source },
	{ "nodeAffinity", &volume_node_affinity },
	{ "persistentVolumeReclaimPolicy", STRING, 0, "Retain" },
	{ "photonPersistentDisk", &schema_photon_persistent_disk_volume_source },
	{ "portworxVolume", &schema_portworx_volume_source },
	{ "quobyte", &schema_quobyte_volume_source },
	{ "rbd", &rbd_persistent_volume_source },
	{ "scaleIO", &scale_io_persistent_volume_source },
	{ "storageClassName", STRING },
	{ "storageos", &storage_os_persistent_volume_source },
	{ "volumeAttributesClassName", STRING, KEEP_ZERO },
	{ "volumeMode", STRING, KEEP_ZERO, "Filesystem" },
	{ "vsphereVolume", &schema_vsphere_virtual_disk_volume_source },
};
const struct schema_type schema_persistent_volume_spec = STRUCT("PersistentVolumeSpec", persistent_volume_spec_fields);

static const struct schema_field persistent_volume_status_fields[] = {
	{ "lastPhaseTransitionTime", &schema_time },
	{ "message", STRING },
	{ "phase", STRING },
	{ "reason", STRING },
};
static const struct schema_type persistent_volume_status =
	STRUCT("PersistentVolumeStatus", persistent_volume_status_fields);

static const struct schema_field persistent_volume_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &schema_persistent_volume_spec, ALWAYS },
	{ "status", &persistent_volume_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_persistent_volume =
	STRUCT("PersistentVolume", persistent_volume_fields, .check = persistent_volume_check);

static const struct schema_field persistent_volume_claim_condition_fields[] = {
	{ "lastProbeTime", &schema_time },
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type persistent_volume_claim_condition =
	STRUCT("PersistentVolumeClaimCondition", persistent_volume_claim_condition_fields);

static const struct schema_field modify_volume_status_fields[] = {
	{ "status", STRING, ALWAYS },
	{ "targetVolumeAttributesClassName", STRING },
};
static const struct schema_type modify_volume_status = STRUCT("ModifyVolumeStatus", modify_volume_status_fields);

static const struct schema_field persistent_volume_claim_status_fields[] = {
	{ "accessModes", LIST(STRING) },
	{ "allocatedResourceStatuses", MAP(STRING) },
	{ "allocatedResources", &schema_resource_list },
	{ "capacity", &schema_resource_list },
	{ "conditions", LIST_BY(&persistent_volume_claim_condition, "type") },
	{ "currentVolumeAttributesClassName", STRING, KEEP_ZERO },
	{ "modifyVolumeStatus", &modify_volume_status },
	{ "phase", STRING },
};
const struct schema_type schema_persistent_volume_claim_status =
	STRUCT("PersistentVolumeClaimStatus", persistent_volume_claim_status_fields);

static const struct schema_field persistent_volume_claim_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &schema_persistent_volume_claim_spec, ALWAYS },
	{ "status", &schema_persistent_volume_claim_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_persistent_volume_claim =
	STRUCT("PersistentVolumeClaim", persistent_volume_claim_fields);
