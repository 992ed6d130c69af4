/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into the daemon: it dies at a moment that the test has asked for. The file $PODFS_TEST_DEATH says at which
 * request, by the number of its operation (linux/fuse.h), and when in its course:
 *
 *   OPERATION answer    what it does is done, and its answer does not go out
 *   OPERATION answered  the answer went out a moment ago
 *   OPERATION timer     the loop has set a timer after it was read and before it is answered
 *
 * The file is removed as it dies, so that the next daemon lives.
 */
#include <dlfcn.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the two */
static uint64_t unique; /* of the request that the death is for, once it was read; 0 */
static char when[16];

/* The last that the test hears of it. */
static void sign(void)
{
	(void)unlink(getenv("PODFS_TEST_DEATH"));
}

static void die(void)
{
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause();
}

static bool doomed(const char *moment, uint64_t which)
{
	bool yes;

	pthread_mutex_lock(&lock);
	yes = unique && strcmp(when, moment) == 0 && (!which || which == unique);
	pthread_mutex_unlock(&lock);
	return yes;
}

static void look(const struct fuse_in_header *in)
{
	const char *path = getenv("PODFS_TEST_DEATH");
	FILE *f = path ? fopen(path, "re") : NULL;
	unsigned operation;
	char moment[16];

	if (f && fscanf(f, "%u %15s", &operation, moment) == 2 && operation == in->opcode) {
		pthread_mutex_lock(&lock);
		unique = in->unique;
		memcpy(when, moment, sizeof(when));
		pthread_mutex_unlock(&lock);
	}
	if (f)
		(void)fclose(f);
}

ssize_t read(int fd, void *data, size_t len)
{
	static ssize_t (*real)(int, void *, size_t);
	struct fuse_in_header in;
	ssize_t n;

	if (!real)
		real = (ssize_t(*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	n = real(fd, data, len);
	if (len > 65536 && n >= (ssize_t)sizeof(in)) { /* the FUSE device: nothing else is read by so much */
		memcpy(&in, data, sizeof(in));
		if (in.len == (size_t)n)
			look(&in);
	}
	return n;
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	static ssize_t (*real)(int, const struct iovec *, int);
	struct fuse_out_header out = { .unique = 0 };
	bool last;
	ssize_t n;

	if (!real)
		real = (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
	if (count > 0 && iov[0].iov_len == sizeof(out))
		memcpy(&out, iov[0].iov_base, sizeof(out));
	if (out.unique && doomed("answer", out.unique)) {
		sign();
		die();
	}
	last = out.unique && doomed("answered", out.unique);
	if (last)
		sign(); /* before the test goes on */
	n = real(fd, iov, count);
	if (last)
		die();
	return n;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	static int (*real)(int, int, const struct itimerspec *, struct itimerspec *);

	if (!real)
		real = (int (*)(int, int, const struct itimerspec *, struct itimerspec *))dlsym(RTLD_NEXT, "timerfd_settime");
	if (getpid() == gettid() && doomed("timer", 0)) {
		sign();
		die();
	}
	return real(fd, flags, value, old);
}
