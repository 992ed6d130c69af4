/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into the daemon: a disk that takes as long as the test wants. An fdatasync(2) of a file in a directory NAME waits
 * while the test holds a FIFO $PODFS_TEST_HOLD/NAME open for writing; that it does, $PODFS_TEST_HOLD/NAME.waits tells.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "/a/b/data.mdb": "b". */
static const char *directory_of(char *path)
{
	char *end = strrchr(path, '/'), *start;

	if (!end)
		return NULL;
	*end = '\0';
	start = strrchr(path, '/');
	return start ? start + 1 : NULL;
}

static void hold(int fd)
{
	const char *dir = getenv("PODFS_TEST_HOLD"), *name;
	char link[64], path[PATH_MAX], fifo[PATH_MAX], byte;
	ssize_t n;
	int f;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (!dir || n <= 0)
		return;
	path[n] = '\0';
	name = directory_of(path);
	f = name && snprintf(fifo, sizeof(fifo), "%s/%s", dir, name) < (int)sizeof(fifo) ? open(fifo, O_RDONLY | O_CLOEXEC) : -1;
	if (f < 0)
		return;
	if (snprintf(fifo, sizeof(fifo), "%s/%s.waits", dir, name) < (int)sizeof(fifo))
		(void)close(open(fifo, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	(void)!read(f, &byte, 1); /* its end comes when the test has closed it */
	(void)close(f);
}

int fdatasync(int fd)
{
	static int (*real)(int);

	if (!real)
		real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	hold(fd);
	return real(fd);
}

/* Likewise a change of the group or owner of a file, by its descriptor. */
int fchownat(int fd, const char *path, uid_t uid, gid_t gid, int flags)
{
	static int (*real)(int, const char *, uid_t, gid_t, int);

	if (!real)
		real = (int (*)(int, const char *, uid_t, gid_t, int))dlsym(RTLD_NEXT, "fchownat");
	if (!*path)
		hold(fd);
	return real(fd, path, uid, gid, flags);
}
