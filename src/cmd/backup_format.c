/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/backup_format.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "store/record.h"

#define MAGIC "podfs backup\n\032\0"
enum { MAGIC_LEN = 16, CHUNK = 65536 };
_Static_assert(sizeof(MAGIC) >= 15 && sizeof(MAGIC) <= MAGIC_LEN, "it is padded with NULs");
_Static_assert(MAGIC_LEN + 4 + 4 + 8 + 8 + BACKUP_VERSION_MAX == BACKUP_HEADER_SIZE, "there are no gaps");

static void store_u64(unsigned char *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static uint64_t load_u64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

void backup_header_encode(const struct backup_header *h, unsigned char out[static BACKUP_HEADER_SIZE])
{
	memset(out, 0, BACKUP_HEADER_SIZE);
	memcpy(out, MAGIC, sizeof(MAGIC) - 1);
	store_u64(out + 16, (uint64_t)h->store_format << 32 | BACKUP_FORMAT);
	store_u64(out + 24, h->time);
	store_u64(out + 32, h->reserved);
	memcpy(out + 40, h->version, strnlen(h->version, BACKUP_VERSION_MAX));
}

int backup_header_decode(const unsigned char in[static BACKUP_HEADER_SIZE], struct backup_header *ret)
{
	static const char magic[MAGIC_LEN] = MAGIC;
	uint64_t formats = load_u64(in + 16);
	struct backup_header h = { .store_format = (uint32_t)(formats >> 32), .time = load_u64(in + 24),
				   .reserved = load_u64(in + 32) };

	if (memcmp(in, magic, MAGIC_LEN) != 0 || (uint32_t)formats == 0 || h.store_format == 0)
		return -EBADMSG;
	if ((uint32_t)formats > BACKUP_FORMAT || h.store_format > RECORD_FORMAT)
		return -EPROTO;
	if (h.reserved >= UINT64_MAX / 4)
		return -EBADMSG;
	memcpy(h.version, in + 40, BACKUP_VERSION_MAX);
	for (char *p = h.version; *p; p++)
		if (*p < ' ' || *p > '~')
			return -EBADMSG;
	*ret = h;
	return 0;
}

static uint64_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ UINT64_C(0xC96C5795D7870F42) : v >> 1;
		table[i] = v;
	}
}

uint64_t backup_checksum(uint64_t sum, const void *data, size_t len)
{
	const unsigned char *p = data;

	(void)pthread_once(&table_once, fill_table); /* cannot fail */
	sum = ~sum;
	for (size_t i = 0; i < len; i++)
		sum = table[(sum ^ p[i]) & 0xff] ^ sum >> 8;
	return ~sum;
}

/* --- writing --- */

void backup_put(struct backup_out *o, const void *data, size_t len)
{
	o->sum = backup_checksum(o->sum, data, len);
	if (len && o->error == 0 && fwrite(data, 1, len, o->file) != len)
		o->error = errno ? -errno : -EIO;
}

void backup_put_u32(struct backup_out *o, uint32_t v)
{
	v = htole32(v);
	backup_put(o, &v, sizeof(v));
}

void backup_put_u64(struct backup_out *o, uint64_t v)
{
	v = htole64(v);
	backup_put(o, &v, sizeof(v));
}

void backup_put_bytes(struct backup_out *o, const void *data, size_t len)
{
	backup_put_u32(o, (uint32_t)len);
	backup_put(o, data, len);
}

int backup_finish(struct backup_out *o)
{
	backup_put(o, &(char){ BACKUP_END }, 1);
	backup_put_u64(o, o->records);
	backup_put_u64(o, o->sum);
	if (o->error == 0 && fflush(o->file) != 0)
		o->error = -errno;
	return o->error;
}

/* --- reading --- */

int backup_get(struct backup_in *in, void *data, size_t len)
{
	if (len == 0 || fread(data, 1, len, in->file) == len)
		return 0;
	return ferror(in->file) ? -EIO : -EBADMSG;
}

int backup_get_u32(struct backup_in *in, uint32_t *ret)
{
	uint32_t v = 0;
	int r = backup_get(in, &v, sizeof(v));

	if (r == 0)
		*ret = le32toh(v);
	return r;
}

int backup_get_u64(struct backup_in *in, uint64_t *ret)
{
	uint64_t v = 0;
	int r = backup_get(in, &v, sizeof(v));

	if (r == 0)
		*ret = le64toh(v);
	return r;
}

int backup_get_bytes(struct backup_in *in, size_t max, char **ret, size_t *ret_len)
{
	_cleanup_free_ char *p = NULL;
	uint32_t len = 0;
	int r = backup_get_u32(in, &len);

	if (r < 0)
		return r;
	if (len > max)
		return -EBADMSG;
	p = malloc((size_t)len + 1);
	if (!p)
		return -ENOMEM;
	r = backup_get(in, p, len);
	if (r < 0)
		return r;
	p[len] = '\0';
	*ret = steal_ptr(p);
	*ret_len = len;
	return 0;
}

/* The checksum of the next `left` bytes. */
static int sum_up(struct backup_in *in, off_t left, uint64_t *sum)
{
	unsigned char data[CHUNK];

	while (left > 0) {
		size_t n = left < CHUNK ? (size_t)left : CHUNK;
		int r = backup_get(in, data, n);

		if (r < 0)
			return r;
		*sum = backup_checksum(*sum, data, n);
		left -= (off_t)n;
	}
	return 0;
}

int backup_check(struct backup_in *in, struct backup_header *ret, struct error *err)
{
	unsigned char head[BACKUP_HEADER_SIZE];
	uint64_t sum = 0, want = 0;
	struct backup_header h;
	off_t size;
	int r;

	if (fseeko(in->file, 0, SEEK_END) < 0 || (size = ftello(in->file)) < 0 || fseeko(in->file, 0, SEEK_SET) < 0)
		return error_errno(err, -errno, "cannot be read twice");
	r = backup_get(in, head, sizeof(head));
	if (r == 0)
		r = backup_header_decode(head, &h);
	if (r == -EPROTO)
		return error_set(err, r, "was made by a newer podfs");
	if (r < 0)
		return error_set(err, r, r == -EBADMSG ? "is no backup of podfs" : "cannot be read");
	sum = backup_checksum(0, head, sizeof(head));
	if (size >= BACKUP_HEADER_SIZE + BACKUP_END_SIZE)
		r = sum_up(in, size - BACKUP_HEADER_SIZE - 8, &sum);
	if (r == 0)
		r = backup_get_u64(in, &want);
	if (r < 0 || size < BACKUP_HEADER_SIZE + BACKUP_END_SIZE || sum != want)
		return error_set(err, r == -EIO ? r : -EBADMSG, r == -EIO ? "cannot be read" :
				 "is damaged: its checksum is not that of its bytes");
	if (fseeko(in->file, BACKUP_HEADER_SIZE, SEEK_SET) < 0)
		return error_errno(err, -errno, "cannot be read twice");
	*ret = h;
	return 0;
}
