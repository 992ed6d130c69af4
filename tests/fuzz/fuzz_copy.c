/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What podfs cp takes from a container, or a container from it: the input is the archive, its first byte says how it is
 * taken. Each is made in a directory of its own in $TMPDIR (a tmpfs is fastest), beside a file that must never change.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "copy/copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	const uint8_t *data;
	size_t size;
};

static int base = -1;
static char path[4096];
static struct tar_in in;

static ssize_t take(void *arg, void *data, size_t size)
{
	struct source *s = arg;
	size_t n = s->size < size ? s->size : size;

	memcpy(data, s->data, n);
	s->data += n;
	s->size -= n;
	return (ssize_t)n;
}

static void say(void *arg, const char *where, const char *text)
{
	(void)arg;
	if (strlen(where) + strlen(text) == 0)
		abort();
}

static void open_base(void)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_close_ int canary = -1;

	if (snprintf(path, sizeof(path) - 8, "%s/fuzz-copy.XXXXXX", tmp ? tmp : "/tmp") < 0 || !mkdtemp(path))
		abort();
	base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	canary = openat(base, "canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (base < 0 || canary < 0)
		abort();
	(void)snprintf(path + strlen(path), 8, "/copy");
}

/* Nothing but the canary and the copy may lie beside one another, and the canary is empty with one name. */
static void check_canary(void)
{
	struct stat dir, canary;

	if (fstat(base, &dir) < 0 || fstatat(base, "canary", &canary, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (dir.st_nlink > 1 && dir.st_nlink != 3) || canary.st_size != 0 || canary.st_nlink != 1 ||
	    (canary.st_mode & 07777) != 0600)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct copy c = { .say = say };
	struct source s = { data + 1, size - 1 };

	if (size == 0)
		return 0;
	if (base < 0)
		open_base();
	if (mkdirat(base, "copy", 0700) < 0)
		abort();
	in = (struct tar_in){ .read = take, .arg = &s };
	(void)copy_receive(&c, path, "d", data[0] & (COPY_CONTENTS | COPY_INTO | COPY_OWNERS | COPY_TRUSTED), &in);
	check_canary();
	if (remove_tree(base, "copy") < 0)
		abort();
	return 0;
}
