/* SPDX-License-Identifier: Apache-2.0 */
/* Preemption done: K8S:pkg/scheduler/framework/preemption, executor.go. */
#include <errno.h>
#include <string.h>

#include "control/scheduler_acts.h"

enum { ATTEMPTS = 8 }; /* races lost to whoever writes the victim's status */

static const struct disruption preempted = { "PreemptionByScheduler",
					     "default-scheduler: preempting to accommodate a higher priority pod" };

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

/* The newest of the victims that are not being deleted yet. One that has gone may have been made anew elsewhere by its name. */
static int read_victims(struct controller *c, const struct sched_outcome *o, struct object_list *ret)
{
	int r = 0;

	for (size_t i = 0; i < o->n_victims && r == 0; i++) {
		_cleanup_object_ struct object *pod = cache_get_key(controller_cache(c), o->victims[i]->key);

		if (pod && !object_is_deleting(pod) && !strcmp(sched_bound_node(pod), o->nominated->name))
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

/* Each by a transaction of its own, as they have nothing to do with each other. */
static int end(struct controller *c, const struct object *victim)
{
	const struct delete_options opts = { .grace_seconds = -1, .disruption = &preempted };
	int r = -ESTALE;

	for (int i = 0; i < ATTEMPTS && r == -ESTALE; i++) {
		_cleanup_object_ struct object *now = cache_get_uid(controller_cache(c), object_uid(victim));
		_cleanup_txn_ struct txn *t = NULL;

		if (!now || object_is_deleting(now))
			return 0;
		t = txn_new(controller_registry(c), controller_writer(c));
		r = t ? txn_delete(t, now, &opts) : -ENOMEM;
		if (r == 0)
			r = txn_commit(t, 0, NULL);
	}
	return r;
}

int sched_evict(struct controller *c, const struct object *pod, const struct sched_outcome *o)
{
	_cleanup_object_list_ struct object_list victims = OBJECT_LIST_INIT;
	int r = read_victims(c, o, &victims);

	for (size_t i = 0; i < victims.n && r == 0; i++) {
		r = end(c, victims.items[i]);
		if (r == 0)
			controller_event(c, victims.items[i], EVENT_NORMAL, "Preempted", "Preempted by pod %s on node %s",
					 object_uid(pod), o->nominated->name);
	}
	return r < 0 ? r : take_back(c, pod, o->nominated);
}
