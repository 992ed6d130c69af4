/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/openat2.h"

enum { UPS = 8, OPENS_MAX = 200000 };

static atomic_bool ended;

static void *rename_for_ever(void *arg)
{
	int dir = *(int *)arg;

	while (!atomic_load(&ended)) {
		(void)renameat(dir, "one", dir, "two");
		(void)renameat(dir, "two", dir, "one");
	}
	return NULL;
}

/* Until the kernel has asked for a second try of a path that goes up, while names change elsewhere: the retried call is
 * never told so. */
static void what_changes_meanwhile_is_no_error(void **state)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	char path[] = "/tmp/podfs-openat2-XXXXXX", up[3 * UPS + 1] = "";
	_cleanup_close_ int dir = -1;
	unsigned again = 0;
	pthread_t thread;

	(void)state;
	for (size_t i = 0; i < UPS; i++)
		memcpy(up + 3 * i, "../", 4);
	assert_non_null(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	assert_return_code(mkdirat(dir, "one", 0700), errno);
	assert_int_equal(pthread_create(&thread, NULL, rename_for_ever, &dir), 0);
	for (int i = 0; i < OPENS_MAX && again < 10; i++) {
		_cleanup_close_ int raw = (int)syscall(SYS_openat2, dir, up, &how, sizeof(how));
		_cleanup_close_ int fd = -1;

		again += raw < 0 && errno == EAGAIN;
		fd = openat2_retry(dir, up, &how);
		assert_return_code(fd, errno);
	}
	atomic_store(&ended, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(again > 0);
	assert_int_equal(unlinkat(dir, "one", AT_REMOVEDIR) & unlinkat(dir, "two", AT_REMOVEDIR), 0);
	assert_return_code(rmdir(path), errno);
}

static void other_errors_are_told_at_once(void **state)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH };

	(void)state;
	assert_int_equal(openat2_retry(AT_FDCWD, "no such file", &how), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(openat2_retry(AT_FDCWD, "/", &how), -1);
	assert_int_equal(errno, EXDEV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_meanwhile_is_no_error),
		cmocka_unit_test(other_errors_are_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
