/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/device_rules.h"
#include "schema/kinds.h"

const struct schema_kind_ops kind_device_class = {
	.kind = { .kind = "DeviceClass", .plural = "deviceclasses", .singular = "deviceclass",
		  .group = "resource.k8s.io", .api_version = "resource.k8s.io/v1", .has_generation = true,
		  .has_directory = true, .type = &schema_device_class },
	.old_versions = OLD({ "resource.k8s.io/v1beta2" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_resource_claim = {
	.kind = { .kind = "ResourceClaim", .plural = "resourceclaims", .singular = "resourceclaim",
		  .group = "resource.k8s.io", .api_version = "resource.k8s.io/v1", .namespaced = true,
		  .has_status = true, .has_directory = true, .type = &schema_resource_claim },
	.old_versions = OLD({ "resource.k8s.io/v1beta2" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_resource_claim_template = {
	.kind = { .kind = "ResourceClaimTemplate", .plural = "resourceclaimtemplates",
		  .singular = "resourceclaimtemplate", .group = "resource.k8s.io", .api_version = "resource.k8s.io/v1",
		  .namespaced = true, .has_directory = true, .type = &schema_resource_claim_template },
	.old_versions = OLD({ "resource.k8s.io/v1beta2" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_resource_slice = {
	.kind = { .kind = "ResourceSlice", .plural = "resourceslices", .singular = "resourceslice",
		  .group = "resource.k8s.io", .api_version = "resource.k8s.io/v1", .has_generation = true,
		  .has_directory = true, .type = &schema_resource_slice },
	.old_versions = OLD({ "resource.k8s.io/v1beta2" }),
	.name_format = format_dns_subdomain,
};
