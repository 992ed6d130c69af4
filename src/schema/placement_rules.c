/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/pod_rules.h"

enum { APP_ARMOR_NAME_MAX = 4095 };

static bool is(const struct value *v, const char *s)
{
	return strcmp(value_str_or(v, ""), s) == 0;
}

void node_requirement_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *op = value_get(v, "operator");
	const struct value *values = value_get(v, "values");

	if ((is(op, "In") || is(op, "NotIn")) && !value_len(values))
		report_required(ad, AT(at, "values"), op, "must be specified when `operator` is 'In' or 'NotIn'");
	if ((is(op, "Exists") || is(op, "DoesNotExist")) && value_len(values))
		report_forbidden(ad, AT(at, "values"), values,
				 "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	if ((is(op, "Gt") || is(op, "Lt")) && value_len(values) != 1)
		report_required(ad, AT(at, "values"), op, "must be specified single value when `operator` is 'Lt' or 'Gt'");
}

/* A node's fields can be matched by its name alone. */
void node_term_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *fields = value_get(v, "matchFields");

	for (size_t i = 0; i < value_len(fields); i++) {
		const struct value *r = value_at(fields, i);
		const struct schema_path *item = AT_ITEM(AT(at, "matchFields"), i);

		if (value_len(value_get(r, "key")) && !is(value_get(r, "key"), "metadata.name"))
			report_invalid(ad, AT(item, "key"), value_get(r, "key"), "not a valid field selector key");
		if (!is(value_get(r, "operator"), "In") && !is(value_get(r, "operator"), "NotIn"))
			report_invalid(ad, AT(item, "operator"), value_get(r, "operator"), "not a valid selector operator");
		else if (value_len(value_get(r, "values")) != 1)
			report_required(ad, AT(item, "values"), r,
					"must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
		else
			check_text(ad, value_at(value_get(r, "values"), 0), AT_ITEM(AT(item, "values"), 0),
				   format_dns_subdomain);
	}
}

/* What a pod prefers may be what no label can be; what it requires may not. */
void node_selector_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *terms = value_get(v, "nodeSelectorTerms");

	for (size_t i = 0; i < value_len(terms); i++) {
		const struct value *list = value_get(value_at(terms, i), "matchExpressions");
		const struct schema_path *term = AT(AT_ITEM(AT(at, "nodeSelectorTerms"), i), "matchExpressions");

		for (size_t k = 0; k < value_len(list); k++) {
			const struct value *values = value_get(value_at(list, k), "values");

			for (size_t n = 0; n < value_len(values); n++)
				check_text(ad, value_at(values, n), AT_ITEM(AT(AT_ITEM(term, k), "values"), n),
					   format_label_value);
		}
	}
}

static bool selects_key(const struct value *selector, const char *key)
{
	const struct value *list = value_get(selector, "matchExpressions");

	for (size_t i = 0; i < value_len(list); i++)
		if (is(value_get(value_at(list, i), "key"), key))
			return true;
	return value_path(selector, "matchLabels", key) != NULL;
}

static bool lists(const struct value *list, const char *s)
{
	for (size_t i = 0; i < value_len(list); i++)
		if (is(value_at(list, i), s))
			return true;
	return false;
}

/* Keys whose values are taken from the pod: K8S:ValidateMatchLabelKeysAndMismatchLabelKeys. */
static void check_label_keys(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const names[] = { "matchLabelKeys", "mismatchLabelKeys" };
	const struct value *selector = value_get(v, "labelSelector");
	const struct value *keys = value_get(v, "matchLabelKeys"), *others = value_get(v, "mismatchLabelKeys");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (value_len(value_get(v, names[i])) && !selector)
			report_forbidden(ad, AT(at, names[i]), value_get(v, names[i]),
					 "must not be specified when labelSelector is not set");
	for (size_t i = 0; i < value_len(keys); i++) {
		const struct value *key = value_at(keys, i);
		const struct schema_path *item = AT_ITEM(AT(at, "matchLabelKeys"), i);

		if (selects_key(selector, value_str_or(key, "")))
			report_invalid(ad, item, key, "exists in both matchLabelKeys and labelSelector");
		if (lists(others, value_str_or(key, "")))
			report_invalid(ad, item, key, "exists in both matchLabelKeys and mismatchLabelKeys");
	}
}

void affinity_term_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (!value_get(v, "labelSelector"))
		report_warning(ad, AT(at, "labelSelector"), value_mark(v), "a null labelSelector results in matching no pod");
	check_label_keys(ad, v, at);
}

void toleration_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *op = value_get(v, "operator");
	const struct value *value = value_get(v, "value");
	const char *why;

	if (!value_get(v, "key") && !is(op, "Exists"))
		report_invalid(ad, AT(at, "operator"), op ? op : v,
			       "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
	if (value_get(v, "tolerationSeconds") && !is(value_get(v, "effect"), "NoExecute"))
		report_invalid(ad, AT(at, "effect"), value_get(v, "effect") ? value_get(v, "effect") : v,
			       "effect must be 'NoExecute' when `tolerationSeconds` is set");
	if (is(op, "Exists")) {
		if (value_len(value))
			report_invalid(ad, AT(at, "operator"), value, "value must be empty when `operator` is 'Exists'");
	} else if (value) {
		why = format_label_value(value_str_or(value, ""), value_len(value));
		if (why)
			report_invalid(ad, AT(at, "value"), value, "%s", why);
	}
}

void spread_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *skew = value_get(v, "maxSkew"), *domains = value_get(v, "minDomains");
	const char *action = value_str_or(value_get(v, "whenUnsatisfiable"), "");

	if (value_int(skew, 0) <= 0)
		report_invalid(ad, AT(at, "maxSkew"), skew ? skew : v, "must be greater than zero");
	if (domains && value_int(domains, 0) <= 0)
		report_invalid(ad, AT(at, "minDomains"), domains, "must be greater than zero");
	if (domains && strcmp(action, "DoNotSchedule") != 0)
		report_invalid(ad, AT(at, "minDomains"), domains,
			       "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not %s", action);
	check_label_keys(ad, v, at);
}

static void check_profile(struct admit *ad, const struct value *v, const struct schema_path *at, const char *what)
{
	const struct value *profile = value_get(v, "localhostProfile");
	bool local = is(value_get(v, "type"), "Localhost");

	if (local && !value_len(profile))
		report_required(ad, AT(at, "localhostProfile"), v, "must be set when %s type is Localhost", what);
	else if (!local && profile)
		report_invalid(ad, AT(at, "localhostProfile"), profile, "can only be set when %s type is Localhost", what);
}

void seccomp_profile_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_profile(ad, v, at, "seccomp");
	check_member(ad, v, at, "localhostProfile", format_local_path);
}

/* The profile is a name of the kernel's, which may look like a path. */
void app_armor_profile_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *profile = value_get(v, "localhostProfile");
	const char *s = value_str_or(profile, "");
	size_t len = value_len(profile);

	check_profile(ad, v, at, "AppArmor");
	if (len && (strchr(" \t\n\v\f\r", s[0]) || strchr(" \t\n\v\f\r", s[len - 1])))
		report_invalid(ad, AT(at, "localhostProfile"), profile, "must not be padded with whitespace");
	if (len > APP_ARMOR_NAME_MAX)
		report_too_long(ad, AT(at, "localhostProfile"), profile, "may not be more than %d bytes", APP_ARMOR_NAME_MAX);
}

void sysctls_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	unique_check(ad, v, "name", at);
}

/* As the API server compares: SYS_ADMIN, which runtimes take for the same, is let pass. */
static bool adds_admin(const struct value *v)
{
	const struct value *add = value_path(v, "capabilities", "add");

	for (size_t i = 0; i < value_len(add); i++)
		if (is(value_at(add, i), "CAP_SYS_ADMIN"))
			return true;
	return false;
}

void security_context_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *escalation = value_get(v, "allowPrivilegeEscalation");

	if (value_bool(escalation, true))
		return;
	if (value_bool(value_get(v, "privileged"), false))
		report_invalid(ad, AT(at, "allowPrivilegeEscalation"), escalation,
			       "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
	if (adds_admin(v))
		report_invalid(ad, AT(at, "allowPrivilegeEscalation"), escalation,
			       "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN");
}
