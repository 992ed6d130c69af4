/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HorizontalPodAutoscalers of autoscaling/v1, v2beta1 and v2beta2, brought to v2: K8S:pkg/apis/autoscaling. Values are
 * moved as they were written, so that what is wrong with them is told with their places.
 */
#include <string.h>

#include "schema/autoscaling_rules.h"
#include "schema/check.h"
#include "schema/table.h"
#include "value/json.h"

/* Fields that came with a later version are none here. */
static void refuse_others(struct admit *ad, const struct value *map, const char *const *known,
			  const struct schema_path *at)
{
	for (size_t i = 0; value_type(map) == VALUE_MAP && i < value_len(map); i++) {
		const char *key = value_key_at(map, i);
		const char *const *k = known;
		_cleanup_buf_ struct buf path = BUF_INIT;

		while (*k && strcmp(*k, key) != 0)
			k++;
		if (*k)
			continue;
		schema_path_format(AT(at, key), &path);
		ad->has_unknown_fields = true;
		report_error(ad, AT(at, key), value_key_mark_at(map, i), "unknown field \"%s\" in this apiVersion", buf_str(&path));
	}
}

/* Takes a member out of a map; NULL when it is not there. */
static struct value *take(struct value *map, const char *key)
{
	struct value *v = value_get(map, key);

	(void)value_remove(map, key); /* false: it is not there */
	return value_is_null(v) ? NULL : v;
}

static void put(struct admit *ad, struct value *map, const char *key, struct value *v)
{
	if (v)
		value_set(ad->arena, map, key, v);
}

/* {name, selector} */
static void put_metric(struct admit *ad, struct value *source, const char *selector)
{
	struct value *metric = value_new_map(ad->arena);

	put(ad, metric, "name", take(source, "metricName"));
	put(ad, metric, "selector", take(source, selector));
	put(ad, source, "metric", metric);
}

static void put_target(struct admit *ad, struct value *source, const char *type, struct value *value,
		       struct value *average, struct value *utilization)
{
	struct value *target = value_new_map(ad->arena);

	value_set_str(ad->arena, target, "type", type);
	put(ad, target, "value", value);
	put(ad, target, "averageValue", average);
	put(ad, target, "averageUtilization", utilization);
	put(ad, source, "target", target);
}

static void convert_resource(struct admit *ad, struct value *source)
{
	struct value *utilization = take(source, "targetAverageUtilization");

	put_target(ad, source, utilization ? "Utilization" : "AverageValue", NULL, take(source, "targetAverageValue"),
		   utilization);
}

static void convert_object(struct admit *ad, struct value *source)
{
	struct value *value = take(source, "targetValue"), *average = take(source, "averageValue");

	put(ad, source, "describedObject", take(source, "target"));
	put_metric(ad, source, "selector");
	put_target(ad, source, average ? "AverageValue" : "Value", value, average, NULL);
}

static void convert_pods(struct admit *ad, struct value *source)
{
	put_metric(ad, source, "selector");
	put_target(ad, source, "AverageValue", NULL, take(source, "targetAverageValue"), NULL);
}

static void convert_external(struct admit *ad, struct value *source)
{
	struct value *value = take(source, "targetValue");

	put_metric(ad, source, "metricSelector");
	put_target(ad, source, value ? "Value" : "AverageValue", value, take(source, "targetAverageValue"), NULL);
}

static const struct {
	const char *member;
	const char *const *known;
	void (*convert)(struct admit *ad, struct value *source);
} sources[] = {
	{ "containerResource", NAMES("container", "name", "targetAverageUtilization", "targetAverageValue"),
	  convert_resource },
	{ "external", NAMES("metricName", "metricSelector", "targetAverageValue", "targetValue"), convert_external },
	{ "object", NAMES("averageValue", "metricName", "selector", "target", "targetValue"), convert_object },
	{ "pods", NAMES("metricName", "selector", "targetAverageValue"), convert_pods },
	{ "resource", NAMES("name", "targetAverageUtilization", "targetAverageValue"), convert_resource },
};

/* A metric as autoscaling/v2beta1 has it. */
static void convert_metric(struct admit *ad, struct value *metric, const struct schema_path *at)
{
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		struct value *source = value_get(metric, sources[i].member);

		if (value_type(source) != VALUE_MAP)
			continue;
		refuse_others(ad, source, sources[i].known, AT(at, sources[i].member));
		sources[i].convert(ad, source);
	}
}

static void convert_metrics(struct admit *ad, struct value *metrics, const struct schema_path *at)
{
	for (size_t i = 0; value_type(metrics) == VALUE_LIST && i < value_len(metrics); i++)
		convert_metric(ad, value_at(metrics, i), AT_ITEM(at, i));
}

void autoscaler_from_v2beta1(struct admit *ad, struct value *root)
{
	struct value *spec = value_get(root, "spec");
	const struct schema_path *at = AT(NULL, "spec");

	refuse_others(ad, spec, NAMES("maxReplicas", "metrics", "minReplicas", "scaleTargetRef"), at);
	convert_metrics(ad, value_get(spec, "metrics"), AT(at, "metrics"));
	(void)value_remove(value_get(root, "status"), "currentMetrics"); /* status is the system's */
}

/* --- autoscaling/v1 --- */

#define ALPHA "autoscaling.alpha.kubernetes.io/"

/* What v1 has no fields for stood in annotations, as JSON. NULL when it is none. */
static struct value *take_annotation(struct admit *ad, struct value *root, const char *key)
{
	struct value *text = take(value_path(root, "metadata", "annotations"), key), *v = NULL;

	if (!text || !value_str(text) || json_read(value_str(text), value_len(text), NULL, ad->arena, &v, NULL, NULL) < 0)
		return NULL;
	return v;
}

void autoscaler_from_v1(struct admit *ad, struct value *root)
{
	struct value *spec = value_get(root, "spec"), *percent, *metrics, *metric, *resource, *behavior;

	refuse_others(ad, spec, NAMES("maxReplicas", "minReplicas", "scaleTargetRef", "targetCPUUtilizationPercentage"),
		      AT(NULL, "spec"));
	if (value_type(spec) != VALUE_MAP)
		return;
	metrics = take_annotation(ad, root, ALPHA "metrics");
	behavior = take_annotation(ad, root, ALPHA "behavior");
	(void)take_annotation(ad, root, ALPHA "conditions");
	(void)take_annotation(ad, root, ALPHA "current-metrics");
	if (value_type(metrics) == VALUE_LIST) {
		convert_metrics(ad, metrics, AT(AT(NULL, "spec"), "metrics"));
		put(ad, spec, "metrics", metrics);
	}
	if (value_type(behavior) == VALUE_MAP && value_len(behavior))
		put(ad, spec, "behavior", behavior);
	percent = take(spec, "targetCPUUtilizationPercentage");
	if (percent) {
		metric = value_append(ad->arena, value_set_list(ad->arena, spec, "metrics"), value_new_map(ad->arena));
		value_set_str(ad->arena, metric, "type", "Resource");
		resource = value_set_map(ad->arena, metric, "resource");
		value_set_str(ad->arena, resource, "name", "cpu");
		put_target(ad, resource, "Utilization", NULL, NULL, percent);
	}
	(void)value_remove(value_get(root, "status"), "currentCPUUtilizationPercentage"); /* status is the system's */
}
