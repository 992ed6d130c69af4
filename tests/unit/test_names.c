/* SPDX-License-Identifier: Apache-2.0 */
/* names.h, nearest.h, intstr.h and path.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "value/intstr.h"
#include "value/json.h"
#include "value/names.h"
#include "value/nearest.h"
#include "value/path.h"

static const char x63[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char x64[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void names_follow_their_grammars(void **state)
{
	static const struct {
		const char *(*check)(const char *s);
		const char *s;
		bool ok;
	} table[] = {
		{ name_check_label, "a", true },	     { name_check_label, "1-a", true },
		{ name_check_label, "", false },	     { name_check_label, "-a", false },
		{ name_check_label, "a-", false },	     { name_check_label, "A", false },
		{ name_check_label, "a.b", false },	     { name_check_label, "a_b", false },
		{ name_check_label, x63, true },	     { name_check_label, x64, false },
		{ name_check_label_1035, "a1", true },	     { name_check_label_1035, "1a", false },
		{ name_check_label_1035, x64, false },	     { name_check_subdomain, "a.b-c.1", true },
		{ name_check_subdomain, "a..b", false },     { name_check_subdomain, ".a", false },
		{ name_check_subdomain, "a.", false },	     { name_check_subdomain, "a.-b", false },
		{ name_check_subdomain, "", false },	     { name_check_subdomain, x64, true },
		{ name_check_key, "a", true },		     { name_check_key, "A_b.c-1", true },
		{ name_check_key, "example.com/A_b", true }, { name_check_key, "Example.com/a", false },
		{ name_check_key, "/a", false },	     { name_check_key, "a/", false },
		{ name_check_key, "a/b/c", false },	     { name_check_key, "", false },
		{ name_check_key, "_a", false },	     { name_check_key, x64, false },
		{ name_check_label_value, "", true },	     { name_check_label_value, "A.b_c-1", true },
		{ name_check_label_value, "a b", false },    { name_check_label_value, "-a", false },
		{ name_check_label_value, x64, false },	     { name_check_port, "http", true },
		{ name_check_port, "8080", false },	     { name_check_port, "a--b", false },
		{ name_check_port, "-a", false },	     { name_check_port, "a-", false },
		{ name_check_port, "Http", false },	     { name_check_port, "abcdefghijklmnop", false },
		{ name_check_port, "", false },		     { name_check_config_key, "A_b.c-1", true },
		{ name_check_config_key, ".env", true },     { name_check_config_key, ".", false },
		{ name_check_config_key, "..", false },	     { name_check_config_key, "..a", false },
		{ name_check_config_key, "a/b", false },     { name_check_config_key, "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!table[i].check(table[i].s) != table[i].ok)
			fail_msg("case %zu, \"%s\": %s", i, table[i].s,
				 table[i].ok ? table[i].check(table[i].s) : "accepted");
}

static void the_nearest_name_is_found(void **state)
{
	static const char *const fields[] = { "containers", "initContainers", "image",	       "imagePullPolicy",
					      "ports",	    "name",	      "containerPort", NULL };
	static const char *const table[][2] = {
		{ "contianers", "containers" }, { "Image", "image" },	      { "imagePulPolicy", "imagePullPolicy" },
		{ "port", "ports" },		{ "nmae", "name" },	      { "containerport", "containerPort" },
		{ "zzz", NULL },		{ "x", NULL },		      { "", NULL },
		{ "initcontainer", "initContainers" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *got = nearest(table[i][0], fields, SIZE_MAX);

		if (!table[i][1])
			assert_null(got);
		else
			assert_string_equal(got ? got : "(none)", table[i][1]);
	}
	assert_null(nearest("ports", fields, 2));
	assert_null(
		nearest("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", fields, SIZE_MAX));
}

static void percentages_scale_and_round(void **state)
{
	static const struct {
		const char *text;
		int total, up, down;
	} table[] = {
		{ "\"25%\"", 10, 3, 2 },  { "\"0%\"", 10, 0, 0 },   { "\"100%\"", 7, 7, 7 }, { "\"1%\"", 1, 1, 0 },
		{ "3", 10, 3, 3 },	  { "\"150%\"", 3, 5, 4 },  { "\"-25%\"", 10, -2, -3 }, { "\"3\"", 10, 42, 42 },
		{ "\"a%\"", 10, 42, 42 }, { "\"5 %\"", 10, 42, 42 }, { "null", 10, 42, 42 },
	};
	_cleanup_arena_ struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct value *v = NULL;

		assert_int_equal(json_read(table[i].text, strlen(table[i].text), NULL, a, &v, NULL, NULL), 0);
		assert_int_equal(intstr_scaled(v, table[i].total, true, 42), table[i].up);
		assert_int_equal(intstr_scaled(v, table[i].total, false, 42), table[i].down);
	}
}

static void paths_print_and_lead_back(void **state)
{
	static const char text[] = "{\"metadata\":{\"labels\":{\"example.com/"
				   "a\":\"x\",\"0\":\"zero\"}},\"spec\":{\"containers\":[{\"name\":"
				   "\"web\",\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"},{\"containerPort\":"
				   "80,"
				   "\"protocol\":\"UDP\",\"name\":\"u\"}]}]}}";
	static const char *const port_keys[] = { "containerPort", "protocol", NULL };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct value *v = NULL;
	size_t len;

	assert_int_equal(json_read(text, strlen(text), NULL, a, &v, NULL, NULL), 0);
	assert_string_equal(value_str_or(path_get(v, "metadata.labels[example.com/a]"), ""), "x");
	assert_string_equal(value_str_or(path_get(v, "metadata.labels[0]"), ""), "zero");
	assert_string_equal(value_str_or(path_get(v, "spec.containers[0].ports[1].name"), ""), "u");
	assert_string_equal(value_str_or(path_get(v, "spec.containers[name=web].name"), ""), "web");
	assert_ptr_equal(path_get(v, ""), v);
	assert_null(path_get(v, "spec.containers[1]"));
	assert_null(path_get(v, "spec.containers[name=x]"));
	assert_null(path_get(v, "spec..containers"));
	assert_null(path_get(v, "spec.containers[0"));
	path_push_field(&path, "spec");
	path_push_field(&path, "containers");
	len = path.len;
	path_push_index(&path, 0);
	path_push_field(&path, "image");
	assert_string_equal(buf_str(&path), "spec.containers[0].image");
	path_cut(&path, len);
	path_push_key(&path, "name=web");
	path_push_field(&path, "ports");
	path_push_item(&path, port_keys, path_get(v, "spec.containers[0].ports[1]"));
	assert_string_equal(buf_str(&path), "spec.containers[name=web].ports[containerPort=80,protocol=UDP]");
	assert_string_equal(value_str_or(value_get(path_get(v, buf_str(&path)), "name"), ""), "u");
	path_cut(&path, 0);
	path_push_field(&path, "metadata");
	path_push_field(&path, "example.com/a");
	assert_string_equal(buf_str(&path), "metadata[example.com/a]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_their_grammars),
		cmocka_unit_test(the_nearest_name_is_found),
		cmocka_unit_test(percentages_scale_and_round),
		cmocka_unit_test(paths_print_and_lead_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
