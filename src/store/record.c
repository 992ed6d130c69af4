/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "store/entry.h"

static void put64(unsigned char *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static uint64_t get64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

void record_encode_header(const struct store_entry *e, unsigned char out[static RECORD_HEADER])
{
	put64(out, e->create_rev);
	put64(out + 8, e->mod_rev);
}

int record_decode(const void *key, size_t key_len, const void *data, size_t len, uint64_t max_rev,
		  struct store_entry **ret)
{
	const unsigned char *p = data;
	struct store_entry *e = NULL;
	uint64_t create_rev, mod_rev;

	if (key_len == 0 || key_len > STORE_KEY_MAX || memchr(key, '\0', key_len))
		return -EBADMSG;
	if (len < RECORD_HEADER || len - RECORD_HEADER > STORE_VALUE_MAX)
		return -EBADMSG;
	create_rev = get64(p);
	mod_rev = get64(p + 8);
	if (create_rev == 0 || create_rev > mod_rev || mod_rev > max_rev)
		return -EBADMSG;
	e = store_entry_new(key, key_len, len - RECORD_HEADER);
	if (!e)
		return -ENOMEM;
	memcpy(store_entry_data(e), p + RECORD_HEADER, len - RECORD_HEADER);
	e->create_rev = create_rev;
	e->mod_rev = mod_rev;
	*ret = e;
	return 0;
}

/* The store's own record: the format, then the highest revision that may be in use, eight bytes each. */

void record_encode_meta(uint64_t reserved, unsigned char out[static RECORD_META_SIZE])
{
	put64(out, RECORD_FORMAT);
	put64(out + 8, reserved);
}

int record_decode_meta(const void *data, size_t len, uint32_t *ret_format, uint64_t *ret_reserved)
{
	const unsigned char *p = data;
	uint64_t format, reserved;

	/* A newer format may have a longer record, but begins with its number. */
	if (len < 8)
		return -EBADMSG;
	format = get64(p);
	if (format == 0 || format > UINT32_MAX)
		return -EBADMSG;
	*ret_format = (uint32_t)format;
	if (format > RECORD_FORMAT)
		return -EPROTO;
	if (len != RECORD_META_SIZE)
		return -EBADMSG;
	reserved = get64(p + 8);
	if (reserved >= UINT64_MAX / 2)
		return -EBADMSG;
	*ret_reserved = reserved;
	return 0;
}
