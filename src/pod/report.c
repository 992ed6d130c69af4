/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

int report_send(int sock, const struct report *r, int fd)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)r, .iov_len = sizeof(*r) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	for (;;) {
		ssize_t n = sendmsg(sock, &m, MSG_NOSIGNAL);

		if (n == (ssize_t)sizeof(*r))
			return 0;
		if (n >= 0)
			return -EIO;
		if (errno != EINTR)
			return -errno;
	}
}

static void send_text(int sock, enum report_kind kind, int code, bool with_code, const char *fmt, va_list ap)
{
	struct report r = { .kind = kind, .code = code };
	size_t len;

	(void)vsnprintf(r.text, sizeof(r.text), fmt, ap); /* ignoring truncation: the text is for a person */
	len = strlen(r.text);
	if (with_code)
		(void)snprintf(r.text + len, sizeof(r.text) - len, ": %s", strerrordesc_np(-code));
	(void)report_send(sock, &r, -1); /* ignoring: nobody is left to be told */
}

int report_fail(int sock, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_text(sock, REPORT_FAILED, code, true, fmt, ap);
	va_end(ap);
	return code;
}

int report_fail_text(int sock, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_text(sock, REPORT_FAILED, code, false, fmt, ap);
	va_end(ap);
	return code;
}

void report_warn(int sock, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_text(sock, REPORT_WARNING, code, true, fmt, ap);
	va_end(ap);
}

int report_receive(int sock, struct report *ret_report, int *ret_fd)
{
	struct report r = { 0 };
	struct iovec iov = { .iov_base = &r, .iov_len = sizeof(r) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	_cleanup_close_ int fd = -1;
	ssize_t n;

	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(c), sizeof(int));
	if (n != (ssize_t)sizeof(r))
		return -EBADMSG;
	r.text[sizeof(r.text) - 1] = '\0';
	*ret_report = r;
	*ret_fd = steal_fd(&fd);
	return 1;
}
