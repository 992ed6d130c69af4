/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/kinds.h"
#include "schema/service_rules.h"

const struct schema_kind_ops kind_endpoints = {
	.kind = { .kind = "Endpoints", .plural = "endpoints", .singular = "endpoints", .short_names = NAMES("ep"),
		  .group = "", .api_version = "v1", .namespaced = true, .has_directory = true,
		  .type = &schema_endpoints },
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_endpoint_slice = {
	.kind = { .kind = "EndpointSlice", .plural = "endpointslices", .singular = "endpointslice",
		  .group = "discovery.k8s.io", .api_version = "discovery.k8s.io/v1", .namespaced = true,
		  .has_generation = true, .has_directory = true, .type = &schema_endpoint_slice },
	.old_versions = OLD({ "discovery.k8s.io/v1beta1", .reshape = slice_from_beta }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_service = {
	.kind = { .kind = "Service", .plural = "services", .singular = "service", .short_names = NAMES("svc"),
		  .group = "", .api_version = "v1", .namespaced = true, .has_status = true, .has_directory = true,
		  .type = &schema_service },
	.name_format = format_dns_1035_label,
	.prepare_update = service_prepare_update,
	.check_update = service_check_update,
};
