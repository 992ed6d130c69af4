/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder of stored records: the first byte is the key's length, then the key, then the record. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t max_rev = UINT64_C(1) << 40;
	unsigned char header[RECORD_HEADER];
	struct store_entry *e = NULL;
	uint64_t reserved = 0;
	uint32_t format = 0;
	size_t key_len, len = 0;

	(void)record_decode_meta(data, size, &format, &reserved);
	if (size == 0)
		return 0;
	key_len = data[0];
	if (key_len > size - 1)
		key_len = size - 1;
	if (record_decode(data + 1, key_len, data + 1 + key_len, size - 1 - key_len, max_rev, &e) < 0)
		return 0;
	/* What is taken is written back as it was. */
	record_encode_header(e, header);
	assert(memcmp(header, data + 1 + key_len, sizeof(header)) == 0);
	assert(strlen(store_entry_key(e)) == key_len);
	assert(memcmp(store_entry_value(e, &len), data + 1 + key_len + RECORD_HEADER, len) == 0);
	assert(len == size - 1 - key_len - RECORD_HEADER);
	assert(store_entry_create_rev(e) <= store_entry_mod_rev(e) && store_entry_mod_rev(e) <= max_rev);
	store_entry_unref(e);
	return 0;
}
