/* SPDX-License-Identifier: Apache-2.0 */
/* podfs validate as a person runs it: what it prints where, and its exit status. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cmd/validate.h"

#define GOOD "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\ndata: {a: b}\n"
#define BAD "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata:\n  a: 1\n"
#define GOOD_JSON "{\"apiVersion\":\"v1\",\"data\":{\"a\":\"b\"},\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"good\"," \
		  "\"namespace\":\"default\"}}\n"

static char dir[] = "/tmp/podfs-test-validate.XXXXXX";

struct run {
	int status;
	struct buf out, err;
};

static void run_clear(struct run *r)
{
	buf_clear(&r->out);
	buf_clear(&r->err);
}
#define _cleanup_run_ _cleanup_(run_clear)

static void put(const char *name, const char *text)
{
	char path[4096];
	_cleanup_fclose_ FILE *f = NULL;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
}

static int redirect(int fd, const char *text)
{
	int file = memfd_create("podfs-test", MFD_CLOEXEC), saved = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	assert_true(file >= 0 && saved >= 0);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(file, 0, SEEK_SET), 0);
	assert_int_equal(dup2(file, fd), fd);
	(void)close(file);
	return saved;
}

static void restore(int fd, int saved, struct buf *ret)
{
	char chunk[4096];

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;)
		buf_append(ret, chunk, (size_t)n);
	assert_int_equal(dup2(saved, fd), fd);
	(void)close(saved);
}

/* Runs the command with the arguments up to NULL, in the directory of the test's files. */
static struct run run(const char *input, const char *const *args)
{
	struct run r = { .out = BUF_INIT, .err = BUF_INIT };
	struct buf ignored = BUF_INIT;
	char storage[16][256], *argv[17] = { NULL };
	int argc = 0, in, out, err;

	for (; args[argc]; argc++) {
		(void)snprintf(storage[argc], sizeof(storage[argc]), "%s", args[argc]);
		argv[argc] = storage[argc];
	}
	(void)fflush(stdout);
	(void)fflush(stderr);
	in = redirect(STDIN_FILENO, input);
	out = redirect(STDOUT_FILENO, "");
	err = redirect(STDERR_FILENO, "");
	r.status = cmd_validate(argc, argv);
	(void)fflush(stdout);
	(void)fflush(stderr);
	restore(STDIN_FILENO, in, &ignored);
	restore(STDOUT_FILENO, out, &r.out);
	restore(STDERR_FILENO, err, &r.err);
	buf_clear(&ignored);
	return r;
}
#define RUN(input, ...) run(input, (const char *const[]){ "validate", __VA_ARGS__, NULL })

static void good_files_say_nothing(void **state)
{
	_cleanup_run_ struct run r = RUN("", "good.yaml");

	assert_int_equal(r.status, 0);
	assert_string_equal(buf_str(&r.err), "");
	assert_string_equal(buf_str(&r.out), "");
}

static void bad_files_say_where_and_what(void **state)
{
	_cleanup_run_ struct run r = RUN("", "good.yaml", "bad.yaml");

	assert_int_equal(r.status, 1);
	assert_string_equal(buf_str(&r.err),
			    "bad.yaml:5:6: error: data[a]: Invalid value: 1: must be a string, found a number: put it in quotes\n");
}

static void objects_are_printed_as_they_would_be_stored(void **state)
{
	_cleanup_run_ struct run json = RUN("", "-o", "json", "good.yaml");
	_cleanup_run_ struct run yaml = RUN("", "--output=yaml", "good.yaml");

	assert_int_equal(json.status, 0);
	assert_string_equal(buf_str(&json.out), GOOD_JSON);
	assert_int_equal(yaml.status, 0);
	assert_string_equal(buf_str(&yaml.out), "---\napiVersion: v1\ndata:\n  a: b\nkind: ConfigMap\nmetadata:\n  name: good\n"
						"  namespace: default\n");
}

static void nothing_is_printed_of_a_refused_file(void **state)
{
	_cleanup_run_ struct run r = RUN(GOOD "---\n" BAD, "-o", "json", "-");

	assert_int_equal(r.status, 1);
	assert_string_equal(buf_str(&r.out), "");
	assert_non_null(strstr(buf_str(&r.err), "stdin:10:6: error: data[a]"));
}

static void standard_input_is_a_file(void **state)
{
	_cleanup_run_ struct run r = RUN(GOOD, "-o", "json", "-");

	assert_int_equal(r.status, 0);
	assert_string_equal(buf_str(&r.out), GOOD_JSON);
}

static void directories_are_read_flat_or_deep(void **state)
{
	_cleanup_run_ struct run flat = RUN("", "-o", "json", ".");
	_cleanup_run_ struct run deep = RUN("", "-R", "-o", "json", "deep");

	assert_int_equal(flat.status, 1); /* bad.yaml */
	assert_string_equal(buf_str(&flat.out), GOOD_JSON);
	assert_null(strstr(buf_str(&flat.err), "notes.txt"));
	assert_null(strstr(buf_str(&flat.err), ".hidden.yaml"));
	assert_int_equal(deep.status, 0);
	assert_string_equal(buf_str(&deep.out), GOOD_JSON);
}

static void lists_are_taken_apart(void **state)
{
	_cleanup_run_ struct run r =
		RUN("apiVersion: v1\nkind: List\nitems:\n- " "{apiVersion: v1, kind: ConfigMap, metadata: {name: good}, data: {a: b}}\n"
		    "- apiVersion: v1\n  kind: Pood\n", "-o", "json", "-");

	assert_int_equal(r.status, 1);
	assert_string_equal(buf_str(&r.err),
			    "stdin:6:9: error: kind: no matches for kind \"Pood\" in version \"v1\"; did you mean \"Pod\"?\n");
}

static void text_that_is_no_yaml_is_placed(void **state)
{
	_cleanup_run_ struct run r = RUN("a: 1\nb: c: d\n", "-");

	assert_int_equal(r.status, 1);
	assert_int_equal(strncmp(buf_str(&r.err), "stdin:2:", 8), 0);
}

static void files_that_cannot_be_read_are_told(void **state)
{
	_cleanup_run_ struct run r = RUN("", "missing.yaml", "good.yaml");

	assert_int_equal(r.status, 3);
	assert_string_equal(buf_str(&r.err), "podfs validate: missing.yaml: No such file or directory\n");
}

static void wrong_command_lines_are_told(void **state)
{
	_cleanup_run_ struct run none = run("", (const char *const[]){ "validate", NULL });
	_cleanup_run_ struct run format = RUN("", "-o", "xml", "good.yaml");
	_cleanup_run_ struct run help = RUN("", "--help");

	assert_int_equal(none.status, 2);
	assert_int_equal(format.status, 2);
	assert_non_null(strstr(buf_str(&format.err), "unknown output format \"xml\": json or yaml"));
	assert_int_equal(help.status, 0);
	assert_int_equal(strncmp(buf_str(&help.out), "Usage: podfs validate", 21), 0);
}

static void too_long_manifests_are_refused(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_run_ struct run r = { 0 };

	while (text.len <= 8 * 1024 * 1024)
		buf_puts(&text, "# a comment that goes on for ever and ever and ever and ever and ever and ever\n");
	r = RUN(buf_str(&text), "-");
	assert_int_equal(r.status, 1);
	assert_string_equal(buf_str(&r.err), "stdin: error: Too long: a manifest may not be more than 8388608 bytes\n");
}

static int make_files(void **state)
{
	char path[4096];

	if (!mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	put("good.yaml", GOOD);
	put("bad.yaml", BAD);
	put("notes.txt", "no manifest: [\n");
	put(".hidden.yaml", BAD);
	(void)snprintf(path, sizeof(path), "%s/deep", dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/deep/er", dir);
	if (mkdir(path, 0700) < 0)
		return -1;
	put("deep/er/good.json", GOOD_JSON);
	return 0;
}

static int remove_files(void **state)
{
	static const char *const names[] = { "good.yaml", "bad.yaml", "notes.txt", ".hidden.yaml", "deep/er/good.json" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlink(names[i]);
	return rmdir("deep/er") < 0 || rmdir("deep") < 0 || chdir("/") < 0 || rmdir(dir) < 0 ? -1 : 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files_say_nothing),
		cmocka_unit_test(bad_files_say_where_and_what),
		cmocka_unit_test(objects_are_printed_as_they_would_be_stored),
		cmocka_unit_test(nothing_is_printed_of_a_refused_file),
		cmocka_unit_test(standard_input_is_a_file),
		cmocka_unit_test(directories_are_read_flat_or_deep),
		cmocka_unit_test(lists_are_taken_apart),
		cmocka_unit_test(text_that_is_no_yaml_is_placed),
		cmocka_unit_test(files_that_cannot_be_read_are_told),
		cmocka_unit_test(wrong_command_lines_are_told),
		cmocka_unit_test(too_long_manifests_are_refused),
	};

	return cmocka_run_group_tests_name("validate", tests, make_files, remove_files);
}
