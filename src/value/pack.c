/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte 0 is the version. A node is a tag byte and what it calls for:
 *
 *   00 null  01 false  02 true  03 integer: zigzag varint  04 float: 8 bytes, little-endian
 *   05 string: varint length, bytes, NUL     06 list: varint count, items     07 map: varint count, members
 *   08 string from the dictionary: its code
 *   20..5F string of 0..63 bytes, NUL        60..7F map of 0..31 members      80..9F list of 0..31 items
 *   A0..FF integer 0..95
 *
 * A member is a key and a node. A key byte of 00..3E is the length of the key, which follows with a NUL; 3F is
 * followed by a varint length; 40..FF is a code of the dictionary. A varint has 7 bits a byte, low ones first, and at
 * most 10 bytes. The NULs let strings and keys be used where they lie.
 */
#include "value/pack.h"

#include <errno.h>
#include <string.h>

#include "value/pack_words.h"

enum {
	VERSION = 1,
	MOST_DEPTH = 1000,
	TAG_NULL = 0,
	TAG_FALSE,
	TAG_TRUE,
	TAG_INT,
	TAG_FLOAT,
	TAG_STRING,
	TAG_LIST,
	TAG_MAP,
	TAG_WORD,
	SHORT_STRING = 0x20,
	SHORT_MAP = 0x60,
	SHORT_LIST = 0x80,
	SMALL_INT = 0xA0,
	LONG_KEY = 0x3F,
	KEY_WORD = 0x40,
};

static void put_varint(struct buf *b, uint64_t n)
{
	unsigned char bytes[10];
	size_t len = 0;

	do {
		bytes[len] = (unsigned char)(n & 0x7F);
		n >>= 7;
		if (n)
			bytes[len] |= 0x80;
		len++;
	} while (n);
	buf_append(b, bytes, len);
}

/* A tag of the short range that begins at `small` and has `room` values, or `large` and a varint. */
static void put_count(struct buf *b, unsigned small, unsigned room, unsigned large, size_t n)
{
	if (n < room) {
		buf_putc(b, (char)(small + n));
		return;
	}
	buf_putc(b, (char)large);
	put_varint(b, n);
}

static void put_string(struct buf *b, const char *s, size_t len)
{
	int code = pack_string_code(s, len);

	if (code >= 0) {
		buf_putc(b, TAG_WORD);
		buf_putc(b, (char)code);
		return;
	}
	put_count(b, SHORT_STRING, SHORT_MAP - SHORT_STRING, TAG_STRING, len);
	buf_append(b, s, len);
	buf_putc(b, '\0');
}

static void put_key(struct buf *b, const char *key)
{
	size_t len = strlen(key);
	int code = pack_key_code(key, len);

	if (code >= 0) {
		buf_putc(b, (char)(KEY_WORD + code));
		return;
	}
	put_count(b, 0, LONG_KEY, LONG_KEY, len);
	buf_append(b, key, len + 1);
}

static void put_int(struct buf *b, int64_t i)
{
	if (i >= 0 && i < 0x100 - SMALL_INT) {
		buf_putc(b, (char)(SMALL_INT + i));
		return;
	}
	buf_putc(b, TAG_INT);
	put_varint(b, (uint64_t)i << 1 ^ (uint64_t)(i >> 63));
}

static void put_float(struct buf *b, double d)
{
	unsigned char bytes[8];
	uint64_t bits;

	memcpy(&bits, &d, sizeof(bits));
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(bits >> 8 * i);
	buf_putc(b, TAG_FLOAT);
	buf_append(b, bytes, sizeof(bytes));
}

static void put_value(struct buf *b, const struct value *v)
{
	size_t n = value_len(v);

	switch (value_type(v)) {
	case VALUE_NULL:
		buf_putc(b, TAG_NULL);
		break;
	case VALUE_BOOL:
		buf_putc(b, value_bool(v, false) ? TAG_TRUE : TAG_FALSE);
		break;
	case VALUE_INT:
		put_int(b, value_int(v, 0));
		break;
	case VALUE_FLOAT:
		put_float(b, value_float(v, 0));
		break;
	case VALUE_STRING:
		put_string(b, value_str(v), n);
		break;
	case VALUE_LIST:
		put_count(b, SHORT_LIST, SMALL_INT - SHORT_LIST, TAG_LIST, n);
		for (size_t i = 0; i < n; i++)
			put_value(b, value_at(v, i));
		break;
	case VALUE_MAP:
		put_count(b, SHORT_MAP, SHORT_LIST - SHORT_MAP, TAG_MAP, n);
		for (size_t i = 0; i < n; i++) {
			put_key(b, value_key_at(v, i));
			put_value(b, value_at(v, i));
		}
		break;
	}
}

void pack_write(struct buf *b, const struct value *v)
{
	buf_putc(b, VERSION);
	put_value(b, v);
}

struct unpacker {
	struct arena *arena;
	const unsigned char *p, *end;
	size_t room; /* for items: each takes a byte of the text, so that counts in counts cannot add up to more */
	bool borrow;
};

/* The next byte, or -1 at the end. */
static int get_byte(struct unpacker *u)
{
	return u->p < u->end ? *u->p++ : -1;
}

static int get_varint(struct unpacker *u, uint64_t *ret)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		int c = get_byte(u);

		if (c < 0 || (shift == 63 && c > 1))
			return -EBADMSG;
		n |= (uint64_t)(c & 0x7F) << shift;
		if (!(c & 0x80)) {
			*ret = n;
			return 0;
		}
	}
	return -EBADMSG;
}

/* Takes room for n things of at least `each` bytes. */
static bool take_room(struct unpacker *u, uint64_t n, size_t each)
{
	if (n > (size_t)(u->end - u->p) / each || n > u->room / each)
		return false;
	u->room -= n * each;
	return true;
}

/* `len` bytes and the NUL after them. */
static int get_bytes(struct unpacker *u, uint64_t len, const char **ret)
{
	const unsigned char *s = u->p;

	if (len >= (size_t)(u->end - s) || len > UINT32_MAX - 1 || s[len])
		return -EBADMSG;
	u->p += len + 1;
	*ret = (const char *)s;
	return 0;
}

static int get_string(struct unpacker *u, uint64_t len, struct value **ret)
{
	const char *s;
	int rc = get_bytes(u, len, &s);

	if (rc)
		return rc;
	*ret = u->borrow ? value_new_str_borrowed(u->arena, s, len) : value_new_strn(u->arena, s, len);
	return *ret ? 0 : -ENOMEM;
}

static int get_key(struct unpacker *u, const char **ret)
{
	int c = get_byte(u), rc;
	uint64_t len;

	if (c >= KEY_WORD) {
		*ret = pack_key_word((unsigned)c - KEY_WORD);
		return *ret ? 0 : -EBADMSG;
	}
	if (c < 0)
		return -EBADMSG;
	len = (uint64_t)c;
	rc = c == LONG_KEY ? get_varint(u, &len) : 0;
	if (!rc)
		rc = get_bytes(u, len, ret);
	if (rc)
		return rc;
	if (memchr(*ret, 0, len))
		return -EBADMSG;
	if (!u->borrow)
		*ret = arena_memdup(u->arena, *ret, len);
	return *ret ? 0 : -ENOMEM;
}

static int get_value(struct unpacker *u, unsigned depth, struct value **ret);

static int get_list(struct unpacker *u, uint64_t n, unsigned depth, struct value **ret)
{
	struct value *v = value_new_list(u->arena);

	if (!take_room(u, n, 1))
		return -EBADMSG;
	if (!v || value_reserve(u->arena, v, n))
		return -ENOMEM;
	while (n--) {
		struct value *item = NULL;
		int rc = get_value(u, depth + 1, &item);

		if (rc)
			return rc;
		(void)value_append(u->arena, v, item); /* there is room */
	}
	*ret = v;
	return 0;
}

static int get_map(struct unpacker *u, uint64_t n, unsigned depth, struct value **ret)
{
	struct value *v = value_new_map(u->arena);

	if (!take_room(u, n, 2))
		return -EBADMSG;
	if (!v || value_reserve(u->arena, v, n))
		return -ENOMEM;
	while (n--) {
		struct value *item = NULL;
		const char *key = NULL;
		int rc = get_key(u, &key);

		if (!rc)
			rc = get_value(u, depth + 1, &item);
		if (rc)
			return rc;
		if (!value_push_member_borrowed(u->arena, v, key, item))
			return -ENOMEM;
	}
	*ret = v;
	return 0;
}

static int get_float(struct unpacker *u, struct value **ret)
{
	uint64_t bits = 0;
	double d;

	if (u->end - u->p < 8)
		return -EBADMSG;
	for (int i = 0; i < 8; i++)
		bits |= (uint64_t)*u->p++ << 8 * i;
	memcpy(&d, &bits, sizeof(d));
	*ret = value_new_float(u->arena, d);
	return *ret ? 0 : -ENOMEM;
}

static int get_tagged(struct unpacker *u, int tag, unsigned depth, struct value **ret)
{
	const char *word;
	uint64_t n;
	int rc = 0;

	switch (tag) {
	case TAG_NULL:
		*ret = value_new_null(u->arena);
		break;
	case TAG_FALSE:
	case TAG_TRUE:
		*ret = value_new_bool(u->arena, tag == TAG_TRUE);
		break;
	case TAG_INT:
		rc = get_varint(u, &n);
		if (!rc)
			*ret = value_new_int(u->arena, (int64_t)(n >> 1 ^ (0 - (n & 1))));
		break;
	case TAG_FLOAT:
		return get_float(u, ret);
	case TAG_STRING:
		rc = get_varint(u, &n);
		return rc ? rc : get_string(u, n, ret);
	case TAG_LIST:
		rc = get_varint(u, &n);
		return rc ? rc : get_list(u, n, depth, ret);
	case TAG_MAP:
		rc = get_varint(u, &n);
		return rc ? rc : get_map(u, n, depth, ret);
	case TAG_WORD:
		tag = get_byte(u);
		word = tag < 0 ? NULL : pack_string_word((unsigned)tag);
		if (!word)
			return -EBADMSG;
		*ret = value_new_str_borrowed(u->arena, word, strlen(word));
		break;
	default:
		return -EBADMSG;
	}
	if (rc)
		return rc;
	return *ret ? 0 : -ENOMEM;
}

static int get_value(struct unpacker *u, unsigned depth, struct value **ret)
{
	int tag = get_byte(u);

	if (tag < 0 || depth > MOST_DEPTH)
		return -EBADMSG;
	if (tag >= SMALL_INT) {
		*ret = value_new_int(u->arena, tag - SMALL_INT);
		return *ret ? 0 : -ENOMEM;
	}
	if (tag >= SHORT_LIST)
		return get_list(u, (uint64_t)(tag - SHORT_LIST), depth, ret);
	if (tag >= SHORT_MAP)
		return get_map(u, (uint64_t)(tag - SHORT_MAP), depth, ret);
	if (tag >= SHORT_STRING)
		return get_string(u, (uint64_t)(tag - SHORT_STRING), ret);
	return get_tagged(u, tag, depth, ret);
}

int pack_read(struct arena *a, const void *bytes, size_t len, unsigned flags, struct value **ret)
{
	struct unpacker u = { .arena = a, .p = bytes, .end = (const unsigned char *)bytes + len,
			      .room = len, .borrow = flags & PACK_BORROW };
	struct value *v = NULL;
	int rc;

	if (get_byte(&u) != VERSION)
		return -EBADMSG;
	rc = get_value(&u, 0, &v);
	if (!rc && u.p != u.end)
		rc = -EBADMSG;
	if (!rc && arena_failed(a))
		rc = -ENOMEM;
	if (rc)
		return rc;
	*ret = v;
	return 0;
}

/* --- looking up --- */

static int skip_value(struct unpacker *u, unsigned depth);

static int skip_bytes(struct unpacker *u, uint64_t len)
{
	const char *s;

	return get_bytes(u, len, &s);
}

static int skip_items(struct unpacker *u, uint64_t n, bool keys, unsigned depth)
{
	int rc = 0;

	if (!take_room(u, n, keys ? 2 : 1))
		return -EBADMSG;
	while (n-- && !rc) {
		const char *key;

		rc = keys ? get_key(u, &key) : 0;
		if (!rc)
			rc = skip_value(u, depth + 1);
	}
	return rc;
}

static int skip_tagged(struct unpacker *u, int tag, unsigned depth)
{
	uint64_t n;
	int rc;

	switch (tag) {
	case TAG_NULL:
	case TAG_FALSE:
	case TAG_TRUE:
		return 0;
	case TAG_INT:
		return get_varint(u, &n);
	case TAG_FLOAT:
		if (u->end - u->p < 8)
			return -EBADMSG;
		u->p += 8;
		return 0;
	case TAG_WORD:
		return get_byte(u) < 0 ? -EBADMSG : 0;
	case TAG_STRING:
	case TAG_LIST:
	case TAG_MAP:
		rc = get_varint(u, &n);
		if (rc)
			return rc;
		return tag == TAG_STRING ? skip_bytes(u, n) : skip_items(u, n, tag == TAG_MAP, depth);
	default:
		return -EBADMSG;
	}
}

static int skip_value(struct unpacker *u, unsigned depth)
{
	int tag = get_byte(u);

	if (tag < 0 || depth > MOST_DEPTH)
		return -EBADMSG;
	if (tag >= SMALL_INT)
		return 0;
	if (tag >= SHORT_MAP)
		return skip_items(u, (uint64_t)(tag - (tag >= SHORT_LIST ? SHORT_LIST : SHORT_MAP)), tag < SHORT_LIST, depth);
	if (tag >= SHORT_STRING)
		return skip_bytes(u, (uint64_t)(tag - SHORT_STRING));
	return skip_tagged(u, tag, depth);
}

/* Goes to the value of that key of the map that is next; -ENOENT. */
static int enter(struct unpacker *u, const char *key)
{
	int tag = get_byte(u), rc = 0;
	uint64_t n = (uint64_t)(tag - SHORT_MAP);

	if (tag == TAG_MAP)
		rc = get_varint(u, &n);
	else if (tag < SHORT_MAP || tag >= SHORT_LIST)
		return -ENOENT;
	while (!rc && n--) {
		const char *k;

		rc = get_key(u, &k);
		if (!rc && strcmp(k, key) == 0)
			return 0;
		if (!rc)
			rc = skip_value(u, 1);
	}
	return rc ? rc : -ENOENT;
}

/* A reader at the value of that path; -ENOENT. Keys lie in the bytes: nothing is taken from an arena. */
static int seek(const void *bytes, size_t len, const char *const *path, struct unpacker *ret)
{
	int rc = 0;

	*ret = (struct unpacker){ .p = bytes, .end = (const unsigned char *)bytes + len, .room = len, .borrow = true };
	if (get_byte(ret) != VERSION)
		return -EBADMSG;
	for (; *path && !rc; path++)
		rc = enter(ret, *path);
	return rc;
}

int pack_find(const void *bytes, size_t len, const char *const *path, const void **ret, size_t *ret_len)
{
	const unsigned char *start;
	struct unpacker u;
	int rc = seek(bytes, len, path, &u);

	start = u.p;
	if (!rc)
		rc = skip_value(&u, 0);
	if (rc)
		return rc;
	*ret = start;
	*ret_len = (size_t)(u.p - start);
	return 0;
}

int pack_read_at(struct arena *a, const void *bytes, size_t len, const char *const *path, unsigned flags,
		 struct value **ret)
{
	struct unpacker u;
	struct value *v = NULL;
	int rc = seek(bytes, len, path, &u);

	u.arena = a;
	u.borrow = flags & PACK_BORROW;
	if (!rc)
		rc = get_value(&u, 0, &v);
	if (!rc && arena_failed(a))
		rc = -ENOMEM;
	if (!rc)
		*ret = v;
	return rc;
}

const char *pack_find_str(const void *bytes, size_t len, const char *const *path)
{
	struct unpacker u;
	const char *s = NULL;
	uint64_t n;
	int tag;

	if (seek(bytes, len, path, &u) < 0)
		return NULL;
	tag = get_byte(&u);
	if (tag == TAG_WORD)
		return (tag = get_byte(&u)) < 0 ? NULL : pack_string_word((unsigned)tag);
	n = (uint64_t)(tag - SHORT_STRING);
	if (tag == TAG_STRING ? get_varint(&u, &n) < 0 : tag < SHORT_STRING || tag >= SHORT_MAP)
		return NULL;
	return get_bytes(&u, n, &s) < 0 ? NULL : s;
}
