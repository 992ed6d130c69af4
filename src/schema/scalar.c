/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of single values: how each is read, and the ones that many tables share.
 */
#include <math.h>
#include <string.h>

#include "schema/walk.h"
#include "value/quantity.h"
#include "value/yaml.h"

const struct schema_type schema_string = { .form = SCHEMA_STRING };
const struct schema_type schema_bool = { .form = SCHEMA_BOOL };
const struct schema_type schema_int32 = { .form = SCHEMA_INT32 };
const struct schema_type schema_int64 = { .form = SCHEMA_INT64 };
const struct schema_type schema_float = { .form = SCHEMA_FLOAT };
const struct schema_type schema_bytes = { .form = SCHEMA_BYTES };
const struct schema_type schema_quantity = { .form = SCHEMA_QUANTITY };
const struct schema_type schema_int_or_string = { .form = SCHEMA_INT_OR_STRING };
const struct schema_type schema_time = { .form = SCHEMA_TIME };
const struct schema_type schema_micro_time = { .form = SCHEMA_MICRO_TIME };
const struct schema_type schema_any = { .form = SCHEMA_ANY };
const struct schema_type schema_int32_nonneg = { .form = SCHEMA_INT32, .ranged = true, .max = INT32_MAX };
const struct schema_type schema_int64_nonneg = { .form = SCHEMA_INT64, .ranged = true, .max = INT64_MAX };
const struct schema_type schema_port = { .form = SCHEMA_INT32, .ranged = true, .min = 1, .max = 65535 };
const struct schema_type schema_file_mode = { .form = SCHEMA_INT32, .ranged = true, .max = 0777 };
const struct schema_type schema_id = { .form = SCHEMA_INT64, .ranged = true, .max = INT32_MAX };

static void check_port_or_name(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *why;

	if (value_type(v) == VALUE_INT) {
		if (value_int(v, 0) < 1 || value_int(v, 0) > 65535)
			report_invalid(ad, at, v, "must be between 1 and 65535, inclusive");
		return;
	}
	why = format_port_name(value_str_or(v, ""), value_len(v));
	if (why)
		report_invalid(ad, at, v, "%s", why);
}

const struct schema_type schema_port_or_name = { .form = SCHEMA_INT_OR_STRING, .check = check_port_or_name };

static void check_count_or_percent(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *s = value_str(v);
	size_t n = value_len(v);

	if (!s) {
		if (value_int(v, 0) < 0)
			report_invalid(ad, at, v, "must be greater than or equal to 0");
		return;
	}
	if (n < 2 || strspn(s, "0123456789") != n - 1 || s[n - 1] != '%')
		report_invalid(ad, at, v, "a valid percent string must be a numeric string followed by an ending '%%' (e.g. '1%%', or "
			       "'93%%'); a count is written without quotes");
}

const struct schema_type schema_count_or_percent = { .form = SCHEMA_INT_OR_STRING, .check = check_count_or_percent };

static const struct form_info {
	const char *name; /* in messages and the manual */
	bool scalar;
} forms[] = {
	[SCHEMA_STRUCT] = { "object" },
	[SCHEMA_MAP] = { "map" },
	[SCHEMA_LIST] = { "list" },
	[SCHEMA_STRING] = { "string", true },
	[SCHEMA_BOOL] = { "boolean", true },
	[SCHEMA_INT32] = { "integer", true },
	[SCHEMA_INT64] = { "integer", true },
	[SCHEMA_FLOAT] = { "number", true },
	[SCHEMA_QUANTITY] = { "Quantity", true },
	[SCHEMA_INT_OR_STRING] = { "integer or string", true },
	[SCHEMA_TIME] = { "Time", true },
	[SCHEMA_MICRO_TIME] = { "MicroTime", true },
	[SCHEMA_BYTES] = { "base64", true },
	[SCHEMA_ANY] = { "any" },
};
_Static_assert(ARRAY_SIZE(forms) == SCHEMA_ANY + 1, "each form has its line");

enum schema_form schema_form(const struct schema_type *t)
{
	return t->form;
}

const char *schema_form_name(const struct schema_type *t)
{
	return forms[t->form].name;
}

bool schema_is_zero(const struct schema_type *t, const struct value *v)
{
	switch (t->form) {
	case SCHEMA_STRING:
	case SCHEMA_MAP:
	case SCHEMA_LIST:
	case SCHEMA_BYTES:
		return value_len(v) == 0;
	case SCHEMA_BOOL:
		return !value_bool(v, false);
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_FLOAT:
		return value_float(v, 0) == 0;
	default:
		return value_is_null(v);
	}
}

static bool read_string(struct admit *ad, struct value *v, const struct schema_path *at)
{
	switch (value_type(v)) {
	case VALUE_STRING:
		return true;
	case VALUE_BOOL:
		report_invalid(ad, at, v, "must be a string, found a boolean: put the text in quotes (y, yes, on, n, no, off "
			       "and true, false are booleans in YAML without them)");
		return false;
	case VALUE_INT:
	case VALUE_FLOAT:
		report_invalid(ad, at, v, "must be a string, found a number: put it in quotes");
		return false;
	default:
		report_invalid(ad, at, v, "must be a string, found %s", value_type_name(value_type(v)));
		return false;
	}
}

static bool read_bool(struct admit *ad, struct value *v, const struct schema_path *at)
{
	struct yaml_scalar s;

	if (value_type(v) == VALUE_BOOL)
		return true;
	if (value_type(v) == VALUE_STRING) {
		s = yaml_resolve(value_str(v), value_len(v));
		if (s.type == VALUE_BOOL) {
			report_invalid(ad, at, v, "must be a boolean: write %s without quotes", s.b ? "true" : "false");
			return false;
		}
	}
	report_invalid(ad, at, v, "must be a boolean, true or false");
	return false;
}

static bool read_int(struct admit *ad, const struct schema_type *t, struct value *v, const struct schema_path *at)
{
	bool is32 = t->form == SCHEMA_INT32;

	if (value_type(v) == VALUE_INT && is32 && (value_int(v, 0) < INT32_MIN || value_int(v, 0) > INT32_MAX)) {
		report_invalid(ad, at, v, "must be an integer of 32 bits, at most 2147483647");
		return false;
	}
	if (value_type(v) == VALUE_INT)
		return true;
	if (value_type(v) == VALUE_STRING && yaml_resolve(value_str(v), value_len(v)).type == VALUE_INT)
		report_invalid(ad, at, v, "must be an integer: write it without quotes");
	else if (value_type(v) == VALUE_FLOAT && fabs(value_float(v, 0)) >= 0x1p63)
		report_invalid(ad, at, v, "must be an integer of %d bits", is32 ? 32 : 64);
	else
		report_invalid(ad, at, v, "must be an integer");
	return false;
}

static bool read_quantity(struct admit *ad, struct value *v, const struct schema_path *at)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char canonical[QUANTITY_TEXT_MAX];
	struct quantity q;

	if (quantity_from(v, &q, &err) < 0) {
		report_invalid(ad, at, v, "not a quantity (250m, 1.5, 128Mi): %s", error_text(&err));
		return false;
	}
	quantity_format(&q, canonical);
	if (value_type(v) != VALUE_STRING || strcmp(canonical, value_str(v)) != 0) {
		struct value *kept = value_new_str(ad->arena, canonical);

		if (kept)
			value_assign(v, kept);
	}
	return true;
}

/* Line breaks in base64 are dropped, as a reader that decodes and encodes again drops them. */
static bool read_bytes(struct admit *ad, struct value *v, const struct schema_path *at)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *s = value_str(v), *why;
	struct value *kept;

	if (!s) {
		report_invalid(ad, at, v, "must be base64 text, found %s", value_type_name(value_type(v)));
		return false;
	}
	why = format_base64(s, value_len(v));
	if (why) {
		report_invalid(ad, at, v, "%s", why);
		return false;
	}
	if (!memchr(s, '\n', value_len(v)) && !memchr(s, '\r', value_len(v)))
		return true;
	for (size_t i = 0; i < value_len(v); i++)
		if (s[i] != '\n' && s[i] != '\r')
			buf_putc(&text, s[i]);
	kept = value_new_strn(ad->arena, buf_str(&text), text.len);
	if (kept && !buf_failed(&text))
		value_assign(v, kept);
	else
		ad->diags->failed = true;
	return true;
}

static bool read_time(struct admit *ad, struct value *v, const struct schema_path *at)
{
	const char *why;

	if (value_type(v) != VALUE_STRING) {
		report_invalid(ad, at, v, "must be a time in quotes (\"2006-01-02T15:04:05Z\")");
		return false;
	}
	why = format_time(value_str(v), value_len(v));
	if (why)
		report_invalid(ad, at, v, "%s", why);
	return !why;
}

bool schema_read_scalar(struct admit *ad, const struct schema_type *t, struct value *v, const struct schema_path *at)
{
	switch (t->form) {
	case SCHEMA_STRING:
		return read_string(ad, v, at);
	case SCHEMA_BOOL:
		return read_bool(ad, v, at);
	case SCHEMA_INT32:
	case SCHEMA_INT64:
		return read_int(ad, t, v, at);
	case SCHEMA_FLOAT:
		if (value_type(v) == VALUE_INT || value_type(v) == VALUE_FLOAT)
			return true;
		report_invalid(ad, at, v, "must be a number");
		return false;
	case SCHEMA_QUANTITY:
		return read_quantity(ad, v, at);
	case SCHEMA_INT_OR_STRING:
		if (value_type(v) == VALUE_STRING)
			return true;
		if (value_type(v) == VALUE_INT)
			return read_int(ad, &schema_int32, v, at);
		report_invalid(ad, at, v, "must be an integer or a string");
		return false;
	case SCHEMA_TIME:
	case SCHEMA_MICRO_TIME:
		return read_time(ad, v, at);
	case SCHEMA_BYTES:
		return read_bytes(ad, v, at);
	default:
		return true;
	}
}

struct value *schema_default_value(const struct schema_type *t, const char *text, struct arena *a)
{
	struct yaml_scalar s;

	if (t->form == SCHEMA_STRUCT)
		return value_new_map(a);
	if (t->form == SCHEMA_STRING || t->form == SCHEMA_QUANTITY)
		return value_new_str(a, text);
	s = yaml_resolve(text, strlen(text));
	if (s.type == VALUE_INT)
		return value_new_int(a, s.i);
	if (s.type == VALUE_BOOL)
		return value_new_bool(a, s.b);
	return value_new_str(a, text);
}

static void check_range(struct admit *ad, const struct schema_type *t, const struct value *v,
			const struct schema_path *at)
{
	int64_t i = value_int(v, 0);

	if (i >= t->min && i <= t->max)
		return;
	if (t->unsupported)
		report_invalid(ad, at, v, "%s", t->unsupported);
	else if (t->max == (t->form == SCHEMA_INT32 ? INT32_MAX : INT64_MAX) && i < t->min)
		report_invalid(ad, at, v, "must be greater than or equal to %lld", (long long)t->min);
	else if (t == &schema_file_mode)
		report_invalid(ad, at, v, "must be a number between 0 and 0777 (octal), both inclusive; octal numbers begin with 0 (0644)");
	else
		report_invalid(ad, at, v, "must be between %lld and %lld, inclusive", (long long)t->min, (long long)t->max);
}

static bool is_listed(const char *const *values, const struct value *v)
{
	const char *s = value_str_or(v, "");

	for (; *values; values++)
		if (strcmp(*values, s) == 0 && strlen(s) == value_len(v))
			return true;
	return false;
}

void schema_check_scalar(struct admit *ad, const struct schema_type *t, const struct value *v,
			 const struct schema_path *at)
{
	if (t->ranged)
		check_range(ad, t, v, at);
	if (t->values && !is_listed(t->values, v)) {
		if (t->unsupported)
			report_invalid(ad, at, v, "%s", t->unsupported);
		else
			report_unsupported(ad, at, v, t->values);
	}
	if (t->format && value_len(v)) {
		const char *why = t->format(value_str_or(v, ""), value_len(v));

		if (why)
			report_invalid(ad, at, v, "%s", why);
	}
}

int schema_parse_scalar(const struct schema_type *t, const char *text, size_t len, struct arena *a,
			struct diag_list *diags, struct value **ret)
{
	struct admit ad = { .arena = a, .diags = diags };
	struct value *v = NULL;
	struct yaml_scalar s;
	size_t errors = diags->errors;

	if (!forms[t->form].scalar)
		return -EISDIR;
	if (len && text[len - 1] == '\n')
		len--;
	if (t->form == SCHEMA_BOOL || t->form == SCHEMA_INT32 || t->form == SCHEMA_INT64 || t->form == SCHEMA_FLOAT ||
	    t->form == SCHEMA_INT_OR_STRING) {
		s = yaml_resolve(text, len);
		if (s.type == VALUE_BOOL && t->form == SCHEMA_BOOL)
			v = value_new_bool(a, s.b);
		else if (s.type == VALUE_INT && t->form != SCHEMA_BOOL)
			v = value_new_int(a, s.i);
		else if (s.type == VALUE_FLOAT && t->form == SCHEMA_FLOAT && isfinite(s.d))
			v = value_new_float(a, s.d);
	}
	if (!v)
		v = value_new_strn(a, text, len);
	if (!v)
		return -ENOMEM;
	if (schema_read_scalar(&ad, t, v, NULL)) {
		schema_check_scalar(&ad, t, v, NULL);
		if (t->check)
			t->check(&ad, v, NULL);
	}
	if (arena_failed(a) || diags->failed)
		return -ENOMEM;
	if (diags->errors != errors)
		return -EINVAL;
	*ret = v;
	return 0;
}
