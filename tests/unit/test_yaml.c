/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "value/json.h"
#include "value/yaml.h"

struct fixture {
	struct arena *a;
	struct yaml_document *docs;
	size_t n;
	struct error err;
	struct value_mark where;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->a = arena_new(0);
	return f->a ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	error_clear(&f->err);
	arena_free(f->a);
	free(f);
	return 0;
}

static int read_text(struct fixture *f, const char *text)
{
	f->n = 0;
	f->docs = NULL;
	f->where = (struct value_mark){ 0, 0 };
	return yaml_read(text, strlen(text), NULL, f->a, &f->docs, &f->n, &f->err, &f->where);
}

/* Reads one document and compares it with JSON. */
static void expect_json(struct fixture *f, const char *text, const char *json)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (read_text(f, text))
		fail_msg("%s: %s", text, error_text(&f->err));
	assert_int_equal(f->n, 1);
	json_write(&b, f->docs[0].root, 0);
	assert_string_equal(buf_str(&b), json);
}

static void expect_error(struct fixture *f, const char *text, uint32_t line, const char *words)
{
	int rc = read_text(f, text);

	if (!rc)
		fail_msg("read without an error: %s", text);
	assert_int_equal(rc, f->err.code);
	if (!strstr(error_text(&f->err), words))
		fail_msg("\"%s\" does not say \"%s\"", error_text(&f->err), words);
	if (f->where.line != line)
		fail_msg("\"%s\" stands on line %u, not %u, of %s", error_text(&f->err), line, f->where.line, text);
}

/* The facts are those of go-yaml v2's resolve.go. */
static void scalars_have_the_types_of_go_yaml(void **state)
{
	static const char *const table[][2] = {
		{ "yes", "true" },
		{ "Yes", "true" },
		{ "yEs", "\"yEs\"" },
		{ "y", "true" },
		{ "on", "true" },
		{ "TRUE", "true" },
		{ "n", "false" },
		{ "NO", "false" },
		{ "Off", "false" },
		{ "False", "false" },
		{ "maybe", "\"maybe\"" },
		{ "\"yes\"", "\"yes\"" },
		{ "'no'", "\"no\"" },
		{ "~", "null" },
		{ "null", "null" },
		{ "Null", "null" },
		{ "nULL", "\"nULL\"" },
		{ "", "null" },
		{ "12", "12" },
		{ "+12", "12" },
		{ "-7", "-7" },
		{ "0644", "420" },
		{ "0o644", "420" },
		{ "0x1F", "31" },
		{ "0b101", "5" },
		{ "-0b101", "-5" },
		{ "1_000", "1000" },
		{ "08", "8" },
		{ "089", "89" },
		{ "0x", "\"0x\"" },
		{ "1__0", "10" },
		{ "_1", "\"_1\"" },
		{ "1e3", "1000" },
		{ "1.0", "1" },
		{ "1.5", "1.5" },
		{ "-.5", "-0.5" },
		{ ".5", "0.5" },
		{ "1.", "1" },
		{ "1.5.2", "\"1.5.2\"" },
		{ ".", "\".\"" },
		{ "-", "[null]" },
		{ "22:22", "\"22:22\"" },
		{ "190:20:30", "\"190:20:30\"" },
		{ "2024-01-01", "\"2024-01-01\"" },
		{ "2001-12-14t21:59:43.10-05:00", "\"2001-12-14t21:59:43.10-05:00\"" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "-9223372036854775808", "-9223372036854775808" },
		{ "9223372036854775808", "9.223372036854776e+18" },
		{ "1e999", "\"1e999\"" },
		{ "1Gi", "\"1Gi\"" },
		{ "!!str 12", "\"12\"" },
		{ "!!int \"12\"", "12" },
		{ "!!float 3", "3" },
		{ "!!bool yes", "true" },
		{ "!!binary aGVsbG8=", "\"hello\"" },
		{ "!local 12", "\"12\"" },
		{ "!!null ''", "null" },
		{ "=", "\"=\"" },
		{ "0.1", "0.1" },
		{ "1e-7", "1e-07" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		expect_json(f, arena_printf(f->a, "[%s]", strcmp(table[i][0], "-") ? table[i][0] : "[~]"),
			    arena_printf(f->a, "[%s]", *table[i][0] ? table[i][1] : ""));
	expect_json(f, "- \n- x", "[null,\"x\"]");
}

static void keys_become_strings(void **state)
{
	struct fixture *f = *state;

	expect_json(f, "1: a\nyes: b\n0x10: c\n1.5: d\n'2': e\n2024-01-01: f\n",
		    "{\"1\":\"a\",\"true\":\"b\",\"16\":\"c\",\"1.5\":\"d\",\"2\":\"e\",\"2024-01-01\":\"f\"}");
	expect_json(f, "? a\n: b\n", "{\"a\":\"b\"}");
	expect_error(f, "a: 1\n~: 2\n", 2, "null");
	expect_error(f, "a: 1\n[x]: 2\n", 2, "list");
	expect_error(f, "a: {{ .Values.x }}\n", 1, "Helm");
	expect_error(f, "1: a\n\"1\": b\n", 2, "line 1");
}

static void marks_stand_on_values_and_keys(void **state)
{
	struct fixture *f = *state;
	struct value *list;

	assert_int_equal(read_text(f, "# c\nkind: Pod\nspec:\n  list:\n  - na\xC3\xAF: \xC3\xAF\n    x: 1\n"), 0);
	assert_int_equal(f->docs[0].mark.line, 2);
	assert_int_equal(value_mark(value_get(f->docs[0].root, "kind")).column, 7);
	list = value_path(f->docs[0].root, "spec", "list");
	assert_int_equal(value_mark(value_at(list, 0)).line, 5);
	assert_int_equal(value_mark(value_at(list, 0)).column, 5);
	assert_int_equal(value_mark(value_get(value_at(list, 0), "na\xC3\xAF")).column, 10);
	assert_int_equal(value_key_mark_at(value_at(list, 0), 1).line, 6);
	assert_int_equal(value_key_mark_at(value_at(list, 0), 1).column, 5);
}

static void documents_are_numbered_and_empty_ones_left_out(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_text(f, "# nothing\n"), 0);
	assert_int_equal(f->n, 0);
	assert_int_equal(read_text(f, ""), 0);
	assert_int_equal(f->n, 0);
	assert_int_equal(read_text(f, "---\na: 1\n---\n# none\n---\n~\n--- # c\nb: 2\n...\n"), 0);
	assert_int_equal(f->n, 2);
	assert_int_equal(f->docs[0].number, 1);
	assert_int_equal(f->docs[1].number, 4);
	assert_int_equal(f->docs[1].mark.line, 8);
	expect_error(f, "a: 1\n---\nb: [\n", 4, "document 2: ");
}

static void line_ends_and_byte_order_marks_are_taken(void **state)
{
	struct fixture *f = *state;

	expect_json(f, "a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}");
	expect_json(f, "a: 1\rb: 2\r", "{\"a\":1,\"b\":2}");
	expect_json(f, "\xEF\xBB\xBF" "a: 1", "{\"a\":1}");
	expect_json(f, "\xEF\xBB\xBF{\"a\": 1}", "{\"a\":1}");
	expect_json(f, "%YAML 1.2\n---\na: 1", "{\"a\":1}");
}

static void aliases_and_merges_follow_go_yaml(void **state)
{
	struct fixture *f = *state;

	expect_json(f, "a: &x {k: v}\nb: *x\n", "{\"a\":{\"k\":\"v\"},\"b\":{\"k\":\"v\"}}");
	expect_json(f, "a: &x {k: v, l: w}\nb:\n  <<: *x\n  k: z\n",
		    "{\"a\":{\"k\":\"v\",\"l\":\"w\"},\"b\":{\"k\":\"z\",\"l\":\"w\"}}");
	expect_json(f, "a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}\n",
		    "{\"a\":{\"k\":1},\"b\":{\"k\":2,\"m\":3},\"c\":{\"k\":1,\"m\":3}}");
	expect_json(f, "a: {\"<<\": {k: 1}}\n", "{\"a\":{\"<<\":{\"k\":1}}}");
	expect_error(f, "a: *x\n", 1, "*x");
	expect_error(f, "a: &x\n  b: *x\n", 2, "contains itself");
	expect_error(f, "a: &x\n  k: 1\n  <<: *x\n", 3, "contains itself");
	expect_error(f, "a:\n  <<: 5\n", 2, "merge key");
	expect_error(f, "x: &x {k: 1}\na:\n  <<: *x\n  k: 1\n  k: 2\n", 5, "duplicate key");
	/* an alias is a copy: changing one leaves the other alone */
	assert_int_equal(read_text(f, "a: &x {k: v}\nb: *x\n"), 0);
	value_set_str(f->a, value_get(f->docs[0].root, "b"), "k", "new");
	assert_string_equal(value_str(value_path(f->docs[0].root, "a", "k")), "v");
}

static void mistakes_are_explained_where_they_stand(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
		const char *words;
	} table[] = {
		{ "a: 1\na: 2\n", 2, "\"a\" is already set on line 1" },
		{ "a:\n\tb: 1\n", 2, "tabs" },
		{ "a: @b\n", 1, "quoted" },
		{ "x:\n  a: 1\n b: 2\n", 3, "indented" },
		{ "a: 1\nb\nc: d\n", 2, "colon" },
		{ "a: \"b\nc: d\n", 1, "never closed" },
		{ "a: [b\nc: d\n", 1, "[" },
		{ "a: b: c\n", 1, "quoted" },
		{ "<<<<<<< HEAD\na: 1\n=======\n", 1, "conflict" },
		{ "```yaml\na: 1\n", 1, "fence" },
		{ "a: .nan\n", 1, "quote" },
		{ "a: !!python/object x\n", 1, "tag" },
		{ "a: !!int x\n", 1, "!!int" },
		{ "a: !!binary '*'\n", 1, "base64" },
		{ "a: 1\nb: \"\xFF\"\n", 2, "UTF-8" },
		{ "a: \x07\n", 1, "control character" },
		{ "{\"a\": 1} x\n", 1, "found 'x'" },
		{ "{\"a\": 1", 1, "ends" },
		{ "\xC2\xA0 a: 1\n", 1, "no-break" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		expect_error(f, table[i].text, table[i].line, table[i].words);
}

static void nul_bytes_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(yaml_read("a: b\0\n", 6, NULL, f->a, &f->docs, &f->n, &f->err, &f->where), -EINVAL);
	assert_non_null(strstr(error_text(&f->err), "NUL"));
	assert_int_equal(f->where.column, 5);
}

/* Text of n copies of `open` around a scalar. */
static char *nested(struct arena *a, const char *open, size_t n)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_puts(&b, open);
	buf_puts(&b, "1");
	return arena_strdup(a, buf_str(&b));
}

static void limits_hold(void **state)
{
	struct fixture *f = *state;
	const struct yaml_limits small = { .max_bytes = 100, .max_nodes = 5, .max_documents = 2, .max_depth = 3 };
	static const char *const open[] = { "[", "- ", "{\"a\":", "{a: " };
	const char *text;

	for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
		text = nested(f->a, open[i], 100000);
		assert_int_equal(read_text(f, text), -E2BIG);
		assert_non_null(strstr(error_text(&f->err), "nest"));
	}
	text = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
	       "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: "
	       "[*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
	assert_int_equal(read_text(f, text), -E2BIG);
	assert_non_null(strstr(error_text(&f->err), "alias"));
	assert_int_equal(yaml_read("[[[[1]]]]", 9, &small, f->a, &f->docs, &f->n, NULL, NULL), -E2BIG);
	assert_int_equal(yaml_read("[[[1]]]", 7, &small, f->a, &f->docs, &f->n, NULL, NULL), 0);
	assert_int_equal(yaml_read("[1,2,3,4,5]", 11, &small, f->a, &f->docs, &f->n, NULL, NULL), -E2BIG);
	assert_int_equal(yaml_read("a\n---\nb\n---\nc", 13, &small, f->a, &f->docs, &f->n, NULL, NULL), -E2BIG);
	assert_int_equal(yaml_read(nested(f->a, " ", 100), 101, &small, f->a, &f->docs, &f->n, NULL, NULL), -EFBIG);
}

static void memory_that_runs_out_is_an_error(void **state)
{
	struct fixture *f = *state;
	int rc = -ENOMEM;

	for (size_t limit = 64; rc == -ENOMEM; limit += 64) {
		_cleanup_arena_ struct arena *a = arena_new(limit);
		struct yaml_document *docs;
		const char *text = "a: &x {k: v, l: [1, 2]}\nb:\n  <<: *x\n  k: z\n---\nc: 1\n";
		size_t n;

		rc = yaml_read(text, strlen(text), NULL, a, &docs, &n, &f->err, NULL);
		assert_true(rc == 0 || rc == -ENOMEM);
		assert_true(limit < 100000);
	}
}

static void writing_quotes_where_needed(void **state)
{
	static const char *const table[][2] = {
		{ "plain text", "plain text\n" }, { "yes", "\"yes\"\n" },	      { "", "\"\"\n" },
		{ "12", "\"12\"\n" },		  { "0x1", "\"0x1\"\n" },	      { "22:22", "\"22:22\"\n" },
		{ "2024-01-01", "\"2024-01-01\"\n" }, { "null", "\"null\"\n" },	      { "~", "\"~\"\n" },
		{ "a: b", "'a: b'\n" },		  { "a #b", "'a #b'\n" },	      { "it's", "it's\n" },
		{ "'x", "'''x'\n" },		  { "--flag=x", "--flag=x\n" },	      { "-", "'-'\n" },
		{ "a:", "'a:'\n" },		  { "*.example.com", "'*.example.com'\n" }, { "a\tb", "\"a\\tb\"\n" },
		{ "1Gi", "1Gi\n" },		  { "a\nb\n", "|\n  a\n  b\n" },      { "a\nb", "|-\n  a\n  b\n" },
		{ "a\n\n", "|+\n  a\n\n" },	  { " a\nb", "|2-\n   a\n  b\n" },    { "\n", "|2+\n\n" },
		{ "a\r\n", "\"a\\r\\n\"\n" },	  { "<<", "\"<<\"\n" },		      { "nginx:1.25", "nginx:1.25\n" },
		{ "=", "\"=\"\n" },		  { "\xC3\xA9t\xC3\xA9", "\xC3\xA9t\xC3\xA9\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		yaml_write(&b, value_new_str(f->a, table[i][0]), 0);
		assert_string_equal(buf_str(&b), table[i][1]);
		assert_int_equal(read_text(f, buf_str(&b)), 0);
		assert_int_equal(f->n, 1);
		assert_string_equal(value_str(f->docs[0].root), table[i][0]);
	}
}

static void writing_lays_out_as_kubectl(void **state)
{
	static const char text[] = "apiVersion: v1\nempty: {}\nlist:\n- a: 1\n  b:\n  - - x\n    - z\n  - []\n- plain\n"
				   "- |\n  two\n  lines\nnone: null\n";
	struct fixture *f = *state;
	_cleanup_buf_ struct buf b = BUF_INIT;

	assert_int_equal(read_text(f, text), 0);
	yaml_write(&b, f->docs[0].root, 0);
	assert_string_equal(buf_str(&b), text);
	assert_int_equal(read_text(f, "b: 1\na: {d: 1, c: 2}\n"), 0);
	b.len = 0;
	yaml_write(&b, f->docs[0].root, YAML_SORTED);
	assert_string_equal(buf_str(&b), "a:\n  c: 2\n  d: 1\nb: 1\n");
}

/* Trees made of hostile strings and shapes, the same on every run. */
static struct value *random_tree(struct arena *a, uint32_t *seed, int depth)
{
	static const char *const pieces[] = { "a",
					      " ",
					      "\n",
					      "\t",
					      ":",
					      "#",
					      "- ",
					      "'",
					      "\"",
					      "\\",
					      "|",
					      "~",
					      "0",
					      "1e5",
					      "yes",
					      "\r",
					      "\xC2\x85",
					      "\xE2\x80\xA8",
					      "\xEF\xBB\xBF",
					      "{",
					      "]",
					      "%",
					      "\x01",
					      "\xC2\xA0",
					      "---",
					      "...",
					      "\xF0\x9F\x98\x80",
					      "&",
					      "*",
					      "!",
					      "?",
					      ",",
					      "<<" };
	uint32_t kind = (*seed = *seed * 1664525u + 1013904223u) >> 16; /* Numerical Recipes' constants */
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct value *v;

	if (depth < 4 && kind % 10 < 4) {
		v = kind % 2 ? value_new_list(a) : value_new_map(a);
		for (uint32_t i = kind / 16 % 6; i--;) {
			struct value *item = random_tree(a, seed, depth + 1), *key = random_tree(a, seed, 9);

			if (value_type(v) == VALUE_LIST)
				value_append(a, v, item);
			else
				value_set(a, v, value_str_or(key, "k"), item);
		}
		return v;
	}
	switch (kind % 10) {
	case 4:
		return value_new_null(a);
	case 5:
		return value_new_bool(a, kind & 16);
	case 6:
		return value_new_int(a, (int64_t)((uint64_t)kind * kind * kind * kind));
	case 7:
		return value_new_float(a, kind + 0.1);
	}
	for (uint32_t i = kind / 16 % 7; i--;) {
		*seed = *seed * 1664525u + 1013904223u;
		buf_puts(&b, pieces[(*seed >> 16) % ARRAY_SIZE(pieces)]);
	}
	return value_new_strn(a, buf_str(&b), b.len);
}

static void whatever_is_written_reads_the_same(void **state)
{
	uint32_t seed = 1;

	for (int i = 0; i < 5000; i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct value *v = random_tree(a, &seed, 0);
		_cleanup_error_ struct error err = ERROR_INIT;
		struct yaml_document *docs;
		size_t n;

		yaml_write(&b, v, i % 2 ? YAML_SORTED : 0);
		if (yaml_read(buf_str(&b), b.len, NULL, a, &docs, &n, &err, NULL))
			fail_msg("%s: in\n%s", error_text(&err), buf_str(&b));
		if (value_is_null(v) ? n != 0 : n != 1 || !value_equal(docs[0].root, v))
			fail_msg("reads as something else:\n%s", buf_str(&b));
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(scalars_have_the_types_of_go_yaml),
		TEST(keys_become_strings),
		TEST(marks_stand_on_values_and_keys),
		TEST(documents_are_numbered_and_empty_ones_left_out),
		TEST(line_ends_and_byte_order_marks_are_taken),
		TEST(aliases_and_merges_follow_go_yaml),
		TEST(mistakes_are_explained_where_they_stand),
		TEST(nul_bytes_are_refused),
		TEST(limits_hold),
		TEST(memory_that_runs_out_is_an_error),
		TEST(writing_quotes_where_needed),
		TEST(writing_lays_out_as_kubectl),
		TEST(whatever_is_written_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
