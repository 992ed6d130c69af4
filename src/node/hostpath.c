/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hostpath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/directories.h"

/* What is missing is made, and what is there is left as it is. */
static int make_missing(const char *type, const char *path, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = 0;

	if (stat(path, &st) == 0 || errno != ENOENT)
		return 0;
	if (!*type || !strcmp(type, "DirectoryOrCreate"))
		r = directories_make(path, 0755, 0755);
	else if (!strcmp(type, "FileOrCreate")) {
		fd = open(path, O_WRONLY | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0644);
		r = fd < 0 ? -errno : 0;
	}
	return r < 0 ? error_errno(err, r, "hostPath %s", path) : 0;
}

int hostpath_check(const struct value *source, struct error *err)
{
	const char *path = value_str_or(value_get(source, "path"), "");
	const char *type = value_str_or(value_get(source, "type"), "");
	static const struct {
		const char *type, *word;
		mode_t format;
	} types[] = {
		{ "Directory", "directory", S_IFDIR },	 { "DirectoryOrCreate", "directory", S_IFDIR },
		{ "File", "file", S_IFREG },		 { "FileOrCreate", "file", S_IFREG },
		{ "Socket", "socket file", S_IFSOCK },	 { "CharDevice", "character device", S_IFCHR },
		{ "BlockDevice", "block device", S_IFBLK },
	};
	struct stat st = { 0 };
	int r = make_missing(type, path, err);

	if (r < 0)
		return r;
	if (stat(path, &st) < 0)
		r = -errno;
	if (r < 0 && (r != -ENOENT || !*type))
		return error_errno(err, r, "hostPath %s", path);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) /* K8S:pkg/volume/hostpath/host_path.go, checkTypeInternal() */
		if (!strcmp(types[i].type, type) && (st.st_mode & S_IFMT) != types[i].format)
			return error_set(err, r < 0 ? r : -EINVAL, "hostPath type check failed: %s is not a %s", path, types[i].word);
	return 0;
}
