/* SPDX-License-Identifier: Apache-2.0 */
/* The ranges of user IDs that pods get: disjoint, kept over a restart, given again only when released. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "node/idrange.h"

struct fixture {
	char dir[32];
	struct idrange *ranges;
};

static void reopen(struct fixture *f)
{
	idrange_close(f->ranges);
	f->ranges = NULL;
	assert_int_equal(idrange_open(f->dir, &f->ranges), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/idrange-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	reopen(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	idrange_close(f->ranges);
	assert_int_equal(remove_tree(AT_FDCWD, f->dir), 0);
	free(f);
	return 0;
}

static int take(struct fixture *f, const char *uid, uint32_t *ret)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	char dir[96];

	(void)snprintf(dir, sizeof(dir), "%s/%s", f->dir, uid);
	if (mkdir(dir, 0700) < 0)
		assert_int_equal(errno, EEXIST);
	return idrange_take(f->ranges, uid, dir, ret, &err);
}

static uint32_t taken(struct fixture *f, const char *uid)
{
	uint32_t first = 0;

	assert_int_equal(take(f, uid, &first), 0);
	assert_int_equal(first % IDRANGE_SIZE, 0);
	assert_true(first / IDRANGE_SIZE >= IDRANGE_FIRST && first / IDRANGE_SIZE < IDRANGE_END);
	return first;
}

static void write_file(const struct fixture *f, const char *uid, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, uid);
	if (mkdir(path, 0700) < 0)
		assert_int_equal(errno, EEXIST);
	(void)snprintf(path, sizeof(path), "%s/%s/userns", f->dir, uid);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_disjoint_and_kept(void **state)
{
	struct fixture *f = *state;
	uint32_t a = taken(f, "a"), b = taken(f, "b");

	assert_int_not_equal(a, b);
	assert_int_equal(taken(f, "a"), a);
	reopen(f);
	assert_int_equal(taken(f, "b"), b);
	assert_int_equal(taken(f, "a"), a);
	assert_int_not_equal(taken(f, "c"), a);
	assert_int_not_equal(taken(f, "c"), b);
}

static void test_released(void **state)
{
	struct fixture *f = *state;
	uint32_t a = taken(f, "a");

	idrange_release(f->ranges, "a");
	idrange_release(f->ranges, "never had one");
	assert_int_not_equal(taken(f, "b"), a); /* one that was left just now rests */
}

static void test_all_in_use(void **state)
{
	struct fixture *f = *state;
	char uid[16];
	uint32_t first = 0, last = 0;

	for (int i = IDRANGE_FIRST; i < IDRANGE_END; i++) {
		(void)snprintf(uid, sizeof(uid), "p%d", i);
		last = taken(f, uid);
	}
	assert_int_equal(take(f, "more", &first), -EADDRNOTAVAIL);
	idrange_release(f->ranges, uid);
	assert_int_equal(take(f, "more", &first), 0);
	assert_int_equal(first, last);
}

/* What a pod's directory says is believed only where it can be true. */
static void test_damaged(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "", "x", "0 65536\n", "65536 65536\n", "2000224257 65536\n", "4294967296\n", "-65536" };
	char text[32];
	uint32_t a;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_file(f, "bad", bad[i]);
		reopen(f);
		a = taken(f, "bad");
		idrange_release(f->ranges, "bad");
		(void)a;
	}
	/* Two that claim the same: one of them gets another. */
	(void)snprintf(text, sizeof(text), "%u %u\n", (IDRANGE_FIRST + 7U) * IDRANGE_SIZE, IDRANGE_SIZE);
	write_file(f, "x", text);
	write_file(f, "y", text);
	reopen(f);
	assert_int_not_equal(taken(f, "x"), taken(f, "y"));
	assert_true(idrange_has(f->ranges, "x"));
	assert_false(idrange_has(f->ranges, "absent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_disjoint_and_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_released, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_in_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
