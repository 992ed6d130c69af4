/* SPDX-License-Identifier: Apache-2.0 */
#include "value/merge.h"

#include <errno.h>
#include <string.h>

#include "value/path.h"

enum { MOST_KEYED = 4096 }; /* items; longer lists are atomic, since finding items by their keys is linear */

struct merge {
	struct arena *a;
	const struct merge_types *ops;
};

static const void *member_type(const struct merge_types *ops, const void *type, const char *key)
{
	return ops && type ? ops->member(type, key) : NULL;
}

static const void *item_type(const struct merge_types *ops, const void *type)
{
	return ops && type ? ops->item(type) : NULL;
}

static const char *const *list_keys(const struct merge_types *ops, const void *type)
{
	return ops && type ? ops->list_keys(type) : NULL;
}

static bool is_set(const struct merge_types *ops, const void *type)
{
	return ops && type && ops->is_set && ops->is_set(type);
}

static bool is_struct(const struct merge_types *ops, const void *type)
{
	return ops && type && ops->is_struct && ops->is_struct(type);
}

static bool retains_keys(const struct merge_types *ops, const void *type)
{
	return ops && type && ops->retains_keys && ops->retains_keys(type);
}

/* Whether two items are the same by their keys; with `loose`, a key that one of them lacks does not count. */
static bool same_item(const char *const *keys, const struct value *x, const struct value *y, bool loose)
{
	bool any = false;

	for (size_t i = 0; keys[i]; i++) {
		const struct value *vx = value_get(x, keys[i]), *vy = value_get(y, keys[i]);

		if (value_is_null(vx) || value_is_null(vy)) {
			if (!loose && value_is_null(vx) != value_is_null(vy))
				return false;
			continue;
		}
		if (!value_equal(vx, vy))
			return false;
		any = true;
	}
	return any;
}

/* The item of `list` that is the same as `item`; an exact match wins. */
static struct value *find_item(const struct value *list, const char *const *keys, const struct value *item)
{
	for (int loose = 0; loose < 2; loose++)
		for (size_t i = 0; value_type(list) == VALUE_LIST && i < value_len(list); i++)
			if (same_item(keys, value_at(list, i), item, loose))
				return value_at(list, i);
	return NULL;
}

static bool holds(const struct value *list, const struct value *item)
{
	for (size_t i = 0; value_type(list) == VALUE_LIST && i < value_len(list); i++)
		if (value_equal(value_at(list, i), item))
			return true;
	return false;
}

/* Whether the list is not too long and every item has the first key, without which it cannot be told apart. */
static bool has_keys(const struct value *list, const char *const *keys)
{
	if (value_len(list) > MOST_KEYED)
		return false;
	for (size_t i = 0; i < value_len(list); i++)
		if (value_is_null(value_get(value_at(list, i), keys[0])))
			return false;
	return true;
}

/* What stays of `live` when what `previous` stated of it is stated no more; NULL: nothing. */
static struct value *unset(const struct merge *m, const void *type, const struct value *previous,
			   const struct value *live)
{
	enum value_type t = value_type(live);
	const char *const *keys = t == VALUE_LIST ? list_keys(m->ops, type) : NULL;
	struct value *kept;

	if (value_is_null(previous))
		return value_copy(m->a, live);
	if (t != value_type(previous) || t < VALUE_LIST || (t == VALUE_MAP && is_struct(m->ops, type)) ||
	    (t == VALUE_LIST && !keys && !is_set(m->ops, type)) ||
	    (t == VALUE_LIST && value_len(live) > MOST_KEYED))
		return NULL;
	kept = t == VALUE_MAP ? value_new_map(m->a) : value_new_list(m->a);
	for (size_t i = 0; i < value_len(live); i++) {
		const struct value *item = value_at(live, i);
		const char *key = value_key_at(live, i);

		if (key) {
			struct value *v = unset(m, member_type(m->ops, type, key), value_get(previous, key), item);

			if (v)
				(void)value_set(m->a, kept, key, v);
		} else if (keys ? !find_item(previous, keys, item) : !holds(previous, item)) {
			(void)value_append(m->a, kept, value_copy(m->a, item));
		}
	}
	return value_len(kept) ? kept : NULL;
}

static struct value *merge(const struct merge *m, const void *type, const struct value *previous,
			   const struct value *want, const struct value *live);

/* Adds a member, with the mark that its key has in the manifest. */
static void push(const struct merge *m, struct value *out, const char *key, struct value *v, const struct value *want)
{
	(void)value_push_member(m->a, out, key, strlen(key), v);
	value_set_key_mark(out, value_key_mark(want, key));
}

static struct value *merge_maps(const struct merge *m, const void *type, const struct value *previous,
				const struct value *want, const struct value *live)
{
	struct value *out = value_new_map(m->a);

	for (size_t i = 0; value_type(live) == VALUE_MAP && i < value_len(live); i++) {
		const char *key = value_key_at(live, i);
		struct value *v = merge(m, member_type(m->ops, type, key), value_get(previous, key),
					value_get(want, key), value_at(live, i));

		if (v)
			push(m, out, key, v, want);
	}
	for (size_t i = 0; i < value_len(want); i++) {
		const char *key = value_key_at(want, i);
		struct value *v;

		if (value_is_null(value_at(want, i)) || value_get(out, key))
			continue;
		v = merge(m, member_type(m->ops, type, key), NULL, value_at(want, i), NULL);
		if (v)
			push(m, out, key, v, want);
	}
	if (value_type(live) == VALUE_MAP && retains_keys(m->ops, type) && !value_equal(out, live))
		for (size_t i = value_len(out); i-- > 0;)
			if (value_is_null(value_get(want, value_key_at(out, i))))
				(void)value_remove(out, value_key_at(out, i));
	return out;
}

static struct value *merge_sets(const struct merge *m, const struct value *previous, const struct value *want,
				const struct value *live)
{
	struct value *out = value_new_list(m->a);

	for (size_t i = 0; value_type(live) == VALUE_LIST && i < value_len(live); i++)
		if (holds(want, value_at(live, i)) || !holds(previous, value_at(live, i)))
			(void)value_append(m->a, out, value_copy(m->a, value_at(live, i)));
	for (size_t i = 0; i < value_len(want); i++)
		if (!holds(out, value_at(want, i)))
			(void)value_append(m->a, out, value_copy(m->a, value_at(want, i)));
	return out;
}

/* Adds the items that only the live list has and that stand right behind its item `after` (-1: at the front). */
static void follow(const struct merge *m, struct value *out, const char *const *keys, const struct value *previous,
		   const struct value *want, const struct value *live, ssize_t after)
{
	for (size_t i = (size_t)(after + 1); value_type(live) == VALUE_LIST && i < value_len(live); i++) {
		const struct value *item = value_at(live, i);

		if (find_item(want, keys, item))
			return;
		if (!find_item(previous, keys, item))
			(void)value_append(m->a, out, value_copy(m->a, item));
	}
}

static struct value *merge_lists(const struct merge *m, const void *type, const char *const *keys,
				 const struct value *previous, const struct value *want, const struct value *live)
{
	struct value *out = value_new_list(m->a);

	follow(m, out, keys, previous, want, live, -1);
	for (size_t i = 0; i < value_len(want); i++) {
		const struct value *item = value_at(want, i), *there = find_item(live, keys, item);

		(void)value_append(m->a, out,
				   merge(m, item_type(m->ops, type), find_item(previous, keys, item), item, there));
		for (size_t at = 0; there && at < value_len(live); at++)
			if (value_at(live, at) == there)
				follow(m, out, keys, previous, want, live, (ssize_t)at);
	}
	return out;
}

/* NULL: the value is to be absent. */
static struct value *merge(const struct merge *m, const void *type, const struct value *previous,
			   const struct value *want, const struct value *live)
{
	const char *const *keys = NULL;
	struct value *v;

	if (value_is_null(want))
		return unset(m, type, previous, live);
	if (value_type(want) == VALUE_LIST)
		keys = list_keys(m->ops, type);
	if (value_type(want) == VALUE_MAP)
		v = merge_maps(m, type, previous, want, live);
	else if (keys && has_keys(want, keys) && value_len(live) <= MOST_KEYED && value_len(previous) <= MOST_KEYED)
		v = merge_lists(m, type, keys, previous, want, live);
	else if (value_type(want) == VALUE_LIST && is_set(m->ops, type))
		v = merge_sets(m, previous, want, live);
	else
		return value_copy(m->a, want);
	value_set_mark(v, value_mark(want));
	return v;
}

struct value *value_merge(struct arena *a, const struct merge_types *ops, const void *type,
			  const struct value *previous, const struct value *manifest, const struct value *live)
{
	struct merge m = { .a = a, .ops = ops };
	struct value *v = merge(&m, type, previous, manifest, live);

	if (arena_failed(a))
		return NULL;
	return v ? v : value_new_null(a);
}

/* --- differences --- */

struct diff {
	struct arena *a;
	const struct merge_types *ops;
	unsigned flags;
	struct buf path;
	struct value_change *items; /* in the arena */
	size_t n, cap;
};

static void change(struct diff *d, const struct value *from, const struct value *to)
{
	if (d->n == d->cap) {
		size_t cap = d->cap ? d->cap * 2 : 8;
		struct value_change *items = arena_alloc(d->a, cap * sizeof(*items));

		if (!items)
			return; /* sticky in the arena */
		if (d->n)
			memcpy(items, d->items, d->n * sizeof(*items));
		d->items = items;
		d->cap = cap;
	}
	d->items[d->n++] = (struct value_change){ arena_strdup(d->a, buf_str(&d->path)), from, to };
}

static void diff(struct diff *d, const void *type, const struct value *from, const struct value *to);

static void diff_maps(struct diff *d, const void *type, const struct value *from, const struct value *to)
{
	size_t len = d->path.len;

	for (int second = 0; second < (d->flags & DIFF_STATED ? 1 : 2); second++) {
		const struct value *map = second ? to : from;

		for (size_t i = 0; i < value_len(map); i++) {
			const char *key = value_key_at(map, i);

			if (second && value_get(from, key))
				continue;
			path_push_field(&d->path, key);
			diff(d, member_type(d->ops, type, key), value_get(from, key), value_get(to, key));
			path_cut(&d->path, len);
		}
	}
}

static void diff_keyed(struct diff *d, const void *type, const char *const *keys, const struct value *from,
		       const struct value *to)
{
	size_t len = d->path.len;

	for (size_t i = 0; i < value_len(from); i++) {
		path_push_item(&d->path, keys, value_at(from, i));
		diff(d, item_type(d->ops, type), value_at(from, i), find_item(to, keys, value_at(from, i)));
		path_cut(&d->path, len);
	}
	for (size_t i = 0; !(d->flags & DIFF_STATED) && i < value_len(to); i++) {
		if (find_item(from, keys, value_at(to, i)))
			continue;
		path_push_item(&d->path, keys, value_at(to, i));
		change(d, NULL, value_at(to, i));
		path_cut(&d->path, len);
	}
}

static void diff_lists(struct diff *d, const void *type, const struct value *from, const struct value *to)
{
	const char *const *keys = list_keys(d->ops, type);
	size_t len = d->path.len;

	if (keys && has_keys(from, keys) && has_keys(to, keys)) {
		diff_keyed(d, type, keys, from, to);
		return;
	}
	if (value_len(from) != value_len(to)) {
		change(d, from, to);
		return;
	}
	for (size_t i = 0; i < value_len(from); i++) {
		path_push_index(&d->path, i);
		diff(d, item_type(d->ops, type), value_at(from, i), value_at(to, i));
		path_cut(&d->path, len);
	}
}

static void diff(struct diff *d, const void *type, const struct value *from, const struct value *to)
{
	if ((value_is_null(from) && value_is_null(to)) || (value_is_null(from) && d->flags & DIFF_STATED))
		return;
	if (value_type(from) == VALUE_MAP && value_type(to) == VALUE_MAP)
		diff_maps(d, type, from, to);
	else if (value_type(from) == VALUE_LIST && value_type(to) == VALUE_LIST)
		diff_lists(d, type, from, to);
	else if (!value_equal(from, to))
		change(d, from, to);
}

int value_diff(struct arena *a, const struct merge_types *ops, const void *type, const struct value *from,
	       const struct value *to, unsigned flags, struct value_change **ret, size_t *ret_n)
{
	struct diff d = { .a = a, .ops = ops, .flags = flags };
	bool failed;

	diff(&d, type, from, to);
	failed = buf_failed(&d.path);
	buf_clear(&d.path);
	if (failed || arena_failed(a))
		return -ENOMEM;
	*ret = d.items;
	*ret_n = d.n;
	return 0;
}
