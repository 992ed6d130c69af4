/* SPDX-License-Identifier: Apache-2.0 */
/* The DaemonSet controller: keeps one pod on each node that fits, of the current template. */
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "control/claim.h"
#include "control/conditions.h"
#include "control/daemonset_decide.h"
#include "control/pods.h"
#include "control/pods_apply.h"
#include "control/revisions.h"

/* How long pods that have failed on a node are left alone. Key: uid of the set, its generation, the node. */
struct backoff {
	char *key;
	int64_t delay, last; /* ns; monotonic, ns */
	UT_hash_handle hh;
};

/* Touched by the controller's thread only. */
struct memory {
	struct backoff *by_key;
};

static int init(struct controller *c, void **ret_data)
{
	struct memory *m = calloc(1, sizeof(*m));

	(void)c;
	*ret_data = m;
	return m ? 0 : -ENOMEM;
}

static void forget(struct memory *m, struct backoff *b)
{
	HASH_DEL(m->by_key, b);
	free(b->key);
	free(b);
}

static void fini(void *data)
{
	struct memory *m = data;
	struct backoff *b, *next;

	if (!m)
		return;
	HASH_ITER(hh, m->by_key, b, next)
		forget(m, b);
	free(m);
}

/* A set whose failures are asked for. */
struct asking {
	struct memory *memory;
	const struct object *set;
};

static char *key_of(const struct asking *s, const char *node)
{
	char *key;

	return asprintf(&key, "%s/%lld/%s", object_uid(s->set),
			(long long)value_int(object_path(s->set, "status", "observedGeneration"), 0), node) < 0 ? NULL : key;
}

static int64_t backoff_left(void *arg, const char *node)
{
	const struct asking *s = arg;
	_cleanup_free_ char *key = key_of(s, node);
	struct backoff *b = NULL;
	int64_t left;

	if (key)
		HASH_FIND_STR(s->memory->by_key, key, b);
	left = b ? b->last + b->delay - clock_monotonic() : 0;
	return left > 0 ? left : 0;
}

/* Another failure; what has been well for long is forgotten, of all sets. */
static void count_failure(const struct asking *s, const char *node)
{
	_cleanup_free_ char *key = key_of(s, node);
	int64_t now = clock_monotonic(), max = DAEMON_BACKOFF_MAX * NSEC_PER_SEC;
	struct backoff *b, *next;

	HASH_ITER(hh, s->memory->by_key, b, next)
		if (now - b->last > 2 * max)
			forget(s->memory, b);
	b = NULL;
	if (key)
		HASH_FIND_STR(s->memory->by_key, key, b);
	if (b) {
		b->delay = b->delay * 2 > max ? max : b->delay * 2;
		b->last = now;
		return;
	}
	b = key ? calloc(1, sizeof(*b)) : NULL;
	if (!b)
		return; /* ignoring: the next pod that fails is removed sooner */
	*b = (struct backoff){ .key = steal_ptr(key), .delay = DAEMON_BACKOFF_FIRST * NSEC_PER_SEC, .last = now };
	HASH_ADD_KEYPTR(hh, s->memory->by_key, b->key, strlen(b->key), b);
	if (!b->hh.tbl) {
		free(b->key);
		free(b);
	}
}

/* --- a sync --- */

struct making {
	const struct daemon_view *view;
	const struct daemon_plan *plan;
};

static struct value *make_pod(void *arg, struct arena *a, size_t i)
{
	const struct making *m = arg;

	return daemon_new_pod(a, m->view->set, m->view->hash, m->plan->create[i]);
}

static int set_status(const void *view, struct arena *a, struct value *root, int64_t *ret_wait)
{
	return daemon_set_status(a, root, view, ret_wait);
}

/* Counts what is there after the changes of this sync. */
static int64_t write_status(struct controller *c, const struct daemon_view *v)
{
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT, pods = OBJECT_LIST_INIT;
	struct daemon_view now = *v;
	int r = cache_list_controlled(controller_cache(c), object_uid(v->set), &all);

	for (size_t i = 0; i < all.n && r == 0; i++)
		if (!strcmp(object_kind(all.items[i])->plural, "pods"))
			r = object_list_add(&pods, all.items[i]);
	if (r < 0)
		return r;
	now.pods = &pods;
	return controller_write_status(c, v->set, set_status, &now);
}

static int apply(struct controller *c, const struct daemon_view *v, const struct daemon_plan *plan, const struct asking *s)
{
	_cleanup_pods_failure_ struct pods_failure f = PODS_FAILURE_INIT;
	struct making m = { v, plan };
	int r;

	for (size_t i = 0; i < plan->n_notes; i++)
		controller_event(c, v->set, plan->notes[i].type, plan->notes[i].reason, "%s", plan->notes[i].message);
	for (size_t i = 0; i < plan->n_failed; i++)
		count_failure(s, plan->failed[i]);
	r = pods_delete(c, v->set, plan->remove, plan->n_remove, NULL, &f);
	return r < 0 ? r : pods_create(c, v->set, plan->n_create, make_pod, &m, &f);
}

static int64_t run(struct controller *c, const struct daemon_view *view, const struct revisions *revisions,
		   const struct object_list *pods)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct asking s = { controller_data(c), view->set };
	struct daemon_view v = *view;
	struct daemon_plan plan;
	int64_t wait;
	int r;

	v.backoff = backoff_left;
	v.backoff_arg = &s;
	r = daemon_decide(&v, a, &plan);
	if (r == 0)
		r = apply(c, &v, &plan, &s);
	if (r == -ESTALE)
		return r;
	if (r == 0)
		r = revisions_clean(c, v.set, revisions, pods);
	wait = write_status(c, &v);
	if (wait > 0 && (!plan.wait || wait < plan.wait))
		plan.wait = wait;
	return r < 0 ? r : wait < 0 ? wait : plan.wait;
}

static int64_t sync_daemonset(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *set = controller_get(c, schema_kind_by_plural("daemonsets"), key);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT, nodes = OBJECT_LIST_INIT;
	_cleanup_revisions_ struct revisions revisions = REVISIONS_INIT;
	struct daemon_view v = { .set = set, .pods = &pods, .nodes = &nodes, .now = registry_now(controller_registry(c)) };
	int r;

	if (!set || object_is_deleting(set))
		return 0;
	if (value_type(object_path(set, "spec", "selector")) == VALUE_MAP && !value_len(object_path(set, "spec", "selector"))) {
		controller_event(c, set, EVENT_WARNING, "SelectingAll",
				 "This daemon set is selecting all pods. A non-empty selector is required.");
		return 0;
	}
	if (controller_namespace_ends(c, set))
		return 0;
	r = cache_list(controller_cache(c), schema_kind_by_plural("nodes"), NULL, &nodes);
	if (r == 0)
		r = claim_objects(c, set, schema_kind_by_plural("pods"), &pods);
	if (r == 0)
		r = revisions_find(c, set, &revisions);
	if (r < 0)
		return r;
	v.hash = revision_hash(revisions.current);
	return run(c, &v, &revisions, &pods);
}

static void notice_daemonset(struct controller *c, const struct cache_event *e)
{
	if (e->now)
		controller_add_object(c, e->now);
}

/* A pod or revision without a controller may be some set's to adopt. */
static void notice_orphan(struct controller *c, const struct object *o)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;

	if (!cache_count(controller_cache(c), schema_kind_by_plural("daemonsets"), object_namespace(o)) ||
	    cache_list(controller_cache(c), schema_kind_by_plural("daemonsets"), object_namespace(o), &sets) < 0)
		return;
	for (size_t i = 0; i < sets.n; i++)
		if (claim_matches(sets.items[i], o))
			controller_add_object(c, sets.items[i]);
}

static void notice_owned(struct controller *c, const struct cache_event *e)
{
	if (e->old)
		controller_add_owner(c, e->old, "DaemonSet");
	if (e->now)
		controller_add_owner(c, e->now, "DaemonSet");
	if (controller_may_match_anew(e))
		notice_orphan(c, e->now);
}

/* What of a pod a set looks at. */
static bool pod_changed(const struct cache_event *e)
{
	return !e->old || !e->now || !object_same(e->old, e->now, "metadata") || !object_same(e->old, e->now, "spec", "nodeName") ||
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

/* What of a node decides which pods run there. */
static bool node_changed(const struct cache_event *e)
{
	return !e->old || !e->now || !object_same(e->old, e->now, "spec", "taints") ||
	       !value_equal(object_labels(e->old), object_labels(e->now)) ||
	       strcmp(condition_status(object_path(e->old, "status"), "Ready"),
		      condition_status(object_path(e->now, "status"), "Ready")) != 0;
}

static void notice_node(struct controller *c, const struct cache_event *e)
{
	_cleanup_object_list_ struct object_list sets = OBJECT_LIST_INIT;

	if (!node_changed(e) || cache_list(controller_cache(c), schema_kind_by_plural("daemonsets"), NULL, &sets) < 0)
		return;
	for (size_t i = 0; i < sets.n; i++)
		controller_add_object(c, sets.items[i]);
}

const struct controller_type daemonset_controller = {
	.name = "daemonset-controller",
	.sync = sync_daemonset,
	.init = init,
	.fini = fini,
	.watches = { { "daemonsets", notice_daemonset },
		     { "controllerrevisions", notice_owned },
		     { "nodes", notice_node },
		     { "pods", notice_pod } },
};
