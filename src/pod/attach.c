/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who are attached to a container. They are hostile, and podfs-pod, which has one thread, must wait for none of them:
 * output is sent to their sockets as far as those take it (output.c), and nothing is ever received from these. What they send
 * as input may hold up whoever takes it (a descriptor that comes with it, and lingers when it is closed; a pipe that is
 * locked by who writes to it from memory that is not there), so that is the work of a process for each, the relay, which
 * alone has the other end of it: without a capability, and in podfs-pod's own PID namespace, so that no container may
 * trace it. The container's own pipes and terminal are never given away.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/child.h"
#include "pod/pod.h"
#include "pod/sys.h"

enum { CHUNK = 16 * 1024, FDS_OUTPUT = 2, FDS_ALL = 4 };

/* ---- the relay ---- */

struct flow {
	int in, sizes, to; /* sizes: -1: no more of them */
	size_t at, len;
	char chunk[CHUNK];
};

/* It has nothing that the relay does not need, nor can anybody look into it who has no right over the host. */
static int give_up(const struct flow *f, pid_t parent)
{
	const struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct nothing[2] = { 0 };
	int keep[] = { f->in, f->sizes, f->to };

	(void)prctl(PR_SET_NAME, "podfs-relay", 0, 0, 0); /* ignoring: a name for people */
	if (sys_capset(&header, nothing) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	/* Whatever else podfs-pod has open is held open by that alone. */
	child_close_others(keep, ARRAY_SIZE(keep));
	return getppid() == parent ? 0 : -ESRCH;
}

static void take_size(struct flow *f)
{
	struct winsize size;
	ssize_t n = recv(f->sizes, &size, sizeof(size), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(size))
		(void)ioctl(f->to, TIOCSWINSZ, &size); /* ignoring: it is no terminal, or keeps its own */
	else if (n >= 0 || errno != EAGAIN)
		f->sizes = -1;
}

/* False at the end: of the input, or of who takes it. */
static bool copy(struct flow *f)
{
	ssize_t n;

	if (f->len == 0) {
		n = recv(f->in, f->chunk, sizeof(f->chunk), MSG_DONTWAIT);
		f->at = 0;
		f->len = n > 0 ? (size_t)n : 0;
		return n > 0 || (n < 0 && errno == EAGAIN);
	}
	n = write(f->to, f->chunk + f->at, f->len);
	if (n > 0) {
		f->at += (size_t)n;
		f->len -= (size_t)n;
	}
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static _Noreturn void relay(int in, int sizes, int to, pid_t parent)
{
	static struct flow f;
	bool going = true;

	f = (struct flow){ .in = in, .sizes = sizes, .to = to };
	if (give_up(&f, parent) < 0)
		_exit(1);
	while (going) {
		struct pollfd p[] = {
			{ .fd = f.len ? -1 : f.in, .events = POLLIN },
			{ .fd = f.sizes, .events = POLLIN },
			{ .fd = f.to, .events = f.len ? POLLOUT : 0 },
		};

		if (poll(p, ARRAY_SIZE(p), -1) < 0)
			break;
		if (p[1].revents)
			take_size(&f);
		if (p[2].revents & (POLLERR | POLLHUP))
			break;
		if (p[0].revents || p[2].revents)
			going = copy(&f);
	}
	_exit(0);
}

static int start_relay(struct pod *p, const struct slot *s, const int fds[2], int to)
{
	pid_t self = getpid(), pid;
	struct relay *r = p->relays;

	while (r->pid > 0)
		if (++r == p->relays + POD_RELAYS_MAX)
			return -EAGAIN;
	pid = sys_clone3(0, SIGCHLD, -1, NULL);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		relay(fds[0], fds[1], to, self);
	*r = (struct relay){ .pid = pid, .slot = (int)(s - p->slots) };
	return 0;
}

/* ---- podfs-pod ---- */

int pod_attach(struct pod *p, int client, struct pod_message *m)
{
	const struct pod_name *who = &m->name;
	struct slot *s = pod_find(p, who->name);
	int input, r;

	if (m->n_fds != FDS_OUTPUT && m->n_fds != FDS_ALL)
		return -EBADMSG;
	if (!s || s->told.state != POD_STATE_RUNNING)
		return -ENOENT;
	input = s->tty ? s->out[0] : s->input;
	if (m->n_fds == FDS_ALL && input < 0)
		return -ENOTCONN;
	r = pod_output_can_attach(p) ? 0 : -EAGAIN;
	if (r == 0 && m->n_fds == FDS_ALL)
		r = start_relay(p, s, m->fds + FDS_OUTPUT, input);
	if (r < 0)
		return r;
	if (m->n_fds == FDS_ALL && s->stdin_once)
		close_fdp(&s->input); /* the container sees the end of it when the relay does */
	pod_output_attach(p, s, m->fds);
	pod_tell(p, client, &s->told, POD_ATTACHED, who->header.id, -1);
	return 1;
}

bool pod_attach_reaped(struct pod *p, pid_t pid)
{
	for (size_t i = 0; i < POD_RELAYS_MAX; i++)
		if (p->relays[i].pid == pid) {
			p->relays[i].pid = 0;
			return true;
		}
	return false;
}

void pod_attach_end(struct pod *p, const struct slot *s)
{
	for (size_t i = 0; i < POD_RELAYS_MAX; i++)
		if (p->relays[i].pid > 0 && &p->slots[p->relays[i].slot] == s)
			(void)kill(p->relays[i].pid, SIGKILL); /* ignoring: our child, not reaped yet */
}
