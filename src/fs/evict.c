/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/evict.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "fs/live.h"
#include "value/selector.h"

enum { DISRUPTED_MAX = 2000 };

/* The budgets of a pod: their number, and the last of them, decoded, as a new reference. */
static int find_budget(struct fs *fs, const struct object *pod, unsigned *ret_n, struct object **ret)
{
	const struct schema_kind *kind = schema_kind_by_plural("poddisruptionbudgets");
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	int r = kind ? cache_list(fs->cache, kind, object_namespace(pod), &list) : 0;

	*ret_n = 0;
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		_cleanup_object_ struct object *budget = fs_live_decode(fs, list.items[i]);
		struct selector *s = NULL;

		if (!budget)
			return -ENOMEM;
		r = selector_compile(a, object_path(budget, "spec", "selector"), &s, NULL);
		if (r < 0 || !object_matches(pod, s))
			continue;
		(*ret_n)++;
		object_unref(*ret);
		*ret = steal_ptr(budget);
	}
	return r;
}

static bool is_ready(const struct object *pod)
{
	const struct value *c = value_find(object_path(pod, "status", "conditions"), "type", "Ready");

	return strcmp(value_str_or(value_get(c, "status"), ""), "True") == 0;
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

static int take_one(struct fs *fs, struct txn *t, const struct object *budget, const struct object *pod)
{
	struct arena *a = txn_arena(t);
	struct value *root = value_copy(a, object_root(budget)), *s = value_set_map(a, root, "status");
	char now[CLOCK_RFC3339_SIZE];

	(void)value_set_int(a, s, "disruptionsAllowed", status(budget, "disruptionsAllowed") - 1);
	(void)value_set_str(a, value_set_map(a, s, "disruptedPods"), object_name(pod),
			    clock_format_rfc3339(registry_now(fs->registry), now));
	return arena_failed(a) ? -ENOMEM : txn_update(t, budget, root, TXN_STATUS, NULL);
}

static int ask_budget(struct fs *fs, struct txn *t, const struct object *budget, const struct object *pod, struct buf *why)
{
	const char *name = object_name(budget);

	if (status(budget, "observedGeneration") < value_int(object_path(budget, "metadata", "generation"), 0)) {
		buf_printf(why, "the disruption budget %s has not been looked at since it changed", name);
		return -EBUSY;
	}
	if (value_len(object_path(budget, "status", "disruptedPods")) > DISRUPTED_MAX) {
		buf_printf(why, "the disruption budget %s has more than %d evictions that have not ended", name, DISRUPTED_MAX);
		return -EBUSY;
	}
	if (status(budget, "disruptionsAllowed") <= 0) {
		buf_printf(why, "it would violate the disruption budget %s, which needs %" PRId64 " healthy pods and has %" PRId64,
			   name, status(budget, "desiredHealthy"), status(budget, "currentHealthy"));
		return -EBUSY;
	}
	return take_one(fs, t, budget, pod);
}

int fs_evict_admit(struct fs *fs, struct txn *t, const struct object *pod, struct buf *why)
{
	const char *phase = value_str_or(object_path(pod, "status", "phase"), "");
	_cleanup_object_ struct object *budget = NULL;
	unsigned n;
	int r;

	/* What has ended, has not begun or is going disturbs nobody. */
	if (object_is_deleting(pod) || strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0 ||
	    strcmp(phase, "Pending") == 0)
		return 0;
	r = find_budget(fs, pod, &n, &budget);
	if (r < 0 || n == 0)
		return r;
	if (n > 1) {
		buf_puts(why, "the pod has more than one disruption budget, which an eviction cannot serve");
		return -EINVAL;
	}
	if (!is_ready(pod) && may_go_unready(budget))
		return 0;
	return ask_budget(fs, t, budget, pod, why);
}
