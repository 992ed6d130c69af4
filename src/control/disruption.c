/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disruption controller: how many evictions a PodDisruptionBudget allows, and that a pod whose eviction came to nothing
 * is not said to be disrupted for ever.
 *
 * Keys: "NAMESPACE/NAME" of a budget; "pod:NAMESPACE/NAME" of a pod.
 */
#include <string.h>

#include "base/clock.h"
#include "control/conditions.h"
#include "control/controller.h"
#include "control/disruption_decide.h"
#include "control/pods.h"
#include "store/evict.h"

#define POD_KEY "pod:"

static const struct schema_kind *budgets(void)
{
	return schema_kind_by_plural("poddisruptionbudgets");
}

static const struct schema_kind *pods(void)
{
	return schema_kind_by_plural("pods");
}

static struct object *find_uid(void *arg, const char *uid)
{
	return cache_get_uid(controller_cache(arg), uid);
}

static int list_pods(struct controller *c, const struct object *budget, struct arena *a, struct object_list *ret)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	struct selector *s = NULL;
	int r = selector_compile(a, object_path(budget, "spec", "selector"), &s, NULL);

	if (r == -EINVAL) /* it has passed admission once */
		return 0;
	if (r == 0)
		r = cache_list(controller_cache(c), pods(), object_namespace(budget), &all);
	for (size_t i = 0; r == 0 && i < all.n; i++)
		if (object_matches(all.items[i], s))
			r = object_list_add(ret, all.items[i]);
	return r;
}

struct status_change {
	struct controller *c;
	const struct object_list *pods;
	struct disruption_plan plan;
	struct arena *arena; /* what the plan lives in */
	bool changed;
};

/* Decides with the newest version of the budget: an eviction may have been taken off it since the sync began, and is in
 * its disruptedPods then. */
static int change_status(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct status_change *s = arg;
	int64_t now = registry_now(controller_registry(s->c));
	int r = disruption_decide(old, s->pods, find_uid, s->c, now, s->arena, &s->plan);

	if (r < 0)
		return r;
	disruption_set_status(a, root, &s->plan, now);
	s->changed = !value_equal(value_get(root, "status"), object_path(old, "status"));
	return s->changed ? 0 : -ECANCELED;
}

/* What Kubernetes says at each sync is said when the status changes. */
static void tell(struct controller *c, const struct object *budget, const struct status_change *s)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct selector *sel = NULL;

	for (size_t i = 0; i < s->plan.n_late; i++)
		controller_event(c, s->plan.late[i], EVENT_WARNING, "NotDeleted",
				 "Pod was expected by PDB %s/%s to be deleted but it wasn't", object_namespace(budget),
				 object_name(budget));
	if (!s->changed)
		return;
	if (s->pods->n == 0)
		controller_event(c, budget, EVENT_NORMAL, "NoPods", "No matching pods found");
	if (s->plan.failure)
		controller_event(c, budget, EVENT_WARNING, "CalculateExpectedPodCountFailed",
				 "Failed to calculate the number of expected pods: %s", s->plan.failure);
	if (!s->plan.unmanaged || !a || selector_compile(a, object_path(budget, "spec", "selector"), &sel, NULL) < 0)
		return;
	selector_format(&text, sel);
	controller_event(c, budget, EVENT_WARNING, "UnmanagedPods",
			 "Pods selected by this PodDisruptionBudget (selector: %s) were found to be unmanaged. As a result, the "
			 "status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account "
			 "for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.",
			 buf_str(&text));
}

static int64_t sync_budget(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *o = controller_get(c, budgets(), key);
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct status_change s = { .c = c, .pods = &list, .arena = a };
	int r;

	if (!o)
		return 0;
	if (!a)
		return -ENOMEM;
	r = list_pods(c, o, a, &list);
	if (r == 0)
		r = registry_modify(controller_registry(c), controller_writer(c), budgets(), object_namespace(o), object_name(o),
				    object_uid(o), TXN_STATUS, STORE_LAZY, change_status, &s);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	tell(c, o, &s);
	return s.plan.wait;
}

static int clear_condition(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct controller *c = arg;
	struct value *condition = condition_get(value_get(root, "status"), "DisruptionTarget");
	int64_t now = registry_now(controller_registry(c));
	char time[CLOCK_RFC3339_SIZE];

	if (disruption_stale_after(old, now) != 0)
		return -ECANCELED;
	value_set_str(a, condition, "status", "False");
	value_set_str(a, condition, "lastTransitionTime", clock_format_rfc3339(now, time));
	value_remove(condition, "reason");
	value_remove(condition, "message");
	return 0;
}

static int64_t sync_pod(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *pod = controller_get(c, pods(), key);
	int64_t wait = pod ? disruption_stale_after(pod, registry_now(controller_registry(c))) : -1;
	int r;

	if (wait != 0)
		return wait > 0 ? wait : 0;
	r = registry_modify(controller_registry(c), controller_writer(c), pods(), object_namespace(pod), object_name(pod),
			    object_uid(pod), TXN_STATUS, 0, clear_condition, c);
	return r == -ENOENT ? 0 : r;
}

static int64_t sync_key(struct controller *c, const char *key)
{
	if (strncmp(key, POD_KEY, strlen(POD_KEY)) == 0)
		return sync_pod(c, key + strlen(POD_KEY));
	return sync_budget(c, key);
}

static void notice_budget(struct controller *c, const struct cache_event *e)
{
	if (e->now)
		controller_add_object(c, e->now);
}

static bool same_condition(const struct cache_event *e, const char *type)
{
	return object_same(e->old, e->now, "status", "conditions") ||
	       value_equal(condition_get(object_path(e->old, "status"), type), condition_get(object_path(e->now, "status"), type));
}

/* Whether what a budget looks at has changed. */
static bool concerns(const struct cache_event *e)
{
	if (!e->old || !e->now)
		return true;
	return object_is_deleting(e->old) != object_is_deleting(e->now) || !object_same(e->old, e->now, "metadata", "labels") ||
	       strcmp(object_controller_uid(e->old), object_controller_uid(e->now)) != 0 || !same_condition(e, "Ready");
}

/* Every budget that a pod matches, as each says what it allows. */
static void add_budgets(struct controller *c, const struct object *pod)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;

	if (evict_list_budgets(controller_cache(c), pod, &list) < 0)
		return; /* ignoring: without memory the next change counts */
	for (size_t i = 0; i < list.n; i++)
		controller_add_object(c, list.items[i]);
	if (list.n > 1 && !object_is_deleting(pod))
		controller_event(c, pod, EVENT_WARNING, "MultiplePodDisruptionBudgets",
				 "Pod \"%s\"/\"%s\" matches multiple PodDisruptionBudgets.  Chose \"%s\" arbitrarily.",
				 object_namespace(pod), object_name(pod), object_name(list.items[0]));
}

static void notice_pod(struct controller *c, const struct cache_event *e)
{
	char key[STORE_KEY_MAX + sizeof(POD_KEY)];

	if (e->now && (!e->old || !same_condition(e, "DisruptionTarget")) &&
	    condition_get(object_path(e->now, "status"), "DisruptionTarget")) {
		(void)snprintf(key, sizeof(key), POD_KEY "%s/%s", object_namespace(e->now), object_name(e->now));
		controller_add(c, key);
	}
	if (!cache_count(controller_cache(c), budgets(), object_namespace(e->now ? e->now : e->old)) || !concerns(e))
		return;
	if (e->now)
		add_budgets(c, e->now);
	if (e->old && (!e->now || !object_same(e->old, e->now, "metadata", "labels")))
		add_budgets(c, e->old);
}

const struct controller_type disruption_controller = {
	.name = "controllermanager", /* who Kubernetes' events of this are from */
	.sync = sync_key,
	.watches = { { "poddisruptionbudgets", notice_budget }, { "pods", notice_pod } },
};
