/* SPDX-License-Identifier: Apache-2.0 */
/* podfs(7), "Who may do what": whose groups count, which bits apply, and what errors keep to themselves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fs/access.h"
#include "fs/errors.h"

#define STATUS(uid, gid, groups) \
	"Name:\tsh\nUid:\t5\t6\t7\t" uid "\nGid:\t8\t9\t10\t" gid "\nFDSize:\t64\nGroups:\t" groups

static void test_groups(void **state)
{
	static const struct {
		const char *status;
		size_t want;
	} cases[] = {
		{ STATUS("1000", "100", "4 24 27 \nNStgid:\t1\n"), 3 },
		{ STATUS("1000", "100", "4 24 27\n"), 3 },
		{ STATUS("1000", "100", " \n"), 0 },
		{ STATUS("1000", "100", "4 2"), 1 }, /* cut short: the last may be 24 */
		{ STATUS("1000", "100", "4 x\n"), 1 },
		{ STATUS("1001", "100", "4 24 27\n"), 0 }, /* the number is another process's by now */
		{ STATUS("1000", "101", "4 24 27\n"), 0 },
		{ "Groups:\t4\n", 0 },
		/* A name cannot forge a line: the kernel escapes line feeds in it. */
		{ "Name:\ta\\nGroups:\\t0\n" "Uid:\t1\t1\t1\t1000\nGid:\t1\t1\t1\t100\nGroups:\t7 \n", 1 },
		{ "", 0 },
	};
	gid_t groups[3];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = fs_access_parse_groups(cases[i].status, 1000, 100, groups, 3);

		if (n != cases[i].want)
			fail_msg("%zu groups instead of %zu in:\n%s", n, cases[i].want, cases[i].status);
	}
	assert_int_equal(fs_access_parse_groups(cases[0].status, 1000, 100, groups, 2), 2);
	assert_int_equal(groups[0], 4);
	assert_int_equal(groups[1], 24);
}

static void test_bits(void **state)
{
	_cleanup_fs_access_ struct fs_access *root = fs_access_recorded(0, 0), *a = fs_access_recorded(5, 6);

	assert_int_equal(fs_access_bits(root, 5, 6, 0), 7);
	assert_int_equal(fs_access_bits(a, 5, 1, 0640), 6);
	assert_int_equal(fs_access_bits(a, 5, 6, 0077), 0); /* the owner has the owner's bits, however few */
	assert_int_equal(fs_access_bits(a, 1, 6, 0652), 5);
	assert_int_equal(fs_access_bits(a, 1, 1, 0652), 2);
}

static void test_is_secret(void **state)
{
	static const char *const secret[] = { "kind: Secret", "kind:  \"Secret\"\n", "{\"kind\":\"Secret\",", "kind: 'Secret'",
					      "a: b\n---\nkind:\n  Secret\n" };
	static const char *const other[] = { "", "kind: SecretStore", "imagePullSecrets: []", "kind: ConfigMap\nname: Secrets",
					     "# a Secret", "secretName: x" };

	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		assert_true(fs_errors_is_secret(secret[i], strlen(secret[i])));
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		assert_false(fs_errors_is_secret(other[i], strlen(other[i])));
}

static void check_hidden(const char *path, const char *message, const char *want)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;

	diag_add(&diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 1, 1 }, path, "%s", message);
	fs_errors_hide(&diags);
	assert_string_equal(diags.items[0].message, want);
}

static void test_hide(void **state)
{
	check_hidden("data[password]", "Invalid value: \"hunter2\": illegal base64", "Invalid value: illegal base64");
	check_hidden("stringData.pin", "Invalid value: 1234: must be a string", "Invalid value: must be a string");
	check_hidden("stringData.pin", "Invalid value: a: b: must not: be", "Invalid value: be");
	check_hidden("data.x", "Invalid value: hunter2", "Invalid value: ");
	check_hidden("", "found \"hunter2\" and \"x\" there", "found  there");
	check_hidden("metadata.annotations", "Too long", "Too long");
	check_hidden("metadata.name", "Invalid value: \"A\": no", "Invalid value: \"A\": no");
	check_hidden("data.x", "one \" only", "one  only");
}

/* The quoted line holds nothing that a terminal obeys. */
static void test_quoted_line(void **state)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_buf_ struct buf out = BUF_INIT;
	static const char text[] = "a\x1b[1m\xc2\x9b\x7f\xc2\xa9z";

	diag_add(&diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 1, 1 }, "", "m");
	fs_errors_format_diags(&out, "f", &diags, text, strlen(text));
	assert_string_equal(buf_str(&out), "  f:1:1: error: m\n    a [1m  \xc2\xa9z\n    ^\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups), cmocka_unit_test(test_bits),	    cmocka_unit_test(test_is_secret),
		cmocka_unit_test(test_hide),   cmocka_unit_test(test_quoted_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
