/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/control.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "cmd/asker.h"

/* Of those who are not root, so that they leave him room, and one another. */
enum { OTHERS_MAX = 192, ONE_UID_MAX = 64 };

enum {
	CONNECTIONS_MAX = 256,
	CLOSING_MAX = 64,	 /* connections that were refused */
	STACK_SIZE = 512 * 1024, /* of which few pages are touched */
	END_SECONDS = 2,	 /* for those that are not held up */
	PAUSE_MS = 1000,	 /* when descriptors, threads or memory are out, before the next is accepted */
};

struct control {
	struct asker_host host;
	char *path;
	int listener, wake; /* wake: it is to stop, or there is room again */
	pthread_t thread;
	struct asker *held;	 /* the thread's: accepted, and there was no thread for it. Counts as closing. */
	bool stopping;		 /* by host.lock, as these are */
	size_t n, n_closing;
	TAILQ_HEAD(, asker) askers;
	pthread_cond_t fewer;
};

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* include/uapi/asm-generic/socket.h, since Linux 6.16 */
#endif

void control_refuse_rights(int sock)
{
	const int off = 0;

	(void)setsockopt(sock, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off)); /* ignoring: they are not looked at */
}

char *control_path(const char *run_dir, const char *mountpoint)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a: the path of a socket is short, that of a mount point need not be */
	char *path;

	for (const char *p = mountpoint; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3;
	return asprintf(&path, "%s/control/%016llx", run_dir, (unsigned long long)hash) < 0 ? NULL : path;
}

/* --- those who ask --- */

/* Whether one more of that user may be served. */
static bool has_room(const struct control *c, uid_t uid)
{
	size_t same = 0, others = 0;
	const struct asker *a;

	TAILQ_FOREACH(a, &c->askers, link) {
		same += a->uid == uid;
		others += a->uid != 0;
	}
	return c->n < CONNECTIONS_MAX && (uid == 0 || (same < ONE_UID_MAX && others < OTHERS_MAX));
}

static void asker_free(struct asker *a)
{
	close_fdp(&a->fd);
	close_fdp(&a->wake);
	free(a);
}

static void remove_asker(struct control *c, struct asker *a)
{
	TAILQ_REMOVE(&c->askers, a, link);
	c->n--;
}

static void wake_up(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0) {
		/* ignoring: it is full, so it is to wake anyhow */
	}
}

/* Its thread. It counts until nothing of it is left to wait for. */
static void *serve(void *arg)
{
	struct asker *a = arg;
	struct control *c = a->owner;

	if (!a->refused)
		asker_serve(a);
	close_fdp(&a->fd); /* what was sent to it unasked is closed with it */
	(void)pthread_mutex_lock(&c->host.lock);
	if (!a->refused)
		remove_asker(c, a);
	else if (c->n_closing-- >= CLOSING_MAX)
		wake_up(c->wake);
	asker_free(a);
	(void)pthread_cond_signal(&c->fewer);
	(void)pthread_mutex_unlock(&c->host.lock);
	return NULL;
}

static int start_thread(struct asker *a)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = -pthread_attr_init(&attr);

	if (r < 0)
		return r;
	r = -pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (r == 0)
		r = -pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (r == 0)
		r = -pthread_create(&thread, &attr, serve, a);
	if (r == 0)
		(void)pthread_setname_np(thread, "asker"); /* ignoring: only for people */
	(void)pthread_attr_destroy(&attr);
	return r;
}

/*
 * Begins to serve one who has connected, or to turn it away. What was sent to it unasked is closed with it, which may
 * wait for ever: its thread does that, and this one never.
 */
static int admit(struct control *c, struct asker *a)
{
	socklen_t size = sizeof(struct ucred);
	struct ucred cred;
	bool known = getsockopt(a->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0;
	int r;

	(void)pthread_mutex_lock(&c->host.lock);
	a->refused = !known || !has_room(c, cred.uid);
	if (a->refused) {
		asker_refuse(a->fd, -EBUSY, "too many are asking");
		c->n_closing++;
	} else {
		a->uid = cred.uid;
		TAILQ_INSERT_TAIL(&c->askers, a, link);
		c->n++;
	}
	r = start_thread(a);
	if (r < 0 && !a->refused) {
		remove_asker(c, a);
		asker_refuse(a->fd, r, "");
		a->refused = true;
		c->n_closing++;
	}
	(void)pthread_mutex_unlock(&c->host.lock);
	return r;
}

/* False when what is needed for it is out. All of that is got before it is accepted, but for its thread. */
static bool on_listener(struct control *c)
{
	struct asker *a = malloc(sizeof(*a));

	if (!a)
		return false;
	*a = (struct asker){ .host = &c->host, .owner = c, .fd = -1, .master = -1,
			     .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (a->wake >= 0)
		a->fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
	if (a->fd < 0) {
		bool out = a->wake < 0 || (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED);

		asker_free(a);
		return !out;
	}
	if (admit(c, a) == 0)
		return true;
	c->held = a;
	return false;
}

/* Whether one more may be accepted, as it may have to be closed. */
static bool is_open(struct control *c)
{
	bool open;

	(void)pthread_mutex_lock(&c->host.lock);
	open = c->n_closing < CLOSING_MAX;
	(void)pthread_mutex_unlock(&c->host.lock);
	return open && !c->held;
}

static bool is_stopping(struct control *c)
{
	bool stopping;

	(void)pthread_mutex_lock(&c->host.lock);
	stopping = c->stopping;
	(void)pthread_mutex_unlock(&c->host.lock);
	return stopping;
}

static void *run(void *arg)
{
	struct control *c = arg;
	struct pollfd p[] = { { .events = POLLIN }, { .fd = c->wake, .events = POLLIN } };
	bool pause = false;
	uint64_t count;

	while (!is_stopping(c)) {
		p[0].fd = !pause && is_open(c) ? c->listener : -1;
		if (poll(p, 2, pause ? PAUSE_MS : -1) < 0)
			continue;
		if (p[1].revents)
			(void)!read(c->wake, &count, sizeof(count)); /* ignoring: only to make it quiet */
		if (c->held && start_thread(c->held) == 0)
			c->held = NULL;
		pause = c->held || (p[0].fd >= 0 && p[0].revents && !on_listener(c));
	}
	return NULL;
}

/* --- life --- */

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
	if (c->listener >= 0)
		control_refuse_rights(c->listener);
	if (c->listener < 0 || bind(c->listener, (struct sockaddr *)&a, sizeof(a)) < 0 || chmod(c->path, 0666) < 0 ||
	    listen(c->listener, SOMAXCONN) < 0)
		return error_errno(err, -errno, "%s", c->path);
	return 0;
}

static int init_locks(struct control *c)
{
	pthread_condattr_t attr;
	int r = -pthread_condattr_init(&attr);

	if (r < 0)
		return r;
	r = -pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	if (r == 0)
		r = -pthread_cond_init(&c->fewer, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (r == 0)
		r = -pthread_mutex_init(&c->host.gate, NULL);
	return r < 0 ? r : -pthread_mutex_init(&c->host.lock, NULL);
}

int control_start(struct fs *fs, struct agent *agent, const char *run_dir, const char *mountpoint, struct control **ret,
		  struct error *err)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return error_set(err, -ENOMEM, "out of memory");
	*c = (struct control){ .host = { .fs = fs, .agent = agent }, .path = control_path(run_dir, mountpoint), .listener = -1,
			       .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	TAILQ_INIT(&c->askers);
	r = c->wake < 0 ? -errno : init_locks(c);
	if (r < 0)
		error_errno(err, r, "the control socket");
	else
		r = listen_at(c, run_dir, err);
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

/* What was sent to those who were not accepted is closed with the listener. Without a thread for it, the end of the
 * process closes it. */
static void close_listener(struct control *c)
{
	struct asker *a = malloc(sizeof(*a));

	(void)shutdown(c->listener, SHUT_RDWR); /* ignoring: nobody can connect from now on, rather than from soon on */
	if (!a)
		return;
	*a = (struct asker){ .host = &c->host, .owner = c, .fd = c->listener, .wake = -1, .master = -1, .refused = true };
	(void)pthread_mutex_lock(&c->host.lock);
	c->n_closing++;
	if (start_thread(a) == 0)
		c->listener = -1;
	else
		c->n_closing--;
	(void)pthread_mutex_unlock(&c->host.lock);
	if (c->listener >= 0)
		free(a);
}

void control_stop(struct control *c, bool keep)
{
	if (!c)
		return;
	(void)pthread_mutex_lock(&c->host.lock);
	c->stopping = true;
	(void)pthread_mutex_unlock(&c->host.lock);
	wake_up(c->wake);
	pthread_join(c->thread, NULL);
	(void)pthread_mutex_lock(&c->host.gate);
	c->host.stopping = true;
	(void)pthread_mutex_unlock(&c->host.gate);
	if (!keep)
		(void)unlink(c->path); /* ignoring: the directory goes with the rest */
	close_listener(c);
}

/* Ends those that serve. False if some are held up. */
static bool end_askers(struct control *c)
{
	struct timespec until;
	struct asker *a;
	int r = 0;
	bool all;

	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail */
	until.tv_sec += END_SECONDS;
	(void)pthread_mutex_lock(&c->host.lock);
	c->host.ended = true;
	TAILQ_FOREACH(a, &c->askers, link)
		wake_up(a->wake);
	while (c->n + c->n_closing > 0 && r == 0)
		r = pthread_cond_timedwait(&c->fewer, &c->host.lock, &until);
	all = c->n + c->n_closing == 0;
	(void)pthread_mutex_unlock(&c->host.lock);
	return all;
}

void control_free(struct control *c)
{
	if (!c || !end_askers(c))
		return;
	close_fdp(&c->listener);
	close_fdp(&c->wake);
	free(c->path);
	free(c);
}
