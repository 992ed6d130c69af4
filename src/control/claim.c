/* SPDX-License-Identifier: Apache-2.0 */
#include "control/claim.h"

#include <string.h>

#include "control/pods.h"
#include "value/selector.h"

enum claim_verdict claim_decide(const struct object *owner, const struct object *o, bool matches)
{
	const char *controller = object_controller_uid(o);

	if (!strcmp(controller, object_uid(owner))) {
		if (matches)
			return CLAIM_KEEP;
		return object_is_deleting(owner) ? CLAIM_IGNORE : CLAIM_RELEASE;
	}
	if (*controller || !matches || object_is_deleting(owner) || object_is_deleting(o))
		return CLAIM_IGNORE;
	return CLAIM_ADOPT;
}

/* spec.selector: a LabelSelector, but of a ReplicationController a map. */
static int compile(const struct object *owner, struct arena *a, struct selector **ret)
{
	const struct value *selector = object_path(owner, "spec", "selector");

	if (!strcmp(object_kind(owner)->plural, "replicationcontrollers"))
		return selector_compile_map(a, selector, true, ret, NULL);
	return selector_compile(a, selector, ret, NULL);
}

bool claim_matches(const struct object *owner, const struct object *o)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct selector *selector = NULL;

	return compile(owner, a, &selector) == 0 &&
	       object_matches(o, selector);
}

/* Whose objects are claimed, and the finalizer that they bear while they are his; NULL: none. */
struct claiming {
	const struct object *owner;
	const char *finalizer;
	bool (*is_member)(const struct object *owner, const struct object *o); /* NULL: all are */
};

static bool is_of(const struct claiming *claim, const struct object *o)
{
	return !claim->is_member || claim->is_member(claim->owner, o);
}

static bool is_named(const struct value *v, const char *name)
{
	return !strcmp(value_str_or(v, ""), name);
}

static void add_finalizer(struct arena *a, struct value *meta, const char *name)
{
	struct value *list = value_set_list(a, meta, "finalizers");

	for (size_t i = 0; i < value_len(list); i++)
		if (is_named(value_at(list, i), name))
			return;
	value_append(a, list, value_new_str(a, name));
}

static void drop_finalizer(struct value *meta, const char *name)
{
	struct value *list = value_get(meta, "finalizers");
	size_t had = value_len(list);

	for (size_t i = had; i-- > 0;)
		if (is_named(value_at(list, i), name))
			(void)value_remove_at(list, i);
	if (had && !value_len(list))
		value_remove(meta, "finalizers");
}

/*
 * Adopts. The transaction holds only while the owner is what it was when it was found not to be going: an object
 * adopted by an owner that has just gone would be garbage. -ECANCELED: nothing to adopt any more.
 */
static int adopt_once(struct controller *c, const struct claiming *claim, const struct object *o)
{
	_cleanup_object_ struct object *live = cache_get_uid(controller_cache(c), object_uid(claim->owner));
	_cleanup_object_ struct object *now = cache_get_uid(controller_cache(c), object_uid(o));
	_cleanup_txn_ struct txn *t = NULL;
	struct value *root;
	int r;

	if (!live || !now || claim_decide(live, now, claim_matches(live, now)) != CLAIM_ADOPT)
		return -ECANCELED;
	t = txn_new(controller_registry(c), controller_writer(c));
	root = t ? value_copy(txn_arena(t), object_root(now)) : NULL;
	if (!root)
		return -ENOMEM;
	value_append(txn_arena(t), value_set_list(txn_arena(t), value_get(root, "metadata"), "ownerReferences"),
		     controller_reference(txn_arena(t), live));
	if (claim->finalizer)
		add_finalizer(txn_arena(t), value_get(root, "metadata"), claim->finalizer);
	r = txn_check(t, object_key(live), object_revision(live));
	if (r == 0)
		r = txn_update(t, now, root, 0, NULL);
	return r < 0 ? r : txn_commit(t, 0, NULL);
}

static int adopt(struct controller *c, const struct claiming *claim, const struct object *o)
{
	int r = -ESTALE;

	for (int i = 0; i < REGISTRY_RETRIES && r == -ESTALE; i++)
		r = adopt_once(c, claim, o);
	return r == -ECANCELED ? 0 : r;
}

static int release(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	const struct claiming *claim = arg;
	struct value *refs = value_path(root, "metadata", "ownerReferences");
	bool found = false;

	for (size_t i = value_len(refs); i-- > 0;)
		if (!strcmp(value_str_or(value_get(value_at(refs, i), "uid"), ""), object_uid(claim->owner)))
			found |= value_remove_at(refs, i);
	if (found && !value_len(refs))
		value_remove(value_get(root, "metadata"), "ownerReferences");
	if (found && claim->finalizer)
		drop_finalizer(value_get(root, "metadata"), claim->finalizer);
	return found ? 0 : -ECANCELED;
}

/* Adopts or releases, and takes the object into the list when it is the owner's afterwards. */
static int settle(struct controller *c, const struct claiming *claim, const struct object *o, enum claim_verdict verdict,
		  struct object_list *ret)
{
	_cleanup_object_ struct object *now = NULL;
	int r;

	if (verdict == CLAIM_IGNORE)
		return 0;
	if (verdict == CLAIM_KEEP)
		return object_list_add(ret, o);
	if (verdict == CLAIM_ADOPT)
		r = adopt(c, claim, o);
	else
		r = registry_modify(controller_registry(c), controller_writer(c), object_kind(o), object_namespace(o),
				    object_name(o), object_uid(o), 0, 0, release, (void *)claim);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	now = cache_get_key(controller_cache(c), object_key(o));
	if (!now || strcmp(object_controller_uid(now), object_uid(claim->owner)) != 0)
		return 0;
	return object_list_add(ret, now);
}

static int claim_all(struct controller *c, const struct claiming *claim, const struct schema_kind *kind, struct object_list *ret)
{
	const struct object *owner = claim->owner;
	_cleanup_object_list_ struct object_list candidates = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct selector *selector = NULL;
	int r, first = 0;

	r = compile(owner, a, &selector);
	if (r == 0)
		r = cache_list_controlled(controller_cache(c), object_uid(owner), &candidates);
	if (r == 0)
		r = cache_list_orphans(controller_cache(c), kind, object_namespace(owner), &candidates);
	if (r < 0)
		return r;
	for (size_t i = 0; i < candidates.n; i++) {
		const struct object *o = candidates.items[i];

		if (object_kind(o) != kind)
			continue;
		r = settle(c, claim, o, claim_decide(owner, o, object_matches(o, selector) && is_of(claim, o)), ret);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

int claim_objects(struct controller *c, const struct object *owner, const struct schema_kind *kind,
		  struct object_list *ret)
{
	return claim_all(c, &(struct claiming){ .owner = owner }, kind, ret);
}

int claim_tracked(struct controller *c, const struct object *owner, const struct schema_kind *kind, const char *finalizer,
		  struct object_list *ret)
{
	return claim_all(c, &(struct claiming){ .owner = owner, .finalizer = finalizer }, kind, ret);
}

int claim_members(struct controller *c, const struct object *owner, const struct schema_kind *kind,
		  bool (*is_member)(const struct object *owner, const struct object *o), struct object_list *ret)
{
	return claim_all(c, &(struct claiming){ .owner = owner, .is_member = is_member }, kind, ret);
}
