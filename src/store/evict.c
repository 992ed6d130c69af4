/* SPDX-License-Identifier: Apache-2.0 */
#include "store/evict.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

enum { DISRUPTED_MAX = 2000 }; /* K8S: MaxDisruptedPodSize */

#define CONDITION "DisruptionAllowed"
#define REFUSAL "Cannot evict pod as it would violate the pod's disruption budget."

static bool is_ready(const struct object *pod)
{
	const struct value *c = value_find(object_path(pod, "status", "conditions"), "type", "Ready");

	return strcmp(value_str_or(value_get(c, "status"), ""), "True") == 0;
}

/* What has ended, has not begun or is going disturbs nobody. */
static bool needs_no_budget(const struct object *pod)
{
	static const char *const phases[] = { "Pending", "Succeeded", "Failed" };
	const char *phase = object_str(pod, "status", "phase");

	for (size_t i = 0; phase && i < ARRAY_SIZE(phases); i++)
		if (strcmp(phase, phases[i]) == 0)
			return true;
	return object_is_deleting(pod);
}

static int64_t status(const struct object *budget, const char *member)
{
	return value_int(object_path(budget, "status", member), 0);
}

/* A pod that does not serve may go when the budget says so, or when enough others do. */
static bool may_go_unready(const struct object *budget)
{
	const char *policy = value_str_or(object_path(budget, "spec", "unhealthyPodEvictionPolicy"), "");

	return strcmp(policy, "AlwaysAllow") == 0 ||
	       (status(budget, "desiredHealthy") > 0 && status(budget, "currentHealthy") >= status(budget, "desiredHealthy"));
}

/* Why a budget allows none at all. */
static const char *explain(const struct object *budget, struct arena *a)
{
	const struct value *c = value_find(object_path(budget, "status", "conditions"), "type", CONDITION);
	const char *name = object_name(budget), *reason = value_str_or(value_get(c, "reason"), "");
	const char *message = value_str_or(value_get(c, "message"), "");
	bool is_false = strcmp(value_str_or(value_get(c, "status"), ""), "False") == 0;

	if (is_false && *message && strcmp(reason, "SyncFailed") == 0)
		return arena_printf(a, REFUSAL " The disruption budget %s does not allow evicting pods currently because it failed "
				    "sync: %s", name, message);
	if (status(budget, "currentHealthy") <= status(budget, "desiredHealthy"))
		return arena_printf(a, REFUSAL " The disruption budget %s needs %" PRId64 " healthy pods and has %" PRId64
				    " currently", name, status(budget, "desiredHealthy"), status(budget, "currentHealthy"));
	if (is_false && *message)
		return arena_printf(a, REFUSAL " The disruption budget %s does not allow evicting pods currently (%s): %s", name,
				    reason, message);
	return arena_printf(a, REFUSAL " The disruption budget %s does not allow evicting pods currently", name);
}

static const char *ask_budget(const struct object *budget, struct arena *a)
{
	const char *name = object_name(budget);

	if (status(budget, "observedGeneration") < value_int(object_path(budget, "metadata", "generation"), 0))
		return arena_printf(a, REFUSAL " The disruption budget %s is still being processed by the server.", name);
	if (status(budget, "disruptionsAllowed") < 0)
		return arena_printf(a, "poddisruptionbudgets.policy \"%s\" is forbidden: pdb disruptions allowed is negative", name);
	if (value_len(object_path(budget, "status", "disruptedPods")) > DISRUPTED_MAX)
		return arena_printf(a, "poddisruptionbudgets.policy \"%s\" is forbidden: DisruptedPods map too big - too many "
				    "evictions not confirmed by PDB controller", name);
	return status(budget, "disruptionsAllowed") == 0 ? explain(budget, a) : NULL;
}

int evict_decide(const struct object *pod, const struct object_list *budgets, struct arena *a,
		 const struct object **ret_charge, const char **ret_why)
{
	const char *why;

	*ret_charge = NULL;
	*ret_why = "";
	if (needs_no_budget(pod) || budgets->n == 0)
		return 0;
	if (budgets->n > 1) {
		*ret_why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
		return -EINVAL;
	}
	if (!is_ready(pod) && may_go_unready(budgets->items[0]))
		return 0;
	why = ask_budget(budgets->items[0], a);
	if (arena_failed(a))
		return -ENOMEM;
	if (why) {
		*ret_why = why;
		return -EBUSY;
	}
	*ret_charge = budgets->items[0];
	return 0;
}

void evict_set_condition(struct arena *a, struct value *st, const char *failure, int64_t now)
{
	bool allowed = !failure && value_int(value_get(st, "disruptionsAllowed"), 0) > 0;
	struct value *list = value_set_list(a, st, "conditions"), *c = value_find(list, "type", CONDITION);
	const char *value = allowed ? "True" : "False";
	const struct value *generation = value_get(st, "observedGeneration");
	char time[CLOCK_RFC3339_SIZE];

	if (!c)
		c = value_append(a, list, value_new_map(a));
	if (strcmp(value_str_or(value_get(c, "status"), ""), value) != 0)
		value_set_str(a, c, "lastTransitionTime", clock_format_rfc3339(now, time));
	value_set_str(a, c, "message", failure ? failure : "");
	if (generation)
		value_set_int(a, c, "observedGeneration", value_int(generation, 0));
	value_set_str(a, c, "reason", failure ? "SyncFailed" : allowed ? "SufficientPods" : "InsufficientPods");
	value_set_str(a, c, "status", value);
	value_set_str(a, c, "type", CONDITION);
}

int evict_list_budgets(struct cache *cache, const struct object *pod, struct object_list *ret)
{
	const struct schema_kind *kind = schema_kind_by_plural("poddisruptionbudgets");
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = NULL;
	int r;

	if (!cache_count(cache, kind, object_namespace(pod)))
		return 0;
	a = arena_new(0);
	r = a ? cache_list(cache, kind, object_namespace(pod), &list) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		struct selector *s = NULL;
		int e = selector_compile(a, object_path(list.items[i], "spec", "selector"), &s, NULL);

		if (e == -ENOMEM)
			return e;
		if (e == 0 && object_matches(pod, s)) /* one that is malformed matches nothing */
			r = object_list_add(ret, list.items[i]);
	}
	return r;
}

static int take_one(struct txn *t, const struct object *budget, const struct object *pod, int64_t now)
{
	struct arena *a = txn_arena(t);
	struct value *root = value_copy(a, object_root(budget)), *s;
	char time[CLOCK_RFC3339_SIZE];

	if (!root)
		return -ENOMEM;
	s = value_set_map(a, root, "status");
	value_set_int(a, s, "disruptionsAllowed", status(budget, "disruptionsAllowed") - 1);
	if (status(budget, "disruptionsAllowed") == 1)
		evict_set_condition(a, s, NULL, now);
	value_set_str(a, value_set_map(a, s, "disruptedPods"), object_name(pod), clock_format_rfc3339(now, time));
	return arena_failed(a) ? -ENOMEM : txn_update(t, budget, root, TXN_STATUS, NULL);
}

int txn_evict(struct txn *t, const struct object *pod, const struct delete_options *opts, const char **ret_why)
{
	static const struct disruption evicting = { "EvictionByEvictionAPI", "Eviction API: evicting" };
	struct delete_options with = opts ? *opts : (struct delete_options){ .grace_seconds = -1 };
	_cleanup_object_list_ struct object_list budgets = OBJECT_LIST_INIT;
	const struct object *charge = NULL;
	const char *why = "";
	int r = 0;

	if (!needs_no_budget(pod))
		r = evict_list_budgets(registry_cache(txn_registry(t)), pod, &budgets);
	if (r == 0)
		r = evict_decide(pod, &budgets, txn_arena(t), &charge, &why);
	if (ret_why)
		*ret_why = why;
	if (r == 0 && charge)
		r = take_one(t, charge, pod, registry_now(txn_registry(t)));
	with.disruption = &evicting;
	return r < 0 ? r : txn_delete(t, pod, &with);
}
