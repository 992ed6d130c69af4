/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all objects share: their metadata, references, label selectors.
 */
#include "schema/meta_rules.h"
#include "schema/table.h"

const struct schema_type schema_labels = {
	.form = SCHEMA_MAP, .elem = FORMAT(format_label_value), .check = labels_check
};
const struct schema_type schema_annotations = { .form = SCHEMA_MAP, .elem = STRING, .check = annotations_check };

static const struct schema_field managed_fields_entry_fields[] = {
	{ "apiVersion", STRING },
	{ "fieldsType", STRING },
	{ "fieldsV1", &schema_any, KEEP_ZERO },
	{ "manager", STRING },
	{ "operation", STRING },
	{ "subresource", STRING },
	{ "time", &schema_time },
};
static const struct schema_type managed_fields_entry = STRUCT("ManagedFieldsEntry", managed_fields_entry_fields);

static const struct schema_field owner_reference_fields[] = {
	{ "apiVersion", STRING, REQUIRED | ALWAYS },
	{ "blockOwnerDeletion", BOOL, KEEP_ZERO },
	{ "controller", BOOL, KEEP_ZERO },
	{ "kind", STRING, REQUIRED | ALWAYS },
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "uid", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type owner_reference =
	STRUCT("OwnerReference", owner_reference_fields, .check = owner_check);

static const struct schema_field object_meta_fields[] = {
	{ "annotations", &schema_annotations },
	{ "creationTimestamp", &schema_time, SYSTEM },
	{ "deletionGracePeriodSeconds", INT64, SYSTEM | KEEP_ZERO },
	{ "deletionTimestamp", &schema_time, SYSTEM },
	{ "finalizers", SET(FORMAT(format_qualified_name)) },
	{ "generateName", STRING },
	{ "generation", INT64, SYSTEM },
	{ "labels", &schema_labels },
	{ "managedFields", LIST(&managed_fields_entry), SYSTEM },
	{ "name", STRING, IMMUTABLE },
	{ "namespace", STRING, IMMUTABLE },
	{ "ownerReferences", LIST_BY(&owner_reference, "uid") },
	{ "resourceVersion", STRING, SYSTEM },
	{ "selfLink", STRING, SYSTEM },
	{ "uid", STRING, SYSTEM },
};
const struct schema_type schema_object_meta = STRUCT("ObjectMeta", object_meta_fields, .check = object_meta_check);

static const struct schema_field label_selector_requirement_fields[] = {
	{ "key", FORMAT(format_qualified_name), REQUIRED | ALWAYS },
	{ "operator", ENUM("DoesNotExist", "Exists", "In", "NotIn"), REQUIRED | ALWAYS },
	{ "values", LIST(STRING) },
};
static const struct schema_type label_selector_requirement =
	STRUCT("LabelSelectorRequirement", label_selector_requirement_fields, .check = requirement_check);

static const struct schema_field label_selector_fields[] = {
	{ "matchExpressions", LIST(&label_selector_requirement) },
	{ "matchLabels", &schema_labels },
};
const struct schema_type schema_label_selector = STRUCT("LabelSelector", label_selector_fields);

static const struct schema_field local_object_reference_fields[] = {
	{ "name", STRING },
};
const struct schema_type schema_local_object_reference = STRUCT("LocalObjectReference", local_object_reference_fields);

static const struct schema_field object_reference_fields[] = {
	{ "apiVersion", STRING },
	{ "fieldPath", STRING },
	{ "kind", STRING },
	{ "name", STRING },
	{ "namespace", STRING },
	{ "resourceVersion", STRING },
	{ "uid", STRING },
};
const struct schema_type schema_object_reference = STRUCT("ObjectReference", object_reference_fields);
