/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/merge_types.h"

#include "schema/schema.h"

static const void *type_member(const void *type, const char *key)
{
	return schema_member(type, key);
}

static const void *type_item(const void *type)
{
	return schema_item(type);
}

static const char *const *type_list_keys(const void *type)
{
	return schema_list_keys(type);
}

static bool type_is_set(const void *type)
{
	return schema_list_is_set(type);
}

static bool type_is_struct(const void *type)
{
	return schema_form(type) == SCHEMA_STRUCT;
}

static bool type_retains_keys(const void *type)
{
	return schema_retains_keys(type);
}

const struct merge_types schema_merge_types = {
	.member = type_member,
	.item = type_item,
	.list_keys = type_list_keys,
	.is_set = type_is_set,
	.is_struct = type_is_struct,
	.retains_keys = type_retains_keys,
};
