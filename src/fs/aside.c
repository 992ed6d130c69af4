/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/aside.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "fs/keyset.h"

#define ASIDE_DIR "scratch/.values"

enum { PATH_SIZE = sizeof(ASIDE_DIR) + 24 };

static void path_of(const struct fs_record *rec, char out[static PATH_SIZE])
{
	(void)snprintf(out, PATH_SIZE, ASIDE_DIR "/%016llx", (unsigned long long)rec->committed);
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fdatasync(fd) < 0 ? -errno : 0;
}

int fs_aside_write(struct fs *fs, const struct fs_record *rec, const void *text, size_t len)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_SIZE];
	int r;

	path_of(rec, path);
	if (mkdirat(fs->state_fd, ASIDE_DIR, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(fs->state_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = fchown(fd, rec->writer_uid, rec->writer_gid) < 0 ? -errno : write_all(fd, text, len);
	if (r < 0)
		(void)unlinkat(fs->state_fd, path, 0); /* ignoring: the write's failure is told, and the next start sweeps */
	return r;
}

int fs_aside_open(struct fs *fs, const struct fs_record *rec)
{
	char path[PATH_SIZE];
	int fd;

	path_of(rec, path);
	fd = openat(fs->state_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

int fs_aside_read(int fd, struct fs_blob **ret)
{
	_cleanup_blob_ struct fs_blob *b = fs_blob_new(NULL, 0);
	struct stat st;
	int r = !b ? -ENOMEM : fstat(fd, &st) < 0 ? -errno : fs_blob_resize(&b, (size_t)st.st_size);
	size_t at = 0;

	while (r == 0 && at < b->len) {
		ssize_t n = pread(fd, b->data + at, b->len - at, (off_t)at);

		if (n <= 0)
			r = n < 0 ? -errno : -EIO;
		else
			at += (size_t)n;
	}
	if (r == 0)
		*ret = steal_ptr(b);
	return r;
}

int fs_aside_text(struct fs *fs, const struct fs_record *rec, struct fs_blob **ret)
{
	_cleanup_close_ int fd = -1;

	if (!rec->aside_len) {
		*ret = fs_blob_new(rec->text, rec->text_len);
		return *ret ? 0 : -ENOMEM;
	}
	fd = fs_aside_open(fs, rec);
	return fd < 0 ? fd : fs_aside_read(fd, ret);
}

bool fs_aside_is(struct fs *fs, const struct fs_record *rec, const struct fs_blob *text)
{
	_cleanup_blob_ struct fs_blob *old = NULL;

	return rec->aside_len == text->len && fs_aside_text(fs, rec, &old) == 0 && old->len == text->len &&
	       memcmp(old->data, text->data, text->len) == 0;
}

void fs_aside_drop(struct fs *fs, const struct fs_record *rec)
{
	char path[PATH_SIZE];

	if (!rec || !rec->aside_len)
		return;
	path_of(rec, path);
	(void)unlinkat(fs->state_fd, path, 0); /* ignoring: the next start sweeps */
}

/* Adds the names of the files that the store's records have. */
static int names_in_use(struct fs *fs, struct store_list *list, struct arena *a, struct fs_keyset *ret)
{
	int r = store_list(fs->store, FS_MANIFESTS_PREFIX, list);

	for (size_t i = 0; r == 0 && i < list->n; i++) {
		struct fs_record rec;
		char path[PATH_SIZE], *name;
		size_t len;
		const void *value = store_entry_value(list->items[i], &len);

		if (fs_record_decode(value, len, &rec) < 0 || !rec.aside_len)
			continue;
		path_of(&rec, path);
		name = arena_strdup(a, strrchr(path, '/') + 1);
		r = name ? fs_keyset_add(ret, name) : -ENOMEM;
		r = r > 0 ? 0 : r;
	}
	return r;
}

void fs_aside_sweep(struct fs *fs)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	_cleanup_fs_keyset_ struct fs_keyset used = { .seed = fs->seed };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_closedir_ DIR *d = NULL;
	int fd = openat(fs->state_fd, ASIDE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent *de;

	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		close_fdp(&fd);
	if (!d || !a || names_in_use(fs, &list, a, &used) < 0)
		return; /* ignoring: what is left over takes room until another start */
	while ((de = readdir(d)))
		if (de->d_name[0] != '.' && !fs_keyset_has(&used, de->d_name))
			(void)unlinkat(dirfd(d), de->d_name, 0); /* ignoring: as above */
}
