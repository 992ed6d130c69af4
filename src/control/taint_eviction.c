/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The taint eviction controller: deletes the pods of a node that do not tolerate its taints of effect NoExecute, at once or when
 * their tolerationSeconds are spent. Budgets are not asked, as in Kubernetes.
 *
 * Since when a taint is there is in the node (timeAdded), so that no daemon begins to count anew. Keys: "/NODE".
 */
#include <string.h>

#include "control/controller.h"
#include "control/taint_eviction_decide.h"
#include "store/drain.h"

static const struct schema_kind *nodes(void)
{
	return schema_kind_by_plural("nodes");
}

static int stamp(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	(void)old;
	return taint_eviction_stamp(a, root, registry_now(controller_registry(arg))) ? 0 : -ECANCELED;
}

static int delete_pod(struct controller *c, const struct object *pod)
{
	static const struct disruption why = { "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint" };
	const struct delete_options opts = { .grace_seconds = -1, .disruption = &why };
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	int r = t ? txn_delete(t, pod, &opts) : -ENOMEM;

	if (r == 0)
		r = txn_commit(t, 0, NULL);
	if (r == 0)
		controller_event(c, pod, EVENT_NORMAL, "TaintManagerEviction", "Marking for deletion Pod %s/%s", object_namespace(pod),
				 object_name(pod));
	return r;
}

static int64_t sync_node(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *node = controller_get(c, nodes(), key);
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	int64_t now = registry_now(controller_registry(c)), wait = 0;
	int r, result = 0;

	if (!node || !taint_eviction_concerns(node))
		return 0;
	r = registry_modify(controller_registry(c), controller_writer(c), nodes(), NULL, object_name(node), object_uid(node), 0, 0,
			    stamp, c);
	if (r == 0)
		r = drain_list_pods(controller_cache(c), object_name(node), &pods);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < pods.n; i++) {
		int64_t after = object_is_deleting(pods.items[i]) ? -1 : taint_eviction_after(node, pods.items[i], now);
		int e = after == 0 ? delete_pod(c, pods.items[i]) : 0;

		result = e < 0 ? e : result;
		if (after > 0 && (!wait || after < wait))
			wait = after;
	}
	return result < 0 ? result : wait;
}

static void notice_node(struct controller *c, const struct cache_event *e)
{
	if (e->now && (!e->old || !object_same(e->old, e->now, "spec")) && taint_eviction_concerns(e->now))
		controller_add_object(c, e->now);
}

/* A pod that comes to such a node, or that tolerates something else. */
static void notice_pod(struct controller *c, const struct cache_event *e)
{
	const char *on = e->now ? object_str(e->now, "spec", "nodeName") : NULL;
	_cleanup_object_ struct object *node = NULL;

	if (!on || (e->old && object_same(e->old, e->now, "spec")))
		return;
	node = cache_get(controller_cache(c), nodes(), NULL, on);
	if (node && taint_eviction_concerns(node))
		controller_add_object(c, node);
}

const struct controller_type taint_eviction_controller = {
	.name = "taint-eviction-controller",
	.sync = sync_node,
	.watches = { { "nodes", notice_node }, { "pods", notice_pod } },
};
