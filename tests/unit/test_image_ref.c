/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "image/ref.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *in;
	const char *out; /* NULL: refused */
} CASES[] = {
	{ "nginx", "docker.io/library/nginx:latest" },
	{ "nginx:1.14.2", "docker.io/library/nginx:1.14.2" },
	{ "docker.io/nginx", "docker.io/library/nginx:latest" },
	{ "index.docker.io/nginx:1", "docker.io/library/nginx:1" },
	{ "docker.io/library/nginx:1.14.2", "docker.io/library/nginx:1.14.2" },
	{ "library/nginx", "docker.io/library/nginx:latest" },
	{ "a/b/c", "docker.io/a/b/c:latest" },
	{ "localhost/x", "localhost/x:latest" },
	{ "localhost:5000/x:y", "localhost:5000/x:y" },
	{ "localhost:5000/x", "localhost:5000/x:latest" },
	{ "registry.k8s.io/pause:3.9", "registry.k8s.io/pause:3.9" },
	{ "Registry/x", "Registry/x:latest" },
	{ "[::1]:5000/x", "[::1]:5000/x:latest" },
	{ "[2001:db8::1]/x", "[2001:db8::1]/x:latest" },
	{ "xn--7o8h.com/myimage:2", "xn--7o8h.com/myimage:2" },
	{ "a__b/c--d/e.f_g", "docker.io/a__b/c--d/e.f_g:latest" },
	{ "nginx@sha256:" HEX64, "docker.io/library/nginx@sha256:" HEX64 },
	{ "nginx:1@sha256:" HEX64, "docker.io/library/nginx:1@sha256:" HEX64 },
	{ "nginx:_x.Y-z", "docker.io/library/nginx:_x.Y-z" },
	{ "x:" A64 A64, "docker.io/library/x:" A64 A64 },
	{ "", NULL },
	{ ":tag", NULL },
	{ "nginx:", NULL },
	{ "nginx:a b", NULL },
	{ "nginx:-a", NULL },
	{ "nginx:.a", NULL },
	{ "x:" A64 A64 "a", NULL },
	{ "Nginx", NULL },
	{ "docker.io/Nginx", NULL },
	{ "a/B/c", NULL },
	{ "a//b", NULL },
	{ "/a", NULL },
	{ "a/", NULL },
	{ "a..b", NULL },
	{ "a___b", NULL },
	{ "a-", NULL },
	{ "-a", NULL },
	{ "a_.b", NULL },
	{ "https://x/y", NULL },
	{ "x.y:z/a", NULL },
	{ "x..y/a", NULL },
	{ "-x.y/a", NULL },
	{ "[::1/x", NULL },
	{ "[::g]/x", NULL },
	{ "[::1]:/x", NULL },
	{ "a@sha256:abc", NULL },
	{ "a@sha256:" "G123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL },
	{ "a@md5:0123456789abcdef0123456789abcdef", NULL },
	{ "a@", NULL },
	{ "@sha256:" HEX64, NULL },
	{ HEX64, NULL },
	{ "../etc/passwd", NULL },
	{ "a/../b", NULL },
	{ "a\nb", NULL },
	{ A64 A64 A64 A64, NULL },
};

static void test_normalize(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(CASES); i++) {
		_cleanup_error_ struct error err = ERROR_INIT;
		_cleanup_free_ char *got = NULL;
		int r = image_ref_normalize(CASES[i].in, &got, &err);

		if (!CASES[i].out) {
			if (r != -EINVAL || got || !err.msg)
				fail_msg("\"%s\": expected -EINVAL with a message, got %d \"%s\"", CASES[i].in, r, got);
			continue;
		}
		if (r != 0)
			fail_msg("\"%s\": %s", CASES[i].in, error_text(&err));
		assert_string_equal(got, CASES[i].out);
		/* What was normalised stays as it is, and its short form means the same. */
		for (int k = 0; k < 2; k++) {
			_cleanup_free_ char *again = NULL;

			assert_int_equal(image_ref_normalize(k ? image_ref_familiar(got) : got, &again, NULL), 0);
			assert_string_equal(again, got);
		}
	}
}

static void test_parts(void **state)
{
	_cleanup_image_ref_ struct image_ref ref = { NULL, NULL, NULL, NULL };

	assert_int_equal(image_ref_parse("quay.io:443/a/b:c@sha256:" HEX64, &ref, NULL), 0);
	assert_string_equal(ref.domain, "quay.io:443");
	assert_string_equal(ref.path, "a/b");
	assert_string_equal(ref.tag, "c");
	assert_string_equal(ref.digest, "sha256:" HEX64);
	image_ref_clear(&ref);
	assert_int_equal(image_ref_parse("a@sha256:" HEX64, &ref, NULL), 0);
	assert_null(ref.tag);
}

static void test_familiar(void **state)
{
	assert_string_equal(image_ref_familiar("docker.io/library/nginx:1"), "nginx:1");
	assert_string_equal(image_ref_familiar("docker.io/a/b:1"), "a/b:1");
	assert_string_equal(image_ref_familiar("docker.io/library/a/b:1"), "library/a/b:1");
	assert_string_equal(image_ref_familiar("quay.io/a/b:1"), "quay.io/a/b:1");
	assert_string_equal(image_ref_familiar("docker.io/x.y/b:1"), "docker.io/x.y/b:1");
}

static void test_pull_policy(void **state)
{
	assert_true(image_ref_pulls_always("nginx"));
	assert_true(image_ref_pulls_always("localhost:5000/nginx"));
	assert_true(image_ref_pulls_always("nginx:latest"));
	assert_false(image_ref_pulls_always("nginx:1.14.2"));
	assert_false(image_ref_pulls_always("nginx@sha256:" HEX64));
	assert_false(image_ref_pulls_always("nginx:latest@sha256:" HEX64));
	assert_true(image_ref_pulls_always("Not A Name"));
}

static void test_digest(void **state)
{
	assert_true(image_digest_valid("sha256:" HEX64));
	assert_false(image_digest_valid("sha256:" HEX64 "0"));
	assert_false(image_digest_valid("sha256:"));
	assert_false(image_digest_valid("sha512:" HEX64));
	assert_false(image_digest_valid("sha256:../../../../../../../../../../../../../../../../../../../etc/passw"));
	assert_false(image_digest_valid(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalize), cmocka_unit_test(test_parts),	     cmocka_unit_test(test_familiar),
		cmocka_unit_test(test_pull_policy), cmocka_unit_test(test_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
