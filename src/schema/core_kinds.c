/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/core_rules.h"
#include "schema/kinds.h"
#include "schema/pod_rules.h"
#include "schema/update.h"

const struct schema_kind_ops kind_config_map = {
	.kind = { .kind = "ConfigMap", .plural = "configmaps", .singular = "configmap", .short_names = NAMES("cm"),
		  .group = "", .api_version = "v1", .namespaced = true, .acted_on = true, .has_directory = true,
		  .type = &schema_config_map },
	.name_format = format_dns_subdomain,
	.check_update = config_map_check_update,
};

const struct schema_kind_ops kind_event = {
	.kind = { .kind = "Event", .plural = "events", .singular = "event", .short_names = NAMES("ev"), .group = "",
		  .api_version = "v1", .namespaced = true, .acted_on = true, .type = &schema_event },
	.old_versions = OLD({ "events.k8s.io/v1", .reshape = event_from_events },
			    { "events.k8s.io/v1beta1", .reshape = event_from_events }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_namespace = {
	.kind = { .kind = "Namespace", .plural = "namespaces", .singular = "namespace", .short_names = NAMES("ns"),
		  .group = "", .api_version = "v1", .has_status = true, .acted_on = true, .has_directory = true,
		  .type = &schema_namespace },
	.name_format = format_dns_label,
	.initial_status = namespace_initial_status,
};

const struct schema_kind_ops kind_node = {
	.kind = { .kind = "Node", .plural = "nodes", .singular = "node", .short_names = NAMES("no"), .group = "",
		  .api_version = "v1", .has_status = true, .acted_on = true, .has_directory = true,
		  .type = &schema_node },
	.name_format = format_dns_subdomain,
	.check_update = node_check_update,
};

const struct schema_kind_ops kind_pod = {
	.kind = { .kind = "Pod", .plural = "pods", .singular = "pod", .short_names = NAMES("po"), .group = "",
		  .api_version = "v1", .namespaced = true, .has_status = true, .has_generation = true,
		  .acted_on = true, .has_directory = true, .type = &schema_pod },
	.name_format = format_dns_subdomain,
	.initial_status = pod_initial_status,
	.finish_create = pod_finish_create,
	.check_update = pod_check_update,
};
