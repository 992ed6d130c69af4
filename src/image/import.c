/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "image/layer.h"
#include "image/manifest.h"
#include "image/ref.h"
#include "image/source.h"
#include "value/json.h"

enum { PLAN_MAX_BYTES = 512 << 20 /* of memory for all manifests of an archive */ };

struct import {
	struct store *store;
	struct source *source;
	const struct import_options *options;
	struct arena *arena;
	struct error *err;
};

static int read_member(void *user, const char *name, size_t max, char **ret, size_t *ret_len, struct error *err)
{
	return source_read(user, name, max, ret, ret_len, err);
}

/* What may still be written: an archive must not fill the disk to its last block. */
static uint64_t room(const struct store *s)
{
	struct statvfs vfs;
	uint64_t free_bytes;

	if (fstatvfs(s->dir, &vfs) < 0)
		return UINT64_MAX; /* ignoring: the file system says itself when it is full */
	free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return free_bytes - free_bytes / 20;
}

/* A limit that was passed because the disk has no more is not the archive's fault. */
static int no_room(int r, uint64_t limit, uint64_t free_bytes, struct error *err)
{
	return r == -EFBIG && limit == free_bytes ?
		       error_set(err, -ENOSPC, "the store has room for %ju bytes only", (uintmax_t)free_bytes) :
		       r;
}

/* Unpacks a layer into its temporary directory, unless the store has it. 1 when it was unpacked. */
static int unpack_layer(struct import *im, const struct manifest_layer *l, uint64_t *ret_size)
{
	_cleanup_close_ int dirfd = -1;
	struct layer_limits limits;
	struct blob blob = { .fd = -1 };
	uint64_t free_bytes;
	int r;

	if (store_layer_size(im->store, l->diff_id, ret_size) == 0)
		return 0;
	r = source_find(im->source, l->blob, &blob, im->err);
	if (r < 0)
		return r;
	if (l->size >= 0 && (uint64_t)l->size != blob.size)
		return error_set(im->err, -EINVAL, "it has %ju bytes; its descriptor says %jd", (uintmax_t)blob.size,
				 (intmax_t)l->size);
	free_bytes = room(im->store);
	limits = layer_limits_for(blob.size, im->options->max_bytes);
	if (limits.bytes > free_bytes)
		limits.bytes = free_bytes;
	r = store_layer_begin(im->store, l->diff_id, &dirfd, im->err);
	if (r == 0)
		r = layer_unpack(&blob, l->digest, l->diff_id, &limits, dirfd, ret_size, im->err);
	r = no_room(r, limits.bytes, free_bytes, im->err);
	if (r == 0)
		r = store_layer_sized(im->store, l->diff_id, *ret_size, im->err);
	return r < 0 ? r : 1;
}

/* Brings all layers of an image into the store, synced. */
static int import_layers(struct import *im, const struct manifest_image *image, uint64_t *ret_size)
{
	_cleanup_free_ bool *fresh = calloc(image->n_layers + 1, sizeof(*fresh));
	uint64_t total = 0;
	bool any = false;
	int r;

	if (!fresh)
		return error_set(im->err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < image->n_layers; i++) {
		uint64_t size = 0;

		r = unpack_layer(im, &image->layers[i], &size);
		if (r < 0) {
			error_wrap(im->err, "layer %zu, %s", i, image->layers[i].blob);
			return r;
		}
		fresh[i] = r;
		any |= r;
		total += size;
	}
	/* One call for thousands of files: syncing each would wait for the disk as often. */
	if (any && syncfs(im->store->dir) < 0)
		return error_errno(im->err, -errno, "writing the layers to the disk");
	for (size_t i = 0; i < image->n_layers; i++) {
		if (!fresh[i])
			continue;
		r = store_layer_commit(im->store, image->layers[i].diff_id, im->err);
		if (r < 0)
			return r;
	}
	*ret_size = total;
	return any ? store_sync_layers(im->store, im->err) : 0;
}

static bool has_string(const struct value *list, const char *s)
{
	for (size_t i = 0; i < value_len(list); i++)
		if (strcmp(value_str_or(value_at(list, i), ""), s) == 0)
			return true;
	return false;
}

/* Adds the strings of `from` that `to` lacks. */
static void add_strings(struct arena *a, struct value *to, const struct value *from)
{
	for (size_t i = 0; i < value_len(from); i++) {
		const char *s = value_str_or(value_at(from, i), "");

		if (!has_string(to, s))
			value_append(a, to, value_new_str(a, s));
	}
}

/* Which of the record's names came from a registry: the new ones, or those of the old that are not new. */
static void set_pulled(struct import *im, struct value *record, const struct value *names, const struct value *old)
{
	const struct value *before = value_get(old, "pulled");
	struct value *pulled = value_new_list(im->arena);

	if (im->options->pulled)
		add_strings(im->arena, pulled, names);
	for (size_t i = 0; i < value_len(before); i++) {
		const char *s = value_str_or(value_at(before, i), "");

		if (!has_string(names, s))
			value_append(im->arena, pulled, value_new_str(im->arena, s));
	}
	value_set(im->arena, record, "pulled", pulled);
}

static struct value *make_record(struct import *im, const struct manifest_image *image, uint64_t size,
				 const struct value *old)
{
	struct arena *a = im->arena;
	struct value *record = value_new_map(a), *layers;

	value_set_int(a, record, "version", STORE_RECORD_VERSION);
	add_strings(a, value_set_list(a, record, "names"), image->names);
	add_strings(a, value_get(record, "names"), value_get(old, "names"));
	set_pulled(im, record, image->names, old);
	value_set_str(a, record, "digest", image->digest);
	add_strings(a, value_set_list(a, record, "digests"), image->digests);
	add_strings(a, value_get(record, "digests"), value_get(old, "digests"));
	value_set_str(a, record, "id", image->id);
	value_set_int(a, record, "size", (int64_t)size);
	value_set_int(a, record, "created", clock_realtime());
	layers = value_set_list(a, record, "layers");
	for (size_t i = 0; i < image->n_layers; i++)
		value_append(a, layers, value_new_strf(a, "layers/sha256-%s",
						       image->layers[i].diff_id + strlen("sha256:")));
	value_set(a, record, "config", image->config);
	return record;
}

/* Removes the strings of `names` from a list; whether there was one. */
static bool drop_strings(struct value *list, const struct value *names)
{
	bool changed = false;

	for (size_t k = value_len(list); k > 0; k--)
		if (has_string(names, value_str_or(value_at(list, k - 1), "")))
			changed |= value_remove_at(list, k - 1);
	return changed;
}

/* Takes names away from the images that had them: a name means one image. */
static int take_names(struct import *im, const struct value *records, const struct value *record)
{
	const char *digest = value_str(value_get(record, "digest"));
	const struct value *names = value_get(record, "names");

	for (size_t i = 0; i < value_len(records); i++) {
		const struct value *other = value_at(records, i);
		struct value *theirs = value_get(other, "names");
		bool changed = false;
		int r;

		if (strcmp(value_str_or(value_get(other, "digest"), ""), digest) == 0)
			continue;
		changed = drop_strings(theirs, names);
		r = changed ? store_put(im->store, other, im->err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int import_image(struct import *im, const struct manifest_image *image, struct buf *out)
{
	struct value *records = NULL, *record;
	uint64_t size = 0;
	int r;

	r = import_layers(im, image, &size);
	if (r == 0)
		r = store_records(im->store, im->arena, &records, im->err);
	if (r < 0)
		return r;
	record = make_record(im, image, size, value_find(records, "digest", image->digest));
	if (arena_failed(im->arena))
		return error_set(im->err, -ENOMEM, "out of memory");
	/* The new record first: a crash leaves a name twice, never nowhere, and the later record wins. */
	r = store_put(im->store, record, im->err);
	if (r == 0)
		r = take_names(im, records, record);
	if (r < 0)
		return r;
	json_write(out, record, 0);
	buf_putc(out, '\n');
	return 0;
}

int import_archive(struct store *s, int fd, const struct import_options *options, struct buf *out, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(PLAN_MAX_BYTES);
	_cleanup_source_ struct source *source = NULL;
	struct manifest_image *images = NULL;
	size_t n = 0;
	struct import im = { .store = s, .options = options, .arena = a, .err = err };
	uint64_t free_bytes = room(s), limit = options->max_bytes < free_bytes ? options->max_bytes : free_bytes;
	int r;

	/* A stream that stalls, or is slow, must not hold the lock. */
	r = no_room(source_open(fd, s->layers, limit, &source, err), limit, free_bytes, err);
	if (r < 0)
		return r;
	im.source = source;
	r = manifest_read(read_member, source, options->architecture, options->name, a, &images, &n, err);
	if (r == 0)
		r = store_lock(s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = import_image(&im, &images[i], out);
		if (r < 0) {
			(void)store_collect(s, NULL); /* ignoring: the next change does it */
			return r;
		}
	}
	return buf_failed(out) ? error_set(err, -ENOMEM, "out of memory") : 0;
}

static int compare_records(const void *x, const void *y)
{
	const struct value *const *a = x, *const *b = y;
	int r = strcmp(value_str_or(value_at(value_get(*a, "names"), 0), "~"),
		       value_str_or(value_at(value_get(*b, "names"), 0), "~"));

	return r ? r : strcmp(value_str_or(value_get(*a, "digest"), ""), value_str_or(value_get(*b, "digest"), ""));
}

int import_list(struct store *s, struct buf *out, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *records = NULL;
	const struct value **sorted;
	size_t n;
	int r = store_records(s, a, &records, err);

	if (r < 0)
		return r;
	n = value_len(records);
	sorted = arena_alloc(a, (n + 1) * sizeof(*sorted));
	if (!sorted)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		sorted[i] = value_at(records, i);
	qsort(sorted, n, sizeof(*sorted), compare_records);
	for (size_t i = 0; i < n; i++) {
		json_write(out, sorted[i], 0);
		buf_putc(out, '\n');
	}
	return buf_failed(out) ? error_set(err, -ENOMEM, "out of memory") : 0;
}

/* The record that a name or digest means; NULL if none. */
static struct value *find_record(const struct value *records, const char *name, const char *digest)
{
	for (size_t i = 0; i < value_len(records); i++) {
		struct value *record = value_at(records, i);

		if (digest ? has_string(value_get(record, "digests"), digest) :
			     has_string(value_get(record, "names"), name))
			return record;
	}
	return NULL;
}

int import_name(struct store *s, const char *const *digests, size_t n, const struct import_options *options, struct buf *out,
		struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_free_ char *name = NULL;
	struct import im = { .store = s, .options = options, .arena = a, .err = err };
	struct value *records = NULL, *record, *names = value_new_list(a), *all = value_new_list(a);
	int r = image_ref_normalize(options->name, &name, err);

	if (r == 0)
		r = store_lock(s, err);
	if (r == 0)
		r = store_records(s, a, &records, err);
	if (r < 0)
		return r;
	record = value_find(records, "digest", digests[0]);
	if (!record)
		return error_set(err, -ENOENT, "no image %s in the store", digests[0]);
	value_append(a, names, value_new_str(a, name));
	for (size_t i = 0; i < n; i++)
		value_append(a, all, value_new_str(a, digests[i]));
	add_strings(a, value_get(record, "names"), names);
	set_pulled(&im, record, names, record);
	add_strings(a, value_get(record, "digests"), all);
	if (arena_failed(a))
		return error_set(err, -ENOMEM, "out of memory");
	r = store_put(s, record, err);
	if (r == 0)
		r = take_names(&im, records, record);
	if (r < 0)
		return r;
	json_write(out, record, 0);
	buf_putc(out, '\n');
	return buf_failed(out) ? error_set(err, -ENOMEM, "out of memory") : 0;
}

int import_remove(struct store *s, const char *ref, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_free_ char *name = NULL;
	const char *digest = image_digest_valid(ref) ? ref : NULL;
	struct value *records = NULL, *record, *names;
	int r = 0;

	if (!digest)
		r = image_ref_normalize(ref, &name, err);
	if (r < 0)
		return r;
	if (name && strchr(name, '@'))
		digest = strchr(name, '@') + 1;
	r = store_lock(s, err);
	if (r == 0)
		r = store_records(s, a, &records, err);
	if (r < 0)
		return r;
	record = find_record(records, name, digest);
	if (!record)
		return error_set(err, -ENOENT, "no image %s in the store", ref);
	names = value_get(record, "names");
	if (name && value_len(names) > 1 && (!digest || has_string(names, name))) {
		struct value *gone = value_new_list(a);

		value_append(a, gone, value_new_str(a, name));
		(void)drop_strings(value_get(record, "pulled"), gone);
		return drop_strings(names, gone) ? store_put(s, record, err) : 0;
	}
	r = store_drop(s, record, err);
	return r < 0 ? r : store_collect(s, err);
}
