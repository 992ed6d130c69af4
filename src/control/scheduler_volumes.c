/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scheduler_volumes.h"

#include <errno.h>
#include <string.h>

static const char no_match[] = "node(s) didn't find available persistent volumes to bind";

static const struct object *find(const struct object_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(object_name(list->items[i]), name))
			return list->items[i];
	return NULL;
}

static bool is_delayed(const struct sched_claim *c)
{
	return c->class && !strcmp(value_str_or(object_path(c->class, "volumeBindingMode"), ""), "WaitForFirstConsumer");
}

static bool is_once_pod(const struct object *claim)
{
	const struct value *modes = object_path(claim, "spec", "accessModes");

	for (size_t i = 0; i < value_len(modes); i++)
		if (!strcmp(value_str_or(value_at(modes, i), ""), "ReadWriteOncePod"))
			return true;
	return false;
}

/* Whether another pod that is on a node and not done has it. */
static bool is_in_use(const struct object *pod, const struct object *claim, const struct object_list *pods)
{
	for (size_t i = 0; i < pods->n; i++) {
		const struct object *o = pods->items[i];
		const char *phase = value_str_or(object_path(o, "status", "phase"), "");

		if (strcmp(object_uid(o), object_uid(pod)) != 0 && value_len(object_path(o, "spec", "nodeName")) &&
		    strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0 && pv_pod_uses(o, claim))
			return true;
	}
	return false;
}

/* Looks at one claim by name; a message where the pod cannot be scheduled because of it. */
static const char *read_claim(const struct object *pod, const char *name, bool generic, const struct sched_volumes_view *view,
			      struct arena *a, struct sched_volumes *v)
{
	struct sched_claim *c = &v->claims[v->n];
	const char *volume;

	c->claim = find(view->claims, name);
	if (!c->claim && generic)
		return arena_printf(a, "waiting for ephemeral volume controller to create the persistentvolumeclaim \"%s\"", name);
	if (!c->claim)
		return arena_printf(a, "persistentvolumeclaim \"%s\" not found", name);
	if (generic && !pv_is_of_pod(c->claim, pod))
		return arena_printf(a, "PVC %s/%s was not created for pod %s/%s (pod is not owner)", object_namespace(pod), name,
				    object_namespace(pod), object_name(pod));
	if (object_is_deleting(c->claim))
		return arena_printf(a, "persistentvolumeclaim \"%s\" is being deleted", name);
	v->n++;
	volume = value_str_or(object_path(c->claim, "spec", "volumeName"), "");
	if (!strcmp(value_str_or(object_path(c->claim, "status", "phase"), ""), "Lost"))
		return arena_printf(a, "persistentvolumeclaim \"%s\" bound to non-existent persistentvolume \"%s\"", name, volume);
	if (is_once_pod(c->claim) && is_in_use(pod, c->claim, view->pods))
		v->conflict = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by "
			      "another pod";
	if (pv_claim_is_bound(c->claim)) {
		c->volume = find(view->volumes, volume);
		if (!c->volume)
			v->conflict = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
		return NULL;
	}
	c->class = find(view->classes, pv_class(c->claim));
	return is_delayed(c) && !*volume ? NULL : "pod has unbound immediate PersistentVolumeClaims";
}

int sched_volumes_read(const struct object *pod, const struct sched_volumes_view *view, struct arena *a,
		       struct sched_volumes *ret, const char **ret_message)
{
	const struct value *list = object_path(pod, "spec", "volumes");

	*ret = (struct sched_volumes){ .volumes = view->volumes };
	*ret_message = NULL;
	ret->claims = arena_alloc(a, (value_len(list) + 1) * sizeof(*ret->claims));
	for (size_t i = 0; ret->claims && i < value_len(list) && !*ret_message; i++) {
		const char *name = pv_claim_name(a, pod, value_at(list, i));

		if (!name)
			continue;
		ret->claims[ret->n] = (struct sched_claim){ 0 };
		*ret_message = read_claim(pod, name, value_get(value_at(list, i), "ephemeral"), view, a, ret);
	}
	return arena_failed(a) ? -ENOMEM : 0;
}

bool sched_volumes_wait(const struct sched_volumes *v)
{
	for (size_t i = 0; i < v->n; i++)
		if (!v->claims[i].volume)
			return true;
	return false;
}

/* Whether a volume can be made for the claim on that node. */
static bool can_make(const struct sched_claim *c, const struct object *node)
{
	const char *provisioner = value_str_or(object_path(c->class, "provisioner"), "");
	const char *selected = pv_annotation(c->claim, PV_SELECTED_NODE);

	return *provisioner && strcmp(provisioner, PV_NO_PROVISIONER) != 0 &&
	       (!selected || !strcmp(selected, object_name(node)));
}

int sched_volumes_next(const struct sched_volumes *v, size_t i, const struct object *node, struct object_list *taken,
		       const struct object **ret_volume, bool *ret_make)
{
	const struct sched_claim *c = &v->claims[i];
	const struct object *volume;

	*ret_volume = NULL;
	*ret_make = false;
	if (c->volume || pv_annotation(c->claim, PV_SELECTED_NODE))
		return 0;
	volume = pv_best(c->claim, v->volumes, node, taken, false);
	if (!volume) {
		*ret_make = can_make(c, node);
		return 0;
	}
	if (!pv_is_for(volume, c->claim))
		*ret_volume = volume;
	return object_list_add(taken, volume);
}

const char *sched_volumes_filter(const struct sched_volumes *v, const struct object *node)
{
	_cleanup_object_list_ struct object_list taken = OBJECT_LIST_INIT;

	if (v->conflict)
		return v->conflict;
	for (size_t i = 0; i < v->n; i++)
		if (v->claims[i].volume && !pv_reaches(v->claims[i].volume, node))
			return "node(s) didn't match PersistentVolume's node affinity";
	for (size_t i = 0; i < v->n; i++) {
		const struct sched_claim *c = &v->claims[i];
		const struct object *volume;

		if (c->volume)
			continue;
		volume = pv_annotation(c->claim, PV_SELECTED_NODE) ? NULL : pv_best(c->claim, v->volumes, node, &taken, false);
		if ((!volume && !can_make(c, node)) || (volume && object_list_add(&taken, volume) < 0))
			return no_match;
	}
	return NULL;
}
