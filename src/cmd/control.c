/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/control.h"

#include <bsd/sys/queue.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "fs/access.h"

/* Of those who are not root, so that they leave him room, and one another. */
enum { OTHERS_MAX = 192, ONE_UID_MAX = 64 };

enum { CONNECTIONS_MAX = 256, GROUPS_MAX_KEPT = 256, TEXT_MAX_BYTES = 1024, EVENTS_MAX = 16 };

/* Somebody who asks. Its request is the agent's until the last answer; then the control thread closes it. */
struct connection {
	TAILQ_ENTRY(connection) link;
	struct control *control;
	int fd;
	uid_t uid;
	uint64_t id;	      /* of the request; 0: there was none yet */
	bool hung_up;
	_Atomic bool answered; /* for good: the agent has forgotten it */
};

struct control {
	struct fs *fs;
	struct agent *agent;
	char *path;
	int listener, epoll, wake, spare;
	pthread_t thread;
	_Atomic bool stopping;
	uint64_t last_id;
	size_t n;
	TAILQ_HEAD(, connection) connections; /* the control thread's; after control_stop() the caller's */
};

char *control_path(const char *run_dir, const char *mountpoint)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a: the path of a socket is short, that of a mount point need not be */
	char *path;

	for (const char *p = mountpoint; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3;
	return asprintf(&path, "%s/control/%016llx", run_dir, (unsigned long long)hash) < 0 ? NULL : path;
}

/* --- answers --- */

static void answer(struct connection *n, enum control_answer_type type, int code, const char *text, int fd)
{
	struct control_answer a = { .type = type, .code = code };
	struct iovec iov[] = { { &a, sizeof(a) }, { (void *)(uintptr_t)text, text ? strnlen(text, TEXT_MAX_BYTES) + 1 : 0 } };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.space);
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	if (sendmsg(n->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		/* ignoring: who asked has gone */
	}
}

/* The agent's thread. */
static void on_reply(void *arg, const struct agent_exec_reply *r)
{
	struct connection *n = arg;
	int wake = n->control->wake; /* n is the control's again once it is answered */
	uint64_t one = 1;

	if (r->type == AGENT_EXEC_STARTED) {
		answer(n, CONTROL_STARTED, 0, NULL, r->fd);
		return;
	}
	answer(n, r->type == AGENT_EXEC_EXITED ? CONTROL_EXITED : CONTROL_FAILED, r->code, r->text, -1);
	atomic_store(&n->answered, true);
	if (write(wake, &one, sizeof(one)) < 0) {
		/* ignoring: it is full, so the thread is to wake anyhow */
	}
}

static void close_connection(struct control *c, struct connection *n)
{
	TAILQ_REMOVE(&c->connections, n, link);
	c->n--;
	(void)close(n->fd);
	free(n);
}

static void refuse(struct control *c, struct connection *n, int code, const char *text)
{
	answer(n, CONTROL_FAILED, code, text, -1);
	close_connection(c, n);
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

struct request {
	char *message; /* owned */
	const char **args; /* owned; point into message */
	int fds[3];
	struct agent_exec exec;
};

static void request_clear(struct request *r)
{
	for (size_t i = 0; i < 3; i++)
		close_fdp(&r->fds[i]);
	free(r->args);
	free(r->message);
}

/* Takes the descriptors of a message; the surplus is closed. */
static void take_fds(struct msghdr *m, struct request *r)
{
	size_t at = 0;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n = h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS ?
				   (h->cmsg_len - CMSG_LEN(0)) / sizeof(int) :
				   0;

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (at < 3)
				r->fds[at++] = fd;
			else
				(void)close(fd);
		}
	}
}

static const char *next_string(const char **at, const char *end)
{
	const char *s = *at, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	if (nul)
		*at = nul + 1;
	return nul ? s : NULL;
}

static int parse(struct request *r, size_t size)
{
	const char *at = r->message + sizeof(struct control_exec), *end = r->message + size;
	struct control_exec h;
	bool runs;

	if (size < sizeof(h))
		return -EBADMSG;
	memcpy(&h, r->message, sizeof(h));
	runs = h.what == CONTROL_RUN || h.what == CONTROL_COPY;
	if (h.magic != CONTROL_MAGIC || h.what > CONTROL_COPY || (h.n_args > 0) != runs || h.n_args > CONTROL_ARGS_MAX ||
	    (h.what != CONTROL_RUN && h.tty))
		return -EBADMSG;
	r->args = calloc(h.n_args + 1, sizeof(*r->args));
	if (!r->args)
		return -ENOMEM;
	r->exec.tty = h.tty;
	r->exec.namespace = next_string(&at, end);
	r->exec.pod = next_string(&at, end);
	r->exec.container = next_string(&at, end);
	for (uint32_t i = 0; i < h.n_args; i++)
		r->args[i] = next_string(&at, end);
	r->exec.copy = h.what == CONTROL_COPY;
	r->exec.input = h.what == CONTROL_ATTACH_INPUT;
	if (!r->exec.container || (h.n_args && !r->args[h.n_args - 1]))
		return -EBADMSG;
	for (size_t i = 0; i < 3; i++)
		if (!h.tty && r->fds[i] < 0)
			return -EBADMSG;
	r->exec.args = r->args;
	r->exec.n_args = h.n_args;
	memcpy(r->exec.stdio, r->fds, sizeof(r->fds));
	return 0;
}

static int receive(int fd, struct request *r)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { r->message, CONTROL_MESSAGE_MAX };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
	take_fds(&m, r);
	if (n == 0)
		return -EPIPE;
	return m.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -E2BIG : parse(r, (size_t)n);
}

static void take_request(struct control *c, struct connection *n)
{
	struct request r = { .message = malloc(CONTROL_MESSAGE_MAX), .fds = { -1, -1, -1 } };
	_cleanup_fs_access_ struct fs_access *who = NULL;
	int e = r.message ? receive(n->fd, &r) : -ENOMEM;

	if (e == 0) {
		who = peer(n->fd);
		e = !who ? -ENOMEM :
		    fs_access_may_write(c->fs, who, schema_kind_by_plural("pods"), r.exec.namespace, NULL) ? 0 : -EPERM;
	}
	if (e == 0) {
		n->id = r.exec.id = ++c->last_id;
		e = agent_exec(c->agent, &r.exec, on_reply, n);
		if (e < 0)
			n->id = 0;
	}
	request_clear(&r);
	if (e < 0 && e != -EAGAIN)
		refuse(c, n, e, e == -EPERM ? "write permission on the pods of its namespace is needed" : "");
}

/* Input of somebody who has asked can only be the end of it. */
static void on_connection(struct control *c, struct connection *n)
{
	char rest[16];

	if (!n->id) {
		take_request(c, n);
		return;
	}
	if (n->hung_up || recv(n->fd, rest, sizeof(rest), MSG_DONTWAIT) != 0)
		return;
	n->hung_up = true;
	(void)epoll_ctl(c->epoll, EPOLL_CTL_DEL, n->fd, NULL); /* cannot fail: it is in there */
	if (!atomic_load(&n->answered))
		agent_exec_hang_up(c->agent, n->id);
}

/* Whether one more of that user may be served. */
static bool has_room(const struct control *c, uid_t uid)
{
	size_t same = 0, others = 0;
	const struct connection *n;

	TAILQ_FOREACH(n, &c->connections, link) {
		same += n->uid == uid;
		others += n->uid != 0;
	}
	return c->n < CONNECTIONS_MAX && (uid == 0 || (same < ONE_UID_MAX && others < OTHERS_MAX));
}

/* Who asks. Without a descriptor for them, the one that is kept for this lets them be turned away: else they would wait
 * in the queue and wake this thread for ever. */
static int accept_one(struct control *c)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || c->spare < 0)
		return fd;
	close_fdp(&c->spare);
	fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	c->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return -1;
}

static void on_listener(struct control *c)
{
	struct connection *n = calloc(1, sizeof(*n));
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = n };
	int fd = accept_one(c);
	socklen_t size = sizeof(struct ucred);
	struct ucred cred;

	if (!n || fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0 || !has_room(c, cred.uid) ||
	    epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		if (fd >= 0)
			(void)close(fd);
		free(n);
		return;
	}
	n->fd = fd;
	n->uid = cred.uid;
	n->control = c;
	TAILQ_INSERT_TAIL(&c->connections, n, link);
	c->n++;
}

/* Closes those that the agent has done with. */
static void sweep(struct control *c)
{
	struct connection *n, *next;
	uint64_t count;

	if (read(c->wake, &count, sizeof(count)) < 0)
		return;
	for (n = TAILQ_FIRST(&c->connections); n; n = next) {
		next = TAILQ_NEXT(n, link);
		if (atomic_load(&n->answered))
			close_connection(c, n);
	}
}

static void *run(void *arg)
{
	struct control *c = arg;
	struct epoll_event events[EVENTS_MAX];

	while (!atomic_load(&c->stopping)) {
		int n = epoll_wait(c->epoll, events, EVENTS_MAX, -1);
		bool woken = false;

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &c->wake)
				woken = true;
			else if (events[i].data.ptr == &c->listener)
				on_listener(c);
			else
				on_connection(c, events[i].data.ptr);
		}
		if (woken) /* last: an event may be of a connection that it closes */
			sweep(c);
	}
	return NULL;
}

/* --- life --- */

static int watch(struct control *c, int *fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = fd };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, *fd, &e) < 0 ? -errno : 0;
}

static int listen_at(struct control *c, const char *run_dir, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_free_ char *dir = NULL;

	if (!c->path || asprintf(&dir, "%s/control", run_dir) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	if (strlen(c->path) >= sizeof(a.sun_path))
		return error_set(err, -ENAMETOOLONG, "%s", c->path);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "%s", dir);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", c->path);
	(void)unlink(c->path); /* ignoring: bind() says what is wrong */
	c->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->listener < 0 || bind(c->listener, (struct sockaddr *)&a, sizeof(a)) < 0 || chmod(c->path, 0666) < 0 ||
	    listen(c->listener, SOMAXCONN) < 0)
		return error_errno(err, -errno, "%s", c->path);
	return 0;
}

static int open_fds(struct control *c, const char *run_dir, struct error *err)
{
	int r = listen_at(c, run_dir, err);

	if (r < 0)
		return r;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = c->epoll < 0 || c->wake < 0 ? -errno : watch(c, &c->wake);
	if (r == 0)
		r = watch(c, &c->listener);
	return r < 0 ? error_errno(err, r, "%s", c->path) : 0;
}

int control_start(struct fs *fs, struct agent *agent, const char *run_dir, const char *mountpoint, struct control **ret,
		  struct error *err)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	*c = (struct control){ .fs = fs, .agent = agent, .path = control_path(run_dir, mountpoint), .listener = -1,
			       .epoll = -1, .wake = -1, .spare = open("/dev/null", O_RDONLY | O_CLOEXEC) };
	TAILQ_INIT(&c->connections);
	r = open_fds(c, run_dir, err);
	if (r == 0) {
		r = -pthread_create(&c->thread, NULL, run, c);
		if (r < 0)
			error_errno(err, r, "thread");
	}
	if (r < 0) {
		control_free(c);
		return r;
	}
	(void)pthread_setname_np(c->thread, "control"); /* ignoring: only for people */
	*ret = c;
	return 0;
}

void control_stop(struct control *c, bool keep)
{
	uint64_t one = 1;

	if (!c)
		return;
	atomic_store(&c->stopping, true);
	if (write(c->wake, &one, sizeof(one)) < 0)
		log_warning("control thread: %s", strerrordesc_np(errno));
	pthread_join(c->thread, NULL);
	if (!keep)
		(void)unlink(c->path); /* ignoring: the directory goes with the rest */
	close_fdp(&c->listener);
}

void control_free(struct control *c)
{
	struct connection *n;

	if (!c)
		return;
	while ((n = TAILQ_FIRST(&c->connections)))
		close_connection(c, n);
	close_fdp(&c->listener);
	close_fdp(&c->epoll);
	close_fdp(&c->wake);
	close_fdp(&c->spare);
	free(c->path);
	free(c);
}
