/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer over HTTP/1, read piece by piece as it comes: its status, where it points, the first of its body, and where it
 * ends. What kubelet's client (Go's net/http) takes for no answer is none here. Hostile input; pure; not thread-safe.
 */
#ifndef PODFS_PROBE_HTTP_H
#define PODFS_PROBE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "probe/protocol.h"

enum {
	HTTP_BODY_MAX = 10 * 1024, /* bytes of a body that are read; K8S:pkg/probe/http/http.go, maxRespBodyLength */
	HTTP_LINE_MAX = 16 * 1024,
	HTTP_HEAD_MAX = 256 * 1024, /* bytes of all lines */
};

enum http_progress { HTTP_MORE, HTTP_DONE, HTTP_BAD };

/* All zero: nothing has come yet. */
struct http {
	enum {
		HTTP_AT_STATUS,
		HTTP_AT_HEADERS,
		HTTP_AT_BODY, /* of `left` bytes */
		HTTP_AT_REST, /* a body that ends with the connection */
		HTTP_AT_CHUNK_SIZE,
		HTTP_AT_CHUNK,
		HTTP_AT_CHUNK_END,
		HTTP_AT_TRAILERS,
	} state;
	int status; /* 0: none yet */
	bool chunked, has_length;
	uint64_t length, left;
	size_t head, seen; /* bytes of lines; of the body */
	struct buf line;   /* one that has not ended yet */
	char *location;	   /* owned; NULL: none was given */
	char body[PROBE_TEXT_MAX]; /* the first of it */
	size_t body_len;
};

/* Reads on. HTTP_DONE: the answer is whole, or enough of it was seen. */
enum http_progress http_feed(struct http *h, const char *data, size_t len);
/* The connection was closed by its other end: HTTP_DONE or HTTP_BAD. */
enum http_progress http_end(struct http *h);
/* Forgets all. */
void http_clear(struct http *h);

#endif
