/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/plain.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "probe/http.h"

enum {
	REQUESTS_MAX = 10, /* of one check; Go's net/http, defaultCheckRedirect */
	RECEIVE_SIZE = 16 * 1024,
	READS_MAX = 8, /* in a row, before others get their turn */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct plain {
	bool http;
	int epoll;
	void *ptr;
	char host[INET6_ADDRSTRLEN], *path; /* as in the request */
	struct buf headers;		    /* all but the first line and, if `own_host` is not set, Host */
	bool own_host;
	union address address;
	socklen_t address_len;
	uint16_t port, at_port; /* of the request; where a redirection has led to */
	char *at_path;		/* where a redirection has led to; NULL: nowhere */
	int fd, redirects;
	uint32_t watched; /* epoll's events; 0: it is not in there */
	bool connected;
	struct buf out; /* the request of the first try, or of a redirection */
	size_t sent;
	struct http answer;
};

/* --- reading a request --- */

static const char *next_string(const char **at, const char *end)
{
	const char *s = *at, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	if (nul)
		*at = nul + 1;
	return nul ? s : NULL;
}

static bool set_address(struct plain *p, const char *host)
{
	if (inet_pton(AF_INET, host, &p->address.v4.sin_addr) == 1) {
		p->address.v4.sin_family = AF_INET;
		p->address_len = sizeof(p->address.v4);
	} else if (inet_pton(AF_INET6, host, &p->address.v6.sin6_addr) == 1) {
		p->address.v6.sin6_family = AF_INET6;
		p->address_len = sizeof(p->address.v6);
	} else {
		return false;
	}
	(void)snprintf(p->host, sizeof(p->host), "%s", host);
	return true;
}

static void set_port(struct plain *p, uint16_t port)
{
	p->at_port = port;
	if (p->address.any.sa_family == AF_INET)
		p->address.v4.sin_port = htons(port);
	else
		p->address.v6.sin6_port = htons(port);
}

/* Whether a path can be sent as it stands: libcurl encodes, cuts off fragments, and takes ".." away. */
static bool is_usual_path(const char *path)
{
	for (const char *s = path; *s; s++)
		if (*s <= ' ' || *s >= 0x7f || *s == '#' || (*s == '.' && s > path && s[-1] == '/'))
			return false;
	return true;
}

/* The value's place in "Name: value" if that is the name; "Name;" is one without a value. */
static const char *value_of(const char *line, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(line, name, len) != 0 || (line[len] != ':' && line[len] != ';'))
		return NULL;
	return line[len] == ':' ? line + len + 1 + strspn(line + len + 1, " ") : "";
}

/* What says how long a request is: Go's, which has no body, leaves these out. */
static bool is_framing(const char *line)
{
	return value_of(line, "Content-Length") || value_of(line, "Transfer-Encoding") || value_of(line, "Trailer");
}

/* kubelet's own headers stand unless the probe states others; an empty Accept is none. K8S:pkg/probe/http/request.go */
static int read_headers(struct plain *p, unsigned n, const char *at, const char *end)
{
	bool agent = false, accept = false;

	for (unsigned i = 0; i < n; i++) {
		const char *line = next_string(&at, end), *value;
		size_t len = line ? strlen(line) : 0;

		if (!len || strpbrk(line, "\r\n"))
			return -EINVAL;
		agent = agent || value_of(line, "User-Agent");
		value = value_of(line, "Accept");
		accept = accept || value;
		if (value && !*value)
			continue;
		value = value_of(line, "Host");
		if (is_framing(line) || (value && (!*value || p->own_host)))
			continue;
		p->own_host = p->own_host || value;
		if (line[len - 1] == ';' && !strchr(line, ':'))
			buf_printf(&p->headers, "%.*s:\r\n", (int)(len - 1), line);
		else
			buf_printf(&p->headers, "%s\r\n", line);
	}
	if (!agent)
		buf_puts(&p->headers, "User-Agent: kube-probe/1.36\r\n");
	if (!accept)
		buf_puts(&p->headers, "Accept: */*\r\n");
	buf_puts(&p->headers, "Connection: close\r\n\r\n");
	return buf_failed(&p->headers) ? -ENOMEM : 0;
}

/* The request's text for where it goes now. */
static bool make_out(struct plain *p)
{
	const char *path = p->at_path ? p->at_path : p->path;
	bool v6 = p->address.any.sa_family == AF_INET6;

	p->out.len = 0;
	buf_printf(&p->out, "GET %s%s HTTP/1.1\r\n", *path == '/' ? "" : "/", path);
	if (!p->own_host)
		buf_printf(&p->out, p->at_port == 80 ? "Host: %s%s%s\r\n" : "Host: %s%s%s:%u\r\n", v6 ? "[" : "", p->host,
			   v6 ? "]" : "", p->at_port);
	buf_append(&p->out, p->headers.data, p->headers.len);
	return !buf_failed(&p->out);
}

int plain_new(const void *message, size_t size, int epoll, void *ptr, struct plain **ret)
{
	const char *at = (const char *)message + sizeof(struct probe_request), *end = (const char *)message + size;
	const char *host, *path;
	struct probe_request r;
	struct plain *p;
	int e;

	*ret = NULL;
	if (size < sizeof(r))
		return -EBADMSG;
	memcpy(&r, message, sizeof(r));
	host = next_string(&at, end);
	path = next_string(&at, end);
	if (!host || !path || r.n_headers > PROBE_HEADERS_MAX)
		return -EBADMSG;
	if ((r.method != PROBE_TCP && r.method != PROBE_HTTP) || strlen(host) >= INET6_ADDRSTRLEN || !is_usual_path(path))
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct plain){ .http = r.method == PROBE_HTTP, .epoll = epoll, .ptr = ptr, .port = r.port, .fd = -1 };
	p->path = strdup(path);
	e = !p->path ? -ENOMEM : p->http ? read_headers(p, r.n_headers, at, end) : 0;
	if (e < 0 || !set_address(p, host)) {
		plain_free(p);
		return e;
	}
	*ret = p;
	return 0;
}

static void end_connection(struct plain *p)
{
	close_fdp(&p->fd);
	p->watched = 0;
	p->connected = false;
	p->sent = 0;
}

/* Forgets all that belongs to the check under way. */
static void end_check(struct plain *p)
{
	end_connection(p);
	http_clear(&p->answer);
	if (p->at_path)
		p->out.len = 0; /* it was for there */
	free(p->at_path);
	p->at_path = NULL;
	p->redirects = 0;
}

void plain_free(struct plain *p)
{
	if (!p)
		return;
	end_check(p);
	buf_clear(&p->headers);
	buf_clear(&p->out);
	free(p->path);
	free(p);
}

/* --- judging --- */

static enum plain_progress give(struct verdict *v, enum probe_outcome outcome, uint32_t flags, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static enum plain_progress give(struct verdict *v, enum probe_outcome outcome, uint32_t flags, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
	v->outcome = outcome;
	v->flags = flags;
	return PLAIN_ENDED;
}

/* In kubelet's words: those of Go's net/http for an HTTP request, of its net package for a connection. */
static enum plain_progress fail(struct plain *p, struct verdict *v, const char *what, const char *why)
{
	const char *path = p->at_path ? p->at_path : p->path;
	bool v6 = p->address.any.sa_family == AF_INET6;
	char to[INET6_ADDRSTRLEN + 16];

	(void)snprintf(to, sizeof(to), "%s%s%s:%u", v6 ? "[" : "", p->host, v6 ? "]" : "", p->at_port);
	if (!p->http)
		return give(v, PROBE_FAILURE, 0, "dial tcp %s: %s%s", to, what, why);
	if (*what)
		return give(v, PROBE_FAILURE, 0, "Get \"http://%s%s%s\": dial tcp %s: %s%s", to, *path == '/' ? "" : "/", path, to,
			    what, why);
	return give(v, PROBE_FAILURE, 0, "Get \"http://%s%s%s\": %s", to, *path == '/' ? "" : "/", path, why);
}

/* Go has the system's words without a capital. */
static enum plain_progress fail_errno(struct plain *p, struct verdict *v, const char *what, int error)
{
	char why[128];

	(void)snprintf(why, sizeof(why), "%s", strerrordesc_np(error) ? strerrordesc_np(error) : "unknown error");
	why[0] = (char)tolower((unsigned char)why[0]);
	return fail(p, v, what, why);
}

void plain_time_out(struct plain *p, struct verdict *ret)
{
	if (p->http)
		(void)fail(p, ret, "", "context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
	else
		(void)fail(p, ret, "", "i/o timeout");
	end_check(p);
}

/* --- redirections --- */

/* The authority of an http URL: whether its host is the one that was asked, and its port. -1: that is hard to say. */
static int same_host(const struct plain *p, const char *s, size_t len, uint16_t *ret_port)
{
	size_t host_len = strlen(p->host);
	const char *port;
	char *end;
	long n;

	if (!len || memchr(s, '@', len) || memchr(s, '%', len) || memchr(s, '\\', len))
		return -1;
	if (*s == '[') {
		if (len < host_len + 2 || strncasecmp(s + 1, p->host, host_len) != 0 || s[host_len + 1] != ']')
			return -1; /* the same address may be written otherwise */
		port = s + host_len + 2;
	} else {
		port = memchr(s, ':', len);
		port = port ? port : s + len;
		if ((size_t)(port - s) != host_len || strncasecmp(s, p->host, host_len) != 0)
			return 0;
	}
	*ret_port = 80;
	if (port == s + len)
		return 1;
	n = *port == ':' && isdigit((unsigned char)port[1]) ? strtol(port + 1, &end, 10) : 0;
	if (n <= 0 || n > UINT16_MAX || end != s + len)
		return -1;
	*ret_port = (uint16_t)n;
	return 1;
}

/* Goes on to where the answer points: with PLAIN_GOES_ON there is another connection to be made. */
static enum plain_progress redirect(struct plain *p, struct verdict *v)
{
	const char *to = p->answer.location, *path = to;
	uint16_t port = p->at_port;
	char *copy;
	int same = 1;

	if (!strncasecmp(to, "http://", 7) || !strncasecmp(to, "https://", 8)) {
		const char *authority = strstr(to, "//") + 2;

		path = authority + strcspn(authority, "/?#");
		same = same_host(p, authority, (size_t)(path - authority), &port);
		if (same > 0 && tolower((unsigned char)to[4]) == 's')
			return PLAIN_TOO_MUCH;
		if (!*path)
			path = "/";
	} else if (to[0] != '/' || to[1] == '/') {
		return PLAIN_TOO_MUCH; /* relative */
	}
	if (same == 0)
		return give(v, PROBE_SUCCESS, PROBE_WARNING | PROBE_ANSWERED, "Probe terminated redirects, Response body: %.*s",
			    (int)p->answer.body_len, p->answer.body);
	if (same < 0 || *path != '/' || !is_usual_path(path))
		return PLAIN_TOO_MUCH;
	if (++p->redirects >= REQUESTS_MAX)
		return give(v, PROBE_FAILURE, PROBE_ANSWERED, "Get \"%.512s\": stopped after 10 redirects", to);
	copy = strdup(path);
	if (!copy)
		return give(v, PROBE_ERROR, 0, "out of memory");
	free(p->at_path);
	p->at_path = copy;
	set_port(p, port);
	end_connection(p);
	http_clear(&p->answer);
	return make_out(p) ? PLAIN_GOES_ON : give(v, PROBE_ERROR, 0, "out of memory");
}

static enum plain_progress judge(struct plain *p, struct verdict *v)
{
	int status = p->answer.status;

	if (p->answer.location && (status == 301 || status == 302 || status == 303 || status == 307 || status == 308))
		return redirect(p, v);
	if (status < 200 || status >= 400)
		return give(v, PROBE_FAILURE, PROBE_ANSWERED, "HTTP probe failed with statuscode: %d", status);
	if (status >= 300)
		return give(v, PROBE_SUCCESS, PROBE_WARNING | PROBE_ANSWERED, "Probe terminated redirects, Response body: %.*s",
			    (int)p->answer.body_len, p->answer.body);
	return give(v, PROBE_SUCCESS, PROBE_ANSWERED, "%.*s", (int)p->answer.body_len, p->answer.body);
}

/* --- carrying out --- */

static enum plain_progress watch(struct plain *p, uint32_t events, struct verdict *v)
{
	struct epoll_event e = { .events = events, .data.ptr = p->ptr };

	if (p->watched == events)
		return PLAIN_GOES_ON;
	if (epoll_ctl(p->epoll, p->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, p->fd, &e) < 0)
		return give(v, PROBE_ERROR, 0, "watch a connection: %s", strerrordesc_np(errno));
	p->watched = events;
	return PLAIN_GOES_ON;
}

/*
 * A connection within this machine is there when connect() returns, though it says that it is under way: asked again it
 * says so, which spares waiting for it.
 */
static enum plain_progress connect_on(struct plain *p, struct verdict *v)
{
	for (int i = 0; i < 2; i++) {
		if (connect(p->fd, &p->address.any, p->address_len) == 0 || errno == EISCONN) {
			p->connected = true;
			return PLAIN_GOES_ON;
		}
		if (errno != EINPROGRESS && errno != EALREADY && errno != EINTR)
			return fail_errno(p, v, "connect: ", errno);
	}
	return watch(p, EPOLLOUT, v);
}

static enum plain_progress send_on(struct plain *p, struct verdict *v)
{
	while (p->sent < p->out.len) {
		ssize_t n = send(p->fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return watch(p, EPOLLOUT, v);
		if (n < 0 && errno != EINTR)
			return fail_errno(p, v, "", errno);
		if (n > 0)
			p->sent += (size_t)n;
	}
	return watch(p, EPOLLIN, v);
}

static enum plain_progress receive(struct plain *p, struct verdict *v)
{
	static char data[RECEIVE_SIZE];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = recv(p->fd, data, sizeof(data), 0);
		enum http_progress got;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return PLAIN_GOES_ON;
		if (n < 0)
			return fail_errno(p, v, "", errno);
		if (n == 0 && !p->answer.head)
			return fail(p, v, "", "EOF");
		got = n ? http_feed(&p->answer, data, (size_t)n) : http_end(&p->answer);
		if (got == HTTP_BAD)
			return fail(p, v, "", n ? "malformed HTTP response" : "unexpected EOF");
		if (got == HTTP_DONE)
			return judge(p, v);
		if ((size_t)n < sizeof(data))
			return PLAIN_GOES_ON;
	}
	return PLAIN_GOES_ON;
}

/* Makes the connection of this check, or of a redirection, and sends what there is to send. */
static enum plain_progress open_connection(struct plain *p, struct verdict *v)
{
	p->fd = socket(p->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return give(v, PROBE_ERROR, 0, "make a socket: %s", strerrordesc_np(errno));
	return connect_on(p, v);
}

static enum plain_progress advance(struct plain *p, struct verdict *v)
{
	enum plain_progress r = PLAIN_GOES_ON;

	for (;;) {
		if (p->fd < 0)
			r = open_connection(p, v);
		else if (!p->connected)
			r = connect_on(p, v);
		else if (p->http && p->sent == p->out.len)
			r = receive(p, v);
		if (r != PLAIN_GOES_ON || (p->fd >= 0 && !p->connected))
			break;
		if (p->fd >= 0 && !p->http) {
			r = give(v, PROBE_SUCCESS, 0, "%s", "");
			break;
		}
		if (p->fd < 0)
			continue; /* a redirection */
		if (p->sent < p->out.len)
			r = send_on(p, v);
		break;
	}
	if (r != PLAIN_GOES_ON)
		end_check(p);
	return r;
}

enum plain_progress plain_begin(struct plain *p, struct verdict *ret)
{
	set_port(p, p->port);
	if (p->http && !p->out.len && !make_out(p))
		return give(ret, PROBE_ERROR, 0, "out of memory");
	return advance(p, ret);
}

enum plain_progress plain_go_on(struct plain *p, struct verdict *ret)
{
	return advance(p, ret);
}
