/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena: many small allocations that are freed together. Trees of values live in one.
 *
 * Failure is sticky: after an allocation failed, or the byte limit was passed, every later one returns NULL and
 * arena_failed() stays true, so a caller may build a whole tree and check once. Not thread-safe; a finished arena
 * that nobody allocates from may be read by any thread.
 */
#ifndef PODFS_BASE_ARENA_H
#define PODFS_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct arena;

/* A new arena that refuses to grow beyond `limit` bytes (0: no limit). NULL when memory is out. */
struct arena *arena_new(size_t limit);

/* Frees the arena and all that was allocated from it. NULL is fine. */
void arena_free(struct arena *a);
DEFINE_CLEANUP(struct arena *, arena_free);
#define _cleanup_arena_ _cleanup_(arena_freep)

/* `size` zeroed bytes aligned to 8; NULL on failure (sticky). a may be NULL, which fails. */
void *arena_alloc(struct arena *a, size_t size);

/* A NUL-terminated copy of `len` bytes; NULL on failure. */
char *arena_memdup(struct arena *a, const char *s, size_t len);

/* A copy of a string; NULL on failure. */
char *arena_strdup(struct arena *a, const char *s);

/* printf into the arena; NULL on failure. */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether any allocation from it has failed. A NULL arena has failed. */
bool arena_failed(const struct arena *a);

/* Bytes taken from the system so far. */
size_t arena_size(const struct arena *a);

#endif
