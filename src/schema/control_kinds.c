/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/flowcontrol_rules.h"
#include "schema/kinds.h"

const struct schema_kind_ops kind_flow_schema = {
	.kind = { .kind = "FlowSchema", .plural = "flowschemas", .singular = "flowschema",
		  .group = "flowcontrol.apiserver.k8s.io", .api_version = "flowcontrol.apiserver.k8s.io/v1",
		  .has_status = true, .has_generation = true, .has_directory = true, .type = &schema_flow_schema },
	.old_versions = OLD({ "flowcontrol.apiserver.k8s.io/v1beta3" },
			    { "flowcontrol.apiserver.k8s.io/v1beta2" },
			    { "flowcontrol.apiserver.k8s.io/v1beta1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_priority_level_configuration = {
	.kind = { .kind = "PriorityLevelConfiguration", .plural = "prioritylevelconfigurations",
		  .singular = "prioritylevelconfiguration", .group = "flowcontrol.apiserver.k8s.io",
		  .api_version = "flowcontrol.apiserver.k8s.io/v1", .has_status = true, .has_generation = true,
		  .has_directory = true, .type = &schema_priority_level_configuration },
	.old_versions = OLD({ "flowcontrol.apiserver.k8s.io/v1beta3" },
			    { "flowcontrol.apiserver.k8s.io/v1beta2", .reshape = priority_level_from_beta },
			    { "flowcontrol.apiserver.k8s.io/v1beta1", .reshape = priority_level_from_beta }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_certificate_signing_request = {
	.kind = { .kind = "CertificateSigningRequest", .plural = "certificatesigningrequests",
		  .singular = "certificatesigningrequest", .short_names = NAMES("csr"), .group = "certificates.k8s.io",
		  .api_version = "certificates.k8s.io/v1", .has_status = true, .has_directory = true,
		  .type = &schema_certificate_signing_request },
	.name_format = format_path_segment,
};
