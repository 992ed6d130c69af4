/* SPDX-License-Identifier: Apache-2.0 */
/* The ordered table of all entries in memory. Not thread-safe: the core's lock protects it. */
#ifndef PODFS_STORE_TABLE_H
#define PODFS_STORE_TABLE_H

#include <bsd/sys/tree.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

struct table_node {
	RB_ENTRY(table_node) link;
	struct store_entry *e; /* owned, never NULL in the tree */
};

RB_HEAD(table_tree, table_node);

struct table {
	struct table_tree tree;
	uint64_t keys, bytes; /* bytes of keys and values */
};

void table_init(struct table *t);
void table_clear(struct table *t);

/* The entry, borrowed, or NULL. */
struct store_entry *table_find(const struct table *t, const char *key);

/*
 * Puts e (takes the reference) and returns the entry it replaces, whose reference the caller now owns, or NULL. A new
 * key consumes *spare, a node from malloc().
 */
struct store_entry *table_put(struct table *t, struct store_entry *e, struct table_node **spare);

/* Takes the key out and returns its entry, owned by the caller, or NULL. */
struct store_entry *table_remove(struct table *t, const char *key);

/* Appends a reference to each entry whose key starts with prefix and comes after `after`, `max` at most. -ENOMEM; then ret
 * holds some, to be cleared. */
int table_list(const struct table *t, const char *prefix, const char *after, size_t max, struct store_list *ret);

#endif
