/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retain.h"

#include <string.h>

#include "store/persistent.h"

static int retain(struct txn *t, struct registry *r, const struct object *claim)
{
	const struct schema_kind *kind = schema_kind_by_plural("persistentvolumes");
	const char *name = object_str(claim, "spec", "volumeName");
	_cleanup_object_ struct object *volume = name && *name ? cache_get(registry_cache(r), kind, NULL, name) : NULL;
	struct value *root, *annotations;

	if (!volume || !pv_are_bound(volume, claim) || txn_puts(t, object_key(volume)))
		return 0;
	root = value_copy(txn_arena(t), object_root(volume));
	if (!root)
		return -ENOMEM;
	annotations = value_make_path(txn_arena(t), root, "metadata", "annotations");
	value_set_str(txn_arena(t), annotations, PV_RETAINED_UNTIL, PV_RETAINED);
	value_set(txn_arena(t), annotations, PV_RETAINED_WRITER,
		  value_new_strf(txn_arena(t), "%u", (unsigned)object_writer(claim)));
	return txn_update(t, volume, root, 0, NULL);
}

static int retain_volumes(struct txn *t, struct registry *r, const struct object *removed)
{
	const struct schema_kind *kind = schema_kind_by_plural("persistentvolumeclaims");
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	int e = 0;

	if (object_kind(removed) == kind)
		return retain(t, r, removed);
	if (strcmp(object_kind(removed)->plural, "namespaces") == 0)
		e = cache_list(registry_cache(r), kind, object_name(removed), &list);
	for (size_t i = 0; i < list.n && e == 0; i++)
		e = retain(t, r, list.items[i]);
	return e;
}

int retain_delete(struct txn *t, struct registry *r, const struct object *o)
{
	const struct schema_kind *kind = schema_kind_by_plural("persistentvolumes");
	const struct delete_options kept = { .grace_seconds = -1, .propagation = PROPAGATE_BACKGROUND, .annotation = PV_PRUNED };
	int e = retain_volumes(t, r, o);

	return e < 0 ? e : txn_delete(t, o, object_kind(o) == kind ? &kept : NULL);
}
