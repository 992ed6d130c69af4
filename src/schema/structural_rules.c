/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of a custom kind: its own fields, and that it is structural. It is read as plain data, since it nests
 * without end. Facts: K8S:apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go and
 * pkg/apiserver/schema/validation.go. Expressions (CEL) are not compiled.
 */
#include <string.h>

#include "schema/check.h"
#include "schema/json_formats.h"
#include "schema/json_rules.h"
#include "schema/extension_rules.h"
#include "schema/meta_rules.h"
#include "schema/table.h"
#include "value/nearest.h"

enum level { ROOT, ITEM, FIELD };

/* The fields of a JSONSchemaProps, and of what type each is: (s)tring, (b)oolean, (n)umber, (i)nteger, (l)ist, (m)ap,
 * (a)ny. */
static const struct {
	const char *name;
	char type;
} known[] = {
	{ "$ref", 's' }, { "$schema", 's' }, { "additionalItems", 'a' }, { "additionalProperties", 'a' },
	{ "allOf", 'l' }, { "anyOf", 'l' }, { "default", 'a' }, { "definitions", 'm' }, { "dependencies", 'm' },
	{ "description", 's' }, { "enum", 'l' }, { "example", 'a' }, { "exclusiveMaximum", 'b' },
	{ "exclusiveMinimum", 'b' }, { "externalDocs", 'm' }, { "format", 's' }, { "id", 's' }, { "items", 'a' },
	{ "maxItems", 'i' }, { "maxLength", 'i' }, { "maxProperties", 'i' }, { "maximum", 'n' }, { "minItems", 'i' },
	{ "minLength", 'i' }, { "minProperties", 'i' }, { "minimum", 'n' }, { "multipleOf", 'n' }, { "not", 'm' },
	{ "nullable", 'b' }, { "oneOf", 'l' }, { "pattern", 's' }, { "patternProperties", 'm' }, { "properties", 'm' },
	{ "required", 'l' }, { "title", 's' }, { "type", 's' }, { "uniqueItems", 'b' },
	{ "x-kubernetes-embedded-resource", 'b' }, { "x-kubernetes-int-or-string", 'b' },
	{ "x-kubernetes-list-map-keys", 'l' }, { "x-kubernetes-list-type", 's' }, { "x-kubernetes-map-type", 's' },
	{ "x-kubernetes-preserve-unknown-fields", 'b' }, { "x-kubernetes-validations", 'l' },
};

static bool has_type(const struct value *v, char type)
{
	switch (type) {
	case 's':
		return value_str(v) != NULL;
	case 'b':
		return value_type(v) == VALUE_BOOL;
	case 'i':
		return value_type(v) == VALUE_INT;
	case 'n':
		return value_type(v) == VALUE_INT || value_type(v) == VALUE_FLOAT;
	case 'l':
		return value_type(v) == VALUE_LIST;
	case 'm':
		return value_type(v) == VALUE_MAP;
	default:
		return true;
	}
}

static void unknown_field(struct admit *ad, const struct value *v, size_t i, const struct schema_path *at)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	const char *names[ARRAY_SIZE(known)], *near;

	for (size_t k = 0; k < ARRAY_SIZE(known); k++)
		names[k] = known[k].name;
	near = nearest(value_key_at(v, i), names, ARRAY_SIZE(names));
	schema_path_format(AT(at, value_key_at(v, i)), &path);
	report_error(ad, AT(at, value_key_at(v, i)), value_key_mark_at(v, i), "unknown field \"%s\"%s%s%s", buf_str(&path),
		     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* Whether every field is known and has its type: only then is the rest looked at. */
static bool check_fields(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	bool good = true;

	if (value_type(v) != VALUE_MAP) {
		report_invalid(ad, at, v, "must be an object with named fields, found %s",
			       value_type_name(value_type(v)));
		return false;
	}
	for (size_t i = 0; i < value_len(v); i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(known) && strcmp(known[k].name, value_key_at(v, i)) != 0)
			k++;
		if (k == ARRAY_SIZE(known)) {
			unknown_field(ad, v, i, at);
			good = false;
		} else if (!value_is_null(value_at(v, i)) && !has_type(value_at(v, i), known[k].type)) {
			report_invalid(ad, AT(at, known[k].name), value_at(v, i), "found %s where another type belongs",
				       value_type_name(value_type(value_at(v, i))));
			good = false;
		}
	}
	return good;
}

static bool is_true(const struct value *v, const char *key)
{
	return value_bool(value_get(v, key), false);
}

/* --- rules of every node --- */

static void check_unsupported(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const none[] = { "id", "additionalItems", "patternProperties", "definitions", "dependencies",
					    "$ref" };
	const char *const *types = NAMES("array", "boolean", "integer", "number", "object", "string");

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (value_len(value_get(v, none[i])) || is_true(v, none[i]))
			report_forbidden(ad, AT(at, none[i]), value_get(v, none[i]), "%s is not supported", none[i]);
	if (text_is(v, "type", "null"))
		report_forbidden(ad, AT(at, "type"), value_get(v, "type"),
				 "type cannot be set to null, use nullable as an alternative");
	else if (value_len(value_get(v, "type")))
		check_one_of(ad, v, at, "type", types);
	if (is_true(v, "uniqueItems"))
		report_forbidden(ad, AT(at, "uniqueItems"), value_get(v, "uniqueItems"),
				 "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
	if (value_type(value_get(v, "items")) == VALUE_LIST)
		report_forbidden(ad, AT(at, "items"), value_get(v, "items"),
				 "items must be a schema object and not an array");
	if (value_type(value_get(v, "x-kubernetes-preserve-unknown-fields")) == VALUE_BOOL &&
	    !is_true(v, "x-kubernetes-preserve-unknown-fields"))
		report_invalid(ad, AT(at, "x-kubernetes-preserve-unknown-fields"),
			       value_get(v, "x-kubernetes-preserve-unknown-fields"), "must be true or undefined");
}

static void check_additional(struct admit *ad, const struct value *v, const struct schema_path *at, enum level level)
{
	const struct value *additional = value_get(v, "additionalProperties");
	const struct schema_path *path = AT(at, "additionalProperties");

	if (!additional || value_is_null(additional))
		return;
	if (value_type(additional) == VALUE_BOOL && !value_bool(additional, true))
		report_forbidden(ad, path, additional, "additionalProperties cannot be set to false");
	else if (value_len(value_get(v, "properties")))
		report_forbidden(ad, path, additional, "additionalProperties and properties are mutual exclusive");
	if (level == ROOT)
		report_forbidden(ad, path, additional, "must not be used at the root");
	if (is_true(v, "x-kubernetes-embedded-resource"))
		report_forbidden(ad, path, additional, "must not be used if x-kubernetes-embedded-resource is set");
}

static void check_map_keys(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *keys = value_get(v, "x-kubernetes-list-map-keys"), *items = value_get(v, "items");
	const struct value *properties = value_get(items, "properties");
	bool is_map = text_is(v, "x-kubernetes-list-type", "map");

	if (value_len(keys) && !is_map)
		report_required(ad, AT(at, "x-kubernetes-list-type"), keys,
				"must be map if x-kubernetes-list-map-keys is non-empty");
	if (!is_map)
		return;
	if (!value_len(keys))
		report_required(ad, AT(at, "x-kubernetes-list-map-keys"), v,
				"must not be empty if x-kubernetes-list-type is map");
	if (!items) {
		report_required(ad, AT(at, "items"), v, "must have a schema if x-kubernetes-list-type is map");
		return;
	}
	if (!text_is(items, "type", "object"))
		report_invalid(ad, AT(AT(at, "items"), "type"), value_get(items, "type") ? value_get(items, "type") : items,
			       "must be object if parent array's x-kubernetes-list-type is map");
	for (size_t i = 0; i < value_len(keys); i++) {
		const char *key = value_str_or(value_at(keys, i), "");

		if (!value_get(properties, key))
			report_invalid(ad, AT(at, "x-kubernetes-list-map-keys"), keys,
				       "entries must all be names of item properties");
		else if (!value_get(value_get(properties, key), "default") && !list_has(value_get(items, "required"), key))
			report_required(ad, AT(AT_KEY(AT(AT(at, "items"), "properties"), key), "default"),
					value_get(properties, key),
					"this property is in x-kubernetes-list-map-keys, so it must have a default or be a "
					"required property");
	}
}

static void check_extensions(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const struct {
		const char *name, *type;
	} typed[] = { { "x-kubernetes-map-type", "object" }, { "x-kubernetes-list-type", "array" } };

	for (size_t i = 0; i < ARRAY_SIZE(typed); i++)
		if (value_get(v, typed[i].name) && !text_is(v, "type", typed[i].type))
			report_invalid(ad, AT(at, "type"), value_get(v, "type") ? value_get(v, "type") : v,
				       "must be %s if %s is specified", typed[i].type, typed[i].name);
	check_one_of(ad, v, at, "x-kubernetes-map-type", NAMES("atomic", "granular"));
	check_one_of(ad, v, at, "x-kubernetes-list-type", NAMES("atomic", "set", "map"));
	check_map_keys(ad, v, at);
	if (is_true(v, "x-kubernetes-int-or-string") && is_true(v, "x-kubernetes-preserve-unknown-fields"))
		report_invalid(ad, AT(at, "x-kubernetes-preserve-unknown-fields"),
			       value_get(v, "x-kubernetes-preserve-unknown-fields"),
			       "must be false if x-kubernetes-int-or-string is true");
	for (size_t i = 0; i < value_len(value_get(v, "x-kubernetes-validations")); i++)
		check_required(ad, value_at(value_get(v, "x-kubernetes-validations"), i),
			       AT_ITEM(AT(at, "x-kubernetes-validations"), i), "rule", "rule is not specified");
}

static void check_type(struct admit *ad, const struct value *v, const struct schema_path *at, enum level level)
{
	static const char *const text[] = {
		[ROOT] = "must not be empty at the root",
		[ITEM] = "must not be empty for specified array items",
		[FIELD] = "must not be empty for specified object fields",
	};
	bool embedded = is_true(v, "x-kubernetes-embedded-resource");

	if (embedded && !text_is(v, "type", "object"))
		report_required(ad, AT(at, "type"), v, "must be object if x-kubernetes-embedded-resource is true");
	else if (!value_len(value_get(v, "type")) && !is_true(v, "x-kubernetes-int-or-string") &&
		 !is_true(v, "x-kubernetes-preserve-unknown-fields"))
		report_required(ad, AT(at, "type"), v, "%s", text[level]);
	else if (level == ROOT && value_len(value_get(v, "type")) && !text_is(v, "type", "object"))
		report_invalid(ad, AT(at, "type"), value_get(v, "type"), "must be object at the root");
	if (text_is(v, "type", "array") && !value_get(v, "items"))
		report_required(ad, AT(at, "items"), v, "must be specified");
	if (level == ROOT && is_true(v, "nullable"))
		report_forbidden(ad, AT(at, "nullable"), value_get(v, "nullable"), "nullable cannot be true at the root");
}

/* --- allOf, anyOf, oneOf, not: they judge values and add no shape --- */

static const char *const junctors[] = { "allOf", "anyOf", "oneOf" };

static bool is_type_only(const struct value *v, const char *type)
{
	return value_len(v) == 1 && text_is(v, "type", type);
}

static bool is_int_or_string(const struct value *list)
{
	return value_len(list) == 2 && is_type_only(value_at(list, 0), "integer") &&
	       is_type_only(value_at(list, 1), "string");
}

static void check_nested(struct admit *ad, const struct value *v, const struct schema_path *at);

static void check_pattern(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *pattern = value_get(v, "pattern");
	const char *why = json_pattern_error(value_str_or(pattern, ""));

	if (why)
		report_invalid(ad, AT(at, "pattern"), pattern, "must be a valid regular expression, but isn't: %s", why);
}

static void check_junctors(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	for (size_t i = 0; i < ARRAY_SIZE(junctors); i++) {
		const struct value *list = value_get(v, junctors[i]);

		for (size_t k = 0; k < value_len(list) && !(i == 1 && is_int_or_string(list)); k++)
			if (!(i == 0 && k == 0 && is_int_or_string(value_get(value_at(list, 0), "anyOf"))))
				check_nested(ad, value_at(list, k), AT_ITEM(AT(at, junctors[i]), k));
	}
	if (value_get(v, "not"))
		check_nested(ad, value_get(v, "not"), AT(at, "not"));
}

static void check_nested(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const struct {
		const char *name, *text;
	} none[] = {
		{ "type", "must be empty to be structural" },
		{ "additionalProperties", "must be undefined to be structural" },
		{ "default", "must be undefined to be structural" },
		{ "title", "must be empty to be structural" },
		{ "description", "must be empty to be structural" },
		{ "nullable", "must be false to be structural" },
		{ "x-kubernetes-preserve-unknown-fields", "must be false to be structural" },
		{ "x-kubernetes-embedded-resource", "must be false to be structural" },
		{ "x-kubernetes-int-or-string", "must be false to be structural" },
		{ "x-kubernetes-list-map-keys", "must be empty to be structural" },
		{ "x-kubernetes-list-type", "must be undefined to be structural" },
		{ "x-kubernetes-map-type", "must be undefined to be structural" },
		{ "x-kubernetes-validations", "must be empty to be structural" },
	};
	const struct value *properties = value_get(v, "properties");

	if (!check_fields(ad, v, at))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		const struct value *member = value_get(v, none[i].name);

		if (member && !value_is_null(member) && (value_type(member) != VALUE_BOOL || value_bool(member, false)))
			report_forbidden(ad, AT(at, none[i].name), member, "%s", none[i].text);
	}
	check_pattern(ad, v, at);
	check_junctors(ad, v, at);
	if (value_type(value_get(v, "items")) == VALUE_MAP)
		check_nested(ad, value_get(v, "items"), AT(at, "items"));
	for (size_t i = 0; i < value_len(properties); i++)
		check_nested(ad, value_at(properties, i), AT_KEY(AT(at, "properties"), value_key_at(properties, i)));
}

/* --- the tree --- */

static void check_metadata(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const strings[] = { "kind", "apiVersion" };
	const struct value *properties = value_get(v, "properties"), *meta = value_get(properties, "metadata");
	const struct schema_path *path = AT(at, "properties");

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
		const struct value *p = value_get(properties, strings[i]);

		if (p && !text_is(p, "type", "string"))
			report_invalid(ad, AT(AT_KEY(path, strings[i]), "type"), value_get(p, "type") ? value_get(p, "type") : p,
				       "must be string");
	}
	if (meta && !text_is(meta, "type", "object"))
		report_invalid(ad, AT(AT_KEY(path, "metadata"), "type"), value_get(meta, "type") ? value_get(meta, "type") : meta,
			       "must be object");
	meta = value_get(meta, "properties");
	for (size_t i = 0; i < value_len(meta); i++)
		if (strcmp(value_key_at(meta, i), "name") != 0 && strcmp(value_key_at(meta, i), "generateName") != 0) {
			report_forbidden(ad, AT_KEY(path, "metadata"), value_at(meta, i),
					 "must not specify anything other than name and generateName, but metadata is "
					 "implicitly specified");
			return;
		}
}

static void check_node(struct admit *ad, const struct value *v, const struct schema_path *at, enum level level)
{
	const struct value *properties = value_get(v, "properties"), *additional = value_get(v, "additionalProperties");

	if (!check_fields(ad, v, at))
		return;
	check_unsupported(ad, v, at);
	check_additional(ad, v, at, level);
	check_extensions(ad, v, at);
	check_type(ad, v, at, level);
	check_pattern(ad, v, at);
	if (value_get(v, "default"))
		json_check_default(ad, v, value_get(v, "default"), AT(at, "default"));
	check_junctors(ad, v, at);
	if (level == ROOT || is_true(v, "x-kubernetes-embedded-resource"))
		check_metadata(ad, v, at);
	for (size_t i = 0; i < value_len(properties); i++)
		check_node(ad, value_at(properties, i), AT_KEY(AT(at, "properties"), value_key_at(properties, i)), FIELD);
	if (value_type(value_get(v, "items")) == VALUE_MAP)
		check_node(ad, value_get(v, "items"), AT(at, "items"), ITEM);
	if (value_type(additional) == VALUE_MAP)
		check_node(ad, additional, AT(at, "additionalProperties"), FIELD);
}

void structural_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_node(ad, v, at, ROOT);
}
