/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespace controller: a namespace that is being deleted loses all that is in it, and then its finalizer. One that is
 * not has the ServiceAccount "default", also when somebody has deleted that: K8S:pkg/controller/serviceaccount,
 * serviceaccounts_controller.go.
 */
#include <string.h>

#include "control/controller.h"

enum { BATCH_MAX = 60 }; /* controller_delete() */

/* Asks for the deletion of everything in the namespace; *ret_left says how much is still there. */
static int delete_contents(struct controller *c, const char *ns, size_t *ret_left)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	const struct schema_kind *const *kinds;
	size_t n;
	int r = 0;

	kinds = schema_kinds(&n);
	for (size_t i = 0; i < n && r == 0; i++)
		if (kinds[i]->namespaced)
			r = cache_list(controller_cache(c), kinds[i], ns, &list);
	for (size_t at = 0; at < list.n && r == 0; at += BATCH_MAX)
		r = controller_delete(c, (const struct object *const *)list.items + at,
				      list.n - at < BATCH_MAX ? list.n - at : BATCH_MAX, NULL, NULL);
	*ret_left = list.n;
	return r;
}

static int drop_finalizer(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *list = value_path(root, "spec", "finalizers");
	bool found = false;

	for (size_t i = value_len(list); i-- > 0;)
		if (!strcmp(value_str_or(value_at(list, i), ""), "kubernetes"))
			found |= value_remove_at(list, i);
	return found ? 0 : -ECANCELED;
}

/* Makes the account that pods have which name none. */
static int make_account(struct controller *c, const struct object *ns)
{
	const struct schema_kind *kind = schema_kind_by_plural("serviceaccounts");
	_cleanup_object_ struct object *there = cache_get(controller_cache(c), kind, object_name(ns), "default");
	_cleanup_txn_ struct txn *t = there ? NULL : txn_new(controller_registry(c), controller_writer(c));
	struct value *root, *meta;
	int r;

	if (there)
		return 0; /* one that is being deleted brings a notice when it has gone */
	if (!t)
		return -ENOMEM;
	root = value_new_map(txn_arena(t));
	value_set_str(txn_arena(t), root, "apiVersion", "v1");
	value_set_str(txn_arena(t), root, "kind", "ServiceAccount");
	meta = value_set_map(txn_arena(t), root, "metadata");
	value_set_str(txn_arena(t), meta, "name", "default");
	value_set_str(txn_arena(t), meta, "namespace", object_name(ns));
	r = arena_failed(txn_arena(t)) ? -ENOMEM : txn_create(t, root, TXN_ADMIT, NULL, NULL);
	if (r == 0)
		r = txn_commit(t, STORE_LAZY, NULL);
	/* somebody else has made it, or the namespace is going: both bring a notice if more is to be done */
	return r == -EEXIST || r == -EAGAIN || r == -EPERM || r == -ENOENT ? 0 : r;
}

static int64_t sync_namespace(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *o = controller_get(c, schema_kind_by_plural("namespaces"), key);
	size_t left = 0;
	int r;

	if (!o)
		return 0;
	if (!object_is_deleting(o))
		return make_account(c, o);
	r = delete_contents(c, object_name(o), &left);
	if (r < 0)
		return r;
	if (left) /* what was deleted at once brings no further notice of its own when it was the last */
		r = delete_contents(c, object_name(o), &left);
	if (r < 0 || left)
		return r;
	r = registry_modify(controller_registry(c), controller_writer(c), object_kind(o), NULL, object_name(o),
			    object_uid(o), 0, 0, drop_finalizer, NULL);
	return r == -ENOENT ? 0 : r;
}

static bool is_default_account(const struct object *o)
{
	return !strcmp(object_name(o), "default") && !strcmp(object_kind(o)->plural, "serviceaccounts");
}

static void notice(struct controller *c, const struct cache_event *e)
{
	const struct object *o = e->now ? e->now : e->old;
	char key[STORE_KEY_MAX + 1];

	if (!strcmp(object_kind(o)->plural, "namespaces")) {
		if (e->now && (!e->old || object_is_deleting(e->now)))
			controller_add_object(c, e->now);
	} else if (!e->now && *object_namespace(o)) {
		_cleanup_object_ struct object *ns =
			cache_get(controller_cache(c), schema_kind_by_plural("namespaces"), NULL, object_namespace(o));

		if (!ns || (!object_is_deleting(ns) && !is_default_account(o)))
			return;
		(void)snprintf(key, sizeof(key), "/%s", object_namespace(o));
		controller_add(c, key);
	}
}

const struct controller_type namespace_controller = {
	.name = "namespace-controller",
	.sync = sync_namespace,
	.watches = { { "*", notice } },
};
