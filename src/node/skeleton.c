/* SPDX-License-Identifier: Apache-2.0 */
#include "node/skeleton.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char base[] = "base", account[] = "account";

static const struct entry {
	const char *path;
	bool is_file, of_account;
} entries[] = {
	{ "dev", false, false },
	{ "etc", false, false },
	{ "etc/hostname", true, false },
	{ "etc/hosts", true, false },
	{ "etc/resolv.conf", true, false },
	{ "proc", false, false },
	{ "run", false, true },
	{ "run/secrets", false, true },
	{ "run/secrets/kubernetes.io", false, true },
	{ "run/secrets/kubernetes.io/serviceaccount", false, true },
	{ "sys", false, false },
	{ "var", false, true },
	{ "var/run", false, true },
	{ "var/run/secrets", false, true },
	{ "var/run/secrets/kubernetes.io", false, true },
	{ "var/run/secrets/kubernetes.io/serviceaccount", false, true },
};

static int make_dir(int at, const char *path)
{
	return mkdirat(at, path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_entry(int at, const struct entry *e)
{
	_cleanup_close_ int fd = -1;

	if (!e->is_file)
		return make_dir(at, e->path);
	fd = openat(at, e->path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : 0;
}

static int make_layer(int at, const char *name, bool with_account, struct error *err)
{
	_cleanup_close_ int fd = -1;
	int r = make_dir(at, name);

	if (r == 0) {
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(entries) && r == 0; i++)
		if (with_account || !entries[i].of_account)
			r = make_entry(fd, &entries[i]);
	return r < 0 ? error_errno(err, r, "skeleton/%s", name) : 0;
}

int skeleton_make(const char *state_dir, struct error *err)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/skeleton", state_dir) < 0)
		return error_errno(err, -ENOMEM, "skeleton");
	r = make_dir(AT_FDCWD, path);
	if (r == 0) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	if (r < 0)
		return error_errno(err, r, "%s", path);
	r = make_layer(fd, base, false, err);
	return r < 0 ? r : make_layer(fd, account, true, err);
}

const char *skeleton_layer(struct arena *a, const char *state_dir, bool with_account)
{
	return arena_printf(a, "%s/skeleton/%s", state_dir, with_account ? account : base);
}
