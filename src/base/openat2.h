/* SPDX-License-Identifier: Apache-2.0 */
/* openat2(2), which glibc 2.36 has no wrapper for. */
#ifndef PODFS_BASE_OPENAT2_H
#define PODFS_BASE_OPENAT2_H

#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPENAT2_TRIES = 1000 };

/*
 * As the system call: -1 and errno. A path with ".." in it, or in a link on it, that is resolved below a directory fails
 * with EAGAIN while anything at all is mounted or renamed on the machine, and is to be tried again (openat2(2)).
 */
static inline int openat2_retry(int dirfd, const char *path, const struct open_how *how)
{
	int fd, tries = 0;

	do
		fd = (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
	while (fd < 0 && errno == EAGAIN && ++tries < OPENAT2_TRIES);
	return fd;
}

#endif
