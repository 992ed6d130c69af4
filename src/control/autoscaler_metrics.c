/* SPDX-License-Identifier: Apache-2.0 */
#include "control/autoscaler_metrics.h"

#include <string.h>

#include "value/quantity.h"

/* K8S:podautoscaler/config/v1alpha1/defaults.go */
#define TOLERANCE 0.1
#define NO_CUSTOM "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"

/* --- of pods' resources --- */

static double tolerance(const struct object *hpa, const char *rules)
{
	struct quantity q;

	if (quantity_from(object_path(hpa, "spec", "behavior", rules, "tolerance"), &q, NULL) < 0)
		return TOLERANCE;
	return (double)q.nanos / 1e9;
}

static bool anything_known(const struct autoscaler_view *v)
{
	for (size_t i = 0; i < v->pods->n; i++)
		if (v->usage[i].n)
			return true;
	return false;
}

/* Memory in bytes with the suffixes of powers of two, as metrics-server tells it; the rest in thousandths. */
static void set_average(struct arena *a, struct value *current, const char *resource, int64_t milli)
{
	struct quantity q = quantity_from_milli(milli, strcmp(resource, "memory") ? QUANTITY_DECIMAL : QUANTITY_BINARY);
	char text[QUANTITY_TEXT_MAX];

	quantity_format(&q, text);
	value_set_str(a, current, "averageValue", text);
}

/* `source` is the metric's resource or containerResource. The error, or NULL; the rest of *ret is set then. */
static int evaluate_resource(const struct autoscaler_view *v, const struct value *source, bool of_container, int64_t current,
			     struct arena *a, struct metric_result *ret)
{
	const struct value *target = value_get(source, "target"), *average = value_get(target, "averageValue");
	const char *name = value_str_or(value_get(source, "name"), "");
	int64_t utilization = value_int(value_get(target, "averageUtilization"), 0);
	struct calc_view view = { .pods = v->pods, .usage = v->usage, .resource = name, .current = current, .now = v->now,
				  .container = value_str_or(value_get(source, "container"), ""),
				  .tolerance_up = tolerance(v->hpa, "scaleUp"), .tolerance_down = tolerance(v->hpa, "scaleDown") };
	const char *what = average ? "usage" : "utilization";
	struct calc_result calc = { .error = NULL };
	struct quantity q = { .nanos = 0 };
	struct value *now = value_new_map(a);
	int r = 0;

	if ((average && (quantity_from(average, &q, NULL) < 0 || quantity_milli(&q) <= 0)) || (!average && utilization <= 0)) {
		ret->error = "invalid resource metric source: neither an average utilization target nor an average value (usage) "
			     "target was set";
		return 0;
	}
	if (!anything_known(v)) {
		ret->error = arena_printf(a, "failed to get %s %s: unable to get metrics for resource %s: no metrics returned from "
					     "resource metrics API", name, what, name);
		return 0;
	}
	r = average ? calc_average(&view, quantity_milli(&q), a, &calc) : calc_utilization(&view, utilization, a, &calc);
	if (r < 0)
		return r;
	if (calc.error) {
		ret->error = arena_printf(a, "failed to get %s %s: %s", name, what, calc.error);
		return 0;
	}
	ret->replicas = calc.replicas;
	ret->name = average ? arena_printf(a, "%s resource", name)
			    : arena_printf(a, "%s%s resource utilization (percentage of request)", name, of_container ? " container" : "");
	if (!average)
		value_set_int(a, now, "averageUtilization", calc.utilization);
	set_average(a, now, name, calc.average);
	ret->status = value_new_map(a);
	value_set_str(a, ret->status, "name", name);
	if (of_container)
		value_set_str(a, ret->status, "container", view.container);
	value_set(a, ret->status, "current", now);
	return 0;
}

/* --- of servers that are not there --- */

static void format_requirements(struct buf *out, const struct value *list)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *e = value_at(list, i), *values = value_get(e, "values");

		buf_printf(out, "LabelSelectorRequirement{Key:%s,Operator:%s,Values:[", value_str_or(value_get(e, "key"), ""),
			   value_str_or(value_get(e, "operator"), ""));
		for (size_t k = 0; k < value_len(values); k++)
			buf_printf(out, "%s%s", k ? " " : "", value_str_or(value_at(values, k), ""));
		buf_puts(out, "],},");
	}
}

/* A label selector as Go prints one. NULL when memory is out. */
static const char *selector_text(struct arena *a, const struct value *selector)
{
	const struct value *labels = value_get(selector, "matchLabels");
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (!selector)
		return "nil";
	buf_puts(&out, "&LabelSelector{MatchLabels:map[string]string{");
	for (size_t i = 0; i < value_len(labels); i++)
		buf_printf(&out, "%s: %s,", value_key_at(labels, i), value_str_or(value_at(labels, i), ""));
	buf_puts(&out, "},MatchExpressions:[]LabelSelectorRequirement{");
	format_requirements(&out, value_get(selector, "matchExpressions"));
	buf_puts(&out, "},}");
	return buf_failed(&out) ? NULL : arena_strdup(a, buf_str(&out));
}

static const char *name_of_metric(const struct value *source)
{
	return value_str_or(value_path(source, "metric", "name"), "");
}

static void fail_pods(const struct value *source, struct arena *a, struct metric_result *ret)
{
	ret->error = arena_printf(a, "unable to get metric %s: " NO_CUSTOM, name_of_metric(source));
}

static void fail_object(const struct autoscaler_view *v, const struct value *source, struct arena *a, struct metric_result *ret)
{
	const struct value *about = value_get(source, "describedObject");
	const char *name = name_of_metric(source);
	bool per_pod = !strcmp(value_str_or(value_path(source, "target", "type"), ""), "AverageValue");

	/* The order is Kubernetes' own. */
	ret->error = arena_printf(a, "unable to get metric %s: %s on %s %s/" NO_CUSTOM, name,
				  value_str_or(value_get(about, "kind"), ""), object_namespace(v->hpa),
				  value_str_or(value_get(about, "name"), ""));
	ret->failure = per_pod && ret->error ? arena_printf(a, "failed to get %s object metric: %s", name, ret->error) : ret->error;
}

static void fail_external(const struct autoscaler_view *v, const struct value *source, struct arena *a, struct metric_result *ret)
{
	const char *name = name_of_metric(source), *selector = selector_text(a, value_path(source, "metric", "selector"));
	bool per_pod = value_path(source, "target", "averageValue");

	ret->error = arena_printf(a, "unable to get external metric %s/%s/%s: unable to fetch metrics from external metrics API: the "
				     "server could not find the requested resource (get %s.external.metrics.k8s.io)",
				  object_namespace(v->hpa), name, selector ? selector : "", name);
	if (!ret->error)
		return;
	ret->failure = per_pod ? arena_printf(a, "failed to get %s external metric: %s", name, ret->error)
			       : arena_printf(a, "failed to get external metric %s: %s", name, ret->error);
}

/* --- any --- */

/* The member that holds a metric of that type, and the word for its failure. */
static const struct source {
	const char *type, *member, *reason;
} sources[] = {
	{ "Resource", "resource", "FailedGetResourceMetric" },
	{ "ContainerResource", "containerResource", "FailedGetContainerResourceMetric" },
	{ "Pods", "pods", "FailedGetPodsMetric" },
	{ "Object", "object", "FailedGetObjectMetric" },
	{ "External", "external", "FailedGetExternalMetric" },
};

/* "failed to get cpu resource metric value", of what a metric is about. */
static const char *failure_of(const struct source *s, const struct value *source, struct arena *a)
{
	if (!strcmp(s->member, "resource"))
		return arena_printf(a, "failed to get %s resource metric value", value_str_or(value_get(source, "name"), ""));
	if (!strcmp(s->member, "containerResource"))
		return arena_printf(a, "failed to get %s container metric value", value_str_or(value_get(source, "container"), ""));
	if (!strcmp(s->member, "external"))
		return arena_printf(a, "failed to get %s external metric value", name_of_metric(source));
	return arena_printf(a, "failed to get %s metric value", s->member);
}

int metric_evaluate(const struct autoscaler_view *v, const struct value *metric, int64_t current, struct arena *a,
		    struct metric_result *ret)
{
	const char *type = value_str_or(value_get(metric, "type"), "");
	const struct source *s = sources;
	const struct value *source;
	struct value *status;
	int r = 0;

	*ret = (struct metric_result){ .status = NULL };
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (!strcmp(sources[i].type, type))
			s = &sources[i];
	source = value_get(metric, s->member);
	if (!strcmp(type, "Pods"))
		fail_pods(source, a, ret);
	else if (!strcmp(type, "Object"))
		fail_object(v, source, a, ret);
	else if (!strcmp(type, "External"))
		fail_external(v, source, a, ret);
	else
		r = evaluate_resource(v, source, s != sources, current, a, ret);
	status = value_new_map(a);
	value_set_str(a, status, "type", ret->error ? "" : type);
	if (ret->error) {
		ret->reason = s->reason;
		ret->failure = arena_printf(a, "%s: %s", failure_of(s, source, a), ret->failure ? ret->failure : ret->error);
	} else {
		value_set(a, status, s->member, ret->status);
	}
	ret->status = status;
	return r < 0 ? r : arena_failed(a) ? -ENOMEM : 0;
}
