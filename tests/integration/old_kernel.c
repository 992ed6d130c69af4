/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the daemon: the kernel does not know FUSE_NOTIFY_RESEND, as none before Linux 6.9 does. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

enum { NOTIFY_RESEND = 7 };

ssize_t write(int fd, const void *data, size_t len)
{
	static ssize_t (*real)(int, const void *, size_t);
	struct fuse_out_header head;

	if (!real)
		real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
	if (len == sizeof(head)) {
		memcpy(&head, data, sizeof(head));
		if (head.len == sizeof(head) && head.unique == 0 && head.error == NOTIFY_RESEND) {
			errno = EINVAL;
			return -1;
		}
	}
	return real(fd, data, len);
}
