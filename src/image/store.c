/* SPDX-License-Identifier: Apache-2.0 */
#include "image/store.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "image/digest.h"
#include "image/ref.h"
#include "image/tree.h"
#include "value/json.h"

enum {
	RECORD_MAX_BYTES = 16 << 20, /* four times what a manifest may be */
	NAME_SIZE = 128,
};

static const char LAYER_PREFIX[] = "layers/";

void store_clear(struct store *s)
{
	close_fdp(&s->images);
	close_fdp(&s->layers);
	close_fdp(&s->lock);
	close_fdp(&s->dir);
}

static int open_subdirectory(int dirfd, const char *name, struct error *err)
{
	int fd;

	if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "making %s in the store", name);
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? error_errno(err, -errno, "opening %s in the store", name) : fd;
}

int store_open(int dirfd, struct store *ret, struct error *err)
{
	_cleanup_store_ struct store s = STORE_INIT;

	s.dir = dirfd;
	s.images = open_subdirectory(dirfd, "images", err);
	if (s.images < 0)
		return s.images;
	s.layers = open_subdirectory(dirfd, "layers", err);
	if (s.layers < 0)
		return s.layers;
	s.lock = openat(dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s.lock < 0)
		return error_errno(err, -errno, "opening the lock of the store");
	*ret = s;
	s = STORE_INIT;
	return 0;
}

/* A file name from a digest, with what comes before and after: "sha256:ab" gives "sha256-ab". */
static int file_name(const char *digest, const char *before, const char *after, char out[static NAME_SIZE])
{
	if (!image_digest_valid(digest))
		return -EINVAL;
	(void)snprintf(out, NAME_SIZE, "%ssha256-%s%s", before, digest + strlen("sha256:"), after);
	return 0;
}

/* Calls fn for each name of a directory that is not "." or "..". Stops at the first failure. */
static int each_name(int dirfd, int (*fn)(void *user, const char *name), void *user)
{
	_cleanup_close_ int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;

	if (fd < 0 || !(dir = fdopendir(fd)))
		return -errno;
	(void)steal_fd(&fd);
	while (errno = 0, (e = readdir(dir))) {
		int r;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		r = fn(user, e->d_name);
		if (r < 0)
			return r;
	}
	return -errno;
}

static int remove_if_temporary(void *user, const char *name)
{
	return name[0] == '.' ? tree_remove(*(const int *)user, name) : 0;
}

int store_lock(struct store *s, struct error *err)
{
	int r;

	while (flock(s->lock, LOCK_EX) < 0)
		if (errno != EINTR)
			return error_errno(err, -errno, "locking the store");
	r = each_name(s->layers, remove_if_temporary, &s->layers);
	if (r == 0)
		r = each_name(s->images, remove_if_temporary, &s->images);
	return r < 0 ? error_errno(err, r, "removing what an interrupted import left") : 0;
}

static int read_file(int dirfd, const char *name, char **ret, size_t *ret_len)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *data = NULL;
	size_t done = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > RECORD_MAX_BYTES)
		return -EINVAL;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, data + done, (size_t)st.st_size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	data[done] = '\0';
	*ret = steal_ptr(data);
	*ret_len = done;
	return 0;
}

struct records {
	const struct store *store;
	struct arena *arena;
	struct value *list;
};

static int add_record(void *user, const char *name)
{
	struct records *records = user;
	static const struct yaml_limits limits = { .max_bytes = RECORD_MAX_BYTES };
	_cleanup_free_ char *text = NULL;
	struct value *v = NULL;
	char want[NAME_SIZE];
	size_t len = 0;
	int r = read_file(records->store->images, name, &text, &len);

	if (r == -ENOMEM)
		return r;
	if (r == 0)
		r = json_read(text, len, &limits, records->arena, &v, NULL, NULL);
	if (r < 0 || value_int(value_get(v, "version"), 0) != STORE_RECORD_VERSION ||
	    file_name(value_str_or(value_get(v, "digest"), ""), "", ".json", want) < 0 || strcmp(name, want) != 0)
		return 0; /* ignoring: damaged, or of a later version */
	value_append(records->arena, records->list, v);
	return arena_failed(records->arena) ? -ENOMEM : 0;
}

int store_records(const struct store *s, struct arena *a, struct value **ret, struct error *err)
{
	struct records records = { .store = s, .arena = a, .list = value_new_list(a) };
	int r = each_name(s->images, add_record, &records);

	if (r < 0)
		return error_errno(err, r, "reading the store's images");
	*ret = records.list;
	return 0;
}

static int write_file(int dirfd, const char *name, const char *data, size_t len, bool sync)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return sync && fsync(fd) < 0 ? -errno : 0;
}

int store_put(const struct store *s, const struct value *record, struct error *err)
{
	const char *digest = value_str_or(value_get(record, "digest"), "");
	_cleanup_buf_ struct buf text = BUF_INIT;
	char name[NAME_SIZE], temporary[NAME_SIZE];
	int r;

	json_write(&text, record, 0);
	buf_putc(&text, '\n');
	if (buf_failed(&text))
		return error_set(err, -ENOMEM, "out of memory");
	if (file_name(digest, "", ".json", name) < 0 || file_name(digest, ".", ".json", temporary) < 0)
		return error_set(err, -EINVAL, "%s is not a digest", digest);
	r = write_file(s->images, temporary, text.data, text.len, true);
	if (r == 0 && renameat(s->images, temporary, s->images, name) < 0)
		r = -errno;
	if (r == 0 && fsync(s->images) < 0)
		r = -errno;
	return r < 0 ? error_errno(err, r, "writing the record of image %s", digest) : 0;
}

int store_drop(const struct store *s, const struct value *record, struct error *err)
{
	const char *digest = value_str_or(value_get(record, "digest"), "");
	char name[NAME_SIZE];

	if (file_name(digest, "", ".json", name) < 0)
		return error_set(err, -EINVAL, "%s is not a digest", digest);
	if ((unlinkat(s->images, name, 0) < 0 && errno != ENOENT) || fsync(s->images) < 0)
		return error_errno(err, -errno, "removing the record of image %s", digest);
	return 0;
}

int store_layer_size(const struct store *s, const char *diff_id, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char name[NAME_SIZE];
	struct stat st;
	size_t len;
	char *end;
	int r = file_name(diff_id, "", "", name);

	if (r < 0)
		return r;
	if (fstatat(s->layers, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOENT;
	(void)file_name(diff_id, "", ".size", name);
	r = read_file(s->layers, name, &text, &len);
	if (r < 0)
		return r;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || end == text || *end != '\n' ? -EINVAL : 0;
}

int store_layer_begin(const struct store *s, const char *diff_id, int *ret_fd, struct error *err)
{
	char name[NAME_SIZE];
	int r = file_name(diff_id, ".", "", name), fd;

	if (r == 0)
		r = tree_remove(s->layers, name);
	if (r == 0 && mkdirat(s->layers, name, 0755) < 0)
		r = -errno;
	if (r < 0)
		return error_errno(err, r, "making a directory for layer %s", diff_id);
	fd = openat(s->layers, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, -errno, "opening the directory for layer %s", diff_id);
	*ret_fd = fd;
	return 0;
}

int store_layer_sized(const struct store *s, const char *diff_id, uint64_t size, struct error *err)
{
	char name[NAME_SIZE], text[32];
	int r = file_name(diff_id, "", ".size", name);
	int len = snprintf(text, sizeof(text), "%ju\n", (uintmax_t)size);

	if (r == 0)
		r = write_file(s->layers, name, text, (size_t)len, false);
	return r < 0 ? error_errno(err, r, "writing the size of layer %s", diff_id) : 0;
}

int store_layer_commit(const struct store *s, const char *diff_id, struct error *err)
{
	char name[NAME_SIZE], temporary[NAME_SIZE];
	int r = file_name(diff_id, "", "", name);

	if (r == 0)
		r = file_name(diff_id, ".", "", temporary);
	/* One that lost its .size is in the way; it is not in use by a record that can be read. */
	if (r == 0)
		r = tree_remove(s->layers, name);
	if (r == 0 && renameat(s->layers, temporary, s->layers, name) < 0)
		r = -errno;
	return r < 0 ? error_errno(err, r, "giving layer %s its name", diff_id) : 0;
}

int store_sync_layers(const struct store *s, struct error *err)
{
	return fsync(s->layers) < 0 ? error_errno(err, -errno, "writing the layers to the disk") : 0;
}

struct collection {
	int layers;
	const struct value *records;
};

static bool is_used(const struct value *records, const char *name, size_t len)
{
	for (size_t i = 0; i < value_len(records); i++) {
		const struct value *layers = value_get(value_at(records, i), "layers");

		for (size_t k = 0; k < value_len(layers); k++) {
			const char *dir = value_str_or(value_at(layers, k), "");

			if (strncmp(dir, LAYER_PREFIX, strlen(LAYER_PREFIX)) == 0 &&
			    strlen(dir) == strlen(LAYER_PREFIX) + len &&
			    memcmp(dir + strlen(LAYER_PREFIX), name, len) == 0)
				return true;
		}
	}
	return false;
}

static int collect_name(void *user, const char *name)
{
	const struct collection *c = user;
	const char *size = strstr(name, ".size");

	if (name[0] != '.' && is_used(c->records, name, size ? (size_t)(size - name) : strlen(name)))
		return 0;
	return tree_remove(c->layers, name);
}

int store_collect(const struct store *s, struct error *err)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *records = NULL;
	struct collection c = { .layers = s->layers };
	int r = store_records(s, a, &records, err);

	if (r < 0)
		return r;
	c.records = records;
	r = each_name(s->layers, collect_name, &c);
	return r < 0 ? error_errno(err, r, "removing layers that no image uses") : 0;
}
