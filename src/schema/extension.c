/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomResourceDefinition.
 */
#include "schema/extension_rules.h"
#include "schema/table.h"

static const struct schema_field service_reference_fields[] = {
	{ "name", STRING },
	{ "namespace", STRING },
	{ "path", STRING, KEEP_ZERO },
	{ "port", INT32, KEEP_ZERO, "443" },
};
static const struct schema_type service_reference = STRUCT("ServiceReference", service_reference_fields);

static const struct schema_field webhook_client_config_fields[] = {
	{ "caBundle", BYTES },
	{ "service", &service_reference },
	{ "url", STRING, KEEP_ZERO },
};
static const struct schema_type webhook_client_config = STRUCT("WebhookClientConfig", webhook_client_config_fields);

static const struct schema_field webhook_conversion_fields[] = {
	{ "clientConfig", &webhook_client_config },
	{ "conversionReviewVersions", LIST(STRING) },
};
static const struct schema_type webhook_conversion = STRUCT("WebhookConversion", webhook_conversion_fields);

static const struct schema_field custom_resource_conversion_fields[] = {
	{ "strategy", STRING, REQUIRED | ALWAYS },
	{ "webhook", &webhook_conversion, NOT_ACTED },
};
static const struct schema_type custom_resource_conversion =
	STRUCT("CustomResourceConversion", custom_resource_conversion_fields, .check = definition_conversion_check);

static const struct schema_field custom_resource_definition_names_fields[] = {
	{ "categories", LIST(STRING) },
	{ "kind", STRING, ALWAYS },
	{ "listKind", STRING },
	{ "plural", STRING, ALWAYS },
	{ "shortNames", LIST(STRING) },
	{ "singular", STRING },
};
static const struct schema_type custom_resource_definition_names =
	STRUCT("CustomResourceDefinitionNames", custom_resource_definition_names_fields);

static const struct schema_field custom_resource_column_definition_fields[] = {
	{ "description", STRING },
	{ "format", STRING },
	{ "jsonPath", STRING, REQUIRED | ALWAYS },
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "priority", INT32 },
	{ "type", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type custom_resource_column_definition =
	STRUCT("CustomResourceColumnDefinition", custom_resource_column_definition_fields, .check = definition_column_check);

static const struct schema_field custom_resource_validation_fields[] = {
	{ "openAPIV3Schema", TYPE(.form = SCHEMA_ANY, .check = structural_check) },
};
static const struct schema_type custom_resource_validation =
	STRUCT("CustomResourceValidation", custom_resource_validation_fields);

static const struct schema_field selectable_field_fields[] = {
	{ "jsonPath", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type selectable_field = STRUCT("SelectableField", selectable_field_fields);

static const struct schema_field custom_resource_subresource_scale_fields[] = {
	{ "labelSelectorPath", STRING, KEEP_ZERO },
	{ "specReplicasPath", STRING, ALWAYS },
	{ "statusReplicasPath", STRING, ALWAYS },
};
static const struct schema_type custom_resource_subresource_scale =
	STRUCT("CustomResourceSubresourceScale", custom_resource_subresource_scale_fields, .check = definition_scale_check);

static const struct schema_field custom_resource_subresources_fields[] = {
	{ "scale", &custom_resource_subresource_scale, NOT_ACTED },
	{ "status", MAP(&schema_any), KEEP_ZERO },
};
static const struct schema_type custom_resource_subresources =
	STRUCT("CustomResourceSubresources", custom_resource_subresources_fields);

static const struct schema_field custom_resource_definition_version_fields[] = {
	{ "additionalPrinterColumns", LIST(&custom_resource_column_definition), NOT_ACTED },
	{ "deprecated", BOOL },
	{ "deprecationWarning", STRING, KEEP_ZERO | NOT_ACTED },
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "schema", &custom_resource_validation },
	{ "selectableFields", LIST(&selectable_field), NOT_ACTED },
	{ "served", BOOL, ALWAYS },
	{ "storage", BOOL, ALWAYS },
	{ "subresources", &custom_resource_subresources },
};
static const struct schema_type custom_resource_definition_version =
	STRUCT("CustomResourceDefinitionVersion", custom_resource_definition_version_fields, .check = definition_version_check);

static const struct schema_type definition_names = STRUCT("CustomResourceDefinitionNames",
							  custom_resource_definition_names_fields,
							  .check = definition_names_check);

static const struct schema_field custom_resource_definition_spec_fields[] = {
	{ "conversion", &custom_resource_conversion },
	{ "group", STRING, ALWAYS },
	{ "names", &definition_names, ALWAYS },
	{ "preserveUnknownFields", BOOL },
	{ "scope", ENUM("Cluster", "Namespaced"), REQUIRED | ALWAYS },
	{ "versions", LIST(&custom_resource_definition_version), REQUIRED | ALWAYS },
};
static const struct schema_type custom_resource_definition_spec =
	STRUCT("CustomResourceDefinitionSpec", custom_resource_definition_spec_fields, .defaults = definition_spec_defaults, .check = definition_spec_check);

static const struct schema_field custom_resource_definition_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "observedGeneration", INT64 },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type custom_resource_definition_condition =
	STRUCT("CustomResourceDefinitionCondition", custom_resource_definition_condition_fields);

static const struct schema_field custom_resource_definition_status_fields[] = {
	{ "acceptedNames", &custom_resource_definition_names, ALWAYS },
	{ "conditions", LIST_BY(&custom_resource_definition_condition, "type") },
	{ "observedGeneration", INT64 },
	{ "storedVersions", LIST(STRING) },
};
static const struct schema_type custom_resource_definition_status =
	STRUCT("CustomResourceDefinitionStatus", custom_resource_definition_status_fields);

static const struct schema_field custom_resource_definition_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &custom_resource_definition_spec, REQUIRED | ALWAYS },
	{ "status", &custom_resource_definition_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_custom_resource_definition =
	STRUCT("CustomResourceDefinition", custom_resource_definition_fields, .check = definition_check);
