/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Custom kinds as apiextensions.k8s.io/v1beta1 had them. Facts:
 * K8S:apiextensions-apiserver/pkg/apis/apiextensions/v1beta1/{types,defaults,conversion}.go.
 */
#include <string.h>

#include "schema/check.h"
#include "schema/extension_rules.h"
#include "schema/table.h"

/* A kind without a schema kept what it was given. */
static struct value *open_schema(struct admit *ad)
{
	struct value *v = value_new_map(ad->arena), *schema = value_set_map(ad->arena, v, "openAPIV3Schema");

	value_set_str(ad->arena, schema, "type", "object");
	value_set_bool(ad->arena, schema, "x-kubernetes-preserve-unknown-fields", true);
	return v;
}

static void rename_column_paths(struct admit *ad, struct value *columns)
{
	for (size_t i = 0; i < value_len(columns); i++) {
		struct value *column = value_at(columns, i), *path = value_get(column, "JSONPath");

		if (value_type(column) != VALUE_MAP || !path)
			continue;
		value_set(ad->arena, column, "jsonPath", path);
		value_remove(column, "JSONPath");
	}
}

static void version_from_beta(struct admit *ad, const struct value *spec, struct value *version)
{
	static const char *const shared[] = { "subresources", "additionalPrinterColumns", "selectableFields" };

	if (value_type(version) != VALUE_MAP)
		return;
	if (!value_get(version, "schema"))
		value_set(ad->arena, version, "schema",
			  value_get(spec, "validation") ? value_copy(ad->arena, value_get(spec, "validation")) : open_schema(ad));
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (!value_get(version, shared[i]) && value_get(spec, shared[i]))
			value_set(ad->arena, version, shared[i], value_copy(ad->arena, value_get(spec, shared[i])));
	rename_column_paths(ad, value_get(version, "additionalPrinterColumns"));
	if (value_bool(value_get(spec, "preserveUnknownFields"), true) &&
	    value_type(value_path(version, "schema", "openAPIV3Schema")) == VALUE_MAP)
		value_set_bool(ad->arena, value_path(version, "schema", "openAPIV3Schema"),
			       "x-kubernetes-preserve-unknown-fields", true);
}

static void conversion_from_beta(struct admit *ad, struct value *conversion)
{
	static const char *const names[][2] = { { "webhookClientConfig", "clientConfig" },
						{ "conversionReviewVersions", "conversionReviewVersions" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct value *member = value_get(conversion, names[i][0]);

		if (value_type(conversion) != VALUE_MAP || !member)
			continue;
		value_set(ad->arena, value_set_map(ad->arena, conversion, "webhook"), names[i][1], member);
		value_remove(conversion, names[i][0]);
	}
}

void definition_from_beta(struct admit *ad, struct value *root)
{
	static const char *const gone[] = { "version", "validation", "subresources", "additionalPrinterColumns",
					    "selectableFields", "preserveUnknownFields" };
	struct value *spec = value_get(root, "spec"), *versions, *only;

	if (value_type(spec) != VALUE_MAP)
		return;
	versions = value_set_list(ad->arena, spec, "versions");
	if (!value_len(versions) && value_get(spec, "version")) {
		only = value_append(ad->arena, versions, value_new_map(ad->arena));
		value_set(ad->arena, only, "name", value_get(spec, "version"));
		value_set_bool(ad->arena, only, "served", true);
		value_set_bool(ad->arena, only, "storage", true);
	}
	if (!value_get(spec, "scope"))
		value_set_str(ad->arena, spec, "scope", "Namespaced");
	for (size_t i = 0; i < value_len(versions); i++)
		version_from_beta(ad, spec, value_at(versions, i));
	conversion_from_beta(ad, value_get(spec, "conversion"));
	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		value_remove(spec, gone[i]);
}
