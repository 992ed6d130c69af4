/* SPDX-License-Identifier: Apache-2.0 */
/* Directories and those above them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/directories.h"
#include "base/remove.h"

static char top[] = "/tmp/podfs-test-directories.XXXXXX";

static int setup(void **state)
{
	(void)umask(022);
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	return chdir("/") == 0 ? remove_tree(AT_FDCWD, top) : -1;
}

static int mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -errno : (int)(st.st_mode & 07777);
}

static void what_is_missing_is_made(void **state)
{
	assert_int_equal(directories_make("a/b//c", 0755, 0700), 0);
	assert_int_equal(mode_of("a"), 0755);
	assert_int_equal(mode_of("a/b"), 0755);
	assert_int_equal(mode_of("a/b/c"), 0700);
	assert_int_equal(directories_make("a/b/d", 0700, 0777), 0);
	assert_int_equal(mode_of("a/b"), 0755); /* what is there stays as it is */
	assert_int_equal(mode_of("a/b/d"), 0755);
	assert_int_equal(directories_make("a/b/c", 0755, 0755), 0);
	assert_int_equal(mode_of("a/b/c"), 0700);
	assert_int_equal(directories_make("e/", 0755, 0700), 0);
	assert_true(mode_of("e") >= 0);
}

static void links_are_followed(void **state)
{
	assert_int_equal(symlink("a", "link"), 0);
	assert_int_equal(directories_make("link/f/g", 0755, 0755), 0);
	assert_int_equal(mode_of("a/f/g"), 0755);
}

static void what_cannot_be_made_is_told(void **state)
{
	int fd = open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(directories_make("file/x", 0755, 0755), -ENOTDIR);
	assert_int_equal(directories_make("file/x/y", 0755, 0755), -ENOTDIR);
	assert_int_equal(directories_make("", 0755, 0755), -ENOENT);
	assert_int_equal(directories_make("/proc/none/x", 0755, 0755), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_made),
		cmocka_unit_test(links_are_followed),
		cmocka_unit_test(what_cannot_be_made_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, teardown);
}
