/* SPDX-License-Identifier: Apache-2.0 */
/* Policies of admission. Facts: K8S:pkg/apis/admissionregistration/validation/validation.go. */
#include "schema/admission_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/table.h"

enum { CONDITIONS_MAX = 64, AUDIT_ANNOTATIONS_MAX = 20, AUDIT_EXPRESSION_MAX = 5 * 1024 };

static bool is_blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == 0;
}

/* "Required value" for what is absent or blank. */
static bool check_words(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
			const char *text)
{
	if (!is_blank(text_of(v, key)))
		return true;
	report_required(ad, AT(at, key), value_get(v, key) ? value_get(v, key) : v, "%s", text);
	return false;
}

void match_conditions_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_at_most(ad, v, at, CONDITIONS_MAX);
	unique_check(ad, v, "name", at);
	for (size_t i = 0; i < value_len(v); i++) {
		check_words(ad, value_at(v, i), AT_ITEM(at, i), "expression", "");
		check_name_of(ad, value_at(v, i), AT_ITEM(at, i), "name", format_qualified_name);
	}
}

void param_kind_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *version = value_get(v, "apiVersion"), *kind = value_get(v, "kind");
	const char *s = value_str_or(version, ""), *slash = strchr(s, '/');
	const char *group = slash ? arena_memdup(ad->arena, s, (size_t)(slash - s)) : "";
	const char *name = slash ? slash + 1 : s, *why;
	char lower[64];
	size_t n = 0;

	if (check_required(ad, v, at, "apiVersion", "") && group) {
		why = *group ? format_dns_subdomain(group, strlen(group)) : NULL;
		if (!why)
			why = *name ? format_dns_1035_label(name, strlen(name)) : "version must be specified";
		if (why)
			report_invalid(ad, AT(at, "apiVersion"), version, "%s", why);
	}
	if (!check_required(ad, v, at, "kind", ""))
		return;
	for (const char *p = value_str_or(kind, ""); *p && n < sizeof(lower) - 1; p++)
		lower[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
	lower[n] = 0;
	if (value_len(kind) != n || format_dns_1035_label(lower, n))
		report_invalid(ad, AT(at, "kind"), kind, "may have mixed case, but should otherwise match: %s",
			       value_len(kind) != n ? "must be no more than 63 bytes" : format_dns_1035_label(lower, n));
}

void param_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *name = value_get(v, "name"), *selector = value_get(v, "selector");

	check_text(ad, name, AT(at, "name"), format_path_segment);
	if (value_len(name) && selector) {
		report_forbidden(ad, AT(at, "name"), name, "name and selector are mutually exclusive");
		report_forbidden(ad, AT(at, "selector"), selector, "name and selector are mutually exclusive");
	}
	if (!value_len(name) && !selector)
		report_required(ad, at, v, "one of name or selector must be specified");
	if (check_required(ad, v, at, "parameterNotFoundAction", ""))
		check_one_of(ad, v, at, "parameterNotFoundAction", NAMES("Deny", "Allow"));
}

void validation_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const optional[] = { "message", "messageExpression" };

	check_words(ad, v, at, "expression", "expression is not specified");
	for (size_t i = 0; i < ARRAY_SIZE(optional); i++)
		if (value_len(value_get(v, optional[i])) && is_blank(text_of(v, optional[i])))
			report_invalid(ad, AT(at, optional[i]), value_get(v, optional[i]), "must be non-empty if specified");
	if (!is_blank(text_of(v, "message")) && strpbrk(text_of(v, "message"), "\r\n"))
		report_invalid(ad, AT(at, "message"), value_get(v, "message"), "must not contain line breaks");
	check_one_of(ad, v, at, "reason", NAMES("Forbidden", "Invalid", "RequestEntityTooLarge"));
}

static bool is_identifier(const char *s)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return strspn(s, letters) == strlen(s) && !(*s >= '0' && *s <= '9');
}

void variable_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (check_words(ad, v, at, "name", "name is not specified") && !is_identifier(text_of(v, "name")))
		report_invalid(ad, AT(at, "name"), value_get(v, "name"), "must be a valid CEL identifier");
	check_words(ad, v, at, "expression", "expression is not specified");
}

void mutation_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	bool patch = text_is(v, "patchType", "JSONPatch");
	const char *needed = patch ? "jsonPatch" : "applyConfiguration";
	const char *other = patch ? "applyConfiguration" : "jsonPatch";

	if (!check_one_of(ad, v, at, "patchType", NAMES("ApplyConfiguration", "JSONPatch")) || !value_get(v, "patchType"))
		return;
	if (!value_get(v, needed))
		report_required(ad, AT(at, needed), v, "must be specified when patchType is %s", text_of(v, "patchType"));
	else
		check_words(ad, value_get(v, needed), AT(at, needed), "expression", "expression is not specified");
	if (value_get(v, other))
		report_error(ad, AT(at, other), value_mark(value_get(v, other)),
			     "Invalid value: \"{%s}\": must not be specified when patchType is %s", other,
			     text_of(v, "patchType"));
}

/* --- policies --- */

static void check_policy(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *constraints = value_get(spec, "matchConstraints");

	if (check_required(ad, spec, at, "matchConstraints", ""))
		check_required(ad, constraints, AT(at, "matchConstraints"), "resourceRules", "");
	match_conditions_check(ad, value_get(spec, "matchConditions"), AT(at, "matchConditions"));
}

static void check_audit_annotations(struct admit *ad, const struct value *root, const struct schema_path *at)
{
	const struct value *list = value_path(root, "spec", "auditAnnotations");
	const char *name = value_str_or(value_path(root, "metadata", "name"), "");

	if (value_len(list) > AUDIT_ANNOTATIONS_MAX)
		report_invalid(ad, at, list, "must not have more than %d auditAnnotations", AUDIT_ANNOTATIONS_MAX);
	unique_check(ad, list, "key", at);
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *item = value_at(list, i);
		char *key = arena_printf(ad->arena, "%s/%s", name, text_of(item, "key"));

		if (key && *name && format_qualified_name(key, strlen(key)))
			report_invalid(ad, AT(AT_ITEM(at, i), "key"), value_get(item, "key") ? value_get(item, "key") : item,
				       "%s", format_qualified_name(key, strlen(key)));
		if (check_words(ad, item, AT_ITEM(at, i), "valueExpression", "valueExpression is not specified") &&
		    value_len(value_get(item, "valueExpression")) > AUDIT_EXPRESSION_MAX)
			report_required(ad, AT(AT_ITEM(at, i), "valueExpression"), item, "must not exceed %d bytes in length",
					AUDIT_EXPRESSION_MAX);
	}
}

void validating_policy_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char text[] = "validations or auditAnnotations must contain at least one item";
	const struct value *spec = value_get(v, "spec");
	const struct schema_path *path = AT(at, "spec");

	check_policy(ad, spec, path);
	if (!value_len(value_get(spec, "validations")) && !value_len(value_get(spec, "auditAnnotations"))) {
		report_required(ad, AT(path, "validations"), spec, "%s", text);
		report_required(ad, AT(path, "auditAnnotations"), spec, "%s", text);
	}
	check_audit_annotations(ad, v, AT(path, "auditAnnotations"));
}

/* Only what creates or updates can be mutated. */
static void check_operations(struct admit *ad, const struct value *match, const struct schema_path *at)
{
	const struct value *rules = value_get(match, "resourceRules");

	for (size_t i = 0; i < value_len(rules); i++) {
		const struct value *operations = value_get(value_at(rules, i), "operations");

		for (size_t k = 0; k < value_len(operations); k++)
			if (!strcmp(value_str_or(value_at(operations, k), ""), "DELETE"))
				report_unsupported(ad, AT(AT(at, "resourceRules"), "operations"), value_at(operations, k),
						   NAMES("*", "CONNECT", "CREATE", "UPDATE"));
	}
}

void mutating_policy_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *spec = value_get(v, "spec");
	const struct schema_path *path = AT(at, "spec");

	check_policy(ad, spec, path);
	check_operations(ad, value_get(spec, "matchConstraints"), AT(path, "matchConstraints"));
	check_required(ad, spec, path, "mutations", "mutations must contain at least one item");
	check_required(ad, spec, path, "reinvocationPolicy", "");
}

/* --- bindings --- */

void policy_binding_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *actions = value_get(v, "validationActions");
	const struct schema_path *path = AT(at, "validationActions");

	check_name_of(ad, v, at, "policyName", format_dns_subdomain);
	check_required(ad, v, at, "validationActions", "at least one validation action is required");
	check_unique_items(ad, actions, path);
	if (list_has(actions, "Deny") && list_has(actions, "Warn"))
		report_invalid(ad, path, actions,
			       "must not contain both Deny and Warn (repeating the same validation failure information in "
			       "the API response and headers serves no purpose)");
}

void mutating_binding_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_name_of(ad, v, at, "policyName", format_dns_subdomain);
	check_operations(ad, value_get(v, "matchResources"), AT(at, "matchResources"));
}
