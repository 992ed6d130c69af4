/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/manifest.h"
#include "schema/schema.h"

static int admit(const char *text, struct buf *said)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct schema_manifest_object *objects = NULL;
	const struct schema_kind *kind;
	size_t n = 0;
	int r = schema_manifest_read(text, strlen(text), a, &diags, &objects, &n);

	if (r == 0 && n == 1)
		r = schema_admit(objects[0].root, a, &diags, &kind);
	diag_format(&diags, NULL, said);
	return r;
}

/* Whether a line of the refusal names the field and has the words. */
static bool has_line(const char *said, const char *field, const char *words)
{
	while (*said) {
		const char *end = strchrnul(said, '\n');
		const char *at = memmem(said, (size_t)(end - said), field, strlen(field));

		if (at && memmem(at, (size_t)(end - at), words, strlen(words)))
			return true;
		said = *end ? end + 1 : end;
	}
	return false;
}

/* The text with one part replaced. */
static void replace(const char *manifest, const struct rule_row *row, struct buf *out)
{
	const char *at = strstr(manifest, row->from);

	if (!at)
		fail_msg("no \"%s\" in the manifest", row->from);
	buf_append(out, manifest, (size_t)(at - manifest));
	buf_puts(out, row->to);
	buf_puts(out, at + strlen(row->from));
}

static void judge(const char *manifest, const struct rule_row *rows, size_t n, bool refused)
{
	_cleanup_buf_ struct buf good = BUF_INIT;
	bool failed = false;

	if (admit(manifest, &good) < 0)
		fail_msg("the manifest itself is refused: %s", buf_str(&good));
	for (size_t i = 0; i < n; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT, said = BUF_INIT;

		replace(manifest, &rows[i], &text);
		if ((admit(buf_str(&text), &said) < 0) != refused || !has_line(buf_str(&said), rows[i].field, rows[i].words)) {
			print_error("\"%s\" for \"%s\": expected %s: %s in: %s\n", rows[i].to, rows[i].from, rows[i].field,
				    rows[i].words, buf_str(&said));
			failed = true;
		}
	}
	assert_false(failed);
}

void rules_judge(const char *manifest, const struct rule_row *rows, size_t n)
{
	judge(manifest, rows, n, true);
}

void rules_judge_warnings(const char *manifest, const struct rule_row *rows, size_t n)
{
	judge(manifest, rows, n, false);
}

static int update(const char *from, const char *to, struct buf *said)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct schema_manifest_object *old = NULL, *now = NULL;
	const struct schema_kind *kind;
	size_t n = 0;
	int r;

	assert_int_equal(schema_manifest_read(from, strlen(from), a, &diags, &old, &n), 0);
	assert_int_equal(schema_admit(old[0].root, a, &diags, &kind), 0);
	assert_int_equal(schema_manifest_read(to, strlen(to), a, &diags, &now, &n), 0);
	schema_prepare_update(kind, old[0].root, now[0].root, a, &diags);
	r = schema_admit(now[0].root, a, &diags, &kind);
	if (r == 0)
		r = schema_admit_update(kind, old[0].root, now[0].root, &diags);
	diag_format(&diags, NULL, said);
	return r;
}

void rules_judge_updates(const char *manifest, const struct rule_row *rows, size_t n)
{
	bool failed = false;

	for (size_t i = 0; i < n; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT, said = BUF_INIT;
		int r;

		replace(manifest, &rows[i], &text);
		r = update(manifest, buf_str(&text), &said);
		if (rows[i].words ? r >= 0 || !has_line(buf_str(&said), rows[i].field, rows[i].words) : r < 0) {
			print_error("\"%s\" for \"%s\": expected %s: %s in: %s\n", rows[i].to, rows[i].from, rows[i].field,
				    rows[i].words ? rows[i].words : "no refusal", buf_str(&said));
			failed = true;
		}
	}
	assert_false(failed);
}
