/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The quota controller: status.used of a ResourceQuota falls when what it counts goes or ends. That it rises is the
 * registry's part, in the transaction that makes an object (store/charge.h); here it is counted anew, and a lost race with
 * such a transaction starts it again.
 */
#include <string.h>

#include "control/controller.h"
#include "store/charge.h"

static int recount(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	return quota_recount(arg, a, old, root);
}

static int64_t sync_quota(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *o = controller_get(c, schema_kind_by_plural("resourcequotas"), key);
	int r;

	if (!o || object_is_deleting(o))
		return 0;
	r = registry_modify(controller_registry(c), controller_writer(c), object_kind(o), object_namespace(o),
			    object_name(o), object_uid(o), TXN_STATUS, STORE_LAZY, recount, controller_registry(c));
	return r == -ENOENT ? 0 : r;
}

static void notice_quota(struct controller *c, const struct cache_event *e)
{
	if (e->now && !(e->old && object_same(e->now, e->old, "spec") &&
			object_path(e->now, "status", "hard")))
		controller_add_object(c, e->now);
}

/* Whether a change may lower what an object counts for. */
static bool may_lower(const struct cache_event *e)
{
	const char *plural = object_kind(e->old)->plural;

	if (!e->now)
		return true;
	if (strcmp(plural, "pods") == 0)
		return !object_same(e->old, e->now, "status", "phase") ||
		       object_is_deleting(e->now) != object_is_deleting(e->old) ||
		       !object_same(e->now, e->old, "spec");
	return (strcmp(plural, "services") == 0 || strcmp(plural, "persistentvolumeclaims") == 0) &&
	       !object_same(e->now, e->old, "spec");
}

static void notice_any(struct controller *c, const struct cache_event *e)
{
	const struct schema_kind *quotas = schema_kind_by_plural("resourcequotas");
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;

	if (!e->old || !object_kind(e->old)->namespaced || object_kind(e->old) == quotas ||
	    !cache_count(controller_cache(c), quotas, object_namespace(e->old)) || !may_lower(e))
		return;
	if (cache_list(controller_cache(c), quotas, object_namespace(e->old), &list) < 0)
		return; /* ignoring: without memory the next change counts */
	for (size_t i = 0; i < list.n; i++)
		controller_add_object(c, list.items[i]);
}

const struct controller_type quota_controller = {
	.name = "resourcequota-controller",
	.sync = sync_quota,
	.watches = { { "resourcequotas", notice_quota }, { "*", notice_any } },
};
