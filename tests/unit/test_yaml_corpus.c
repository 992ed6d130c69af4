/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real manifests and real mistakes, from $PODFS_CORPUS: every manifest that a real API server took must read, with the
 * types that the server saw; every mistake must be refused on its line, and nothing may take long. Skips without
 * the corpus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>

#include "value/json.h"
#include "value/pack.h"
#include "value/yaml.h"

static char *corpus; /* its folder */

/* A file of the corpus, decompressed if it is; NULL if it cannot be read. */
static char *slurp(const char *name, size_t *ret_len)
{
	_cleanup_buf_ struct buf b = BUF_INIT, path = BUF_INIT;
	struct archive *in = archive_read_new();
	struct archive_entry *entry;
	char block[65536];
	ssize_t n = -1;
	int rc;

	buf_printf(&path, "%s/%s", corpus, name);
	archive_read_support_filter_gzip(in);
	archive_read_support_format_raw(in);
	archive_read_support_format_empty(in);
	rc = archive_read_open_filename(in, buf_str(&path), 65536);
	if (rc == ARCHIVE_OK)
		rc = archive_read_next_header(in, &entry);
	if (rc == ARCHIVE_EOF) /* an empty file */
		n = 0;
	if (rc == ARCHIVE_OK)
		while ((n = archive_read_data(in, block, sizeof(block))) > 0)
			buf_append(&b, block, (size_t)n);
	archive_read_free(in);
	buf_clear(&path);
	return n < 0 ? NULL : buf_steal(&b, ret_len);
}

/* Of the processor: others on this machine are no fault of ours. */
static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct reading {
	struct arena *a;
	struct yaml_document *docs;
	size_t n;
	struct error err;
	struct value_mark where;
	int rc;
};

static void clear_reading(struct reading *r)
{
	error_clear(&r->err);
	arena_free(r->a);
	*r = (struct reading){ .a = NULL };
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SECONDS_MAX = 15 };
#else
enum { SECONDS_MAX = 1 };
#endif

/* Reads a file of the corpus, which may take a second at most. */
static void read_file(const char *name, struct reading *r)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	double start;

	*r = (struct reading){ .a = arena_new(0) };
	text = slurp(name, &len);
	if (!text)
		fail_msg("cannot read %s", name);
	start = seconds();
	r->rc = yaml_read(text, len, NULL, r->a, &r->docs, &r->n, &r->err, &r->where);
	if (seconds() - start > SECONDS_MAX)
		fail_msg("%s took %.1f s", name, seconds() - start);
}

/* Whether one of the words between bars stands in the text. */
static bool mentions_one(const char *text, char *alternatives)
{
	char *save = NULL;

	for (char *w = strtok_r(alternatives, "|", &save); w; w = strtok_r(NULL, "|", &save))
		if (strcasestr(text, w))
			return true;
	return false;
}

/* The words, all of which must be mentioned, are separated by semicolons. */
static bool mentions(const char *text, const char *words)
{
	_cleanup_free_ char *copy = strdup(words);
	char *rest = copy, *w;

	while ((w = strsep(&rest, ";")))
		if (*w && !mentions_one(text, w))
			return false;
	return true;
}

/* One row of expected.tsv: file, expected, words, line, … */
static void check_mistake(char *row, unsigned *refused)
{
	const char *file = strsep(&row, "\t"), *expected = strsep(&row, "\t"), *words = strsep(&row, "\t");
	const char *line = strsep(&row, "\t");
	_cleanup_(clear_reading) struct reading r = { .a = NULL };
	_cleanup_free_ char *name = NULL;

	if (!line || *file == '#' || !strcmp(file, "file") || !strncmp(file, "twostep/", 8))
		return;
	assert_true(asprintf(&name, "broken/%s", file) > 0);
	read_file(name, &r);
	if (!r.rc)
		return; /* what is wrong with it, if anything, is the schema's business */
	(*refused)++;
	if (!strstr(expected, "reject"))
		fail_msg("%s: %s", file, error_text(&r.err));
	if (*line && r.where.line && labs(strtol(line, NULL, 10) - (long)r.where.line) > 1)
		fail_msg("%s: line %u instead of %s: %s", file, r.where.line, line, error_text(&r.err));
	if (*line && !mentions(error_text(&r.err), words) && !strstr(words, "data") && !strstr(words, "spec"))
		fail_msg("%s: \"%s\" does not mention \"%s\"", file, error_text(&r.err), words);
}

static void mistakes_are_refused_on_their_lines(void **state)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *row;
	unsigned refused = 0;
	size_t len;

	text = slurp("broken/expected.tsv", &len);
	assert_non_null(text);
	rest = text;
	while ((row = strsep(&rest, "\n")))
		check_mistake(row, &refused);
	assert_true(refused >= 40);
}

/* Whether `object`, which the server made, holds what the manifest states in the types that it was read with. Strings
 * of quantities and times may have been made canonical, so only types of scalars count, and strings in metadata and
 * data exactly. */
static void compare(const char *file, const char *key, const struct value *stated, const struct value *object,
		    bool exact, unsigned *compared)
{
	if (value_is_null(stated) || value_is_null(object))
		return;
	if (value_type(stated) == VALUE_MAP && value_type(object) == VALUE_MAP) {
		for (size_t i = 0; i < value_len(stated); i++) {
			const char *k = value_key_at(stated, i);

			compare(file, k, value_at(stated, i), value_get(object, k),
				exact || !strcmp(k, "labels") || !strcmp(k, "annotations") || !strcmp(k, "data"),
				compared);
		}
	} else if (value_type(stated) == VALUE_LIST && value_type(object) == VALUE_LIST) {
		for (size_t i = 0; value_len(stated) == value_len(object) && i < value_len(stated); i++)
			compare(file, key, value_at(stated, i), value_at(object, i), exact, compared);
	} else {
		bool quantity = value_type(object) == VALUE_STRING && value_type(stated) >= VALUE_INT;

		(*compared)++;
		if ((value_type(stated) != value_type(object) && !(quantity && !exact)) ||
		    (exact && !value_equal(stated, object)))
			fail_msg("%s: %s: read as a %s, the server has a %s", file, key,
				 value_type_name(value_type(stated)), value_type_name(value_type(object)));
	}
}

static const struct value *find_object(const struct value *v, const struct value *object)
{
	const struct value *items = value_get(v, "items");

	for (size_t i = 0; value_type(items) == VALUE_LIST && i < value_len(items); i++)
		if (find_object(value_at(items, i), object))
			return value_at(items, i);
	return value_equal(value_get(v, "kind"), value_get(object, "kind")) &&
			       value_equal(value_path(v, "metadata", "name"), value_path(object, "metadata", "name")) &&
			       (!value_path(v, "metadata", "namespace") ||
				value_equal(value_path(v, "metadata", "namespace"),
					    value_path(object, "metadata", "namespace"))) ?
		       v :
		       NULL;
}

static void assert_survives(const char *file, const struct value *v, struct arena *a)
{
	_cleanup_buf_ struct buf yaml = BUF_INIT, json = BUF_INIT, pack = BUF_INIT;
	struct yaml_document *docs;
	struct value *back;
	size_t n;

	yaml_write(&yaml, v, YAML_SORTED);
	if (yaml_read(buf_str(&yaml), yaml.len, NULL, a, &docs, &n, NULL, NULL) || n != 1 ||
	    !value_equal(docs[0].root, v))
		fail_msg("%s does not survive as YAML", file);
	json_write(&json, v, JSON_PRETTY);
	if (json_read(buf_str(&json), json.len, NULL, a, &back, NULL, NULL) || !value_equal(back, v))
		fail_msg("%s does not survive as JSON", file);
	pack_write(&pack, v);
	if (pack_read(a, pack.data, pack.len, PACK_BORROW, &back) || !value_equal(back, v))
		fail_msg("%s does not survive in the stored form", file);
}

static void real_manifests_read_as_the_server_read_them(void **state)
{
	_cleanup_(clear_reading) struct reading r = { .a = NULL };
	_cleanup_free_ char *text = NULL, *last = NULL;
	unsigned found = 0, compared = 0;
	char *rest, *row;
	size_t len;

	text = slurp("golden-dev.jsonl.gz", &len);
	assert_non_null(text);
	rest = text;
	while ((row = strsep(&rest, "\n"))) {
		_cleanup_arena_ struct arena *a = arena_new(0);
		const struct value *object, *stated = NULL;
		const char *file;
		struct value *line;

		if (!*row)
			continue;
		assert_int_equal(json_read(row, strlen(row), NULL, a, &line, NULL, NULL), 0);
		file = value_str(value_get(line, "file"));
		object = value_get(line, "object");
		if (!last || strcmp(last, file) != 0) {
			clear_reading(&r);
			read_file(file, &r);
			if (r.rc)
				fail_msg("%s:%u: %s", file, r.where.line, error_text(&r.err));
			free(last);
			last = strdup(file);
		}
		for (size_t i = 0; i < r.n && !stated; i++)
			stated = find_object(r.docs[i].root, object);
		found += stated != NULL;
		compare(file, "", stated, object, false, &compared);
		if (stated)
			assert_survives(file, stated, a);
	}
	print_message("# %u objects, %u scalars compared\n", found, compared);
	assert_true(found >= 2000);
	assert_true(compared >= 30000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_refused_on_their_lines),
		cmocka_unit_test(real_manifests_read_as_the_server_read_them),
	};
	const char *dir = getenv("PODFS_CORPUS"), *top = getenv("top_srcdir");
	char *path = NULL, *readme = NULL;
	int rc;

	if (dir ? asprintf(&path, "%s", dir) < 0 : asprintf(&path, "%s/../shared/corpus", top ? top : ".") < 0)
		return 1;
	if (asprintf(&readme, "%s/README.md", path) > 0 && !access(readme, R_OK))
		corpus = path;
	else
		(void)printf("1..0 # SKIP no corpus at %s (set PODFS_CORPUS)\n", path);
	rc = corpus ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
	free(readme);
	free(path);
	return rc;
}
