/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "copy/tar_header.h"

enum { UID_OCTAL_MAX = 07777777 };
static const uint64_t octal_max = 077777777777; /* of sizes and times */

static int flush(struct tar_out *out)
{
	size_t at = 0;

	while (out->error == 0 && at < out->fill) {
		ssize_t n = out->write(out->arg, out->buffer + at, out->fill - at);

		if (n < 0)
			out->error = (int)n;
		else
			at += (size_t)n;
	}
	out->fill = 0;
	return out->error;
}

int tar_put_data(struct tar_out *out, const void *data, size_t size)
{
	const unsigned char *from = data;

	while (size > 0 && out->error == 0) {
		size_t n = sizeof(out->buffer) - out->fill;

		if (n > size)
			n = size;
		memcpy(out->buffer + out->fill, from, n);
		out->fill += n;
		from += n;
		size -= n;
		if (out->fill == sizeof(out->buffer))
			(void)flush(out); /* kept in out->error */
	}
	return out->error;
}

static int put_zeros(struct tar_out *out, uint64_t size)
{
	static const unsigned char zeros[TAR_BLOCK];

	for (; size > 0 && out->error == 0; size -= size < TAR_BLOCK ? size : TAR_BLOCK)
		(void)tar_put_data(out, zeros, size < TAR_BLOCK ? (size_t)size : TAR_BLOCK); /* kept in out->error */
	return out->error;
}

int tar_put_padding(struct tar_out *out, uint64_t size)
{
	return put_zeros(out, -size % TAR_BLOCK);
}

int tar_put_end(struct tar_out *out)
{
	(void)put_zeros(out, 2 * TAR_BLOCK); /* kept in out->error */
	return flush(out);
}

/* With zeros in front, and a NUL. */
static void octal(char *field, size_t size, uint64_t n)
{
	field[--size] = '\0';
	for (; size > 0; n >>= 3)
		field[--size] = (char)('0' + (n & 7));
}

static int put_header(struct tar_out *out, struct tar_header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	memcpy(h->magic, "ustar\0" "00", sizeof(h->magic));
	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += p[i];
	(void)snprintf(h->sum, sizeof(h->sum), "%06o", sum);
	return tar_put_data(out, h, sizeof(*h));
}

/* The records of a pax header. */
struct pax {
	size_t len;
	char text[2 * PATH_MAX + 512];
};

static void pax_add(struct pax *p, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, len = rest + 1; /* blank, '=', newline; a digit */

	while (len != rest + (size_t)snprintf(NULL, 0, "%zu", len))
		len++;
	p->len += (size_t)snprintf(p->text + p->len, sizeof(p->text) - p->len, "%zu %s=%s\n", len, key, value);
}

static void pax_add_number(struct pax *p, const char *key, uint64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	pax_add(p, key, text);
}

static void pax_add_time(struct pax *p, const struct tar_entry *e)
{
	bool before = e->mtime < 0; /* -2 s and 3/4 are -1.25 */
	uint64_t sec = before ? -(uint64_t)e->mtime - (e->mtime_nsec > 0) : (uint64_t)e->mtime;
	char text[48];

	(void)snprintf(text, sizeof(text), "%s%llu.%09u", before ? "-" : "", (unsigned long long)sec,
		       before && e->mtime_nsec ? 1000000000 - e->mtime_nsec : e->mtime_nsec);
	pax_add(p, "mtime", text);
}

static int put_pax(struct tar_out *out, const struct pax *p)
{
	struct tar_header h = { .type = 'x', .name = "pax" };

	octal(h.mode, sizeof(h.mode), 0644);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), p->len);
	octal(h.mtime, sizeof(h.mtime), 0);
	(void)put_header(out, &h); /* kept in out->error */
	(void)tar_put_data(out, p->text, p->len);
	return tar_put_padding(out, p->len);
}

/* A name that fills its field has no NUL. Cut where it does not fit: then the pax header has it. */
static void name(char *field, size_t size, const char *text)
{
	memcpy(field, text, strnlen(text, size));
}

int tar_put(struct tar_out *out, const struct tar_entry *e)
{
	struct tar_header h = { .type = (char)e->type };
	struct pax p = { 0 };
	bool has_target = e->type == TAR_HARD || e->type == TAR_LINK;

	if (strlen(e->path) > sizeof(h.name))
		pax_add(&p, "path", e->path);
	if (has_target && strlen(e->target) > sizeof(h.link))
		pax_add(&p, "linkpath", e->target);
	if (e->size > octal_max)
		pax_add_number(&p, "size", e->size);
	if (e->uid > UID_OCTAL_MAX)
		pax_add_number(&p, "uid", e->uid);
	if (e->gid > UID_OCTAL_MAX)
		pax_add_number(&p, "gid", e->gid);
	if (e->mtime_nsec || e->mtime < 0 || (uint64_t)e->mtime > octal_max)
		pax_add_time(&p, e);
	if (p.len)
		(void)put_pax(out, &p); /* kept in out->error */
	name(h.name, sizeof(h.name), e->path);
	if (has_target)
		name(h.link, sizeof(h.link), e->target);
	octal(h.mode, sizeof(h.mode), e->mode);
	octal(h.uid, sizeof(h.uid), e->uid > UID_OCTAL_MAX ? 0 : e->uid);
	octal(h.gid, sizeof(h.gid), e->gid > UID_OCTAL_MAX ? 0 : e->gid);
	octal(h.size, sizeof(h.size), e->size > octal_max ? 0 : e->size);
	octal(h.mtime, sizeof(h.mtime), e->mtime < 0 || (uint64_t)e->mtime > octal_max ? 0 : (uint64_t)e->mtime);
	return put_header(out, &h);
}
