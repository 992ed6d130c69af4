/* SPDX-License-Identifier: Apache-2.0 */
#include "net/rtnl.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

/* Large enough for any answer of the kernel's: dumps are cut to the buffer that recvmsg offers, from 8 KiB on. */
#define RECEIVE_SIZE 16384

/* The table may change while it is dumped; more often than this means something else is wrong. */
#define DUMP_TRIES 10

int rtnl_open(struct rtnl *ret_rtnl)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int on = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	/* Ignoring both: without them the answers only say less, or repeat the request. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	ret_rtnl->fd = steal_fd(&fd);
	ret_rtnl->seq = 0;
	return 0;
}

struct open_in {
	int netns_fd;
	int code;
	struct rtnl rtnl;
};

static void *open_in_thread(void *arg)
{
	struct open_in *o = arg;

	o->code = setns(o->netns_fd, CLONE_NEWNET) < 0 ? -errno : rtnl_open(&o->rtnl);
	return NULL;
}

int rtnl_open_in(int netns_fd, struct rtnl *ret_rtnl)
{
	struct open_in o = { .netns_fd = netns_fd, .rtnl = RTNL_INIT };
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	(void)pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN + 65536); /* ignoring: the default is larger */
	r = pthread_create(&thread, &attr, open_in_thread, &o);
	(void)pthread_attr_destroy(&attr);
	if (r)
		return -r;
	r = pthread_join(thread, NULL);
	if (r)
		return -r;
	if (o.code < 0)
		return o.code;
	*ret_rtnl = o.rtnl;
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	close_fdp(&rtnl->fd);
}

void rtnl_batch_init(struct rtnl_batch *b)
{
	b->n = 0;
	b->len = 0;
}

/* The last message's attributes are appended after rtnl_batch_add() returned, so its length is settled late. */
static void settle(struct rtnl_batch *b)
{
	if (b->n)
		b->len = (size_t)((char *)b->msg[b->n - 1] - b->buf) + NLMSG_ALIGN(b->msg[b->n - 1]->nlmsg_len);
}

struct nlmsghdr *rtnl_batch_add(struct rtnl_batch *b, uint16_t type, uint16_t flags, size_t size, void *ret_header)
{
	struct nlmsghdr *msg;

	settle(b);
	msg = mnl_nlmsg_put_header(b->buf + b->len);
	msg->nlmsg_type = type;
	msg->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	*(void **)ret_header = mnl_nlmsg_put_extra_header(msg, size);
	b->msg[b->n++] = msg;
	return msg;
}

static int send_all(struct rtnl *rtnl, const void *data, size_t len)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(rtnl->fd, data, len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EMSGSIZE;
}

/* One datagram from the kernel. Whatever else sends to this socket is ignored. */
static int receive(struct rtnl *rtnl, char *buf, size_t size, size_t *ret_len)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(rtnl->fd, buf, size, MSG_TRUNC, (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (from_len != sizeof(from) || from.nl_pid != 0)
			continue;
		if ((size_t)n > size)
			return -EMSGSIZE;
		*ret_len = (size_t)n;
		return 0;
	}
}

static int find_text(const struct nlattr *attr, void *data)
{
	const char **text = data;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		*text = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static void read_result(const struct nlmsghdr *msg, struct rtnl_result *result)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(msg);
	size_t skip = sizeof(*e);
	const char *text = "";

	if (mnl_nlmsg_get_payload_len(msg) < sizeof(*e)) {
		result->code = -EBADMSG;
		return;
	}
	result->code = e->error;
	if (msg->nlmsg_flags & NLM_F_ACK_TLVS) {
		if (!(msg->nlmsg_flags & NLM_F_CAPPED))
			skip += e->msg.nlmsg_len - sizeof(e->msg);
		if (mnl_nlmsg_get_payload_len(msg) >= skip)
			(void)mnl_attr_parse(msg, (unsigned)skip, find_text, &text);
	}
	(void)snprintf(result->text, sizeof(result->text), "%s", text);
}

int rtnl_run(struct rtnl *rtnl, struct rtnl_batch *b, struct rtnl_result results[static RTNL_BATCH_MAX], rtnl_fn *fn,
	     void *data)
{
	uint32_t first = rtnl->seq + 1;
	size_t open = b->n;
	int r;

	settle(b);
	memset(results, 0, RTNL_BATCH_MAX * sizeof(*results));
	for (size_t i = 0; i < b->n; i++) {
		b->msg[i]->nlmsg_flags |= NLM_F_ACK;
		b->msg[i]->nlmsg_seq = ++rtnl->seq;
	}
	r = send_all(rtnl, b->buf, b->len);
	while (r == 0 && open) {
		_Alignas(NLMSG_ALIGNTO) char buf[RECEIVE_SIZE];
		const struct nlmsghdr *msg = (const struct nlmsghdr *)(const void *)buf;
		size_t got;
		int len;

		r = receive(rtnl, buf, sizeof(buf), &got);
		if (r < 0)
			break;
		for (len = (int)got; mnl_nlmsg_ok(msg, len); msg = mnl_nlmsg_next(msg, &len)) {
			size_t i = msg->nlmsg_seq - first;

			if (i >= b->n)
				continue;
			if (msg->nlmsg_type == NLMSG_ERROR) {
				read_result(msg, &results[i]);
				open--;
			} else if (fn) {
				(void)fn(data, i, msg); /* ignoring: only a dump can be ended */
			}
		}
	}
	return r;
}

int rtnl_error(const struct rtnl_result *result, struct error *err)
{
	if (result->text[0])
		return error_set(err, result->code, "%s (%s)", strerrordesc_np(-result->code), result->text);
	return error_set(err, result->code, "%s", strerrordesc_np(-result->code));
}

int rtnl_run_all(struct rtnl *rtnl, struct rtnl_batch *b, rtnl_fn *fn, void *data, struct error *err)
{
	struct rtnl_result results[RTNL_BATCH_MAX];
	int r = rtnl_run(rtnl, b, results, fn, data);

	if (r < 0)
		return error_errno(err, r, "netlink");
	for (size_t i = 0; i < b->n; i++)
		if (results[i].code < 0)
			return rtnl_error(&results[i], err);
	return 0;
}

/* One pass over a dump. -EAGAIN when the table changed meanwhile. */
static int dump_once(struct rtnl *rtnl, uint32_t seq, rtnl_fn *fn, void *data)
{
	bool changed = false, done = false;

	while (!done) {
		_Alignas(NLMSG_ALIGNTO) char buf[RECEIVE_SIZE];
		const struct nlmsghdr *msg = (const struct nlmsghdr *)(const void *)buf;
		size_t got;
		int r = receive(rtnl, buf, sizeof(buf), &got), len;

		if (r < 0)
			return r;
		for (len = (int)got; mnl_nlmsg_ok(msg, len) && !done; msg = mnl_nlmsg_next(msg, &len)) {
			if (msg->nlmsg_seq != seq)
				continue;
			changed |= (msg->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (msg->nlmsg_type == NLMSG_ERROR) {
				struct rtnl_result result = { 0, "" };

				read_result(msg, &result);
				return result.code < 0 ? result.code : -EBADMSG;
			}
			done = msg->nlmsg_type == NLMSG_DONE;
			r = done ? 0 : fn(data, 0, msg);
			if (r < 0)
				return r; /* the rest of the dump is skipped by its sequence number */
		}
	}
	return changed ? -EAGAIN : 0;
}

int rtnl_dump(struct rtnl *rtnl, uint16_t type, uint8_t family, rtnl_fn *fn, void (*again)(void *data), void *data)
{
	int r = -EAGAIN;

	for (int i = 0; i < DUMP_TRIES && r == -EAGAIN; i++) {
		struct {
			struct nlmsghdr msg;
			struct ifinfomsg header; /* the largest of the family headers; all begin with the family */
		} request = { .msg = { .nlmsg_len = sizeof(request),
				       .nlmsg_type = type,
				       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
				       .nlmsg_seq = ++rtnl->seq },
			      .header = { .ifi_family = family } };

		if (i && again)
			again(data);
		r = send_all(rtnl, &request, sizeof(request));
		if (r == 0)
			r = dump_once(rtnl, request.msg.nlmsg_seq, fn, data);
	}
	return r;
}
