/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/kinds.h"
#include "schema/limits_rules.h"

const struct schema_kind_ops kind_lease = {
	.kind = { .kind = "Lease", .plural = "leases", .singular = "lease", .group = "coordination.k8s.io",
		  .api_version = "coordination.k8s.io/v1", .namespaced = true, .has_directory = true,
		  .type = &schema_lease },
	.old_versions = OLD({ "coordination.k8s.io/v1beta1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_limit_range = {
	.kind = { .kind = "LimitRange", .plural = "limitranges", .singular = "limitrange",
		  .short_names = NAMES("limits"), .group = "", .api_version = "v1", .namespaced = true,
		  .acted_on = true, .has_directory = true, .type = &schema_limit_range },
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_pod_disruption_budget = {
	.kind = { .kind = "PodDisruptionBudget", .plural = "poddisruptionbudgets", .singular = "poddisruptionbudget",
		  .short_names = NAMES("pdb"), .group = "policy", .api_version = "policy/v1", .namespaced = true,
		  .has_status = true, .has_generation = true, .acted_on = true, .has_directory = true,
		  .type = &schema_pod_disruption_budget },
	.old_versions = OLD({ "policy/v1beta1", budget_from_v1beta1 }),
	.name_format = format_path_segment,
};

const struct schema_kind_ops kind_priority_class = {
	.kind = { .kind = "PriorityClass", .plural = "priorityclasses", .singular = "priorityclass",
		  .short_names = NAMES("pc"), .group = "scheduling.k8s.io", .api_version = "scheduling.k8s.io/v1",
		  .has_generation = true, .acted_on = true, .has_directory = true, .type = &schema_priority_class },
	.old_versions = OLD({ "scheduling.k8s.io/v1beta1" }, { "scheduling.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
	.check_update = priority_class_check_update,
};

const struct schema_kind_ops kind_resource_quota = {
	.kind = { .kind = "ResourceQuota", .plural = "resourcequotas", .singular = "resourcequota",
		  .short_names = NAMES("quota"), .group = "", .api_version = "v1", .namespaced = true,
		  .has_status = true, .acted_on = true, .has_directory = true, .type = &schema_resource_quota },
	.name_format = format_dns_subdomain,
	.check_update = quota_check_update,
};

const struct schema_kind_ops kind_runtime_class = {
	.kind = { .kind = "RuntimeClass", .plural = "runtimeclasses", .singular = "runtimeclass",
		  .group = "node.k8s.io", .api_version = "node.k8s.io/v1", .has_directory = true,
		  .type = &schema_runtime_class },
	.old_versions = OLD({ "node.k8s.io/v1beta1" }, { "node.k8s.io/v1alpha1", .reshape = runtime_class_from_alpha }),
	.name_format = format_dns_subdomain,
};
