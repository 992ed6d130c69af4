/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three-way merge of a manifest into a live object, and the difference of two trees.
 *
 * Both walk the trees together with their types, which the caller knows and this floor does not: `type` is an opaque
 * pointer that the functions of struct merge_types answer for, NULL where the type is not known. Without types
 * (ops NULL) every map is a free map and every list is atomic.
 */
#ifndef PODFS_VALUE_MERGE_H
#define PODFS_VALUE_MERGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "value/value.h"

struct merge_types {
	/* The type of a member; of a list's items. */
	const void *(*member)(const void *type, const char *key);
	const void *(*item)(const void *type);
	/* The keys that tell a list's items apart, NULL-terminated; NULL for an atomic list. */
	const char *const *(*list_keys)(const void *type);
	/* Whether a list is a set of scalars; whether a map has named fields, so that it goes as a whole. */
	bool (*is_set)(const void *type);
	bool (*is_struct)(const void *type);
	/* Whether a map that is stated anew lets go of what is not stated of it, as kubectl has it with "retainKeys"; NULL: none. */
	bool (*retains_keys)(const void *type);
};

/*
 * The new live object, a whole new tree in `a`: what `manifest` states is set; what `previous` (the manifest's last
 * version, NULL: none) stated and it no longer does is unset; everything else of `live` stays. What null states is
 * not stated.
 *
 * Maps merge by key. Lists with keys merge by item: the manifest's items come in its order, and an item that only the
 * live list has keeps its place behind the item that it stood behind. Sets merge as sets. Other lists and scalars
 * are replaced. When a struct that was stated is no longer, it goes with all its fields; from a free map, a keyed list
 * or a set only what was stated goes, and the rest of it if that leaves it empty. A map that retains keys, and of which
 * anything changes, has what is stated and nothing else: a Deployment's strategy can become Recreate.
 *
 * What comes from the manifest bears its marks, so that what is wrong with the whole can be told by line and column.
 *
 * Items of keyed lists match when all keys are equal, or else when one side lacks a key (a default not yet filled
 * in). Returns NULL when the arena has failed.
 */
struct value *value_merge(struct arena *a, const struct merge_types *ops, const void *type,
			  const struct value *previous, const struct value *manifest, const struct value *live);

struct value_change {
	const char *path;	  /* as in path.h; in the arena */
	const struct value *from; /* in the tree it was found in; NULL when absent */
	const struct value *to;
};

enum value_diff_flags {
	/* Leave out members and keyed items that only `to` has: the drift from what a manifest states. */
	DIFF_STATED = 1 << 0,
};

/* The differences of two trees in the order of `from`, then of `to`. Lists without keys are compared item by item when
 * they are of one length, else as a whole. -ENOMEM. */
int value_diff(struct arena *a, const struct merge_types *ops, const void *type, const struct value *from,
	       const struct value *to, unsigned flags, struct value_change **ret, size_t *ret_n);

#endif
