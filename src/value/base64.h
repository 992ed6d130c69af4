/* SPDX-License-Identifier: Apache-2.0 */
/* Base64, RFC 4648 section 4. */
<<<<<<<< HEAD:src/value/base64.h
#ifndef PODFS_VALUE_BASE64_H
#define PODFS_VALUE_BASE64_H
========
#ifndef PODFS_BASE_BASE64_H
#define PODFS_BASE_BASE64_H
>>>>>>>> 9743987 (Give pods their ConfigMaps, Secrets and the downward API, as environment and as volumes; mount parts of volumes):src/base/base64.h

#include "base/buf.h"

/* Appends the text of the bytes, with padding. */
void base64_encode(const void *data, size_t len, struct buf *out);
/* Appends the bytes of a text; what is no base64 digit is skipped. */
void base64_decode(const char *text, size_t len, struct buf *out);

#endif
