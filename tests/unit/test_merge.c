/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "value/json.h"
#include "value/merge.h"

/* A little schema: fields named "items" and "ports" are keyed lists, "set" a set, "struct" a struct, "retaining" retains keys. */
enum type { ANY, ITEMS, PORTS, SET, STRUCT, RETAINING, TYPES };

static const char types[TYPES];

static const void *member(const void *type, const char *key)
{
	static const char *const names[TYPES] = {
		[ITEMS] = "items", [PORTS] = "ports", [SET] = "set", [STRUCT] = "struct", [RETAINING] = "retaining"
	};

	for (int i = 1; i < TYPES; i++)
		if (!strcmp(names[i], key))
			return &types[i];
	return &types[ANY];
}

static const void *item(const void *type)
{
	return &types[ANY];
}

static const char *const *list_keys(const void *type)
{
	static const char *const name[] = { "name", NULL }, *const port[] = { "port", "protocol", NULL };

	if (type == &types[ITEMS])
		return name;
	return type == &types[PORTS] ? port : NULL;
}

static bool is_set(const void *type)
{
	return type == &types[SET];
}

static bool is_struct(const void *type)
{
	return type == &types[STRUCT];
}

static bool retains_keys(const void *type)
{
	return type == &types[RETAINING];
}

static const struct merge_types ops = { member, item, list_keys, is_set, is_struct, retains_keys };

static struct value *json(struct arena *a, const char *text)
{
	struct value *v = NULL;

	if (text && json_read(text, strlen(text), NULL, a, &v, NULL, NULL))
		fail_msg("not JSON: %s", text);
	return v;
}

static void three_way_merges(void **state)
{
	static const struct {
		const char *previous, *manifest, *live, *result;
	} table[] = {
		/* stated is set, no longer stated is unset, the rest is left alone */
		{ "{'a':1}", "{'a':2}", "{'a':9,'x':1}", "{'a':2,'x':1}" },
		{ "{'a':1,'b':1}", "{'a':1}", "{'a':1,'b':5,'x':1}", "{'a':1,'x':1}" },
		{ NULL, "{'a':1}", "{'x':1}", "{'x':1,'a':1}" },
		{ NULL, "{'a':1}", NULL, "{'a':1}" },
		{ "{'a':1}", "{'a':null}", "{'a':1}", "{}" },
		{ NULL, "{'a':null}", "{'a':1}", "{'a':1}" },
		{ "{'m':{'a':1}}", "{}", "{'m':{'a':1,'x':1}}", "{'m':{'x':1}}" },
		{ "{'m':{'a':1}}", "{}", "{'m':{'a':1}}", "{}" },
		{ "{'m':{'a':1}}", "{'m':{'b':1}}", "{'m':{'a':1,'x':1}}", "{'m':{'x':1,'b':1}}" },
		{ NULL, "{'m':{'a':1}}", "{'m':5}", "{'m':{'a':1}}" },
		{ "{'struct':{'a':1}}", "{}", "{'struct':{'a':1,'default':1}}", "{}" },
		{ "{}", "{}", "{'struct':{'a':1}}", "{'struct':{'a':1}}" },
		/* what retains keys has, once it changes, what is stated and nothing else */
		{ "{'retaining':{'t':1}}", "{'retaining':{'t':2}}", "{'retaining':{'t':1,'d':{'p':0}}}", "{'retaining':{'t':2}}" },
		{ NULL, "{'retaining':{'t':2}}", "{'retaining':{'t':1,'d':{'p':0}}}", "{'retaining':{'t':2}}" },
		{ "{'retaining':{'t':1}}", "{'retaining':{'t':1}}", "{'retaining':{'t':1,'d':{'p':0}}}",
		  "{'retaining':{'t':1,'d':{'p':0}}}" },
		{ NULL, "{'retaining':{'d':{'p':1}}}", "{'retaining':{'t':1,'d':{'p':0,'q':0}}}", "{'retaining':{'d':{'p':1,'q':0}}}" },
		/* atomic lists */
		{ "{'l':[1,2]}", "{'l':[1,3]}", "{'l':[1,2,9]}", "{'l':[1,3]}" },
		{ "{'l':[1]}", "{}", "{'l':[1,9]}", "{}" },
		/* keyed lists */
		{ "{'items':[{'name':'a','v':1}]}", "{'items':[{'name':'a','v':2}]}",
		  "{'items':[{'name':'a','v':1,'d':1},{'name':'x'}]}",
		  "{'items':[{'name':'a','v':2,'d':1},{'name':'x'}]}" },
		{ "{'items':[{'name':'a'},{'name':'b'}]}", "{'items':[{'name':'b'}]}",
		  "{'items':[{'name':'x'},{'name':'a'},{'name':'y'},{'name':'b'},{'name':'z'}]}",
		  "{'items':[{'name':'x'},{'name':'y'},{'name':'b'},{'name':'z'}]}" },
		{ "{'items':[{'name':'a'},{'name':'b'}]}", "{'items':[{'name':'b'},{'name':'a'}]}",
		  "{'items':[{'name':'a'},{'name':'b'},{'name':'x'}]}",
		  "{'items':[{'name':'b'},{'name':'x'},{'name':'a'}]}" },
		{ "{'items':[{'name':'a'}]}", "{}", "{'items':[{'name':'a','d':1},{'name':'x'}]}",
		  "{'items':[{'name':'x'}]}" },
		{ NULL, "{'ports':[{'port':53,'protocol':'UDP'},{'port':53}]}",
		  "{'ports':[{'port':53,'protocol':'TCP','node':1},{'port':53,'protocol':'UDP','node':2}]}",
		  "{'ports':[{'port':53,'protocol':'UDP','node':2},{'port':53,'protocol':'TCP','node':1}]}" },
		{ NULL, "{'items':[{'v':1}]}", "{'items':[{'name':'a'}]}", "{'items':[{'v':1}]}" },
		/* sets */
		{ "{'set':['a','b']}", "{'set':['b','c']}", "{'set':['x','a','b']}", "{'set':['x','b','c']}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		_cleanup_buf_ struct buf b = BUF_INIT;
		char *texts[4] = { NULL, NULL, NULL, NULL };
		const char *const in[4] = { table[i].previous, table[i].manifest, table[i].live, table[i].result };

		for (int k = 0; k < 4; k++) {
			texts[k] = in[k] ? arena_strdup(a, in[k]) : NULL;
			for (char *p = texts[k]; p && *p; p++)
				if (*p == '\'')
					*p = '"';
		}
		json_write(&b,
			   value_merge(a, &ops, &types[ANY], json(a, texts[0]), json(a, texts[1]), json(a, texts[2])),
			   0);
		if (strcmp(buf_str(&b), texts[3]) != 0)
			fail_msg("case %zu gives %s, not %s", i, buf_str(&b), texts[3]);
	}
}

static void without_types_lists_are_atomic(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf b = BUF_INIT;

	json_write(&b, value_merge(a, NULL, NULL, NULL, json(a, "{\"items\":[{\"name\":\"a\"}]}"),
				   json(a, "{\"items\":[{\"name\":\"b\"}],\"x\":1}")), 0);
	assert_string_equal(buf_str(&b), "{\"items\":[{\"name\":\"a\"}],\"x\":1}");
}

static void assert_mark(struct value_mark m, uint32_t line, uint32_t column)
{
	assert_int_equal(m.line, line);
	assert_int_equal(m.column, column);
}

/* What is wrong with the whole is told by its place in the manifest. */
static void what_the_manifest_states_bears_its_marks(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *out = value_merge(a, &ops, &types[ANY], NULL,
					json(a, "{\n \"m\": {\"b\": 2},\n \"items\": [\n  {\"name\": \"x\"}]}"),
					json(a, "{\"m\":{\"a\":1,\"b\":1},\"items\":[{\"name\":\"x\",\"v\":1}],\"n\":1}"));
	const struct value *m = value_get(out, "m"), *items = value_get(out, "items");

	assert_mark(value_mark(m), 2, 7);
	assert_mark(value_key_mark(out, "m"), 2, 2);
	assert_mark(value_mark(value_get(m, "b")), 2, 13);
	assert_mark(value_key_mark(m, "b"), 2, 8);
	assert_mark(value_mark(items), 3, 11);
	assert_mark(value_mark(value_at(items, 0)), 4, 3);
	assert_mark(value_mark(value_path(value_at(items, 0), "name")), 4, 12);
	assert_mark(value_key_mark(out, "none"), 0, 0);
	assert_int_equal(value_len(out), 3);
}

static void the_result_shares_nothing(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0), *b = arena_new(0);
	struct value *live = json(a, "{\"m\":{\"x\":1}}"), *out;

	out = value_merge(b, &ops, &types[ANY], NULL, json(a, "{\"m\":{\"a\":1}}"), live);
	value_set_int(b, value_get(out, "m"), "x", 2);
	assert_int_equal(value_int(value_path(live, "m", "x"), 0), 1);
	assert_null(value_path(live, "m", "a"));
}

/* Appends "path: from -> to" lines. */
static void print_diff(struct buf *b, const char *from, const char *to, unsigned flags)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value_change *changes;
	size_t n;

	assert_int_equal(value_diff(a, &ops, &types[ANY], json(a, from), json(a, to), flags, &changes, &n), 0);
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s: ", changes[i].path);
		json_write(b, changes[i].from, 0);
		buf_puts(b, " -> ");
		json_write(b, changes[i].to, 0);
		buf_putc(b, '\n');
	}
}

static void differences_name_their_paths(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *from = "{\"a\":1,\"m\":{\"k\":1},\"items\":[{\"name\":\"w\",\"v\":1},{\"name\":\"gone\"}],\"l\":[1,"
			   "2]}";
	const char *to = "{\"a\":1,\"m\":{\"k\":2,\"n\":3},\"items\":[{\"name\":\"new\"},{\"name\":\"w\",\"v\":2,\"d\":"
			 "1}],\"l\":[1,3]}";

	print_diff(&b, from, to, 0);
	assert_string_equal(buf_str(&b), "m.k: 1 -> 2\nm.n: null -> 3\nitems[name=w].v: 1 -> 2\n"
					 "items[name=w].d: null -> 1\nitems[name=gone]: {\"name\":\"gone\"} -> null\n"
					 "items[name=new]: null -> {\"name\":\"new\"}\nl[1]: 2 -> 3\n");
	buf_clear(&b);
	print_diff(&b, from, to, DIFF_STATED);
	assert_string_equal(buf_str(&b), "m.k: 1 -> 2\nitems[name=w].v: 1 -> 2\n"
					 "items[name=gone]: {\"name\":\"gone\"} -> null\nl[1]: 2 -> 3\n");
	buf_clear(&b);
	print_diff(&b, from, from, 0);
	assert_string_equal(buf_str(&b), "");
	print_diff(&b, "{\"l\":[1],\"m\":{}}", "{\"l\":[1,2],\"m\":[]}", 0);
	assert_string_equal(buf_str(&b), "l: [1] -> [1,2]\nm: {} -> []\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_way_merges),
		cmocka_unit_test(without_types_lists_are_atomic),
		cmocka_unit_test(what_the_manifest_states_bears_its_marks),
		cmocka_unit_test(the_result_shares_nothing),
		cmocka_unit_test(differences_name_their_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
