/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/entry.h"

static const char *node_key(const struct table_node *n)
{
	return store_entry_key(n->e);
}

static int node_cmp(const struct table_node *a, const struct table_node *b)
{
	return strcmp(node_key(a), node_key(b));
}

RB_GENERATE_INTERNAL(table_tree, table_node, link, node_cmp, static __attribute__((unused)))

void table_init(struct table *t)
{
	RB_INIT(&t->tree);
	t->keys = 0;
	t->bytes = 0;
}

void table_clear(struct table *t)
{
	struct table_node *n, *next;

	RB_FOREACH_SAFE(n, table_tree, &t->tree, next) {
		RB_REMOVE(table_tree, &t->tree, n);
		store_entry_unref(n->e);
		free(n);
	}
	table_init(t);
}

static struct table_node *find_node(const struct table *t, const char *key)
{
	struct table_node *n = RB_ROOT(&t->tree);

	while (n) {
		int c = strcmp(key, node_key(n));

		if (c == 0)
			return n;
		n = c < 0 ? RB_LEFT(n, link) : RB_RIGHT(n, link);
	}
	return NULL;
}

/* The first node whose key is not below `key`. */
static struct table_node *lower_bound(const struct table *t, const char *key)
{
	struct table_node *n = RB_ROOT(&t->tree), *best = NULL;

	while (n) {
		if (strcmp(key, node_key(n)) <= 0) {
			best = n;
			n = RB_LEFT(n, link);
		} else {
			n = RB_RIGHT(n, link);
		}
	}
	return best;
}

struct store_entry *table_find(const struct table *t, const char *key)
{
	struct table_node *n = find_node(t, key);

	return n ? n->e : NULL;
}

static uint64_t weight(const struct store_entry *e)
{
	return strlen(store_entry_key(e)) + e->len;
}

struct store_entry *table_put(struct table *t, struct store_entry *e, struct table_node **spare)
{
	struct table_node *n = find_node(t, store_entry_key(e));
	struct store_entry *old = NULL;

	t->bytes += weight(e);
	if (n) {
		old = n->e;
		n->e = e;
		t->bytes -= weight(old);
		return old;
	}
	n = steal_ptr(*spare);
	n->e = e;
	RB_INSERT(table_tree, &t->tree, n);
	t->keys++;
	return NULL;
}

struct store_entry *table_remove(struct table *t, const char *key)
{
	struct table_node *n = find_node(t, key);
	struct store_entry *old = NULL;

	if (!n)
		return NULL;
	old = n->e;
	RB_REMOVE(table_tree, &t->tree, n);
	free(n);
	t->keys--;
	t->bytes -= weight(old);
	return old;
}

int table_list(const struct table *t, const char *prefix, const char *after, size_t max, struct store_list *ret)
{
	struct table_node *n = lower_bound(t, strcmp(after, prefix) > 0 ? after : prefix);
	size_t len = strlen(prefix), cap = ret->n;

	if (n && strcmp(node_key(n), after) == 0)
		n = RB_NEXT(table_tree, &t->tree, n);
	for (; n && ret->n < max; n = RB_NEXT(table_tree, &t->tree, n)) {
		if (strncmp(node_key(n), prefix, len) != 0)
			break;
		if (ret->n == cap) {
			struct store_entry **p = NULL;

			cap = cap ? 2 * cap : 16;
			p = reallocarray(ret->items, cap, sizeof(struct store_entry *));
			if (!p)
				return -ENOMEM;
			ret->items = p;
		}
		ret->items[ret->n++] = store_entry_ref(n->e);
	}
	return 0;
}
