/* SPDX-License-Identifier: Apache-2.0 */
#include "image/stream.h"

#include <archive.h>
#include <stdbool.h>
#include <string.h>

#include "image/digest.h"

enum { CHUNK = 256 * 1024 };

struct stream {
	struct blob blob;
	uint64_t pos;		 /* in the blob */
	uint64_t total, max;	 /* of decompressed bytes */
	struct archive *raw;	 /* NULL: the blob is not compressed */
	struct digest digest;	 /* of the blob; not used when it is not compressed */
	struct digest diff;	 /* of the tar */
	int failed;		 /* negative errno */
	char chunk[CHUNK];
};

void stream_free(struct stream *s)
{
	if (!s)
		return;
	if (s->raw)
		(void)archive_read_free(s->raw); /* ignoring: nothing is written through it */
	free(s);
}

static la_ssize_t read_blob(struct archive *a, void *data, const void **ret)
{
	struct stream *s = data;
	ssize_t n = blob_read(&s->blob, s->pos, s->chunk, sizeof(s->chunk));

	if (n < 0) {
		archive_set_error(a, (int)-n, "reading: %s", strerrordesc_np((int)-n));
		return -1;
	}
	s->pos += (uint64_t)n;
	digest_update(&s->digest, s->chunk, (size_t)n);
	*ret = s->chunk;
	return n;
}

/* Whether a blob begins with the magic number of a compression that is known. */
static int is_compressed(const struct blob *blob)
{
	static const struct {
		size_t len;
		unsigned char bytes[6];
	} MAGIC[] = {
		{ 3, { 0x1f, 0x8b, 0x08 } },			   /* gzip */
		{ 4, { 0x28, 0xb5, 0x2f, 0xfd } },		   /* zstd */
		{ 6, { 0xfd, '7', 'z', 'X', 'Z', 0x00 } },	   /* xz */
		{ 3, { 'B', 'Z', 'h' } },			   /* bzip2 */
		{ 4, { 0x50, 0x2a, 0x4d, 0x18 } },		   /* zstd, a skippable frame first */
	};
	unsigned char first[6] = { 0 };
	ssize_t n = blob_read(blob, 0, first, sizeof(first));

	if (n < 0)
		return (int)n;
	for (size_t i = 0; i < ARRAY_SIZE(MAGIC); i++)
		if ((size_t)n >= MAGIC[i].len && memcmp(first, MAGIC[i].bytes, MAGIC[i].len) == 0)
			return 1;
	return 0;
}

static int open_decompressor(struct stream *s, struct error *err)
{
	struct archive_entry *entry;

	s->raw = archive_read_new();
	if (!s->raw || archive_read_support_format_raw(s->raw) != ARCHIVE_OK)
		return error_set(err, -ENOMEM, "out of memory");
	/* ignoring: a filter that this libarchive lacks fails when it is met */
	(void)archive_read_support_filter_gzip(s->raw);
	(void)archive_read_support_filter_zstd(s->raw);
	(void)archive_read_support_filter_xz(s->raw);
	(void)archive_read_support_filter_bzip2(s->raw);
	if (archive_read_open(s->raw, s, NULL, read_blob, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(s->raw, &entry) != ARCHIVE_OK)
		return error_set(err, -EINVAL, "decompressing: %s", archive_error_string(s->raw));
	return 0;
}

int stream_open(const struct blob *blob, uint64_t max_bytes, struct stream **ret, struct error *err)
{
	_cleanup_stream_ struct stream *s = malloc(sizeof(*s));
	int r;

	if (!s)
		return error_set(err, -ENOMEM, "out of memory");
	s->blob = *blob;
	s->pos = s->total = 0;
	s->max = max_bytes;
	s->raw = NULL;
	s->failed = 0;
	digest_init(&s->digest);
	digest_init(&s->diff);
	r = is_compressed(blob);
	if (r < 0)
		return error_errno(err, r, "reading");
	if (r) {
		r = open_decompressor(s, err);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(s);
	return 0;
}

static ssize_t next_decompressed(struct stream *s, const void **ret, struct error *err)
{
	size_t len = 0;
	la_int64_t offset;
	int r;

	do
		r = archive_read_data_block(s->raw, ret, &len, &offset);
	while (r == ARCHIVE_OK && !len);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_OK)
		return error_set(err, -EINVAL, "decompressing: %s", archive_error_string(s->raw));
	return (ssize_t)len;
}

ssize_t stream_next(struct stream *s, const void **ret, struct error *err)
{
	ssize_t n;

	if (s->failed)
		return error_errno(err, s->failed, "reading");
	if (s->raw) {
		n = next_decompressed(s, ret, err);
	} else {
		n = blob_read(&s->blob, s->pos, s->chunk, sizeof(s->chunk));
		if (n < 0)
			error_errno(err, (int)n, "reading");
		else
			s->pos += (uint64_t)n;
		*ret = s->chunk;
	}
	if (n > 0) {
		digest_update(&s->diff, *ret, (size_t)n);
		s->total += (uint64_t)n;
		if (s->total > s->max)
			n = error_set(err, -EFBIG, "it unpacks to more than %ju bytes, from %ju", (uintmax_t)s->max,
				      (uintmax_t)s->blob.size);
	}
	if (n < 0)
		s->failed = (int)n;
	return n;
}

int stream_verify(struct stream *s, const char *digest, const char *diff_id, struct error *err)
{
	char got_diff[DIGEST_SIZE], got[DIGEST_SIZE];
	const void *data;
	ssize_t n;

	do
		n = stream_next(s, &data, err);
	while (n > 0);
	if (n < 0)
		return (int)n;
	digest_final(&s->diff, got_diff);
	if (s->raw) {
		/* What follows the compressed data is part of the blob too. */
		do
			n = read_blob(s->raw, s, &data);
		while (n > 0);
		if (n < 0)
			return error_set(err, -EIO, "reading the rest of it failed");
		digest_final(&s->digest, got);
	} else {
		memcpy(got, got_diff, sizeof(got));
	}
	if (digest && strcmp(digest, got) != 0)
		return error_set(err, -EINVAL, "it does not have its digest %s: it is %s", digest, got);
	if (strcmp(diff_id, got_diff) != 0)
		return error_set(err, -EINVAL, "unpacked it does not have the digest that the config names, %s: it is %s",
				 diff_id, got_diff);
	return 0;
}
