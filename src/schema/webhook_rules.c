/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Webhooks. Facts: K8S:pkg/apis/admissionregistration/validation/validation.go, apiserver/pkg/util/webhook.
 */
#include <string.h>

#include "schema/admission_rules.h"
#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/table.h"

/* --- clients --- */

static void check_url(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char form[] = "; desired format: https://host[/path]";
	const char *s = value_str_or(v, ""), *host = s + strlen("https://");

	if (strncmp(s, "https://", strlen("https://")) != 0) {
		report_invalid(ad, at, v, "'https' is the only allowed URL scheme%s", form);
		return;
	}
	if (!*host || *host == '/' || *host == '?' || *host == '#')
		report_invalid(ad, at, v, "host must be specified%s", form);
	if (memchr(host, '@', strcspn(host, "/?#")))
		report_invalid(ad, at, v, "user information is not permitted in the URL");
	if (strchr(host, '#'))
		report_invalid(ad, at, v, "fragments are not permitted in the URL");
	if (host[strcspn(host, "?#")] == '?')
		report_invalid(ad, at, v, "query parameters are not permitted in the URL");
}

static void check_url_path(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *s = value_str_or(v, "");
	size_t n, i = 0;

	if (!*s || !strcmp(s, "/"))
		return;
	if (*s != '/')
		report_invalid(ad, at, v, "must start with a '/'");
	for (s++;; s += n + 1, i++) {
		char *step;

		n = strcspn(s, "/");
		step = arena_memdup(ad->arena, s, n);
		if (!step || (!n && !s[n] && i))
			return;
		if (!n)
			report_invalid(ad, at, v, "segment[%zu] may not be empty", i);
		else if (format_dns_subdomain(step, n))
			report_invalid(ad, at, v, "segment[%zu]: %s", i, format_dns_subdomain(step, n));
		if (!s[n])
			return;
	}
}

void webhook_client_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *url = value_get(v, "url"), *service = value_get(v, "service");
	const struct schema_path *path = AT(at, "service");

	if (!url == !service) {
		report_required(ad, at, v, "exactly one of url or service is required");
	} else if (url) {
		check_url(ad, url, AT(at, "url"));
	} else {
		check_required(ad, service, path, "name", "");
		check_required(ad, service, path, "namespace", "");
		check_between(ad, service, path, "port", 1, 65535);
		check_url_path(ad, value_get(service, "path"), AT(path, "path"));
	}
}

void review_versions_check(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key)
{
	const struct value *versions = value_get(v, key);
	struct value *seen = value_new_map(ad->arena);

	if (!check_required(ad, v, at, key, "must specify one of v1, v1beta1"))
		return;
	for (size_t i = 0; i < value_len(versions); i++) {
		const struct schema_path *path = AT_ITEM(AT(at, key), i);

		if (seen_before(ad, seen, value_at(versions, i)))
			report_invalid(ad, path, value_at(versions, i), "duplicate version");
		else
			check_text(ad, value_at(versions, i), path, format_dns_1035_label);
	}
	if (!list_has(versions, "v1") && !list_has(versions, "v1beta1"))
		report_invalid(ad, AT(at, key), versions, "must include at least one of v1, v1beta1");
}

/* --- rules --- */

static void check_star(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		       const char *what)
{
	const struct value *list = value_get(v, key);

	if (!check_required(ad, v, at, key, ""))
		return;
	if (value_len(list) > 1 && list_has(list, "*"))
		report_invalid(ad, AT(at, key), list, "if '*' is present, must not specify other %s", what);
}

static void check_resources(struct admit *ad, const struct value *list, const struct schema_path *at)
{
	struct value *whole = value_new_map(ad->arena), *of_all = value_new_map(ad->arena);
	bool plain = false;

	for (size_t i = 0; i < value_len(list); i++) {
		const char *s = value_str_or(value_at(list, i), ""), *slash = strchr(s, '/');
		const char *resource = slash ? arena_memdup(ad->arena, s, (size_t)(slash - s)) : NULL;

		if (!*s)
			report_required(ad, AT_ITEM(at, i), value_at(list, i), "%s", "");
		if (!slash)
			plain = plain || strcmp(s, "*") != 0;
		if (!resource)
			continue;
		if (value_get(whole, resource))
			report_invalid(ad, AT_ITEM(at, i), value_at(list, i), "if '%s/*' is present, must not specify %s",
				       resource, s);
		if (value_get(of_all, slash + 1))
			report_invalid(ad, AT_ITEM(at, i), value_at(list, i), "if '*/%s' is present, must not specify %s",
				       slash + 1, s);
		if (!strcmp(slash + 1, "*"))
			value_set_bool(ad->arena, whole, resource, true);
		if (!strcmp(resource, "*"))
			value_set_bool(ad->arena, of_all, slash + 1, true);
	}
	if (value_len(list) > 1 && list_has(list, "*/*"))
		report_invalid(ad, at, list, "if '*/*' is present, must not specify other resources");
	if (list_has(list, "*") && plain)
		report_invalid(ad, at, list,
			       "if '*' is present, must not specify other resources without subresources");
}

/* A RuleWithOperations, or one with resourceNames. */
void rule_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *operations = value_get(v, "operations"), *versions = value_get(v, "apiVersions");
	const struct value *names = value_get(v, "resourceNames");
	const char *const *all = NAMES("*", "CONNECT", "CREATE", "DELETE", "UPDATE");

	check_star(ad, v, at, "operations", "operations");
	for (size_t i = 0; i < value_len(operations); i++) {
		const char *const *o = all;

		while (*o && strcmp(*o, value_str_or(value_at(operations, i), "")) != 0)
			o++;
		if (!*o)
			report_unsupported(ad, AT_ITEM(AT(at, "operations"), i), value_at(operations, i), all);
	}
	check_star(ad, v, at, "apiGroups", "API groups");
	check_star(ad, v, at, "apiVersions", "API versions");
	for (size_t i = 0; i < value_len(versions); i++)
		if (!value_len(value_at(versions, i)))
			report_required(ad, AT_ITEM(AT(at, "apiVersions"), i), value_at(versions, i), "%s", "");
	if (check_required(ad, v, at, "resources", ""))
		check_resources(ad, value_get(v, "resources"), AT(at, "resources"));
	for (size_t i = 0; i < value_len(names); i++)
		check_text(ad, value_at(names, i), AT_ITEM(AT(at, "resourceNames"), i), format_path_segment);
	check_unique_items(ad, names, AT(at, "resourceNames"));
}

/* --- webhooks --- */

void webhook_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *name = value_get(v, "name"), *timeout = value_get(v, "timeoutSeconds");
	const char *dot = strchr(value_str_or(name, ""), '.');

	if (check_name_of(ad, v, at, "name", format_dns_subdomain) && (!dot || !strchr(dot + 1, '.')))
		report_invalid(ad, AT(at, "name"), name,
			       "should be a domain with at least three segments separated by dots");
	if (!value_get(v, "sideEffects"))
		report_required(ad, AT(at, "sideEffects"), v, "must specify one of None, NoneOnDryRun");
	check_one_of(ad, v, at, "sideEffects", NAMES("None", "NoneOnDryRun"));
	if (timeout && (value_int(timeout, 0) < 1 || value_int(timeout, 0) > 30))
		report_invalid(ad, AT(at, "timeoutSeconds"), timeout,
			       "the timeout value must be between 1 and 30 seconds");
	webhook_client_check(ad, value_get(v, "clientConfig") ? value_get(v, "clientConfig") : v, AT(at, "clientConfig"));
	review_versions_check(ad, v, at, "admissionReviewVersions");
	match_conditions_check(ad, value_get(v, "matchConditions"), AT(at, "matchConditions"));
}

void webhooks_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	unique_check(ad, v, "name", at);
}

/* K8S:pkg/apis/admissionregistration/v1beta1/defaults.go. sideEffects, which v1 asks for, are not guessed. */
void webhook_configuration_from_beta(struct admit *ad, struct value *root)
{
	const struct value *hooks = value_get(root, "webhooks");

	for (size_t i = 0; i < value_len(hooks); i++) {
		struct value *hook = value_at(hooks, i);

		if (value_type(hook) != VALUE_MAP)
			continue;
		if (!value_get(hook, "failurePolicy"))
			value_set_str(ad->arena, hook, "failurePolicy", "Ignore");
		if (!value_get(hook, "matchPolicy"))
			value_set_str(ad->arena, hook, "matchPolicy", "Exact");
		if (!value_get(hook, "timeoutSeconds"))
			value_set_int(ad->arena, hook, "timeoutSeconds", 30);
		if (!value_get(hook, "admissionReviewVersions"))
			value_append(ad->arena, value_set_list(ad->arena, hook, "admissionReviewVersions"),
				     value_new_str(ad->arena, "v1beta1"));
	}
}
