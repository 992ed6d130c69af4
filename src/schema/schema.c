/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking types: what field files, merging and the manual ask of the tables.
 */
#include "schema/schema.h"

#include <string.h>

#include "base/cleanup.h"
#include "schema/table.h"

const struct schema_field *schema_field_find(const struct schema_type *t, const char *name)
{
	size_t lo = 0, hi = t->n_fields;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(name, t->fields[mid].name);

		if (order == 0)
			return &t->fields[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

const struct schema_type *schema_member(const struct schema_type *t, const char *key)
{
	const struct schema_field *f;

	if (!t || t->form == SCHEMA_MAP)
		return t ? t->elem : NULL;
	if (t->form != SCHEMA_STRUCT)
		return NULL;
	f = schema_field_find(t, key);
	return f ? f->type : NULL;
}

const struct schema_type *schema_item(const struct schema_type *t)
{
	return t && t->form == SCHEMA_LIST ? t->elem : NULL;
}

const char *schema_field_name(const struct schema_type *t, size_t i)
{
	return t->form == SCHEMA_STRUCT && i < t->n_fields ? t->fields[i].name : NULL;
}

const char *const *schema_list_keys(const struct schema_type *t)
{
	return t->form == SCHEMA_LIST ? t->keys : NULL;
}

bool schema_list_is_set(const struct schema_type *t)
{
	return t->form == SCHEMA_LIST && t->is_set;
}

bool schema_retains_keys(const struct schema_type *t)
{
	return t->retains_keys;
}

static bool has_flag(const struct schema_type *t, const char *key, unsigned flag)
{
	const struct schema_field *f = t->form == SCHEMA_STRUCT ? schema_field_find(t, key) : NULL;

	return f && f->flags & flag;
}

bool schema_field_writable(const struct schema_type *t, const char *key)
{
	return !has_flag(t, key, SYSTEM);
}

bool schema_field_immutable(const struct schema_type *t, const char *key)
{
	return has_flag(t, key, IMMUTABLE);
}

bool schema_field_acted_on(const struct schema_type *t, const char *key)
{
	return !has_flag(t, key, NOT_ACTED);
}

bool schema_is_free_text(const struct schema_type *t)
{
	return t->form == SCHEMA_STRING && !t->values && !t->format && !t->check;
}
