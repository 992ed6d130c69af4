/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomResourceDefinition and APIService. Facts:
 * K8S:apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go and v1/defaults.go,
 * kube-aggregator/pkg/apis/apiregistration/validation/validation.go.
 */
#include "schema/extension_rules.h"

#include <ctype.h>
#include <string.h>

#include "schema/admission_rules.h"
#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/table.h"

enum { SELECTABLE_MAX = 8, WARNING_MAX = 256 };

static char *lower_case(struct admit *ad, const char *s)
{
	char *out = arena_memdup(ad->arena, s, strlen(s));

	for (char *p = out; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

/* --- defaults --- */

void definition_spec_defaults(struct admit *ad, struct value *v)
{
	struct value *names = value_get(v, "names");
	const char *kind = text_of(names, "kind");

	if (*kind && !value_len(value_get(names, "singular")))
		value_set_str(ad->arena, names, "singular", lower_case(ad, kind));
	if (*kind && !value_len(value_get(names, "listKind")))
		value_set(ad->arena, names, "listKind", value_new_strf(ad->arena, "%sList", kind));
	if (!value_get(v, "conversion"))
		value_set_str(ad->arena, value_set_map(ad->arena, v, "conversion"), "strategy", "None");
}

static void add_condition(struct admit *ad, struct value *list, const char *type, const char *reason, const char *text)
{
	struct value *c = value_append(ad->arena, list, value_new_map(ad->arena));

	value_set_str(ad->arena, c, "type", type);
	value_set_str(ad->arena, c, "status", "True");
	value_set_str(ad->arena, c, "reason", reason);
	value_set_str(ad->arena, c, "message", text);
}

/* Its names are taken at once: what is defined may be written in the next breath. */
void definition_initial_status(struct admit *ad, struct value *root)
{
	const struct value *spec = value_get(root, "spec"), *versions = value_get(spec, "versions");
	struct value *status = value_set_map(ad->arena, root, "status");
	struct value *list = value_set_list(ad->arena, status, "conditions");

	for (size_t i = 0; i < value_len(versions); i++)
		if (value_bool(value_get(value_at(versions, i), "storage"), false)) {
			value_append(ad->arena, value_set_list(ad->arena, status, "storedVersions"),
				     value_copy(ad->arena, value_get(value_at(versions, i), "name")));
			break;
		}
	if (value_get(spec, "names"))
		value_set(ad->arena, status, "acceptedNames", value_copy(ad->arena, value_get(spec, "names")));
	if (value_len(list))
		return;
	add_condition(ad, list, "NamesAccepted", "NoConflicts", "no conflicts found");
	add_condition(ad, list, "Established", "InitialNamesAccepted", "the initial names have been accepted");
}

/* --- rules --- */

void definition_names_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const labels[] = { "plural", "singular" };
	static const char *const kinds[] = { "kind", "listKind" };
	const struct value *shorts = value_get(v, "shortNames"), *categories = value_get(v, "categories");

	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		check_name_of(ad, v, at, labels[i], format_dns_1035_label);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *lower = lower_case(ad, text_of(v, kinds[i]));
		const char *why = lower && *lower ? format_dns_1035_label(lower, strlen(lower)) : NULL;

		check_required(ad, v, at, kinds[i], "");
		if (why)
			report_invalid(ad, AT(at, kinds[i]), value_get(v, kinds[i]),
				       "may have mixed case, but should otherwise match: %s", why);
	}
	if (value_len(value_get(v, "kind")) && same_value(value_get(v, "kind"), value_get(v, "listKind")))
		report_invalid(ad, AT(at, "listKind"), value_get(v, "listKind"), "kind and listKind may not be the same");
	for (size_t i = 0; i < value_len(shorts); i++)
		check_text(ad, value_at(shorts, i), AT_ITEM(AT(at, "shortNames"), i), format_dns_1035_label);
	for (size_t i = 0; i < value_len(categories); i++)
		check_text(ad, value_at(categories, i), AT_ITEM(AT(at, "categories"), i), format_dns_1035_label);
}

static void check_versions(struct admit *ad, const struct value *versions, const struct schema_path *at)
{
	struct value *seen = value_new_map(ad->arena);
	size_t stored = 0;
	bool unique = true;

	for (size_t i = 0; i < value_len(versions); i++) {
		const struct value *version = value_at(versions, i);

		stored += value_bool(value_get(version, "storage"), false);
		unique = !seen_before(ad, seen, value_get(version, "name")) && unique;
		if (!value_path(version, "schema", "openAPIV3Schema"))
			report_required(ad, AT(AT(AT_ITEM(at, i), "schema"), "openAPIV3Schema"), version, "%s", "");
	}
	if (!unique)
		report_error(ad, at, value_mark(versions), "Invalid value: must contain unique version names");
	if (stored != 1)
		report_error(ad, at, value_mark(versions),
			     "Invalid value: must have exactly one version marked as storage version");
}

void definition_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *group = value_get(v, "group");

	if (check_name_of(ad, v, at, "group", format_dns_subdomain) && !strchr(value_str_or(group, ""), '.'))
		report_invalid(ad, AT(at, "group"), group, "should be a domain with at least one dot");
	if (value_bool(value_get(v, "preserveUnknownFields"), false))
		report_invalid(ad, AT(at, "preserveUnknownFields"), value_get(v, "preserveUnknownFields"),
			       "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
			       "spec.versions[*].schema instead");
	check_versions(ad, value_get(v, "versions"), AT(at, "versions"));
}

void definition_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char approved[] = "api-approved.kubernetes.io";
	const struct value *spec = value_get(v, "spec"), *name = value_path(v, "metadata", "name");
	const char *group = text_of(spec, "group");
	char *wanted = arena_printf(ad->arena, "%s.%s", text_of(value_get(spec, "names"), "plural"), group);
	size_t len = strlen(group);

	if (wanted && value_len(name) && strcmp(wanted, value_str_or(name, "")) != 0)
		report_invalid(ad, AT(AT(at, "metadata"), "name"), name, "must be spec.names.plural+\".\"+spec.group");
	if (((len > 7 && !strcmp(group + len - 7, ".k8s.io")) ||
	     (len > 14 && !strcmp(group + len - 14, ".kubernetes.io"))) &&
	    !value_len(value_get(value_path(v, "metadata", "annotations"), approved)))
		report_required(ad, AT_KEY(AT(AT(at, "metadata"), "annotations"), approved), value_get(spec, "group"),
				"protected groups must have approval annotation \"%s\", see "
				"https://github.com/kubernetes/enhancements/pull/1111", approved);
}

void definition_version_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *warning = value_get(v, "deprecationWarning"), *fields = value_get(v, "selectableFields");

	check_member(ad, v, at, "name", format_dns_1035_label);
	if (warning && !value_bool(value_get(v, "deprecated"), false))
		report_invalid(ad, AT(at, "deprecationWarning"), warning, "can only be set for deprecated versions");
	if (value_len(warning) > WARNING_MAX)
		report_invalid(ad, AT(at, "deprecationWarning"), warning, "must be <= %d characters long", WARNING_MAX);
	check_at_most(ad, fields, AT(at, "selectableFields"), SELECTABLE_MAX);
	unique_check(ad, fields, "jsonPath", AT(at, "selectableFields"));
}

void definition_scale_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const struct {
		const char *name, *prefix, *text;
	} paths[] = {
		{ "specReplicasPath", ".spec.", "should be a json path under .spec" },
		{ "statusReplicasPath", ".status.", "should be a json path under .status" },
	};
	const char *selector = text_of(v, "labelSelectorPath");

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (check_required(ad, v, at, paths[i].name, "") &&
		    strncmp(text_of(v, paths[i].name), paths[i].prefix, strlen(paths[i].prefix)) != 0)
			report_invalid(ad, AT(at, paths[i].name), value_get(v, paths[i].name), "%s", paths[i].text);
	if (*selector && strncmp(selector, ".spec.", 6) != 0 && strncmp(selector, ".status.", 8) != 0)
		report_invalid(ad, AT(at, "labelSelectorPath"), value_get(v, "labelSelectorPath"),
			       "should be a json path under either .spec or .status");
}

void definition_column_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *path = text_of(v, "jsonPath");

	if (value_len(value_get(v, "type")))
		check_one_of(ad, v, at, "type", NAMES("boolean", "date", "integer", "number", "string"));
	if (value_len(value_get(v, "format")))
		check_one_of(ad, v, at, "format",
			     NAMES("byte", "date", "date-time", "double", "float", "int32", "int64", "password"));
	if (*path && *path != '.')
		report_invalid(ad, AT(at, "jsonPath"), value_get(v, "jsonPath"), "must be a simple json path starting with .");
}

void definition_conversion_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *webhook = value_get(v, "webhook"), *client = value_get(webhook, "clientConfig");
	const struct schema_path *path = AT(at, "webhook");

	if (!value_get(v, "strategy") || !check_one_of(ad, v, at, "strategy", NAMES("None", "Webhook")))
		return;
	if (text_is(v, "strategy", "None")) {
		if (webhook)
			report_forbidden(ad, path, webhook, "should not be set when strategy is not set to Webhook");
		return;
	}
	if (!client)
		report_required(ad, AT(path, "clientConfig"), webhook ? webhook : v,
				"required when strategy is set to Webhook");
	else
		webhook_client_check(ad, client, AT(path, "clientConfig"));
	if (webhook)
		review_versions_check(ad, webhook, path, "conversionReviewVersions");
}

void definition_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *was = value_get(old, "spec"), *is = value_get(now, "spec");
	const struct schema_path *at = AT(NULL, "spec"), *names = AT(at, "names");

	check_same(ad, was, is, at, "scope");
	check_same(ad, was, is, at, "group");
	check_same(ad, value_get(was, "names"), value_get(is, "names"), names, "kind");
	check_same(ad, value_get(was, "names"), value_get(is, "names"), names, "plural");
}

/* --- APIService --- */

static void check_local(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_len(value_get(v, "caBundle")))
		report_error(ad, AT(at, "caBundle"), value_mark(value_get(v, "caBundle")),
			     "Invalid value: local APIServices may not have a caBundle");
	if (value_bool(value_get(v, "insecureSkipTLSVerify"), false))
		report_invalid(ad, AT(at, "insecureSkipTLSVerify"), value_get(v, "insecureSkipTLSVerify"),
			       "local APIServices may not have insecureSkipTLSVerify");
}

void api_service_check(struct admit *ad, const struct value *root, const struct schema_path *top)
{
	const struct value *v = value_get(root, "spec"), *service = value_get(v, "service");
	const struct value *name = value_path(root, "metadata", "name");
	const struct value *group = value_get(v, "groupPriorityMinimum"), *priority = value_get(v, "versionPriority");
	const struct schema_path *at = AT(top, "spec");
	char *wanted = arena_printf(ad->arena, "%s.%s", text_of(v, "version"), text_of(v, "group"));

	if (wanted && value_len(name) && strcmp(wanted, value_str_or(name, "")) != 0)
		report_invalid(ad, AT(AT(top, "metadata"), "name"), name,
			       "must be `spec.version+\".\"+spec.group`: \"%s\"", wanted);
	if (!value_len(value_get(v, "group")) && !text_is(v, "version", "v1"))
		report_required(ad, AT(at, "group"), v, "only v1 may have an empty group and it better be legacy kube");
	check_member(ad, v, at, "group", format_dns_subdomain);
	check_name_of(ad, v, at, "version", format_dns_1035_label);
	if (group && (value_int(group, 0) <= 0 || value_int(group, 0) > 20000))
		report_invalid(ad, AT(at, "groupPriorityMinimum"), group, "must be positive and less than 20000");
	if (priority && (value_int(priority, 0) <= 0 || value_int(priority, 0) > 1000))
		report_invalid(ad, AT(at, "versionPriority"), priority, "must be positive and less than 1000");
	if (!service) {
		check_local(ad, v, at);
		return;
	}
	check_required(ad, service, AT(at, "service"), "namespace", "");
	check_required(ad, service, AT(at, "service"), "name", "");
	check_between(ad, service, AT(at, "service"), "port", 1, 65535);
	if (value_bool(value_get(v, "insecureSkipTLSVerify"), false) && value_len(value_get(v, "caBundle")))
		report_invalid(ad, AT(at, "insecureSkipTLSVerify"), value_get(v, "insecureSkipTLSVerify"),
			       "may not be true if caBundle is present");
}
