/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/identity_rules.h"
#include "schema/kinds.h"

const struct schema_kind_ops kind_secret = {
	.kind = { .kind = "Secret", .plural = "secrets", .singular = "secret", .group = "", .api_version = "v1",
		  .namespaced = true, .acted_on = true, .has_directory = true, .type = &schema_secret },
	.name_format = format_dns_subdomain,
	.check_update = secret_check_update,
	.is_secret = true,
};

const struct schema_kind_ops kind_service_account = {
	.kind = { .kind = "ServiceAccount", .plural = "serviceaccounts", .singular = "serviceaccount",
		  .short_names = NAMES("sa"), .group = "", .api_version = "v1", .namespaced = true,
		  .acted_on = true, .has_directory = true, .type = &schema_service_account },
	.name_format = format_dns_subdomain,
};
