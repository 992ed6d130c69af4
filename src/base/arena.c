/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks that double in size up to 64 KiB; an allocation larger than a chunk gets one of its own. The first chunk
 * is small, since most objects are.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

enum { FIRST_CHUNK = 1024, LAST_CHUNK = 64 * 1024 };

struct chunk {
	struct chunk *next;
	size_t size, used; /* bytes of data[] */
	_Alignas(8) char data[];
};

struct arena {
	struct chunk *chunks; /* newest first; only the newest has room */
	size_t limit, total, next_size;
	bool failed;
};

struct arena *arena_new(size_t limit)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a) {
		a->limit = limit;
		a->next_size = FIRST_CHUNK;
	}
	return a;
}

void arena_free(struct arena *a)
{
	struct chunk *c;

	if (!a)
		return;
	while ((c = a->chunks)) {
		a->chunks = c->next;
		free(c);
	}
	free(a);
}

/* Adds a chunk with room for at least `size` bytes. */
static struct chunk *add_chunk(struct arena *a, size_t size)
{
	size_t bytes = size > a->next_size ? size : a->next_size;
	struct chunk *c;

	if (size > SIZE_MAX / 2 || (a->limit && size > a->limit - a->total))
		return NULL;
	if (a->limit && bytes > a->limit - a->total)
		bytes = a->limit - a->total;
	c = malloc(sizeof(*c) + bytes);
	if (!c)
		return NULL;
	*c = (struct chunk){ .next = a->chunks, .size = bytes };
	a->chunks = c;
	a->total += bytes;
	if (a->next_size < LAST_CHUNK)
		a->next_size *= 2;
	return c;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c;
	void *p;

	if (!a || a->failed)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	c = a->chunks;
	if (!c || c->size - c->used < size)
		c = add_chunk(a, size);
	if (!c) {
		a->failed = true;
		return NULL;
	}
	p = c->data + c->used;
	c->used += size;
	return memset(p, 0, size);
}

char *arena_memdup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (p && len)
		memcpy(p, s, len);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (p) {
		va_start(ap, fmt);
		(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	return p;
}

bool arena_failed(const struct arena *a)
{
	return !a || a->failed;
}

size_t arena_size(const struct arena *a)
{
	return a->total;
}
