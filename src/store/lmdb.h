/* SPDX-License-Identifier: Apache-2.0 */
/* The back end in an LMDB environment, one directory on a local file system. */
#ifndef PODFS_STORE_LMDB_H
#define PODFS_STORE_LMDB_H

#include <stddef.h>

#include "store/backend.h"

extern const struct store_backend_ops store_lmdb_ops;

/*
 * Opens the environment in directory `path`, which is created if absent; `map_size` is the address space reserved at
 * first, in bytes, 0 for the default. It grows when it is full. Errors as store_open().
 */
int store_lmdb_open(const char *path, size_t map_size, void **ret_be, struct error *err);

#endif
