/* SPDX-License-Identifier: Apache-2.0 */
#include "image/source.h"

#include <archive.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/openat2.h"
#include "image/tarindex.h"

enum {
	BLOCK = 512,
	CHUNK = 256 * 1024,
};

struct source {
	int dirfd;  /* of a layout directory, or -1 */
	int spool;  /* the unnamed file, or -1 */
	int opened; /* the blob of a directory that was found last, or -1 */
	struct tarindex *index;
};

void source_free(struct source *s)
{
	if (!s)
		return;
	tarindex_free(s->index);
	close_fdp(&s->dirfd);
	close_fdp(&s->spool);
	close_fdp(&s->opened);
	free(s);
}

int source_path(const char *name, char *out, size_t size)
{
	size_t n = 0;

	while (*name) {
		size_t len;

		while (*name == '/')
			name++;
		len = strcspn(name, "/");
		if (len == 2 && name[0] == '.' && name[1] == '.')
			return -EINVAL;
		if (len && !(len == 1 && name[0] == '.')) {
			if (n + len + 2 > size)
				return -ENAMETOOLONG;
			if (n)
				out[n++] = '/';
			memcpy(out + n, name, len);
			n += len;
		}
		name += len;
	}
	if (!size)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return 0;
}

ssize_t blob_read(const struct blob *b, uint64_t pos, void *buf, size_t len)
{
	ssize_t n;

	if (pos >= b->size)
		return 0;
	if (len > b->size - pos)
		len = (size_t)(b->size - pos);
	do
		n = pread(b->fd, buf, len, b->offset + (off_t)pos);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? n : -EIO;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Copies what libarchive decompresses into the unnamed file. */
static int spool_decompressed(struct archive *a, int to, uint64_t max, struct error *err)
{
	_cleanup_free_ char *buf = malloc(CHUNK);
	uint64_t total = 0;

	if (!buf)
		return error_set(err, -ENOMEM, "out of memory");
	for (;;) {
		la_ssize_t n = archive_read_data(a, buf, CHUNK);
		int r;

		if (n < 0)
			return error_set(err, -EINVAL, "decompressing the archive: %s", archive_error_string(a));
		if (n == 0)
			return 0;
		total += (uint64_t)n;
		if (total > max)
			return error_set(err, -EFBIG, "the archive unpacks to more than %ju bytes", (uintmax_t)max);
		r = write_all(to, buf, (size_t)n);
		if (r < 0)
			return error_errno(err, r, "writing the archive to the store");
	}
}

static void archive_freep(struct archive **a)
{
	if (*a)
		(void)archive_read_free(*a); /* ignoring: nothing is written through it */
}

/* A file without a name; also where the file system has no O_TMPFILE. */
static int unnamed_file(int dirfd)
{
	int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char name[32];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	(void)snprintf(name, sizeof(name), ".spool-%jd", (intmax_t)getpid());
	fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	(void)unlinkat(dirfd, name, 0); /* ignoring: whoever locks the store next removes it */
	return fd;
}

/* Spools `fd`, from where it stands, through whatever compression it has. */
static int spool(int fd, int dirfd, uint64_t max, int *ret_fd, struct error *err)
{
	_cleanup_(archive_freep) struct archive *a = archive_read_new();
	_cleanup_close_ int to = unnamed_file(dirfd);
	struct archive_entry *entry;
	int r;

	if (to < 0)
		return error_errno(err, to, "making a file in the store");
	if (!a || archive_read_support_format_raw(a) != ARCHIVE_OK || archive_read_support_format_empty(a) != ARCHIVE_OK)
		return error_set(err, -ENOMEM, "out of memory");
	/* ignoring: a filter that this libarchive lacks fails when it is met */
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_zstd(a);
	(void)archive_read_support_filter_xz(a);
	(void)archive_read_support_filter_bzip2(a);
	if (archive_read_open_fd(a, fd, CHUNK) != ARCHIVE_OK || (r = archive_read_next_header(a, &entry)) < ARCHIVE_WARN)
		return error_set(err, -EINVAL, "reading the archive: %s", archive_error_string(a));
	if (r == ARCHIVE_EOF)
		return error_set(err, -EINVAL, "the archive is empty");
	r = spool_decompressed(a, to, max, err);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&to);
	return 0;
}

static int read_first(const struct blob *b, unsigned char block[static BLOCK])
{
	size_t done = 0;

	while (done < BLOCK) {
		ssize_t n = blob_read(b, done, block + done, BLOCK - done);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EINVAL;
		done += (size_t)n;
	}
	return tarindex_is_header(block) ? 0 : -EINVAL;
}

static int open_file(struct source *s, int fd, const struct stat *st, int spool_dirfd, uint64_t max, struct error *err)
{
	struct blob tar = { .fd = fd, .offset = 0, .size = 0 };
	unsigned char block[BLOCK];
	struct stat spooled;
	int r;

	if (S_ISREG(st->st_mode)) {
		tar.size = (uint64_t)st->st_size;
		if (read_first(&tar, block) == 0)
			return tarindex_read(&tar, &s->index, err);
		if (lseek(fd, 0, SEEK_SET) < 0)
			return error_errno(err, -errno, "reading the archive");
	}
	r = spool(fd, spool_dirfd, max, &s->spool, err);
	if (r < 0)
		return r;
	if (fstat(s->spool, &spooled) < 0)
		return error_errno(err, -errno, "reading the archive");
	tar = (struct blob){ .fd = s->spool, .offset = 0, .size = (uint64_t)spooled.st_size };
	if (read_first(&tar, block) < 0)
		return error_set(err, -EINVAL, "not a container image: neither a tar nor a compressed tar");
	return tarindex_read(&tar, &s->index, err);
}

int source_open(int fd, int spool_dirfd, uint64_t max_spool, struct source **ret, struct error *err)
{
	_cleanup_source_ struct source *s = calloc(1, sizeof(*s));
	struct stat st;
	int r;

	if (!s)
		return error_set(err, -ENOMEM, "out of memory");
	s->dirfd = s->spool = s->opened = -1;
	if (fstat(fd, &st) < 0)
		return error_errno(err, -errno, "reading the archive");
	if (S_ISDIR(st.st_mode)) {
		s->dirfd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (s->dirfd < 0)
			return error_errno(err, -errno, "reading the layout's directory");
	} else {
		r = open_file(s, fd, &st, spool_dirfd, max_spool, err);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(s);
	return 0;
}

/* A file of a layout directory; links in it lead no way out of it. */
static int open_in_directory(struct source *s, const char *name, struct blob *ret)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	struct stat st;

	close_fdp(&s->opened);
	s->opened = openat2_retry(s->dirfd, name, &how);
	if (s->opened < 0)
		return -errno;
	if (fstat(s->opened, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret = (struct blob){ .fd = s->opened, .offset = 0, .size = (uint64_t)st.st_size };
	return 0;
}

int source_find(struct source *s, const char *name, struct blob *ret, struct error *err)
{
	int r = s->index ? tarindex_find(s->index, name, ret) : open_in_directory(s, name, ret);

	if (r == -EINVAL)
		return error_set(err, r, "%s in the archive is not a regular file", name);
	if (r < 0)
		return error_errno(err, r, "%s in the archive", name);
	return 0;
}

int source_read(struct source *s, const char *name, size_t max, char **ret, size_t *ret_len, struct error *err)
{
	_cleanup_free_ char *data = NULL;
	struct blob b = { .fd = -1 };
	size_t done = 0;
	int r = source_find(s, name, &b, err);

	if (r < 0)
		return r;
	if (b.size > max)
		return error_set(err, -EFBIG, "%s has %ju bytes; at most %zu are read", name, (uintmax_t)b.size, max);
	data = malloc((size_t)b.size + 1);
	if (!data)
		return error_set(err, -ENOMEM, "out of memory");
	while (done < b.size) {
		ssize_t n = blob_read(&b, done, data + done, (size_t)b.size - done);

		if (n < 0)
			return error_errno(err, (int)n, "reading %s", name);
		done += (size_t)n;
	}
	data[done] = '\0';
	*ret = steal_ptr(data);
	*ret_len = done;
	return 0;
}
