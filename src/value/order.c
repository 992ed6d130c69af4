/* SPDX-License-Identifier: Apache-2.0 */
#include "value/order.h"

#include <stdlib.h>
#include <string.h>

static int compare_keys(const void *a, const void *b, void *map)
{
	return strcmp(value_key_at(map, *(const size_t *)a), value_key_at(map, *(const size_t *)b));
}

void key_order_make(struct key_order *o, const struct value *map, bool sorted)
{
	size_t n = value_len(map);
	bool in_order = true;

	*o = ORDER_INIT;
	for (size_t i = 1; sorted && in_order && i < n; i++)
		in_order = strcmp(value_key_at(map, i - 1), value_key_at(map, i)) < 0;
	if (in_order)
		return;
	o->at = reallocarray(NULL, n, sizeof(*o->at));
	if (!o->at) {
		o->failed = true;
		return;
	}
	for (size_t i = 0; i < n; i++)
		o->at[i] = i;
	qsort_r(o->at, n, sizeof(*o->at), compare_keys, (void *)map);
}

void key_order_clear(struct key_order *o)
{
	free(o->at);
	*o = ORDER_INIT;
}
