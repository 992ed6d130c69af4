/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "value/value.h"

static void members_keep_their_order_and_are_found(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *m = value_new_map(a);

	for (int i = 0; i < 1000; i++)
		value_set(a, m, arena_printf(a, "key%d", i), value_new_int(a, i));
	assert_false(arena_failed(a));
	assert_int_equal(value_len(m), 1000);
	for (int i = 0; i < 1000; i++) {
		assert_string_equal(value_key_at(m, (size_t)i), arena_printf(a, "key%d", i));
		assert_int_equal(value_int(value_get(m, arena_printf(a, "key%d", i)), -1), i);
	}
	assert_null(value_get(m, "key1000"));
	assert_true(value_remove(m, "key500"));
	assert_false(value_remove(m, "key500"));
	assert_int_equal(value_int(value_get(m, "key501"), -1), 501);
	assert_string_equal(value_key_at(m, 500), "key501");
}

static void equality_ignores_order_and_hash_agrees(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *x = value_new_map(a), *y = value_new_map(a);

	value_set_str(a, x, "a", "1");
	value_set_int(a, x, "b", 2);
	value_set_int(a, y, "b", 2);
	value_set_str(a, y, "a", "1");
	assert_true(value_equal(x, y));
	assert_true(value_hash(x) == value_hash(y));
	value_set_int(a, y, "a", 1);
	assert_false(value_equal(x, y));
	assert_true(value_hash(x) != value_hash(y));
}

static void a_copy_is_independent(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0), *b = arena_new(0);
	struct value *x = value_new_map(a), *y;

	value_set_str(a, value_make_path(a, x, "spec", "template"), "name", "web");
	y = value_copy(b, x);
	assert_true(value_equal(x, y));
	value_set_str(b, value_path(y, "spec", "template"), "name", "db");
	assert_string_equal(value_str(value_path(x, "spec", "template", "name")), "web");
	assert_string_equal(value_str(value_path(y, "spec", "template", "name")), "db");
}

static void failure_is_sticky_at_the_limit(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(4096);
	struct value *l = value_new_list(a);

	for (int i = 0; i < 1000; i++)
		value_append(a, l, value_new_int(a, i));
	assert_true(arena_failed(a));
	assert_null(value_new_null(a));
	assert_true(arena_size(a) <= 4096);
}

static void reading_nothing_answers_nothing(void **state)
{
	assert_null(value_path(NULL, "a", "b"));
	assert_int_equal(value_int(NULL, 7), 7);
	assert_int_equal(value_len(NULL), 0);
	assert_null(value_at(NULL, 0));
	assert_true(value_equal(NULL, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_keep_their_order_and_are_found),
		cmocka_unit_test(equality_ignores_order_and_hash_agrees),
		cmocka_unit_test(a_copy_is_independent),
		cmocka_unit_test(failure_is_sticky_at_the_limit),
		cmocka_unit_test(reading_nothing_answers_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
