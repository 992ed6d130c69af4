/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stored form of a tree: what the store keeps and what objects at rest in memory are. Compact (a Pod's JSON
 * shrinks to about half), quick to read, safe to read from hostile bytes, and the same on every machine. Marks are
 * not stored. The form begins with a version; a reader refuses those it does not know.
 */
#ifndef PODFS_VALUE_PACK_H
#define PODFS_VALUE_PACK_H

#include "base/arena.h"
#include "base/buf.h"
#include "value/value.h"

enum pack_read_flags {
	PACK_BORROW = 1 << 0, /* strings may point into the bytes, which then must outlive the tree */
};

/* Appends the stored form of v (NULL: null). The bytes are a function of the tree's content and member order. */
void pack_write(struct buf *b, const struct value *v);

/*
 * Reads the stored form, which must fill `len` bytes exactly, into `a`. Returns 0; -EBADMSG for damaged bytes, a
 * nesting deeper than 1000 or a version that is not known; -ENOMEM. Memory taken from `a` is at most 64 times `len` and
 * what the arena takes in advance.
 */
int pack_read(struct arena *a, const void *bytes, size_t len, unsigned flags, struct value **ret);

/*
 * The string at a path of keys (ends with NULL) of the stored form, without decoding it; it lies in the bytes or in the
 * program, NUL-terminated. NULL when no string is there or the bytes before it are damaged; those behind it are not looked at.
 */
const char *pack_find_str(const void *bytes, size_t len, const char *const *path);
/* The bytes of the value at such a path, which are equal only where the values are. -ENOENT; -EBADMSG. */
int pack_find(const void *bytes, size_t len, const char *const *path, const void **ret, size_t *ret_len);
/* pack_read() of the value at such a path only. -ENOENT: there is none. */
int pack_read_at(struct arena *a, const void *bytes, size_t len, const char *const *path, unsigned flags,
		 struct value **ret);

#endif
