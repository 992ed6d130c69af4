/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of values: what a YAML or JSON document is, and the one in-memory form of every object.
 *
 * A tree lives in one arena (base/arena.h) and is freed with it; nodes are never freed one by one. While it is
 * built it belongs to one thread; once it is shared it is not changed any more and any thread may read it. To
 * change a shared tree, copy it into another arena (value_copy()).
 *
 * Reading functions take NULL and the wrong type and answer "nothing" (NULL, 0, false, the fallback), so that paths
 * can be walked without a check at each step. Building functions take NULL and then do nothing: allocation failure
 * is sticky in the arena and is checked once, with arena_failed().
 *
 * Integers are exact int64_t. Strings are UTF-8, NUL-terminated, with a length, since a string may hold NULs.
 * Maps keep the order in which keys were set; equality ignores it.
 */
#ifndef PODFS_VALUE_VALUE_H
#define PODFS_VALUE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum value_type {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INT,
	VALUE_FLOAT,
	VALUE_STRING,
	VALUE_LIST,
	VALUE_MAP,
};

struct value;

/* Where in its file a value or key stood: 1-based line, 1-based column in characters; 0 when unknown. */
struct value_mark {
	uint32_t line;
	uint32_t column;
};

/* --- reading --- */

/* VALUE_NULL for NULL. */
enum value_type value_type(const struct value *v);
/* With its article: "null", "a boolean", "an integer", "a number", "a string", "a list", "a map". */
const char *value_type_name(enum value_type t);

bool value_is_null(const struct value *v); /* NULL or VALUE_NULL */
bool value_bool(const struct value *v, bool fallback);
int64_t value_int(const struct value *v, int64_t fallback); /* VALUE_INT only */
double value_float(const struct value *v, double fallback); /* VALUE_INT too */
/* The string's bytes, or NULL when v is no string. Lives as long as the arena. */
const char *value_str(const struct value *v);
/* As above with a fallback in place of NULL. */
const char *value_str_or(const struct value *v, const char *fallback);
/* Bytes of a string, items of a list, members of a map; else 0. */
size_t value_len(const struct value *v);

/* The i-th item of a list or the value of the i-th member of a map; NULL out of range. */
struct value *value_at(const struct value *v, size_t i);
/* The key of the i-th member of a map; NULL out of range. */
const char *value_key_at(const struct value *v, size_t i);
/* The member of that key; NULL if absent. Linear for small maps, indexed for large ones. */
struct value *value_get(const struct value *v, const char *key);
/* Walks keys: value_path(v, "spec", "template", "spec"). NULL if any is absent. */
#define value_path(v, ...) value_path_keys(v, (const char *const[]){ __VA_ARGS__, NULL })
struct value *value_path_keys(const struct value *v, const char *const *keys);
/* The item of a list of maps whose member `key` is the string `s`; NULL if none. */
struct value *value_find(const struct value *list, const char *key, const char *s);

struct value_mark value_mark(const struct value *v);
struct value_mark value_key_mark_at(const struct value *map, size_t i);
struct value_mark value_key_mark(const struct value *map, const char *key);

/* Deep equality; member order and marks do not count, 1 and 1.0 differ. */
bool value_equal(const struct value *a, const struct value *b);
/* A 64-bit hash that agrees with value_equal(); stable across machines and versions of podfs. */
uint64_t value_hash(const struct value *v);

/* --- building: each returns NULL once the arena has failed --- */

struct value *value_new_null(struct arena *a);
struct value *value_new_bool(struct arena *a, bool b);
struct value *value_new_int(struct arena *a, int64_t i);
struct value *value_new_float(struct arena *a, double d);
struct value *value_new_str(struct arena *a, const char *s);
struct value *value_new_strn(struct arena *a, const char *s, size_t len);
struct value *value_new_strf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct value *value_new_list(struct arena *a);
struct value *value_new_map(struct arena *a);

/* Sets a member: replaces its value in place if the key is there, else adds it at the end. The key is copied; the
 * value is not, and must live in the same arena (or one that lives longer). Returns v. */
struct value *value_set(struct arena *a, struct value *map, const char *key, struct value *v);
/* As value_set() for a string/int/bool made on the spot. */
struct value *value_set_str(struct arena *a, struct value *map, const char *key, const char *s);
struct value *value_set_int(struct arena *a, struct value *map, const char *key, int64_t i);
struct value *value_set_bool(struct arena *a, struct value *map, const char *key, bool b);
/* The map (list) at that key, made empty if absent or of another type. */
struct value *value_set_map(struct arena *a, struct value *map, const char *key);
struct value *value_set_list(struct arena *a, struct value *map, const char *key);
/* As value_path(), making the maps that are absent on the way; the last is a map too. */
#define value_make_path(a, v, ...) value_make_path_keys(a, v, (const char *const[]){ __VA_ARGS__, NULL })
struct value *value_make_path_keys(struct arena *a, struct value *v, const char *const *keys);
/* Adds an item at the end of a list. Returns v. */
struct value *value_append(struct arena *a, struct value *list, struct value *v);
/* Puts v in place of the i-th item or member value. */
void value_replace_at(struct value *v, size_t i, struct value *item);
/* Removes the i-th item or member, keeping the order of the rest; false out of range. */
bool value_remove_at(struct value *v, size_t i);
/* Removes a member; false if it was not there. */
bool value_remove(struct value *map, const char *key);
/* Turns *v into a copy of what src holds, one level deep (children are shared): for changes of type in place. */
void value_assign(struct value *v, const struct value *src);

/* A deep copy in another arena, marks included. NULL for NULL. */
struct value *value_copy(struct arena *a, const struct value *v);

/* For readers of text: the marks of a value, and of the key of the last member set in a map. */
void value_set_mark(struct value *v, struct value_mark mark);
void value_set_key_mark(struct value *map, struct value_mark mark);
/* Readers of text only: adds a member without looking for an equal key; the reader has checked that. */
struct value *value_push_member(struct arena *a, struct value *map, const char *key, size_t key_len, struct value *v);

/*
 * For the reader of the stored form: room for exactly n items or members in an empty list or map (-1 when memory is
 * out, which is sticky); a string, and a member, that keep the pointers they are given. Those must be NUL-terminated
 * and outlive the tree. The member's key must not be in the map yet.
 */
int value_reserve(struct arena *a, struct value *v, size_t n);
struct value *value_new_str_borrowed(struct arena *a, const char *s, size_t len);
struct value *value_push_member_borrowed(struct arena *a, struct value *map, const char *key, struct value *v);

#endif
