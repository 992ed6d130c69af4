/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drain controller: evicts the pods of a node whose file `drain` was written to, as `kubectl drain` does it from
 * outside. What is asked for and how far it is are in the Node (store/drain.h), so that a drain goes on in the next daemon.
 *
 * A budget that allows no eviction is asked again when it changes, and when a pod goes: nothing is polled.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "control/controller.h"
#include "store/drain.h"
#include "store/evict.h"

enum { REASONS_MAX = 700 }; /* bytes of what is said of pods that cannot be evicted: an event's message has 1,024 */

/* controller_data() */
struct drains {
	_Atomic size_t n; /* nodes that are being drained: without one, what happens to budgets is of no interest */
};

static const struct schema_kind *nodes(void)
{
	return schema_kind_by_plural("nodes");
}

static int init_drains(struct controller *c, void **ret_data)
{
	(void)c;
	*ret_data = calloc(1, sizeof(struct drains));
	return *ret_data ? 0 : -ENOMEM;
}

/* --- the node's tree --- */

struct progress {
	int64_t now;
	const char *value, *reason, *message; /* of the condition; value NULL: the drain is over */
};

static int write_progress(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct progress *p = arg;
	struct drain_options opts;
	struct value *annotations = value_path(root, "metadata", "annotations");
	bool changed = false;

	if (p->value) /* unless it has been undone meanwhile */
		return drain_of(old, &opts) && drain_set_condition(a, root, p->value, p->reason, p->message, p->now) ? 0 : -ECANCELED;
	if (value_bool(object_path(old, "spec", "unschedulable"), false) && drain_of(old, &opts))
		return -ECANCELED; /* asked for again meanwhile */
	changed = value_remove(annotations, NODE_DRAIN);
	if (changed && !value_len(annotations))
		value_remove(value_get(root, "metadata"), "annotations");
	return drain_set_condition(a, root, NULL, "", "", 0) || changed ? 0 : -ECANCELED;
}

static int report(struct controller *c, const struct object *node, const char *value, const char *reason, const char *message)
{
	struct progress p = { registry_now(controller_registry(c)), value, reason, message };
	int r = registry_modify(controller_registry(c), controller_writer(c), nodes(), NULL, object_name(node), object_uid(node),
				TXN_BOTH, STORE_LAZY, write_progress, &p);

	return r == -ENOENT ? 0 : r;
}

/* --- evictions --- */

/* One eviction; lost races are tried again. 0; -EBUSY or -EINVAL with the reason in `why`; another errno. */
static int evict_one(struct controller *c, const struct object *pod, const struct drain_options *o, struct buf *why)
{
	const struct delete_options opts = { .grace_seconds = o->grace_seconds };
	int r = -ESTALE;

	for (int i = 0; i < REGISTRY_RETRIES && r == -ESTALE; i++) {
		_cleanup_object_ struct object *now = cache_get_uid(controller_cache(c), object_uid(pod));
		_cleanup_txn_ struct txn *t = now ? txn_new(controller_registry(c), controller_writer(c)) : NULL;
		const char *text = "";

		if (!now || object_is_deleting(now))
			return 0;
		r = t ? txn_evict(t, now, &opts, &text) : -ENOMEM;
		if (*text && why->len < REASONS_MAX)
			buf_printf(why, "%s%s/%s: %s", why->len ? "; " : "", object_namespace(pod), object_name(pod), text);
		if (r == 0)
			r = txn_commit(t, 0, NULL);
	}
	return r;
}

/* Evicts what may be evicted. *ret_gone: how many. An error of one pod does not keep the others. */
static int evict_all(struct controller *c, const struct object *node, const struct drain_plan *p, const struct drain_options *o,
		     struct buf *why, size_t *ret_gone)
{
	int result = 0;

	*ret_gone = 0;
	for (size_t i = 0; i < p->n_evict; i++) {
		int r = evict_one(c, p->evict[i], o, why);

		if (r == 0) {
			controller_event(c, node, EVENT_NORMAL, "EvictingPod", "evicting pod %s/%s", object_namespace(p->evict[i]),
					 object_name(p->evict[i]));
			++*ret_gone;
		} else if (r != -EBUSY && r != -EINVAL) {
			result = r;
		}
	}
	return result;
}

static int judge(struct controller *c, const struct object *node, const struct drain_options *o, struct arena *a,
		 struct object_list *pods, struct drain_plan *ret)
{
	int r = drain_list_pods(controller_cache(c), object_name(node), pods);

	return r < 0 ? r : drain_review(controller_cache(c), pods, o, a, ret);
}

/* What is left, for people. */
static void describe(const struct drain_plan *p, const char *why, struct buf *out)
{
	size_t left = p->n_evict + p->n_going;

	if (left)
		buf_printf(out, "%zu pod%s left, %zu of them going", left, left == 1 ? " is" : "s are", p->n_going);
	if (*p->refusal)
		buf_printf(out, "%s%s", out->len ? "; " : "", p->refusal);
	if (*why)
		buf_printf(out, "%s%s", out->len ? "; " : "", why);
}

static const struct value *condition_of(const struct object *node)
{
	return value_find(object_path(node, "status", "conditions"), "type", NODE_DRAINED);
}

static bool was_said(const struct object *node, const char *reason, const char *message)
{
	const struct value *c = condition_of(node);

	return strcmp(value_str_or(value_get(c, "reason"), ""), reason) == 0 &&
	       strcmp(value_str_or(value_get(c, "message"), ""), message) == 0;
}

static int drain_node(struct controller *c, const struct object *node, const struct drain_options *o)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT, left = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf why = BUF_INIT, message = BUF_INIT;
	const char *value = "False", *reason = "Draining";
	struct drain_plan plan;
	size_t gone = 0;
	int r = a ? judge(c, node, o, a, &pods, &plan) : -ENOMEM, e = 0;

	if (r == 0)
		e = evict_all(c, node, &plan, o, &why, &gone);
	if (r == 0 && gone)
		r = judge(c, node, o, a, &left, &plan);
	if (r < 0)
		return r;
	describe(&plan, buf_str(&why), &message);
	if (!plan.n_evict && !plan.n_going) {
		reason = *plan.refusal ? DRAIN_REFUSED : "NodeDrained";
		value = *plan.refusal ? "False" : "True";
	}
	if (why.len && !was_said(node, reason, buf_str(&message)))
		controller_event(c, node, EVENT_WARNING, "CannotEvict", "will retry when a budget or a pod changes: %s", buf_str(&why));
	if (*plan.refusal && !was_said(node, reason, buf_str(&message)))
		controller_event(c, node, EVENT_WARNING, "CannotEvict", "%s", plan.refusal);
	if (*value == 'T' && !was_said(node, reason, buf_str(&message)))
		controller_event(c, node, EVENT_NORMAL, "NodeDrained", "node/%s drained", object_name(node));
	r = report(c, node, value, reason, buf_str(&message));
	return e < 0 ? e : r;
}

static int64_t sync_node(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *node = controller_get(c, nodes(), key);
	struct drain_options opts;

	if (!node || object_is_deleting(node))
		return 0;
	if (drain_of(node, &opts) && value_bool(object_path(node, "spec", "unschedulable"), false))
		return drain_node(c, node, &opts);
	return report(c, node, NULL, "", "");
}

/* --- what wakes it --- */

static bool is_drained(const struct object *node)
{
	return node && object_str(node, "metadata", "annotations", NODE_DRAIN);
}

static void notice_node(struct controller *c, const struct cache_event *e)
{
	struct drains *d = controller_data(c);

	if (is_drained(e->now) != is_drained(e->old)) {
		if (is_drained(e->now))
			atomic_fetch_add(&d->n, 1);
		else
			atomic_fetch_sub(&d->n, 1);
	}
	if (!e->now || !(is_drained(e->now) || is_drained(e->old)))
		return;
	if (!e->old || !object_same(e->old, e->now, "spec") || !object_same(e->old, e->now, "metadata", "annotations") ||
	    !value_equal(condition_of(e->old), condition_of(e->now))) /* one who asks again takes it back to its beginning */
		controller_add_object(c, e->now);
}

static void add_node_of(struct controller *c, const struct object *pod)
{
	const char *name = object_str(pod, "spec", "nodeName");
	_cleanup_object_ struct object *node = name ? cache_get(controller_cache(c), nodes(), NULL, name) : NULL;

	if (is_drained(node))
		controller_add_object(c, node);
}

/* A pod that comes, goes, or ceases to be one that is left alone. */
static void notice_pod(struct controller *c, const struct cache_event *e)
{
	const struct drains *d = controller_data(c);

	if (atomic_load(&d->n) == 0)
		return;
	if (e->old && e->now && object_is_deleting(e->old) == object_is_deleting(e->now) && object_same(e->old, e->now, "spec") &&
	    object_same(e->old, e->now, "metadata", "ownerReferences") && object_same(e->old, e->now, "metadata", "labels") &&
	    object_same(e->old, e->now, "status", "phase") && object_same(e->old, e->now, "status", "conditions"))
		return;
	add_node_of(c, e->now ? e->now : e->old);
}

static void notice_budget(struct controller *c, const struct cache_event *e)
{
	const struct drains *d = controller_data(c);
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;

	(void)e;
	if (atomic_load(&d->n) == 0 || cache_list(controller_cache(c), nodes(), NULL, &list) < 0)
		return; /* ignoring: without memory the next change counts */
	for (size_t i = 0; i < list.n; i++)
		if (is_drained(list.items[i]))
			controller_add_object(c, list.items[i]);
}

const struct controller_type drain_controller = {
	.name = "drain-controller",
	.sync = sync_node,
	.init = init_drains,
	.fini = free,
	.watches = { { "nodes", notice_node }, { "pods", notice_pod }, { "poddisruptionbudgets", notice_budget } },
};
