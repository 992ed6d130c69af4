/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds: one line each, sorted by plural (a unit test checks it). To add one, write its tables and its entry in
 * its family's *_kinds.c, declare that in kinds.h, add its line, and take it out of `elsewhere`.
 */
#include "schema/kinds.h"

#include <string.h>

static const struct schema_kind *const kinds[] = {
	&kind_api_service.kind,
	&kind_certificate_signing_request.kind,
	&kind_cluster_role_binding.kind,
	&kind_cluster_role.kind,
	&kind_config_map.kind,
	&kind_controller_revision.kind,
	&kind_cron_job.kind,
	&kind_csi_driver.kind,
	&kind_csi_node.kind,
	&kind_csi_storage_capacity.kind,
	&kind_custom_resource_definition.kind,
	&kind_daemon_set.kind,
	&kind_deployment.kind,
	&kind_device_class.kind,
	&kind_endpoints.kind,
	&kind_endpoint_slice.kind,
	&kind_event.kind,
	&kind_flow_schema.kind,
	&kind_horizontal_pod_autoscaler.kind,
	&kind_ingress_class.kind,
	&kind_ingress.kind,
	&kind_ip_address.kind,
	&kind_job.kind,
	&kind_lease.kind,
	&kind_limit_range.kind,
	&kind_mutating_admission_policy.kind,
	&kind_mutating_admission_policy_binding.kind,
	&kind_mutating_webhook_configuration.kind,
	&kind_namespace.kind,
	&kind_network_policy.kind,
	&kind_node.kind,
	&kind_persistent_volume_claim.kind,
	&kind_persistent_volume.kind,
	&kind_pod_disruption_budget.kind,
	&kind_pod.kind,
	&kind_pod_template.kind,
	&kind_priority_class.kind,
	&kind_priority_level_configuration.kind,
	&kind_replica_set.kind,
	&kind_replication_controller.kind,
	&kind_resource_claim.kind,
	&kind_resource_claim_template.kind,
	&kind_resource_quota.kind,
	&kind_resource_slice.kind,
	&kind_role_binding.kind,
	&kind_role.kind,
	&kind_runtime_class.kind,
	&kind_secret.kind,
	&kind_service_account.kind,
	&kind_service_cidr.kind,
	&kind_service.kind,
	&kind_stateful_set.kind,
	&kind_storage_class.kind,
	&kind_validating_admission_policy.kind,
	&kind_validating_admission_policy_binding.kind,
	&kind_validating_webhook_configuration.kind,
	&kind_volume_attachment.kind,
	&kind_volume_attributes_class.kind,
};

/* Kinds that Kubernetes 1.36 has and these tables have not: requests that nobody keeps, and what is off by default. */
static const struct {
	const char *group;
	const char *names; /* separated by spaces */
} elsewhere[] = {
	{ "", "Binding ComponentStatus" },
	{ "authentication.k8s.io", "SelfSubjectReview TokenRequest TokenReview" },
	{ "authorization.k8s.io", "LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview "
				  "SubjectAccessReview" },
	{ "certificates.k8s.io", "ClusterTrustBundle PodCertificateRequest" },
	{ "coordination.k8s.io", "LeaseCandidate" },
	{ "internal.apiserver.k8s.io", "StorageVersion" },
	{ "policy", "Eviction" },
	{ "resource.k8s.io", "DeviceTaintRule ResourcePoolStatusRequest" },
	{ "scheduling.k8s.io", "PodGroup Workload" },
	{ "storagemigration.k8s.io", "StorageVersionMigration" },
};

const struct schema_kind *const *schema_builtin_kinds(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(kinds);
	return kinds;
}

const struct schema_kind_ops *schema_kind_ops(const struct schema_kind *kind)
{
	return container_of(kind, struct schema_kind_ops, kind);
}

const struct schema_kind *schema_kind_by_plural(const char *plural)
{
	size_t n, lo = 0, hi;
	const struct schema_kind *const *all = schema_kinds(&n);

	for (hi = n; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(plural, all[mid]->plural);

		if (order == 0)
			return all[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
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
	size_t n;
	const struct schema_kind *const *all = schema_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i]->kind, kind) == 0 &&
		    (strcmp(all[i]->api_version, api_version) == 0 || schema_old_version(all[i], api_version)))
			return all[i];
	return NULL;
}

const struct schema_kind *schema_kind_by_name(const char *kind)
{
	size_t n;
	const struct schema_kind *const *all = schema_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i]->kind, kind) == 0)
			return all[i];
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
