/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/meta_rules.h"

#include <string.h>

#include "schema/format.h"

/* Bytes of all keys and values: apimachinery's TotalAnnotationSizeLimitB. */
enum { ANNOTATIONS_MAX = 256 * 1024 };

void labels_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(v); i++) {
		const char *key = value_key_at(v, i);
		const char *why = format_qualified_name(key, strlen(key));

		if (why)
			report_error(ad, at, value_key_mark_at(v, i), "Invalid value: \"%.128s\": %s", key, why);
	}
}

void annotations_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	size_t total = 0;

	for (size_t i = 0; i < value_len(v); i++) {
		const char *key = value_key_at(v, i);
		const char *why = format_annotation_key(key, strlen(key));

		if (why)
			report_error(ad, at, value_key_mark_at(v, i), "Invalid value: \"%.128s\": %s", key, why);
		total += strlen(key) + value_len(value_at(v, i));
	}
	if (total > ANNOTATIONS_MAX)
		report_too_long(ad, at, v, "may not be more than %d bytes, keys and values together", ANNOTATIONS_MAX);
}

void object_meta_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *owners = value_get(v, "ownerReferences");
	const char *controller = NULL;

	for (size_t i = 0; i < value_len(owners); i++) {
		const struct value *owner = value_at(owners, i);

		if (!value_bool(value_get(owner, "controller"), false))
			continue;
		if (controller)
			report_error(ad, AT(at, "ownerReferences"), value_mark(owner),
				     "Invalid value: only one reference can have controller set to true, %s has it already",
				     controller);
		controller = value_str_or(value_get(owner, "name"), "?");
	}
}

void requirement_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *op = value_str_or(value_get(v, "operator"), "");
	const struct value *values = value_get(v, "values");
	bool needs = strcmp(op, "In") == 0 || strcmp(op, "NotIn") == 0;

	if (needs && !value_len(values))
		report_required(ad, AT(at, "values"), v, "must be specified when `operator` is 'In' or 'NotIn'");
	if (!needs && value_len(values) && strstr(op, "xist"))
		report_forbidden(ad, AT(at, "values"), values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	for (size_t i = 0; i < value_len(values); i++) {
		const struct value *item = value_at(values, i);
		const char *why = format_label_value(value_str_or(item, ""), value_len(item));

		if (why)
			report_invalid(ad, AT_ITEM(AT(at, "values"), i), item, "%s", why);
	}
}

void unique_check(struct admit *ad, const struct value *list, const char *key, const struct schema_path *at)
{
	struct value *seen = value_len(list) > 1 ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; seen && i < value_len(list); i++) {
		const struct value *v = value_get(value_at(list, i), key);

		if (!seen_before(ad, seen, v))
			continue;
		report_duplicate(ad, AT(AT_ITEM(at, i), key), v);
	}
}

bool seen_before(struct admit *ad, struct value *seen, const struct value *v)
{
	const char *s = value_str(v);

	if (!s || !*s)
		return false;
	if (value_get(seen, s))
		return true;
	value_set_bool(ad->arena, seen, s, true);
	return false;
}

size_t members_among(const struct value *map, const char *const *keys)
{
	size_t n = 0;

	for (; *keys; keys++)
		n += value_get(map, *keys) != NULL;
	return n;
}
