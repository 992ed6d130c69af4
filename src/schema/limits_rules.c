/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/limits_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/pod_rules.h"
#include "schema/table.h"
#include "schema/workload_rules.h"

enum { HIGHEST_USER_PRIORITY = 1000000000 }; /* K8S:pkg/apis/scheduling */

/* --- PodDisruptionBudget --- */

void budget_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_get(v, "minAvailable") && value_get(v, "maxUnavailable"))
		report_invalid(ad, at, v, "minAvailable and maxUnavailable cannot be both set");
	workload_percent_check(ad, v, at, "minAvailable");
	workload_percent_check(ad, v, at, "maxUnavailable");
}

void budget_from_v1beta1(struct admit *ad, struct value *root)
{
	struct value *selector = value_path(root, "spec", "selector"), *req;

	if (!selector || value_len(value_get(selector, "matchLabels")) || value_len(value_get(selector, "matchExpressions")))
		return;
	/* K8S:pkg/apis/policy, NonV1beta1MatchNoneSelector: a key that nothing has */
	req = value_append(ad->arena, value_set_list(ad->arena, selector, "matchExpressions"), value_new_map(ad->arena));
	value_set_str(ad->arena, req, "key", "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match");
	value_set_str(ad->arena, req, "operator", "Exists");
}

/* --- PriorityClass --- */

void priority_class_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const struct {
		const char *name;
		int64_t value;
	} known[] = { { "system-node-critical", 2000001000 }, { "system-cluster-critical", 2000000000 } };
	static const char reserved[] = "priority class names with 'system-' prefix are reserved for system use only. error: ";
	const struct value *name = value_path(v, "metadata", "name"), *value = value_get(v, "value");
	const struct schema_path *path = AT(AT(at, "metadata"), "name");
	const char *s = value_str_or(name, "");

	if (strncmp(s, "system-", 7) != 0) {
		if (value_int(value, 0) > HIGHEST_USER_PRIORITY)
			report_forbidden(ad, AT(at, "value"), value, "maximum allowed value of a user defined priority is %d",
					 HIGHEST_USER_PRIORITY);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(s, known[i].name) != 0)
			continue;
		if (value_int(value, 0) != known[i].value)
			report_forbidden(ad, path, name, "%svalue of %s PriorityClass must be %lld", reserved, s,
					 (long long)known[i].value);
		else if (value_bool(value_get(v, "globalDefault"), false))
			report_forbidden(ad, path, name, "%sglobalDefault of %s PriorityClass must be false", reserved, s);
		return;
	}
	report_forbidden(ad, path, name, "%s%.253s is not a known system priority class", reserved, s);
}

void priority_class_check_update(struct admit *ad, const struct value *old, const struct value *new_root)
{
	if (value_int(value_get(old, "value"), 0) != value_int(value_get(new_root, "value"), 0))
		report_fixed(ad, AT(NULL, "value"), value_get(new_root, "value"), "may not be changed in an update.");
	check_same(ad, old, new_root, NULL, "preemptionPolicy");
}

/* --- RuntimeClass --- */

void runtime_class_from_alpha(struct admit *ad, struct value *root)
{
	static const char *const moved[][2] = { { "runtimeHandler", "handler" },
						{ "overhead", "overhead" },
						{ "scheduling", "scheduling" } };
	struct value *spec = value_get(root, "spec");

	for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
		struct value *member = value_get(spec, moved[i][0]);

		if (!member || value_get(root, moved[i][1]))
			continue;
		value_set(ad->arena, root, moved[i][1], member);
		(void)value_remove(spec, moved[i][0]);
	}
	if (value_type(spec) == VALUE_MAP && !value_len(spec))
		(void)value_remove(root, "spec");
}

void overhead_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	struct value *limits = value_new_map(ad->arena);

	if (value_get(v, "podFixed"))
		value_set(ad->arena, limits, "limits", value_get(v, "podFixed"));
	resource_requirements_check(ad, limits, at);
}

void scheduling_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const keys[] = { "key", "operator", "value", "effect" };
	const struct value *list = value_get(v, "tolerations");
	struct value *seen = value_new_map(ad->arena);

	for (size_t i = 0; i < value_len(list); i++) {
		struct value *key = value_new_strf(ad->arena, "%s|%s|%s|%s", text_of(value_at(list, i), keys[0]),
						   text_of(value_at(list, i), keys[1]), text_of(value_at(list, i), keys[2]),
						   text_of(value_at(list, i), keys[3]));

		if (key && seen_before(ad, seen, key))
			report_duplicate(ad, AT_ITEM(AT(at, "tolerations"), i), value_at(list, i));
	}
}

/* --- Lease --- */

static void check_strategy(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *s = value_str_or(v, ""), *slash = strchr(s, '/');

	if (!slash && strcmp(s, "OldestEmulationVersion") != 0)
		report_unsupported(ad, at, v, NAMES("OldestEmulationVersion"));
	else if (slash)
		(void)check_text(ad, v, at, format_qualified_name);
}

void lease_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *duration = value_get(v, "leaseDurationSeconds"), *strategy = value_get(v, "strategy");

	if (duration && value_int(duration, 0) <= 0)
		report_invalid(ad, AT(at, "leaseDurationSeconds"), duration, "must be greater than 0");
	if (strategy)
		check_strategy(ad, strategy, AT(at, "strategy"));
	if (value_len(value_get(v, "preferredHolder")) && !value_len(strategy))
		report_forbidden(ad, AT(at, "preferredHolder"), value_get(v, "preferredHolder"),
				 "may only be specified if `strategy` is defined");
}
