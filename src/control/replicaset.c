/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ReplicaSet controller: keeps the number of a ReplicaSet's pods. ReplicationControllers are ReplicaSets of an older
 * form: another controller of the same code, as in K8S:pkg/controller/replication. controller_data() is the kind.
 */
#include <string.h>

#include "control/claim.h"
#include "control/conditions.h"
#include "control/pods_apply.h"
#include "control/replicaset_decide.h"

static const struct schema_kind *kind_of(struct controller *c)
{
	return controller_data(c);
}

static struct value *make_pod(void *arg, struct arena *a, size_t i)
{
	const struct object *rs = arg;

	(void)i;
	return pod_from_template(a, object_path(rs, "spec", "template"), rs);
}

/* The active pods of all ReplicaSets that have the same controller, or the set's own. */
static int list_siblings(struct controller *c, const struct object *rs, const struct object_list *own,
			 struct object_list *ret)
{
	_cleanup_object_list_ struct object_list family = OBJECT_LIST_INIT;
	int r = cache_list_controlled(controller_cache(c), object_controller_uid(rs), &family);

	for (size_t i = 0; i < own->n && r == 0; i++)
		r = object_list_add(ret, own->items[i]);
	for (size_t i = 0; i < family.n && r == 0; i++)
		if (object_kind(family.items[i]) == object_kind(rs) &&
		    strcmp(object_uid(family.items[i]), object_uid(rs)) != 0)
			r = cache_list_controlled(controller_cache(c), object_uid(family.items[i]), ret);
	return r;
}

struct status_change {
	const struct replicaset_plan *plan;
	const struct pods_failure *failure;
	int64_t now;
};

static int change_status(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct status_change *s = arg;

	replicaset_set_status(a, root, s->plan, s->failure->reason, buf_str(&s->failure->message), s->now);
	return 0;
}

/* Counts anew what is there after the changes of this sync. */
static int count_again(struct controller *c, const struct object *rs, struct arena *a, struct replicaset_plan *ret)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	int r = cache_list_controlled(controller_cache(c), object_uid(rs), &pods);

	return r < 0 ? r : replicaset_decide(rs, &pods, &pods, registry_now(controller_registry(c)), a, ret);
}

static int write_status(struct controller *c, const struct object *rs, const struct replicaset_plan *plan,
			const struct pods_failure *f)
{
	struct status_change s = { .plan = plan, .failure = f, .now = registry_now(controller_registry(c)) };
	int r;

	r = registry_modify(controller_registry(c), controller_writer(c), object_kind(rs), object_namespace(rs),
			    object_name(rs), object_uid(rs), TXN_STATUS, STORE_LAZY, change_status, &s);
	return r == -ENOENT ? 0 : r;
}

static int64_t sync_set(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *rs = controller_get(c, kind_of(c), key);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT, siblings = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_pods_failure_ struct pods_failure f = PODS_FAILURE_INIT;
	struct replicaset_plan plan;
	int r, e = 0;

	if (!rs)
		return 0;
	r = claim_objects(c, rs, schema_kind_by_plural("pods"), &pods);
	if (r == 0 && (int64_t)pods.n > value_int(object_path(rs, "spec", "replicas"), 1)) /* only ranking needs them */
		r = list_siblings(c, rs, &pods, &siblings);
	if (r == 0)
		r = replicaset_decide(rs, &pods, &siblings, registry_now(controller_registry(c)), a, &plan);
	if (r < 0)
		return r;
	if (plan.create)
		r = pods_create(c, rs, (size_t)plan.create, make_pod, rs, &f);
	else if (plan.n_remove)
		r = pods_delete(c, rs, plan.remove, plan.n_remove, NULL, &f);
	if (r == -ESTALE) /* what failed, if anything, is not known yet */
		return r;
	if (plan.create || plan.n_remove)
		e = count_again(c, rs, a, &plan);
	if (e == 0)
		e = write_status(c, rs, &plan, &f);
	return r < 0 ? r : e < 0 ? e : plan.wait;
}

static void notice_set(struct controller *c, const struct cache_event *e)
{
	if (e->now)
		controller_add_object(c, e->now);
}

/* A pod without a controller may be some set's to adopt. */
static void notice_orphan(struct controller *c, const struct object *pod)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;

	if (!cache_count(controller_cache(c), kind_of(c), object_namespace(pod)) ||
	    cache_list(controller_cache(c), kind_of(c), object_namespace(pod), &sets) < 0)
		return;
	for (size_t i = 0; i < sets.n; i++)
		if (claim_matches(sets.items[i], pod))
			controller_add_object(c, sets.items[i]);
}

/* Whether what a ReplicaSet looks at has changed. Most of a pod's changes are of other things. */
static bool concerns(const struct cache_event *e)
{
	if (!e->old || !e->now)
		return true;
	return pod_is_active(e->old) != pod_is_active(e->now) ||
	       (!object_same(e->old, e->now, "status", "conditions") &&
		!value_equal(condition_get(object_path(e->old, "status"), "Ready"),
			     condition_get(object_path(e->now, "status"), "Ready"))) ||
	       !object_same(e->old, e->now, "metadata", "labels") ||
	       strcmp(object_controller_uid(e->old), object_controller_uid(e->now)) != 0;
}

static void notice_pod(struct controller *c, const struct cache_event *e)
{
	if (!concerns(e))
		return;
	if (e->old)
		controller_add_owner(c, e->old, kind_of(c)->kind);
	if (e->now)
		controller_add_owner(c, e->now, kind_of(c)->kind);
	if (controller_may_match_anew(e))
		notice_orphan(c, e->now);
}

static int init_replicaset(struct controller *c, void **ret_data)
{
	(void)c;
	*ret_data = (void *)schema_kind_by_plural("replicasets");
	return 0;
}

static int init_replication(struct controller *c, void **ret_data)
{
	(void)c;
	*ret_data = (void *)schema_kind_by_plural("replicationcontrollers");
	return 0;
}

const struct controller_type replicaset_controller = {
	.name = "replicaset-controller",
	.sync = sync_set,
	.init = init_replicaset,
	.watches = { { "replicasets", notice_set }, { "pods", notice_pod } },
};

const struct controller_type replication_controller = {
	.name = "replication-controller",
	.sync = sync_set,
	.init = init_replication,
	.watches = { { "replicationcontrollers", notice_set }, { "pods", notice_pod } },
};
