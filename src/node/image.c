/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of images: one immutable object for each record that podfs-image has written. A reload reads them all
 * again, since there are few, and swaps the table; who holds an old object keeps it.
 */
#include "node/image.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/arena.h"
#include "node/image_internal.h"
#include "value/json.h"

enum {
	RECORD_VERSION = 1,		/* STORE_RECORD_VERSION of podfs-image */
	RECORD_MAX_BYTES = 16 << 20,	/* and what it writes at most */
	STRINGS_MAX = 100000,		/* of one list */
};

struct image_object {
	struct image image;
	atomic_uint refs;
	struct arena *arena; /* holds this object too */
};

static struct image_object *object_of(struct image *image)
{
	return container_of(image, struct image_object, image);
}

struct image *image_ref(struct image *image)
{
	if (image)
		atomic_fetch_add_explicit(&object_of(image)->refs, 1, memory_order_relaxed);
	return image;
}

void image_unref(struct image *image)
{
	if (image && atomic_fetch_sub_explicit(&object_of(image)->refs, 1, memory_order_acq_rel) == 1)
		arena_free(object_of(image)->arena);
}

void image_list_free(struct image **list)
{
	if (!list)
		return;
	for (size_t i = 0; list[i]; i++)
		image_unref(list[i]);
	free(list);
}

static void image_list_freep(struct image ***list)
{
	image_list_free(*list);
}

/* --- from a record to an object --- */

/* A list of strings; NULL when it is anything else. Absent is empty. */
static const char *const *take_strings(struct arena *a, const struct value *list, const char *prefix)
{
	size_t n = value_len(list);
	const char **out;

	if ((!value_is_null(list) && value_type(list) != VALUE_LIST) || n > STRINGS_MAX)
		return NULL;
	out = arena_alloc(a, (n + 1) * sizeof(*out));
	for (size_t i = 0; out && i < n; i++) {
		const char *s = value_str(value_at(list, i));

		if (!s)
			return NULL;
		out[i] = arena_printf(a, "%s%s", prefix, s);
	}
	return out;
}

static bool take_config(struct arena *a, const struct value *v, struct image_config *out)
{
	out->entrypoint = take_strings(a, value_get(v, "Entrypoint"), "");
	out->cmd = take_strings(a, value_get(v, "Cmd"), "");
	out->env = take_strings(a, value_get(v, "Env"), "");
	out->ports = take_strings(a, value_get(v, "ExposedPorts"), "");
	out->volumes = take_strings(a, value_get(v, "Volumes"), "");
	out->working_dir = arena_strdup(a, value_str_or(value_get(v, "WorkingDir"), ""));
	out->user = arena_strdup(a, value_str_or(value_get(v, "User"), ""));
	out->stop_signal = arena_strdup(a, value_str_or(value_get(v, "StopSignal"), ""));
	return out->entrypoint && out->cmd && out->env && out->ports && out->volumes && !arena_failed(a);
}

/* The layers must be names directly below layers/, whatever a damaged record says. */
static bool layers_ok(const struct value *layers)
{
	for (size_t i = 0; i < value_len(layers); i++) {
		const char *s = value_str_or(value_at(layers, i), "");

		if (strncmp(s, "layers/sha256-", 14) != 0 || strchr(s + 7, '/') || strlen(s) != 14 + 64)
			return false;
	}
	return value_type(layers) == VALUE_LIST;
}

static int compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* -EINVAL when the record is not one, -ENOMEM. */
static int make_image(const struct image_store *store, const struct value *v, const char *file, struct image **ret)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct image_object *o = arena_alloc(a, sizeof(*o));
	const char *digest = value_str_or(value_get(v, "digest"), "");
	_cleanup_free_ char *prefix = NULL;
	struct image *image;

	if (!o || asprintf(&prefix, "%s/", store->dir) < 0) {
		prefix = NULL;
		return -ENOMEM;
	}
	/* sha256-HEX.json holds sha256:HEX */
	if (value_int(value_get(v, "version"), 0) != RECORD_VERSION || !image_digest_valid(digest) ||
	    strncmp(file + 7, digest + 7, 64) != 0 || !image_digest_valid(value_str(value_get(v, "id"))) ||
	    !layers_ok(value_get(v, "layers")))
		return -EINVAL;
	image = &o->image;
	image->digest = arena_strdup(a, digest);
	image->id = arena_strdup(a, value_str(value_get(v, "id")));
	image->size = value_int(value_get(v, "size"), 0);
	image->created = value_int(value_get(v, "created"), 0);
	image->names = take_strings(a, value_get(v, "names"), "");
	image->pulled = take_strings(a, value_get(v, "pulled"), "");
	image->digests = take_strings(a, value_get(v, "digests"), "");
	image->n_layers = value_len(value_get(v, "layers"));
	image->layers = take_strings(a, value_get(v, "layers"), prefix);
	image->layers_dir = store->layers_dir;
	if (!take_config(a, value_get(v, "config"), &image->config) || !image->names || !image->pulled || !image->digests)
		return arena_failed(a) ? -ENOMEM : -EINVAL;
	if (arena_failed(a))
		return -ENOMEM;
	qsort((void *)image->names, value_len(value_get(v, "names")), sizeof(*image->names), compare_strings);
	atomic_init(&o->refs, 1);
	o->arena = steal_ptr(a);
	*ret = image;
	return 0;
}

static int read_record(int dirfd, const char *name, char **ret, size_t *ret_len)
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
		ssize_t n = pread(fd, data + done, (size_t)st.st_size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EINVAL;
		done += (size_t)n;
	}
	data[done] = '\0';
	*ret = steal_ptr(data);
	*ret_len = done;
	return 0;
}

static int load_image(const struct image_store *store, int dirfd, const char *name, struct image **ret,
		      struct error *err)
{
	static const struct yaml_limits limits = { .max_bytes = RECORD_MAX_BYTES };
	_cleanup_arena_ struct arena *scratch = arena_new(0);
	_cleanup_free_ char *text = NULL;
	struct value *v = NULL;
	size_t len = 0;
	int r = read_record(dirfd, name, &text, &len);

	if (r < 0)
		return error_errno(err, r, "%s/images/%s", store->dir, name);
	r = json_read(text, len, &limits, scratch, &v, err, NULL);
	if (r < 0)
		return error_wrap(err, "%s/images/%s", store->dir, name), r;
	r = make_image(store, v, name, ret);
	if (r == -EINVAL)
		return error_set(err, r, "%s/images/%s is not the record of an image", store->dir, name);
	return r < 0 ? error_errno(err, r, "%s/images/%s", store->dir, name) : 0;
}

/* --- the table --- */

static int compare_images(const void *x, const void *y)
{
	const struct image *a = *(struct image *const *)x, *b = *(struct image *const *)y;
	int r;

	if (!a->names[0] != !b->names[0])
		return a->names[0] ? -1 : 1;
	r = a->names[0] ? strcmp(a->names[0], b->names[0]) : 0;
	return r ? r : strcmp(a->digest, b->digest);
}

static bool is_record_name(const char *name)
{
	return strncmp(name, "sha256-", 7) == 0 && strlen(name) == 7 + 64 + 5 && strcmp(name + 7 + 64, ".json") == 0;
}

static int add_image(struct image ***list, size_t *n, struct image *image)
{
	struct image **p = reallocarray(*list, *n + 2, sizeof(*p));

	if (!p) {
		image_unref(image);
		return -ENOMEM;
	}
	p[(*n)++] = image;
	p[*n] = NULL;
	*list = p;
	return 0;
}

/* Reads the directory. Returns how many records are damaged; err says what the first one is. */
static int load_all(const struct image_store *store, struct image ***ret, size_t *ret_n, struct error *err)
{
	_cleanup_(image_list_freep) struct image **list = calloc(1, sizeof(*list));
	_cleanup_free_ char *path = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	size_t n = 0;
	int damaged = 0, r;

	if (!list || asprintf(&path, "%s/images", store->dir) < 0) {
		path = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	dir = opendir(path);
	if (!dir)
		return error_errno(err, -errno, "%s", path);
	while (errno = 0, (e = readdir(dir))) {
		struct image *image = NULL;

		if (!is_record_name(e->d_name))
			continue;
		r = load_image(store, dirfd(dir), e->d_name, &image, damaged ? NULL : err);
		if (r == -ENOMEM)
			return r;
		if (r == -ENOENT)
			continue; /* removed meanwhile */
		if (r < 0) {
			damaged++;
			continue;
		}
		r = add_image(&list, &n, image);
		if (r < 0)
			return error_set(err, r, "out of memory");
	}
	if (errno)
		return error_errno(err, -errno, "%s", path);
	qsort(list, n, sizeof(struct image *), compare_images);
	*ret = steal_ptr(list);
	*ret_n = n;
	return damaged;
}

int image_store_reload(struct image_store *store, struct error *err)
{
	struct image **list = NULL, **old;
	size_t n = 0;
	int r;

	pthread_mutex_lock(&store->reload);
	r = load_all(store, &list, &n, err);
	if (r >= 0) {
		pthread_mutex_lock(&store->lock);
		old = store->images;
		store->images = list;
		store->n = n;
		store->generation++;
		pthread_mutex_unlock(&store->lock);
		image_list_free(old);
	}
	pthread_mutex_unlock(&store->reload);
	return r;
}

const char *image_store_dir(const struct image_store *store)
{
	return store->dir;
}

int image_store_disk(const struct image_store *store, uint64_t *ret_capacity, uint64_t *ret_available)
{
	struct statvfs vfs;

	if (statvfs(store->dir, &vfs) < 0)
		return -errno;
	*ret_capacity = (uint64_t)vfs.f_blocks * vfs.f_frsize;
	*ret_available = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	return 0;
}

uint64_t image_store_generation(struct image_store *store)
{
	uint64_t generation;

	pthread_mutex_lock(&store->lock);
	generation = store->generation;
	pthread_mutex_unlock(&store->lock);
	return generation;
}

static bool has(const char *const *list, const char *s)
{
	for (; *list; list++)
		if (strcmp(*list, s) == 0)
			return true;
	return false;
}

struct image *image_by_digest(struct image_store *store, const char *digest)
{
	struct image *found = NULL;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < store->n && !found; i++)
		if (strcmp(store->images[i]->digest, digest) == 0)
			found = image_ref(store->images[i]);
	pthread_mutex_unlock(&store->lock);
	return found;
}

bool image_was_pulled(const struct image *image, const char *ref)
{
	_cleanup_free_ char *name = NULL;
	int r;

	if (image_digest_valid(ref))
		return false;
	r = image_ref_normalize(ref, &name, NULL);
	return r == 0 && has(image->pulled, name);
}

int image_find(struct image_store *store, const char *ref, struct image **ret, struct error *err)
{
	_cleanup_free_ char *name = NULL;
	const char *digest = image_digest_valid(ref) ? ref : NULL;
	struct image *best = NULL;
	int r;

	if (!digest) {
		r = image_ref_normalize(ref, &name, err);
		if (r < 0)
			return r;
		digest = strchr(name, '@');
		if (digest)
			digest++;
	}
	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < store->n; i++) {
		struct image *image = store->images[i];

		/* After a crash in the midst of an import two records may have a name: the later one counts. */
		if ((digest ? has(image->digests, digest) : has(image->names, name)) &&
		    (!best || image->created > best->created))
			best = image;
	}
	image_ref(best);
	pthread_mutex_unlock(&store->lock);
	if (!best)
		return error_set(err, -ENOENT, "image %s is not on this node", ref);
	*ret = best;
	return 0;
}

int image_list(struct image_store *store, struct image ***ret, size_t *ret_n)
{
	struct image **list;

	pthread_mutex_lock(&store->lock);
	list = calloc(store->n + 1, sizeof(*list));
	for (size_t i = 0; list && i < store->n; i++)
		list[i] = image_ref(store->images[i]);
	if (list && ret_n)
		*ret_n = store->n;
	pthread_mutex_unlock(&store->lock);
	if (!list)
		return -ENOMEM;
	*ret = list;
	return 0;
}

/* --- the store --- */

static int make_directory(const char *path, mode_t mode)
{
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

/* Makes the directory with all above it, and images/ and layers/ in it. */
static int make_directories(const struct image_store *store)
{
	_cleanup_free_ char *copy = strdup(store->dir), *images = NULL;
	int r = 0;

	if (!copy || asprintf(&images, "%s/images", store->dir) < 0) {
		images = NULL;
		return -ENOMEM;
	}
	for (char *p = copy + 1; *p && r == 0; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		r = make_directory(copy, 0755);
		*p = '/';
	}
	if (r == 0)
		r = make_directory(store->dir, 0700);
	if (r == 0)
		r = make_directory(images, 0700);
	return r < 0 ? r : make_directory(store->layers_dir, 0700);
}

/* The path of another program of the same directory. */
static char *beside(const char *program, const char *name)
{
	const char *slash = strrchr(program, '/');
	char *path = NULL;

	return asprintf(&path, "%.*s%s", slash ? (int)(slash - program + 1) : 0, program, name) < 0 ? NULL : path;
}

int image_store_open(const char *dir, const char *program, struct image_store **ret, struct error *err)
{
	_cleanup_image_store_ struct image_store *store = NULL;
	int r;

	if (dir[0] != '/')
		return error_set(err, -EINVAL, "the image store %s must be an absolute path", dir);
	store = calloc(1, sizeof(*store));
	if (!store)
		return error_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&store->reload, NULL);
	pthread_mutex_init(&store->lock, NULL);
	store->dir = strdup(dir);
	store->program = strdup(program ? program : PODFS_LIBEXECDIR "/podfs-image");
	LIST_INIT(&store->pulls);
	if (store->program)
		store->pull_program = beside(store->program, "podfs-pull");
	if (!store->dir || !store->program || !store->pull_program || asprintf(&store->layers_dir, "%s/layers", dir) < 0) {
		store->layers_dir = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	r = make_directories(store);
	if (r < 0)
		return error_errno(err, r, "making the image store %s", dir);
	r = image_store_reload(store, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(store);
	return 0;
}

void image_store_free(struct image_store *store)
{
	if (!store)
		return;
	image_list_free(store->images);
	pthread_mutex_destroy(&store->lock);
	pthread_mutex_destroy(&store->reload);
	free(store->dir);
	free(store->layers_dir);
	free(store->program);
	free(store->pull_program);
	free(store);
}
