/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes what reads the names, manifests and configs of an image archive. The first byte chooses the format, NUL bytes
 * part the documents:
 *   'd'  a docker archive: manifest.json, and one document that every other name stands for
 *   'i'  an OCI layout whose index.json is the document
 *   'm'  an OCI layout: a manifest, in which '@' stands for the members that describe the config, and the config
 *   't'  the rest is a tar, whose headers are read
 *   'r'  the rest is a reference
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "image/digest.h"
#include "image/manifest.h"
#include "image/ref.h"
#include "image/tarindex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct documents {
	char kind;
	struct buf first, second, index;
	char first_name[128], second_name[128];
};

static int give(const struct buf *b, char **ret, size_t *ret_len)
{
	*ret = malloc(b->len + 1);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, buf_str(b), b->len);
	(*ret)[b->len] = '\0';
	*ret_len = b->len;
	return 0;
}

static int read_document(void *user, const char *name, size_t max, char **ret, size_t *ret_len, struct error *err)
{
	const struct documents *d = user;

	if (strcmp(name, "index.json") == 0)
		return d->kind == 'd' ? error_set(err, -ENOENT, "absent") : give(&d->index, ret, ret_len);
	if (strcmp(name, "manifest.json") == 0)
		return d->kind == 'd' ? give(&d->first, ret, ret_len) : error_set(err, -ENOENT, "absent");
	if (d->kind == 'm' && strcmp(name, d->first_name) == 0)
		return give(&d->first, ret, ret_len);
	if (d->kind == 'm' && strcmp(name, d->second_name) != 0)
		return error_set(err, -ENOENT, "absent");
	return give(&d->second, ret, ret_len);
}

/* Makes the parts of a layout fit one another. */
static void prepare_layout(struct documents *d)
{
	char digest[DIGEST_SIZE];
	struct buf manifest = BUF_INIT;

	digest_of(buf_str(&d->second), d->second.len, digest);
	(void)snprintf(d->second_name, sizeof(d->second_name), "blobs/sha256/%s", digest + 7);
	for (size_t i = 0; i < d->first.len; i++) {
		if (d->first.data[i] == '@')
			buf_printf(&manifest, "\"digest\":\"%s\",\"size\":%zu", digest, d->second.len);
		else
			buf_putc(&manifest, d->first.data[i]);
	}
	buf_clear(&d->first);
	d->first = manifest;
	digest_of(buf_str(&d->first), d->first.len, digest);
	(void)snprintf(d->first_name, sizeof(d->first_name), "blobs/sha256/%s", digest + 7);
	buf_printf(&d->index, "{\"manifests\":[{\"digest\":\"%s\",\"size\":%zu}]}", digest, d->first.len);
}

static void read_documents(char kind, const char *text, size_t len)
{
	struct documents d = { .kind = kind, .first = BUF_INIT, .second = BUF_INIT, .index = BUF_INIT };
	_cleanup_arena_ struct arena *a = arena_new(64 << 20);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct manifest_image *images = NULL;
	const char *nul = memchr(text, '\0', len);
	size_t n = 0;

	buf_append(kind == 'i' ? &d.index : &d.first, text, nul ? (size_t)(nul - text) : len);
	if (nul)
		buf_append(&d.second, nul + 1, (size_t)(text + len - nul - 1));
	if (kind == 'm')
		prepare_layout(&d);
	if (manifest_read(read_document, &d, "amd64", NULL, a, &images, &n, &err) == 0) {
		for (size_t i = 0; i < n; i++) {
			if (!image_digest_valid(images[i].digest) || !image_digest_valid(images[i].id))
				abort();
			for (size_t k = 0; k < images[i].n_layers; k++)
				if (!images[i].layers[k].blob || !image_digest_valid(images[i].layers[k].diff_id))
					abort();
		}
	}
	buf_clear(&d.first);
	buf_clear(&d.second);
	buf_clear(&d.index);
}

static void read_tar(const char *data, size_t len)
{
	_cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct blob tar = { .fd = fd, .offset = 0, .size = len }, found;
	struct tarindex *t = NULL;

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		return;
	if (tarindex_read(&tar, &t, &err) < 0)
		return;
	if (tarindex_find(t, "index.json", &found) == 0 && (uint64_t)found.offset + found.size > len)
		abort();
	tarindex_free(t);
}

static void read_reference(const char *data, size_t len)
{
	_cleanup_free_ char *text = strndup(data, len), *once = NULL, *twice = NULL;

	if (!text || image_ref_normalize(text, &once, NULL) < 0)
		return;
	if (image_ref_normalize(image_ref_familiar(once), &twice, NULL) < 0 || strcmp(once, twice) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (!size)
		return 0;
	switch (data[0]) {
	case 'd':
	case 'i':
	case 'm':
		read_documents((char)data[0], text, size - 1);
		break;
	case 't':
		read_tar(text, size - 1);
		break;
	case 'r':
		read_reference(text, size - 1);
		break;
	default:
		break;
	}
	return 0;
}
