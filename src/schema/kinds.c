/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds: one entry each, sorted by plural (a unit test checks it). To add one, write its tables, add its entry,
 * and take its line out of `elsewhere`.
 */
#include "schema/kinds.h"

#include <string.h>

#include "schema/core_rules.h"
#include "schema/pod_rules.h"
#include "schema/table.h"
#include "schema/update.h"
#include "schema/workload_rules.h"

#define OLD(...) ((const struct schema_old_version[]){ __VA_ARGS__, { NULL } })

static const struct schema_kind_ops kinds[] = {
	{ .kind = { .kind = "ConfigMap", .plural = "configmaps", .singular = "configmap", .short_names = NAMES("cm"),
		    .group = "", .api_version = "v1", .namespaced = true, .acted_on = true, .has_directory = true,
		    .type = &schema_config_map },
	  .name_format = format_dns_subdomain,
	  .check_update = config_map_check_update },
	{ .kind = { .kind = "Deployment", .plural = "deployments", .singular = "deployment",
		    .short_names = NAMES("deploy"), .group = "apps", .api_version = "apps/v1", .namespaced = true,
		    .has_status = true, .has_generation = true, .acted_on = true, .has_directory = true,
		    .type = &schema_deployment },
	  .old_versions = OLD({ "extensions/v1beta1", deployment_from_extensions },
			      { "apps/v1beta1", deployment_from_apps_v1beta1 }, { "apps/v1beta2" }),
	  .name_format = format_dns_subdomain },
	{ .kind = { .kind = "Event", .plural = "events", .singular = "event", .short_names = NAMES("ev"), .group = "",
		    .api_version = "v1", .namespaced = true, .acted_on = true, .type = &schema_event },
	  .name_format = format_dns_subdomain },
	{ .kind = { .kind = "Namespace", .plural = "namespaces", .singular = "namespace", .short_names = NAMES("ns"),
		    .group = "", .api_version = "v1", .has_status = true, .acted_on = true, .has_directory = true,
		    .type = &schema_namespace },
	  .name_format = format_dns_label,
	  .initial_status = namespace_initial_status },
	{ .kind = { .kind = "Node", .plural = "nodes", .singular = "node", .short_names = NAMES("no"), .group = "",
		    .api_version = "v1", .has_status = true, .acted_on = true, .has_directory = true,
		    .type = &schema_node },
	  .name_format = format_dns_subdomain,
	  .check_update = node_check_update },
	{ .kind = { .kind = "Pod", .plural = "pods", .singular = "pod", .short_names = NAMES("po"), .group = "",
		    .api_version = "v1", .namespaced = true, .has_status = true, .has_generation = true,
		    .acted_on = true, .has_directory = true, .type = &schema_pod },
	  .name_format = format_dns_subdomain,
	  .initial_status = pod_initial_status,
	  .check_update = pod_check_update },
	{ .kind = { .kind = "ReplicaSet", .plural = "replicasets", .singular = "replicaset",
		    .short_names = NAMES("rs"), .group = "apps", .api_version = "apps/v1", .namespaced = true,
		    .has_status = true, .has_generation = true, .acted_on = true, .has_directory = true,
		    .type = &schema_replica_set },
	  .old_versions = OLD({ "extensions/v1beta1", replica_set_from_extensions }, { "apps/v1beta2" }),
	  .name_format = format_dns_subdomain,
	  .initial_status = replica_set_initial_status },
};

/* Kinds that Kubernetes 1.36 serves and these tables do not have yet. */
static const struct {
	const char *group;
	const char *names; /* separated by spaces */
} elsewhere[] = {
	{ "", "Endpoints LimitRange PersistentVolume PersistentVolumeClaim PodTemplate ReplicationController "
	      "ResourceQuota Secret Service ServiceAccount Binding ComponentStatus" },
	{ "admissionregistration.k8s.io", "MutatingWebhookConfiguration ValidatingAdmissionPolicy "
					  "ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration" },
	{ "apiextensions.k8s.io", "CustomResourceDefinition" },
	{ "apiregistration.k8s.io", "APIService" },
	{ "apps", "ControllerRevision DaemonSet StatefulSet" },
	{ "autoscaling", "HorizontalPodAutoscaler" },
	{ "batch", "CronJob Job" },
	{ "certificates.k8s.io", "CertificateSigningRequest" },
	{ "coordination.k8s.io", "Lease" },
	{ "discovery.k8s.io", "EndpointSlice" },
	{ "events.k8s.io", "Event" },
	{ "extensions", "DaemonSet Ingress NetworkPolicy PodSecurityPolicy" },
	{ "flowcontrol.apiserver.k8s.io", "FlowSchema PriorityLevelConfiguration" },
	{ "networking.k8s.io", "IPAddress Ingress IngressClass NetworkPolicy ServiceCIDR" },
	{ "node.k8s.io", "RuntimeClass" },
	{ "policy", "PodDisruptionBudget PodSecurityPolicy" },
	{ "rbac.authorization.k8s.io", "ClusterRole ClusterRoleBinding Role RoleBinding" },
	{ "resource.k8s.io", "DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice" },
	{ "scheduling.k8s.io", "PriorityClass" },
	{ "storage.k8s.io", "CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment" },
};

const struct schema_kind *const *schema_kinds(size_t *ret_n)
{
	static const struct schema_kind *const list[] = {
		&kinds[0].kind, &kinds[1].kind, &kinds[2].kind, &kinds[3].kind,
		&kinds[4].kind, &kinds[5].kind, &kinds[6].kind,
	};
	_Static_assert(ARRAY_SIZE(list) == ARRAY_SIZE(kinds), "each kind is listed");

	*ret_n = ARRAY_SIZE(list);
	return list;
}

const struct schema_kind_ops *schema_kind_ops(const struct schema_kind *kind)
{
	return container_of(kind, struct schema_kind_ops, kind);
}

const struct schema_kind *schema_kind_by_plural(const char *plural)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].kind.plural, plural) == 0)
			return &kinds[i].kind;
	return NULL;
}

const struct schema_old_version *schema_old_version(const struct schema_kind *kind, const char *api_version)
{
	const struct schema_old_version *old = schema_kind_ops(kind)->old_versions;

	for (; old && old->api_version; old++)
		if (strcmp(old->api_version, api_version) == 0)
			return old;
	return NULL;
}

const struct schema_kind *schema_kind_find(const char *api_version, const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct schema_kind *k = &kinds[i].kind;

		if (strcmp(k->kind, kind) == 0 &&
		    (strcmp(k->api_version, api_version) == 0 || schema_old_version(k, api_version)))
			return k;
	}
	return NULL;
}

const struct schema_kind *schema_kind_by_name(const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].kind.kind, kind) == 0)
			return &kinds[i].kind;
	return NULL;
}

/* Whether one of the words of a list is exactly that. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; n && (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == 0))
			return true;
	return false;
}

bool schema_kind_is_elsewhere(const char *api_version, const char *kind)
{
	const char *slash = strchr(api_version, '/');
	size_t len = slash ? (size_t)(slash - api_version) : 0;

	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if (strlen(elsewhere[i].group) == len && strncmp(elsewhere[i].group, api_version, len) == 0 &&
		    has_word(elsewhere[i].names, kind))
			return true;
	return false;
}
