/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "node/pull_auth.h"
#include "schema/schema.h"
#include "value/base64.h"
#include "value/json.h"

/* The rules of K8S:pkg/credentialprovider/keyring.go. */
static void test_matches(void **state)
{
	static const struct {
		const char *key, *domain, *path;
		bool want;
	} T[] = {
		{ "quay.io", "quay.io", "a/b", true },
		{ "https://quay.io", "quay.io", "a/b", true },
		{ "http://quay.io/v2/", "quay.io", "a/b", true },
		{ "https://quay.io/v1/a", "quay.io", "a/b", true },
		{ "quay.io/a", "quay.io", "a/b", true },
		{ "quay.io/b", "quay.io", "a/b", false },
		{ "quay.io/a/b/c", "quay.io", "a/b", false },
		{ "quay.io:443", "quay.io", "a", false },
		{ "quay.io", "quay.io:443", "a", false },
		{ "quay.io:5000", "quay.io:5000", "a", true },
		{ "*.example.com", "r.example.com", "a", true },
		{ "*.example.com", "example.com", "a", false },
		{ "*.example.com", "a.b.example.com", "a", false },
		{ "*.*.example.com:80/x", "a.b.example.com:80", "x/y", true },
		{ "r?.example.com", "r1.example.com", "a", true },
		{ "https://index.docker.io/v1/", "docker.io", "library/nginx", true },
		{ "docker.io", "docker.io", "library/nginx", true },
		{ "index.docker.io/team", "docker.io", "library/nginx", false },
		{ "https://index.docker.io/v1/", "quay.io", "a", false },
		{ "127.0.0.1:5000", "127.0.0.1:5000", "a", true },
		{ "[::1]:5000", "[::1]:5000", "a", true },
		{ "[::2]:5000", "[::1]:5000", "a", false },
		{ "", "quay.io", "a", false },
		{ "https://", "quay.io", "a", false },
		{ ".", "quay.io", "a", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(T); i++)
		if (pull_auth_matches(T[i].key, T[i].domain, T[i].path) != T[i].want)
			fail_msg("%s for %s/%s: not %d", T[i].key, T[i].domain, T[i].path, T[i].want);
}

/* --- secrets --- */

struct secret {
	const char *name, *key, *text;
};

static const struct secret SECRETS[] = {
	{ "one", ".dockerconfigjson", "{\"auths\":{\"quay.io\":{\"username\":\"u\",\"password\":\"p\"},\"other.io\":{\"auth\":\"eDp5\"}}}" },
	{ "close", ".dockerconfigjson", "{\"auths\":{\"https://quay.io/a\":{\"auth\":\"dTI6cDI=\"}}}" }, /* u2:p2 */
	{ "old", ".dockercfg", "{\"quay.io\":{\"auth\":\"dTM6cDM6eA==\"}}" }, /* u3:p3:x */
	{ "bad", ".dockerconfigjson", "no JSON" },
	{ "odd", ".dockerconfigjson", "{\"auths\":[1,{\"quay.io\":3}]}" },
	{ "empty", ".dockerconfigjson", "{\"auths\":{\"quay.io\":{\"auth\":\"\"},\"quay.io/\":{\"auth\":\"bm9jb2xvbg==\"},\"quay.io/a\":7}}" },
	{ "opaque", "password", "x" },
};

static struct object *make_object(const char *kind, const char *name, const char *rest)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = NULL;
	struct object *o;
	const char *text = arena_printf(a, "{\"apiVersion\":\"v1\",\"kind\":\"%s\",\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\"}%s}",
					kind, name, rest);

	assert_int_equal(json_read(text, strlen(text), NULL, a, &root, &err, NULL), 0);
	o = object_for_test(root, 1);
	assert_non_null(o);
	return o;
}

static struct object *find(void *arg, const char *plural, const char *ns, const char *name)
{
	assert_string_equal(plural, "secrets");
	assert_string_equal(ns, "ns");
	for (size_t i = 0; i < ARRAY_SIZE(SECRETS); i++) {
		_cleanup_buf_ struct buf rest = BUF_INIT;

		if (strcmp(SECRETS[i].name, name) != 0)
			continue;
		buf_printf(&rest, ",\"data\":{\"%s\":\"", SECRETS[i].key);
		base64_encode(SECRETS[i].text, strlen(SECRETS[i].text), &rest);
		buf_puts(&rest, "\"}");
		return make_object("Secret", name, buf_str(&rest));
	}
	return NULL;
}

/* The texts for a pod with those secrets, a line each, and what is missing. */
static void check(const char *list, const char *reference, const char *want, const char *want_missing)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf got = BUF_INIT;
	const char *const *texts = NULL;
	const char *missing = NULL;
	_cleanup_object_ struct object *pod =
		make_object("Pod", "p", arena_printf(a, ",\"spec\":{\"imagePullSecrets\":[%s]}", list));
	struct sources s = { .pod = pod, .find = find };
	size_t n = 0;

	assert_int_equal(pull_auths(a, &s, reference, &texts, &n, &missing, &err), 0);
	for (size_t i = 0; i < n; i++)
		buf_printf(&got, "%s\n", texts[i]);
	assert_string_equal(buf_str(&got), want);
	assert_string_equal(missing ? missing : "", want_missing);
}

#define ONE "{\"auths\":{\"quay.io\":{\"auth\":\"dTpw\"}}}\n"
#define CLOSE "{\"auths\":{\"quay.io\":{\"auth\":\"dTI6cDI=\"}}}\n"
#define OLD "{\"auths\":{\"quay.io\":{\"auth\":\"dTM6cDM6eA==\"}}}\n"

static void test_secrets(void **state)
{
	check("", "quay.io/a/b", "", "");
	check("{\"name\":\"one\"}", "quay.io/a/b", ONE, "");
	check("{\"name\":\"one\"}", "quay.io:80/a/b", "", "");
	check("{\"name\":\"one\"},{\"name\":\"close\"}", "quay.io/a/b:1", CLOSE ONE, "");
	check("{\"name\":\"close\"},{\"name\":\"old\"}", "quay.io/b", OLD, "");
	check("{\"name\":\"none\"},{\"name\":\"bad\"},{\"name\":\"opaque\"},{\"name\":\"one\"},{}", "quay.io/a", ONE, "none, bad, opaque");
	check("{\"name\":\"odd\"},{\"name\":\"empty\"}", "quay.io/a", "", "");
}

static void test_bad_reference(void **state)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_object_ struct object *pod = make_object("Pod", "p", "");
	struct sources s = { .pod = pod, .find = find };
	const char *const *texts;
	const char *missing;
	size_t n;

	assert_int_equal(pull_auths(a, &s, "UPPER", &texts, &n, &missing, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_bad_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
