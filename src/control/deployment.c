/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Deployment controller: makes a ReplicaSet for each template and moves the replicas from the old ones to the new
 * one. Each sync takes one step that deployment_decide.h works out; what it changes brings the next sync.
 */
#include <string.h>

#include "control/claim.h"
#include "control/controller.h"
#include "control/deployment_decide.h"
#include "control/pods.h"

/* A sync under way. */
struct rollout {
	struct controller *c;
	struct object *deployment; /* borrowed */
	struct arena *arena;
	struct deployment_view view;
	struct deployment_news news;
};

/* Counts a collision of the template's hash with the name of a ReplicaSet that is not ours. */
static int bump_collisions(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *status = value_set_map(a, root, "status");

	value_set_int(a, status, "collisionCount", value_int(value_get(status, "collisionCount"), 0) + 1);
	return 0;
}

static int note_collision(struct rollout *o)
{
	int r = registry_modify(controller_registry(o->c), controller_writer(o->c), object_kind(o->deployment),
				object_namespace(o->deployment), object_name(o->deployment), object_uid(o->deployment),
				TXN_STATUS, 0, bump_collisions, NULL);

	return r < 0 ? r : -ESTALE; /* the next sync takes another name */
}

/* Tells why the new ReplicaSet could not be made. In a namespace that is ending nothing is to be made any more. */
static int note_refusal(struct rollout *o, int code, const char *why)
{
	if (code == -ESTALE)
		return code;
	if (controller_namespace_ends(o->c, o->deployment)) {
		o->news.set_name = "";
		return 0;
	}
	o->news.create_failure = arena_printf(o->arena, "Failed to create new replica set \"%s\": %s", o->news.set_name, why);
	controller_event(o->c, o->deployment, EVENT_WARNING, "ReplicaSetCreateError", "%s",
			 o->news.create_failure ? o->news.create_failure : why);
	return code;
}

/* Makes the new ReplicaSet if there is none; a failure to is told in the status. */
static int ensure_new_set(struct rollout *o)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = NULL;
	struct value *root;
	const char *hash;
	int r;

	if (o->view.new_set) {
		o->news.set_name = object_name(o->view.new_set->rs);
		return 0;
	}
	t = txn_new(controller_registry(o->c), controller_writer(o->c));
	if (!t)
		return -ENOMEM;
	hash = deployment_template_hash(o->arena, object_path(o->deployment, "spec", "template"),
					value_int(object_path(o->deployment, "status", "collisionCount"), 0));
	root = deployment_new_set(o->arena, &o->view, hash);
	if (!root)
		return -ENOMEM;
	o->news.set_name = value_str_or(value_path(root, "metadata", "name"), "");
	r = txn_create(t, root, TXN_ADMIT, o->deployment, &diags);
	if (r == 0)
		r = txn_commit(t, STORE_LAZY, NULL);
	if (r == -EEXIST || r == -EAGAIN) /* ours would be in the view, also while it terminates */
		return note_collision(o);
	if (r < 0)
		return note_refusal(o, r, controller_refusal(&diags, r, NULL));
	o->news.created_set = true;
	if (value_int(value_path(root, "spec", "replicas"), 0))
		controller_event(o->c, o->deployment, EVENT_NORMAL, "ScalingReplicaSet",
				 "Scaled up replica set %s from 0 to %lld", o->news.set_name,
				 (long long)value_int(value_path(root, "spec", "replicas"), 0));
	return 0;
}

struct set_change {
	const struct deployment_view *view;
	const struct deployment_rs *set;
};

/* Brings a ReplicaSet's size, annotations and minReadySeconds to what the view says. */
static int change_set(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct set_change *s = arg;
	const struct value *min_ready = object_path(s->view->deployment, "spec", "minReadySeconds");

	value_set_int(a, value_set_map(a, root, "spec"), "replicas", s->set->replicas);
	if (s->set->is_new && value_int(min_ready, 0))
		value_set_int(a, value_get(root, "spec"), "minReadySeconds", value_int(min_ready, 0));
	else if (s->set->is_new)
		value_remove(value_get(root, "spec"), "minReadySeconds");
	deployment_annotate(a, root, s->view, s->set);
	return 0;
}

/* Commits what the view says of every ReplicaSet; those that say it already make no write. */
static int write_sets(struct rollout *o)
{
	int r = 0;

	for (size_t i = 0; i < o->view.n && r >= 0; i++) {
		const struct deployment_rs *s = &o->view.sets[i];
		int64_t from = value_int(object_path(s->rs, "spec", "replicas"), 0);
		struct set_change change = { &o->view, s };

		if (!s->is_new && object_is_deleting(s->rs))
			continue;
		r = registry_modify(controller_registry(o->c), controller_writer(o->c), object_kind(s->rs),
				    object_namespace(s->rs), object_name(s->rs), object_uid(s->rs), 0, STORE_LAZY, change_set,
				    &change);
		if (r == 0 && s->replicas != from)
			controller_event(o->c, o->deployment, EVENT_NORMAL, "ScalingReplicaSet",
					 "Scaled %s replica set %s from %lld to %lld", s->replicas > from ? "up" : "down",
					 object_name(s->rs), (long long)from, (long long)s->replicas);
	}
	return r == -ENOENT ? -ESTALE : r;
}

/* Whether a pod of an old ReplicaSet is still there and not done. */
static bool old_pods_remain(struct rollout *o)
{
	for (size_t i = 0; i < o->view.n; i++) {
		_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;

		if (o->view.sets[i].is_new)
			continue;
		if (cache_list_controlled(controller_cache(o->c), object_uid(o->view.sets[i].rs), &pods) < 0)
			return true;
		for (size_t k = 0; k < pods.n; k++) {
			const char *phase = value_str_or(object_path(pods.items[k], "status", "phase"), "");

			if (strcmp(phase, "Succeeded") != 0 && strcmp(phase, "Failed") != 0)
				return true;
		}
	}
	return false;
}

static int recreate(struct rollout *o)
{
	int r = 0;

	if (deployment_recreate_down(&o->view))
		return write_sets(o);
	if (old_pods_remain(o))
		return 0;
	r = ensure_new_set(o);
	if (r == 0 && o->view.new_set) {
		o->view.new_set->replicas = o->view.replicas;
		r = write_sets(o);
	}
	return r;
}

static int rolling_update(struct rollout *o)
{
	int r = ensure_new_set(o);

	if (r < 0 || o->news.created_set)
		return r;
	(void)deployment_roll(&o->view);
	return write_sets(o);
}

static int step(struct rollout *o)
{
	if (o->view.paused || deployment_is_scaling(&o->view)) {
		if (o->view.new_set)
			o->news.set_name = object_name(o->view.new_set->rs);
		(void)deployment_scale(&o->view);
		return write_sets(o);
	}
	return o->view.recreate ? recreate(o) : rolling_update(o);
}

/* Counts the pods of those ReplicaSets whose status does not tell yet what has become of their last change. */
static int count_present(struct rollout *o)
{
	for (size_t i = 0; i < o->view.n; i++) {
		_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
		struct deployment_rs *s = &o->view.sets[i];
		int64_t seen = value_int(object_path(s->rs, "status", "observedGeneration"), 0);
		int r;

		if (seen >= value_int(object_path(s->rs, "metadata", "generation"), 0))
			continue;
		r = cache_list_controlled(controller_cache(o->c), object_uid(s->rs), &pods);
		if (r < 0)
			return r;
		s->present = 0;
		for (size_t k = 0; k < pods.n; k++)
			s->present += pod_is_active(pods.items[k]);
	}
	return 0;
}

struct status_change {
	const struct rollout *rollout;
	int64_t now, wait;
};

static int change_status(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct status_change *s = arg;

	deployment_set_status(a, root, &s->rollout->view, &s->rollout->news, s->now, &s->wait);
	return 0;
}

/* The Deployment bears the revision of its new ReplicaSet. */
static int change_revision(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct rollout *o = arg;

	value_set(a, value_make_path(a, root, "metadata", "annotations"), DEPLOYMENT_REVISION,
		  value_new_strf(a, "%lld", (long long)o->view.revision));
	return 0;
}

static int64_t write_status(struct rollout *o)
{
	struct status_change s = { .rollout = o, .now = registry_now(controller_registry(o->c)) };
	const struct object *d = o->deployment;
	int r = 0;

	if (o->view.new_set || o->news.created_set)
		r = registry_modify(controller_registry(o->c), controller_writer(o->c), object_kind(d),
				    object_namespace(d), object_name(d), object_uid(d), 0, STORE_LAZY, change_revision, o);
	if (r == 0)
		r = registry_modify(controller_registry(o->c), controller_writer(o->c), object_kind(d),
				    object_namespace(d), object_name(d), object_uid(d), TXN_STATUS, STORE_LAZY,
				    change_status, &s);
	return r == -ENOENT ? 0 : r < 0 ? r : s.wait;
}

/* Removes ReplicaSets beyond the history limit, once the rollout is complete. */
static int clean_up(struct rollout *o)
{
	_cleanup_object_ struct object *now = cache_get_key(controller_cache(o->c), object_key(o->deployment));
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(o->c), controller_writer(o->c));
	const struct object **gone;
	size_t n;
	int r;

	if (!now || !deployment_is_complete(&o->view, object_path(now, "status")))
		return 0;
	r = t ? deployment_cleanup(&o->view, o->arena, &gone, &n) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = txn_delete(t, gone[i], NULL);
	return r < 0 ? r : txn_commit(t, 0, NULL);
}

static int64_t sync_deployment(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *d = controller_get(c, schema_kind_by_plural("deployments"), key);
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct rollout o = { .c = c, .deployment = d, .arena = a, .news = { .set_name = "" } };
	int64_t wait;
	int r;

	if (!d)
		return 0;
	r = claim_objects(c, d, schema_kind_by_plural("replicasets"), &sets);
	if (r == 0)
		r = deployment_read(d, &sets, a, &o.view);
	if (r == 0)
		r = count_present(&o);
	if (r < 0)
		return r;
	if (!object_is_deleting(d))
		r = step(&o);
	if (r == -ESTALE)
		return r;
	wait = write_status(&o);
	if (r == 0 && wait >= 0)
		r = clean_up(&o);
	return r < 0 ? r : wait;
}

static void notice_deployment(struct controller *c, const struct cache_event *e)
{
	if (e->now)
		controller_add_object(c, e->now);
}

static void notice_replicaset(struct controller *c, const struct cache_event *e)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;

	if (e->old)
		controller_add_owner(c, e->old, "Deployment");
	if (e->now)
		controller_add_owner(c, e->now, "Deployment");
	if (!e->now || !controller_may_match_anew(e) ||
	    cache_list(controller_cache(c), schema_kind_by_plural("deployments"), object_namespace(e->now), &all) < 0)
		return;
	for (size_t i = 0; i < all.n; i++)
		if (claim_matches(all.items[i], e->now))
			controller_add_object(c, all.items[i]);
}

/* A pod that goes lets a Recreate go on. */
static void notice_pod(struct controller *c, const struct cache_event *e)
{
	_cleanup_object_ struct object *rs = NULL;

	if (e->type != CACHE_DELETED)
		return;
	rs = cache_get_uid(controller_cache(c), object_controller_uid(e->old));
	if (rs)
		controller_add_owner(c, rs, "Deployment");
}

const struct controller_type deployment_controller = {
	.name = "deployment-controller",
	.sync = sync_deployment,
	.watches = { { "deployments", notice_deployment }, { "replicasets", notice_replicaset }, { "pods", notice_pod } },
};
