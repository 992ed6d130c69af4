/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/asker.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/control.h"
#include "fs/access.h"

enum {
	GROUPS_MAX_KEPT = 256,
	REQUEST_MS = 30 * 1000, /* in which who has connected is to ask */
	OUTPUT_BYTES = 256 * 1024, /* of a container's output that wait for who is attached, before some is left out */
};

/* What carries a program's streams. */
struct streams {
	int given[CONTROL_FDS_MAX]; /* to who asks */
	int kept[CONTROL_FDS_MAX];  /* their other ends: podfs-pod's */
	size_t n;
};

struct request {
	char *message;	   /* owned */
	const char **args; /* owned; point into message */
	struct agent_exec exec;
};

static void request_clear(struct request *r)
{
	free(r->args);
	free(r->message);
}

/* --- answers --- */

static void answer(int sock, enum control_answer_type type, int code, const char *text, const int *fds, size_t n)
{
	struct control_answer a = { .type = type, .code = code };
	struct iovec iov[] = { { &a, sizeof(a) }, { (void *)(uintptr_t)text, text ? strnlen(text, ASKER_TEXT_SIZE) + 1 : 0 } };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	if (n > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), fds, n * sizeof(int));
	}
	if (sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		/* ignoring: who asked has gone */
	}
}

void asker_refuse(int fd, int code, const char *text)
{
	answer(fd, CONTROL_FAILED, code, text, NULL, 0);
}

/* The agent's thread. Whatever might wait for who asks is left to the thread that serves it. */
static void on_reply(void *arg, const struct agent_exec_reply *r)
{
	struct asker *a = arg;
	struct asker_host *host = a->host; /* a may be gone once it is unlocked */
	uint64_t one = 1;

	(void)pthread_mutex_lock(&host->lock);
	if (r->type == AGENT_EXEC_STARTED) {
		a->started = true;
		a->master = r->fd;
	} else {
		a->final = true;
		a->type = r->type == AGENT_EXEC_EXITED ? CONTROL_EXITED : CONTROL_FAILED;
		a->code = r->code;
		(void)snprintf(a->text, sizeof(a->text), "%s", r->text ? r->text : "");
	}
	if (write(a->wake, &one, sizeof(one)) < 0) {
		/* ignoring: it is full, so the thread is to wake anyhow */
	}
	(void)pthread_mutex_unlock(&host->lock);
}

/* --- requests --- */

/* Who is at the other end. NULL when that cannot be told. */
static struct fs_access *peer(int fd)
{
	struct ucred cred;
	gid_t groups[GROUPS_MAX_KEPT];
	socklen_t size = sizeof(cred), n = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) < 0)
		n = 0; /* more than are kept: none, rather than some */
	return fs_access_new(cred.uid, cred.gid, groups, n / sizeof(gid_t));
}

static const char *next_string(const char **at, const char *end)
{
	const char *s = *at, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	if (nul)
		*at = nul + 1;
	return nul ? s : NULL;
}

static bool is_sound(const struct control_exec *h)
{
	const uint32_t known = h->what == CONTROL_RUN ? CONTROL_TTY | CONTROL_INPUT : CONTROL_INPUT;

	return h->magic == CONTROL_MAGIC && h->what <= CONTROL_COPY && !(h->flags & ~known) &&
	       (h->n_args == 0) == (h->what == CONTROL_ATTACH) && h->n_args <= CONTROL_ARGS_MAX;
}

static int parse(struct request *r, size_t size)
{
	const char *at = r->message + sizeof(struct control_exec), *end = r->message + size;
	struct control_exec h;

	if (size < sizeof(h))
		return -EBADMSG;
	memcpy(&h, r->message, sizeof(h));
	if (!is_sound(&h))
		return -EBADMSG;
	r->args = calloc(h.n_args + 1, sizeof(*r->args));
	if (!r->args)
		return -ENOMEM;
	r->exec.tty = h.flags & CONTROL_TTY;
	r->exec.copy = h.what == CONTROL_COPY;
	r->exec.input = h.flags & CONTROL_INPUT;
	r->exec.namespace = next_string(&at, end);
	r->exec.pod = next_string(&at, end);
	r->exec.container = next_string(&at, end);
	for (uint32_t i = 0; i < h.n_args; i++)
		r->args[i] = next_string(&at, end);
	if (!r->exec.container || (h.n_args && !r->args[h.n_args - 1]))
		return -EBADMSG;
	r->exec.args = r->args;
	r->exec.n_args = h.n_args;
	return 0;
}

/* -EPIPE: nobody asked. Descriptors that come with it are closed by the kernel, unseen. */
static int receive(struct asker *a, struct request *r)
{
	struct iovec iov = { .iov_len = CONTROL_MESSAGE_MAX };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct pollfd p[] = { { .fd = a->fd, .events = POLLIN }, { .fd = a->wake, .events = POLLIN } };
	ssize_t n;

	if (poll(p, 2, REQUEST_MS) <= 0 || !p[0].revents)
		return -EPIPE;
	iov.iov_base = r->message = malloc(CONTROL_MESSAGE_MAX);
	if (!r->message)
		return -ENOMEM;
	n = recvmsg(a->fd, &m, MSG_DONTWAIT);
	(void)shutdown(a->fd, SHUT_RD); /* ignoring: nothing more is read */
	if (n < 0)
		return -EPIPE;
	if (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -E2BIG;
	return n == 0 ? -EPIPE : parse(r, (size_t)n);
}

static int may(struct asker *a, const struct request *r)
{
	_cleanup_fs_access_ struct fs_access *who = peer(a->fd);

	return !who ? -ENOMEM :
	       fs_access_may_write(a->host->fs, who, schema_kind_by_plural("pods"), r->exec.namespace, NULL) ? 0 : -EPERM;
}

static int begin(struct asker *a, struct request *r)
{
	int e;

	(void)pthread_mutex_lock(&a->host->gate);
	e = a->host->stopping ? -ESHUTDOWN : may(a, r);
	if (e == 0) {
		r->exec.id = ++a->host->last_id;
		e = agent_exec(a->host->agent, &r->exec, on_reply, a);
	}
	(void)pthread_mutex_unlock(&a->host->gate);
	return e;
}

static void hang_up(struct asker *a, uint64_t id)
{
	(void)pthread_mutex_lock(&a->host->gate);
	if (!a->host->stopping)
		agent_exec_hang_up(a->host->agent, id);
	(void)pthread_mutex_unlock(&a->host->gate);
}

/* --- streams --- */

static void close_all(int *fds)
{
	for (size_t i = 0; i < CONTROL_FDS_MAX; i++)
		close_fdp(&fds[i]);
}

static int add_pair(struct streams *s, int type)
{
	int ends[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	control_refuse_rights(ends[1]);
	s->given[s->n] = ends[0];
	s->kept[s->n++] = ends[1];
	return 0;
}

/*
 * A socket from podfs-pod, which never waits for it: a pipe's lock may be held by who reads from it into memory that is not
 * there. Nothing can be sent the other way, so that nothing lies in it when podfs-pod closes it.
 */
static int add_output(struct streams *s)
{
	const int size = OUTPUT_BYTES;
	int r = add_pair(s, SOCK_STREAM), kept = r < 0 ? -1 : s->kept[s->n - 1];

	if (r < 0)
		return r;
	(void)setsockopt(kept, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)); /* ignoring: a smaller one does */
	return shutdown(kept, SHUT_RD) < 0 ? -errno : 0;
}

/* Sockets to the process of podfs-pod that takes input; it alone is held up by what comes through them. */
static int add_input(struct streams *s, bool sizes)
{
	int r = add_pair(s, SOCK_STREAM);

	return r < 0 || !sizes ? r : add_pair(s, SOCK_SEQPACKET);
}

static int open_streams(struct streams *s, struct agent_exec *e)
{
	int r = 0;

	if (e->tty)
		return 0;
	for (int i = 0; i < 2 && r == 0; i++)
		r = add_output(s);
	if (r == 0 && e->input)
		r = add_input(s, e->n_args == 0);
	e->stdio[0] = s->kept[2];
	e->stdio[1] = s->kept[0];
	e->stdio[2] = s->kept[1];
	e->sizes = s->kept[3];
	return r;
}

/* --- the thread --- */

/* Takes what the agent has said by now. True if it is the last. */
static bool take_answer(struct asker *a, struct streams *s)
{
	bool started, final;
	uint64_t count;

	(void)!read(a->wake, &count, sizeof(count)); /* ignoring: only to make it quiet */
	(void)pthread_mutex_lock(&a->host->lock);
	started = a->started;
	a->started = false;
	final = a->final || a->host->ended;
	(void)pthread_mutex_unlock(&a->host->lock);
	if (started) {
		close_all(s->kept); /* so that who reads sees the end of it */
		if (a->master >= 0 && s->n < CONTROL_FDS_MAX)
			s->given[s->n++] = steal_fd(&a->master);
		answer(a->fd, CONTROL_STARTED, 0, NULL, s->given, s->n);
		close_all(s->given);
	}
	return final;
}

static void converse(struct asker *a, struct streams *s, uint64_t id)
{
	struct pollfd p[] = { { .fd = a->fd }, { .fd = a->wake, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents && take_answer(a, s))
			break;
		if (p[0].revents & (POLLHUP | POLLERR)) {
			p[0].fd = -1;
			hang_up(a, id);
		}
	}
	if (a->final)
		answer(a->fd, (enum control_answer_type)a->type, a->code, a->type == CONTROL_FAILED ? a->text : NULL, NULL, 0);
}

void asker_serve(struct asker *a)
{
	struct streams s = { .given = { -1, -1, -1, -1 }, .kept = { -1, -1, -1, -1 } };
	struct request r = { .exec = { .stdio = { -1, -1, -1 }, .sizes = -1 } };
	int e = receive(a, &r);

	if (e == 0)
		e = open_streams(&s, &r.exec);
	if (e == 0)
		e = begin(a, &r);
	request_clear(&r);
	if (e == 0)
		converse(a, &s, r.exec.id);
	else if (e != -EPIPE)
		asker_refuse(a->fd, e, e == -EPERM   ? "write permission on the pods of its namespace is needed" :
				       e == -EBADMSG ? "this is another version of podfs than the daemon's" :
						       "");
	close_all(s.given);
	close_all(s.kept);
	close_fdp(&a->master);
}
