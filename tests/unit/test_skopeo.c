/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/remove.h"
#include "image/pull.h"
#include "image/skopeo.h"

static void test_message(void **state)
{
	static const struct {
		const char *text, *want;
	} T[] = {
		{ "", "" },
		{ "\n\n", "" },
		{ "plain\n", "plain" },
		{ "one\ntwo", "two" },
		{ "time=\"2026\" level=fatal msg=\"a \\\"b\\\"\\nc\"\n", "a \"b\" c" },
		{ "time=\"2026\" level=warning msg=\"x\"\ntime=\"2026\" level=fatal msg=\"y\"\n\n", "y" },
		{ "time=\"2026\" level=fatal msg=\"Error parsing image name \\\"docker://a/b:1\\\": reading manifest\"", "reading manifest" },
		{ "time=\"2026\" level=fatal msg=\"cut sh", "cut sh" },
		{ "time=\"2026\" level=fatal msg=\"end\\", "end\\" },
		{ "time=\"2026\"", "time=\"2026\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		_cleanup_free_ char *got = skopeo_message(T[i].text);

		assert_non_null(got);
		assert_string_equal(got, T[i].want);
	}
}

static void set_path(const char *path)
{
	static char entry[128];

	(void)snprintf(entry, sizeof(entry), "PATH=%s", path);
	assert_int_equal(putenv(entry), 0);
}

/* A directory with a skopeo in it that is the given script. */
static void install(char dir[static 64], const char *script)
{
	_cleanup_free_ char *path = NULL;
	FILE *f;

	(void)snprintf(dir, 64, "/tmp/podfs-skopeo.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_true(asprintf(&path, "%s/skopeo", dir) > 0);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fprintf(f, "#!/bin/sh\n%s\n", script) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	set_path(dir);
}

static void uninstall(const char *dir)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "%s/skopeo", dir) > 0);
	(void)unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

/* What a run of that script answers and prints. */
static int run(const char *script, const struct skopeo *s, char out[static 512], struct error *err)
{
	_cleanup_close_ int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char dir[64];
	ssize_t n;
	int r;

	assert_true(fd >= 0);
	install(dir, script);
	r = skopeo_run(s, (const char *const[]){ "copy", "from", "to", NULL }, fd, 100, err);
	uninstall(dir);
	n = pread(fd, out, 511, 0);
	assert_true(n >= 0);
	out[n] = '\0';
	return r;
}

static void test_run(void **state)
{
	struct skopeo s = { .tmpdir = "/tmp/x", .auth = "secret", .plain = true, .lifeline = -1, .progress = -1 };
	_cleanup_error_ struct error err = ERROR_INIT;
	char out[512];

	assert_int_equal(run("echo \"$@\" $TMPDIR; read -r line </proc/self/fd/3 || echo $line", &s, out, &err), 0);
	assert_non_null(strstr(out, "copy --src-tls-verify=false --src-authfile /proc/self/fd/3 from to /tmp/x\nsecret\n"));
	s.auth = NULL;
	s.plain = false;
	assert_int_equal(run("echo \"$@\"", &s, out, &err), 0);
	assert_non_null(strstr(out, "copy from to\n"));
	assert_int_equal(run("echo no space left on device >&2; exit 1", &s, out, &err), -ENOSPC);
	assert_int_equal(run("exit 3", &s, out, &err), -EIO);
	assert_string_equal(error_text(&err), "skopeo ended with status 3");
	assert_int_equal(run("i=0; while [ $i -lt 100 ]; do echo 0123456789 || exit 9; i=$((i + 1)); done", &s, out, &err), -EIO);
	assert_true(strlen(out) <= 100);
}

static void test_absent(void **state)
{
	struct skopeo s = { .tmpdir = "/tmp", .lifeline = -1, .progress = -1 };
	_cleanup_error_ struct error err = ERROR_INIT;

	set_path("/nowhere::/nor/here");
	assert_int_equal(skopeo_run(&s, (const char *const[]){ "inspect", NULL }, 1, 1, &err), -ENOENT);
	assert_non_null(strstr(error_text(&err), "skopeo is not installed"));
}

/* Who asked for it goes: it is ended, however long it would take. */
static void test_lifeline(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct skopeo s = { .tmpdir = "/tmp", .progress = -1 };
	char out[512];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(close(ends[1]), 0);
	s.lifeline = ends[0];
	assert_int_equal(run("while :; do :; done", &s, out, &err), -ECANCELED);
	assert_int_equal(close(ends[0]), 0);
}

/* A registry on loopback may do without TLS, and no other: the address decides, not how a name begins. */
static void test_plain(void **state)
{
	static const struct {
		const char *domain;
		bool plain;
	} T[] = {
		{ "127.0.0.1", true },	  { "127.0.0.1:5000", true },	   { "127.255.3.4:80", true },
		{ "localhost", true },	  { "localhost:5000", true },	   { "[::1]:5000", true },
		{ "127.example.org", false }, { "127.0.0.1.example.org:5000", false }, { "127.0.0.1x:80", false },
		{ "127.1:5000", false },  { "localhost.example.org", false }, { "localhosts:80", false },
		{ "[::2]:5000", false },  { "128.0.0.1:5000", false },	   { "registry.example.org", false },
	};
	char dir[64], store[] = "/tmp/podfs-pull.XXXXXX";
	_cleanup_free_ char *below = NULL;

	assert_non_null(mkdtemp(store));
	assert_true(asprintf(&below, "%s/pull", store) > 0);
	assert_int_equal(mkdir(below, 0700), 0);
	install(dir, "echo \"asked: $*\" >&2; exit 1");
	for (size_t i = 0; i < ARRAY_SIZE(T); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *reference = NULL;
		const struct pull_options o = { .store = store, .work = "w", .importer = "/nowhere", .architecture = "amd64",
						.lifeline = -1 };
		struct pull_options with = o;
		int status;

		assert_true(asprintf(&reference, "%s/app:1", T[i].domain) > 0);
		with.reference = reference;
		assert_true(pull_run(&with, &status, &err) < 0);
		if (!strstr(error_text(&err), "asked: ") || !strstr(error_text(&err), T[i].domain) ||
		    (strstr(error_text(&err), "--tls-verify=false") != NULL) != T[i].plain)
			fail_msg("%s: %s", T[i].domain, error_text(&err));
	}
	uninstall(dir);
	assert_int_equal(remove_tree(AT_FDCWD, store), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_lifeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
