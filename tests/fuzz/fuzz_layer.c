/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the unpacking of a layer: the input is the layer's blob. Each is unpacked, as root or not, into a directory of
 * its own in $TMPDIR (a tmpfs is fastest), beside a file that must never change.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "image/layer.h"
#include "image/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int base = -1;

static void open_base(void)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int canary = -1;

	if (asprintf(&path, "%s/fuzz-layer.XXXXXX", tmp ? tmp : "/tmp") < 0 || !mkdtemp(path))
		abort();
	base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	canary = openat(base, "canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (base < 0 || canary < 0)
		abort();
}

/* Nothing but the canary and the layer may lie beside one another, and the canary is empty with one name. */
static void check_canary(void)
{
	struct stat dir, canary;

	if (fstat(base, &dir) < 0 || fstatat(base, "canary", &canary, AT_SYMLINK_NOFOLLOW) < 0 || (dir.st_nlink > 1 && dir.st_nlink != 3) ||
	    canary.st_size != 0 || canary.st_nlink != 1 || (canary.st_mode & 07777) != 0600)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char ANY[] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
	struct layer_limits limits = { .bytes = 1 << 20, .entries = 1000 };
	_cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC), dir = -1;
	_cleanup_error_ struct error err = ERROR_INIT;
	struct blob blob = { .fd = fd, .offset = 0, .size = size };
	uint64_t unpacked = 0;

	if (base < 0)
		open_base();
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || mkdirat(base, "layer", 0700) < 0)
		abort();
	dir = openat(base, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Its digest never fits, so that it never succeeds. */
	if (dir < 0 || layer_unpack(&blob, NULL, ANY, &limits, dir, &unpacked, &err) == 0)
		abort();
	check_canary();
	if (tree_remove(base, "layer") < 0)
		abort();
	return 0;
}
