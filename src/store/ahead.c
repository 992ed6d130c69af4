/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ahead.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "store/spare.h"

enum { BLOCK = 4096 };

size_t ahead_fill(int fd, int dir, size_t used, size_t end, size_t limit)
{
	static const char zeros[BLOCK];
	struct iovec iov[AHEAD_BYTES / BLOCK];
	struct statvfs fs;
	struct stat st;
	size_t from;

	if (end >= used + AHEAD_LEFT)
		return end;
	if (fstat(fd, &st) < 0)
		return used + AHEAD_BYTES;
	from = ((size_t)st.st_size + BLOCK - 1) / BLOCK * BLOCK;
	if (from < used)
		from = used;
	if (from >= used + AHEAD_LEFT)
		return from;
	if (from > limit || limit - from < AHEAD_BYTES || fstatvfs(dir, &fs) < 0 ||
	    (unsigned long long)fs.f_bavail * fs.f_frsize < 2ULL * SPARE_BYTES)
		return used + AHEAD_BYTES;
	for (size_t i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){ .iov_base = (void *)zeros, .iov_len = sizeof(zeros) };
	(void)!pwritev(fd, iov, ARRAY_SIZE(iov), (off_t)from); /* ignoring: it only saves time */
	return from + AHEAD_BYTES;
}
