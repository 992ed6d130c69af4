/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.x NNN", and a reason that nobody reads. */
static bool read_status(struct http *h, const char *s)
{
	if (strncmp(s, "HTTP/1.", 7) != 0 || !is_digit(s[7]) || s[8] != ' ' || !is_digit(s[9]) || !is_digit(s[10]) ||
	    !is_digit(s[11]) || (s[12] != ' ' && s[12] != '\0'))
		return false;
	h->status = (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
	h->state = HTTP_AT_HEADERS;
	return h->status >= 100;
}

/* Digits alone. */
static bool read_length(struct http *h, const char *s)
{
	uint64_t n = 0;
	size_t len = strspn(s, "0123456789");

	if (!len || len > 18 || s[len])
		return false;
	for (size_t i = 0; i < len; i++)
		n = n * 10 + (uint64_t)(s[i] - '0');
	if (h->has_length && h->length != n)
		return false;
	h->has_length = true;
	h->length = n;
	return true;
}

static bool read_header(struct http *h, char *s)
{
	char *colon = strchr(s, ':'), *value, *end;

	if (*s == ' ' || *s == '\t')
		return true; /* the one before goes on: of those that count here none does */
	if (!colon || colon == s)
		return false;
	*colon = '\0';
	value = colon + 1 + strspn(colon + 1, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	*end = '\0';
	if (!strcasecmp(s, "Content-Length"))
		return read_length(h, value);
	if (!strcasecmp(s, "Transfer-Encoding")) {
		if (strcasecmp(value, "chunked") != 0 || h->chunked)
			return false; /* as Go's: no other is understood */
		h->chunked = true;
	}
	if (!strcasecmp(s, "Location") && !h->location)
		h->location = strdup(value); /* ignoring: without memory it points nowhere */
	return true;
}

/* The empty line after the headers: what comes now? */
static enum http_progress headers_end(struct http *h)
{
	if (h->status < 200 && h->status != 101) { /* an interim answer */
		h->state = HTTP_AT_STATUS;
		h->chunked = h->has_length = false;
		free(h->location);
		h->location = NULL;
		return HTTP_MORE;
	}
	if (h->status == 101 || h->status == 204 || h->status == 304)
		return HTTP_DONE;
	if (h->chunked) {
		h->state = HTTP_AT_CHUNK_SIZE;
		return HTTP_MORE;
	}
	h->left = h->length;
	h->state = h->has_length ? HTTP_AT_BODY : HTTP_AT_REST;
	return h->has_length && !h->length ? HTTP_DONE : HTTP_MORE;
}

static bool read_chunk_size(struct http *h, const char *s)
{
	char *end;
	size_t len = strspn(s, "0123456789abcdefABCDEF");

	if (!len || len > 15 || !strchr("; \t", s[len]))
		return false;
	h->left = strtoull(s, &end, 16);
	h->state = h->left ? HTTP_AT_CHUNK : HTTP_AT_TRAILERS;
	return true;
}

static enum http_progress read_line(struct http *h, char *s)
{
	switch (h->state) {
	case HTTP_AT_STATUS:
		return read_status(h, s) ? HTTP_MORE : HTTP_BAD;
	case HTTP_AT_HEADERS:
		return !*s ? headers_end(h) : read_header(h, s) ? HTTP_MORE : HTTP_BAD;
	case HTTP_AT_CHUNK_SIZE:
		return read_chunk_size(h, s) ? HTTP_MORE : HTTP_BAD;
	case HTTP_AT_CHUNK_END:
		h->state = HTTP_AT_CHUNK_SIZE;
		return *s ? HTTP_BAD : HTTP_MORE;
	default: /* trailers */
		return *s ? HTTP_MORE : HTTP_DONE;
	}
}

/* Takes a line, or what there is of it. Sets *ret_len to what was taken. */
static enum http_progress take_line(struct http *h, const char *data, size_t len, size_t *ret_len)
{
	const char *nl = memchr(data, '\n', len);
	enum http_progress p = HTTP_MORE;

	*ret_len = nl ? (size_t)(nl - data) + 1 : len;
	h->head += *ret_len;
	buf_append(&h->line, data, *ret_len);
	if (h->head > HTTP_HEAD_MAX || h->line.len > HTTP_LINE_MAX || buf_failed(&h->line))
		return HTTP_BAD;
	if (!nl)
		return HTTP_MORE;
	len = h->line.len - 1;
	if (len && h->line.data[len - 1] == '\r')
		len--;
	h->line.data[len] = '\0';
	p = strlen(h->line.data) == len ? read_line(h, h->line.data) : HTTP_BAD; /* a NUL is in no line */
	h->line.len = 0;
	return p;
}

static enum http_progress take_body(struct http *h, const char *data, size_t len, size_t *ret_len)
{
	size_t n = h->state != HTTP_AT_REST && len > h->left ? (size_t)h->left : len;
	size_t room = sizeof(h->body) - 1 - h->body_len, kept = n < room ? n : room;

	memcpy(h->body + h->body_len, data, kept);
	h->body_len += kept;
	h->seen += n;
	*ret_len = n;
	if (h->seen >= HTTP_BODY_MAX)
		return HTTP_DONE;
	if (h->state == HTTP_AT_REST)
		return HTTP_MORE;
	h->left -= n;
	if (h->left)
		return HTTP_MORE;
	if (h->state == HTTP_AT_BODY)
		return HTTP_DONE;
	h->state = HTTP_AT_CHUNK_END;
	return HTTP_MORE;
}

enum http_progress http_feed(struct http *h, const char *data, size_t len)
{
	enum http_progress p = HTTP_MORE;

	while (len && p == HTTP_MORE) {
		bool body = h->state == HTTP_AT_BODY || h->state == HTTP_AT_REST || h->state == HTTP_AT_CHUNK;
		size_t n = 0;

		p = body ? take_body(h, data, len, &n) : take_line(h, data, len, &n);
		data += n;
		len -= n;
	}
	return p;
}

enum http_progress http_end(struct http *h)
{
	return h->state == HTTP_AT_REST ? HTTP_DONE : HTTP_BAD;
}

void http_clear(struct http *h)
{
	buf_clear(&h->line);
	free(h->location);
	*h = (struct http){ 0 };
}
