/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs-pod: a pod's supervisor and infrastructure container in one. One thread, one epoll, fixed memory.
 *
 * Started by the daemon with a socket at descriptor 3; its arguments are only for people who read ps.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/pod.h"

enum {
	EVENTS = 16,
	OWN_GRACE_MS = 30 * 1000, /* SIGTERM to podfs-pod itself: Kubernetes' default grace */
};

static struct pod pod;

int pod_watch(struct pod *p, int fd, enum pod_source source, size_t index)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | index };

	return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

void pod_unwatch(struct pod *p, int fd, enum pod_source source, size_t index, bool again)
{
	struct epoll_event e = { .events = again ? EPOLLIN : 0, .data.u64 = (uint64_t)source << 32 | index };

	(void)epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &e); /* cannot fail: it is in there */
}

void pod_forget(struct pod *p, int fd)
{
	(void)epoll_ctl(p->epoll, EPOLL_CTL_DEL, fd, NULL); /* ignoring: it was not in there */
}

static int open_sources(struct pod *p)
{
	sigset_t set;
	int r;

	(void)sigemptyset(&set); /* ignoring: these three cannot fail */
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (p->epoll < 0 || p->signals < 0 || p->timer < 0)
		return -errno;
	r = pod_watch(p, p->signals, SOURCE_SIGNAL, 0);
	return r < 0 ? r : pod_watch(p, p->timer, SOURCE_TIMER, 0);
}

static void take_signal(struct pod *p)
{
	struct signalfd_siginfo info;

	while (read(p->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			pod_shutdown(p, OWN_GRACE_MS);
	pod_reap(p);
}

static void take_event(struct pod *p, enum pod_source source, size_t index)
{
	uint64_t ticks;

	switch (source) {
	case SOURCE_SIGNAL:
		take_signal(p);
		break;
	case SOURCE_TIMER:
		(void)!read(p->timer, &ticks, sizeof(ticks)); /* ignoring: only to make it quiet */
		pod_deadlines(p);
		break;
	case SOURCE_LISTENER:
		pod_client_accept(p);
		break;
	case SOURCE_CLIENT:
		pod_client_input(p, index);
		break;
	case SOURCE_REPORT:
		pod_report_input(p, index);
		break;
	case SOURCE_OUT:
		pod_output(p, index, CRILOG_STDOUT);
		break;
	case SOURCE_ERR:
		pod_output(p, index, CRILOG_STDERR);
		break;
	case SOURCE_EXEC:
		pod_exec_input(p, index);
		break;
	case SOURCE_PACER:
		pod_output_paced(p);
		break;
	}
}

static int loop(struct pod *p)
{
	struct epoll_event events[EVENTS];

	while (!p->leaving || !pod_idle(p)) {
		int n = epoll_wait(p->epoll, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			take_event(p, (enum pod_source)(events[i].data.u64 >> 32), events[i].data.u64 & UINT32_MAX);
	}
	return 0;
}

/* The first message, waited for. What fails is said to the daemon, since there is nobody else. */
static int set_up(struct pod *p)
{
	const char *step = "read the first message";
	int r = pod_message_receive(POD_SOCKET_FD, &p->message);

	if (r == 0)
		return -EPIPE;
	if (r > 0 && p->message.header.type != POD_SETUP)
		r = -EPROTO;
	if (r > 0)
		r = pod_setup(p, &p->message, &step);
	if (r == 0)
		r = pod_watch(p, p->listener, SOURCE_LISTENER, 0);
	if (r == 0 && fcntl(POD_SOCKET_FD, F_SETFL, O_NONBLOCK) < 0)
		r = -errno;
	if (r == 0)
		r = pod_client_add(p, POD_SOCKET_FD, true);
	if (r < 0) {
		struct pod_event e = { .header = { .type = POD_ERROR, .id = p->message.header.id }, .code = r };

		pod_copy_text(e.text, sizeof(e.text), step);
		(void)pod_message_send(POD_SOCKET_FD, &e, sizeof(e), NULL, 0); /* ignoring: it exits anyway */
		if (p->dir >= 0)
			pod_state_remove(p);
	}
	pod_message_clear(&p->message);
	return r;
}

int main(void)
{
	struct pod *p = &pod;

	/* It is run by way of /proc/self/fd, whose number would be its name. */
	(void)prctl(PR_SET_NAME, "podfs-pod", 0, 0, 0); /* ignoring: a name for people */
	/* what containers wrote is nothing for a process of another one, which may be its copy (copy.h) */
	(void)madvise(&p->log_buffers, sizeof(p->log_buffers) & ~(size_t)4095, MADV_WIPEONFORK); /* ignoring: best effort */
	p->dir = p->state = p->netns = p->podns = p->listener = p->pacer = -1;
	p->shared_pids = -1;
	p->users = (struct userns)USERNS_NONE;
	for (size_t i = 0; i < POD_CLIENTS_MAX; i++)
		p->clients[i].fd = -1;
	if (fcntl(POD_SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0 || chdir("/") < 0 || open_sources(p) < 0 || set_up(p) < 0)
		return 1;
	if (loop(p) < 0)
		return 1;
	pod_state_remove(p);
	_exit(0); /* nothing is buffered, and what runs at exit() expects no namespaces */
}
