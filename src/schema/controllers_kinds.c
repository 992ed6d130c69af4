/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/controllers_rules.h"
#include "schema/kinds.h"

const struct schema_kind_ops kind_controller_revision = {
	.kind = { .kind = "ControllerRevision", .plural = "controllerrevisions", .singular = "controllerrevision",
		  .group = "apps", .api_version = "apps/v1", .namespaced = true, .acted_on = true, .has_directory = true,
		  .type = &schema_controller_revision },
	.old_versions = OLD({ "apps/v1beta1" }, { "apps/v1beta2" }),
	.name_format = format_dns_subdomain,
	.check_update = controller_revision_check_update,
};

const struct schema_kind_ops kind_daemon_set = {
	.kind = { .kind = "DaemonSet", .plural = "daemonsets", .singular = "daemonset", .short_names = NAMES("ds"),
		  .group = "apps", .api_version = "apps/v1", .namespaced = true, .has_status = true,
		  .has_generation = true, .acted_on = true, .has_directory = true, .type = &schema_daemon_set },
	.old_versions = OLD({ "extensions/v1beta1", daemon_set_from_extensions, daemon_set_from_beta },
			    { "apps/v1beta2" }),
	.name_format = format_dns_subdomain,
	.initial_status = daemon_set_initial,
	.finish_update = daemon_set_finish_update,
};

const struct schema_kind_ops kind_pod_template = {
	.kind = { .kind = "PodTemplate", .plural = "podtemplates", .singular = "podtemplate", .group = "",
		  .api_version = "v1", .namespaced = true, .has_generation = true, .has_directory = true,
		  .type = &schema_pod_template },
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_replication_controller = {
	.kind = { .kind = "ReplicationController", .plural = "replicationcontrollers",
		  .singular = "replicationcontroller", .short_names = NAMES("rc"), .group = "", .api_version = "v1",
		  .namespaced = true, .has_status = true, .has_generation = true, .acted_on = true, .has_directory = true,
		  .type = &schema_replication_controller },
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_stateful_set = {
	.kind = { .kind = "StatefulSet", .plural = "statefulsets", .singular = "statefulset",
		  .short_names = NAMES("sts"), .group = "apps", .api_version = "apps/v1", .namespaced = true,
		  .has_status = true, .has_generation = true, .acted_on = true, .has_directory = true,
		  .type = &schema_stateful_set },
	.old_versions = OLD({ "apps/v1beta1", stateful_set_from_apps_v1beta1 }, { "apps/v1beta2" }),
	.name_format = format_dns_label,
	.check_update = stateful_set_check_update,
};
