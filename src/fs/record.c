/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/record.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* Version 1 had no writer: it was the owner. Version 3 is written where the text lies aside. */
enum { RECORD_VERSION = 3 };

/* All numbers little-endian; then declared, xattrs, text. */
struct head {
	uint32_t version, mode, uid, gid;
	uint64_t ino, mtime, ctime, committed;
	uint32_t n_declared, declared_len, xattrs_len, text_len;
	uint32_t writer_uid, writer_gid;
	uint32_t aside_len, unused;
};
enum { HEAD_1_SIZE = offsetof(struct head, writer_uid), HEAD_2_SIZE = offsetof(struct head, aside_len) };

void fs_record_encode(const struct fs_record *rec, struct buf *out)
{
	struct head h = { .version = htole32(rec->aside_len ? RECORD_VERSION : 2),
			  .mode = htole32((uint32_t)rec->mode),
			  .uid = htole32(rec->uid),
			  .gid = htole32(rec->gid),
			  .ino = htole64(rec->ino),
			  .mtime = htole64((uint64_t)rec->mtime),
			  .ctime = htole64((uint64_t)rec->ctime),
			  .committed = htole64((uint64_t)rec->committed),
			  .n_declared = htole32(rec->n_declared),
			  .declared_len = htole32((uint32_t)rec->declared_len),
			  .xattrs_len = htole32((uint32_t)rec->xattrs_len),
			  .text_len = htole32((uint32_t)rec->text_len),
			  .writer_uid = htole32(rec->writer_uid),
			  .writer_gid = htole32(rec->writer_gid),
			  .aside_len = htole32((uint32_t)rec->aside_len) };

	buf_append(out, &h, rec->aside_len ? sizeof(h) : HEAD_2_SIZE);
	if (rec->declared_len)
		buf_append(out, rec->declared, rec->declared_len);
	if (rec->xattrs_len)
		buf_append(out, rec->xattrs, rec->xattrs_len);
	if (rec->text_len)
		buf_append(out, rec->text, rec->text_len);
}

/* Whether the texts are as many as they should be and all end within their bytes. */
static bool declared_ok(const char *s, size_t len, uint32_t n)
{
	if (len && s[len - 1])
		return false;
	for (size_t i = 0; i < len; i++)
		if (!s[i] && n-- == 0)
			return false;
	return n == 0;
}

static bool next_xattr(const char *x, size_t len, size_t *at, const char **name, const char **value, size_t *value_len)
{
	const char *end;
	uint32_t n;

	if (*at >= len)
		return false;
	*name = x + *at;
	end = memchr(*name, '\0', len - *at);
	if (!end || (size_t)(x + len - end - 1) < sizeof(n))
		return false;
	memcpy(&n, end + 1, sizeof(n));
	n = le32toh(n);
	*value = end + 1 + sizeof(n);
	if ((size_t)(x + len - *value) < n)
		return false;
	*value_len = n;
	*at = (size_t)(*value + n - x);
	return true;
}

int fs_record_decode(const void *data, size_t len, struct fs_record *ret)
{
	struct head h = { 0 };
	const char *p, *name, *value;
	struct fs_record rec;
	size_t at = 0, n, head_len;

	if (len < sizeof(h.version))
		return -EINVAL;
	memcpy(&h.version, data, sizeof(h.version));
	if (le32toh(h.version) > RECORD_VERSION)
		return -EPROTO;
	head_len = le32toh(h.version) == 1 ? HEAD_1_SIZE : le32toh(h.version) == 2 ? HEAD_2_SIZE : sizeof(h);
	if (len < head_len)
		return -EINVAL;
	memcpy(&h, data, head_len);
	if (head_len == HEAD_1_SIZE) {
		h.writer_uid = h.uid;
		h.writer_gid = h.gid;
	}
	p = (const char *)data + head_len;
	rec = (struct fs_record){ .ino = le64toh(h.ino),
				  .mode = (mode_t)le32toh(h.mode),
				  .uid = le32toh(h.uid),
				  .gid = le32toh(h.gid),
				  .mtime = (int64_t)le64toh(h.mtime),
				  .ctime = (int64_t)le64toh(h.ctime),
				  .committed = (int64_t)le64toh(h.committed),
				  .n_declared = le32toh(h.n_declared),
				  .declared_len = le32toh(h.declared_len),
				  .xattrs_len = le32toh(h.xattrs_len),
				  .text_len = le32toh(h.text_len),
				  .writer_uid = le32toh(h.writer_uid),
				  .writer_gid = le32toh(h.writer_gid),
				  .aside_len = le32toh(h.aside_len) };
	if ((uint64_t)rec.declared_len + rec.xattrs_len + rec.text_len != len - head_len)
		return -EINVAL;
	rec.declared = p;
	rec.xattrs = p + rec.declared_len;
	rec.text = rec.xattrs + rec.xattrs_len;
	while (next_xattr(rec.xattrs, rec.xattrs_len, &at, &name, &value, &n))
		;
	if (at != rec.xattrs_len || !declared_ok(rec.declared, rec.declared_len, rec.n_declared))
		return -EINVAL;
	*ret = rec;
	return 0;
}

const char *fs_record_next_declared(const struct fs_record *rec, const char *at)
{
	const char *next = at ? at + strlen(at) + 1 : rec->declared;

	return rec->declared_len && next < rec->declared + rec->declared_len ? next : NULL;
}

bool fs_record_declares(const struct fs_record *rec, const char *object_key)
{
	for (const char *k = NULL; (k = fs_record_next_declared(rec, k));)
		if (strcmp(k, object_key) == 0)
			return true;
	return false;
}

bool fs_xattr_find(const char *xattrs, size_t len, const char *name, const char **ret_value, size_t *ret_len)
{
	const char *n, *value;
	size_t at = 0, value_len;

	while (next_xattr(xattrs, len, &at, &n, &value, &value_len))
		if (strcmp(n, name) == 0) {
			*ret_value = value;
			*ret_len = value_len;
			return true;
		}
	return false;
}

void fs_xattr_names(const char *xattrs, size_t len, struct buf *out)
{
	const char *n, *value;
	size_t at = 0, value_len;

	while (next_xattr(xattrs, len, &at, &n, &value, &value_len))
		buf_append(out, n, strlen(n) + 1);
}

static void append_xattr(struct buf *out, const char *name, const void *value, size_t len)
{
	uint32_t n = htole32((uint32_t)len);

	buf_append(out, name, strlen(name) + 1);
	buf_append(out, &n, sizeof(n));
	if (len)
		buf_append(out, value, len);
}

void fs_xattr_change(const char *xattrs, size_t len, const char *name, const void *value, size_t value_len,
		     struct buf *out)
{
	const char *n, *old;
	size_t at = 0, old_len;

	while (next_xattr(xattrs, len, &at, &n, &old, &old_len))
		if (strcmp(n, name) != 0)
			append_xattr(out, n, old, old_len);
	if (value)
		append_xattr(out, name, value, value_len);
}
