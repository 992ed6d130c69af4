/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What podfs-pod decodes: messages, specs, an image's passwd and group files, a container's output. The first byte
 * says which.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/crilog.h"
#include "pod/protocol.h"
#include "pod/spec.h"
#include "pod/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_message(const uint8_t *data, size_t size)
{
	static struct pod_message m;

	if (size > sizeof(m.bytes))
		return;
	memcpy(m.bytes, data, size);
	if (pod_message_check(&m, size) == 0 && m.header.type == POD_START && strlen(m.start.name) >= POD_NAME_SIZE)
		abort();
}

static void fuzz_spec(const uint8_t *data, size_t size)
{
	/* A copy of exact size, so that the sanitizer sees a read beyond it. */
	uint8_t *copy = malloc(size ? size : 1);
	struct spec s = { .data = copy, .size = size };
	struct spec_item item;

	if (!copy)
		return;
	memcpy(copy, data, size);
	if (spec_check(&s) == 0)
		for (size_t at = 0; spec_next(&s, at, 0, &item); at = item.next)
			for (unsigned n = 0; n < 5; n++)
				if (item.type == SPEC_MOUNT &&
				    strlen(spec_item_string(&item, sizeof(struct spec_mount), n)) > size)
					abort();
	free(copy);
}

static void fuzz_user(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct user u;
	char bad;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		return;
	(void)user_resolve("web", fd, -1, &u, &bad);
	(void)lseek(fd, 0, SEEK_SET);
	if (user_resolve("0:disk", -1, fd, &u, &bad) == 0 && u.n_groups > USER_GROUPS_MAX)
		abort();
}

static void fuzz_log(const uint8_t *data, size_t size)
{
	static char rest[CRILOG_LINE_MAX];
	static struct crilog_buffers buffers;
	struct crilog log = { .fd = -1, .buffers = &buffers, .streams = { { .rest = rest }, { .rest = rest } } };

	while (size > 0) {
		size_t n = 1 + data[0] * 64u;

		if (n > size)
			n = size;
		crilog_feed(&log, CRILOG_STDOUT, (const char *)data, n, n == size, 1);
		data += n;
		size -= n;
	}
	if (log.streams[0].fill != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(const uint8_t *, size_t) = { fuzz_message, fuzz_spec, fuzz_user, fuzz_log };

	if (size > 0)
		targets[data[0] % ARRAY_SIZE(targets)](data + 1, size - 1);
	return 0;
}
