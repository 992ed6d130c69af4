/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/autoscaling_rules.h"
#include "schema/kinds.h"

const struct schema_kind_ops kind_horizontal_pod_autoscaler = {
	.kind = { .kind = "HorizontalPodAutoscaler", .plural = "horizontalpodautoscalers",
		  .singular = "horizontalpodautoscaler", .short_names = NAMES("hpa"), .group = "autoscaling",
		  .api_version = "autoscaling/v2", .namespaced = true, .has_status = true, .acted_on = true, .has_directory = true,
		  .type = &schema_horizontal_pod_autoscaler },
	.old_versions = OLD({ "autoscaling/v1", .reshape = autoscaler_from_v1 },
			    { "autoscaling/v2beta1", .reshape = autoscaler_from_v2beta1 }, { "autoscaling/v2beta2" }),
	.name_format = format_dns_subdomain,
};
