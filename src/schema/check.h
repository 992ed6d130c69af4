/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules of kinds are made of: small checks of one member each, in Kubernetes' words. Private to this floor.
 */
#ifndef PODFS_SCHEMA_CHECK_H
#define PODFS_SCHEMA_CHECK_H

#include "schema/format.h"
#include "schema/report.h"

/* The string member of that name; "" when there is none. */
const char *text_of(const struct value *v, const char *key);
/* Whether that member is that string. */
bool text_is(const struct value *v, const char *key, const char *s);
/* Whether two values are equal; absent ones are. */
bool same_value(const struct value *a, const struct value *b);
/* Whether a list of strings has that one. */
bool list_has(const struct value *list, const char *s);

/* "Required value[: text]" when the member is absent or empty. True when it is there. */
bool check_required(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		    const char *text);
/* "Invalid value" when a string that is not empty has not that format. True when it has. */
bool check_text(struct admit *ad, const struct value *v, const struct schema_path *at, schema_format_fn format);
/* The same of a member. */
bool check_member(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		  schema_format_fn format);
/* check_required() with no more words, then check_member(). */
bool check_name_of(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		   schema_format_fn format);
/* "Unsupported value" when the member is there and none of the list. */
bool check_one_of(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key,
		  const char *const *supported);
/* "must be between min and max, inclusive". */
void check_between(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key, int64_t min,
		   int64_t max);
/* "Too many" when a list or map has more members. True when it has not. */
bool check_at_most(struct admit *ad, const struct value *list, const struct schema_path *at, size_t max);
/*
 * A network in a field that older servers read loosely: bits beyond the prefix are warned of. True when it is none of
 * the errors.
 */
bool check_network(struct admit *ad, const struct value *v, const struct schema_path *at);
/* Repeated strings of a list, at their items. */
void check_unique_items(struct admit *ad, const struct value *list, const struct schema_path *at);

/* --- updates: all answer EPERM --- */

/* "field is immutable" when the member differs in any way, absence too. */
void check_same(struct admit *ad, const struct value *old, const struct value *now, const struct schema_path *at,
		const char *key);
/* The same with other words. */
void check_same_or(struct admit *ad, const struct value *old, const struct value *now, const struct schema_path *at,
		   const char *key, const char *text);

#endif
