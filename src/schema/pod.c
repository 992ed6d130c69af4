/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pod, its spec, and what is small in it. Containers, volumes, affinity, security and status have files of
 * their own.
 */
#include "schema/pod_rules.h"
#include "schema/table.h"

static const struct schema_field pod_dns_config_option_fields[] = {
	{ "name", STRING },
	{ "value", STRING, KEEP_ZERO },
};
static const struct schema_type pod_dns_config_option =
	STRUCT("PodDNSConfigOption", pod_dns_config_option_fields, .check = dns_option_check);

static const struct schema_field pod_dns_config_fields[] = {
	{ "nameservers", LIST(FORMAT(format_ip)) },
	{ "options", LIST(&pod_dns_config_option) },
	{ "searches", LIST(FORMAT(format_search_domain)) },
};
static const struct schema_type pod_dns_config = STRUCT("PodDNSConfig", pod_dns_config_fields);

static const struct schema_field host_alias_fields[] = {
	{ "hostnames", LIST(FORMAT(format_dns_subdomain)) },
	{ "ip", FORMAT(format_ip), REQUIRED | ALWAYS },
};
static const struct schema_type host_alias = STRUCT("HostAlias", host_alias_fields);

static const struct schema_field pod_os_fields[] = {
	{ "name", ENUM("linux", "windows"), REQUIRED | ALWAYS },
};
static const struct schema_type pod_os = STRUCT("PodOS", pod_os_fields);

static const struct schema_field pod_readiness_gate_fields[] = {
	{ "conditionType", FORMAT(format_qualified_name), REQUIRED | ALWAYS },
};
static const struct schema_type pod_readiness_gate = STRUCT("PodReadinessGate", pod_readiness_gate_fields);

static const struct schema_field pod_resource_claim_fields[] = {
	{ "name", FORMAT(format_dns_label), REQUIRED | ALWAYS },
	{ "resourceClaimName", FORMAT(format_dns_subdomain), KEEP_ZERO },
	{ "resourceClaimTemplateName", FORMAT(format_dns_subdomain), KEEP_ZERO },
};
static const struct schema_type pod_resource_claim =
	STRUCT("PodResourceClaim", pod_resource_claim_fields, .check = resource_claim_ref_check);

static const struct schema_field pod_scheduling_gate_fields[] = {
	{ "name", FORMAT(format_qualified_name), REQUIRED | ALWAYS },
};
static const struct schema_type pod_scheduling_gate = STRUCT("PodSchedulingGate", pod_scheduling_gate_fields);

static const struct schema_field pod_scheduling_group_fields[] = {
	{ "podGroupName", STRING, KEEP_ZERO },
};
static const struct schema_type pod_scheduling_group = STRUCT("PodSchedulingGroup", pod_scheduling_group_fields);

static const struct schema_field pod_spec_fields[] = {
	{ "activeDeadlineSeconds", INT64_RANGE(1, INT32_MAX), KEEP_ZERO },
	{ "affinity", &schema_affinity },
	{ "automountServiceAccountToken", BOOL, KEEP_ZERO },
	{ "containers", LIST_BY(&schema_container, "name"), REQUIRED | ALWAYS },
	{ "dnsConfig", &pod_dns_config },
	{ "dnsPolicy", ENUM("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"), 0, "ClusterFirst" },
	{ "enableServiceLinks", BOOL, KEEP_ZERO },
	{ "ephemeralContainers", LIST_BY(&schema_ephemeral_container, "name") },
	{ "hostAliases", LIST_BY(&host_alias, "ip") },
	{ "hostIPC", BOOL },
	{ "hostNetwork", BOOL },
	{ "hostPID", BOOL },
	{ "hostUsers", BOOL, KEEP_ZERO },
	{ "hostname", FORMAT(format_dns_label) },
	{ "hostnameOverride", FORMAT(format_dns_subdomain), KEEP_ZERO | NOT_ACTED },
	{ "imagePullSecrets", LIST_BY(&schema_local_object_reference, "name") },
	{ "initContainers", LIST_BY(&schema_container, "name") },
	{ "nodeName", FORMAT(format_dns_subdomain) },
	{ "nodeSelector", &schema_labels },
	{ "os", &pod_os, NOT_ACTED },
	{ "overhead", &schema_resource_list, NOT_ACTED },
	{ "preemptionPolicy", ENUM("Never", "PreemptLowerPriority"), KEEP_ZERO },
	{ "priority", INT32, KEEP_ZERO },
	{ "priorityClassName", FORMAT(format_dns_subdomain) },
	{ "readinessGates", LIST(&pod_readiness_gate) },
	{ "resourceClaims", LIST_BY(&pod_resource_claim, "name"), NOT_ACTED },
	{ "resources", &schema_pod_resource_requirements, NOT_ACTED },
	{ "restartPolicy", ENUM("Always", "Never", "OnFailure"), 0, "Always" },
	{ "runtimeClassName", FORMAT(format_dns_subdomain), KEEP_ZERO | NOT_ACTED },
	{ "schedulerName", FORMAT(format_dns_subdomain), 0, "default-scheduler" },
	{ "schedulingGates", LIST_BY(&pod_scheduling_gate, "name"), NOT_ACTED },
	{ "schedulingGroup", &pod_scheduling_group, NOT_ACTED },
	{ "securityContext", &schema_pod_security_context, 0, "{}" },
	{ "serviceAccount", FORMAT(format_dns_subdomain) },
	{ "serviceAccountName", FORMAT(format_dns_subdomain) },
	{ "setHostnameAsFQDN", BOOL, KEEP_ZERO | NOT_ACTED },
	{ "shareProcessNamespace", BOOL, KEEP_ZERO },
	{ "subdomain", FORMAT(format_dns_label), NOT_ACTED },
	{ "terminationGracePeriodSeconds", INT64, KEEP_ZERO, "30" },
	{ "tolerations", LIST(&schema_toleration) },
	{ "topologySpreadConstraints", LIST_BY(&schema_topology_spread_constraint, "topologyKey",
	  "whenUnsatisfiable") },
	{ "volumes", TYPE(.form = SCHEMA_LIST, .elem = &schema_volume, .keys = NAMES("name"), .check = volumes_check) },
};
static const struct schema_type pod_spec =
	STRUCT("PodSpec", pod_spec_fields, .defaults = pod_spec_defaults, .check = pod_spec_check);

static const struct schema_field pod_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &pod_spec, ALWAYS },
	{ "status", &schema_pod_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_pod = STRUCT("Pod", pod_fields, .defaults = pod_defaults, .check = pod_check);

static const struct schema_field pod_template_spec_fields[] = {
	{ "metadata", &schema_object_meta, ALWAYS },
	{ "spec", &pod_spec, ALWAYS },
};
const struct schema_type schema_pod_template_spec =
	STRUCT("PodTemplateSpec", pod_template_spec_fields, .defaults = pod_template_defaults,
	       .check = pod_annotations_check);
