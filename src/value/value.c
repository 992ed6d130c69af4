/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node is 24 bytes; a list is an array of node pointers, a map an array of members. Arrays grow by doubling inside
 * the arena, which wastes at most as much as they hold. Maps of more than INDEX_FROM members get an open-addressing
 * index over their keys, built on the first look-up or insertion that needs it while the tree is being built, and
 * kept up to date; a finished map's index is never written to by readers.
 */
#include "value/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_ITEMS = 4, INDEX_FROM = 32 };

struct member {
	const char *key;
	struct value *value;
	struct value_mark mark; /* of the key */
};

/* Slots of a large map's index: member number + 1, 0 when empty. */
struct map_index {
	uint32_t mask;
	uint32_t slots[];
};

struct map_body {
	struct map_index *index; /* NULL for small maps */
	struct member members[];
};

struct value {
	uint8_t type;
	uint16_t column; /* saturates */
	uint32_t line;
	uint32_t len; /* bytes, items or members */
	uint32_t cap;
	union {
		bool b;
		int64_t i;
		double d;
		const char *s;
		struct value **items;
		struct map_body *map;
	};
};

enum value_type value_type(const struct value *v)
{
	return v ? (enum value_type)v->type : VALUE_NULL;
}

const char *value_type_name(enum value_type t)
{
	static const char *const names[] = {
		[VALUE_NULL] = "null",	     [VALUE_BOOL] = "a boolean", [VALUE_INT] = "an integer",
		[VALUE_FLOAT] = "a number",  [VALUE_STRING] = "a string", [VALUE_LIST] = "a list",
		[VALUE_MAP] = "a map",
	};

	return names[t];
}

bool value_is_null(const struct value *v)
{
	return value_type(v) == VALUE_NULL;
}

bool value_bool(const struct value *v, bool fallback)
{
	return value_type(v) == VALUE_BOOL ? v->b : fallback;
}

int64_t value_int(const struct value *v, int64_t fallback)
{
	return value_type(v) == VALUE_INT ? v->i : fallback;
}

double value_float(const struct value *v, double fallback)
{
	if (value_type(v) == VALUE_INT)
		return (double)v->i;
	return value_type(v) == VALUE_FLOAT ? v->d : fallback;
}

const char *value_str(const struct value *v)
{
	return value_type(v) == VALUE_STRING ? v->s : NULL;
}

const char *value_str_or(const struct value *v, const char *fallback)
{
	const char *s = value_str(v);

	return s ? s : fallback;
}

size_t value_len(const struct value *v)
{
	return value_type(v) >= VALUE_STRING ? v->len : 0;
}

struct value *value_at(const struct value *v, size_t i)
{
	enum value_type t = value_type(v);

	if ((t != VALUE_LIST && t != VALUE_MAP) || i >= v->len)
		return NULL;
	return t == VALUE_LIST ? v->items[i] : v->map->members[i].value;
}

const char *value_key_at(const struct value *v, size_t i)
{
	return value_type(v) == VALUE_MAP && i < v->len ? v->map->members[i].key : NULL;
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const unsigned char *p = data;

	/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
	while (len--)
		h = (h ^ *p++) * UINT64_C(1099511628211);
	return h;
}

static const uint64_t hash_seed = UINT64_C(14695981039346656037);

/*
 * The slot that holds `key`, or the empty one where it belongs. The hash begins with an address, which differs from
 * process to process, so that nobody can write a manifest whose keys all fall on one slot.
 */
static uint32_t *index_slot(const struct map_body *map, const char *key)
{
	struct map_index *x = map->index;
	uint64_t h = hash_bytes(hash_seed ^ (uintptr_t)&hash_seed >> 4, key, strlen(key));
	uint32_t at = (uint32_t)(h ^ h >> 32) & x->mask;

	while (x->slots[at] && strcmp(map->members[x->slots[at] - 1].key, key))
		at = (at + 1) & x->mask;
	return &x->slots[at];
}

/* The number of the member with that key, or -1. */
static ssize_t find_member(const struct value *v, const char *key)
{
	if (value_type(v) != VALUE_MAP || !v->len)
		return -1;
	if (v->map->index)
		return (ssize_t)*index_slot(v->map, key) - 1;
	for (uint32_t i = 0; i < v->len; i++)
		if (v->map->members[i].key[0] == key[0] && !strcmp(v->map->members[i].key, key))
			return i;
	return -1;
}

struct value *value_get(const struct value *v, const char *key)
{
	ssize_t i = find_member(v, key);

	return i < 0 ? NULL : v->map->members[i].value;
}

struct value *value_path_keys(const struct value *v, const char *const *keys)
{
	for (; *keys && v; keys++)
		v = value_get(v, *keys);
	return (struct value *)v;
}

struct value *value_find(const struct value *list, const char *key, const char *s)
{
	for (size_t i = 0; value_type(list) == VALUE_LIST && i < list->len; i++) {
		const char *have = value_str(value_get(list->items[i], key));

		if (have && !strcmp(have, s))
			return list->items[i];
	}
	return NULL;
}

struct value_mark value_mark(const struct value *v)
{
	return v ? (struct value_mark){ v->line, v->column } : (struct value_mark){ 0, 0 };
}

struct value_mark value_key_mark_at(const struct value *map, size_t i)
{
	if (value_type(map) != VALUE_MAP || i >= map->len)
		return (struct value_mark){ 0, 0 };
	return map->map->members[i].mark;
}

struct value_mark value_key_mark(const struct value *map, const char *key)
{
	ssize_t i = find_member(map, key);

	return i < 0 ? (struct value_mark){ 0, 0 } : value_key_mark_at(map, (size_t)i);
}

static bool equal_maps(const struct value *a, const struct value *b)
{
	for (uint32_t i = 0; i < a->len; i++) {
		const struct member *m = &a->map->members[i];
		ssize_t at = i < b->len && !strcmp(m->key, b->map->members[i].key) ? (ssize_t)i :
											 find_member(b, m->key);

		if (at < 0 || !value_equal(m->value, b->map->members[at].value))
			return false;
	}
	return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
	if (a == b)
		return true;
	if (value_type(a) != value_type(b) || value_len(a) != value_len(b))
		return false;
	switch (value_type(a)) {
	case VALUE_NULL:
		return true;
	case VALUE_BOOL:
		return a->b == b->b;
	case VALUE_INT:
		return a->i == b->i;
	case VALUE_FLOAT:
		return a->d == b->d;
	case VALUE_STRING:
		return !memcmp(a->s, b->s, a->len);
	case VALUE_LIST:
		for (uint32_t i = 0; i < a->len; i++)
			if (!value_equal(a->items[i], b->items[i]))
				return false;
		return true;
	case VALUE_MAP:
		return equal_maps(a, b);
	}
	return false;
}

uint64_t value_hash(const struct value *v)
{
	uint8_t t = (uint8_t)value_type(v);
	uint64_t h = hash_bytes(hash_seed, &t, 1), sum = 0;
	uint8_t le[8];

	switch (value_type(v)) {
	case VALUE_NULL:
		return h;
	case VALUE_BOOL:
		return hash_bytes(h, v->b ? "1" : "0", 1);
	case VALUE_INT:
	case VALUE_FLOAT:
		for (int i = 0; i < 8; i++)
			le[i] = (uint8_t)((uint64_t)v->i >> (8 * i)); /* the bits of d share the union with i */
		return hash_bytes(h, le, 8);
	case VALUE_STRING:
		return hash_bytes(h, v->s, v->len);
	case VALUE_LIST:
		for (uint32_t i = 0; i < v->len; i++)
			h = (h ^ value_hash(v->items[i])) * UINT64_C(1099511628211);
		return h;
	case VALUE_MAP:
		for (uint32_t i = 0; i < v->len; i++) {
			const struct member *m = &v->map->members[i];
			uint64_t k = hash_bytes(hash_seed, m->key, strlen(m->key) + 1);

			sum += (k ^ value_hash(m->value)) * UINT64_C(1099511628211); /* + : order must not count */
		}
		return h ^ sum;
	}
	return h;
}

static struct value *new_value(struct arena *a, enum value_type t)
{
	struct value *v = arena_alloc(a, sizeof(*v));

	if (v)
		v->type = t;
	return v;
}

struct value *value_new_null(struct arena *a)
{
	return new_value(a, VALUE_NULL);
}

struct value *value_new_bool(struct arena *a, bool b)
{
	struct value *v = new_value(a, VALUE_BOOL);

	if (v)
		v->b = b;
	return v;
}

struct value *value_new_int(struct arena *a, int64_t i)
{
	struct value *v = new_value(a, VALUE_INT);

	if (v)
		v->i = i;
	return v;
}

struct value *value_new_float(struct arena *a, double d)
{
	struct value *v = new_value(a, VALUE_FLOAT);

	if (v)
		v->d = d;
	return v;
}

struct value *value_new_str(struct arena *a, const char *s)
{
	return s ? value_new_strn(a, s, strlen(s)) : NULL;
}

struct value *value_new_strn(struct arena *a, const char *s, size_t len)
{
	struct value *v = new_value(a, VALUE_STRING);

	if (v) {
		v->s = arena_memdup(a, s, len);
		v->len = (uint32_t)len;
	}
	return v && v->s ? v : NULL;
}

struct value *value_new_str_borrowed(struct arena *a, const char *s, size_t len)
{
	struct value *v = new_value(a, VALUE_STRING);

	if (v) {
		v->s = s;
		v->len = (uint32_t)len;
	}
	return v;
}

struct value *value_new_strf(struct arena *a, const char *fmt, ...)
{
	struct value *v;
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		(void)arena_alloc(a, SIZE_MAX / 2 + 1); /* makes the failure sticky */
		return NULL;
	}
	v = value_new_strn(a, s, (size_t)n);
	free(s);
	return v;
}

struct value *value_new_list(struct arena *a)
{
	return new_value(a, VALUE_LIST);
}

struct value *value_new_map(struct arena *a)
{
	return new_value(a, VALUE_MAP);
}

/* Gives a list or map room for `cap` items or members; false when memory is out. */
static bool set_cap(struct arena *a, struct value *v, uint32_t cap)
{
	if (v->type == VALUE_LIST) {
		struct value **items = arena_alloc(a, cap * sizeof(*items));

		if (!items)
			return false;
		if (v->len)
			memcpy(items, v->items, v->len * sizeof(*items));
		v->items = items;
	} else {
		struct map_body *map = arena_alloc(a, sizeof(*map) + cap * sizeof(map->members[0]));

		if (!map)
			return false;
		if (v->len) {
			map->index = v->map->index;
			memcpy(map->members, v->map->members, v->len * sizeof(map->members[0]));
		}
		v->map = map;
	}
	v->cap = cap;
	return true;
}

/* Makes room for one more item or member; false when memory is out. */
static bool grow(struct arena *a, struct value *v)
{
	return v->len < v->cap || set_cap(a, v, v->cap ? v->cap * 2 : FIRST_ITEMS);
}

int value_reserve(struct arena *a, struct value *v, size_t n)
{
	if (value_type(v) < VALUE_LIST || v->cap || n > UINT32_MAX / 2)
		return -1;
	return !n || set_cap(a, v, (uint32_t)n) ? 0 : -1;
}

/* Makes the index of a map that has outgrown linear search, or none if memory is out (slower, still right). */
static void rebuild_index(struct arena *a, struct value *map)
{
	uint32_t slots = 64;
	struct map_index *x;

	while (slots < map->cap * 2)
		slots *= 2;
	x = arena_alloc(a, sizeof(*x) + slots * sizeof(x->slots[0]));
	map->map->index = x;
	if (!x)
		return;
	x->mask = slots - 1;
	for (uint32_t i = 0; i < map->len; i++)
		*index_slot(map->map, map->map->members[i].key) = i + 1;
}

struct value *value_push_member_borrowed(struct arena *a, struct value *map, const char *key, struct value *v)
{
	if (value_type(map) != VALUE_MAP || !v || !key || !grow(a, map))
		return NULL;
	map->map->members[map->len++] = (struct member){ .key = key, .value = v };
	if (map->len < INDEX_FROM)
		return v;
	if (!map->map->index || map->map->index->mask < map->len * 2)
		rebuild_index(a, map);
	else
		*index_slot(map->map, key) = map->len;
	return v;
}

struct value *value_push_member(struct arena *a, struct value *map, const char *key, size_t key_len, struct value *v)
{
	return value_push_member_borrowed(a, map, arena_memdup(a, key, key_len), v);
}

struct value *value_set(struct arena *a, struct value *map, const char *key, struct value *v)
{
	ssize_t i = find_member(map, key);

	if (i < 0)
		return value_push_member(a, map, key, strlen(key), v);
	if (v)
		map->map->members[i].value = v;
	return v;
}

struct value *value_set_str(struct arena *a, struct value *map, const char *key, const char *s)
{
	return value_set(a, map, key, value_new_str(a, s));
}

struct value *value_set_int(struct arena *a, struct value *map, const char *key, int64_t i)
{
	return value_set(a, map, key, value_new_int(a, i));
}

struct value *value_set_bool(struct arena *a, struct value *map, const char *key, bool b)
{
	return value_set(a, map, key, value_new_bool(a, b));
}

static struct value *set_container(struct arena *a, struct value *map, const char *key, enum value_type t)
{
	struct value *v = value_get(map, key);

	return v && v->type == t ? v : value_set(a, map, key, new_value(a, t));
}

struct value *value_set_map(struct arena *a, struct value *map, const char *key)
{
	return set_container(a, map, key, VALUE_MAP);
}

struct value *value_set_list(struct arena *a, struct value *map, const char *key)
{
	return set_container(a, map, key, VALUE_LIST);
}

struct value *value_make_path_keys(struct arena *a, struct value *v, const char *const *keys)
{
	for (; *keys && v; keys++)
		v = value_set_map(a, v, *keys);
	return v;
}

struct value *value_append(struct arena *a, struct value *list, struct value *v)
{
	if (value_type(list) != VALUE_LIST || !v || !grow(a, list))
		return NULL;
	list->items[list->len++] = v;
	return v;
}

void value_replace_at(struct value *v, size_t i, struct value *item)
{
	if (!item || !value_at(v, i))
		return;
	if (v->type == VALUE_LIST)
		v->items[i] = item;
	else
		v->map->members[i].value = item;
}

bool value_remove_at(struct value *v, size_t i)
{
	if (!value_at(v, i))
		return false;
	v->len--;
	if (v->type == VALUE_LIST) {
		memmove(&v->items[i], &v->items[i + 1], (v->len - i) * sizeof(v->items[0]));
		return true;
	}
	memmove(&v->map->members[i], &v->map->members[i + 1], (v->len - i) * sizeof(v->map->members[0]));
	if (v->map->index) { /* member numbers have moved: fill the same slots anew */
		struct map_index *x = v->map->index;

		memset(x->slots, 0, (x->mask + (size_t)1) * sizeof(x->slots[0]));
		for (uint32_t k = 0; k < v->len; k++)
			*index_slot(v->map, v->map->members[k].key) = k + 1;
	}
	return true;
}

bool value_remove(struct value *map, const char *key)
{
	ssize_t i = find_member(map, key);

	return i >= 0 && value_remove_at(map, (size_t)i);
}

void value_assign(struct value *v, const struct value *src)
{
	struct value_mark mark = value_mark(v);

	if (!v || !src)
		return;
	*v = *src;
	if (mark.line)
		value_set_mark(v, mark);
}

struct value *value_copy(struct arena *a, const struct value *v)
{
	struct value *c;

	if (!v)
		return NULL;
	c = new_value(a, (enum value_type)v->type);
	if (!c)
		return NULL;
	c->line = v->line;
	c->column = v->column;
	switch ((enum value_type)v->type) {
	case VALUE_STRING:
		c->len = v->len;
		c->s = arena_memdup(a, v->s, v->len);
		break;
	case VALUE_LIST:
		for (uint32_t i = 0; i < v->len; i++)
			(void)value_append(a, c, value_copy(a, v->items[i])); /* failure is sticky in the arena */
		break;
	case VALUE_MAP:
		for (uint32_t i = 0; i < v->len; i++) {
			const struct member *m = &v->map->members[i];

			(void)value_push_member(a, c, m->key, strlen(m->key), value_copy(a, m->value));
			value_set_key_mark(c, m->mark);
		}
		break;
	default:
		c->i = v->i;
	}
	return arena_failed(a) ? NULL : c;
}

void value_set_mark(struct value *v, struct value_mark mark)
{
	if (!v)
		return;
	v->line = mark.line;
	v->column = mark.column > UINT16_MAX ? UINT16_MAX : (uint16_t)mark.column;
}

void value_set_key_mark(struct value *map, struct value_mark mark)
{
	if (value_type(map) == VALUE_MAP && map->len)
		map->map->members[map->len - 1].mark = mark;
}
