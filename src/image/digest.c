/* SPDX-License-Identifier: Apache-2.0 */
#include "image/digest.h"

#include <string.h>

void digest_init(struct digest *d)
{
	sha256_init(&d->ctx);
}

void digest_update(struct digest *d, const void *data, size_t len)
{
	sha256_update(&d->ctx, len, data);
}

char *digest_final(struct digest *d, char out[static DIGEST_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t sum[SHA256_DIGEST_SIZE];
	char *p = out + 7;

	sha256_digest(&d->ctx, sizeof(sum), sum);
	memcpy(out, "sha256:", 7);
	for (size_t i = 0; i < sizeof(sum); i++) {
		*p++ = hex[sum[i] >> 4];
		*p++ = hex[sum[i] & 15];
	}
	*p = '\0';
	return out;
}

char *digest_of(const void *data, size_t len, char out[static DIGEST_SIZE])
{
	struct digest d;

	digest_init(&d);
	digest_update(&d, data, len);
	return digest_final(&d, out);
}
