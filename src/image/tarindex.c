/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tarindex.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

enum {
	BLOCK = 512,
	LONG_MAX_BYTES = 1 << 20, /* of one pax header or GNU long name: several times what a path can be */
	INDEX_MAX_BYTES = 64 << 20, /* of memory for all names */
	LINKS_MAX = 8,
};

/* Offsets of POSIX ustar header fields. */
enum {
	H_NAME = 0,
	H_SIZE = 124,
	H_CHECKSUM = 148,
	H_TYPE = 156,
	H_LINK = 157,
	H_MAGIC = 257,
	H_PREFIX = 345,
	N_NAME = 100,
	N_SIZE = 12,
	N_CHECKSUM = 8,
	N_PREFIX = 155,
};

struct entry {
	const char *path; /* in the arena */
	const char *link; /* NULL: a regular file */
	bool symlink;
	bool other; /* a directory, device or sparse file */
	uint64_t offset, size;
};

struct tarindex {
	struct arena *arena;
	struct blob tar;
	struct entry *entries; /* owned */
	size_t n, cap;
};

/* What extension headers say about the next member. */
struct pending {
	struct buf path, link;
	bool has_size, sparse;
	uint64_t size;
};

static void pending_clear(struct pending *p)
{
	buf_clear(&p->path);
	buf_clear(&p->link);
	p->has_size = p->sparse = false;
	p->size = 0;
}

static void tarindex_freep(struct tarindex **t)
{
	tarindex_free(*t);
}

void tarindex_free(struct tarindex *t)
{
	if (!t)
		return;
	arena_free(t->arena);
	free(t->entries);
	free(t);
}

/* A number in octal, or in base 256 when its first bit is set. */
static int number(const unsigned char *s, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	if (s[0] & 0x80) {
		v = s[0] & 0x7f;
		for (i = 1; i < len; i++) {
			if (v >> 55)
				return -EINVAL;
			v = v << 8 | s[i];
		}
		*ret = v;
		return 0;
	}
	while (i < len && s[i] == ' ')
		i++;
	for (; i < len && s[i] >= '0' && s[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(s[i] - '0');
	for (; i < len; i++)
		if (s[i] != ' ' && s[i] != '\0')
			return -EINVAL;
	*ret = v;
	return 0;
}

int tarindex_is_header(const unsigned char *block)
{
	uint64_t want, sum = 0;

	if (number(block + H_CHECKSUM, N_CHECKSUM, &want) < 0)
		return 0;
	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= H_CHECKSUM && i < H_CHECKSUM + N_CHECKSUM ? ' ' : block[i];
	return sum == want;
}

static bool all_zero(const unsigned char *block)
{
	for (size_t i = 0; i < BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static int read_full(const struct blob *b, uint64_t pos, void *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = blob_read(b, pos + done, (char *)out + done, len - done);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EINVAL;
		done += (size_t)n;
	}
	return 0;
}

/* Takes the records "LENGTH KEY=VALUE\n" of a pax header. */
static int take_pax(struct pending *p, const char *s, size_t len)
{
	while (len) {
		size_t n = 0, digits = 0;
		const char *key, *eq, *value;
		size_t value_len;

		while (digits < len && s[digits] >= '0' && s[digits] <= '9' && n < LONG_MAX_BYTES)
			n = n * 10 + (size_t)(s[digits++] - '0');
		if (!digits || digits >= len || s[digits] != ' ' || n > len || n < digits + 3 || s[n - 1] != '\n')
			return -EINVAL;
		key = s + digits + 1;
		eq = memchr(key, '=', n - digits - 2);
		if (!eq)
			return -EINVAL;
		value = eq + 1;
		value_len = (size_t)(s + n - 1 - value);
		if (eq - key == 4 && memcmp(key, "path", 4) == 0) {
			buf_clear(&p->path);
			buf_append(&p->path, value, value_len);
		} else if (eq - key == 8 && memcmp(key, "linkpath", 8) == 0) {
			buf_clear(&p->link);
			buf_append(&p->link, value, value_len);
		} else if (eq - key == 4 && memcmp(key, "size", 4) == 0) {
			p->size = 0;
			for (size_t i = 0; i < value_len; i++) {
				if (value[i] < '0' || value[i] > '9' || p->size > UINT64_MAX / 16)
					return -EINVAL;
				p->size = p->size * 10 + (uint64_t)(value[i] - '0');
			}
			p->has_size = true;
		} else if (eq - key > 11 && memcmp(key, "GNU.sparse.", 11) == 0) {
			p->sparse = true;
		}
		s += n;
		len -= n;
	}
	return 0;
}

/* Reads the data of an extension header into `p`. */
static int take_extension(struct tarindex *t, struct pending *p, char type, uint64_t pos, uint64_t size)
{
	_cleanup_free_ char *data = NULL;
	int r;

	if (type == 'g') /* global records have nothing that a name needs */
		return 0;
	if (size > LONG_MAX_BYTES)
		return -EINVAL;
	data = malloc((size_t)size + 1);
	if (!data)
		return -ENOMEM;
	r = read_full(&t->tar, pos, data, (size_t)size);
	if (r < 0)
		return r;
	data[size] = '\0';
	if (type == 'x')
		return take_pax(p, data, (size_t)size);
	buf_clear(type == 'L' ? &p->path : &p->link);
	buf_puts(type == 'L' ? &p->path : &p->link, data);
	return 0;
}

static int add(struct tarindex *t, const struct entry *e, const char *name, const char *link)
{
	struct entry *entry;
	char path[PATH_MAX];

	if (source_path(name, path, sizeof(path)) < 0 || !*path)
		return 0; /* ignoring: no member that an image refers to has such a name */
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 64;
		struct entry *p = reallocarray(t->entries, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		t->entries = p;
		t->cap = cap;
	}
	entry = &t->entries[t->n++];
	*entry = *e;
	entry->path = arena_strdup(t->arena, path);
	entry->link = link ? arena_strdup(t->arena, link) : NULL;
	return arena_failed(t->arena) ? -ENOMEM : 0;
}

/* Adds the member whose header is `h` and whose data begins at `pos`. */
static int take_member(struct tarindex *t, struct pending *p, const unsigned char *h, uint64_t pos, uint64_t size)
{
	char name[N_PREFIX + 1 + N_NAME + 1], link[N_NAME + 1];
	struct entry e = { .offset = (uint64_t)t->tar.offset + pos, .size = size };
	char type = (char)h[H_TYPE];
	const char *target = NULL;

	if (memcmp(h + H_MAGIC, "ustar\0", 6) == 0 && h[H_PREFIX])
		(void)snprintf(name, sizeof(name), "%.*s/%.*s", N_PREFIX, (const char *)h + H_PREFIX, N_NAME,
			       (const char *)h + H_NAME);
	else
		(void)snprintf(name, sizeof(name), "%.*s", N_NAME, (const char *)h + H_NAME);
	(void)snprintf(link, sizeof(link), "%.*s", N_NAME, (const char *)h + H_LINK);
	if (buf_failed(&p->path) || buf_failed(&p->link))
		return -ENOMEM;
	if (type == '1' || type == '2') {
		target = p->link.len ? p->link.data : link;
		e.symlink = type == '2';
	} else if ((type != '0' && type != '\0' && type != '7') || p->sparse) {
		e.other = true;
	}
	return add(t, &e, p->path.len ? p->path.data : name, target);
}

static int read_headers(struct tarindex *t, struct pending *p, struct error *err)
{
	uint64_t pos = 0, end = t->tar.size;
	unsigned char h[BLOCK];
	int r;

	for (;;) {
		uint64_t size, padded;
		char type;

		if (pos == end)
			return 0; /* without the two empty blocks, as some writers leave it */
		if (end - pos < BLOCK || (r = read_full(&t->tar, pos, h, BLOCK)) == -EINVAL)
			return error_set(err, -EINVAL, "the archive is cut short at byte %ju", (uintmax_t)pos);
		if (r < 0)
			return error_errno(err, r, "reading the archive at byte %ju", (uintmax_t)pos);
		if (all_zero(h))
			return 0;
		if (!tarindex_is_header(h) || number(h + H_SIZE, N_SIZE, &size) < 0)
			return error_set(err, -EINVAL, "the archive is damaged: no tar header at byte %ju",
					 (uintmax_t)pos);
		type = (char)h[H_TYPE];
		pos += BLOCK;
		if (type == '1' || type == '2' || type == '3' || type == '4' || type == '5' || type == '6')
			size = 0;
		else if (p->has_size && !strchr("xgLK", type ? type : '0'))
			size = p->size;
		if (size > end - pos)
			return error_set(err, -EINVAL, "the archive is cut short: a member at byte %ju has %ju bytes "
					 "and %ju are there", (uintmax_t)pos, (uintmax_t)size, (uintmax_t)(end - pos));
		if (type == 'x' || type == 'g' || type == 'L' || type == 'K') {
			r = take_extension(t, p, type, pos, size);
		} else {
			r = take_member(t, p, h, pos, size);
			pending_clear(p);
		}
		if (r == -ENOMEM)
			return error_set(err, r, "out of memory for the archive's names");
		if (r < 0)
			return error_set(err, r, "the archive is damaged: bad extended header at byte %ju",
					 (uintmax_t)(pos - BLOCK));
		if (t->n > TARINDEX_ENTRIES_MAX)
			return error_set(err, -EINVAL, "the archive has more than %d members", TARINDEX_ENTRIES_MAX);
		padded = (size + BLOCK - 1) / BLOCK * BLOCK;
		pos += padded > end - pos ? end - pos : padded;
	}
}

int tarindex_read(const struct blob *tar, struct tarindex **ret, struct error *err)
{
	_cleanup_(tarindex_freep) struct tarindex *t = calloc(1, sizeof(*t));
	_cleanup_(pending_clear) struct pending pending = { .path = BUF_INIT, .link = BUF_INIT };
	int r;

	if (!t || !(t->arena = arena_new(INDEX_MAX_BYTES)))
		return error_set(err, -ENOMEM, "out of memory");
	t->tar = *tar;
	r = read_headers(t, &pending, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(t);
	return 0;
}

static const struct entry *lookup(const struct tarindex *t, const char *path)
{
	for (size_t i = t->n; i > 0; i--)
		if (strcmp(t->entries[i - 1].path, path) == 0)
			return &t->entries[i - 1];
	return NULL;
}

/* Where a symbolic link at `path` points to, from the root of the tar. */
static int follow(const char *path, const char *link, char *out, size_t size)
{
	char joined[2 * PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t dir = slash && link[0] != '/' ? (size_t)(slash - path) : 0;

	while (strncmp(link, "../", 3) == 0) {
		if (!dir)
			return -EINVAL;
		slash = memrchr(path, '/', dir);
		dir = slash ? (size_t)(slash - path) : 0;
		link += 3;
	}
	if (snprintf(joined, sizeof(joined), "%.*s/%s", (int)dir, path, link) >= (int)sizeof(joined))
		return -ENAMETOOLONG;
	return source_path(joined, out, size);
}

int tarindex_find(const struct tarindex *t, const char *path, struct blob *ret)
{
	char here[PATH_MAX], next[PATH_MAX];

	if (source_path(path, here, sizeof(here)) < 0)
		return -ENOENT;
	for (int i = 0; i < LINKS_MAX; i++) {
		const struct entry *e = lookup(t, here);
		int r;

		if (!e)
			return -ENOENT;
		if (e->other)
			return -EINVAL;
		if (!e->link) {
			*ret = (struct blob){ t->tar.fd, (off_t)e->offset, e->size };
			return 0;
		}
		r = e->symlink ? follow(here, e->link, next, sizeof(next)) : source_path(e->link, next, sizeof(next));
		if (r < 0)
			return -ENOENT;
		memcpy(here, next, sizeof(here));
	}
	return -ELOOP;
}
