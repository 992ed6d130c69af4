/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"

static void test_put_get(void **state)
{
	struct store *s = NULL;
	struct store_entry *e = NULL;
	struct store_op op = { STORE_PUT, "/a", "x", 1, STORE_ABSENT };
	uint64_t rev = 0;

	assert_int_equal(store_open("memory:", &s, NULL), 0);
	assert_int_equal(store_commit(s, &op, 1, 0, &rev), 0);
	assert_int_equal(rev, 1);
	assert_int_equal(store_commit(s, &op, 1, 0, &rev), -EEXIST);
	assert_int_equal(store_get(s, "/a", &e), 0);
	assert_int_equal(store_entry_mod_rev(e), 1);
	store_entry_unref(e);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_get),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
