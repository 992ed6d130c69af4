/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/check.h"

#include <string.h>

#include "schema/meta_rules.h"

const char *text_of(const struct value *v, const char *key)
{
	return value_str_or(value_get(v, key), "");
}

bool text_is(const struct value *v, const char *key, const char *s)
{
	return strcmp(text_of(v, key), s) == 0;
}

bool same_value(const struct value *a, const struct value *b)
{
	return a == b || (a && b && value_equal(a, b));
}

bool list_has(const struct value *list, const char *s)
{
	for (size_t i = 0; i < value_len(list); i++)
		if (strcmp(value_str_or(value_at(list, i), ""), s) == 0)
			return true;
	return false;
}

bool check_required(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		    const char *text)
{
	const struct value *member = value_get(v, key);

	if (member && (value_type(member) < VALUE_STRING || value_len(member)))
		return true;
	report_required(ad, AT(at, key), value_mark(member).line ? member : v, "%s", text);
	return false;
}

bool check_text(struct admit *ad, const struct value *v, const struct schema_path *at, schema_format_fn format)
{
	const char *why = value_len(v) ? format(value_str_or(v, ""), value_len(v)) : NULL;

	if (why)
		report_invalid(ad, at, v, "%s", why);
	return !why;
}

bool check_member(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		  schema_format_fn format)
{
	return check_text(ad, value_get(v, key), AT(at, key), format);
}

bool check_name_of(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		   schema_format_fn format)
{
	return check_required(ad, v, at, key, "") && check_member(ad, v, at, key, format);
}

bool check_one_of(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		  const char *const *supported)
{
	const struct value *member = value_get(v, key);

	for (const char *const *s = supported; member && *s; s++)
		if (text_is(v, key, *s))
			return true;
	if (member)
		report_unsupported(ad, AT(at, key), member, supported);
	return !member;
}

void check_between(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key, int64_t min,
		   int64_t max)
{
	const struct value *member = value_get(v, key);

	if (member && (value_int(member, 0) < min || value_int(member, 0) > max))
		report_invalid(ad, AT(at, key), member, "must be between %lld and %lld, inclusive", (long long)min,
			       (long long)max);
}

bool check_at_most(struct admit *ad, const struct value *list, const struct schema_path *at, size_t max)
{
	if (value_len(list) <= max)
		return true;
	report_error(ad, at, value_mark(list), "Too many: %zu: must have at most %zu items", value_len(list), max);
	return false;
}

bool check_network(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *s = value_str_or(v, ""), *why = format_cidr_strict(s, strlen(s));

	if (why)
		report_invalid(ad, at, v, "%s", why);
	else if (format_network(s, strlen(s)))
		report_warning(ad, at, value_mark(v), "CIDR value \"%s\" is ambiguous in this context: it %s", s,
			       format_network(s, strlen(s)));
	return !why;
}

void check_unique_items(struct admit *ad, const struct value *list, const struct schema_path *at)
{
	struct value *seen = value_len(list) > 1 ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; seen && i < value_len(list); i++)
		if (seen_before(ad, seen, value_at(list, i)))
			report_duplicate(ad, AT_ITEM(at, i), value_at(list, i));
}

void check_same_or(struct admit *ad, const struct value *old, const struct value *now, const struct schema_path *at,
		   const char *key, const char *text)
{
	const struct value *member = value_get(now, key);

	if (!same_value(value_get(old, key), member))
		report_changed(ad, AT(at, key), member, now, text);
}

void check_same(struct admit *ad, const struct value *old, const struct value *now, const struct schema_path *at,
		const char *key)
{
	check_same_or(ad, old, now, at, key, "field is immutable");
}
