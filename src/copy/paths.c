/* SPDX-License-Identifier: Apache-2.0 */
#include "copy/paths.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int copy_open_beneath(int dirfd, const char *path, uint64_t flags, uint64_t mode)
{
	struct open_how how = {
		.flags = flags,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	if (fd >= 0)
		return fd;
	return errno == ELOOP ? -ENOTDIR : -errno;
}

void copy_say(struct copy *c, const char *base, const char *path, const char *text)
{
	char full[2 * PATH_MAX];
	size_t len = strlen(base);

	(void)snprintf(full, sizeof(full), "%s%s%s", base, *path && len > 0 && base[len - 1] != '/' ? "/" : "", path);
	c->failed = true;
	c->say(c->arg, full, text);
}

int copy_fail(struct copy *c, const char *base, const char *path, int code)
{
	const char *text = strerrordesc_np(-code);

	copy_say(c, base, path, text ? text : "Unknown error");
	return code;
}

void copy_name_of(const char *path, char ret[static NAME_MAX + 1])
{
	size_t end = strlen(path), start;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	if (end - start > NAME_MAX || (end - start <= 2 && !strncmp(path + start, "..", end - start)))
		start = end;
	(void)snprintf(ret, NAME_MAX + 1, "%.*s", (int)(end - start), path + start);
}
