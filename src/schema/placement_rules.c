/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schema/format.h"
#include "schema/meta_rules.h"
#include "schema/pod_rules.h"

static bool is(const struct value *v, const char *s)
{
	return strcmp(value_str_or(v, ""), s) == 0;
}

static bool is_decimal(const struct value *v)
{
	const char *s = value_str_or(v, "");

	s += *s == '-';
	return *s && strlen(s) < 19 && strspn(s, "0123456789") == strlen(s);
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
	if (!is(op, "Gt") && !is(op, "Lt"))
		return;
	if (value_len(values) != 1)
		report_required(ad, AT(at, "values"), op, "must be specified single value when `operator` is 'Lt' or 'Gt'");
	else if (!is_decimal(value_at(values, 0)))
		report_invalid(ad, AT_ITEM(AT(at, "values"), 0), value_at(values, 0), "must be an integer");
}

/* A node's fields can be matched by its name alone. */
void node_term_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *fields = value_get(v, "matchFields");

	for (size_t i = 0; i < value_len(fields); i++) {
		const struct value *r = value_at(fields, i);
		const struct schema_path *item = AT_ITEM(AT(at, "matchFields"), i);

		if (value_len(value_get(r, "key")) && !is(value_get(r, "key"), "metadata.name"))
			report_invalid(ad, AT(item, "key"), value_get(r, "key"), "not a valid field selector key: metadata.name is");
		if (!is(value_get(r, "operator"), "In") && !is(value_get(r, "operator"), "NotIn"))
			report_invalid(ad, AT(item, "operator"), value_get(r, "operator"), "must be In or NotIn");
		else if (value_len(value_get(r, "values")) != 1)
			report_required(ad, AT(item, "values"), r, "must be only one value");
	}
}

void affinity_term_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (!value_get(v, "labelSelector"))
		report_warning(ad, AT(at, "labelSelector"), value_mark(v), "a null labelSelector results in matching no pod");
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
	} else if (is(op, "Gt") || is(op, "Lt")) {
		if (!is_decimal(value))
			report_invalid(ad, AT(at, "value"), value ? value : v, "must be a decimal integer");
	} else if (value) {
		why = format_label_value(value_str_or(value, ""), value_len(value));
		if (why)
			report_invalid(ad, AT(at, "value"), value, "%s", why);
	}
}

void spread_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *domains = value_get(v, "minDomains");

	if (domains && !is(value_get(v, "whenUnsatisfiable"), "DoNotSchedule"))
		report_invalid(ad, AT(at, "minDomains"), domains,
			       "can only use minDomains if whenUnsatisfiable=DoNotSchedule");
}

void profile_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *profile = value_get(v, "localhostProfile");
	bool local = is(value_get(v, "type"), "Localhost");

	if (local && !value_len(profile))
		report_required(ad, AT(at, "localhostProfile"), v, "must be set when type is Localhost");
	else if (!local && profile)
		report_invalid(ad, AT(at, "localhostProfile"), profile, "can only be set when type is Localhost");
	else if (profile && format_local_path(value_str_or(profile, ""), value_len(profile)))
		report_invalid(ad, AT(at, "localhostProfile"), profile, "must be a relative path without '..'");
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
			       "cannot be false when `privileged` is true");
	if (adds_admin(v))
		report_invalid(ad, AT(at, "allowPrivilegeEscalation"), escalation,
			       "cannot be false when `capabilities.add` includes CAP_SYS_ADMIN");
}
