/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of a map in the order of their keys' bytes, for writers. Private to this folder.
 */
#ifndef PODFS_VALUE_ORDER_H
#define PODFS_VALUE_ORDER_H

#include "value/value.h"

struct key_order {
	size_t *at; /* owned; NULL: the map's own order */
	bool failed;
};

#define ORDER_INIT ((struct key_order){ NULL, false })

/* Makes the order, or leaves it the map's own when `sorted` is false or the keys stand in order already. Sets
 * `failed` when memory is out. */
void key_order_make(struct key_order *o, const struct value *map, bool sorted);
void key_order_clear(struct key_order *o);

/* The number of the i-th member in that order. */
static inline size_t key_order_at(const struct key_order *o, size_t i)
{
	return o->at ? o->at[i] : i;
}

#endif
