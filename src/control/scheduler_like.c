/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods are a pod's like. */
#include <errno.h>
#include <string.h>

#include "control/scheduler_acts.h"

static bool has_all(const struct value *labels, const struct value *map)
{
	for (size_t i = 0; i < value_len(map); i++)
		if (!value_equal(value_at(map, i), value_get(labels, value_key_at(map, i))))
			return false;
	return true;
}

static void add_all(struct arena *a, struct value *selector, const struct value *map)
{
	for (size_t i = 0; i < value_len(map); i++)
		value_set(a, value_set_map(a, selector, "matchLabels"), value_key_at(map, i), value_copy(a, value_at(map, i)));
}

static int add_services(struct controller *c, const struct object *pod, struct arena *a, struct value *selector)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	const struct schema_kind *kind = schema_kind_by_plural("services");
	int r = 0;

	if (cache_count(controller_cache(c), kind, object_namespace(pod)))
		r = cache_list(controller_cache(c), kind, object_namespace(pod), &list);
	for (size_t i = 0; i < list.n && r == 0; i++) {
		const struct value *map = object_path(list.items[i], "spec", "selector");

		if (map && has_all(object_labels(pod), map))
			add_all(a, selector, map);
	}
	return r;
}

/* Its controller's selector: a map, or matchLabels and matchExpressions. */
static void add_owner(struct controller *c, const struct object *pod, struct arena *a, struct value *selector)
{
	static const char *const plurals[] = { "replicationcontrollers", "replicasets", "statefulsets" };
	const char *uid = object_controller_uid(pod);
	_cleanup_object_ struct object *owner = *uid ? cache_get_uid(controller_cache(c), uid) : NULL;
	const struct value *of = owner ? object_path(owner, "spec", "selector") : NULL;

	for (size_t i = 0; of && i < ARRAY_SIZE(plurals); i++) {
		const struct value *list = value_get(of, "matchExpressions");

		if (strcmp(object_kind(owner)->plural, plurals[i]) != 0)
			continue;
		add_all(a, selector, i == 0 ? of : value_get(of, "matchLabels"));
		for (size_t k = 0; i > 0 && k < value_len(list); k++)
			value_append(a, value_set_list(a, selector, "matchExpressions"), value_copy(a, value_at(list, k)));
	}
}

int sched_default_selector(struct controller *c, const struct object *pod, struct arena *a, const struct value **ret)
{
	struct value *selector = value_new_map(a);
	int r;

	*ret = NULL;
	if (value_len(object_path(pod, "spec", "topologySpreadConstraints")))
		return 0; /* it says itself how it is spread */
	r = add_services(c, pod, a, selector);
	if (r < 0)
		return r;
	add_owner(c, pod, a, selector);
	if (arena_failed(a))
		return -ENOMEM;
	*ret = value_len(selector) ? selector : NULL;
	return 0;
}
