/* SPDX-License-Identifier: Apache-2.0 */
/* fs/keep.h: what a daemon leaves is what the next one finds, whenever the first was killed. */
#include "fs/keep.h"

#include <linux/fuse.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"

static int new_area(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static struct fs_keep *open_keep(int fd)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct fs_keep *k = NULL;

	assert_int_equal(fs_keep_open(fd, &k, &err), 0);
	return k;
}

static struct fs_kept *add_handle(struct fs_keep *k, const struct fs_kept *what, const char *name, const void *snap,
				  size_t len)
{
	struct fs_kept *h = fs_keep_handle_add(k, what, name, snap, len);

	if (h)
		fs_keep_handle_publish(h, what->number);
	return h;
}

static struct fs_keep *next_daemon(struct fs_keep *k, int fd)
{
	fs_keep_free(k);
	return open_keep(fd);
}

static void check_node(struct fs_keep *k, uint64_t ino, uint64_t parent, const char *name, uint64_t nlookup)
{
	char got[FS_KEEP_NAME];
	uint64_t got_parent, got_nlookup;
	uint32_t at;

	assert_true(fs_keep_node_find(k, ino, &at, &got_parent, got, &got_nlookup));
	assert_int_equal(got_parent, parent);
	assert_string_equal(got, name);
	assert_int_equal(got_nlookup, nlookup);
}

static void test_nodes(void **state)
{
	char name[FS_KEEP_NAME];
	uint64_t parent, nlookup;
	uint32_t at, moved;
	int fd = new_area();
	struct fs_keep *k = open_keep(fd);

	at = fs_keep_node_add(k, 100, 1, "deployments");
	assert_int_not_equal(at, 0);
	fs_keep_node_count(k, at, 7);
	moved = fs_keep_node_add(k, 200, 100, "old name");
	fs_keep_node_move(k, moved, 1, "a new name that is longer than the old one was, and needs another block");
	at = fs_keep_node_add(k, 300, 1, "gone");
	fs_keep_node_drop(k, at);
	k = next_daemon(k, fd);
	check_node(k, 100, 1, "deployments", 7);
	check_node(k, 200, 1, "a new name that is longer than the old one was, and needs another block", 1);
	assert_false(fs_keep_node_find(k, 300, &at, &parent, name, &nlookup));
	assert_int_not_equal(fs_keep_node_named(k, 1, "deployments"), 0);
	assert_int_equal(fs_keep_node_named(k, 1, "old name"), 0);
	at = fs_keep_node_add(k, 400, 1, "new"); /* in the place of the one that was dropped: over nobody */
	k = next_daemon(k, fd);
	check_node(k, 400, 1, "new", 1);
	check_node(k, 100, 1, "deployments", 7);
	fs_keep_free(k);
	close_fdp(&fd);
}

static const struct fs_kept *only_handle(struct fs_keep *k, uint64_t number)
{
	struct fs_kept *h = fs_keep_handle_find(k, number);

	assert_non_null(h);
	return h;
}

static void check_text(struct fs_keep *k, uint64_t number, const char *text)
{
	size_t len;
	const void *got = fs_keep_text(k, only_handle(k, number), &len);

	assert_int_equal(len, strlen(text));
	if (len)
		assert_memory_equal(got, text, len);
}

/* A write on top of what was there, and a state that is one with the request that it is of. */
static void test_writes(void **state)
{
	uint8_t bytes[FS_KEEP_STATE] = { 7 };
	int fd = new_area();
	struct fs_keep *k = open_keep(fd);
	const uint64_t one = fs_keep_handle_number(k, 0);
	struct fs_kept *h = add_handle(k, &(struct fs_kept){ .number = one }, "field", "before", 6);

	fs_keep_state(k, h, bytes, 40 | FS_KEEP_RESEND);
	assert_false(fs_keep_version(h)->has_text);
	assert_int_equal(fs_keep_version(h)->unique, 40);
	fs_keep_write(k, h, &(struct fs_keep_change){ .data = "X", .len = 1, .at = 2, .text_len = 6, .unique = 42 }, "beXore");
	fs_keep_state(k, h, bytes, 0); /* as it is; so is whose it is */
	k = next_daemon(k, fd);
	h = fs_keep_handle_find(k, one);
	assert_true(fs_keep_version(h)->has_text);
	assert_int_equal(fs_keep_version(h)->unique, 42);
	check_text(k, one, "beXore");
	fs_keep_write(k, h, &(struct fs_keep_change){ .data = "YZ", .len = 2, .at = 5, .text_len = 7, .unique = 44 }, "ignored");
	check_text(k, one, "beXorYZ");
	fs_keep_write(k, h, &(struct fs_keep_change){ .text_len = 0 }, ""); /* emptied: that is something, too */
	k = next_daemon(k, fd);
	check_text(k, one, "");
	assert_true(fs_keep_version(only_handle(k, one))->has_text);
	fs_keep_write(NULL, NULL, &(struct fs_keep_change){ .text_len = 1 }, "x");
	fs_keep_free(k);
	close_fdp(&fd);
}

static void test_handles(void **state)
{
	const gid_t groups[] = { 10, 20, 30 };
	uint8_t bytes[FS_KEEP_STATE] = { 1, 2, 3 };
	int fd = new_area();
	struct fs_keep *k = open_keep(fd);
	const uint64_t one = fs_keep_handle_number(k, 0), two = fs_keep_handle_number(k, 0);
	struct fs_kept *h = add_handle(k, &(struct fs_kept){ .number = one, .ino = 100, .uid = 1000 }, "a.yaml",
					       "snapshot", 8);
	const gid_t *got;
	size_t n;

	assert_true(two > one);
	assert_non_null(h);
	fs_keep_handle_set_groups(k, h, groups, 3);
	fs_keep_change(k, h, &(struct fs_keep_change){ .data = "hello", .len = 5, .text_len = 5, .state = bytes, .unique = 42 });
	fs_keep_change(k, h, &(struct fs_keep_change){ .data = "world", .len = 5, .at = 7, .text_len = 12, .unique = 44 });
	k = next_daemon(k, fd);
	h = fs_keep_handle_next(k, NULL);
	assert_int_equal(h->number, one);
	assert_int_equal(h->uid, 1000);
	assert_string_equal(fs_keep_handle_name(k, h), "a.yaml");
	assert_memory_equal(fs_keep_handle_snap(k, h), "snapshot", 8);
	got = fs_keep_handle_groups(k, h, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(got, groups, sizeof(groups));
	got = fs_keep_text(k, h, &n) ? got : NULL;
	assert_int_equal(n, 12);
	assert_memory_equal(fs_keep_text(k, h, &n), "hello\0\0world", 12);
	assert_memory_equal(fs_keep_version(h)->state, bytes, sizeof(bytes));
	assert_int_equal(fs_keep_version(h)->unique, 44);
	assert_true(fs_keep_handle_number(k, 0) > two);
	assert_null(fs_keep_handle_next(k, h));
	fs_keep_change(k, h, &(struct fs_keep_change){ .text_len = 2 }); /* shortened, and lengthened again: NULs */
	check_text(k, one, "he");
	fs_keep_handle_drop(k, h);
	assert_null(fs_keep_handle_next(k, NULL));
	k = next_daemon(k, fd);
	assert_null(fs_keep_handle_next(k, NULL));
	fs_keep_free(k);
	close_fdp(&fd);
}

/* Blocks are used again, also by the next daemon: a thousand generations of large texts stay small. */
static void test_reuse(void **state)
{
	static char text[300000];
	int fd = new_area();
	struct fs_keep *k = open_keep(fd);
	struct stat st;

	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 200; i++) {
		struct fs_kept *h = add_handle(k, &(struct fs_kept){ .number = fs_keep_handle_number(k, 0) }, "n",
						       text, sizeof(text));

		assert_non_null(h);
		for (size_t at = 0; at < sizeof(text); at += 50000)
			fs_keep_change(k, h, &(struct fs_keep_change){ .data = text + at, .len = 50000, .at = at,
								       .text_len = at + 50000 });
		assert_int_equal(h->lost, 0);
		if (i % 10 == 9)
			k = next_daemon(k, fd);
		while ((h = fs_keep_handle_next(k, NULL)))
			fs_keep_handle_drop(k, h);
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < 8 << 20);
	fs_keep_free(k);
	close_fdp(&fd);
}

static void receive(struct fs_keep *k, uint64_t unique, uint32_t opcode)
{
	struct fuse_in_header *in = fs_keep_buffer(k);

	fs_keep_reading(k);
	*in = (struct fuse_in_header){ .len = sizeof(*in), .opcode = opcode, .unique = unique };
	fs_keep_received(k, sizeof(*in));
}

static size_t count_requests(const struct fs_keep *k)
{
	size_t n = 0;

	free(fs_keep_requests(k, &n));
	return n;
}

static void test_requests(void **state)
{
	int fd = new_area();
	struct fs_keep *k = open_keep(fd);
	unsigned deaths;
	int64_t came;

	receive(k, 2, FUSE_LOOKUP);
	came = fs_keep_came(k, 2, &deaths);
	assert_int_equal(deaths, 0);
	receive(k, 4, FUSE_FORGET);
	receive(k, 6, FUSE_WRITE);
	fs_keep_answered(k, 6);
	k = next_daemon(k, fd);
	fs_keep_died(k);
	assert_int_equal(count_requests(k), 1);
	assert_int_equal(fs_keep_load(k, 2), 0); /* nothing was kept of it but its number */
	assert_int_equal(fs_keep_came(k, 2 | FS_KEEP_RESEND, &deaths), came);
	assert_int_equal(deaths, 1);
	receive(k, 2 | FS_KEEP_RESEND, FUSE_LOOKUP); /* it came again: the same one */
	fs_keep_leave(k); /* and this daemon left on purpose */
	k = next_daemon(k, fd);
	fs_keep_died(k);
	(void)fs_keep_came(k, 2, &deaths);
	assert_int_equal(deaths, 1);
	k = next_daemon(k, fd);
	fs_keep_died(k);
	(void)fs_keep_came(k, 2, &deaths);
	assert_int_equal(deaths, FS_KEEP_DEATHS);
	fs_keep_answered(k, 2 | FS_KEEP_RESEND);
	assert_int_equal(count_requests(k), 0);
	/* Read, but killed before it was noted. */
	fs_keep_reading(k);
	*(struct fuse_in_header *)fs_keep_buffer(k) =
		(struct fuse_in_header){ .len = sizeof(struct fuse_in_header), .opcode = FUSE_GETATTR, .unique = 8 };
	k = next_daemon(k, fd);
	fs_keep_died(k);
	assert_int_equal(count_requests(k), 1);
	assert_int_equal(fs_keep_load(k, 8), sizeof(struct fuse_in_header));
	assert_int_equal(fs_keep_current(k), 8 | FS_KEEP_RESEND);
	fs_keep_answered(k, 8 | FS_KEEP_RESEND);
	/* One that waits, while others are read. */
	receive(k, 10, FUSE_FLUSH);
	fs_keep_parked(k);
	receive(k, 12, FUSE_GETATTR);
	fs_keep_answered(k, 12);
	k = next_daemon(k, fd);
	fs_keep_died(k);
	assert_int_equal(count_requests(k), 1);
	assert_int_equal(fs_keep_load(k, 10), sizeof(struct fuse_in_header));
	assert_int_equal(((struct fuse_in_header *)fs_keep_buffer(k))->opcode, FUSE_FLUSH);
	fs_keep_free(k);
	close_fdp(&fd);
}

/* What the area held for another version is not taken for what this one writes. */
static void test_other_layout(void **state)
{
	int fd = new_area();
	struct fs_keep *k = open_keep(fd);
	uint64_t other = 0x1234, number = fs_keep_handle_number(k, 0);

	(void)add_handle(k, &(struct fs_kept){ .number = number }, "n", "x", 1);
	(void)fs_keep_node_add(k, 100, 1, "n");
	fs_keep_free(k);
	assert_int_equal(pwrite(fd, &other, sizeof(other), 0), sizeof(other));
	k = open_keep(fd);
	assert_null(fs_keep_handle_next(k, NULL));
	assert_int_equal(fs_keep_node_named(k, 1, "n"), 0);
	assert_true(fs_keep_handle_number(k, 0) > number); /* what the kernel has is never given again */
	fs_keep_free(k);
	close_fdp(&fd);
}

/* A process that writes texts of one letter until it is killed. */
static void write_letters(int fd)
{
	static char text[5000];
	struct fs_keep *k = open_keep(fd);
	struct fs_kept *h = add_handle(k, &(struct fs_kept){ .number = 1 }, "n", NULL, 0);

	for (unsigned i = 0;; i++) {
		uint8_t bytes[FS_KEEP_STATE];
		size_t len = 1 + (i * 37) % sizeof(text);
		uint32_t at = fs_keep_node_add(k, 100 + i, 1, "node");

		memset(text, 'a' + (char)(i % 26), len);
		memset(bytes, 'a' + (int)(i % 26), sizeof(bytes));
		fs_keep_change(k, h, &(struct fs_keep_change){ .text_len = 0 });
		fs_keep_change(k, h, &(struct fs_keep_change){ .data = text, .len = len, .text_len = len, .state = bytes });
		fs_keep_node_move(k, at, 2, "another name, which is a bit longer");
		fs_keep_node_drop(k, at);
	}
}

static void test_killed(void **state)
{
	for (int round = 0; round < 100; round++) {
		const struct timespec moment = { .tv_nsec = 500000 + round * 20011 };
		int fd = new_area(), status;
		pid_t pid = fork();
		const uint8_t *text;
		struct fs_keep *k;
		struct fs_kept *h;
		size_t len;

		assert_true(pid >= 0);
		if (pid == 0)
			write_letters(fd);
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		k = open_keep(fd);
		h = fs_keep_handle_find(k, 1);
		text = h ? fs_keep_text(k, h, &len) : NULL;
		for (size_t i = 0; text && i < len; i++)
			assert_int_equal(text[i], fs_keep_version(h)->state[0]);
		for (size_t i = 0; text && i < FS_KEEP_STATE; i++)
			assert_int_equal(fs_keep_version(h)->state[i], fs_keep_version(h)->state[0]);
		/* What is written now overwrites nothing that is kept. */
		for (int i = 0; i < 100; i++)
			assert_int_not_equal(fs_keep_node_add(k, 9000 + (uint64_t)i, 1, "something else"), 0);
		for (size_t i = 0; text && i < len; i++)
			assert_int_equal(text[i], fs_keep_version(h)->state[0]);
		fs_keep_free(k);
		close_fdp(&fd);
	}
}

/* Without a holder nothing is kept, and nothing breaks. */
static void test_none(void **state)
{
	char name[FS_KEEP_NAME];
	uint64_t a, b;
	uint32_t at;

	assert_null(fs_keep_buffer(NULL));
	assert_int_equal(fs_keep_node_add(NULL, 100, 1, "n"), 0);
	assert_false(fs_keep_node_find(NULL, 100, &at, &a, name, &b));
	assert_null(add_handle(NULL, &(struct fs_kept){ .number = 1 }, "n", "x", 1));
	assert_int_equal(fs_keep_handle_number(NULL, 7), 8);
	fs_keep_change(NULL, NULL, &(struct fs_keep_change){ .text_len = 1 });
	fs_keep_answered(NULL, 1);
	fs_keep_died(NULL);
	fs_keep_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes),	     cmocka_unit_test(test_handles),
		cmocka_unit_test(test_writes),	     cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_requests),     cmocka_unit_test(test_other_layout),
		cmocka_unit_test(test_killed),	     cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
