/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An error object for whatever a person will read: made where it happened, wrapped with context on the way up.
 *
 * Functions return 0 (or a count) on success and a negative errno on failure. Those whose failure a person may
 * read also take a `struct error *err`, which may be NULL. Functions either return an error or log, never both.
 */
#ifndef PODFS_BASE_ERROR_H
#define PODFS_BASE_ERROR_H

#include "base/cleanup.h"

struct error {
	int code;  /* negative errno, 0 when unset */
	char *msg; /* owned; NULL when unset or when memory ran out */
};

#define ERROR_INIT ((struct error){ 0, NULL })

/*
 * Sets *err to `code` (a negative errno) with a message; replaces what was there. Returns `code`, so that callers
 * can write `return error_set(err, -EINVAL, "…")`. err may be NULL. errno is kept.
 */
int error_set(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As error_set(), and appends ": " and the text of the errno `code`. */
int error_errno(struct error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message. Returns the error's code. err may be NULL (returns 0 then). */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The message, or the text of the code when there is none; never NULL. Valid until err changes. */
const char *error_text(const struct error *err);

/* Frees the message and empties the object. NULL is fine. */
void error_clear(struct error *err);

#define _cleanup_error_ _cleanup_(error_clear)

#endif
