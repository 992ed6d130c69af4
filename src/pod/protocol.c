/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* Bytes that a message of each type had in version 1, and where it holds strings. */
static const struct shape {
	size_t size;
	struct {
		size_t at, size;
	} strings[3];
} setup_shape = { offsetof(struct pod_setup, first_id), { { offsetof(struct pod_setup, dir), POD_PATH_SIZE } } },
  start_shape = { offsetof(struct pod_start, log_max_size),
		  { { offsetof(struct pod_start, name), POD_NAME_SIZE },
		    { offsetof(struct pod_start, log), POD_PATH_SIZE },
		    { offsetof(struct pod_start, target), POD_NAME_SIZE } } },
  stop_shape = { sizeof(struct pod_stop), { { offsetof(struct pod_stop, name), POD_NAME_SIZE } } },
  name_shape = { sizeof(struct pod_name), { { offsetof(struct pod_name, name), POD_NAME_SIZE } } },
  ready_shape = { sizeof(struct pod_ready), { { 0, 0 } } },
  event_shape = { sizeof(struct pod_event),
		  { { offsetof(struct pod_event, name), POD_NAME_SIZE },
		    { offsetof(struct pod_event, text), POD_TEXT_SIZE } } },
  plain_shape = { sizeof(struct pod_header), { { 0, 0 } } };

_Static_assert(sizeof(struct pod_setup) <= POD_MESSAGE_MAX && sizeof(struct pod_start) <= POD_MESSAGE_MAX, "size");
_Static_assert(POD_FDS_MAX > 1 + POD_CGROUPS_MAX, "room for mount sources");

static const struct shape *shape_of(unsigned type)
{
	switch (type) {
	case POD_SETUP:
		return &setup_shape;
	case POD_START:
	case POD_EXEC:
		return &start_shape;
	case POD_STOP:
		return &stop_shape;
	case POD_ACK:
	case POD_REOPEN_LOG:
	case POD_ATTACH:
		return &name_shape;
	case POD_READY:
	case POD_NETNS:
		return &ready_shape;
	case POD_STARTED ... POD_ERROR:
		return &event_shape;
	default:
		return &plain_shape;
	}
}

int pod_message_check(struct pod_message *m, size_t size)
{
	const struct shape *s;

	if (size < sizeof(m->header) || size > sizeof(m->bytes) || m->header.size != size)
		return -EBADMSG;
	if (m->header.version != POD_PROTOCOL_VERSION)
		return -EPROTONOSUPPORT;
	s = shape_of(m->header.type);
	if (size < s->size)
		return -EBADMSG;
	memset(m->bytes + size, 0, sizeof(m->bytes) - size);
	for (size_t i = 0; i < ARRAY_SIZE(s->strings); i++)
		if (s->strings[i].size > 0)
			m->bytes[s->strings[i].at + s->strings[i].size - 1] = '\0';
	return 0;
}

void pod_message_clear(struct pod_message *m)
{
	for (size_t i = 0; i < m->n_fds; i++)
		close_fdp(&m->fds[i]);
	m->n_fds = 0;
}

int pod_message_send(int sock, void *message, size_t size, const int *fds, size_t n_fds)
{
	struct pod_header *h = message;
	struct iovec iov = { .iov_base = message, .iov_len = size };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * POD_FDS_MAX)];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (n_fds > POD_FDS_MAX || size > POD_MESSAGE_MAX)
		return -E2BIG;
	h->version = POD_PROTOCOL_VERSION;
	h->size = (uint32_t)size;
	if (n_fds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, CMSG_SPACE(sizeof(int) * n_fds));
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

int pod_message_receive(int sock, struct pod_message *ret_message)
{
	struct pod_message *m = ret_message;
	struct iovec iov = { .iov_base = m->bytes, .iov_len = sizeof(m->bytes) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * POD_FDS_MAX)];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;
	int r;

	m->n_fds = 0;
	memset(&m->header, 0, sizeof(m->header));
	/* ECONNRESET, told once: the other end hung up with our messages unread. Its own last ones are still here. */
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t len;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		len = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (len > POD_FDS_MAX - m->n_fds)
			len = POD_FDS_MAX - m->n_fds;
		memcpy(m->fds + m->n_fds, CMSG_DATA(c), len * sizeof(int));
		m->n_fds += len;
	}
	r = msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EBADMSG : pod_message_check(m, (size_t)n);
	if (r < 0) {
		pod_message_clear(m);
		return r;
	}
	return 1;
}
