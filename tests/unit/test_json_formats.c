/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of strings in custom kinds, and the grammar of patterns: what the API server takes, and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "schema/json_formats.h"

static void formats(void **state)
{
	static const struct {
		const char *format, *text;
		bool fits;
	} rows[] = {
		{ "ipv4", "192.168.78.1", true }, { "ipv4", "192.168.78", false }, { "ipv4", "::1", false },
		{ "ipv4", "256.1.1.1", false }, { "ipv6", "2001:db8::1", true }, { "ipv6", "1.2.3.4", false },
		{ "ipv6", ":::1234::", false }, { "cidr", "10.0.0.0/8", true }, { "cidr", "10.0.0.0", false },
		{ "cidr", "10.0.0.0/33", false }, { "date", "2024-02-29", true }, { "date", "2023-02-29", false },
		{ "date", "2023-13-01", false }, { "date", "2023-1-1", false },
		{ "date-time", "2006-01-02T15:04:05Z", true }, { "date-time", "2006-01-02t15:04:05.123+02:00", true },
		{ "date-time", "2006-01-02 15:04:05Z", false }, { "date-time", "2006-01-02T25:04:05Z", false },
		{ "date-time", "2006-01-02T15:04:05", false }, { "datetime", "yesterday", false },
		{ "duration", "1h30m", true }, { "duration", "22 ns", true }, { "duration", "1.5h", true },
		{ "duration", "2 weeks", true }, { "duration", "0", true }, { "duration", "1", false },
		{ "duration", "soon", false }, { "duration", "", false }, { "uri", "https://example.com/a?b", true },
		{ "uri", "/a/b", true }, { "uri", "a/b", false }, { "uri", "", false }, { "email", "a@b.example", true },
		{ "email", "A B <a@b.example>", true }, { "email", "a.example", false }, { "email", "a b@c.example", false },
		{ "hostname", "example.com", true }, { "hostname", "-a.example", false }, { "hostname", "a..b", false },
		{ "mac", "00:00:5e:00:53:01", true }, { "mac", "0000.5e00.5301", true }, { "mac", "00:00:5e:00:53", false },
		{ "mac", "00:00-5e:00:53:01", false }, { "byte", "YWJj", true }, { "byte", "YWJ", false },
		{ "uuid", "123e4567-e89b-12d3-a456-426614174000", true }, { "uuid", "123e4567e89b12d3a456426614174000", true },
		{ "uuid", "123e4567-e89b-12d3-a456-42661417400", false },
		{ "uuid4", "123e4567-e89b-42d3-a456-426614174000", true },
		{ "uuid4", "123e4567-e89b-12d3-a456-426614174000", false }, { "hexcolor", "#fff", true },
		{ "hexcolor", "#ffff", false }, { "k8s-short-name", "a-b", true }, { "k8s-short-name", "a.b", false },
		{ "k8s-long-name", "a.b", true }, { "k8s-long-name", "A", false }, { "password", "any text", true },
		{ "of nobody", "any text", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (json_format_fits(rows[i].format, rows[i].text) != rows[i].fits)
			fail_msg("%s: \"%s\"", rows[i].format, rows[i].text);
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *words; /* NULL: a good one */
	} rows[] = {
		{ "", NULL }, { "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", NULL }, { "(?i)^x", NULL }, { "(?P<n>a)+?", NULL },
		{ "[]a]", NULL }, { "[^]]*", NULL }, { "[[:alpha:]_]{1,3}", NULL }, { "a{2}b{3,}", NULL }, { "{a}", NULL },
		{ "a|b|", NULL }, { "\\d+\\.\\d*", NULL }, { "(?:a|(b))", NULL }, { "(?s:.*)", NULL }, { "\\[", NULL },
		{ "^\\x{0041}+$", NULL }, { "\\p{Greek}*\\PN", NULL }, { "\\x{41", "invalid escape" },
		{ "[", "missing closing ]" }, { "[]", "missing closing ]" }, { "[a\\]", "missing closing ]" },
		{ "(a", "missing closing )" }, { "(?:a", "missing closing )" }, { "(?i", "missing closing )" },
		{ "a)", "unexpected )" }, { "*a", "missing argument" }, { "a|+b", "missing argument" },
		{ "(?a", "missing closing )" }, { "a**", "nested repetition" }, { "(?=a)", "Perl syntax" },
		{ "(?!a)", "Perl syntax" }, { "(?<=a)b", "Perl syntax" }, { "(?Pa)", "Perl syntax" },
		{ "a\\", "trailing backslash" }, { "(a)\\1", "invalid escape" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *why = json_pattern_error(rows[i].pattern);

		if (!why != !rows[i].words || (why && !strstr(why, rows[i].words)))
			fail_msg("\"%s\": %s", rows[i].pattern, why ? why : "taken");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(formats), cmocka_unit_test(patterns) };

	return cmocka_run_group_tests_name("formats of custom kinds", tests, NULL, NULL);
}
