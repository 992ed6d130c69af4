/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes and their sources.
 */
#include "schema/persistent_rules.h"
#include "schema/pod_rules.h"
#include "schema/table.h"

static const struct schema_field aws_elastic_block_store_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "partition", INT32 },
	{ "readOnly", BOOL },
	{ "volumeID", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_aws_elastic_block_store_volume_source =
	STRUCT("AWSElasticBlockStoreVolumeSource", aws_elastic_block_store_volume_source_fields,
	       .check = disk_partition_check);

static const struct schema_field azure_disk_volume_source_fields[] = {
	{ "cachingMode", ENUM("None", "ReadOnly", "ReadWrite"), KEEP_ZERO, "ReadWrite" },
	{ "diskName", STRING, REQUIRED | ALWAYS },
	{ "diskURI", STRING, REQUIRED | ALWAYS },
	{ "fsType", STRING, KEEP_ZERO, "ext4" },
	{ "kind", ENUM("Dedicated", "Managed", "Shared"), KEEP_ZERO, "Shared" },
	{ "readOnly", BOOL, KEEP_ZERO, "false" },
};
const struct schema_type schema_azure_disk_volume_source =
	STRUCT("AzureDiskVolumeSource", azure_disk_volume_source_fields, .check = azure_disk_check);

static const struct schema_field azure_file_volume_source_fields[] = {
	{ "readOnly", BOOL },
	{ "secretName", STRING, REQUIRED | ALWAYS },
	{ "shareName", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type azure_file_volume_source =
	STRUCT("AzureFileVolumeSource", azure_file_volume_source_fields);

static const struct schema_field ceph_fs_volume_source_fields[] = {
	{ "monitors", LIST(STRING), REQUIRED | ALWAYS },
	{ "path", STRING },
	{ "readOnly", BOOL },
	{ "secretFile", STRING },
	{ "secretRef", &schema_local_object_reference },
	{ "user", STRING },
};
static const struct schema_type ceph_fs_volume_source = STRUCT("CephFSVolumeSource", ceph_fs_volume_source_fields);

static const struct schema_field cinder_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "readOnly", BOOL },
	{ "secretRef", &schema_local_object_reference },
	{ "volumeID", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type cinder_volume_source =
	STRUCT("CinderVolumeSource", cinder_volume_source_fields, .check = cinder_check);

static const struct schema_field key_to_path_fields[] = {
	{ "key", STRING, REQUIRED | ALWAYS },
	{ "mode", FILE_MODE, KEEP_ZERO },
	{ "path", FORMAT(format_local_nonreserved_path), REQUIRED | ALWAYS },
};
static const struct schema_type key_to_path = STRUCT("KeyToPath", key_to_path_fields);

static const struct schema_field config_map_volume_source_fields[] = {
	{ "defaultMode", FILE_MODE, KEEP_ZERO, "420" },
	{ "items", LIST(&key_to_path) },
	{ "name", STRING, REQUIRED },
	{ "optional", BOOL, KEEP_ZERO },
};
static const struct schema_type config_map_volume_source =
	STRUCT("ConfigMapVolumeSource", config_map_volume_source_fields);

static const struct schema_field csi_volume_source_fields[] = {
	{ "driver", FORMAT(format_csi_driver), REQUIRED | ALWAYS },
	{ "fsType", STRING, KEEP_ZERO },
	{ "nodePublishSecretRef", &schema_local_object_reference },
	{ "readOnly", BOOL, KEEP_ZERO },
	{ "volumeAttributes", MAP(STRING) },
};
static const struct schema_type csi_volume_source =
	STRUCT("CSIVolumeSource", csi_volume_source_fields, .check = csi_source_check);

static const struct schema_field downward_api_volume_file_fields[] = {
	{ "fieldRef", &schema_object_field_selector },
	{ "mode", FILE_MODE, KEEP_ZERO },
	{ "path", FORMAT(format_local_nonreserved_path), REQUIRED | ALWAYS },
	{ "resourceFieldRef", &schema_resource_field_selector },
};
static const struct schema_type downward_api_volume_file =
	STRUCT("DownwardAPIVolumeFile", downward_api_volume_file_fields, .check = downward_file_check);

static const struct schema_field downward_api_volume_source_fields[] = {
	{ "defaultMode", FILE_MODE, KEEP_ZERO, "420" },
	{ "items", LIST(&downward_api_volume_file) },
};
static const struct schema_type downward_api_volume_source =
	STRUCT("DownwardAPIVolumeSource", downward_api_volume_source_fields);

static const struct schema_field empty_dir_volume_source_fields[] = {
	{ "medium", STRING },
	{ "sizeLimit", &schema_quantity },
};
static const struct schema_type empty_dir_volume_source =
	STRUCT("EmptyDirVolumeSource", empty_dir_volume_source_fields, .check = empty_dir_check);

static const struct schema_field typed_local_object_reference_fields[] = {
	{ "apiGroup", STRING, KEEP_ZERO },
	{ "kind", STRING, REQUIRED | ALWAYS },
	{ "name", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_typed_local_object_reference =
	STRUCT("TypedLocalObjectReference", typed_local_object_reference_fields);

static const struct schema_field typed_object_reference_fields[] = {
	{ "apiGroup", STRING, KEEP_ZERO },
	{ "kind", STRING, REQUIRED | ALWAYS },
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "namespace", STRING, KEEP_ZERO },
};
static const struct schema_type typed_object_reference = STRUCT("TypedObjectReference", typed_object_reference_fields);

static const struct schema_field volume_resource_requirements_fields[] = {
	{ "limits", &schema_resource_list },
	{ "requests", &schema_resource_list },
};
static const struct schema_type volume_resource_requirements =
	STRUCT("VolumeResourceRequirements", volume_resource_requirements_fields);

static const struct schema_field persistent_volume_claim_spec_fields[] = {
	{ "accessModes", LIST(STRING) },
	{ "dataSource", &schema_typed_local_object_reference },
	{ "dataSourceRef", &typed_object_reference },
	{ "resources", &volume_resource_requirements, ALWAYS },
	{ "selector", &schema_label_selector },
	{ "storageClassName", STRING, KEEP_ZERO },
	{ "volumeAttributesClassName", STRING, KEEP_ZERO },
	{ "volumeMode", STRING, KEEP_ZERO, "Filesystem" },
	{ "volumeName", STRING },
};
const struct schema_type schema_persistent_volume_claim_spec =
	STRUCT("PersistentVolumeClaimSpec", persistent_volume_claim_spec_fields, .check = claim_spec_check);

static const struct schema_field persistent_volume_claim_template_fields[] = {
	{ "metadata", &schema_object_meta },
	{ "spec", &schema_persistent_volume_claim_spec, REQUIRED | ALWAYS },
};
static const struct schema_type persistent_volume_claim_template =
	STRUCT("PersistentVolumeClaimTemplate", persistent_volume_claim_template_fields, .check = claim_template_check);

static const struct schema_field ephemeral_volume_source_fields[] = {
	{ "volumeClaimTemplate", &persistent_volume_claim_template, REQUIRED },
};
static const struct schema_type ephemeral_volume_source =
	STRUCT("EphemeralVolumeSource", ephemeral_volume_source_fields);

static const struct schema_field fc_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "lun", INT32, KEEP_ZERO },
	{ "readOnly", BOOL },
	{ "targetWWNs", LIST(STRING) },
	{ "wwids", LIST(STRING) },
};
const struct schema_type schema_fc_volume_source =
	STRUCT("FCVolumeSource", fc_volume_source_fields, .check = fc_check);

static const struct schema_field flex_volume_source_fields[] = {
	{ "driver", STRING, REQUIRED | ALWAYS },
	{ "fsType", STRING },
	{ "options", MAP(STRING) },
	{ "readOnly", BOOL },
	{ "secretRef", &schema_local_object_reference },
};
static const struct schema_type flex_volume_source =
	STRUCT("FlexVolumeSource", flex_volume_source_fields, .check = flex_check);

static const struct schema_field flocker_volume_source_fields[] = {
	{ "datasetName", STRING },
	{ "datasetUUID", STRING },
};
const struct schema_type schema_flocker_volume_source =
	STRUCT("FlockerVolumeSource", flocker_volume_source_fields, .check = flocker_check);

static const struct schema_field gce_persistent_disk_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "partition", INT32 },
	{ "pdName", STRING, REQUIRED | ALWAYS },
	{ "readOnly", BOOL },
};
const struct schema_type schema_gce_persistent_disk_volume_source =
	STRUCT("GCEPersistentDiskVolumeSource", gce_persistent_disk_volume_source_fields, .check = disk_partition_check);

static const struct schema_field git_repo_volume_source_fields[] = {
	{ "directory", FORMAT(format_local_path) },
	{ "repository", STRING, REQUIRED | ALWAYS },
	{ "revision", STRING },
};
static const struct schema_type git_repo_volume_source = STRUCT("GitRepoVolumeSource", git_repo_volume_source_fields);

static const struct schema_field glusterfs_volume_source_fields[] = {
	{ "endpoints", STRING, REQUIRED | ALWAYS },
	{ "path", STRING, REQUIRED | ALWAYS },
	{ "readOnly", BOOL },
};
static const struct schema_type glusterfs_volume_source =
	STRUCT("GlusterfsVolumeSource", glusterfs_volume_source_fields);

static const struct schema_field host_path_volume_source_fields[] = {
	{ "path", FORMAT(format_no_dotdot), REQUIRED | ALWAYS },
	{ "type", ENUM("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
	  "Socket"), KEEP_ZERO, "" },
};
const struct schema_type schema_host_path_volume_source =
	STRUCT("HostPathVolumeSource", host_path_volume_source_fields);

static const struct schema_field image_volume_source_fields[] = {
	{ "pullPolicy", ENUM("Always", "IfNotPresent", "Never") },
	{ "reference", STRING },
};
static const struct schema_type image_volume_source = STRUCT("ImageVolumeSource", image_volume_source_fields);

static const struct schema_field iscsi_volume_source_fields[] = {
	{ "chapAuthDiscovery", BOOL },
	{ "chapAuthSession", BOOL },
	{ "fsType", STRING },
	{ "initiatorName", STRING, KEEP_ZERO },
	{ "iqn", STRING, REQUIRED | ALWAYS },
	{ "iscsiInterface", STRING, 0, "default" },
	{ "lun", INT32, ALWAYS },
	{ "portals", LIST(STRING) },
	{ "readOnly", BOOL },
	{ "secretRef", &schema_local_object_reference },
	{ "targetPortal", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type iscsi_volume_source =
	STRUCT("ISCSIVolumeSource", iscsi_volume_source_fields, .check = iscsi_check);

static const struct schema_field nfs_volume_source_fields[] = {
	{ "path", STRING, REQUIRED | ALWAYS },
	{ "readOnly", BOOL },
	{ "server", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_nfs_volume_source =
	STRUCT("NFSVolumeSource", nfs_volume_source_fields, .check = absolute_path_check);

static const struct schema_field persistent_volume_claim_volume_source_fields[] = {
	{ "claimName", STRING, REQUIRED | ALWAYS },
	{ "readOnly", BOOL },
};
static const struct schema_type persistent_volume_claim_volume_source =
	STRUCT("PersistentVolumeClaimVolumeSource", persistent_volume_claim_volume_source_fields);

static const struct schema_field photon_persistent_disk_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "pdID", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_photon_persistent_disk_volume_source =
	STRUCT("PhotonPersistentDiskVolumeSource", photon_persistent_disk_volume_source_fields);

static const struct schema_field portworx_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "readOnly", BOOL },
	{ "volumeID", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_portworx_volume_source =
	STRUCT("PortworxVolumeSource", portworx_volume_source_fields);

static const struct schema_field cluster_trust_bundle_projection_fields[] = {
	{ "labelSelector", &schema_label_selector },
	{ "name", STRING, KEEP_ZERO },
	{ "optional", BOOL, KEEP_ZERO },
	{ "path", FORMAT(format_local_nonreserved_path), REQUIRED | ALWAYS },
	{ "signerName", STRING, KEEP_ZERO },
};
static const struct schema_type cluster_trust_bundle_projection =
	STRUCT("ClusterTrustBundleProjection", cluster_trust_bundle_projection_fields, .check = trust_bundle_check);

static const struct schema_field config_map_projection_fields[] = {
	{ "items", LIST(&key_to_path) },
	{ "name", STRING, REQUIRED },
	{ "optional", BOOL, KEEP_ZERO },
};
static const struct schema_type config_map_projection = STRUCT("ConfigMapProjection", config_map_projection_fields);

static const struct schema_field downward_api_projection_fields[] = {
	{ "items", LIST(&downward_api_volume_file) },
};
static const struct schema_type downward_api_projection =
	STRUCT("DownwardAPIProjection", downward_api_projection_fields);

static const struct schema_field pod_certificate_projection_fields[] = {
	{ "certificateChainPath", FORMAT(format_local_nonreserved_path) },
	{ "credentialBundlePath", FORMAT(format_local_nonreserved_path) },
	{ "keyPath", FORMAT(format_local_nonreserved_path) },
	{ "keyType", ENUM("ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096"), REQUIRED },
	{ "maxExpirationSeconds", INT32, KEEP_ZERO },
	{ "signerName", FORMAT(format_signer_name), REQUIRED },
	{ "userAnnotations", MAP(STRING) },
};
static const struct schema_type pod_certificate_projection =
	STRUCT("PodCertificateProjection", pod_certificate_projection_fields, .check = pod_certificate_check);

static const struct schema_field secret_projection_fields[] = {
	{ "items", LIST(&key_to_path) },
	{ "name", STRING, REQUIRED },
	{ "optional", BOOL, KEEP_ZERO },
};
static const struct schema_type secret_projection = STRUCT("SecretProjection", secret_projection_fields);

static const struct schema_field service_account_token_projection_fields[] = {
	{ "audience", STRING },
	{ "expirationSeconds", INT64, KEEP_ZERO, "3600" },
	{ "path", FORMAT(format_local_nonreserved_path), REQUIRED | ALWAYS },
};
static const struct schema_type service_account_token_projection =
	STRUCT("ServiceAccountTokenProjection", service_account_token_projection_fields, .check = token_projection_check);

static const struct schema_field volume_projection_fields[] = {
	{ "clusterTrustBundle", &cluster_trust_bundle_projection },
	{ "configMap", &config_map_projection },
	{ "downwardAPI", &downward_api_projection },
	{ "podCertificate", &pod_certificate_projection },
	{ "secret", &secret_projection },
	{ "serviceAccountToken", &service_account_token_projection },
};
static const struct schema_type volume_projection =
	STRUCT("VolumeProjection", volume_projection_fields, .check = projection_check);

static const struct schema_field projected_volume_source_fields[] = {
	{ "defaultMode", FILE_MODE, KEEP_ZERO, "420" },
	{ "sources", LIST(&volume_projection), ALWAYS },
};
static const struct schema_type projected_volume_source =
	STRUCT("ProjectedVolumeSource", projected_volume_source_fields, .check = projected_check);

static const struct schema_field quobyte_volume_source_fields[] = {
	{ "group", STRING },
	{ "readOnly", BOOL },
	{ "registry", STRING, ALWAYS },
	{ "tenant", STRING },
	{ "user", STRING },
	{ "volume", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_quobyte_volume_source =
	STRUCT("QuobyteVolumeSource", quobyte_volume_source_fields, .check = quobyte_check);

static const struct schema_field rbd_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "image", STRING, REQUIRED | ALWAYS },
	{ "keyring", STRING, 0, "/etc/ceph/keyring" },
	{ "monitors", LIST(STRING), REQUIRED | ALWAYS },
	{ "pool", STRING, 0, "rbd" },
	{ "readOnly", BOOL },
	{ "secretRef", &schema_local_object_reference },
	{ "user", STRING, 0, "admin" },
};
static const struct schema_type rbd_volume_source = STRUCT("RBDVolumeSource", rbd_volume_source_fields);

static const struct schema_field scale_io_volume_source_fields[] = {
	{ "fsType", STRING, 0, "xfs" },
	{ "gateway", STRING, REQUIRED | ALWAYS },
	{ "protectionDomain", STRING },
	{ "readOnly", BOOL },
	{ "secretRef", &schema_local_object_reference },
	{ "sslEnabled", BOOL },
	{ "storageMode", STRING, 0, "ThinProvisioned" },
	{ "storagePool", STRING },
	{ "system", STRING, REQUIRED | ALWAYS },
	{ "volumeName", STRING, REQUIRED },
};
static const struct schema_type scale_io_volume_source = STRUCT("ScaleIOVolumeSource", scale_io_volume_source_fields);

static const struct schema_field secret_volume_source_fields[] = {
	{ "defaultMode", FILE_MODE, KEEP_ZERO, "420" },
	{ "items", LIST(&key_to_path) },
	{ "optional", BOOL, KEEP_ZERO },
	{ "secretName", STRING, REQUIRED },
};
static const struct schema_type secret_volume_source = STRUCT("SecretVolumeSource", secret_volume_source_fields);

static const struct schema_field storage_os_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "readOnly", BOOL },
	{ "secretRef", &schema_local_object_reference },
	{ "volumeName", STRING },
	{ "volumeNamespace", STRING },
};
static const struct schema_type storage_os_volume_source =
	STRUCT("StorageOSVolumeSource", storage_os_volume_source_fields, .check = storage_os_check);

static const struct schema_field vsphere_virtual_disk_volume_source_fields[] = {
	{ "fsType", STRING },
	{ "storagePolicyID", STRING },
	{ "storagePolicyName", STRING },
	{ "volumePath", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_vsphere_virtual_disk_volume_source =
	STRUCT("VsphereVirtualDiskVolumeSource", vsphere_virtual_disk_volume_source_fields);

static const struct schema_field volume_fields[] = {
	{ "awsElasticBlockStore", &schema_aws_elastic_block_store_volume_source, NOT_ACTED },
	{ "azureDisk", &schema_azure_disk_volume_source, NOT_ACTED },
	{ "azureFile", &azure_file_volume_source, NOT_ACTED },
	{ "cephfs", &ceph_fs_volume_source, NOT_ACTED },
	{ "cinder", &cinder_volume_source, NOT_ACTED },
	{ "configMap", &config_map_volume_source },
	{ "csi", &csi_volume_source, NOT_ACTED },
	{ "downwardAPI", &downward_api_volume_source },
	{ "emptyDir", &empty_dir_volume_source },
	{ "ephemeral", &ephemeral_volume_source },
	{ "fc", &schema_fc_volume_source, NOT_ACTED },
	{ "flexVolume", &flex_volume_source, NOT_ACTED },
	{ "flocker", &schema_flocker_volume_source, NOT_ACTED },
	{ "gcePersistentDisk", &schema_gce_persistent_disk_volume_source, NOT_ACTED },
	{ "gitRepo", &git_repo_volume_source, NOT_ACTED },
	{ "glusterfs", &glusterfs_volume_source, NOT_ACTED },
	{ "hostPath", &schema_host_path_volume_source },
	{ "image", &image_volume_source },
	{ "iscsi", &iscsi_volume_source, NOT_ACTED },
	{ "name", FORMAT(format_dns_label), REQUIRED | ALWAYS },
	{ "nfs", &schema_nfs_volume_source, NOT_ACTED },
	{ "persistentVolumeClaim", &persistent_volume_claim_volume_source },
	{ "photonPersistentDisk", &schema_photon_persistent_disk_volume_source, NOT_ACTED },
	{ "portworxVolume", &schema_portworx_volume_source, NOT_ACTED },
	{ "projected", &projected_volume_source },
	{ "quobyte", &schema_quobyte_volume_source, NOT_ACTED },
	{ "rbd", &rbd_volume_source, NOT_ACTED },
	{ "scaleIO", &scale_io_volume_source, NOT_ACTED },
	{ "secret", &secret_volume_source },
	{ "storageos", &storage_os_volume_source, NOT_ACTED },
	{ "vsphereVolume", &schema_vsphere_virtual_disk_volume_source, NOT_ACTED },
};
const struct schema_type schema_volume =
	STRUCT("Volume", volume_fields, .defaults = volume_defaults, .check = volume_check, .retains_keys = true);
