/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking kinds up, for admission. Private to this floor.
 */
#ifndef PODFS_SCHEMA_KINDS_H
#define PODFS_SCHEMA_KINDS_H

#include "schema/table.h"

/* The entries, each in its family's *_kinds.c. */
extern const struct schema_kind_ops kind_api_service;
extern const struct schema_kind_ops kind_certificate_signing_request;
extern const struct schema_kind_ops kind_cluster_role;
extern const struct schema_kind_ops kind_cluster_role_binding;
extern const struct schema_kind_ops kind_config_map;
extern const struct schema_kind_ops kind_controller_revision;
extern const struct schema_kind_ops kind_cron_job;
extern const struct schema_kind_ops kind_csi_driver;
extern const struct schema_kind_ops kind_csi_node;
extern const struct schema_kind_ops kind_csi_storage_capacity;
extern const struct schema_kind_ops kind_custom_resource_definition;
extern const struct schema_kind_ops kind_daemon_set;
extern const struct schema_kind_ops kind_deployment;
extern const struct schema_kind_ops kind_device_class;
extern const struct schema_kind_ops kind_endpoint_slice;
extern const struct schema_kind_ops kind_endpoints;
extern const struct schema_kind_ops kind_event;
extern const struct schema_kind_ops kind_flow_schema;
extern const struct schema_kind_ops kind_horizontal_pod_autoscaler;
extern const struct schema_kind_ops kind_ingress;
extern const struct schema_kind_ops kind_ingress_class;
extern const struct schema_kind_ops kind_ip_address;
extern const struct schema_kind_ops kind_job;
extern const struct schema_kind_ops kind_lease;
extern const struct schema_kind_ops kind_limit_range;
extern const struct schema_kind_ops kind_mutating_admission_policy;
extern const struct schema_kind_ops kind_mutating_admission_policy_binding;
extern const struct schema_kind_ops kind_mutating_webhook_configuration;
extern const struct schema_kind_ops kind_namespace;
extern const struct schema_kind_ops kind_network_policy;
extern const struct schema_kind_ops kind_node;
extern const struct schema_kind_ops kind_persistent_volume;
extern const struct schema_kind_ops kind_persistent_volume_claim;
extern const struct schema_kind_ops kind_pod;
extern const struct schema_kind_ops kind_pod_disruption_budget;
extern const struct schema_kind_ops kind_pod_template;
extern const struct schema_kind_ops kind_priority_class;
extern const struct schema_kind_ops kind_priority_level_configuration;
extern const struct schema_kind_ops kind_replica_set;
extern const struct schema_kind_ops kind_replication_controller;
extern const struct schema_kind_ops kind_resource_claim;
extern const struct schema_kind_ops kind_resource_claim_template;
extern const struct schema_kind_ops kind_resource_quota;
extern const struct schema_kind_ops kind_resource_slice;
extern const struct schema_kind_ops kind_role;
extern const struct schema_kind_ops kind_role_binding;
extern const struct schema_kind_ops kind_runtime_class;
extern const struct schema_kind_ops kind_secret;
extern const struct schema_kind_ops kind_service;
extern const struct schema_kind_ops kind_service_account;
extern const struct schema_kind_ops kind_service_cidr;
extern const struct schema_kind_ops kind_stateful_set;
extern const struct schema_kind_ops kind_storage_class;
extern const struct schema_kind_ops kind_validating_admission_policy;
extern const struct schema_kind_ops kind_validating_admission_policy_binding;
extern const struct schema_kind_ops kind_validating_webhook_configuration;
extern const struct schema_kind_ops kind_volume_attachment;
extern const struct schema_kind_ops kind_volume_attributes_class;

/* All of them, sorted by plural; schema_kinds() has custom kinds, too. */
const struct schema_kind *const *schema_builtin_kinds(size_t *ret_n);

/* Old apiVersions of an entry: OLD({ "apps/v1beta2" }, …). */
#define OLD(...) ((const struct schema_old_version[]){ __VA_ARGS__, { NULL } })

/* The kind of that name whatever its group, for hints; NULL. */
const struct schema_kind *schema_kind_by_name(const char *kind);
/* The entry when api_version is one of the kind's old ones; NULL for the current one. */
const struct schema_old_version *schema_old_version(const struct schema_kind *kind, const char *api_version);
/* Whether Kubernetes has this kind in that group and these tables do not. */
bool schema_kind_is_elsewhere(const char *api_version, const char *kind);

#endif
