/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_util.h"
#include "schema/manifest.h"
#include "schema/schema.h"
#include "value/json.h"

struct judged {
	struct arena *arena;
	struct diag_list diags;
	struct buf said;
	struct value *root;
	const struct schema_kind *kind;
	int code;
};

static void judged_clear(struct judged *j)
{
	diag_list_clear(&j->diags);
	buf_clear(&j->said);
	arena_free(j->arena);
}
#define _cleanup_judged_ _cleanup_(judged_clear)

static struct judged judge(const char *yaml)
{
	struct judged j = { .arena = arena_new(0), .diags = DIAG_LIST_INIT, .said = BUF_INIT };
	struct schema_manifest_object *objects = NULL;
	size_t n = 0;

	j.code = schema_manifest_read(yaml, strlen(yaml), j.arena, &j.diags, &objects, &n);
	if (j.code == 0 && n == 1) {
		j.root = objects[0].root;
		j.code = schema_admit(j.root, j.arena, &j.diags, &j.kind);
	}
	diag_format(&j.diags, NULL, &j.said);
	return j;
}

/* Prints a case that is judged otherwise than expected. Returns the number of faults, 0 or 1. */
static size_t check(size_t i, int code, int refusal, const char *said, const char *expected)
{
	if (expected ? code == refusal && strstr(said, expected) : code == 0)
		return 0;
	printf("# case %zu: %s expected, code %d: %s", i, expected ? expected : "acceptance", code, *said ? said : "\n");
	return 1;
}

void assert_cases(const struct rule_case *cases, size_t n)
{
	size_t faults = 0;

	for (size_t i = 0; i < n; i++) {
		_cleanup_judged_ struct judged j = judge(cases[i].yaml);

		faults += check(i, j.code, -EINVAL, buf_str(&j.said), cases[i].said);
	}
	assert_int_equal(faults, 0);
}

void assert_updates(const struct update_case *cases, size_t n)
{
	size_t faults = 0;

	for (size_t i = 0; i < n; i++) {
		_cleanup_judged_ struct judged before = judge(cases[i].before), after = judge(cases[i].after);
		_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
		_cleanup_buf_ struct buf said = BUF_INIT;
		int r;

		assert_int_equal(before.code, 0);
		assert_int_equal(after.code, 0);
		r = schema_admit_update(before.kind, before.root, after.root, &diags);
		diag_format(&diags, NULL, &said);
		faults += check(i, r, -EPERM, buf_str(&said), cases[i].said);
	}
	assert_int_equal(faults, 0);
}

void assert_becomes(const char *yaml, const char *member, const char *key, const char *json)
{
	_cleanup_judged_ struct judged j = judge(yaml);
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (j.code)
		fail_msg("refused: %s", buf_str(&j.said));
	json_write(&b, value_path(j.root, member, key), JSON_SORTED);
	assert_string_equal(buf_str(&b), json);
}
