/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/blob.h"

#include <errno.h>
#include <string.h>

enum { BLOB_MIN = 4096 };

static struct fs_blob *make(const void *data, size_t len, size_t cap)
{
	struct fs_blob *b = malloc(sizeof(*b));

	if (!b)
		return NULL;
	*b = (struct fs_blob){ .refs = 1, .len = len, .cap = cap, .data = cap ? malloc(cap) : NULL };
	if (cap && !b->data) {
		free(b);
		return NULL;
	}
	if (len)
		memcpy(b->data, data, len);
	return b;
}

struct fs_blob *fs_blob_new(const void *data, size_t len)
{
	return make(data, len, len);
}

struct fs_blob *fs_blob_ref(struct fs_blob *b)
{
	b->refs++;
	return b;
}

void fs_blob_unref(struct fs_blob *b)
{
	if (!b || --b->refs > 0)
		return;
	free(b->data);
	free(b);
}

/* Makes *b ours alone with room for `cap` bytes. */
static int own(struct fs_blob **b, size_t cap)
{
	struct fs_blob *old = *b;

	if (old->refs == 1 && old->cap >= cap)
		return 0;
	if (cap > old->cap)
		cap = cap < BLOB_MIN ? BLOB_MIN : cap + cap / 2;
	if (old->refs == 1) {
		char *bigger = realloc(old->data, cap);

		if (!bigger)
			return -ENOMEM;
		old->data = bigger;
		old->cap = cap;
		return 0;
	}
	*b = make(old->data, old->len, cap > old->len ? cap : old->len);
	if (!*b) {
		*b = old;
		return -ENOMEM;
	}
	fs_blob_unref(old);
	return 0;
}

int fs_blob_write(struct fs_blob **b, const void *data, size_t len, size_t at)
{
	int r;

	if (at > FS_MANIFEST_MAX || len > FS_MANIFEST_MAX - at)
		return -EFBIG;
	r = own(b, at + len);
	if (r < 0)
		return r;
	if (at > (*b)->len)
		memset((*b)->data + (*b)->len, 0, at - (*b)->len);
	if (len)
		memcpy((*b)->data + at, data, len);
	if (at + len > (*b)->len)
		(*b)->len = at + len;
	return 0;
}

int fs_blob_resize(struct fs_blob **b, size_t len)
{
	int r;

	if (len > FS_MANIFEST_MAX)
		return -EFBIG;
	r = own(b, len);
	if (r < 0)
		return r;
	if (len > (*b)->len)
		memset((*b)->data + (*b)->len, 0, len - (*b)->len);
	(*b)->len = len;
	return 0;
}
