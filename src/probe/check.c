/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum {
	BODY_MAX = 10 * 1024, /* K8S:pkg/probe/http/http.go: maxRespBodyLength */
	REQUESTS_MAX = 10, /* of one check; Go's net/http, defaultCheckRedirect */
	GRPC_FRAME = 5,	      /* a flag and the length of the message */
	GRPC_UNIMPLEMENTED = 12,
	GRPC_SERVICE_MAX = 4096,
};

static const char *const health_states[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };

struct check {
	struct check *next, **link; /* in all_checks */
	struct probe_request request;
	CURL *curl;
	struct curl_slist *headers;
	char *host, *url;
	struct buf body, post;
	size_t seen; /* bytes of the body, kept or not */
	long grpc_status; /* -1: none came */
	int redirects;
	struct probe_reply reply;
	char text[PROBE_TEXT_MAX], curl_error[CURL_ERROR_SIZE];
};

static struct check *all_checks;

/* --- reading a request --- */

/* The next string of the message; NULL when there is none. */
static const char *next_string(const char **at, const char *end)
{
	const char *s = *at, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	if (nul)
		*at = nul + 1;
	return nul ? s : NULL;
}

/* IPv6 addresses stand in brackets. */
static char *make_url(const struct probe_request *r, const char *host, const char *path)
{
	const char *open = strchr(host, ':') ? "[" : "", *close = *open ? "]" : "";
	char *url;
	int n;

	if (r->method == PROBE_GRPC)
		n = asprintf(&url, "http://%s%s%s:%u/grpc.health.v1.Health/Check", open, host, close, r->port);
	else
		n = asprintf(&url, "%s://%s%s%s:%u%s%s", r->method == PROBE_HTTPS ? "https" : "http", open, host, close, r->port,
			     r->method != PROBE_TCP && path[0] != '/' ? "/" : "", r->method == PROBE_TCP ? "" : path);
	return n < 0 ? NULL : url;
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
	struct check *c = arg;
	size_t len = size * n, room = BODY_MAX - c->body.len;

	buf_append(&c->body, data, len < room ? len : room);
	c->seen += len;
	return c->seen > BODY_MAX || buf_failed(&c->body) ? 0 : len; /* 0 ends the transfer: enough was seen */
}

/* Trailers come here too. */
static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
	static const char name[] = "grpc-status:";
	struct check *c = arg;
	size_t len = size * n;

	if (len >= sizeof(name) && len < 64 && !strncasecmp(data, name, sizeof(name) - 1)) {
		char text[64];

		memcpy(text, data, len);
		text[len] = '\0';
		c->grpc_status = strtol(text + sizeof(name) - 1, NULL, 10);
	}
	return len;
}

/* HealthCheckRequest { string service = 1; } in a frame. */
static int make_grpc(struct check *c, const char *service)
{
	size_t len = strlen(service), message = len ? len + (len < 128 ? 2 : 3) : 0;
	const unsigned char frame[GRPC_FRAME] = { 0, 0, 0, (unsigned char)(message >> 8), (unsigned char)message };

	if (len > GRPC_SERVICE_MAX)
		return -EINVAL;
	buf_append(&c->post, frame, sizeof(frame));
	if (len) {
		buf_putc(&c->post, 0x0a);
		if (len >= 128)
			buf_putc(&c->post, (char)(0x80 | (len & 0x7f)));
		buf_putc(&c->post, (char)(len >= 128 ? len >> 7 : len));
		buf_append(&c->post, service, len);
	}
	return buf_failed(&c->post) ? -ENOMEM : 0;
}

static bool add_header(struct check *c, const char *line)
{
	struct curl_slist *more = curl_slist_append(c->headers, line);

	if (more)
		c->headers = more;
	return more;
}

/* kubelet's own headers stand unless the probe states others. */
static bool has_header(const struct check *c, const char *name)
{
	for (const struct curl_slist *h = c->headers; h; h = h->next)
		if (!strncasecmp(h->data, name, strlen(name)))
			return true;
	return false;
}

static int read_headers(struct check *c, const char *at, const char *end)
{
	for (unsigned i = 0; i < c->request.n_headers; i++) {
		const char *line = next_string(&at, end);

		if (!line || strpbrk(line, "\r\n") || !add_header(c, line))
			return -EINVAL;
	}
	if (c->request.method == PROBE_GRPC)
		return add_header(c, "content-type: application/grpc") && add_header(c, "te: trailers") ? 0 : -ENOMEM;
	if (!has_header(c, "User-Agent:") && !add_header(c, "User-Agent: kube-probe/1.36"))
		return -ENOMEM;
	return add_header(c, "Connection: close") ? 0 : -ENOMEM;
}

static void set_options(struct check *c)
{
	CURL *h = c->curl;

	/* ignoring their results: each is of this libcurl's build, or fails when memory does, which the transfer tells */
	(void)curl_easy_setopt(h, CURLOPT_URL, c->url);
	(void)curl_easy_setopt(h, CURLOPT_PRIVATE, c);
	(void)curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->curl_error);
	(void)curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(h, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)c->request.timeout_ms);
	(void)curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
	(void)curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L);
	(void)curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L); /* K8S documentation: probes skip verification */
	(void)curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
	(void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
	(void)curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->headers);
	if (c->request.method == PROBE_TCP)
		(void)curl_easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L);
	if (c->request.method != PROBE_GRPC)
		return;
	(void)curl_easy_setopt(h, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	(void)curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(h, CURLOPT_HEADERDATA, c);
	(void)curl_easy_setopt(h, CURLOPT_POSTFIELDS, c->post.data);
	(void)curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)c->post.len);
}

static int read_request(struct check *c, const char *message, size_t size)
{
	const char *at = message + sizeof(c->request), *end = message + size, *host, *path;

	if (size < sizeof(c->request))
		return -EBADMSG;
	memcpy(&c->request, message, sizeof(c->request));
	host = next_string(&at, end);
	path = next_string(&at, end);
	if (!host || !path || c->request.method < PROBE_TCP || c->request.method > PROBE_GRPC ||
	    c->request.n_headers > PROBE_HEADERS_MAX)
		return -EBADMSG;
	c->host = strdup(host);
	c->url = c->host ? make_url(&c->request, host, path) : NULL;
	if (!c->url)
		return -ENOMEM;
	if (c->request.method == PROBE_GRPC && make_grpc(c, path) < 0)
		return -EINVAL;
	return read_headers(c, at, end);
}

struct check *check_new(const void *message, size_t size)
{
	struct check *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->next = all_checks;
	c->link = &all_checks;
	if (c->next)
		c->next->link = &c->next;
	all_checks = c;
	c->grpc_status = -1;
	c->body = c->post = BUF_INIT;
	c->curl = curl_easy_init();
	if (!c->curl || read_request(c, message, size) < 0) {
		check_free(c);
		return NULL;
	}
	c->reply.id = c->request.id;
	set_options(c);
	return c;
}

void check_free(struct check *c)
{
	if (!c)
		return;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	curl_easy_cleanup(c->curl);
	curl_slist_free_all(c->headers);
	buf_clear(&c->body);
	buf_clear(&c->post);
	free(c->host);
	free(c->url);
	free(c);
}

void check_free_all(CURLM *multi)
{
	while (all_checks) {
		(void)curl_multi_remove_handle(multi, all_checks->curl); /* ignoring: it is in there */
		check_free(all_checks);
	}
}

CURL *check_handle(struct check *c)
{
	return c->curl;
}

/* --- judging --- */

static bool result(struct check *c, enum probe_outcome outcome, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static bool result(struct check *c, enum probe_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	c->reply.outcome = outcome;
	return false;
}

static const char *why(const struct check *c, CURLcode code)
{
	if (code == CURLE_OPERATION_TIMEDOUT)
		return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
	return *c->curl_error ? c->curl_error : curl_easy_strerror(code);
}

/* Whether a redirection stays on the host that was asked. */
static bool same_host(const struct check *c, const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL;
	size_t len = strlen(c->host);
	bool same = false;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		same = !strcasecmp(host, c->host) ||
		       (host[0] == '[' && strlen(host) == len + 2 && !strncasecmp(host + 1, c->host, len));
	curl_free(host);
	curl_url_cleanup(u);
	return same;
}

/* Goes on to where the answer points. True when there is more to do. */
static bool redirect(struct check *c, const char *to)
{
	char *url;

	if (!same_host(c, to)) {
		c->reply.flags |= PROBE_WARNING;
		return result(c, PROBE_SUCCESS, "Probe terminated redirects, Response body: %.*s", (int)c->body.len,
			      buf_str(&c->body));
	}
	if (++c->redirects >= REQUESTS_MAX)
		return result(c, PROBE_FAILURE, "Get \"%s\": stopped after 10 redirects", to);
	url = strdup(to);
	if (!url)
		return result(c, PROBE_ERROR, "out of memory");
	free(c->url);
	c->url = url;
	buf_clear(&c->body);
	c->seen = 0;
	(void)curl_easy_setopt(c->curl, CURLOPT_URL, c->url); /* ignoring: as in set_options() */
	return true;
}

static bool judge_http(struct check *c, CURLcode code)
{
	const char *to = NULL;
	long status = 0;

	(void)curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status); /* ignoring: 0 then, which is no answer */
	if (code != CURLE_OK && !(code == CURLE_WRITE_ERROR && status))
		return result(c, PROBE_FAILURE, "Get \"%s\": %s", c->url, why(c, code));
	c->reply.flags |= PROBE_ANSWERED;
	if (curl_easy_getinfo(c->curl, CURLINFO_REDIRECT_URL, &to) == CURLE_OK && to && status >= 300 && status < 400)
		return redirect(c, to);
	if (status >= 300 && status < 400) {
		c->reply.flags |= PROBE_WARNING;
		return result(c, PROBE_SUCCESS, "Probe terminated redirects, Response body: %.*s", (int)c->body.len,
			      buf_str(&c->body));
	}
	if (status >= 200 && status < 300)
		return result(c, PROBE_SUCCESS, "%.*s", (int)c->body.len, buf_str(&c->body));
	return result(c, PROBE_FAILURE, "HTTP probe failed with statuscode: %ld", status);
}

/* HealthCheckResponse { ServingStatus status = 1; }: the varint of field 1, 0 when it is left out. */
static unsigned serving_status(const struct buf *body)
{
	const unsigned char *p = (const unsigned char *)body->data;

	return body->len >= GRPC_FRAME + 2 && p[GRPC_FRAME] == 0x08 ? p[GRPC_FRAME + 1] : 0;
}

static bool judge_grpc(struct check *c, CURLcode code)
{
	unsigned status;

	if (code == CURLE_OPERATION_TIMEDOUT)
		return result(c, PROBE_FAILURE, "timeout: failed to connect service \"%s:%u\" within %ums: context deadline exceeded",
			      c->host, c->request.port, c->request.timeout_ms);
	if (code != CURLE_OK)
		return result(c, PROBE_FAILURE, "error: failed to connect service at \"%s:%u\": %s", c->host, c->request.port,
			      why(c, code));
	if (c->grpc_status == GRPC_UNIMPLEMENTED)
		return result(c, PROBE_FAILURE,
			      "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)");
	if (c->grpc_status > 0)
		return result(c, PROBE_FAILURE, "error: health rpc probe failed: code %ld", c->grpc_status);
	if (c->grpc_status < 0 && !c->body.len)
		return result(c, PROBE_FAILURE, "error: health rpc probe failed: the answer has no status");
	status = serving_status(&c->body);
	if (status == 1)
		return result(c, PROBE_SUCCESS, "service healthy");
	return result(c, PROBE_FAILURE, "service unhealthy (responded with \"%s\")",
		      status < ARRAY_SIZE(health_states) ? health_states[status] : "UNKNOWN");
}

bool check_done(struct check *c, CURLcode code)
{
	if (code == CURLE_OUT_OF_MEMORY || buf_failed(&c->body))
		return result(c, PROBE_ERROR, "out of memory");
	if (c->request.method == PROBE_GRPC)
		return judge_grpc(c, code);
	if (c->request.method != PROBE_TCP)
		return judge_http(c, code);
	if (code == CURLE_OK)
		return result(c, PROBE_SUCCESS, "%s", "");
	return result(c, PROBE_FAILURE, "dial tcp %s:%u: %s", c->host, c->request.port,
		      code == CURLE_OPERATION_TIMEDOUT ? "i/o timeout" : why(c, code));
}

size_t check_reply(const struct check *c, char out[static PROBE_MESSAGE_MAX])
{
	size_t len = strlen(c->text) + 1;

	memcpy(out, &c->reply, sizeof(c->reply));
	memcpy(out + sizeof(c->reply), c->text, len);
	return sizeof(c->reply) + len;
}
