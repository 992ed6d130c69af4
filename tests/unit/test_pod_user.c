/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/user.h"

static int file_of(const char *text, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment\n"
			     "\n"
			     "web:x:101:102:a:b:c:d:/srv\n"
			     "db:x:999:998::/var/lib/db:/bin/false\n"
			     "short:x:5\n"
			     "77:x:78:79::/seven:\n"
			     "big:x:4294967296:1::/:\n"
			     "nohome:x:300:300:::\n"
			     "last:x:400:400::/last:/bin/sh";
static const char group[] = "root:x:0:\n"
			    "web:x:102:\n"
			    "disk:x:6:db,web\n"
			    "audio:x:29:webb,xweb,web\n"
			    "video:x:44:we\n"
			    "bad:x:abc:web\n"
			    "short:x:7\n"
			    "tail:x:8:web";

struct wanted {
	const char *text;
	int r;
	char bad;
	uid_t uid;
	gid_t gid;
	const char *home;
	size_t n_groups;
};

static void check(const struct wanted *w, const char *p, const char *g)
{
	_cleanup_close_ int pfd = p ? file_of(p, strlen(p)) : -1;
	_cleanup_close_ int gfd = g ? file_of(g, strlen(g)) : -1;
	struct user u;
	char bad = 0;
	int r = user_resolve(w->text, pfd, gfd, &u, &bad);

	if (r != w->r)
		fail_msg("\"%s\": %d, wanted %d", w->text, r, w->r);
	if (r < 0) {
		assert_int_equal(bad, w->bad);
		return;
	}
	if (u.uid != w->uid || u.gid != w->gid || strcmp(u.home, w->home) != 0 || u.n_groups != w->n_groups)
		fail_msg("\"%s\": %u:%u home %s, %zu groups", w->text, u.uid, u.gid, u.home, u.n_groups);
}

static void test_resolve(void **state)
{
	static const struct wanted cases[] = {
		{ "", 0, 0, 0, 0, "/root", 0 },
		{ "0", 0, 0, 0, 0, "/root", 0 },
		{ "root", 0, 0, 0, 0, "/root", 0 },
		{ "db", 0, 0, 999, 998, "/var/lib/db", 1 },
		{ "999", 0, 0, 999, 998, "/var/lib/db", 1 },
		{ "web", 0, 0, 101, 102, "b", 3 },
		{ "web:disk", 0, 0, 101, 6, "b", 3 },
		{ "web:50", 0, 0, 101, 50, "b", 3 },
		{ "web:", 0, 0, 101, 102, "b", 3 },
		{ ":web", 0, 0, 0, 102, "/root", 0 },
		{ "5000", 0, 0, 5000, 0, "/", 0 },
		{ "5000:5001", 0, 0, 5000, 5001, "/", 0 },
		{ "77", 0, 0, 78, 79, "/seven", 0 }, /* a name of digits wins */
		{ "nohome", 0, 0, 300, 300, "/", 0 },
		{ "last", 0, 0, 400, 400, "/last", 0 },
		{ "ghost", -ENOENT, 'u', 0, 0, NULL, 0 },
		{ "short", -ENOENT, 'u', 0, 0, NULL, 0 },
		{ "big", -ENOENT, 'u', 0, 0, NULL, 0 },
		{ "web:ghost", -ENOENT, 'g', 0, 0, NULL, 0 },
		{ "web:bad", -ENOENT, 'g', 0, 0, NULL, 0 },
		{ "4294967295", -EINVAL, 'u', 0, 0, NULL, 0 },
		{ "99999999999999999999999", -EINVAL, 'u', 0, 0, NULL, 0 },
		{ "0:4294967295", -EINVAL, 'g', 0, 0, NULL, 0 },
		{ "-1", -ENOENT, 'u', 0, 0, NULL, 0 },
		{ "+5", -ENOENT, 'u', 0, 0, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(&cases[i], passwd, group);
}

static void test_without_files(void **state)
{
	static const struct wanted cases[] = {
		{ "", 0, 0, 0, 0, "/", 0 },
		{ "101:102", 0, 0, 101, 102, "/", 0 },
		{ "web", -ENOENT, 'u', 0, 0, NULL, 0 },
		{ "0:web", -ENOENT, 'g', 0, 0, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(&cases[i], NULL, NULL);
}

/* Lines longer than the buffer are skipped, at every offset around its size; the one behind them is still found. */
static void test_long_lines(void **state)
{
	static char text[3 * USER_LINE_SIZE];

	for (size_t len = USER_LINE_SIZE - 4; len < USER_LINE_SIZE + 4; len++) {
		const struct wanted w = { "web", 0, 0, 1, 2, "/w", 0 };

		memset(text, 'x', len);
		memcpy(text + len, "\nweb:x:1:2::/w:\n", sizeof("\nweb:x:1:2::/w:\n"));
		check(&w, text, NULL);
		text[len] = 'x';
		check(&(const struct wanted){ "web", -ENOENT, 'u', 0, 0, NULL, 0 }, text, NULL);
	}
}

/* A file without end is read up to the limit only. */
static void test_endless_file(void **state)
{
	const size_t size = 4 * USER_FILE_MAX;
	char *text = malloc(size + 1);
	_cleanup_close_ int fd = -1;
	struct user u;
	char bad;

	assert_non_null(text);
	memset(text, '\n', size);
	memcpy(text + size - 20, "web:x:1:2::/w:/bin\n", 19);
	fd = file_of(text, size);
	assert_int_equal(user_resolve("web", fd, -1, &u, &bad), -ENOENT);
	assert_true(lseek(fd, 0, SEEK_CUR) <= USER_FILE_MAX + USER_LINE_SIZE);
	free(text);
}

static void test_many_groups(void **state)
{
	static char text[400 * 20];
	size_t len = 0;
	_cleanup_close_ int pfd = file_of(passwd, sizeof(passwd) - 1), gfd = -1;
	struct user u;
	char bad;

	for (int i = 0; i < 400; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "g%d:x:%d:web\n", i, 1000 + i);
	gfd = file_of(text, len);
	assert_int_equal(user_resolve("web", pfd, gfd, &u, &bad), 0);
	assert_int_equal(u.n_groups, USER_GROUPS_MAX);
	assert_int_equal(u.groups[USER_GROUPS_MAX - 1], 1000 + USER_GROUPS_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve),	       cmocka_unit_test(test_without_files),
		cmocka_unit_test(test_long_lines),     cmocka_unit_test(test_endless_file),
		cmocka_unit_test(test_many_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
