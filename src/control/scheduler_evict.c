/* SPDX-License-Identifier: Apache-2.0 */
/* Preemption done: K8S:pkg/scheduler/framework/preemption, executor.go. */
#include <errno.h>

#include "control/conditions.h"
#include "control/scheduler_acts.h"

enum { AT_ONCE = 50 }; /* deletions of one transaction: controller_delete() takes 60 */

struct preemption {
	const char *message;
	int64_t now;
};

static int set_disrupted(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct preemption *d = arg;

	if (object_is_deleting(old))
		return -ECANCELED;
	condition_set(a, value_set_map(a, root, "status"), "DisruptionTarget", "True", "PreemptionByScheduler", d->message,
		      d->now, false);
	return 0;
}

static int clear_nomination(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	return value_remove(value_get(root, "status"), "nominatedNodeName") ? 0 : -ECANCELED;
}

static int modify_status(struct controller *c, const struct object *pod, registry_change_fn change, void *arg)
{
	int r = registry_modify(controller_registry(c), controller_writer(c), object_kind(pod), object_namespace(pod),
				object_name(pod), object_uid(pod), TXN_STATUS, STORE_LAZY, change, arg);

	return r == -ENOENT ? 0 : r;
}

/* The newest of the victims that are not being deleted yet. */
static int read_victims(struct controller *c, const struct sched_outcome *o, struct object_list *ret)
{
	int r = 0;

	for (size_t i = 0; i < o->n_victims && r == 0; i++) {
		_cleanup_object_ struct object *pod = cache_get_key(controller_cache(c), o->victims[i]->key);

		if (pod && !object_is_deleting(pod))
			r = object_list_add(ret, pod);
	}
	return r;
}

/* Pods of lower priority that wait for this node find another sooner. */
static int take_back(struct controller *c, const struct object *pod, const struct sched_node *node)
{
	int64_t priority = value_int(object_path(pod, "spec", "priority"), 0);
	const struct sched_pod *p;
	int r = 0;

	TAILQ_FOREACH(p, &node->nominated, in_node) {
		_cleanup_object_ struct object *other =
			p->priority < priority ? cache_get_key(controller_cache(c), p->key) : NULL;

		if (other && r == 0)
			r = modify_status(c, other, clear_nomination, NULL);
	}
	return r;
}

int sched_evict(struct controller *c, const struct object *pod, const struct sched_outcome *o)
{
	struct preemption d = { "default-scheduler: preempting to accommodate a higher priority pod",
				registry_now(controller_registry(c)) };
	_cleanup_object_list_ struct object_list victims = OBJECT_LIST_INIT;
	int r = read_victims(c, o, &victims);

	for (size_t i = 0; i < victims.n && r == 0; i++)
		r = modify_status(c, victims.items[i], set_disrupted, &d);
	for (size_t i = 0; i < victims.n && r == 0; i += AT_ONCE) {
		size_t n = victims.n - i < AT_ONCE ? victims.n - i : AT_ONCE;

		r = controller_delete(c, (const struct object *const *)&victims.items[i], n, NULL, NULL);
	}
	for (size_t i = 0; i < victims.n && r == 0; i++)
		controller_event(c, victims.items[i], EVENT_NORMAL, "Preempted", "Preempted by pod %s on node %s",
				 object_uid(pod), o->nominated->name);
	return r < 0 ? r : take_back(c, pod, o->nominated);
}
