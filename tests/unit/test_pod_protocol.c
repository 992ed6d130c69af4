/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/protocol.h"
#include "pod/spec.h"

/* ---- messages ---- */

static void test_sizes(void **state)
{
	static struct pod_message m;

	for (unsigned type = 0; type < 100; type++)
		for (size_t size = 0; size <= sizeof(m.bytes); size++) {
			int r;

			memset(&m, 0xff, sizeof(m));
			m.header = (struct pod_header){ .version = POD_PROTOCOL_VERSION, .type = (uint16_t)type,
							.size = (uint32_t)size };
			r = pod_message_check(&m, size);
			assert_true(r == 0 || r == -EBADMSG);
			if (size < sizeof(struct pod_header))
				assert_int_equal(r, -EBADMSG);
			if (r < 0)
				continue;
			if (type == POD_START || type == POD_EXEC) {
				/* what came later is absent from an older daemon's message, and reads as nothing */
				assert_true(size >= offsetof(struct pod_start, log_max_size));
				if (size == offsetof(struct pod_start, log_max_size))
					assert_true(m.start.log_max_size == 0 && m.start.log_max_files == 0);
				assert_int_equal(m.start.name[POD_NAME_SIZE - 1], 0);
				assert_int_equal(m.start.log[POD_PATH_SIZE - 1], 0);
			} else if (type == POD_SETUP) {
				assert_int_equal(m.setup.dir[POD_PATH_SIZE - 1], 0);
			} else if (type == POD_EXITED) {
				assert_int_equal(m.event.name[POD_NAME_SIZE - 1], 0);
				assert_int_equal(m.event.text[POD_TEXT_SIZE - 1], 0);
			}
			if (size < sizeof(m.bytes))
				assert_int_equal(m.bytes[size], 0);
		}
}

static void test_versions(void **state)
{
	static struct pod_message m;

	m.header = (struct pod_header){ .version = POD_PROTOCOL_VERSION + 1, .type = POD_SUBSCRIBE,
					.size = sizeof(m.header) };
	assert_int_equal(pod_message_check(&m, sizeof(m.header)), -EPROTONOSUPPORT);
	m.header.version = POD_PROTOCOL_VERSION;
	assert_int_equal(pod_message_check(&m, sizeof(m.header)), 0);
	assert_int_equal(pod_message_check(&m, sizeof(m.header) + 1), -EBADMSG);
}

static void test_descriptors(void **state)
{
	static struct pod_message m;
	struct pod_name sent = { .header = { .type = POD_ACK, .id = 9 }, .name = "app", .restart = 4 };
	int ends[2], fds[3], before;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pod_message_send(ends[0], &sent, sizeof(sent), fds, ARRAY_SIZE(fds)), 0);
	assert_int_equal(pod_message_receive(ends[1], &m), 1);
	assert_int_equal(m.header.id, 9);
	assert_int_equal(m.name.restart, 4);
	assert_string_equal(m.name.name, "app");
	assert_int_equal(m.n_fds, 3);
	assert_true(fcntl(m.fds[0], F_GETFD) & FD_CLOEXEC);
	before = m.fds[0];
	pod_message_clear(&m);
	assert_int_equal(fcntl(before, F_GETFD), -1);

	/* Descriptors of a message that is refused are closed, too. */
	sent.header.size = 1;
	assert_true(send(ends[0], &sent, sizeof(sent), 0) > 0);
	assert_int_equal(pod_message_receive(ends[1], &m), -EBADMSG);
	assert_int_equal(m.n_fds, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close_fdp(&fds[i]);
	close_fdp(&ends[0]);
	assert_int_equal(pod_message_receive(ends[1], &m), 0);
	close_fdp(&ends[1]);
}

/* ---- specs ---- */

struct image {
	unsigned char data[1024];
	size_t size;
	uint32_t n;
};

static void add(struct image *im, uint16_t type, uint16_t flags, const void *data, size_t size)
{
	const struct spec_record r = { .type = type, .flags = flags, .size = (uint32_t)size };

	memcpy(im->data + im->size, &r, sizeof(r));
	memcpy(im->data + im->size + sizeof(r), data, size);
	im->size += sizeof(r) + ((size + 7) & ~(size_t)7);
	im->n++;
}

static void begin(struct image *im)
{
	const struct spec_header h = { .magic = SPEC_MAGIC, .version = 1 };

	*im = (struct image){ .size = 0 };
	add(im, SPEC_HEADER, SPEC_CRITICAL, &h, sizeof(h));
}

static struct spec finish(struct image *im)
{
	const struct spec_header h = { .magic = SPEC_MAGIC, .version = 1, .total = (uint32_t)im->size,
				       .n_records = im->n };

	memcpy(im->data + sizeof(struct spec_record), &h, sizeof(h));
	return (struct spec){ .data = im->data, .size = im->size };
}

static struct spec sample(struct image *im)
{
	struct {
		struct spec_mount m;
		char strings[16];
	} mount = { { 1, -1 }, "src\0/to\0bind\0" };

	begin(im);
	add(im, SPEC_ARG, SPEC_CRITICAL, "true", 5);
	add(im, SPEC_ARG, SPEC_CRITICAL, "-v", 3);
	add(im, SPEC_ENV, SPEC_CRITICAL, "A=b", 4);
	add(im, SPEC_MOUNT, SPEC_CRITICAL, &mount, sizeof(mount.m) + 14);
	return finish(im);
}

static void test_spec(void **state)
{
	static struct image im;
	struct spec s = sample(&im);
	struct spec_item item;

	assert_int_equal(spec_check(&s), 0);
	assert_int_equal(spec_count(&s, SPEC_ARG), 2);
	assert_string_equal(spec_string(&s, SPEC_ARG, ""), "true");
	assert_string_equal(spec_string(&s, SPEC_CWD, "/"), "/");
	assert_true(spec_next(&s, 0, SPEC_MOUNT, &item));
	assert_string_equal(spec_item_string(&item, sizeof(struct spec_mount), 0), "src");
	assert_string_equal(spec_item_string(&item, sizeof(struct spec_mount), 1), "/to");
	assert_string_equal(spec_item_string(&item, sizeof(struct spec_mount), 2), "bind");
	assert_string_equal(spec_item_string(&item, sizeof(struct spec_mount), 3), "");
	assert_string_equal(spec_item_string(&item, sizeof(struct spec_mount), 4), "");
	assert_false(spec_next(&s, item.next, 0, &item));
}

static void test_damaged_specs(void **state)
{
	static struct image im, copy;
	struct spec s = sample(&im);

	for (size_t size = 0; size < s.size; size++) {
		struct spec cut = { .data = im.data, .size = size };

		assert_int_equal(spec_check(&cut), -EBADMSG);
	}
	/* Any one byte changed: accepted or refused, but never read out of bounds (the sanitizers tell). */
	for (size_t i = 0; i < s.size; i++)
		for (unsigned v = 0; v < 256; v += 5) {
			struct spec changed = { .data = copy.data, .size = s.size };
			struct spec_item item;

			copy = im;
			copy.data[i] = (unsigned char)v;
			if (spec_check(&changed) < 0)
				continue;
			for (size_t at = 0; spec_next(&changed, at, 0, &item); at = item.next)
				(void)strlen(spec_item_string(&item, 0, 0));
		}
}

static void test_refused_specs(void **state)
{
	static struct image im;
	struct spec s;

	begin(&im);
	add(&im, 999, 0, "x", 1);
	s = finish(&im);
	assert_int_equal(spec_check(&s), 0); /* unknown, not critical */
	begin(&im);
	add(&im, 999, SPEC_CRITICAL, "x", 1);
	s = finish(&im);
	assert_int_equal(spec_check(&s), -EOPNOTSUPP);
	begin(&im);
	add(&im, SPEC_ARG, 0, "no end", 6);
	s = finish(&im);
	assert_int_equal(spec_check(&s), -EBADMSG);
	begin(&im);
	add(&im, SPEC_ARG, 0, "two\0ends", 9);
	s = finish(&im);
	assert_int_equal(spec_check(&s), -EBADMSG);
	begin(&im);
	add(&im, SPEC_SECCOMP, 0, "12345", 5);
	s = finish(&im);
	assert_int_equal(spec_check(&s), -EBADMSG);
	begin(&im);
	add(&im, SPEC_SECURITY, 0, "", 0);
	s = finish(&im);
	assert_int_equal(spec_check(&s), -EBADMSG);
	begin(&im);
	add(&im, SPEC_HEADER, 0, im.data + 8, sizeof(struct spec_header));
	s = finish(&im);
	assert_int_equal(spec_check(&s), -EBADMSG);
}

static void test_seals(void **state)
{
	static struct image im;
	struct spec s = sample(&im), mapped;
	int fd = memfd_create("spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, s.data, s.size), s.size);
	assert_int_equal(spec_map(fd, &mapped), -EPERM);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(spec_map(fd, &mapped), -EPERM);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(spec_map(fd, &mapped), 0);
	assert_int_equal(mapped.size, s.size);
	assert_int_equal(munmap((void *)(uintptr_t)mapped.data, mapped.size), 0);
	close_fdp(&fd);
	assert_int_equal(spec_map(STDIN_FILENO, &mapped), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	      cmocka_unit_test(test_versions),
		cmocka_unit_test(test_descriptors),   cmocka_unit_test(test_spec),
		cmocka_unit_test(test_damaged_specs), cmocka_unit_test(test_refused_specs),
		cmocka_unit_test(test_seals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
