/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/logindex.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 32 * 1024 };

static size_t header(struct cri_filter *f, const char *data, size_t len)
{
	size_t i = 0;

	for (; i < len && f->fields < 3 && data[i] != '\n'; i++) {
		if (data[i] == ' ') {
			f->fields++;
		} else if (f->fields == 2 && !f->tag_started) {
			f->tag = data[i];
			f->tag_started = true;
		}
	}
	return i;
}

size_t cri_line(struct cri_filter *f, const char *data, size_t len, size_t *ret_plain, struct buf *out)
{
	size_t at = header(f, data, len), text;
	const char *nl = at < len ? memchr(data + at, '\n', len - at) : NULL;
	bool in_text = f->fields == 3;

	text = (nl ? (size_t)(nl - data) : len) - at;
	*ret_plain = in_text ? text + (nl && f->tag != 'P') : 0;
	if (out && in_text)
		buf_append(out, data + at, *ret_plain);
	if (!nl)
		return len;
	*f = (struct cri_filter){ 0 };
	return at + text + 1;
}

void logindex_clear(struct logindex *x)
{
	free(x->marks);
	*x = (struct logindex){ 0 };
}

/* Ignoring lack of memory: reading starts further ahead then. */
static void mark(struct logindex *x)
{
	uint64_t last = x->n ? x->marks[x->n - 1].raw : 0;

	if (x->raw - last < LOGINDEX_STEP)
		return;
	if (x->n == x->cap) {
		size_t cap = x->cap ? x->cap * 2 : 16;
		struct logindex_mark *bigger = reallocarray(x->marks, cap, sizeof(*bigger));

		if (!bigger)
			return;
		x->marks = bigger;
		x->cap = cap;
	}
	x->marks[x->n++] = (struct logindex_mark){ x->raw, x->plain };
}

int logindex_update(struct logindex *x, int fd)
{
	char chunk[CHUNK];
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size < x->raw)
		logindex_clear(x);
	while (x->raw < (uint64_t)st.st_size && (got = pread(fd, chunk, sizeof(chunk), (off_t)x->raw)) != 0) {
		if (got < 0)
			return -errno;
		for (size_t used = 0, plain, n; used < (size_t)got; used += n) {
			n = cri_line(&x->at, chunk + used, (size_t)got - used, &plain, NULL);
			x->raw += n;
			x->plain += plain;
			if (x->at.fields == 0 && !x->at.tag_started && chunk[used + n - 1] == '\n')
				mark(x);
		}
	}
	return 0;
}

/* The last mark that is not after `off`. */
static struct logindex_mark find_mark(const struct logindex *x, uint64_t off)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (x->marks[mid].plain <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? x->marks[lo - 1] : (struct logindex_mark){ 0, 0 };
}

int logindex_read(struct logindex *x, int fd, uint64_t off, size_t size, struct buf *out)
{
	struct logindex_mark at = find_mark(x, off);
	struct cri_filter f = { 0 };
	char chunk[CHUNK];
	size_t left = size;
	ssize_t got;

	/* No further than the index has been told of: what stat(2) and read(2) say agrees. */
	while (left > 0 && at.raw < x->raw) {
		size_t want = x->raw - at.raw < sizeof(chunk) ? (size_t)(x->raw - at.raw) : sizeof(chunk);

		got = pread(fd, chunk, want, (off_t)at.raw);
		if (got <= 0)
			return got < 0 ? -errno : 0;
		for (size_t used = 0, plain, n; used < (size_t)got && left > 0; used += n) {
			size_t before = out->len, skip;

			n = cri_line(&f, chunk + used, (size_t)got - used, &plain, out);
			if (buf_failed(out))
				return -ENOMEM;
			skip = off > at.plain ? (off - at.plain < plain ? (size_t)(off - at.plain) : plain) : 0;
			if (skip && plain)
				memmove(out->data + before, out->data + before + skip, plain - skip);
			out->len = before + (plain - skip < left ? plain - skip : left);
			left -= out->len - before;
			at.plain += plain;
		}
		at.raw += (uint64_t)got;
	}
	return 0;
}
