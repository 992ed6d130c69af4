/* SPDX-License-Identifier: Apache-2.0 */
#include "store/spare.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NAME "spare"

bool spare_keep(int dir)
{
	_cleanup_close_ int fd = -1;
	struct statvfs fs;
	struct stat st;

	if (fstatat(dir, NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_blocks * 512LL >= SPARE_BYTES)
		return true;
	/* Not the last room there is: it is kept for removals, but not taken from what comes first. */
	if (fstatvfs(dir, &fs) < 0 || (unsigned long long)fs.f_bavail * fs.f_frsize < 2ULL * SPARE_BYTES)
		return false;
	fd = openat(dir, NAME, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && fallocate(fd, 0, 0, SPARE_BYTES) == 0)
		return true;
	(void)unlinkat(dir, NAME, 0); /* ignoring: it may not be there */
	return false;
}

bool spare_give(int dir)
{
	return unlinkat(dir, NAME, 0) == 0;
}
