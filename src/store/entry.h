/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries: one key with its value in one allocation, counted. Whoever makes one may still set its revisions; from
 * the moment it is published (the table, a watch) it never changes.
 */
#ifndef PODFS_STORE_ENTRY_H
#define PODFS_STORE_ENTRY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

struct store_entry {
	_Atomic uint32_t refs;
	uint32_t len; /* of the value */
	uint64_t create_rev, mod_rev;
	char data[]; /* the value, then the key and its NUL */
};

/* A new entry with one reference and room for the value, which the caller fills through store_entry_data(). NULL
 * when memory is out. */
struct store_entry *store_entry_new(const char *key, size_t key_len, size_t len);

static inline void *store_entry_data(struct store_entry *e)
{
	return e->data;
}

#endif
