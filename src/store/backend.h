/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a back end does for the core, which keeps all entries in memory: give them once at the start, and write
 * batches durably. One thread at a time calls it, not always the same.
 */
#ifndef PODFS_STORE_BACKEND_H
#define PODFS_STORE_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

struct store_write {
	const char *key;
	struct store_entry *entry; /* NULL: delete the key, which may be absent */
};

/* Takes over one reference to e, also when it fails. Keys come in order, each once. */
typedef int (*store_load_fn)(void *arg, struct store_entry *e);

struct store_backend_ops {
	/*
	 * Gives every stored entry to fn, and the highest revision that may ever have been given out. Stops at fn's
	 * first error and returns it; -EBADMSG when what is stored is damaged.
	 */
	int (*load)(void *be, store_load_fn fn, void *arg, uint64_t *ret_reserved, struct error *err);
	/*
	 * Makes `writes` and `reserved` durable, whole or not at all. 0, -ENOSPC, -EIO, -EROFS, -ENOMEM, -E2BIG.
	 * `reserved` is at least every revision in use; it may sink only to a value that still is.
	 */
	int (*write)(void *be, const struct store_write *writes, size_t n, uint64_t reserved);
	/* Whether written revisions need reserving; false for back ends that forget everything. */
	bool durable;
	void (*close)(void *be);
};

/* Opens a store over a back end, which it closes also when this fails. Tests wrap back ends with it. */
int store_open_backend(const struct store_backend_ops *ops, void *be, struct store **ret, struct error *err);

/* The back end that keeps nothing. */
extern const struct store_backend_ops store_memory_ops;

#endif
