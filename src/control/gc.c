/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The garbage collector: removes what no owner is left of, and works off the foreground and orphan finalizers. Keys
 * are store keys. An owner counts as gone only when the cache, which is complete from its start, does not have its uid.
 */
#include <string.h>

#include "base/log.h"
#include "control/controller.h"
#include "control/gc_decide.h"

static const char foreground[] = "foregroundDeletion", orphan[] = "orphan";

enum gc_verdict gc_decide(struct gc_owners owners, bool is_deleting, bool has_dependents)
{
	if (is_deleting || !(owners.solid + owners.dangling + owners.waiting))
		return GC_KEEP;
	if (owners.solid)
		return owners.dangling + owners.waiting ? GC_STRIP : GC_KEEP;
	return owners.waiting && has_dependents ? GC_DELETE_FOREGROUND : GC_DELETE;
}

static bool has_finalizer(const struct object *o, const char *name)
{
	const struct value *list = object_path(o, "metadata", "finalizers");

	for (size_t i = 0; i < value_len(list); i++)
		if (!strcmp(value_str_or(value_at(list, i), ""), name))
			return true;
	return false;
}

/*
 * Whether the store, too, has no owner of that uid under the name that the reference gives. The cache's index by uid
 * may lack one that came while memory was out, and nothing may be deleted because of that.
 */
static bool is_gone(struct controller *c, const struct value *ref, const char *ns)
{
	const struct schema_kind *kind = schema_kind_find(value_str_or(value_get(ref, "apiVersion"), ""),
							  value_str_or(value_get(ref, "kind"), ""));
	_cleanup_store_entry_ struct store_entry *e = NULL;
	_cleanup_object_ struct object *owner = NULL;
	char key[STORE_KEY_MAX + 1];
	int r;

	if (!kind)
		return false; /* of a kind not known here nobody can tell; Kubernetes' collector stops there too */
	if (object_format_key(kind, ns, value_str_or(value_get(ref, "name"), ""), key) < 0)
		return true; /* no object can be so called */
	r = store_get(registry_store(controller_registry(c)), key, &e);
	if (r == 0)
		r = object_from_entry(e, &owner);
	if (r < 0)
		return r == -ENOENT;
	return strcmp(object_uid(owner), value_str_or(value_get(ref, "uid"), "")) != 0;
}

enum owner_state { OWNER_SOLID, OWNER_DANGLING, OWNER_WAITING };

/* ns: the dependent's namespace. */
static enum owner_state state_of(struct controller *c, const struct value *ref, const char *ns)
{
	_cleanup_object_ struct object *owner =
		cache_get_uid(controller_cache(c), value_str_or(value_get(ref, "uid"), ""));

	if (!owner || (*object_namespace(owner) && strcmp(object_namespace(owner), ns) != 0)) /* none across namespaces */
		return is_gone(c, ref, ns) ? OWNER_DANGLING : OWNER_SOLID;
	return object_is_deleting(owner) && has_finalizer(owner, foreground) ? OWNER_WAITING : OWNER_SOLID;
}

static int strip_references(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *refs = value_path(root, "metadata", "ownerReferences");
	struct controller *c = arg;

	for (size_t i = value_len(refs); i-- > 0;)
		if (state_of(c, value_at(refs, i), object_namespace(old)) != OWNER_SOLID)
			value_remove_at(refs, i);
	return 0;
}

static int modify(struct controller *c, const struct object *o, registry_change_fn change, void *arg)
{
	int r = registry_modify(controller_registry(c), controller_writer(c), object_kind(o), object_namespace(o),
				object_name(o), object_uid(o), 0, 0, change, arg);

	return r == -ENOENT ? 0 : r;
}

/* A lost race means that the object has changed: its owners are to be looked at anew. */
static int remove_object(struct controller *c, const struct object *o, enum propagation propagation)
{
	struct delete_options opts = { .grace_seconds = -1, .propagation = propagation };
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	int r = t ? txn_delete(t, o, &opts) : -ENOMEM;

	return r < 0 ? r : txn_commit(t, 0, NULL);
}

/* An object whose own finalizers ask for a policy keeps it. */
static enum propagation own_policy(const struct object *o)
{
	if (has_finalizer(o, orphan))
		return PROPAGATE_ORPHAN;
	return has_finalizer(o, foreground) ? PROPAGATE_FOREGROUND : PROPAGATE_BACKGROUND;
}

static int check_owners(struct controller *c, const struct object *o, bool has_dependents)
{
	const struct value *refs = object_path(o, "metadata", "ownerReferences");
	struct gc_owners owners = { 0 };

	for (size_t i = 0; i < value_len(refs); i++) {
		enum owner_state s = state_of(c, value_at(refs, i), object_namespace(o));

		owners.solid += s == OWNER_SOLID;
		owners.dangling += s == OWNER_DANGLING;
		owners.waiting += s == OWNER_WAITING;
	}
	switch (gc_decide(owners, object_is_deleting(o), has_dependents)) {
	case GC_KEEP:
		return 0;
	case GC_STRIP:
		return modify(c, o, strip_references, c);
	case GC_DELETE:
		return remove_object(c, o, own_policy(o));
	case GC_DELETE_FOREGROUND:
		return remove_object(c, o, PROPAGATE_FOREGROUND);
	}
	return 0;
}

static int drop_finalizer(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *list = value_path(root, "metadata", "finalizers");
	const char *name = arg;
	bool found = false;

	for (size_t i = value_len(list); i-- > 0;)
		if (!strcmp(value_str_or(value_at(list, i), ""), name))
			found |= value_remove_at(list, i);
	if (found && !value_len(list))
		value_remove(value_get(root, "metadata"), "finalizers");
	return found ? 0 : -ECANCELED;
}

static int drop_owner(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *refs = value_path(root, "metadata", "ownerReferences");
	const char *uid = arg;
	bool found = false;

	for (size_t i = value_len(refs); i-- > 0;)
		if (!strcmp(value_str_or(value_get(value_at(refs, i), "uid"), ""), uid))
			found |= value_remove_at(refs, i);
	if (found && !value_len(refs))
		value_remove(value_get(root, "metadata"), "ownerReferences");
	return found ? 0 : -ECANCELED;
}

/* Lets the dependents live on without this owner. */
static int orphan_dependents(struct controller *c, const struct object *o, const struct object_list *dependents)
{
	int r = 0;

	for (size_t i = 0; i < dependents->n && r == 0; i++)
		r = modify(c, dependents->items[i], drop_owner, (void *)object_uid(o));
	return r < 0 ? r : modify(c, o, drop_finalizer, (void *)orphan);
}

/* Deletes the dependents; lets the object go when none that blocks it is left. */
static int finish_foreground(struct controller *c, const struct object *o, const struct object_list *dependents)
{
	size_t blocking = 0;

	for (size_t i = 0; i < dependents->n; i++) {
		const struct object *d = dependents->items[i];
		const struct value *ref = value_find(object_path(d, "metadata", "ownerReferences"), "uid", object_uid(o));

		blocking += value_bool(value_get(ref, "blockOwnerDeletion"), false);
		if (!object_is_deleting(d))
			controller_add(c, object_key(d)); /* its own sync sees that its owner waits */
	}
	return blocking ? 0 : modify(c, o, drop_finalizer, (void *)foreground);
}

static int64_t sync_object(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *o = cache_get_key(controller_cache(c), key);
	_cleanup_object_list_ struct object_list dependents = OBJECT_LIST_INIT;
	int r;

	if (!o)
		return 0;
	r = cache_list_owned(controller_cache(c), object_uid(o), &dependents);
	if (r < 0)
		return r;
	if (object_is_deleting(o) && has_finalizer(o, orphan))
		return orphan_dependents(c, o, &dependents);
	if (object_is_deleting(o) && has_finalizer(o, foreground))
		return finish_foreground(c, o, &dependents);
	return check_owners(c, o, dependents.n > 0);
}

/* The owners of an object that wait for their dependents may wait for it no longer. */
static void notice_owners(struct controller *c, const struct object *o)
{
	const struct value *refs = object_has_owners(o) ? object_path(o, "metadata", "ownerReferences") : NULL;

	for (size_t i = 0; i < value_len(refs); i++) {
		_cleanup_object_ struct object *owner =
			cache_get_uid(controller_cache(c), value_str_or(value_get(value_at(refs, i), "uid"), ""));

		if (owner && object_is_deleting(owner))
			controller_add(c, object_key(owner));
	}
}

/* An object that went: its dependents may be garbage. */
static void notice_gone(struct controller *c, const struct object *o)
{
	_cleanup_object_list_ struct object_list dependents = OBJECT_LIST_INIT;

	if (cache_list_owned(controller_cache(c), object_uid(o), &dependents) < 0)
		log_error("%s: %s: out of memory, dependents not queued", controller_writer(c)->agent, object_key(o));
	for (size_t i = 0; i < dependents.n; i++)
		controller_add(c, object_key(dependents.items[i]));
	notice_owners(c, o);
}

static void notice(struct controller *c, const struct cache_event *e)
{
	bool changed;

	if (!e->now) {
		notice_gone(c, e->old);
		return;
	}
	/* References change rarely: an object is looked at when it comes and when they do. */
	changed = !e->old || !object_same(e->old, e->now, "metadata", "ownerReferences");
	if (e->old && changed)
		notice_owners(c, e->old);
	if (object_is_deleting(e->now)) {
		if (has_finalizer(e->now, orphan) || has_finalizer(e->now, foreground))
			controller_add(c, object_key(e->now));
		return;
	}
	if (changed && object_has_owners(e->now))
		controller_add(c, object_key(e->now));
}

const struct controller_type garbage_collector = {
	.name = "garbage-collector",
	.sync = sync_object,
	.watches = { { "*", notice } },
};
