/* SPDX-License-Identifier: Apache-2.0 */
#include "control/disruption_decide.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/pods.h"
#include "store/evict.h"
#include "value/intstr.h"

static const int64_t deletion_timeout = 120 * NSEC_PER_SEC; /* K8S:disruption, DeletionTimeout */
static const int64_t stale_timeout = 120 * NSEC_PER_SEC;    /* the same, stalePodDisruptionTimeout */

/* A controller that has been counted. */
struct scale {
	const char *ref_uid; /* as pods name it */
	const char *uid;     /* whose scale it is: a ReplicaSet's Deployment */
	int64_t replicas;
};

struct count {
	disruption_find_fn find;
	void *arg;
	struct arena *arena;
	struct scale *scales;
	size_t n;
	const char *failure;
};

static int64_t replicas_of(const struct object *o)
{
	return value_int(object_path(o, "spec", "replicas"), 1);
}

static const struct value *controller_ref(const struct object *o)
{
	const struct value *refs = object_path(o, "metadata", "ownerReferences");

	for (size_t i = 0; i < value_len(refs); i++)
		if (value_bool(value_get(value_at(refs, i), "controller"), false))
			return value_at(refs, i);
	return NULL;
}

/* The object that a reference names, if it is there and of that kind. */
static struct object *find_ref(const struct count *c, const struct value *ref, const struct schema_kind *kind)
{
	struct object *o = kind ? c->find(c->arg, value_str_or(value_get(ref, "uid"), "")) : NULL;

	if (o && object_kind(o) == kind && strcmp(object_name(o), value_str_or(value_get(ref, "name"), "")) == 0)
		return o;
	object_unref(o);
	return NULL;
}

static const struct schema_kind *kind_of(const struct value *ref)
{
	return schema_kind_find(value_str_or(value_get(ref, "apiVersion"), ""), value_str_or(value_get(ref, "kind"), ""));
}

static bool is_kind(const struct schema_kind *kind, const char *plural)
{
	return kind && strcmp(kind->plural, plural) == 0;
}

/* Whether objects of the kind have the scale subresource. */
static bool has_scale(const struct schema_kind *kind)
{
	static const char *const plurals[] = { "deployments", "replicasets", "replicationcontrollers", "statefulsets" };

	for (size_t i = 0; i < ARRAY_SIZE(plurals); i++)
		if (is_kind(kind, plurals[i]))
			return true;
	return false;
}

/* The Deployment of a ReplicaSet; NULL: it has none, or that is gone, and its own scale counts. */
static struct object *deployment_of(const struct count *c, const struct object *set)
{
	const struct value *ref = controller_ref(set);
	const struct schema_kind *kind = kind_of(ref);

	return is_kind(kind, "deployments") ? find_ref(c, ref, kind) : NULL;
}

static int find_scale(struct count *c, const struct object *pod, const struct value *ref, struct scale *ret)
{
	const struct schema_kind *kind = kind_of(ref);
	_cleanup_object_ struct object *o = find_ref(c, ref, kind), *deployment = NULL;

	if (!kind)
		c->failure = arena_printf(c->arena, "no matches for kind \"%.63s\" in version \"%.253s\"",
					  value_str_or(value_get(ref, "kind"), ""), value_str_or(value_get(ref, "apiVersion"), ""));
	else if (!has_scale(kind))
		c->failure = arena_printf(c->arena, "%s%s%s does not implement the scale subresource", kind->plural,
					  *kind->group ? "." : "", kind->group);
	else if (!o)
		c->failure = arena_printf(c->arena, "found no controllers for pod \"%s\"", object_name(pod));
	if (c->failure || !o)
		return c->failure ? 0 : -ENOMEM;
	if (is_kind(kind, "replicasets"))
		deployment = deployment_of(c, o);
	*ret = (struct scale){ .ref_uid = value_str_or(value_get(ref, "uid"), ""),
			       .uid = arena_strdup(c->arena, object_uid(deployment ? deployment : o)),
			       .replicas = replicas_of(deployment ? deployment : o) };
	return 0;
}

static bool is_counted(const struct count *c, const char *ref_uid)
{
	for (size_t i = c->n; i-- > 0;)
		if (strcmp(c->scales[i].ref_uid, ref_uid) == 0)
			return true;
	return false;
}

/* Adds a controller, as one of no replicas where its Deployment has been counted. */
static void add_scale(struct count *c, struct scale s)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->scales[i].uid, s.uid) == 0)
			s.replicas = 0;
	c->scales[c->n++] = s;
}

/* How many pods the controllers of all of them want. */
static int count_expected(struct count *c, const struct object_list *pods, int64_t *ret, size_t *ret_unmanaged)
{
	int64_t sum = 0;

	*ret_unmanaged = 0;
	c->scales = arena_alloc(c->arena, (pods->n + 1) * sizeof(*c->scales));
	if (!c->scales)
		return -ENOMEM;
	for (size_t i = 0; i < pods->n && !c->failure; i++) {
		const struct value *ref = controller_ref(pods->items[i]);
		struct scale s = { 0 };
		int r;

		*ret_unmanaged += !ref;
		if (!ref || is_counted(c, value_str_or(value_get(ref, "uid"), "")))
			continue;
		r = find_scale(c, pods->items[i], ref, &s);
		if (r < 0)
			return r;
		if (!c->failure)
			add_scale(c, s);
	}
	for (size_t i = 0; i < c->n; i++)
		sum += c->scales[i].replicas;
	*ret = sum > INT32_MAX ? INT32_MAX : sum;
	return arena_failed(c->arena) ? -ENOMEM : 0;
}

/* expected and desired. */
static int count_wanted(const struct object *budget, const struct object_list *pods, struct count *c,
			struct disruption_plan *plan)
{
	const struct value *max = object_path(budget, "spec", "maxUnavailable"), *min = object_path(budget, "spec", "minAvailable");
	int r;

	if (!max && value_type(min) == VALUE_INT) {
		plan->desired = value_int(min, 0);
		plan->expected = (int64_t)pods->n;
		return 0;
	}
	if (!max && !value_str(min))
		return 0;
	r = count_expected(c, pods, &plan->expected, &plan->unmanaged);
	if (r < 0)
		return r;
	plan->failure = c->failure;
	plan->desired = max ? plan->expected - intstr_scaled(max, (int)plan->expected, true, 0) :
			      intstr_scaled(min, (int)plan->expected, true, 0);
	if (plan->desired < 0)
		plan->desired = 0;
	return 0;
}

/* When the eviction of a pod that the budget knows of ceases to count; false: it knows of none. */
static bool eviction_ends(const struct object *budget, const struct object *pod, int64_t *ret)
{
	const char *time = value_str(value_get(object_path(budget, "status", "disruptedPods"), object_name(pod)));
	int64_t t;

	if (!time || clock_parse_rfc3339(time, &t) < 0)
		return false;
	*ret = t + deletion_timeout;
	return true;
}

static void count_pod(const struct object *budget, const struct object *pod, int64_t now, struct arena *a,
		      struct disruption_plan *plan)
{
	int64_t ends = 0;
	bool evicted;

	if (object_is_deleting(pod))
		return;
	evicted = eviction_ends(budget, pod, &ends);
	if (evicted && ends >= now) {
		value_set(a, plan->disrupted, object_name(pod),
			  value_copy(a, value_get(object_path(budget, "status", "disruptedPods"), object_name(pod))));
		if (!plan->wait || ends - now + 1 < plan->wait)
			plan->wait = ends - now + 1;
	} else if (evicted) {
		plan->late[plan->n_late++] = pod;
	}
	if (!(evicted && ends > now) && pod_is_ready(pod))
		plan->healthy++;
}

int disruption_decide(const struct object *budget, const struct object_list *pods, disruption_find_fn find, void *arg,
		      int64_t now, struct arena *a, struct disruption_plan *ret)
{
	struct count c = { .find = find, .arg = arg, .arena = a };
	struct disruption_plan plan = { .disrupted = value_new_map(a),
					.late = arena_alloc(a, (pods->n + 1) * sizeof(*plan.late)) };
	int r;

	if (!plan.disrupted || !plan.late)
		return -ENOMEM;
	r = count_wanted(budget, pods, &c, &plan);
	if (r < 0)
		return r;
	for (size_t i = 0; i < pods->n; i++)
		count_pod(budget, pods->items[i], now, a, &plan);
	/* A budget without pods is no leave to evict the first that come. */
	if (plan.expected > 0 && plan.healthy > plan.desired)
		plan.allowed = plan.healthy - plan.desired;
	if (arena_failed(a))
		return -ENOMEM;
	*ret = plan;
	return 0;
}

void disruption_set_status(struct arena *a, struct value *root, const struct disruption_plan *plan, int64_t now)
{
	struct value *status = value_set_map(a, root, "status");
	int64_t generation = value_int(value_path(root, "metadata", "generation"), 0);

	if (plan->failure) {
		value_set_int(a, status, "disruptionsAllowed", 0);
		evict_set_condition(a, status, plan->failure, now);
		return;
	}
	value_set_int(a, status, "currentHealthy", plan->healthy);
	value_set_int(a, status, "desiredHealthy", plan->desired);
	if (value_len(plan->disrupted))
		value_set(a, status, "disruptedPods", plan->disrupted);
	else
		value_remove(status, "disruptedPods");
	value_set_int(a, status, "disruptionsAllowed", plan->allowed);
	value_set_int(a, status, "expectedPods", plan->expected);
	value_set_int(a, status, "observedGeneration", generation);
	evict_set_condition(a, status, NULL, now);
}

int64_t disruption_stale_after(const struct object *pod, int64_t now)
{
	const struct value *status = object_path(pod, "status");
	const char *phase = value_str_or(value_get(status, "phase"), "");
	int64_t since;

	if (object_is_deleting(pod) || !strcmp(phase, "Succeeded") || !strcmp(phase, "Failed") ||
	    strcmp(condition_status(status, "DisruptionTarget"), "True") != 0 ||
	    !strcmp(condition_reason(status, "DisruptionTarget"), "TerminationByKubelet"))
		return -1;
	if (clock_parse_rfc3339(value_str_or(value_get(condition_get(status, "DisruptionTarget"), "lastTransitionTime"), ""),
				&since) < 0)
		return 0;
	return since + stale_timeout > now ? since + stale_timeout - now : 0;
}
