/* SPDX-License-Identifier: Apache-2.0 */
/* Service accounts' tokens: their text, and when they are due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "node/token.h"
#include "value/base64.h"

static struct token sample(void)
{
	return (struct token){ .namespace = "ns", .account = { "acc", "u1" }, .pod = { "p", "u2" }, .node = { "n", "u3" },
			       .issued = 1700000000, .lifetime = 3607 };
}

/* The text of a part of a token, 0 its header; its digits are changed in place to those that base64_decode() knows. */
static char *part(const char *token, int n)
{
	_cleanup_free_ char *copy = strdup(token);
	struct buf out = BUF_INIT;
	char *at = copy, *save = NULL;

	assert_non_null(copy);
	for (char *p = copy; *p; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	for (at = strtok_r(copy, ".", &save); n--; at = strtok_r(NULL, ".", &save))
		assert_non_null(at);
	base64_decode(at, strlen(at), &out);
	return buf_steal(&out, NULL);
}

static void the_text_has_kubernetes_claims(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct token t = sample();
	const char *text = token_format(a, &t);
	_cleanup_free_ char *header = part(text, 0), *claims = part(text, 1);

	assert_string_equal(header, "{\"alg\":\"none\"}");
	assert_string_equal(claims,
			    "{\"aud\":[\"https://kubernetes.default.svc.cluster.local\"],\"exp\":1700003607,\"iat\":1700000000,"
			    "\"iss\":\"https://kubernetes.default.svc.cluster.local\",\"kubernetes.io\":{\"namespace\":\"ns\","
			    "\"node\":{\"name\":\"n\",\"uid\":\"u3\"},\"pod\":{\"name\":\"p\",\"uid\":\"u2\"},"
			    "\"serviceaccount\":{\"name\":\"acc\",\"uid\":\"u1\"}},\"nbf\":1700000000,"
			    "\"sub\":\"system:serviceaccount:ns:acc\"}");
	assert_int_equal(text[strlen(text) - 1], '.');
	assert_null(strpbrk(text, "+/="));
	assert_string_equal(token_format(a, &t), text);
}

static void what_is_not_known_is_left_out(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct token t = sample();
	_cleanup_free_ char *claims = NULL;

	t.audience = "vault";
	t.node = (struct token_ref){ NULL, NULL };
	t.account.uid = "";
	claims = part(token_format(a, &t), 1);
	assert_non_null(strstr(claims, "\"aud\":[\"vault\"]"));
	assert_null(strstr(claims, "node"));
	assert_non_null(strstr(claims, "\"serviceaccount\":{\"name\":\"acc\"}"));
}

/* Characters that JSON escapes, and such as base64 has other digits for. */
static void any_name_is_carried(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct token t = sample();
	_cleanup_free_ char *claims = NULL;
	const char *text;

	t.audience = "a\"\\\n\xc3\xbf\xc3\xbe>>>???~~~";
	text = token_format(a, &t);
	assert_null(strpbrk(text, "+/=\"\n"));
	claims = part(text, 1);
	assert_non_null(strstr(claims, "a\\\"\\\\\\n\xc3\xbf\xc3\xbe>>>???~~~"));
}

static void a_token_is_due_when_a_fifth_is_left(void **state)
{
	static const struct {
		int64_t lifetime, after; /* seconds, without the jitter */
	} cases[] = { { 3607, 2886 }, { 600, 480 }, { 86400, 69120 }, { 200000, 86400 }, { 108000, 86400 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t at = token_renew_at(1700000000, cases[i].lifetime, "0f3c"), latest = 1700000000 + cases[i].after;

		assert_true(at <= latest * NSEC_PER_SEC && at > (latest - 10) * NSEC_PER_SEC);
	}
	assert_true(token_renew_at(0, 600, "a") != token_renew_at(0, 600, "b"));
	assert_true(token_renew_at(0, 600, "a") == token_renew_at(0, 600, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_has_kubernetes_claims),
		cmocka_unit_test(what_is_not_known_is_left_out),
		cmocka_unit_test(any_name_is_carried),
		cmocka_unit_test(a_token_is_due_when_a_fifth_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
