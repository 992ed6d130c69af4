/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "value/json.h"
#include "value/selector.h"

static struct value *json(struct arena *a, const char *text)
{
	struct value *v = NULL;

	assert_int_equal(json_read(text, strlen(text), NULL, a, &v, NULL, NULL), 0);
	return v;
}

/* The text form, the labels, whether they match, and how it prints (NULL: as it was written). */
static void the_text_form_matches_as_in_kubernetes(void **state)
{
	static const struct {
		const char *text, *labels;
		bool matches;
		const char *printed;
	} table[] = {
		{ "", "{}", true, NULL },
		{ "a=b", "{\"a\":\"b\"}", true, NULL },
		{ "a==b", "{\"a\":\"b\"}", true, "a=b" },
		{ "a=b", "{\"a\":\"c\"}", false, NULL },
		{ "a!=b", "{}", true, NULL },
		{ "a!=b", "{\"a\":\"b\"}", false, NULL },
		{ "a=b,c=d", "{\"a\":\"b\"}", false, NULL },
		{ " a = b , c ", "{\"a\":\"b\",\"c\":\"\"}", true, "a=b,c" },
		{ "a in (b,c)", "{\"a\":\"c\"}", true, NULL },
		{ "a in ( b , b )", "{\"a\":\"b\"}", true, "a in (b)" },
		{ "a notin (b,c)", "{\"a\":\"c\"}", false, NULL },
		{ "a notin (b)", "{}", true, NULL },
		{ "a", "{\"a\":\"\"}", true, NULL },
		{ "a", "{}", false, NULL },
		{ "!a", "{}", true, NULL },
		{ "!a", "{\"a\":\"x\"}", false, NULL },
		{ "a=", "{\"a\":\"\"}", true, NULL },
		{ "a=,b=c", "{\"a\":\"\",\"b\":\"c\"}", true, NULL },
		{ "a in ()", "{\"a\":\"\"}", true, NULL },
		{ "a in (x,,y)", "{\"a\":\"\"}", true, NULL },
		{ "a>5", "{\"a\":\"6\"}", true, NULL },
		{ "a<5", "{\"a\":\"6\"}", false, NULL },
		{ "a>5", "{\"a\":\"x\"}", false, NULL },
		{ "in in (in)", "{\"in\":\"in\"}", true, NULL },
		{ "example.com/a=b", "{\"example.com/a\":\"b\"}", true, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct selector *s;

		if (selector_parse(a, table[i].text, &s, &err))
			fail_msg("%s: %s", table[i].text, error_text(&err));
		if (selector_matches(s, json(a, table[i].labels)) != table[i].matches)
			fail_msg("%s and %s: expected %d", table[i].text, table[i].labels, table[i].matches);
		assert_int_equal(selector_is_empty(s), !*table[i].text);
		selector_format(&b, s);
		assert_string_equal(buf_str(&b), table[i].printed ? table[i].printed : table[i].text);
	}
}

static void malformed_text_is_refused(void **state)
{
	static const char *const table[] = {
		"a in",	   "a in b",	 "a in (b",
		"a notin", "a,",	 ",a",
		"a=b c",   "a b",	 "=b",
		"!a=b",	   "a=b=c",	 "!",
		"a>x",	   "a>",	 "(a)",
		"a-",	   "/a",	 "A_/b=c",
		"a=b_",	   "a in (b c)", "a=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_error_ struct error err = ERROR_INIT;
		struct selector *s;

		if (selector_parse(a, table[i], &s, &err) != -EINVAL)
			fail_msg("\"%s\" was not refused", table[i]);
		assert_true(*error_text(&err));
	}
}

static void label_selectors_compile(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct selector *s;
	const char *text = "{\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"tier\",\"operator\":"
			   "\"In\",\"values\":"
			   "[\"a\",\"b\"]},{\"key\":\"old\",\"operator\":\"DoesNotExist\"}]}";

	assert_int_equal(selector_compile(a, json(a, text), &s, NULL), 0);
	assert_true(selector_matches(s, json(a, "{\"app\":\"web\",\"tier\":\"b\"}")));
	assert_false(selector_matches(s, json(a, "{\"app\":\"web\",\"tier\":\"c\"}")));
	assert_false(selector_matches(s, json(a, "{\"app\":\"web\",\"tier\":\"b\",\"old\":\"\"}")));
	assert_false(selector_matches(s, NULL));
	selector_format(&b, s);
	assert_string_equal(buf_str(&b), "app=web,tier in (a,b),!old");
}

static void empty_and_absent_selectors_differ(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *empty = value_new_map(a), *labels = json(a, "{\"a\":\"b\"}");
	struct selector *s;

	assert_int_equal(selector_compile(a, empty, &s, NULL), 0);
	assert_true(selector_matches(s, labels));
	assert_true(selector_is_empty(s));
	assert_int_equal(selector_compile(a, NULL, &s, NULL), 0);
	assert_false(selector_matches(s, labels));
	assert_false(selector_is_empty(s));
	selector_format(&b, s);
	assert_string_equal(buf_str(&b), "<none>");
	assert_int_equal(selector_compile_map(a, empty, true, &s, NULL), 0);
	assert_false(selector_matches(s, labels));
	assert_int_equal(selector_compile_map(a, empty, false, &s, NULL), 0);
	assert_true(selector_matches(s, labels));
	assert_int_equal(selector_compile_map(a, labels, true, &s, NULL), 0);
	assert_true(selector_matches(s, labels));
	assert_int_equal(selector_compile_requirements(a, NULL, &s, NULL), 0);
	assert_false(selector_matches(s, labels));
	assert_false(selector_matches(NULL, labels));
}

static void node_requirements_compare_numbers(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct selector *s;
	const char *text = "[{\"key\":\"cores\",\"operator\":\"Gt\",\"values\":[\"4\"]},{\"key\":\"disk\",\"operator\":"
			   "\"Exists\"}]";

	assert_int_equal(selector_compile_requirements(a, json(a, text), &s, NULL), 0);
	assert_true(selector_matches(s, json(a, "{\"cores\":\"8\",\"disk\":\"ssd\"}")));
	assert_false(selector_matches(s, json(a, "{\"cores\":\"4\",\"disk\":\"ssd\"}")));
	assert_false(selector_matches(s, json(a, "{\"cores\":\"8\"}")));
}

static void malformed_selectors_are_refused(void **state)
{
	static const char *const table[] = {
		"[]",
		"{\"matchLabels\":[]}",
		"{\"matchLabels\":{\"a\":1}}",
		"{\"matchLabels\":{\"-a\":\"b\"}}",
		"{\"matchLabels\":{\"a\":\"b c\"}}",
		"{\"matchExpressions\":[{\"key\":\"a\"}]}",
		"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}",
		"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"x\"]}]}",
		"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Gt\",\"values\":[\"1\"]}]}",
		"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"in\",\"values\":[\"1\"]}]}",
		"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[1]}]}",
	};
	_cleanup_arena_ struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct selector *s;

		if (selector_compile(a, json(a, table[i]), &s, NULL) != -EINVAL)
			fail_msg("%s was not refused", table[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_form_matches_as_in_kubernetes),
		cmocka_unit_test(malformed_text_is_refused),
		cmocka_unit_test(label_selectors_compile),
		cmocka_unit_test(empty_and_absent_selectors_differ),
		cmocka_unit_test(node_requirements_compare_numbers),
		cmocka_unit_test(malformed_selectors_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
