/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ReplicaSet controller: keeps the number of a ReplicaSet's pods. Pods are made in batches of 1, 2, 4, … so that a
 * template that the registry refuses costs one refusal; each batch is one transaction.
 */
#include <string.h>

#include "base/log.h"
#include "control/claim.h"
#include "control/conditions.h"
#include "control/controller.h"
#include "control/replicaset_decide.h"

enum { BATCH_MAX = 60 }; /* creations or deletions a transaction: within etcd's limit of 128 operations */

/* What went wrong in a sync, for the ReplicaFailure condition. */
struct failure {
	const char *reason;
	struct buf message;
};

static void note_failure(struct controller *c, const struct object *rs, struct failure *f, const char *reason, int code,
			 const struct diag_list *diags)
{
	f->reason = reason;
	buf_clear(&f->message);
	if (diags && diags->n)
		buf_printf(&f->message, "%s%s%s", diags->items[0].path, *diags->items[0].path ? ": " : "",
			   diags->items[0].message);
	else
		buf_printf(&f->message, "%s", strerrordesc_np(-code));
	controller_event(c, rs, EVENT_WARNING, reason, "Error %s: %s",
			 strcmp(reason, "FailedCreate") == 0 ? "creating" : "deleting", buf_str(&f->message));
}

/* Makes n pods in one transaction, whose names go to `names`. */
static int create_batch(struct controller *c, const struct object *rs, int64_t n, struct failure *f, struct buf *names)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	int r = t ? 0 : -ENOMEM;
	int64_t made = 0;

	for (; made < n && r == 0; made += r == 0) {
		struct value *pod = pod_from_template(txn_arena(t), object_path(rs, "spec", "template"), rs);

		r = pod ? txn_create(t, pod, TXN_ADMIT, rs, &diags) : -ENOMEM;
		if (r == 0)
			buf_printf(names, "%s\n", value_str_or(value_path(pod, "metadata", "name"), ""));
	}
	if (r == 0) {
		r = txn_commit(t, STORE_LAZY, NULL);
	} else if (r == -EDQUOT && made) { /* those that the quota still allows */
		int e = txn_commit(t, STORE_LAZY, NULL);

		r = e < 0 ? e : r;
	}
	if (r < 0 && r != -ESTALE && controller_namespace_ends(c, rs))
		return -ECANCELED; /* nothing is to be made in it any more */
	if (r < 0 && r != -ESTALE)
		note_failure(c, rs, f, "FailedCreate", r, &diags);
	return r;
}

/* One event a line of names. */
static void tell_names(struct controller *c, const struct object *rs, struct buf *names, const char *reason,
		       const char *what)
{
	char *save = NULL;

	if (!names->len)
		return;
	for (char *name = strtok_r(names->data, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
		controller_event(c, rs, EVENT_NORMAL, reason, "%s pod: %s", what, name);
}

static int create_pods(struct controller *c, const struct object *rs, int64_t n, struct failure *f)
{
	int r = 0;

	for (int64_t batch = 1; n > 0 && r == 0; batch = batch * 2 > BATCH_MAX ? BATCH_MAX : batch * 2) {
		_cleanup_buf_ struct buf names = BUF_INIT;
		int64_t now = batch < n ? batch : n;

		r = create_batch(c, rs, now, f, &names);
		if (r == 0)
			tell_names(c, rs, &names, "SuccessfulCreate", "Created");
		n -= now;
	}
	return r == -ECANCELED ? 0 : r;
}

static int delete_pods(struct controller *c, const struct object *rs, const struct replicaset_plan *plan,
		       struct failure *f)
{
	int r = 0;

	for (size_t at = 0; at < plan->n_remove && r == 0; at += BATCH_MAX) {
		size_t n = plan->n_remove - at < BATCH_MAX ? plan->n_remove - at : BATCH_MAX;
		_cleanup_buf_ struct buf names = BUF_INIT;

		r = controller_delete(c, plan->remove + at, n, &names);
		if (r == 0)
			tell_names(c, rs, &names, "SuccessfulDelete", "Deleted");
		else if (r != -ESTALE)
			note_failure(c, rs, f, "FailedDelete", r, NULL);
	}
	return r;
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
	const struct failure *failure;
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
			const struct failure *f)
{
	struct status_change s = { .plan = plan, .failure = f, .now = registry_now(controller_registry(c)) };
	int r;

	r = registry_modify(controller_registry(c), controller_writer(c), object_kind(rs), object_namespace(rs),
			    object_name(rs), object_uid(rs), TXN_STATUS, STORE_LAZY, change_status, &s);
	return r == -ENOENT ? 0 : r;
}

static int64_t sync_replicaset(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *rs = controller_get(c, schema_kind_by_plural("replicasets"), key);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT, siblings = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct failure f = { .reason = "", .message = BUF_INIT };
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
		r = create_pods(c, rs, plan.create, &f);
	else if (plan.n_remove)
		r = delete_pods(c, rs, &plan, &f);
	if (r == -ESTALE) /* what failed, if anything, is not known yet */
		return r;
	if (plan.create || plan.n_remove)
		e = count_again(c, rs, a, &plan);
	if (e == 0)
		e = write_status(c, rs, &plan, &f);
	buf_clear(&f.message);
	return r < 0 ? r : e < 0 ? e : plan.wait;
}

static void notice_replicaset(struct controller *c, const struct cache_event *e)
{
	if (e->now)
		controller_add_object(c, e->now);
}

/* A pod without a controller may be some ReplicaSet's to adopt. */
static void notice_orphan(struct controller *c, const struct object *pod)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;

	if (cache_list(controller_cache(c), schema_kind_by_plural("replicasets"), object_namespace(pod), &sets) < 0)
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
		controller_add_owner(c, e->old, "ReplicaSet");
	if (e->now)
		controller_add_owner(c, e->now, "ReplicaSet");
	if (controller_may_match_anew(e))
		notice_orphan(c, e->now);
}

const struct controller_type replicaset_controller = {
	.name = "replicaset-controller",
	.sync = sync_replicaset,
	.watches = { { "replicasets", notice_replicaset }, { "pods", notice_pod } },
};
