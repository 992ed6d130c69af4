/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/autoscaling_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/table.h"
#include "schema/workload_rules.h"
#include "value/quantity.h"

/* K8S:pkg/apis/autoscaling */
enum { DEFAULT_CPU_UTILIZATION = 80, WINDOW_MAX = 3600, PERIOD_MAX = 1800, PERIOD = 15, PODS_UP = 4 };

/* --- defaults --- */

void autoscaler_spec_defaults(struct admit *ad, struct value *v)
{
	struct value *metrics = value_set_list(ad->arena, v, "metrics"), *metric, *resource, *target;

	if (value_len(metrics))
		return;
	metric = value_append(ad->arena, metrics, value_new_map(ad->arena));
	value_set_str(ad->arena, metric, "type", "Resource");
	resource = value_set_map(ad->arena, metric, "resource");
	value_set_str(ad->arena, resource, "name", "cpu");
	target = value_set_map(ad->arena, resource, "target");
	value_set_str(ad->arena, target, "type", "Utilization");
	value_set_int(ad->arena, target, "averageUtilization", DEFAULT_CPU_UTILIZATION);
}

static void add_policy(struct admit *ad, struct value *rules, const char *type, int64_t n)
{
	struct value *policy = value_append(ad->arena, value_set_list(ad->arena, rules, "policies"),
					    value_new_map(ad->arena));

	value_set_str(ad->arena, policy, "type", type);
	value_set_int(ad->arena, policy, "value", n);
	value_set_int(ad->arena, policy, "periodSeconds", PERIOD);
}

void autoscaler_behavior_defaults(struct admit *ad, struct value *v)
{
	struct value *up = value_set_map(ad->arena, v, "scaleUp"), *down = value_set_map(ad->arena, v, "scaleDown");

	default_to(ad, up, "selectPolicy", value_new_str(ad->arena, "Max"));
	default_to(ad, down, "selectPolicy", value_new_str(ad->arena, "Max"));
	default_to(ad, up, "stabilizationWindowSeconds", value_new_int(ad->arena, 0));
	if (!value_get(up, "policies")) {
		add_policy(ad, up, "Pods", PODS_UP);
		add_policy(ad, up, "Percent", 100);
	}
	if (!value_get(down, "policies"))
		add_policy(ad, down, "Percent", 100);
}

/* --- rules --- */

/* An apiVersion is GROUP/VERSION; `core` says whether the group may be left out. */
static void check_reference(struct admit *ad, const struct value *ref, bool core, const struct schema_path *at)
{
	const struct value *version = value_get(ref, "apiVersion");
	const char *s = value_str_or(version, ""), *slash = strchr(s, '/');

	if (slash && strchr(slash + 1, '/'))
		report_invalid(ad, AT(at, "apiVersion"), version, "unexpected GroupVersion string: %.128s", s);
	else if (!core && (!slash || slash == s)) /* servers before 1.35 took it, and many manifests have none */
		report_warning(ad, AT(at, "apiVersion"), value_mark(version ? version : ref),
			       "apiVersion must specify API group: Kubernetes 1.35 and later refuse \"%.128s\"", s);
}

static void check_replicas(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *max = value_get(v, "maxReplicas"), *min = value_get(v, "minReplicas");

	if (!value_int(max, 0))
		report_required(ad, AT(at, "maxReplicas"), value_mark(max).line ? max : v, "must be set and greater than 0");
	else if (value_int(max, 0) < 0)
		report_invalid(ad, AT(at, "maxReplicas"), max, "must be greater than or equal to 1");
	if (value_int(max, 0) && min && value_int(max, 0) < value_int(min, 0))
		report_invalid(ad, AT(at, "maxReplicas"), max, "must be greater than or equal to `minReplicas`");
}

void autoscaler_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *target = value_get(v, "scaleTargetRef"), *metrics = value_get(v, "metrics");
	bool from_outside = false;

	check_replicas(ad, v, at);
	check_reference(ad, target, text_is(target, "kind", "ReplicationController"), AT(at, "scaleTargetRef"));
	for (size_t i = 0; i < value_len(metrics); i++)
		from_outside |= text_is(value_at(metrics, i), "type", "Object") ||
				text_is(value_at(metrics, i), "type", "External");
	if (value_get(v, "minReplicas") && value_int(value_get(v, "minReplicas"), 0) == 0 && !from_outside)
		report_forbidden(ad, AT(at, "metrics"), value_mark(metrics).line ? metrics : value_get(v, "minReplicas"),
				 "must specify at least one Object or External metric to support scaling to zero replicas");
}

void scaling_rules_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *window = value_get(v, "stabilizationWindowSeconds"), *tolerance = value_get(v, "tolerance");
	struct quantity q;

	if (value_int(window, 0) < 0)
		report_invalid(ad, AT(at, "stabilizationWindowSeconds"), window, "must be greater than or equal to zero");
	else if (value_int(window, 0) > WINDOW_MAX)
		report_invalid(ad, AT(at, "stabilizationWindowSeconds"), window, "must be less than or equal to %d",
			       WINDOW_MAX);
	(void)check_required(ad, v, at, "policies", "must specify at least one Policy");
	if (tolerance && quantity_from(tolerance, &q, NULL) == 0 && quantity_sign(&q) < 0)
		report_invalid(ad, AT(at, "tolerance"), tolerance, "must be greater than or equal to 0");
}

void scaling_policy_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const positive[] = { "value", "periodSeconds" };

	for (size_t i = 0; i < ARRAY_SIZE(positive); i++)
		if (value_int(value_get(v, positive[i]), 0) <= 0)
			report_invalid(ad, AT(at, positive[i]), value_get(v, positive[i]), "must be greater than zero");
	if (value_int(value_get(v, "periodSeconds"), 0) > PERIOD_MAX)
		report_invalid(ad, AT(at, "periodSeconds"), value_get(v, "periodSeconds"),
			       "must be less than or equal to %d", PERIOD_MAX);
}

void metric_target_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const amounts[] = { "value", "averageValue" };
	const struct value *utilization = value_get(v, "averageUtilization");
	struct quantity q;

	for (size_t i = 0; i < ARRAY_SIZE(amounts); i++) {
		const struct value *member = value_get(v, amounts[i]);

		if (member && quantity_from(member, &q, NULL) == 0 && quantity_sign(&q) <= 0)
			report_invalid(ad, AT(at, amounts[i]), member, "must be positive");
	}
	if (utilization && value_int(utilization, 0) < 1)
		report_invalid(ad, AT(at, "averageUtilization"), utilization, "must be greater than 0");
}

/* Of two members of a target one must be there, and where `both` says why not, no more than one. */
static void check_target(struct admit *ad, const struct value *source, const char *first, const char *second,
			 const char *none, const char *both, const struct schema_path *at)
{
	const struct value *target = value_get(source, "target");
	const struct value *one = value_get(target, first), *other = value_get(target, second);

	if (!one && !other)
		report_required(ad, AT(AT(at, "target"), first), value_mark(target).line ? target : source, "%s", none);
	else if (one && other && both)
		report_forbidden(ad, AT(AT(at, "target"), second), other, "%s", both);
}

static void check_source(struct admit *ad, const char *type, const struct value *source, const struct schema_path *at)
{
	static const char both[] = "may not set both a target raw value and a target utilization";
	static const char none[] = "must set either a target raw value or a target utilization";

	if (strcmp(type, "object") == 0) {
		check_reference(ad, value_get(source, "describedObject"), true, AT(at, "describedObject"));
		check_target(ad, source, "averageValue", "value", "must set either a target value or averageValue", NULL, at);
	} else if (strcmp(type, "external") == 0) {
		check_target(ad, source, "averageValue", "value",
			     "must set either a target value for metric or a per-pod target",
			     "may not set both a target value for metric and a per-pod target", at);
	} else if (strcmp(type, "pods") == 0) {
		check_target(ad, source, "averageValue", "averageValue", "must specify a positive target averageValue", NULL,
			     at);
	} else {
		check_target(ad, source, "averageUtilization", "averageValue", none, both, at);
	}
}

void metric_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const struct {
		const char *type, *member;
	} sources[] = { { "ContainerResource", "containerResource" },
			{ "External", "external" },
			{ "Object", "object" },
			{ "Pods", "pods" },
			{ "Resource", "resource" } };

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		const struct value *source = value_get(v, sources[i].member);
		bool expected = text_is(v, "type", sources[i].type);

		if (source && expected)
			check_source(ad, sources[i].member, source, AT(at, sources[i].member));
		else if (source)
			report_forbidden(ad, AT(at, sources[i].member), source, "must populate the given metric source only");
		else if (expected)
			report_required(ad, AT(at, sources[i].member), v,
					"must populate information for the given metric source");
	}
}
