/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/kinds.h"
#include "schema/networking_rules.h"

const struct schema_kind_ops kind_ingress = {
	.kind = { .kind = "Ingress", .plural = "ingresses", .singular = "ingress", .short_names = NAMES("ing"),
		  .group = "networking.k8s.io", .api_version = "networking.k8s.io/v1", .namespaced = true,
		  .has_status = true, .has_generation = true, .has_directory = true, .type = &schema_ingress },
	.old_versions = OLD({ "networking.k8s.io/v1beta1", .reshape = ingress_from_beta },
			    { "extensions/v1beta1", .reshape = ingress_from_beta }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_ingress_class = {
	.kind = { .kind = "IngressClass", .plural = "ingressclasses", .singular = "ingressclass",
		  .group = "networking.k8s.io", .api_version = "networking.k8s.io/v1", .has_generation = true,
		  .has_directory = true, .type = &schema_ingress_class },
	.old_versions = OLD({ "networking.k8s.io/v1beta1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_network_policy = {
	.kind = { .kind = "NetworkPolicy", .plural = "networkpolicies", .singular = "networkpolicy",
		  .short_names = NAMES("netpol"), .group = "networking.k8s.io", .api_version = "networking.k8s.io/v1",
		  .namespaced = true, .has_generation = true, .has_directory = true, .type = &schema_network_policy },
	.old_versions = OLD({ "extensions/v1beta1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_service_cidr = {
	.kind = { .kind = "ServiceCIDR", .plural = "servicecidrs", .singular = "servicecidr",
		  .group = "networking.k8s.io", .api_version = "networking.k8s.io/v1", .has_status = true,
		  .has_directory = true, .type = &schema_service_cidr },
	.old_versions = OLD({ "networking.k8s.io/v1beta1" }, { "networking.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
	.check_update = service_cidr_check_update,
};

const struct schema_kind_ops kind_ip_address = {
	.kind = { .kind = "IPAddress", .plural = "ipaddresses", .singular = "ipaddress", .short_names = NAMES("ip"),
		  .group = "networking.k8s.io", .api_version = "networking.k8s.io/v1", .has_directory = true,
		  .type = &schema_ip_address },
	.old_versions = OLD({ "networking.k8s.io/v1beta1" }, { "networking.k8s.io/v1alpha1" }),
	.name_format = format_ip_canonical,
};
