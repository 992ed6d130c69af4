/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, RFC 4648 section 4. */
#ifndef PODFS_VALUE_BASE64_H
#define PODFS_VALUE_BASE64_H

#include "base/buf.h"

/* Appends the text of the bytes, with padding. */
void base64_encode(const void *data, size_t len, struct buf *out);
/* Appends the bytes of a text; what is no base64 digit is skipped. */
void base64_decode(const char *text, size_t len, struct buf *out);

#endif
