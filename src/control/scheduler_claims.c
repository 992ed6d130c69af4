/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "control/scheduler_acts.h"

void sched_claims_clear(struct sched_claims *x)
{
	object_list_clear(&x->claims);
	object_list_clear(&x->pods);
	object_list_clear(&x->volumes);
	object_list_clear(&x->classes);
}

int sched_claims_read(struct controller *c, const struct object *pod, struct arena *a, struct sched_claims *x,
		      const char **ret_message)
{
	const struct {
		const char *plural, *ns;
		struct object_list *list;
	} lists[] = {
		{ "persistentvolumeclaims", object_namespace(pod), &x->claims },
		{ "pods", object_namespace(pod), &x->pods },
		{ "persistentvolumes", NULL, &x->volumes },
		{ "storageclasses", NULL, &x->classes },
	};
	const struct value *volumes = object_path(pod, "spec", "volumes");
	const struct sched_volumes_view view = { &x->claims, &x->pods, &x->volumes, &x->classes };
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < value_len(volumes) && !any; i++)
		any = pv_claim_name(a, pod, value_at(volumes, i));
	for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0 && any; i++)
		r = cache_list(controller_cache(c), schema_kind_by_plural(lists[i].plural), lists[i].ns, lists[i].list);
	return r < 0 || !any ? r : sched_volumes_read(pod, &view, a, &x->of, ret_message);
}

/* The volume controller binds the claim to it, and the kube-scheduler likewise leaves that to it. */
static int reserve(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct object *claim = arg;
	struct value *ref;

	if (object_path(old, "spec", "claimRef"))
		return -ESTALE;
	ref = value_set_map(a, value_set_map(a, root, "spec"), "claimRef");
	value_set_str(a, ref, "apiVersion", "v1");
	value_set_str(a, ref, "kind", "PersistentVolumeClaim");
	value_set_str(a, ref, "namespace", object_namespace(claim));
	value_set_str(a, ref, "name", object_name(claim));
	value_set_str(a, ref, "uid", object_uid(claim));
	value_set_str(a, value_make_path(a, root, "metadata", "annotations"), PV_BOUND_BY_CONTROLLER, "yes");
	return 0;
}

static int select_node(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	value_set_str(a, value_make_path(a, root, "metadata", "annotations"), PV_SELECTED_NODE, arg);
	return 0;
}

int sched_claims_bind(struct controller *c, const struct sched_volumes *v, const struct object *node)
{
	_cleanup_object_list_ struct object_list taken = OBJECT_LIST_INIT;
	struct registry *reg = controller_registry(c);
	int r = 0;

	for (size_t i = 0; i < v->n && r == 0; i++) {
		const struct object *claim = v->claims[i].claim, *volume;
		bool make;

		r = sched_volumes_next(v, i, node, &taken, &volume, &make);
		if (r == 0 && volume)
			r = registry_modify(reg, controller_writer(c), object_kind(volume), NULL, object_name(volume),
					    object_uid(volume), 0, 0, reserve, (void *)(uintptr_t)claim);
		else if (r == 0 && make)
			r = registry_modify(reg, controller_writer(c), object_kind(claim), object_namespace(claim),
					    object_name(claim), object_uid(claim), 0, 0, select_node,
					    (void *)(uintptr_t)object_name(node));
	}
	return r == -ENOENT ? -ESTALE : r;
}
