/* SPDX-License-Identifier: Apache-2.0 */
/* A set of object keys, for manifests that declare thousands: who writes one chooses the keys, so the hash has a key too. */
#ifndef PODFS_FS_KEYSET_H
#define PODFS_FS_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "fs/record.h"

struct fs_keyset {
	const uint8_t *seed; /* borrowed, 16 bytes */
	const char **slots;  /* owned; the keys are borrowed */
	size_t n, size;	     /* size: 0 or a power of two */
};

#define _cleanup_fs_keyset_ _cleanup_(fs_keyset_clear)

void fs_keyset_clear(struct fs_keyset *s);
/* 1: added; 0: it was there; -ENOMEM. The key must live as long as the set. */
int fs_keyset_add(struct fs_keyset *s, const char *key);
/* Adds what a record (NULL: nothing) declares. -ENOMEM. */
int fs_keyset_add_declared(struct fs_keyset *s, const struct fs_record *rec);
bool fs_keyset_has(const struct fs_keyset *s, const char *key);

#endif
