/* SPDX-License-Identifier: Apache-2.0 */
/* What podfs-probe takes for an answer over HTTP: whole, byte by byte, and cut off anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/cleanup.h"
#include "probe/http.h"

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *text;
	enum http_progress want; /* when all has come */
	bool end;		 /* and the connection was closed: then HTTP_DONE, else HTTP_BAD */
	int status;
	const char *body, *location;
} cases[] = {
	{ OK "Content-Length: 2\r\n\r\nhi", HTTP_DONE, true, 200, "hi", NULL },
	{ "HTTP/1.0 404 \r\ncontent-length:2 \r\n\r\nno", HTTP_DONE, true, 404, "no", NULL },
	{ "HTTP/1.1 500\nContent-Length: 0\n\n", HTTP_DONE, true, 500, "", NULL }, /* no reason, no carriage returns */
	{ OK "\r\nuntil the end", HTTP_MORE, true, 200, "until the end", NULL },
	{ OK "Content-Length: 3\r\n\r\nhi", HTTP_MORE, false, 200, "hi", NULL },
	{ OK "Content-Length: 2\r\n", HTTP_MORE, false, 200, "", NULL },
	{ "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n", HTTP_DONE, true, 204, "", NULL },
	{ "HTTP/1.1 304 x\r\n\r\n", HTTP_DONE, true, 304, "", NULL },
	{ "HTTP/1.1 101 x\r\n\r\n", HTTP_DONE, true, 101, "", NULL },
	{ "HTTP/1.1 100 x\r\nLocation: a\r\n\r\n" OK "Content-Length: 1\r\n\r\nx", HTTP_DONE, true, 200, "x", NULL },
	{ "HTTP/1.1 302 x\r\nLOCATION:\t/there \r\nContent-Length: 0\r\n\r\n", HTTP_DONE, true, 302, "", "/there" },
	{ "HTTP/1.1 302 x\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", HTTP_DONE, true, 302, "", "/a" },
	{ OK "X: 1\r\n  goes on\r\nContent-Length: 1\r\n\r\nx", HTTP_DONE, true, 200, "x", NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\nA\r\n, everyone\r\n0\r\nT: 1\r\n\r\n", HTTP_DONE, true, 200,
	  "hi, everyone", NULL },
	{ OK "Transfer-Encoding: Chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", HTTP_DONE, true, 200, "", NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", HTTP_MORE, false, 200, "hi", NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n", HTTP_BAD, false, 200, "hi", NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", HTTP_BAD, false, 200, "", NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\n\r\n", HTTP_BAD, false, 200, "", NULL },
	{ OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", HTTP_BAD, false, 200, "", NULL },
	{ OK "Transfer-Encoding: gzip\r\n\r\n", HTTP_BAD, false, 200, "", NULL },
	{ OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", HTTP_DONE, true, 200, "hi", NULL },
	{ OK "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", HTTP_BAD, false, 200, "", NULL },
	{ OK "Content-Length: -1\r\n\r\n", HTTP_BAD, false, 200, "", NULL },
	{ OK "Content-Length: 99999999999999999999\r\n\r\n", HTTP_BAD, false, 200, "", NULL },
	{ OK "no colon\r\n\r\n", HTTP_BAD, false, 200, "", NULL },
	{ "", HTTP_MORE, false, 0, "", NULL },
	{ "HTTP/2 200\r\n\r\n", HTTP_BAD, false, 0, "", NULL },
	{ "HTTP/1.1 20\r\n\r\n", HTTP_BAD, false, 0, "", NULL },
	{ "HTTP/1.1 2000\r\n\r\n", HTTP_BAD, false, 0, "", NULL },
	{ "HTTP/1.1 099 x\r\n\r\n", HTTP_BAD, false, 99, "", NULL },
	{ "SSH-2.0-x\r\n", HTTP_BAD, false, 0, "", NULL },
};

/* Feeds so many bytes at a time. */
static enum http_progress feed(struct http *h, const char *text, size_t len, size_t step)
{
	enum http_progress p = HTTP_MORE;

	for (size_t i = 0; i < len && p == HTTP_MORE; i += step) {
		size_t n = len - i < step ? len - i : step;
		char *copy = malloc(n); /* of exact size, so that a sanitizer sees a read beyond it */

		assert_non_null(copy);
		memcpy(copy, text + i, n);
		p = http_feed(h, copy, n);
		free(copy);
	}
	return p;
}

static void answers(void **state)
{
	static const size_t steps[] = { 1, 2, 7, 4096 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t k = 0; k < ARRAY_SIZE(steps); k++) {
			struct http h = { 0 };
			enum http_progress p = feed(&h, cases[i].text, strlen(cases[i].text), steps[k]);

			if (p != cases[i].want || h.status != cases[i].status)
				fail_msg("%s: %d, %d", cases[i].text, p, h.status);
			h.body[h.body_len] = '\0';
			assert_string_equal(h.body, cases[i].body);
			assert_string_equal(h.location ? h.location : "", cases[i].location ? cases[i].location : "");
			if (p == HTTP_MORE)
				assert_int_equal(http_end(&h), cases[i].end ? HTTP_DONE : HTTP_BAD);
			http_clear(&h);
		}
}

static void a_nul_is_in_no_line(void **state)
{
	static const char text[] = "HTTP/1.1 200 O\0K\r\n";
	struct http h = { 0 };

	assert_int_equal(feed(&h, text, sizeof(text) - 1, 100), HTTP_BAD);
	http_clear(&h);
}

/* However much is sent, no more than enough is read, and less is kept. */
static void without_end(void **state)
{
	static const struct {
		const char *head, *more;
		enum http_progress want;
		size_t most;
	} endless[] = {
		{ OK "\r\n", "xxxxxxxx", HTTP_DONE, HTTP_BODY_MAX },
		{ OK "Content-Length: 1000000\r\n\r\n", "xxxxxxxx", HTTP_DONE, HTTP_BODY_MAX },
		{ OK "Transfer-Encoding: chunked\r\n\r\n", "4\r\nxxxx\r\n", HTTP_DONE, 3 * HTTP_BODY_MAX },
		{ "", "HTTP/1.1 200", HTTP_BAD, HTTP_LINE_MAX + 16 },
		{ OK, "X: xxxxxxx\r\n", HTTP_BAD, HTTP_HEAD_MAX },
		{ "", "HTTP/1.1 100 x\r\n\r\n", HTTP_BAD, HTTP_HEAD_MAX + 32 },
		{ OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "T: 1\r\n", HTTP_BAD, HTTP_HEAD_MAX + 32 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(endless); i++) {
		struct http h = { 0 };
		size_t sent = 0, len = strlen(endless[i].more);
		enum http_progress p = feed(&h, endless[i].head, strlen(endless[i].head), 64);

		for (; p == HTTP_MORE && sent <= endless[i].most; sent += len)
			p = http_feed(&h, endless[i].more, len);
		if (p != endless[i].want || sent > endless[i].most + len)
			fail_msg("%zu: %d after %zu bytes", i, p, sent);
		assert_true(h.body_len < sizeof(h.body));
		http_clear(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(a_nul_is_in_no_line),
		cmocka_unit_test(without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
