/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/rbac/validation/validation.go, pkg/apis/rbac/{v1/defaults,v1alpha1/conversion}.go. */
#include "schema/rbac_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/table.h"

static const char group[] = "rbac.authorization.k8s.io";

/* --- roles --- */

static void check_rule(struct admit *ad, const struct value *v, const struct schema_path *at, bool namespaced)
{
	static const char *const resource_fields[] = { "apiGroups", "resources", "resourceNames" };
	const struct value *urls = value_get(v, "nonResourceURLs");

	check_required(ad, v, at, "verbs", "verbs must contain at least one value");
	if (!value_len(urls)) {
		check_required(ad, v, at, "apiGroups", "resource rules must supply at least one api group");
		check_required(ad, v, at, "resources", "resource rules must supply at least one resource");
		return;
	}
	if (namespaced)
		report_invalid(ad, AT(at, "nonResourceURLs"), urls, "namespaced rules cannot apply to non-resource URLs");
	for (size_t i = 0; i < ARRAY_SIZE(resource_fields); i++) {
		if (!value_len(value_get(v, resource_fields[i])))
			continue;
		report_invalid(ad, AT(at, "nonResourceURLs"), urls,
			       "rules cannot apply to both regular resources and non-resource URLs");
		break;
	}
}

static void check_rules(struct admit *ad, const struct value *v, const struct schema_path *at, bool namespaced)
{
	const struct value *rules = value_get(v, "rules");

	for (size_t i = 0; i < value_len(rules); i++)
		check_rule(ad, value_at(rules, i), AT_ITEM(AT(at, "rules"), i), namespaced);
}

void role_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_rules(ad, v, at, true);
}

void cluster_role_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *aggregation = value_get(v, "aggregationRule");

	check_rules(ad, v, at, false);
	if (aggregation)
		check_required(ad, aggregation, AT(at, "aggregationRule"), "clusterRoleSelectors",
			       "at least one clusterRoleSelector required if aggregationRule is non-nil");
}

/* --- bindings --- */

void subject_defaults(struct admit *ad, struct value *v)
{
	if (!value_len(value_get(v, "apiGroup")) && (text_is(v, "kind", "User") || text_is(v, "kind", "Group")))
		value_set_str(ad->arena, v, "apiGroup", group);
}

static void check_subject(struct admit *ad, const struct value *v, const struct schema_path *at, bool namespaced)
{
	check_required(ad, v, at, "name", "");
	if (text_is(v, "kind", "ServiceAccount")) {
		check_member(ad, v, at, "name", format_dns_subdomain);
		if (value_len(value_get(v, "apiGroup")))
			report_unsupported(ad, AT(at, "apiGroup"), value_get(v, "apiGroup"), NAMES(""));
		if (!namespaced)
			check_required(ad, v, at, "namespace", "");
	} else if (text_is(v, "kind", "User") || text_is(v, "kind", "Group")) {
		check_one_of(ad, v, at, "apiGroup", NAMES(group));
	} else if (value_get(v, "kind")) {
		report_unsupported(ad, AT(at, "kind"), value_get(v, "kind"), NAMES("ServiceAccount", "User", "Group"));
	} else {
		report_error(ad, AT(at, "kind"), value_mark(v),
			     "Unsupported value: \"\": supported values: \"ServiceAccount\", \"User\", \"Group\"");
	}
}

static void check_binding(struct admit *ad, const struct value *v, const struct schema_path *at, bool namespaced)
{
	const struct value *ref = value_get(v, "roleRef"), *subjects = value_get(v, "subjects");
	const struct schema_path *path = AT(at, "roleRef");
	const char *const *kinds = namespaced ? NAMES("Role", "ClusterRole") : NAMES("ClusterRole");

	check_one_of(ad, ref, path, "apiGroup", NAMES(group));
	if (check_required(ad, ref ? ref : v, path, "kind", "supported values: \"Role\", \"ClusterRole\""))
		check_one_of(ad, ref, path, "kind", kinds);
	check_name_of(ad, ref ? ref : v, path, "name", format_path_segment);
	for (size_t i = 0; i < value_len(subjects); i++)
		check_subject(ad, value_at(subjects, i), AT_ITEM(AT(at, "subjects"), i), namespaced);
}

void role_binding_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_binding(ad, v, at, true);
}

void cluster_role_binding_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_binding(ad, v, at, false);
}

void binding_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	check_same_or(ad, old, now, NULL, "roleRef", "cannot change roleRef");
}

void binding_from_alpha(struct admit *ad, struct value *root)
{
	const struct value *subjects = value_get(root, "subjects");

	for (size_t i = 0; i < value_len(subjects); i++) {
		struct value *subject = value_at(subjects, i);

		if (value_type(subject) != VALUE_MAP)
			continue;
		value_remove(subject, "apiVersion");
		if (text_is(subject, "kind", "User") && text_is(subject, "name", "*")) {
			value_set_str(ad->arena, subject, "kind", "Group");
			value_set_str(ad->arena, subject, "name", "system:authenticated");
		}
	}
}
