/* SPDX-License-Identifier: Apache-2.0 */
#include "copy/tar.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/tar_header.h"

static unsigned padding_of(uint64_t size)
{
	return (unsigned)(-size % TAR_BLOCK);
}

/* --- reading --- */

/* Has at least one byte in the buffer. 1, 0 at the end, or a negative errno. */
static int refill(struct tar_in *in)
{
	ssize_t n;

	if (in->at < in->fill)
		return 1;
	n = in->read(in->arg, in->buffer, sizeof(in->buffer));
	if (n <= 0)
		return (int)n;
	in->at = 0;
	in->fill = (size_t)n;
	return 1;
}

/* Exactly so many bytes, or thrown away where data is NULL. */
static int take(struct tar_in *in, void *data, uint64_t size)
{
	unsigned char *to = data;

	while (size > 0) {
		int r = refill(in);
		size_t n = in->fill - in->at;

		if (r <= 0)
			return r < 0 ? r : -ENODATA;
		if (n > size)
			n = (size_t)size;
		if (to) {
			memcpy(to, in->buffer + in->at, n);
			to += n;
		}
		in->at += n;
		size -= n;
	}
	return 0;
}

/* Octal, or GNU's base-256. */
static int number(const char *field, size_t size, int64_t *ret)
{
	const unsigned char *p = (const unsigned char *)field;
	uint64_t v = 0;

	if (p[0] & 0x80) {
		bool negative = p[0] & 0x40;

		v = negative ? (UINT64_MAX << 6) | (p[0] & 0x3f) : p[0] & 0x3f;
		for (size_t i = 1; i < size; i++) {
			if (v >> 55 != (negative ? 0x1ff : 0))
				return -EBADMSG;
			v = v << 8 | p[i];
		}
		*ret = (int64_t)v;
		return 0;
	}
	while (size > 0 && *p == ' ') {
		p++;
		size--;
	}
	for (; size > 0 && *p >= '0' && *p <= '7'; p++, size--)
		v = v << 3 | (unsigned)(*p - '0'); /* 12 digits at most */
	if (size > 0 && *p != ' ' && *p != '\0')
		return -EBADMSG;
	*ret = (int64_t)v;
	return 0;
}

/* The sum of all bytes, its own field taken as blanks; there were programs that took them as signed. */
static bool sum_is_right(const struct tar_header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	int64_t want, plain = 0, with_sign = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool own = i >= offsetof(struct tar_header, sum) && i < offsetof(struct tar_header, type);

		plain += own ? ' ' : p[i];
		with_sign += own ? ' ' : (signed char)p[i];
	}
	return number(h->sum, sizeof(h->sum), &want) == 0 && (want == plain || want == with_sign);
}

static bool is_empty_block(const struct tar_header *h)
{
	static const struct tar_header nothing;

	return memcmp(h, &nothing, sizeof(nothing)) == 0;
}

/* What pax headers and long names have said of the entry that follows. */
struct said {
	bool path, target, size, mtime, uid, gid, sparse;
};

static int set_text(char out[static PATH_MAX], const char *text, size_t len)
{
	if (len == 0 || memchr(text, '\0', len))
		return -EBADMSG;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

static int set_u64(uint64_t max, uint64_t *ret, const char *text)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno || *ret > max ? -EBADMSG : 0;
}

/* Seconds, with a fraction perhaps; before 1970, with a sign. */
static int set_time(struct tar_entry *e, const char *text)
{
	bool negative = *text == '-';
	uint32_t nsec = 0, unit = 100000000;
	uint64_t sec = 0;
	char *end;

	text += negative;
	errno = 0;
	sec = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || errno || sec > INT64_MAX)
		return -EBADMSG;
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
			nsec += (uint32_t)(*end - '0') * unit;
	if (*end)
		return -EBADMSG;
	e->mtime = negative ? -(int64_t)sec - (nsec > 0) : (int64_t)sec;
	e->mtime_nsec = negative && nsec ? 1000000000 - nsec : nsec;
	return 0;
}

/* One record; key and value end in a NUL. */
static int take_record(struct tar_entry *e, struct said *said, const char *key, const char *value, size_t len)
{
	uint64_t n;
	int r = 0;

	if (!strcmp(key, "path")) {
		r = set_text(e->path, value, len);
		said->path = true;
	} else if (!strcmp(key, "linkpath")) {
		r = set_text(e->target, value, len);
		said->target = true;
	} else if (!strcmp(key, "size")) {
		r = set_u64(INT64_MAX, &e->size, value);
		said->size = true;
	} else if (!strcmp(key, "mtime")) {
		r = set_time(e, value);
		said->mtime = true;
	} else if (!strcmp(key, "uid") || !strcmp(key, "gid")) {
		r = set_u64(UINT32_MAX - 1, &n, value);
		*(*key == 'u' ? &e->uid : &e->gid) = (uint32_t)n;
		*(*key == 'u' ? &said->uid : &said->gid) = true;
	} else if (!strncmp(key, "GNU.sparse.", 11)) {
		said->sparse = true;
	}
	return r;
}

/* "LENGTH KEY=VALUE\n", again and again. */
static int take_pax(struct tar_entry *e, struct said *said, char *text, size_t size)
{
	while (size > 0) {
		size_t len = 0, digits = 0;
		char *equals;
		int r;

		while (digits < size && text[digits] >= '0' && text[digits] <= '9' && len <= TAR_PAX_MAX)
			len = len * 10 + (size_t)(text[digits++] - '0');
		if (digits == 0 || digits == size || text[digits] != ' ' || len > size || len < digits + 4 ||
		    text[len - 1] != '\n')
			return -EBADMSG;
		text[len - 1] = '\0';
		equals = memchr(text + digits + 1, '=', len - digits - 2);
		if (!equals)
			return -EBADMSG;
		*equals = '\0';
		r = take_record(e, said, text + digits + 1, equals + 1, (size_t)(text + len - 1 - (equals + 1)));
		if (r < 0)
			return r;
		text += len;
		size -= len;
	}
	return 0;
}

/* What stands in front of an entry. */
static int take_extension(struct tar_in *in, struct tar_entry *e, struct said *said, char type, uint64_t size)
{
	char *text;
	int r;

	if (size > TAR_PAX_MAX)
		return -EBADMSG;
	text = malloc((size_t)size + 1);
	if (!text)
		return -ENOMEM;
	r = take(in, text, size);
	if (r == 0)
		r = take(in, NULL, padding_of(size));
	text[size] = '\0';
	if (r == 0 && type == 'x') {
		r = take_pax(e, said, text, (size_t)size);
	} else if (r == 0 && type == 'L') {
		r = set_text(e->path, text, strlen(text));
		said->path = true;
	} else if (r == 0 && type == 'K') {
		r = set_text(e->target, text, strlen(text));
		said->target = true;
	}
	free(text);
	return r;
}

static void set_names(const struct tar_header *h, struct tar_entry *e, const struct said *said)
{
	bool posix = !memcmp(h->magic, "ustar\0" "00", sizeof(h->magic)) && h->prefix[0];

	if (!said->path)
		(void)snprintf(e->path, sizeof(e->path), "%.*s%s%.*s", posix ? (int)sizeof(h->prefix) : 0, h->prefix,
			       posix ? "/" : "", (int)sizeof(h->name), h->name);
	if (!said->target)
		(void)snprintf(e->target, sizeof(e->target), "%.*s", (int)sizeof(h->link), h->link);
}

static enum tar_type type_of(const struct tar_header *h, const struct tar_entry *e, const struct said *said)
{
	size_t len = strlen(e->path);

	if (said->sparse || h->type == 'S')
		return TAR_SPARSE;
	switch (h->type) {
	case '0':
	case '7':
		return TAR_FILE;
	case '\0': /* the old kind */
		return len > 0 && e->path[len - 1] == '/' ? TAR_DIR : TAR_FILE;
	case '1':
		return TAR_HARD;
	case '2':
		return TAR_LINK;
	case '5':
		return TAR_DIR;
	default:
		return TAR_OTHER;
	}
}

static int set_entry(struct tar_in *in, const struct tar_header *h, struct tar_entry *e, const struct said *said, uint64_t size)
{
	int64_t mode, uid = 0, gid = 0, mtime = 0;

	if (number(h->mode, sizeof(h->mode), &mode) < 0 || (!said->uid && number(h->uid, sizeof(h->uid), &uid) < 0) ||
	    (!said->gid && number(h->gid, sizeof(h->gid), &gid) < 0) ||
	    (!said->mtime && number(h->mtime, sizeof(h->mtime), &mtime) < 0))
		return -EBADMSG;
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return -EBADMSG;
	set_names(h, e, said);
	e->type = type_of(h, e, said);
	if (!e->path[0] || ((e->type == TAR_LINK || e->type == TAR_HARD) && !e->target[0]))
		return -EBADMSG;
	e->mode = (uint32_t)mode & 07777;
	if (!said->uid)
		e->uid = (uint32_t)uid;
	if (!said->gid)
		e->gid = (uint32_t)gid;
	if (!said->mtime)
		e->mtime = mtime;
	if (!said->size)
		e->size = size;
	/* of links and directories some programs give a size without data */
	if (e->type == TAR_LINK || e->type == TAR_HARD || e->type == TAR_DIR)
		e->size = 0;
	in->left = e->size;
	in->padding = padding_of(e->size);
	return 1;
}

int tar_read(struct tar_in *in, struct tar_entry *ret)
{
	struct said said = { 0 };
	struct tar_header h;
	int64_t size;
	int r = take(in, NULL, in->left);

	if (r == 0)
		r = take(in, NULL, in->padding);
	in->left = in->padding = 0;
	ret->mtime_nsec = 0;
	while (r == 0) {
		r = take(in, &h, sizeof(h));
		if (r < 0)
			return r;
		if (is_empty_block(&h))
			return 0;
		if (!sum_is_right(&h) || number(h.size, sizeof(h.size), &size) < 0 || size < 0)
			return -EBADMSG;
		if (!strchr("xgLK", h.type) || !h.type)
			return set_entry(in, &h, ret, &said, (uint64_t)size);
		r = take_extension(in, ret, &said, h.type, (uint64_t)size);
	}
	return r;
}

ssize_t tar_read_data(struct tar_in *in, const unsigned char **ret)
{
	size_t n;
	int r;

	if (in->left == 0)
		return 0;
	r = refill(in);
	if (r <= 0)
		return r < 0 ? r : -ENODATA;
	n = in->fill - in->at;
	if (n > in->left)
		n = (size_t)in->left;
	*ret = in->buffer + in->at;
	in->at += n;
	in->left -= n;
	return (ssize_t)n;
}
