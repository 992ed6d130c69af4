/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of volumes and claims: hooks for persistent.c and pod_volume.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_PERSISTENT_RULES_H
#define PODFS_SCHEMA_PERSISTENT_RULES_H

#include "schema/report.h"

/* persistent_rules.c */
void volume_initial_status(struct admit *ad, struct value *root);
void persistent_volume_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void persistent_volume_check_update(struct admit *ad, const struct value *old, const struct value *now);
/* A PersistentVolumeSpec of a VolumeAttachment's own. */
void inline_volume_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void claim_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void claim_initial_status(struct admit *ad, struct value *root);
void claim_template_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void claim_check_update(struct admit *ad, const struct value *old, const struct value *now);

/* source_rules.c: volume sources, of pods and of PersistentVolumes */
void absolute_path_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void disk_partition_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void iscsi_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void iscsi_name_check(struct admit *ad, const struct value *volume, const struct schema_path *at);
void cinder_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void csi_source_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void azure_file_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* Of a PersistentVolume: its secrets have a namespace. */
void iscsi_persistent_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void cinder_persistent_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void storage_os_persistent_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void fc_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void flocker_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void quobyte_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void flex_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void azure_disk_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void storage_os_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void secret_reference_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void glusterfs_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
