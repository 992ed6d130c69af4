/* SPDX-License-Identifier: Apache-2.0 */
#include "control/autoscaler_decide.h"

#include <string.h>

#include "base/clock.h"
#include "control/autoscaler_metrics.h"

/* --- the target --- */

static const char *const scalable[] = { "deployments", "replicasets", "replicationcontrollers", "statefulsets" };

/* Only the group is asked for: any version of it does, and a group that the kind was in once. */
static const struct schema_kind *kind_of(const char *kind, const char *api_version)
{
	size_t n, group = strchr(api_version, '/') ? strcspn(api_version, "/") : 0;
	const struct schema_kind *const *all = schema_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i]->kind, kind) && strlen(all[i]->group) == group &&
		    !strncmp(all[i]->group, api_version, group))
			return all[i];
	return schema_kind_find(api_version, kind);
}

const struct schema_kind *autoscaler_target_kind(const struct object *hpa, struct arena *a, const char **ret_missing)
{
	const struct value *ref = object_path(hpa, "spec", "scaleTargetRef");
	const char *version = value_str_or(value_get(ref, "apiVersion"), ""), *slash = strchr(version, '/');
	const char *name = value_str_or(value_get(ref, "kind"), "");
	const struct schema_kind *kind = kind_of(name, version);

	if (!kind) {
		*ret_missing = arena_printf(a, "no matches for kind \"%s\" in group \"%.*s\"", name, slash ? (int)(slash - version) : 0,
					    version);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(scalable); i++)
		if (!strcmp(kind->plural, scalable[i]))
			return kind;
	*ret_missing = "the server could not find the requested resource";
	return NULL;
}

int autoscaler_selector(const struct object *target, struct arena *a, struct selector **ret, const char **ret_text)
{
	const struct value *selector = object_path(target, "spec", "selector");
	bool plain = !strcmp(object_kind(target)->plural, "replicationcontrollers");
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r;

	*ret = NULL;
	*ret_text = "";
	if (!value_len(selector))
		return 0;
	r = plain ? selector_compile_map(a, selector, true, ret, NULL) : selector_compile(a, selector, ret, NULL);
	if (r < 0 || selector_is_empty(*ret)) {
		*ret = NULL;
		return r;
	}
	selector_format(&text, *ret);
	*ret_text = buf_failed(&text) ? NULL : arena_strdup(a, buf_str(&text));
	return *ret_text ? 0 : -ENOMEM;
}

bool autoscaler_needs_usage(const struct object *hpa)
{
	const struct value *metrics = object_path(hpa, "spec", "metrics");

	for (size_t i = 0; i < value_len(metrics); i++) {
		const char *type = value_str_or(value_get(value_at(metrics, i), "type"), "");

		if (!strcmp(type, "Resource") || !strcmp(type, "ContainerResource"))
			return true;
	}
	return false;
}

/* --- what is said --- */

/* Unlike other kinds' conditions, these get a new reason and message while the status stays. */
static void set_condition(struct arena *a, struct value *status, const char *type, bool is_true, const char *reason,
			  const char *message, int64_t now)
{
	struct value *list = value_set_list(a, status, "conditions"), *c = value_find(list, "type", type);
	const char *value = is_true ? "True" : "False";
	char time[CLOCK_RFC3339_SIZE];

	if (!c) {
		c = value_append(a, list, value_new_map(a));
		value_set_str(a, c, "type", type);
	}
	if (strcmp(value_str_or(value_get(c, "status"), ""), value) != 0)
		value_set_str(a, c, "lastTransitionTime", clock_format_rfc3339(now, time));
	value_set_str(a, c, "status", value);
	value_set_str(a, c, "reason", reason);
	value_set_str(a, c, "message", message);
}

static void note(struct autoscaler_plan *p, const char *reason, const char *message)
{
	if (p->notes && p->n_notes < AUTOSCALER_NOTES_MAX)
		p->notes[p->n_notes++] = (struct autoscaler_note){ EVENT_WARNING, reason, message ? message : "" };
}

/* Sets what is not a condition. metrics NULL: none. */
static void set_numbers(struct arena *a, struct value *status, int64_t current, int64_t desired, struct value *metrics)
{
	(void)value_remove(status, "currentReplicas");
	(void)value_remove(status, "currentMetrics");
	if (current)
		value_set_int(a, status, "currentReplicas", current);
	value_set_int(a, status, "desiredReplicas", desired);
	if (value_len(metrics))
		value_set(a, status, "currentMetrics", metrics);
}

static void set_scaled(struct arena *a, struct value *status, int64_t now)
{
	char time[CLOCK_RFC3339_SIZE];

	value_set_str(a, status, "lastScaleTime", clock_format_rfc3339(now, time));
}

/* --- the metrics --- */

/* What all metrics ask for together. */
struct proposal {
	int64_t replicas;   /* -1: they ask for nothing that could be done */
	const char *metric; /* that asks for most */
	const char *error;  /* of those that failed; NULL: none did */
	struct value *statuses;
};

/* Whether the target's selector says whose pods these are; else the condition says what is wrong with it. */
static bool check_selector(const struct autoscaler_view *v, struct arena *a, struct autoscaler_plan *p, struct proposal *ret)
{
	if (!*v->selector) {
		ret->error = "selector is required";
		note(p, "SelectorRequired", ret->error);
		set_condition(a, p->status, "ScalingActive", false, "InvalidSelector", "the HPA target's scale is missing a selector",
			      v->now);
		return false;
	}
	if (v->rivals) {
		ret->error = arena_printf(a, "pods by selector %s are controlled by multiple HPAs: %s", v->selector, v->rivals);
		note(p, "AmbiguousSelector", ret->error);
		set_condition(a, p->status, "ScalingActive", false, "AmbiguousSelector", ret->error ? ret->error : "", v->now);
		return false;
	}
	return true;
}

/* Metrics that fail matter only where the others ask for fewer replicas: these could be wrong. */
static void conclude(const struct autoscaler_view *v, struct arena *a, struct autoscaler_plan *p, const struct metric_result *first,
		     size_t failed, size_t n, struct proposal *ret)
{
	const char *message;

	if (failed)
		ret->error = arena_printf(a, "invalid metrics (%zu invalid out of %zu), first error is: %s", failed, n, first->failure);
	if (failed >= n || (failed && ret->replicas < p->current)) {
		message = arena_printf(a, "the HPA was unable to compute the replica count: %s", first->error ? first->error : "");
		set_condition(a, p->status, "ScalingActive", false, first->reason ? first->reason : "", message, v->now);
		ret->replicas = -1;
		return;
	}
	message = arena_printf(a, "the HPA was able to successfully calculate a replica count from %s", ret->metric ? ret->metric : "");
	set_condition(a, p->status, "ScalingActive", true, "ValidMetricFound", message, v->now);
}

static int evaluate(const struct autoscaler_view *v, struct arena *a, struct autoscaler_plan *p, struct proposal *ret)
{
	const struct value *metrics = object_path(v->hpa, "spec", "metrics");
	struct metric_result first = { .status = NULL };
	size_t failed = 0;

	*ret = (struct proposal){ .replicas = -1, .metric = "" };
	if (!check_selector(v, a, p, ret))
		return 0;
	ret->replicas = 0;
	ret->statuses = value_new_list(a);
	for (size_t i = 0; i < value_len(metrics); i++) {
		struct metric_result m;
		int r = metric_evaluate(v, value_at(metrics, i), p->current, a, &m);

		if (r < 0)
			return r;
		value_append(a, ret->statuses, m.status);
		if (m.reason) {
			note(p, m.reason, m.error);
			if (!failed++)
				first = m;
		} else if (ret->replicas == 0 || m.replicas > ret->replicas) {
			ret->replicas = m.replicas;
			ret->metric = m.name;
		}
	}
	conclude(v, a, p, &first, failed, value_len(metrics), ret);
	return 0;
}

/* --- the decision --- */

static int64_t old_desired(const struct autoscaler_view *v)
{
	return value_int(object_path(v->hpa, "status", "desiredReplicas"), 0);
}

/* Scales by metrics. Sets what is wanted and why, and the conditions. */
static int decide_by_metrics(const struct autoscaler_view *v, struct autoscaler_history *h, struct arena *a,
			     struct autoscaler_plan *p, int64_t min, struct value **ret_statuses)
{
	struct autoscaler_rules rules = { .behavior = object_path(v->hpa, "spec", "behavior"), .min = min, .current = p->current,
					  .max = value_int(object_path(v->hpa, "spec", "maxReplicas"), 0), .mono = v->mono };
	struct autoscaler_verdict able, limited;
	struct proposal asked;
	int r = evaluate(v, a, p, &asked);

	if (r < 0)
		return r;
	*ret_statuses = asked.statuses;
	p->desired = p->current;
	if (asked.replicas < 0) {
		note(p, "FailedComputeMetricsReplicas", asked.error);
		return -ECANCELED;
	}
	rules.desired = asked.replicas;
	if (asked.replicas > p->current)
		p->reason = arena_printf(a, "%s above target", asked.metric);
	else if (asked.replicas < p->current)
		p->reason = "All metrics below target";
	r = autoscaler_normalize(&rules, h, &p->desired, &able, &limited);
	if (r < 0)
		return r;
	set_condition(a, p->status, "AbleToScale", able.is_true, able.reason, able.message, v->now);
	set_condition(a, p->status, "ScalingLimited", limited.is_true, limited.reason, limited.message, v->now);
	p->rescale = p->desired != p->current;
	return 0;
}

/* As above, or because the target is outside of what the autoscaler may have. -ECANCELED: nothing can be decided. */
static int decide_replicas(const struct autoscaler_view *v, struct autoscaler_history *h, struct arena *a,
			   struct autoscaler_plan *p, struct value **ret_statuses)
{
	int64_t min = value_int(object_path(v->hpa, "spec", "minReplicas"), 1);
	int64_t max = value_int(object_path(v->hpa, "spec", "maxReplicas"), 0);

	if (p->current == 0) {
		set_condition(a, p->status, "ScalingActive", false, "ScalingDisabled",
			      "scaling is disabled since the replica count of the target is zero", v->now);
		p->desired = 0;
		return 0;
	}
	if (p->current >= min && p->current <= max)
		return decide_by_metrics(v, h, a, p, min, ret_statuses);
	p->rescale = true;
	p->desired = p->current > max ? max : min;
	p->reason = p->current > max ? "Current number of replicas above Spec.MaxReplicas"
				     : "Current number of replicas below Spec.MinReplicas";
	return 0;
}

int autoscaler_decide(const struct autoscaler_view *v, struct autoscaler_history *h, struct arena *a, struct autoscaler_plan *ret)
{
	struct value *statuses = NULL;
	const char *message;
	int r;

	*ret = (struct autoscaler_plan){ .reason = "", .notes = arena_alloc(a, AUTOSCALER_NOTES_MAX * sizeof(*ret->notes)) };
	ret->status = value_copy(a, object_path(v->hpa, "status"));
	if (!ret->status)
		ret->status = value_new_map(a);
	if (!v->target) {
		message = arena_printf(a, "the HPA controller was unable to get the target's current scale: %s", v->missing);
		note(ret, "FailedGetScale", v->missing);
		set_condition(a, ret->status, "AbleToScale", false, "FailedGetScale", message, v->now);
		return arena_failed(a) ? -ENOMEM : 0;
	}
	set_condition(a, ret->status, "AbleToScale", true, "SucceededGetScale",
		      "the HPA controller was able to get the target's current scale", v->now);
	ret->current = value_int(object_path(v->target, "spec", "replicas"), 1);
	r = autoscaler_history_begin(h, ret->current, v->mono);
	if (r == 0)
		r = decide_replicas(v, h, a, ret, &statuses);
	if (r < 0 && r != -ECANCELED)
		return r;
	set_numbers(a, ret->status, ret->current, r < 0 ? old_desired(v) : ret->desired, statuses);
	if (ret->rescale) {
		message = arena_printf(a, "the HPA controller was able to update the target scale to %lld", (long long)ret->desired);
		set_condition(a, ret->status, "AbleToScale", true, "SucceededRescale", message, v->now);
		set_scaled(a, ret->status, v->now);
	}
	return arena_failed(a) ? -ENOMEM : 0;
}

void autoscaler_not_scaled(const struct autoscaler_view *v, struct arena *a, const char *error, struct autoscaler_plan *plan)
{
	const struct value *scaled = object_path(v->hpa, "status", "lastScaleTime");

	set_condition(a, plan->status, "AbleToScale", false, "FailedUpdateScale",
		      arena_printf(a, "the HPA controller was unable to update the target scale: %s", error), v->now);
	value_set_int(a, plan->status, "desiredReplicas", old_desired(v));
	(void)value_remove(plan->status, "lastScaleTime");
	if (scaled)
		value_set(a, plan->status, "lastScaleTime", value_copy(a, scaled));
}
