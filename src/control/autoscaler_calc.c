/* SPDX-License-Identifier: Apache-2.0 */
#include "control/autoscaler_calc.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "value/quantity.h"

/* What becomes of a pod's figure: it counts; the pod is not ready yet; there is none; the pod is as good as gone. */
enum group { COUNTS, UNREADY, MISSING, IGNORED };

struct item {
	enum group group;
	bool in;	 /* `used` is part of the sums */
	int64_t used;	 /* thousandths */
	int64_t request; /* likewise */
};

struct calc {
	const struct calc_view *v;
	struct item *items;
	size_t n, n_ready, n_unready, n_missing;
	int64_t target;
	bool of_requests; /* the target is a percentage of them */
};

/* --- a pod's figure --- */

static int64_t thousandfold(int64_t n)
{
	return n > INT64_MAX / 1000 ? INT64_MAX : n * 1000;
}

/* Thousandths of the resource's unit; -1 when it is not known. */
static int64_t container_figure(const struct calc_view *v, const struct container_usage *c)
{
	if (!strcmp(v->resource, "cpu"))
		return c->milli_cpu;
	if (!strcmp(v->resource, "memory"))
		return c->memory < 0 ? -1 : thousandfold(c->memory);
	return -1;
}

/* Of the pod, or of its container that is asked for. */
static int64_t pod_figure(const struct calc_view *v, const struct pod_usage *u)
{
	int64_t sum = 0;

	for (size_t i = 0; i < u->n; i++) {
		int64_t n = container_figure(v, &u->containers[i]);

		if (*v->container && strcmp(v->container, u->containers[i].name) != 0)
			continue;
		if (n < 0 || *v->container)
			return n;
		if (__builtin_add_overflow(sum, n, &sum))
			sum = INT64_MAX;
	}
	return u->n && !*v->container ? sum : -1;
}

static int64_t time_of(const struct value *v)
{
	int64_t t;

	return value_str(v) && clock_parse_rfc3339(value_str(v), &t) == 0 ? t : INT64_MIN;
}

/*
 * Whether CPU that the pod uses says nothing yet: soon after its start unless it is ready and was so for the whole window;
 * later only if it was never ready.
 */
static bool cpu_is_early(const struct calc_view *v, const struct object *pod, const struct pod_usage *u)
{
	const struct value *ready = condition_get(object_path(pod, "status"), "Ready");
	int64_t started = time_of(object_path(pod, "status", "startTime"));
	int64_t changed = time_of(value_get(ready, "lastTransitionTime"));
	bool no;

	if (!ready || started == INT64_MIN)
		return true;
	no = !strcmp(value_str_or(value_get(ready, "status"), ""), "False");
	if (v->now - started < AUTOSCALER_CPU_INITIALIZATION * NSEC_PER_SEC)
		return no || (changed != INT64_MIN && u->at - u->window < changed);
	return no && (changed == INT64_MIN || changed - started < AUTOSCALER_READINESS_DELAY * NSEC_PER_SEC);
}

static enum group group_of(const struct calc_view *v, const struct object *pod, const struct pod_usage *u, int64_t figure)
{
	const char *phase = value_str_or(object_path(pod, "status", "phase"), "");

	if (object_is_deleting(pod) || !strcmp(phase, "Failed"))
		return IGNORED;
	if (!strcmp(phase, "Pending"))
		return UNREADY;
	if (figure < 0)
		return MISSING;
	return !strcmp(v->resource, "cpu") && cpu_is_early(v, pod, u) ? UNREADY : COUNTS;
}

/* --- what pods request --- */

/* Thousandths; -1: the list says nothing of that resource. */
static int64_t request_in(const struct value *resources, const char *name)
{
	struct quantity q;

	return quantity_from(value_path(resources, "requests", name), &q, NULL) == 0 ? quantity_milli(&q) : -1;
}

/* Of the containers together, or of the one that is asked for. -1: one of them has none, and *ret_error says which. */
static int64_t request_of_containers(const struct calc_view *v, const struct object *pod, struct arena *a, const char **ret_error)
{
	const struct value *lists[] = { object_path(pod, "spec", "containers"), object_path(pod, "spec", "initContainers") };
	int64_t sum = 0;

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		for (size_t i = 0; i < value_len(lists[k]); i++) {
			const struct value *c = value_at(lists[k], i);
			const char *name = value_str_or(value_get(c, "name"), "");
			int64_t n = request_in(value_get(c, "resources"), v->resource);

			if ((k == 1 && strcmp(value_str_or(value_get(c, "restartPolicy"), ""), "Always") != 0) ||
			    (*v->container && strcmp(v->container, name) != 0))
				continue;
			if (n < 0)
				*ret_error = arena_printf(a, "missing request for %s in container %s of Pod %s", v->resource, name,
							  object_name(pod));
			if (n < 0 || *v->container)
				return n;
			if (__builtin_add_overflow(sum, n, &sum))
				sum = INT64_MAX;
		}
	}
	if (!*v->container)
		return sum;
	*ret_error = arena_printf(a, "container %s not found in Pod %s", v->container, object_name(pod));
	return -1;
}

static int set_requests(struct calc *c, struct arena *a, const char **ret_error)
{
	for (size_t i = 0; i < c->n && !*ret_error; i++) {
		const struct object *pod = c->v->pods->items[i];
		int64_t whole = *c->v->container ? -1 : request_in(object_path(pod, "spec", "resources"), c->v->resource);

		c->items[i].request = whole >= 0 ? whole : request_of_containers(c->v, pod, a, ret_error);
		if (arena_failed(a))
			return -ENOMEM;
	}
	return 0;
}

/* --- the calculation --- */

static int64_t clamp(__int128 n)
{
	return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* What is used, by what is to be; utilization and average go to *ret. Its error is set where nothing is requested. */
static double ratio(const struct calc *c, struct calc_result *ret)
{
	__int128 used = 0, requested = 0;
	int64_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		if (!c->items[i].in)
			continue;
		used += c->items[i].used;
		requested += c->items[i].request;
		n++;
	}
	if (c->of_requests && requested == 0) {
		ret->error = "no metrics returned matched known pods";
		return 0;
	}
	ret->average = n ? clamp(used / n) : 0;
	if (!c->of_requests)
		return (double)ret->average / (double)c->target;
	ret->utilization = clamp(used * 100 / requested);
	if (ret->utilization > INT32_MAX)
		ret->utilization = INT32_MAX;
	return (double)ret->utilization / (double)c->target;
}

static bool within(const struct calc_view *v, double r)
{
	return 1 - v->tolerance_down <= r && r <= 1 + v->tolerance_up;
}

static int64_t replicas_for(double r, size_t pods)
{
	double n = ceil(r * (double)pods);

	return n >= INT32_MAX ? INT32_MAX : (int64_t)n;
}

/* What pods without a figure would use: on the way down all that they request, or their target if that is more; on the way
 * up nothing, as those that are not ready. */
static void assume(struct calc *c, bool up, bool down)
{
	for (size_t i = 0; i < c->n; i++) {
		struct item *x = &c->items[i];
		int64_t percent = c->target > 100 ? c->target : 100;

		if (x->group == MISSING && down) {
			x->used = c->of_requests ? clamp((__int128)x->request * percent / 100) : c->target;
			x->in = true;
		} else if ((x->group == MISSING || x->group == UNREADY) && up) {
			x->used = 0;
			x->in = true;
		}
	}
}

static void decide(struct calc *c, struct calc_result *ret)
{
	struct calc_result again = { .error = NULL };
	size_t n_in = 0;
	double r = ratio(c, ret), next;

	ret->replicas = c->v->current;
	if (ret->error)
		return;
	if (!c->n_missing && !(c->n_unready && r > 1)) {
		if (!within(c->v, r))
			ret->replicas = replicas_for(r, c->n_ready);
		return;
	}
	assume(c, r > 1, r < 1);
	next = ratio(c, &again);
	for (size_t i = 0; i < c->n; i++)
		n_in += c->items[i].in;
	ret->error = again.error;
	if (ret->error || within(c->v, next) || (r < 1 && next > 1) || (r > 1 && next < 1))
		return;
	ret->replicas = replicas_for(next, n_in);
	if ((next < 1 && ret->replicas > c->v->current) || (next > 1 && ret->replicas < c->v->current))
		ret->replicas = c->v->current;
}

static int calculate(struct calc *c, struct arena *a, struct calc_result *ret)
{
	const struct calc_view *v = c->v;

	*ret = (struct calc_result){ .replicas = v->current };
	c->n = v->pods->n;
	if (!c->n) {
		ret->error = "no pods returned by selector while calculating replica count";
		return 0;
	}
	c->items = arena_alloc(a, c->n * sizeof(*c->items));
	if (!c->items)
		return -ENOMEM;
	for (size_t i = 0; i < c->n; i++) {
		struct item *x = &c->items[i];

		x->used = pod_figure(v, &v->usage[i]);
		x->group = group_of(v, v->pods->items[i], &v->usage[i], x->used);
		/* one that has ended well and has a figure counts too, as in Kubernetes */
		x->in = x->group == COUNTS;
		c->n_ready += x->group == COUNTS;
		c->n_unready += x->group == UNREADY;
		c->n_missing += x->group == MISSING;
	}
	if (!c->n_ready) {
		ret->error = "did not receive metrics for targeted pods (pods might be unready)";
		return 0;
	}
	if (c->of_requests && set_requests(c, a, &ret->error) < 0)
		return -ENOMEM;
	if (!ret->error)
		decide(c, ret);
	return 0;
}

int calc_utilization(const struct calc_view *v, int64_t target, struct arena *a, struct calc_result *ret)
{
	struct calc c = { .v = v, .target = target, .of_requests = true };

	return calculate(&c, a, ret);
}

int calc_average(const struct calc_view *v, int64_t target, struct arena *a, struct calc_result *ret)
{
	struct calc c = { .v = v, .target = target };

	return calculate(&c, a, ret);
}
