/* SPDX-License-Identifier: Apache-2.0 */
#include "store/txn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/entry.h"

static int op_cmp(const struct op *a, const struct op *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(overlay, op, link, op_cmp, static __attribute__((unused)))

struct op *overlay_find(const struct overlay *v, const char *key)
{
	struct op *o = RB_ROOT(v);

	while (o) {
		int c = strcmp(key, o->key);

		if (c == 0)
			return o;
		o = c < 0 ? RB_LEFT(o, link) : RB_RIGHT(o, link);
	}
	return NULL;
}

struct op *overlay_set(struct overlay *v, struct op *o)
{
	struct op *old = RB_INSERT(overlay, v, o);

	if (old) {
		RB_REMOVE(overlay, v, old);
		(void)RB_INSERT(overlay, v, o); /* ignoring: the key is free now */
	}
	return old;
}

struct op *overlay_first(const struct overlay *v)
{
	return RB_MIN(overlay, (struct overlay *)v);
}

struct op *overlay_next(struct op *o)
{
	return RB_NEXT(overlay, NULL, o);
}

void overlay_remove(struct overlay *v, struct op *o)
{
	RB_REMOVE(overlay, v, o);
}

void op_free(struct op *o)
{
	if (!o)
		return;
	store_entry_unref(o->now);
	free(o->spare);
	free(o);
}
DEFINE_CLEANUP(struct op *, op_free);

static int op_new(const struct store_op *from, size_t key_len, struct op **ret)
{
	_cleanup_(op_freep) struct op *o = NULL;
	bool put = from->type == STORE_PUT;

	o = calloc(1, sizeof(*o) + (put ? 0 : key_len + 1));
	if (!o)
		return -ENOMEM;
	o->type = from->type;
	o->expect = from->expect;
	if (put) {
		o->spare = malloc(sizeof(*o->spare));
		o->now = store_entry_new(from->key, key_len, from->len);
		if (!o->spare || !o->now)
			return -ENOMEM;
		if (from->len)
			memcpy(store_entry_data(o->now), from->value, from->len);
		o->key = store_entry_key(o->now);
	} else {
		memcpy(o->keybuf, from->key, key_len);
		o->key = o->keybuf;
	}
	*ret = steal_ptr(o);
	return 0;
}

static int check_op(const struct store_op *o, size_t *ret_key_len)
{
	size_t len = strnlen(o->key, STORE_KEY_MAX + 1);

	if (len == 0 || o->type > STORE_CHECK)
		return -EINVAL;
	if (len > STORE_KEY_MAX || (o->type == STORE_PUT && o->len > STORE_VALUE_MAX))
		return -E2BIG;
	*ret_key_len = len;
	return 0;
}

/* -EINVAL when two operations change the same key: their order would be a matter of taste. */
static int check_twice(struct txn *t)
{
	struct overlay seen = RB_INITIALIZER(&seen);

	if (t->n < 2)
		return 0;
	for (size_t i = 0; i < t->n; i++)
		if (t->ops[i]->type != STORE_CHECK && RB_INSERT(overlay, &seen, t->ops[i]))
			return -EINVAL;
	return 0;
}

int transaction_new(const struct store_op *ops, size_t n, unsigned flags, store_done_fn done, void *arg, struct txn **ret)
{
	_cleanup_txn_ struct txn *t = NULL;

	if (n > (SIZE_MAX - sizeof(*t)) / sizeof(struct op *))
		return -ENOMEM;
	t = calloc(1, sizeof(*t) + n * sizeof(struct op *));
	if (!t)
		return -ENOMEM;
	t->flags = flags;
	t->done = done;
	t->arg = arg;
	for (size_t i = 0; i < n; i++) {
		size_t key_len = 0;
		int r = check_op(&ops[i], &key_len);

		if (r >= 0)
			r = op_new(&ops[i], key_len, &t->ops[i]);
		if (r < 0)
			return r;
		t->n++;
		t->bytes += key_len + (ops[i].type == STORE_PUT ? ops[i].len : 0);
	}
	if (check_twice(t) < 0)
		return -EINVAL;
	*ret = steal_ptr(t);
	return 0;
}

void transaction_free(struct txn *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		op_free(t->ops[i]);
	free(t);
}
