/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APIService.
 */
#include "schema/extension_rules.h"
#include "schema/table.h"

static const struct schema_field service_reference_fields[] = {
	{ "name", STRING },
	{ "namespace", STRING },
	{ "port", INT32, KEEP_ZERO, "443" },
};
static const struct schema_type service_reference = STRUCT("ServiceReference", service_reference_fields);

static const struct schema_field api_service_spec_fields[] = {
	{ "caBundle", BYTES },
	{ "group", STRING },
	{ "groupPriorityMinimum", INT32, ALWAYS },
	{ "insecureSkipTLSVerify", BOOL },
	{ "service", &service_reference },
	{ "version", STRING },
	{ "versionPriority", INT32, ALWAYS },
};
static const struct schema_type api_service_spec = STRUCT("APIServiceSpec", api_service_spec_fields);

static const struct schema_field api_service_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type api_service_condition = STRUCT("APIServiceCondition", api_service_condition_fields);

static const struct schema_field api_service_status_fields[] = {
	{ "conditions", LIST_BY(&api_service_condition, "type") },
};
static const struct schema_type api_service_status = STRUCT("APIServiceStatus", api_service_status_fields);

static const struct schema_field api_service_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &api_service_spec, ALWAYS },
	{ "status", &api_service_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_api_service = STRUCT("APIService", api_service_fields, .check = api_service_check);
