/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls that glibc 2.36 has no wrapper for. They return as system calls do: -1 and errno.
 */
#ifndef PODFS_POD_SYS_H
#define PODFS_POD_SYS_H

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/openat2.h"

static inline int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct open_how how = { .flags = flags, .mode = mode, .resolve = resolve };

	return openat2_retry(dirfd, path, &how);
}

/* fork() with namespaces, a pidfd, a cgroup. The program is single-threaded, so the child may go on in C. */
static inline pid_t sys_clone3(uint64_t flags, int exit_signal, int cgroup_fd, int *ret_pidfd)
{
	struct clone_args args = {
		.flags = flags,
		.exit_signal = (uint64_t)exit_signal,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
	};

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
	return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline long sys_join_session_keyring(const char *name)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
}

static inline int sys_capset(const struct __user_cap_header_struct *header, const struct __user_cap_data_struct *data)
{
	return (int)syscall(SYS_capset, header, data);
}

#endif
