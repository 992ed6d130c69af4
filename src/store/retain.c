/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retain.h"

#include <string.h>

#include "base/clock.h"
#include "store/persistent.h"

static int retain(struct txn *t, struct registry *r, const struct object *claim)
{
	const struct schema_kind *kind = schema_kind_by_plural("persistentvolumes");
	const char *name = object_str(claim, "spec", "volumeName");
	_cleanup_object_ struct object *volume = name && *name ? cache_get(registry_cache(r), kind, NULL, name) : NULL;
	int64_t until = registry_now(r) + PV_RETENTION_SECONDS * NSEC_PER_SEC;
	char time[CLOCK_RFC3339_SIZE];
	struct value *root, *annotations;

	if (!volume || !pv_are_bound(volume, claim) || txn_puts(t, object_key(volume)))
		return 0;
	root = value_copy(txn_arena(t), object_root(volume));
	if (!root)
		return -ENOMEM;
	annotations = value_make_path(txn_arena(t), root, "metadata", "annotations");
	value_set_str(txn_arena(t), annotations, PV_RETAINED_UNTIL, clock_format_rfc3339(until, time));
	value_set(txn_arena(t), annotations, PV_RETAINED_WRITER,
		  value_new_strf(txn_arena(t), "%u", (unsigned)object_writer(claim)));
	return txn_update(t, volume, root, 0, NULL);
}

int retain_volumes(struct txn *t, struct registry *r, const struct object *removed)
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
