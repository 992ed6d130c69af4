/* SPDX-License-Identifier: Apache-2.0 */
/* The StatefulSet controller: keeps pods of stable names, each with its own claims, in order. */
#include <string.h>

#include "control/claim.h"
#include "control/conditions.h"
#include "control/controller.h"
#include "control/pods.h"
#include "control/revisions.h"
#include "control/statefulset_decide.h"

/* A sync under way. */
struct rolling {
	struct controller *c;
	struct object *set; /* borrowed, as is the next */
	const struct object *current, *update; /* revisions */
	struct arena *arena;
};

static const struct schema_kind *claims_kind(void)
{
	return schema_kind_by_plural("persistentvolumeclaims");
}

static struct object *find_claim(const struct rolling *s, size_t i, int64_t ordinal)
{
	const char *name = stateful_claim_name(s->arena, s->set, i, ordinal);

	return name ? cache_get(controller_cache(s->c), claims_kind(), object_namespace(s->set), name) : NULL;
}

static void tell(const struct rolling *s, const char *verb, const char *pod, const char *why)
{
	if (why)
		controller_event(s->c, s->set, EVENT_WARNING, strcmp(verb, "Create") ? "FailedDelete" : "FailedCreate",
				 "%s Pod %s in StatefulSet %s failed error: %s", verb, pod, object_name(s->set), why);
	else
		controller_event(s->c, s->set, EVENT_NORMAL, strcmp(verb, "Create") ? "SuccessfulDelete" : "SuccessfulCreate",
				 "%s Pod %s in StatefulSet %s successful", verb, pod, object_name(s->set));
}

/*
 * Adds the claims of an ordinal that are missing to the transaction; the names of those go to `names`. -EBUSY when one is
 * being deleted, or waits for its end: nothing is made with that; its going brings the next sync.
 */
static int add_claims(const struct rolling *s, struct txn *t, int64_t ordinal, const char *pod, struct diag_list *diags,
		      struct buf *names)
{
	int r = 0;

	for (size_t i = 0; i < stateful_claims(s->set) && r == 0; i++) {
		_cleanup_object_ struct object *claim = find_claim(s, i, ordinal);
		struct value *root;

		if (claim && (object_is_deleting(claim) || (pod && stateful_claim_is_stale(s->set, claim, pod))))
			return -EBUSY;
		if (claim)
			continue;
		root = stateful_new_claim(txn_arena(t), s->set, i, ordinal);
		r = root ? txn_create(t, root, TXN_ADMIT, s->set, diags) : -ENOMEM;
		if (r == 0)
			buf_printf(names, "%s\n", value_str_or(value_path(root, "metadata", "name"), ""));
	}
	return r;
}

static void tell_claims(const struct rolling *s, struct buf *names, const char *pod)
{
	char *save = NULL;

	if (!names->len)
		return;
	for (char *name = strtok_r(names->data, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
		controller_event(s->c, s->set, EVENT_NORMAL, "SuccessfulCreate", "Create Claim %s Pod %s in StatefulSet %s success", name,
				 pod, object_name(s->set));
}

/* Makes a pod and the claims that it has not yet, in one transaction. */
static int create_pod(const struct rolling *s, const struct stateful_create *create)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf names = BUF_INIT;
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(s->c), controller_writer(s->c));
	const struct object *revision = create->current ? s->current : s->update;
	const struct value *template = object_path(s->set, "spec", "template");
	struct value *root;
	const char *name;
	int r;

	if (!t)
		return -ENOMEM;
	if (revision != s->update)
		template = revision_template(txn_arena(t), revision);
	root = stateful_new_pod(txn_arena(t), s->set, template, object_name(revision), create->ordinal);
	if (!root)
		return -ENOMEM;
	name = value_str_or(value_path(root, "metadata", "name"), "");
	r = txn_check(t, object_key(s->set), object_revision(s->set)); /* it still wants the pod */
	if (r == 0)
		r = add_claims(s, t, create->ordinal, name, &diags, &names);
	if (r == 0)
		r = txn_create(t, root, TXN_ADMIT, s->set, &diags);
	if (r == 0)
		r = txn_commit(t, STORE_LAZY, NULL);
	if (r == -EBUSY || (r < 0 && r != -ESTALE && controller_namespace_ends(s->c, s->set)))
		return 0;
	if (r == 0)
		tell_claims(s, &names, name);
	if (r != -ESTALE)
		tell(s, "Create", name, r == 0 ? NULL : controller_refusal(&diags, r, NULL));
	return r;
}

static int apply(const struct rolling *s, const struct stateful_plan *plan)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_remove && r == 0; i++) {
		r = controller_delete(s->c, &plan->remove[i], 1, NULL, NULL);
		if (r != -ESTALE)
			tell(s, "Delete", object_name(plan->remove[i]), r < 0 ? strerrordesc_np(-r) : NULL);
	}
	for (size_t i = 0; i < plan->n_create && r == 0; i++)
		r = create_pod(s, &plan->create[i]);
	return r;
}

/* --- what its pods and claims bear --- */

static int name_pod(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	(void)arg;
	value_set_str(a, value_make_path(a, root, "metadata", "labels"), STATEFUL_POD_NAME, object_name(old));
	return 0;
}

struct owning {
	const struct object *set, *pod;
};

static int own_claim(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct owning *o = arg;

	(void)old;
	return stateful_own_claim(a, root, o->set, o->pod) ? 0 : -ECANCELED;
}

/* Makes claims that a pod waits for and that have gone. */
static int mend_claims(const struct rolling *s, const struct object *pod, int64_t ordinal)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(s->c), controller_writer(s->c));
	int r = t ? add_claims(s, t, ordinal, NULL, NULL, &names) : -ENOMEM;

	if (r == -EBUSY)
		return 0;
	if (r == 0)
		r = txn_commit(t, STORE_LAZY, NULL);
	if (r == 0)
		tell_claims(s, &names, object_name(pod));
	return r;
}

static int mend(const struct rolling *s, const struct object *pod)
{
	int64_t ordinal = stateful_ordinal(s->set, pod);
	struct owning o = { s->set, pod };
	int r = 0;

	if (strcmp(value_str_or(value_get(object_labels(pod), STATEFUL_POD_NAME), ""), object_name(pod)) != 0)
		r = registry_modify(controller_registry(s->c), controller_writer(s->c), object_kind(pod), object_namespace(pod),
				    object_name(pod), object_uid(pod), 0, STORE_LAZY, name_pod, NULL);
	if ((r == 0 || r == -ENOENT) && !object_is_deleting(pod) && stateful_in_range(s->set, ordinal) &&
	    !strcmp(value_str_or(object_path(pod, "status", "phase"), ""), "Pending"))
		r = mend_claims(s, pod, ordinal);
	for (size_t i = 0; i < stateful_claims(s->set) && (r == 0 || r == -ENOENT); i++) {
		_cleanup_object_ struct object *claim = find_claim(s, i, ordinal);

		if (claim)
			r = registry_modify(controller_registry(s->c), controller_writer(s->c), claims_kind(),
					    object_namespace(claim), object_name(claim), object_uid(claim), 0, STORE_LAZY, own_claim,
					    &o);
	}
	return r == -ENOENT ? 0 : r;
}

/* Before pods are removed, so that what goes with them is known; and after they are made. */
static int mend_all(const struct rolling *s, const struct object_list *pods)
{
	int r = 0;

	for (size_t i = 0; i < pods->n && r == 0; i++)
		r = mend(s, pods->items[i]);
	return r;
}

/* --- status and history --- */

static int set_status(const void *view, struct arena *a, struct value *root, int64_t *ret_wait)
{
	stateful_set_status(a, root, view, ret_wait);
	return 0;
}

static bool is_borne(const struct rolling *s, const struct object *revision, const struct object_list *pods)
{
	if (revision == s->current || revision == s->update)
		return true;
	for (size_t i = 0; i < pods->n; i++)
		if (!strcmp(value_str_or(value_get(object_labels(pods->items[i]), REVISION_HASH), ""), object_name(revision)))
			return true;
	return false;
}

/* Deletes the oldest of the revisions that no pod bears, beyond the limit. */
static int clean_up(const struct rolling *s, const struct revisions *revisions, const struct object_list *pods)
{
	int64_t excess = -value_int(object_path(s->set, "spec", "revisionHistoryLimit"), 10);
	int r = 0;

	for (size_t i = 0; i < revisions->old.n; i++)
		excess += !is_borne(s, revisions->old.items[i], pods);
	for (size_t i = 0; i < revisions->old.n && excess > 0 && r == 0; i++) {
		const struct object *revision = revisions->old.items[i];

		if (is_borne(s, revision, pods))
			continue;
		r = controller_delete(s->c, &revision, 1, NULL, NULL);
		excess--;
	}
	return r;
}

/* The members among what the set controls, as they are now. */
static int list_members(const struct rolling *s, struct object_list *ret)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	int r = cache_list_controlled(controller_cache(s->c), object_uid(s->set), &all);

	for (size_t i = 0; i < all.n && r == 0; i++)
		if (!strcmp(object_kind(all.items[i])->plural, "pods") && stateful_is_member(s->set, all.items[i]))
			r = object_list_add(ret, all.items[i]);
	return r;
}

static int64_t run(struct rolling *s, const struct stateful_view *v, const struct revisions *revisions)
{
	_cleanup_object_list_ struct object_list now = OBJECT_LIST_INIT;
	struct stateful_view after = *v;
	struct stateful_plan plan;
	int64_t wait;
	int r = stateful_decide(v, s->arena, &plan);

	if (r == 0)
		r = mend_all(s, v->pods);
	if (r < 0)
		return r;
	r = apply(s, &plan);
	if (r == -ESTALE)
		return r;
	if (list_members(s, &now) < 0)
		return -ENOMEM;
	if (r == 0 && plan.n_create)
		r = mend_all(s, &now);
	after.pods = &now;
	wait = controller_write_status(s->c, s->set, set_status, &after);
	if (r == 0)
		r = clean_up(s, revisions, &now);
	return r < 0 ? r : wait < 0 ? wait : plan.wait && (!wait || plan.wait < wait) ? plan.wait : wait;
}

static int64_t sync_statefulset(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *set = controller_get(c, schema_kind_by_plural("statefulsets"), key);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_revisions_ struct revisions revisions = REVISIONS_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	const char *current = value_str_or(object_path(set, "status", "currentRevision"), "");
	struct stateful_view v = { .set = set, .pods = &pods, .now = registry_now(controller_registry(c)) };
	struct rolling s = { .c = c, .set = set, .arena = a };
	int r;

	if (!set || object_is_deleting(set) || controller_namespace_ends(c, set))
		return 0;
	r = claim_members(c, set, schema_kind_by_plural("pods"), stateful_is_member, &pods);
	if (r == 0)
		r = revisions_find(c, set, &revisions);
	if (r < 0)
		return r;
	s.current = s.update = revisions.current;
	for (size_t i = 0; i < revisions.old.n; i++)
		if (!strcmp(object_name(revisions.old.items[i]), current))
			s.current = revisions.old.items[i];
	v.current = object_name(s.current);
	v.update = object_name(s.update);
	return run(&s, &v, &revisions);
}

static void notice_statefulset(struct controller *c, const struct cache_event *e)
{
	if (e->now)
		controller_add_object(c, e->now);
}

static void notice_owned(struct controller *c, const struct cache_event *e)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;

	if (e->old)
		controller_add_owner(c, e->old, "StatefulSet");
	if (e->now)
		controller_add_owner(c, e->now, "StatefulSet");
	if (!controller_may_match_anew(e) ||
	    !cache_count(controller_cache(c), schema_kind_by_plural("statefulsets"), object_namespace(e->now)) ||
	    cache_list(controller_cache(c), schema_kind_by_plural("statefulsets"), object_namespace(e->now), &sets) < 0)
		return;
	for (size_t i = 0; i < sets.n; i++)
		if (claim_matches(sets.items[i], e->now))
			controller_add_object(c, sets.items[i]);
}

/* What of a pod a set looks at. */
static bool pod_changed(const struct cache_event *e)
{
	return !e->old || !e->now || !object_same(e->old, e->now, "metadata") ||
	       !object_same(e->old, e->now, "status", "phase") ||
	       (!object_same(e->old, e->now, "status", "conditions") &&
		!value_equal(condition_get(object_path(e->old, "status"), "Ready"),
			     condition_get(object_path(e->now, "status"), "Ready")));
}

static void notice_pod(struct controller *c, const struct cache_event *e)
{
	if (pod_changed(e))
		notice_owned(c, e);
}

/* A claim that goes lets a pod be made that waits for its name. */
static void notice_claim(struct controller *c, const struct cache_event *e)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;

	if (e->type != CACHE_DELETED ||
	    cache_list(controller_cache(c), schema_kind_by_plural("statefulsets"), object_namespace(e->old), &sets) < 0)
		return;
	for (size_t i = 0; i < sets.n; i++)
		if (stateful_claims(sets.items[i]))
			controller_add_object(c, sets.items[i]);
}

const struct controller_type statefulset_controller = {
	.name = "statefulset-controller",
	.sync = sync_statefulset,
	.watches = { { "statefulsets", notice_statefulset },
		     { "controllerrevisions", notice_owned },
		     { "persistentvolumeclaims", notice_claim },
		     { "pods", notice_pod } },
};
