/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer. Failure is sticky: after memory ran out, every append is a no-op and buf_failed() is true,
 * so a writer may append a whole document and check once. The bytes are always followed by a NUL that is not
 * counted. Not thread-safe.
 */
#ifndef PODFS_BASE_BUF_H
#define PODFS_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct buf {
	char *data; /* owned; NULL while nothing was appended */
	size_t len; /* bytes in use, without the NUL */
	size_t cap;
	bool failed;
};

#define BUF_INIT ((struct buf){ NULL, 0, 0, false })

/* Frees the bytes and empties the buffer, its failure too. */
void buf_clear(struct buf *b);
#define _cleanup_buf_ _cleanup_(buf_clear)

void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether an append has failed for want of memory. */
bool buf_failed(const struct buf *b);

/* The text so far, "" when empty; valid until the next append. */
const char *buf_str(const struct buf *b);

/* Takes the bytes (NUL-terminated, to be freed with free()) and empties the buffer. NULL if it failed or memory is
 * out; an empty buffer gives "". `ret_len` may be NULL. */
char *buf_steal(struct buf *b, size_t *ret_len);

#endif
