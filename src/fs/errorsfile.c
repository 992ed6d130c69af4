/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/errorsfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TEMPORARY "." FS_ERRORSFILE_NAME ".new"

enum { NS_MAX = 63 };

void fs_errorsfile_format(struct buf *out, const struct fs_errors_entry *e)
{
	buf_printf(out, "%" PRId64 " %" PRIu32 " %zu %s\n", e->time, (uint32_t)e->uid, e->len, *e->ns ? e->ns : "-");
	buf_append(out, e->text, e->len);
}

void fs_errorsfile_parse(char *text, size_t len, void (*each)(void *arg, const struct fs_errors_entry *e), void *arg)
{
	char *p = text, *end = text + len, *nl;

	while (p < end && (nl = memchr(p, '\n', (size_t)(end - p)))) {
		struct fs_errors_entry e = { 0 };
		char ns[NS_MAX + 1];
		uint32_t uid;
		int used = 0;

		*nl = '\0';
		if (sscanf(p, "%" SCNd64 " %" SCNu32 " %zu %63s%n", &e.time, &uid, &e.len, ns, &used) != 4 || p + used != nl ||
		    e.len == 0 || e.len > (size_t)(end - nl - 1) || nl[e.len] != '\n' || memchr(nl + 1, '\0', e.len))
			return;
		e.ns = strcmp(ns, "-") == 0 ? "" : ns;
		e.uid = (uid_t)uid;
		e.text = nl + 1;
		each(arg, &e);
		p = nl + 1 + e.len;
	}
}

int fs_errorsfile_read(int dir, void (*each)(void *arg, const struct fs_errors_entry *e), void *arg)
{
	_cleanup_close_ int fd = openat(dir, FS_ERRORSFILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > FS_ERRORSFILE_MAX)
		return -EFBIG;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (len < (size_t)st.st_size && (n = read(fd, text + len, (size_t)st.st_size - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	fs_errorsfile_parse(text, len, each, arg);
	return 0;
}

static int write_all(int fd, const struct buf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(fd, b->data + at, b->len - at);

		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return 0;
}

int fs_errorsfile_write(int dir, const struct buf *entries, bool whole)
{
	_cleanup_close_ int fd = openat(dir, whole ? TEMPORARY : FS_ERRORSFILE_NAME,
					O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | (whole ? O_TRUNC : O_APPEND), 0600);
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	r = write_all(fd, entries);
	if (r < 0 && !whole)
		(void)ftruncate(fd, st.st_size); /* half an entry would hide those that follow; ignoring: nothing else can be done */
	if (r == 0 && whole && renameat(dir, TEMPORARY, dir, FS_ERRORSFILE_NAME) < 0)
		r = -errno;
	return r;
}
