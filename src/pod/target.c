/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/mounts.h"

enum { PROC_ROOT_INO = 1 }; /* fs/proc: of every proc's root directory, and of nothing else in it */

/* In the target's mount namespace. Without what is mounted over parts of it. */
static int copy_proc(void)
{
	_cleanup_close_ int fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INO)
		return -EINVAL;
	return mounts_clone(fd, "", false);
}

int target_proc(int pidfd, unsigned attr)
{
	_cleanup_close_ int host = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), fd = -1;
	int r;

	if (host < 0 || setns(pidfd, CLONE_NEWNS) < 0)
		return -errno;
	fd = copy_proc();
	if (setns(host, CLONE_NEWNS) < 0)
		return -errno;
	r = fd < 0 ? fd : mounts_set(fd, attr, false, 0);
	return r < 0 ? r : steal_fd(&fd);
}
