/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/kinds.h"
#include "schema/workload_rules.h"

const struct schema_kind_ops kind_deployment = {
	.kind = { .kind = "Deployment", .plural = "deployments", .singular = "deployment",
		  .short_names = NAMES("deploy"), .group = "apps", .api_version = "apps/v1", .namespaced = true,
		  .has_status = true, .has_generation = true, .acted_on = true, .has_directory = true,
		  .type = &schema_deployment },
	.old_versions = OLD({ "extensions/v1beta1", deployment_from_extensions },
			      { "apps/v1beta1", deployment_from_apps_v1beta1 }, { "apps/v1beta2" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_replica_set = {
	.kind = { .kind = "ReplicaSet", .plural = "replicasets", .singular = "replicaset",
		  .short_names = NAMES("rs"), .group = "apps", .api_version = "apps/v1", .namespaced = true,
		  .has_status = true, .has_generation = true, .acted_on = true, .has_directory = true,
		  .type = &schema_replica_set },
	.old_versions = OLD({ "extensions/v1beta1", replica_set_from_extensions }, { "apps/v1beta2" }),
	.name_format = format_dns_subdomain,
	.initial_status = replica_set_initial_status,
};
