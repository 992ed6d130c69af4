/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a layer's tar: read from a blob, decompressed (gzip, zstd; also xz and bzip2, which docker writes),
 * and hashed on both sides on the way. One thread.
 */
#ifndef PODFS_IMAGE_STREAM_H
#define PODFS_IMAGE_STREAM_H

#include <stdint.h>

#include "base/error.h"
#include "image/source.h"

struct stream;

/* `max_bytes`: how long the decompressed tar may be. -EINVAL, -ENOMEM. The blob's descriptor must stay open. */
int stream_open(const struct blob *blob, uint64_t max_bytes, struct stream **ret, struct error *err);
void stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free);
#define _cleanup_stream_ _cleanup_(stream_freep)

/* The next bytes, valid until the next call; 0 at the end. -EFBIG past the limit, -EINVAL when it cannot be
 * decompressed. A failure is sticky. */
ssize_t stream_next(struct stream *s, const void **ret, struct error *err);

/* Reads to the end and compares: the blob's own digest with `digest` (may be NULL), that of the tar with `diff_id`.
 * -EINVAL when one differs. */
int stream_verify(struct stream *s, const char *digest, const char *diff_id, struct error *err);

#endif
