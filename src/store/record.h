/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes in which entries lie on disk: the record of a key is its create revision and its mod revision, eight
 * bytes each, least significant first, and then the value as it is. What is read is not trusted.
 */
#ifndef PODFS_STORE_RECORD_H
#define PODFS_STORE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

enum {
	RECORD_HEADER = 16,
	RECORD_META_SIZE = 16,
	RECORD_FORMAT = 1, /* raised whenever an older podfs would misread the store */
};

/* The key of the record that tells of the store itself. No entry's key holds a NUL. */
#define RECORD_META_KEY "\0podfs"
enum { RECORD_META_KEY_LEN = sizeof(RECORD_META_KEY) - 1 };

/* Writes the header of e's record; the value follows it. */
void record_encode_header(const struct store_entry *e, unsigned char out[static RECORD_HEADER]);

/* Makes an entry from a record. -EBADMSG when it cannot be one of a store whose revisions end at max_rev; -ENOMEM. */
int record_decode(const void *key, size_t key_len, const void *data, size_t len, uint64_t max_rev,
		  struct store_entry **ret);

void record_encode_meta(uint64_t reserved, unsigned char out[static RECORD_META_SIZE]);

/* -EBADMSG; -EPROTO when the format is newer than this program, ret_format then tells which. */
int record_decode_meta(const void *data, size_t len, uint32_t *ret_format, uint64_t *ret_reserved);

#endif
