/* SPDX-License-Identifier: Apache-2.0 */
/* Names and places below manifests/: .podfsignore as gitignore(5) has it, and the keys of records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fs/ignored.h"
#include "fs/names.h"
#include "fs/place.h"

static void test_match(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool match;
	} cases[] = {
		{ "a.yaml", "a.yaml", true },
		{ "a.yaml", "b.yaml", false },
		{ "*.yaml", "a.yaml", true },
		{ "*.yaml", "d/a.yaml", false },
		{ "d/*.yaml", "d/a.yaml", true },
		{ "d/*.yaml", "d/e/a.yaml", false },
		{ "?.yaml", "a.yaml", true },
		{ "?.yaml", "ab.yaml", false },
		{ "a?b", "a/b", false },
		{ "[a-c]x", "bx", true },
		{ "[!a-c]x", "bx", false },
		{ "[!a-c]x", "dx", true },
		{ "[]x]y", "]y", true },
		{ "[abc", "[abc", false },
		{ "\\*.yaml", "*.yaml", true },
		{ "\\*.yaml", "a.yaml", false },
		{ "**/a", "a", true },
		{ "**/a", "d/e/a", true },
		{ "**/a", "d/ea", false },
		{ "d/**", "d/e/f", true },
		{ "d/**", "e/f", false },
		{ "a/**/b", "a/b", true },
		{ "a/**/b", "a/x/y/b", true },
		{ "a/**/b", "ax/b", false },
		{ "a**b", "axxb", true },
		{ "a**b", "ax/b", false },
		{ "*a*b", "xaxaxb", true },
		{ "**/*.d/x", "a.d/b.d/x", true },
		{ "", "a", false },
		{ "*", "a", true },
		{ "a*", "a", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (fs_ignore_match(cases[i].pattern, strlen(cases[i].pattern), cases[i].path) != cases[i].match)
			fail_msg("%s on %s", cases[i].pattern, cases[i].path);
}

static void test_judge(void **state)
{
	static const struct {
		const char *text, *path;
		bool is_dir;
		enum fs_ignore_verdict verdict;
	} cases[] = {
		{ "", "a", false, FS_IGNORE_SILENT },
		{ "# a\n\n", "# a", false, FS_IGNORE_SILENT },
		{ "\\# a\n", "# a", false, FS_IGNORE_YES },
		{ "a", "d/e/a", false, FS_IGNORE_YES },
		{ "/a", "a", false, FS_IGNORE_YES },
		{ "/a", "d/a", false, FS_IGNORE_SILENT },
		{ "d/a", "x/d/a", false, FS_IGNORE_SILENT },
		{ "a/", "a", false, FS_IGNORE_SILENT },
		{ "a/", "d/a", true, FS_IGNORE_YES },
		{ "*.yaml\n!keep.yaml\n", "keep.yaml", false, FS_IGNORE_NO },
		{ "!keep.yaml\n*.yaml\n", "keep.yaml", false, FS_IGNORE_YES },
		{ "\\!a", "!a", false, FS_IGNORE_YES },
		{ "a   \r\n", "a", false, FS_IGNORE_YES },
		{ "a\\ ", "a ", false, FS_IGNORE_YES },
		{ "/\n!\n/ \n!/", "a", true, FS_IGNORE_SILENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(fs_ignore_judge(cases[i].text, strlen(cases[i].text), cases[i].path, cases[i].is_dir),
				 cases[i].verdict);
}

/* What would take a naive matcher longer than the world has. */
static void test_hostile(void **state)
{
	char pattern[4096], path[4096];
	struct timespec start, end;

	for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, "*a", 3);
	pattern[sizeof(pattern) - 2] = 'b';
	pattern[sizeof(pattern) - 1] = '\0';
	for (size_t i = 0; i + 2 < sizeof(path); i += 2)
		memcpy(path + i, i % 64 ? "aa" : "a/", 3);
	path[sizeof(path) - 2] = '\0';
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	assert_false(fs_ignore_match(pattern, strlen(pattern), path));
	memcpy(pattern, "**/", 3);
	assert_false(fs_ignore_match(pattern, strlen(pattern), path));
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_in_range(end.tv_sec - start.tv_sec, 0, 2);
}

static void test_kustomization(void **state)
{
	assert_true(fs_name_is_kustomization("kustomization.yaml"));
	assert_true(fs_name_is_kustomization("Kustomization"));
	assert_false(fs_name_is_kustomization("kustomization.json"));
}

static void test_keys(void **state)
{
	char ns[FS_NS_SIZE], long_key[200] = FS_TREE_PREFIX;
	struct fs_commit_target t;

	assert_true(fs_place_of_key(FS_TREE_PREFIX "default/0/a.yaml", ns, &t));
	assert_string_equal(t.ns, "default");
	assert_null(t.kind);
	assert_true(t.any_namespace);
	assert_true(fs_place_of_key(FS_TREE_PREFIX "dev/1f/a.yaml", ns, &t));
	assert_string_equal(t.ns, "dev");
	assert_false(t.any_namespace);
	assert_true(fs_place_of_key(FS_KINDS_PREFIX "dev/configmaps/a.yaml", ns, &t));
	assert_string_equal(t.kind->kind, "ConfigMap");
	assert_false(t.any_namespace);
	assert_true(fs_place_of_key(FS_KINDS_PREFIX "/nodes/a.yaml", ns, &t)); /* of no namespace */
	assert_string_equal(t.ns, "default");
	assert_false(fs_place_of_key(FS_KINDS_PREFIX "dev/nonsense/a.yaml", ns, &t));
	assert_false(fs_place_of_key(FS_TREE_PREFIX "dev", ns, &t));
	assert_false(fs_place_of_key(FS_TREE_PREFIX "dev/1f", ns, &t));
	assert_false(fs_place_of_key("/mount/seed", ns, &t));
	memset(long_key + strlen(FS_TREE_PREFIX), 'n', 100);
	memcpy(long_key + strlen(FS_TREE_PREFIX) + 100, "/0/a", 5);
	assert_false(fs_place_of_key(long_key, ns, &t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_kustomization),
		cmocka_unit_test(test_keys),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
