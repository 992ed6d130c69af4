/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runenv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum { SIZE_MAX_READ = 8 << 20 }; /* as of a spec: pod/protocol.h */

int runenv_write(const char *path, const char *const *env, size_t n)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	_cleanup_buf_ struct buf b = BUF_INIT;
	int r = 0;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < n; i++)
		buf_append(&b, env[i], strlen(env[i]) + 1);
	if (buf_failed(&b))
		r = -ENOMEM;
	for (size_t at = 0; r == 0 && at < b.len;) {
		ssize_t w = write(fd, b.data + at, b.len - at);

		if (w < 0 && errno != EINTR)
			r = -errno;
		at += w > 0 ? (size_t)w : 0;
	}
	if (r < 0)
		(void)unlink(path); /* ignoring: what is cut is found out when it is read */
	return r;
}

/* The whole file, with a NUL behind it. */
static int read_file(struct arena *a, const char *path, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	size_t at = 0;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > SIZE_MAX_READ)
		return -EBADMSG;
	text = arena_alloc(a, (size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (at < (size_t)st.st_size) {
		ssize_t n = read(fd, text + at, (size_t)st.st_size - at);

		if (n == 0 || (n < 0 && errno != EINTR))
			return n < 0 ? -errno : -EBADMSG;
		at += n > 0 ? (size_t)n : 0;
	}
	text[at] = '\0';
	*ret = text;
	*ret_size = at;
	return 0;
}

int runenv_read(struct arena *a, const char *path, const char *const **ret_env, size_t *ret_n)
{
	size_t size = 0, n = 0, i = 0;
	const char **env;
	char *text = NULL;
	int r = read_file(a, path, &text, &size);

	if (r < 0)
		return r;
	if (size && text[size - 1])
		return -EBADMSG;
	for (size_t at = 0; at < size; at++)
		n += !text[at];
	env = arena_alloc(a, (n + 1) * sizeof(*env));
	if (!env)
		return -ENOMEM;
	for (char *at = text; i < n; at += strlen(at) + 1)
		env[i++] = at;
	*ret_env = env;
	*ret_n = n;
	return 0;
}
