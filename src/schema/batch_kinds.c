/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/batch_rules.h"
#include "schema/kinds.h"

const struct schema_kind_ops kind_cron_job = {
	.kind = { .kind = "CronJob", .plural = "cronjobs", .singular = "cronjob", .short_names = NAMES("cj"),
		  .group = "batch", .api_version = "batch/v1", .namespaced = true, .has_status = true,
		  .has_generation = true, .acted_on = true, .has_directory = true, .type = &schema_cron_job },
	.old_versions = OLD({ "batch/v1beta1" }, { "batch/v2alpha1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_job = {
	.kind = { .kind = "Job", .plural = "jobs", .singular = "job", .group = "batch", .api_version = "batch/v1",
		  .namespaced = true, .has_status = true, .has_generation = true, .acted_on = true, .has_directory = true,
		  .type = &schema_job },
	.name_format = format_dns_subdomain,
	.finish_create = job_finish_create,
	.check_update = job_check_update,
};
