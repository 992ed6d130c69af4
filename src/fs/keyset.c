/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keyset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/siphash.h"

enum { SIZE_START = 16 };

void fs_keyset_clear(struct fs_keyset *s)
{
	free(s->slots);
	s->slots = NULL;
	s->n = s->size = 0;
}

/* Where the key is, or the empty slot where it belongs. Called with room for one more. */
static size_t find_slot(const struct fs_keyset *s, const char *key)
{
	size_t at = (size_t)fs_siphash(s->seed, key, strlen(key)) & (s->size - 1);

	while (s->slots[at] && strcmp(s->slots[at], key) != 0)
		at = (at + 1) & (s->size - 1);
	return at;
}

static int grow(struct fs_keyset *s)
{
	struct fs_keyset bigger = { .seed = s->seed, .n = s->n, .size = s->size ? s->size * 2 : SIZE_START };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < s->size; i++)
		if (s->slots[i])
			bigger.slots[find_slot(&bigger, s->slots[i])] = s->slots[i];
	free(s->slots);
	*s = bigger;
	return 0;
}

int fs_keyset_add(struct fs_keyset *s, const char *key)
{
	size_t at;

	if (s->n >= s->size / 2 && grow(s) < 0)
		return -ENOMEM;
	at = find_slot(s, key);
	if (s->slots[at])
		return 0;
	s->slots[at] = key;
	s->n++;
	return 1;
}

int fs_keyset_add_declared(struct fs_keyset *s, const struct fs_record *rec)
{
	for (const char *k = NULL; rec && (k = fs_record_next_declared(rec, k));)
		if (fs_keyset_add(s, k) < 0)
			return -ENOMEM;
	return 0;
}

bool fs_keyset_has(const struct fs_keyset *s, const char *key)
{
	return s->size && s->slots[find_slot(s, key)];
}
