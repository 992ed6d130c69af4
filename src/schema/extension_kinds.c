/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/extension_rules.h"
#include "schema/kinds.h"

const struct schema_kind_ops kind_api_service = {
	.kind = { .kind = "APIService", .plural = "apiservices", .singular = "apiservice",
		  .group = "apiregistration.k8s.io", .api_version = "apiregistration.k8s.io/v1", .has_status = true,
		  .has_directory = true, .type = &schema_api_service },
	.old_versions = OLD({ "apiregistration.k8s.io/v1beta1" }),
	.name_format = format_path_segment,
};

const struct schema_kind_ops kind_custom_resource_definition = {
	.kind = { .kind = "CustomResourceDefinition", .plural = "customresourcedefinitions",
		  .singular = "customresourcedefinition", .short_names = NAMES("crd", "crds"),
		  .group = "apiextensions.k8s.io", .api_version = "apiextensions.k8s.io/v1", .has_status = true,
		  .acted_on = true, .has_generation = true, .has_directory = true, .type = &schema_custom_resource_definition },
	.old_versions = OLD({ "apiextensions.k8s.io/v1beta1", .reshape = definition_from_beta }),
	.name_format = format_dns_subdomain,
	.initial_status = definition_initial_status,
	.check_update = definition_check_update,
};
