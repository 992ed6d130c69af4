/* SPDX-License-Identifier: Apache-2.0 */
#include "store/entry.h"

#include <stdlib.h>
#include <string.h>

struct store_entry *store_entry_new(const char *key, size_t key_len, size_t len)
{
	struct store_entry *e = NULL;

	if (len > UINT32_MAX)
		return NULL;
	e = malloc(sizeof(*e) + len + key_len + 1);
	if (!e)
		return NULL;
	atomic_init(&e->refs, 1);
	e->len = (uint32_t)len;
	e->create_rev = 0;
	e->mod_rev = 0;
	memcpy(e->data + len, key, key_len);
	e->data[len + key_len] = '\0';
	return e;
}

struct store_entry *store_entry_ref(struct store_entry *e)
{
	if (e)
		atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}

void store_entry_unref(struct store_entry *e)
{
	if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
		free(e);
}

const char *store_entry_key(const struct store_entry *e)
{
	return e->data + e->len;
}

const void *store_entry_value(const struct store_entry *e, size_t *ret_len)
{
	if (ret_len)
		*ret_len = e->len;
	return e->data;
}

uint64_t store_entry_create_rev(const struct store_entry *e)
{
	return e->create_rev;
}

uint64_t store_entry_mod_rev(const struct store_entry *e)
{
	return e->mod_rev;
}

void store_list_clear(struct store_list *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		store_entry_unref(l->items[i]);
	free(l->items);
	*l = STORE_LIST_INIT;
}
