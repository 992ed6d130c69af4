/* SPDX-License-Identifier: Apache-2.0 */
/* Removing trees, also while somebody moves what is in them: nothing beside them goes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/remove.h"

enum { FILES = 5000, DEEP = 3000 };

static char top[] = "/tmp/podfs-test-remove.XXXXXX";

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

static int outside = -1;

/* What is tried here would, if it went wrong, remove what lies above: so nothing does. */
static int setup(void **state)
{
	outside = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return outside >= 0 && mkdtemp(top) && chdir(top) == 0 && (geteuid() != 0 || chroot(".") == 0) ? 0 : -1;
}

static int teardown(void **state)
{
	if (fchdir(outside) < 0 || (geteuid() == 0 && chroot(".") < 0))
		return -1;
	(void)close(outside);
	return remove_tree(AT_FDCWD, top);
}

static void files_links_and_nothing(void **state)
{
	make_file("file");
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(remove_tree(AT_FDCWD, "link"), 0);
	assert_int_equal(access("file", F_OK), 0);
	assert_int_equal(remove_tree(AT_FDCWD, "file"), 0);
	assert_int_equal(remove_tree(AT_FDCWD, "file"), 0);
	assert_int_equal(mkdir("beside", 0700), 0);
	make_file("beside/file");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(symlink("../beside", "d/link"), 0);
	assert_int_equal(remove_tree(AT_FDCWD, "d"), 0);
	assert_int_equal(access("d", F_OK), -1);
	assert_int_equal(access("beside/file", F_OK), 0);
}

static void deeper_than_any_path(void **state)
{
	int fd, next;

	assert_int_equal(mkdir("deep", 0700), 0);
	fd = open("deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEEP; i++) {
		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(fd);
		fd = next;
	}
	(void)close(fd);
	assert_int_equal(remove_tree(AT_FDCWD, "deep"), 0);
	assert_int_equal(access("deep", F_OK), -1);
}

/* Once the first file has gone, the directory that is being emptied is deep no more. */
static void *mover(void *arg)
{
	while (access("vol/a/b/c/d/e/f/last", F_OK) == 0 && access("vol/a/b/c/d/e/f/gone", F_OK) == 0)
		(void)sched_yield();
	(void)rename("vol/a/b/c/d/e/f", "vol/x");
	return NULL;
}

static void what_is_moved_leads_nowhere(void **state)
{
	if (geteuid() != 0) { /* it needs a root directory of its own */
		print_message("SKIP: needs root\n");
		skip();
	}
	for (int round = 0; round < 20; round++) {
		char path[64];
		pthread_t t;
		int fd;

		assert_int_equal(mkdir("vol", 0700), 0);
		assert_int_equal(mkdir("vol/a", 0700), 0);
		assert_int_equal(mkdir("vol/a/b", 0700), 0);
		assert_int_equal(mkdir("vol/a/b/c", 0700), 0);
		assert_int_equal(mkdir("vol/a/b/c/d", 0700), 0);
		assert_int_equal(mkdir("vol/a/b/c/d/e", 0700), 0);
		assert_int_equal(mkdir("vol/a/b/c/d/e/f", 0700), 0);
		fd = open("vol/a/b/c/d/e/f", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		make_file("vol/a/b/c/d/e/f/gone");
		for (int i = 0; i < FILES; i++) {
			(void)snprintf(path, sizeof(path), "%d", i);
			assert_int_equal(mknodat(fd, path, S_IFREG | 0600, 0), 0);
		}
		make_file("vol/a/b/c/d/e/f/last");
		(void)close(fd);
		assert_int_equal(pthread_create(&t, NULL, mover, NULL), 0);
		assert_int_equal(remove_tree(AT_FDCWD, "vol"), 0);
		assert_int_equal(pthread_join(t, NULL), 0);
		/* A move as the last thing brings nothing back: there is no "vol" to move to. */
		assert_int_equal(access("vol", F_OK), -1);
		assert_int_equal(access("beside/file", F_OK), 0);
	}
}

static void it_can_be_stopped(void **state)
{
	atomic_bool stop = true;

	assert_int_equal(mkdir("some", 0700), 0);
	make_file("some/file");
	assert_int_equal(remove_tree_until(AT_FDCWD, "some", &stop), -ECANCELED);
	assert_int_equal(access("some/file", F_OK), 0);
	stop = false;
	assert_int_equal(remove_tree_until(AT_FDCWD, "some", &stop), 0);
	assert_int_equal(access("some", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_links_and_nothing),
		cmocka_unit_test(deeper_than_any_path),
		cmocka_unit_test(what_is_moved_leads_nowhere),
		cmocka_unit_test(it_can_be_stopped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
