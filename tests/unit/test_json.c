/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>

#include "value/json.h"

/* Text, and what it becomes when written compactly; NULL: refused. */
static const char *const table[][2] = {
	{ "{}", "{}" },
	{ " [ 1 , 2 ] ", "[1,2]" },
	{ "\"a\\u0041\\n\\/\"", "\"aA\\n/\"" },
	{ "\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"" },
	{ "\"\\ud83d\"", "\"\xEF\xBF\xBD\"" },
	{ "\"\\u0000\"", "\"\\u0000\"" },
	{ "\"\x7F\"", "\"\x7F\"" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "9223372036854775808", "9.223372036854776e+18" },
	{ "-0", "0" },
	{ "1.0", "1" },
	{ "1e2", "100" },
	{ "0.1", "0.1" },
	{ "1.7976931348623157e308", "1.7976931348623157e+308" },
	{ "5e-324", "4.94065645841247e-324" },
	{ "{\"b\":1,\"a\":{\"\":null}}", "{\"b\":1,\"a\":{\"\":null}}" },
	{ "{\"aa\":1,\"\":2}", "{\"aa\":1,\"\":2}" },
	{ "true", "true" },
	{ "", NULL },
	{ "{", NULL },
	{ "[1,]", NULL },
	{ "{\"a\":1,}", NULL },
	{ "{a:1}", NULL },
	{ "{\"a\":1 \"b\":2}", NULL },
	{ "{\"a\":1,\"a\":2}", NULL },
	{ "{\"a\\u0000\":1}", NULL },
	{ "'a'", NULL },
	{ "01", NULL },
	{ "1.", NULL },
	{ ".5", NULL },
	{ "+1", NULL },
	{ "1e", NULL },
	{ "1e999", NULL },
	{ "NaN", NULL },
	{ "nul", NULL },
	{ "\"\t\"", NULL },
	{ "\"\\x\"", NULL },
	{ "\"\\u12\"", NULL },
	{ "\"\xFF\"", NULL },
	{ "\"\xC0\x80\"", NULL },
	{ "\"abc", NULL },
	{ "1 2", NULL },
	{ "\xEF\xBB\xBF{}", NULL },
};

static void the_grammar_is_that_of_rfc_8259(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct value *v = NULL;
		int rc = json_read(table[i][0], strlen(table[i][0]), NULL, a, &v, &err, NULL);

		if (!rc != !!table[i][1])
			fail_msg("%s: %s", table[i][0], rc ? error_text(&err) : "was not refused");
		if (rc) {
			assert_int_equal(rc, -EINVAL);
			continue;
		}
		json_write(&b, v, 0);
		assert_string_equal(buf_str(&b), table[i][1]);
	}
}

static void errors_say_where(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_error_ struct error err = ERROR_INIT;
	struct value_mark where;
	struct value *v;
	const char *text = "{\n  \"\xC3\xA9\": 1,\r\n  \"a\": tru\n}";

	assert_int_equal(json_read(text, strlen(text), NULL, a, &v, &err, &where), -EINVAL);
	assert_int_equal(where.line, 3);
	assert_int_equal(where.column, 8);
	assert_string_equal(error_text(&err), "found 't' where a value is expected in JSON");
}

static void marks_count_characters(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *v;
	const char *text = "{\"\xC3\xA9\": 1, \"b\":\n[2]}";

	assert_int_equal(json_read(text, strlen(text), NULL, a, &v, NULL, NULL), 0);
	assert_int_equal(value_mark(value_get(v, "\xC3\xA9")).column, 7);
	assert_int_equal(value_key_mark_at(v, 1).column, 10);
	assert_int_equal(value_mark(value_get(v, "b")).line, 2);
}

static void depth_is_limited(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	char text[2001];
	struct value *v;
	const struct yaml_limits deepest = { .max_depth = 100000 };

	memset(text, '[', 1000);
	memset(text + 1000, ']', 1000);
	assert_int_equal(json_read(text, 2000, NULL, a, &v, NULL, NULL), -E2BIG);
	assert_int_equal(json_read(text, 2000, &deepest, a, &v, NULL, NULL), 0);
	memset(text, '[', 1001);
	assert_int_equal(json_read(text, 2000, &deepest, a, &v, NULL, NULL), -E2BIG);
}

static void streams_hold_several_values(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct yaml_document *docs;
	size_t n;

	assert_int_equal(json_read_stream("{\"a\":1}\n{\"b\":2} null", 20, NULL, a, &docs, &n, NULL, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(docs[1].number, 2);
	assert_int_equal(docs[1].mark.line, 2);
}

static void printing_is_kubectls(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *v = value_new_map(a);

	value_append(a, value_set_list(a, v, "z"), value_new_int(a, 1));
	value_set_map(a, v, "a");
	json_write(&b, v, JSON_PRETTY | JSON_SORTED);
	assert_string_equal(buf_str(&b), "{\n    \"a\": {},\n    \"z\": [\n        1\n    ]\n}\n");
	b.len = 0;
	json_write(&b, value_new_float(a, INFINITY), 0);
	assert_string_equal(buf_str(&b), "null");
	b.len = 0;
	json_write(&b, value_new_strn(a, "\xFF\b\"", 3), 0);
	assert_string_equal(buf_str(&b), "\"\xEF\xBF\xBD\\b\\\"\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_grammar_is_that_of_rfc_8259),
		cmocka_unit_test(errors_say_where),
		cmocka_unit_test(marks_count_characters),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(streams_hold_several_values),
		cmocka_unit_test(printing_is_kubectls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
