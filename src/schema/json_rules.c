/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words are those of K8S:kube-openapi/pkg/validation. Patterns are Go's (RE2); what POSIX's extended expressions
 * cannot say is left unjudged, as expressions (CEL) are.
 */
#include "schema/json_rules.h"

#include <math.h>
#include <regex.h>
#include <string.h>

#include "schema/check.h"
#include "schema/json_formats.h"
#include "schema/meta_rules.h"

enum { MATCHED_MAX = 64 * 1024, PATTERN_MAX = 1024, DEPTH_MAX = 32 };

void json_defaults(struct admit *ad, const struct value *schema, struct value *v)
{
	const struct value *properties = value_get(schema, "properties");

	if (value_type(v) != VALUE_MAP)
		return;
	for (size_t i = 0; i < value_len(properties); i++) {
		const struct value *def = value_get(value_at(properties, i), "default");

		if (def && !value_get(v, value_key_at(properties, i)))
			value_set(ad->arena, v, value_key_at(properties, i), value_copy(ad->arena, def));
	}
}

/* --- patterns --- */

/* Go's classes in POSIX's words. False where there is no such thing. */
static bool translate(const char *p, struct buf *out, int *flags)
{
	bool in_class = false;

	if (!strncmp(p, "(?i)", 4)) {
		*flags |= REG_ICASE;
		p += 4;
	}
	for (; *p; p++) {
		if (*p == '\\' && p[1]) {
			p++;
			if (*p == 'd')
				buf_puts(out, in_class ? "0-9" : "[0-9]");
			else if (*p == 'w')
				buf_puts(out, in_class ? "A-Za-z0-9_" : "[A-Za-z0-9_]");
			else if (*p == 's')
				buf_puts(out, in_class ? " \t\n\r\f" : "[ \t\n\r\f]");
			else if (strchr("DWSbBpPAzQExtnr", *p))
				return false;
			else if (in_class && (*p == ']' || *p == '\\' || *p == '^' || *p == '-'))
				return false; /* brackets know no escape */
			else
				buf_printf(out, in_class ? "%c" : "\\%c", *p);
		} else if (*p == '(' && p[1] == '?') {
			if (p[2] != ':')
				return false;
			buf_putc(out, '(');
			p += 2;
		} else if (*p == '?' && p[-1] && strchr("*+?}", p[-1]) && !in_class && out->len) {
			continue; /* a lazy match matches no other texts */
		} else {
			in_class = *p == '[' ? true : *p == ']' ? false : in_class;
			buf_putc(out, *p);
		}
	}
	return !buf_failed(out);
}

/* True also where the pattern cannot be judged. */
static bool matches_pattern(const char *pattern, const char *s)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int flags = REG_EXTENDED | REG_NOSUB;
	regex_t re;
	bool good;

	if (strlen(pattern) > PATTERN_MAX || strlen(s) > MATCHED_MAX || !translate(pattern, &text, &flags) ||
	    regcomp(&re, buf_str(&text), flags) != 0)
		return true;
	good = regexec(&re, s, 0, NULL, 0) != REG_NOMATCH;
	regfree(&re);
	return good;
}

/* --- one node --- */

/* One judgement: ad is NULL where only the answer counts. */
struct judge {
	struct admit *ad;
	unsigned depth;
};

static bool refuse(struct judge *j, const struct schema_path *at, const struct value *v, const char *text)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	if (!j->ad)
		return false;
	schema_path_format(at, &path);
	report_invalid(j->ad, at, v, "%s in body %s", buf_str(&path), text);
	return false;
}

static size_t characters(const struct value *v)
{
	const char *s = value_str_or(v, "");
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static bool judge_string(struct judge *j, const struct value *schema, const struct value *v,
			 const struct schema_path *at)
{
	const struct value *least = value_get(schema, "minLength"), *most = value_get(schema, "maxLength");
	const char *pattern = text_of(schema, "pattern"), *format = text_of(schema, "format");
	char text[PATTERN_MAX + 64];
	bool good = true;

	if (least && (int64_t)characters(v) < value_int(least, 0)) {
		(void)snprintf(text, sizeof(text), "should be at least %lld chars long", (long long)value_int(least, 0));
		good = refuse(j, at, v, text);
	}
	if (most && (int64_t)characters(v) > value_int(most, 0)) {
		if (j->ad)
			report_too_long(j->ad, at, v, "may not be more than %lld bytes", (long long)value_int(most, 0));
		good = false;
	}
	if (*pattern && !matches_pattern(pattern, value_str_or(v, ""))) {
		(void)snprintf(text, sizeof(text), "should match '%.*s'", PATTERN_MAX, pattern);
		good = refuse(j, at, v, text);
	}
	if (*format && !json_format_fits(format, value_str_or(v, ""))) {
		(void)snprintf(text, sizeof(text), "must be of type %.64s", format);
		good = refuse(j, at, v, text);
	}
	return good;
}

static bool judge_number(struct judge *j, const struct value *schema, const struct value *v,
			 const struct schema_path *at)
{
	const struct value *least = value_get(schema, "minimum"), *most = value_get(schema, "maximum");
	const struct value *step = value_get(schema, "multipleOf");
	bool above = value_bool(value_get(schema, "exclusiveMinimum"), false);
	bool below = value_bool(value_get(schema, "exclusiveMaximum"), false);
	double n = value_float(v, 0);
	char text[96];
	bool good = true;

	if (least && (above ? n <= value_float(least, 0) : n < value_float(least, 0))) {
		(void)snprintf(text, sizeof(text), "should be greater than %s%g", above ? "" : "or equal to ",
			       value_float(least, 0));
		good = refuse(j, at, v, text);
	}
	if (most && (below ? n >= value_float(most, 0) : n > value_float(most, 0))) {
		(void)snprintf(text, sizeof(text), "should be less than %s%g", below ? "" : "or equal to ",
			       value_float(most, 0));
		good = refuse(j, at, v, text);
	}
	if (value_float(step, 0) > 0 && fabs(remainder(n, value_float(step, 0))) > 1e-9) {
		(void)snprintf(text, sizeof(text), "should be a multiple of %g", value_float(step, 0));
		good = refuse(j, at, v, text);
	}
	return good;
}

static bool judge_count(struct judge *j, const struct value *schema, const struct value *v,
			const struct schema_path *at, const char *least, const char *most, const char *what)
{
	const struct value *min = value_get(schema, least), *max = value_get(schema, most);
	char text[96];
	bool good = true;

	if (min && (int64_t)value_len(v) < value_int(min, 0)) {
		(void)snprintf(text, sizeof(text), "should have at least %lld %s", (long long)value_int(min, 0), what);
		good = refuse(j, at, v, text);
	}
	if (max && (int64_t)value_len(v) > value_int(max, 0)) {
		if (j->ad)
			report_error(j->ad, at, value_mark(v), "Too many: %zu: must have at most %lld items", value_len(v),
				     (long long)value_int(max, 0));
		good = false;
	}
	return good;
}

static bool judge_required(struct judge *j, const struct value *schema, const struct value *v,
			   const struct schema_path *at)
{
	const struct value *required = value_get(schema, "required");
	bool good = true;

	for (size_t i = 0; i < value_len(required); i++) {
		const char *name = value_str_or(value_at(required, i), "");

		if (value_get(v, name))
			continue;
		good = false;
		if (j->ad)
			report_required(j->ad, AT(at, name), v, "%s", "");
	}
	return good;
}

/* Items of a set, or of a list of maps with keys, are there once. */
static void check_repeats(struct judge *j, const struct value *schema, const struct value *v,
			  const struct schema_path *at)
{
	const struct value *keys = value_get(schema, "x-kubernetes-list-map-keys");
	bool is_set = text_is(schema, "x-kubernetes-list-type", "set");
	struct value *seen = j->ad && (is_set || value_len(keys)) ? value_new_map(j->ad->arena) : NULL;

	for (size_t i = 0; seen && i < value_len(v); i++) {
		_cleanup_buf_ struct buf id = BUF_INIT;

		if (is_set)
			report_value(value_at(v, i), &id);
		for (size_t k = 0; !is_set && k < value_len(keys); k++) {
			report_value(value_get(value_at(v, i), value_str_or(value_at(keys, k), "")), &id);
			buf_putc(&id, ',');
		}
		if (id.len && seen_before(j->ad, seen, value_new_str(j->ad->arena, buf_str(&id))))
			report_duplicate(j->ad, AT_ITEM(at, i), value_at(v, i));
	}
}

static bool judge_enum(struct judge *j, const struct value *schema, const struct value *v,
		       const struct schema_path *at)
{
	const struct value *list = value_get(schema, "enum");
	_cleanup_buf_ struct buf all = BUF_INIT, shown = BUF_INIT;

	for (size_t i = 0; i < value_len(list); i++)
		if (value_equal(value_at(list, i), v))
			return true;
	if (!value_len(list))
		return true;
	for (size_t i = 0; j->ad && i < value_len(list); i++) {
		buf_puts(&all, i ? ", " : "");
		report_value(value_at(list, i), &all);
	}
	report_value(v, &shown);
	if (j->ad)
		report_error(j->ad, at, value_mark(v), "Unsupported value: %s: supported values: %s", buf_str(&shown),
			     buf_str(&all));
	return false;
}

static bool judge(struct judge *j, const struct value *schema, const struct value *v, const struct schema_path *at);

static bool has_type(const struct value *schema, const struct value *v)
{
	const char *type = text_of(schema, "type");

	switch (value_type(v)) {
	case VALUE_STRING:
		return !*type || !strcmp(type, "string");
	case VALUE_BOOL:
		return !*type || !strcmp(type, "boolean");
	case VALUE_INT:
		return !*type || !strcmp(type, "integer") || !strcmp(type, "number");
	case VALUE_FLOAT:
		return !*type || !strcmp(type, "number");
	case VALUE_LIST:
		return !*type || !strcmp(type, "array");
	case VALUE_MAP:
		return !*type || !strcmp(type, "object");
	default:
		return true;
	}
}

/* Whether a value fits a schema, all the way down. */
static bool fits(const struct value *schema, const struct value *v, unsigned depth)
{
	struct judge quiet = { .depth = depth + 1 };
	const struct value *properties = value_get(schema, "properties"), *items = value_get(schema, "items");
	bool good = depth > DEPTH_MAX || (has_type(schema, v) && judge(&quiet, schema, v, NULL));

	for (size_t i = 0; good && depth <= DEPTH_MAX && value_type(v) == VALUE_MAP && i < value_len(properties); i++) {
		const struct value *member = value_get(v, value_key_at(properties, i));

		good = !member || fits(value_at(properties, i), member, depth + 1);
	}
	for (size_t i = 0; good && depth <= DEPTH_MAX && items && value_type(v) == VALUE_LIST && i < value_len(v); i++)
		good = fits(items, value_at(v, i), depth + 1);
	return good;
}

static size_t count_fits(const struct value *list, const struct value *v, unsigned depth)
{
	size_t n = 0;

	for (size_t i = 0; i < value_len(list); i++)
		n += fits(value_at(list, i), v, depth);
	return n;
}

static bool judge_junctors(struct judge *j, const struct value *schema, const struct value *v,
			   const struct schema_path *at)
{
	const struct value *all = value_get(schema, "allOf"), *any = value_get(schema, "anyOf");
	const struct value *one = value_get(schema, "oneOf"), *none = value_get(schema, "not");
	_cleanup_buf_ struct buf path = BUF_INIT;
	const char *why = NULL;

	if (value_len(all) && count_fits(all, v, j->depth) < value_len(all))
		why = "must validate all the schemas (allOf)";
	else if (value_len(any) && !count_fits(any, v, j->depth))
		why = "must validate at least one schema (anyOf)";
	else if (value_len(one) && count_fits(one, v, j->depth) != 1)
		why = "must validate one and only one schema (oneOf)";
	else if (none && fits(none, v, j->depth))
		why = "must not validate the schema (not)";
	if (why && j->ad) {
		schema_path_format(at, &path);
		report_invalid(j->ad, at, v, "\"%s\" %s", buf_str(&path), why);
	}
	return !why;
}

static bool judge(struct judge *j, const struct value *schema, const struct value *v, const struct schema_path *at)
{
	bool good = judge_enum(j, schema, v, at);

	switch (value_type(v)) {
	case VALUE_STRING:
		good = judge_string(j, schema, v, at) && good;
		break;
	case VALUE_INT:
	case VALUE_FLOAT:
		good = judge_number(j, schema, v, at) && good;
		break;
	case VALUE_LIST:
		good = judge_count(j, schema, v, at, "minItems", "maxItems", "items") && good;
		check_repeats(j, schema, v, at);
		break;
	case VALUE_MAP:
		good = judge_count(j, schema, v, at, "minProperties", "maxProperties", "properties") && good;
		good = judge_required(j, schema, v, at) && good;
		break;
	default:
		break;
	}
	return judge_junctors(j, schema, v, at) && good;
}

void json_check(struct admit *ad, const struct value *schema, const struct value *v, const struct schema_path *at)
{
	struct judge j = { .ad = ad };

	if (!value_is_null(v)) /* it was let pass where the schema says nullable */
		(void)judge(&j, schema, v, at);
}

void json_check_default(struct admit *ad, const struct value *schema, const struct value *v, const struct schema_path *at)
{
	size_t errors = ad->diags->errors;
	struct judge j = { .ad = ad };
	char text[64];

	if (value_is_null(v) ? value_bool(value_get(schema, "nullable"), false) :
			       has_type(schema, v) && fits(schema, v, 0))
		return;
	if (value_is_null(v) || !has_type(schema, v)) {
		(void)snprintf(text, sizeof(text), "must be of type %.32s", text_of(schema, "type"));
		(void)refuse(&j, at, v, text);
		return;
	}
	(void)judge(&j, schema, v, at);
	if (ad->diags->errors == errors)
		(void)refuse(&j, at, v, "must fit the schema that it is the default of");
}
