/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 over bytes that arrive in pieces, as the "sha256:<hex>" text that images use. One thread each.
 */
#ifndef PODFS_IMAGE_DIGEST_H
#define PODFS_IMAGE_DIGEST_H

#include <nettle/sha2.h>
#include <stddef.h>

enum { DIGEST_SIZE = sizeof("sha256:") + 64 };

struct digest {
	struct sha256_ctx ctx;
};

void digest_init(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t len);
/* Writes the text and starts anew. Returns out. */
char *digest_final(struct digest *d, char out[static DIGEST_SIZE]);
/* The digest of one piece. Returns out. */
char *digest_of(const void *data, size_t len, char out[static DIGEST_SIZE]);

#endif
