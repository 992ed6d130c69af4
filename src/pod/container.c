/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers, from request to exit:
 *
 *   NONE --start--> STARTING --ready, end of file--> RUNNING --reaped--> EXITED --start--> STARTING …
 *                      `------- failed, reaped -----> START_FAILED --start--> STARTING …
 *
 * What a child reports is read before its exit is told, and its output is copied to the end before that too, so that
 * whoever hears of the exit finds the log complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pod/child.h"
#include "pod/pod.h"
#include "pod/report.h"
#include "pod/sys.h"

enum {
	START_ERROR = 128,          /* what container runtimes show for a container that could not start */
	KILL_ROUNDS = 64,           /* passes over a v1 cgroup whose processes may be forking */
};

struct slot *pod_find(struct pod *p, const char *name)
{
	for (size_t i = 0; i < p->n_slots; i++)
		if (strcmp(p->slots[i].told.name, name) == 0)
			return &p->slots[i];
	return NULL;
}

int pod_exit_code(int status, int32_t *ret_signal)
{
	*ret_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool pod_is_new_child(const struct pod *p, pid_t pid)
{
	siginfo_t info;

	for (size_t i = 0; i < p->n_slots; i++)
		if (p->slots[i].pid == pid)
			return false;
	for (size_t i = 0; i < POD_EXECS_MAX; i++)
		if (p->execs[i].id != 0 && (p->execs[i].relay == pid || (!p->execs[i].ended &&
					    (p->execs[i].first == pid || p->execs[i].pid == pid))))
			return false;
	for (size_t i = 0; i < POD_RELAYS_MAX; i++)
		if (p->relays[i].pid == pid)
			return false;
	return pid > 1 && pid != p->reaper && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static size_t index_of(const struct pod *p, const struct slot *s)
{
	return (size_t)(s - p->slots);
}

static void close_slot(struct pod *p, struct slot *s)
{
	close_fdp(&s->pidfd);
	close_fdp(&s->report);
	close_fdp(&s->input);
	close_fdp(&s->cgroup);
	pod_attach_end(p, s);
	pod_output_close(p, s);
	s->deadline = 0;
	s->pending_signal = 0;
}

/* A free slot, or that of an earlier run of the same container. */
static int take_slot(struct pod *p, const char *name, struct slot **ret_slot)
{
	struct slot *s = pod_find(p, name);

	if (name[0] == '\0' || strchr(name, '/'))
		return -EINVAL;
	if (p->leaving)
		return -ESHUTDOWN;
	if (s && s->pid > 0)
		return -EEXIST;
	if (!s) {
		if (p->n_slots == POD_CONTAINERS_MAX)
			return -ENOSPC;
		s = &p->slots[p->n_slots++];
	}
	*s = (struct slot){
		.pidfd = -1, .report = -1, .out = { -1, -1 }, .input = -1, .cgroup = -1, .log = { .fd = -1 },
	};
	pod_copy_text(s->told.name, sizeof(s->told.name), name);
	*ret_slot = s;
	return 0;
}

static int nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* One end for us, not blocking and watched, the other for the container, blocking. */
static int make_pipe(struct pod *p, struct slot *s, int which, int *ret_theirs)
{
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	s->out[which] = ends[0];
	*ret_theirs = ends[1];
	r = nonblocking(ends[0]);
	return r < 0 ? r : pod_watch(p, ends[0], which ? SOURCE_ERR : SOURCE_OUT, index_of(p, s));
}

static int make_streams(struct pod *p, struct slot *s, uint32_t flags, int theirs[4])
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	s->report = ends[0];
	theirs[3] = ends[1];
	r = pod_watch(p, s->report, SOURCE_REPORT, index_of(p, s));
	if (r < 0 || s->tty)
		return r;
	r = make_pipe(p, s, 0, &theirs[1]);
	if (r == 0)
		r = make_pipe(p, s, 1, &theirs[2]);
	if (r < 0 || !(flags & POD_STDIN))
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	theirs[0] = ends[0];
	s->input = ends[1];
	return nonblocking(ends[1]);
}

static bool is_cgroup2(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* The container whose PID namespace a new one is to be in. *ret is NULL when that is not asked for, or is the pod's. */
static int find_target(struct pod *p, const struct pod_start *start, struct slot **ret)
{
	struct slot *s = NULL;

	if (start->target[0] && !(p->flags & (POD_HOST_PID | POD_SHARE_PID))) {
		s = pod_find(p, start->target);
		if (!s || s->told.state != POD_STATE_RUNNING || s->pidfd < 0)
			return -ESRCH;
	}
	*ret = s;
	return 0;
}

static int run_child(struct pod *p, struct slot *s, const struct slot *target, const struct pod_message *m,
		     const int theirs[4])
{
	const struct pod_start *start = &m->start;
	struct child c = {
		.report = theirs[3],
		.spec = m->fds[0],
		.cgroups = m->fds + 1,
		.n_cgroups = start->n_cgroups,
		.sources = m->fds + 1 + start->n_cgroups,
		.n_sources = start->n_sources,
		.stdio = { theirs[0], theirs[1], theirs[2] },
		.tty = s->tty,
		.cgroup_ns = start->n_cgroups > 0,
		.cgroup_v2 = p->cgroup_v2,
		.users = &p->users,
		.podns = p->podns,
		.dir = p->path,
		.own_pid = !target && !(p->flags & (POD_HOST_PID | POD_SHARE_PID)),
		.pids = target ? target->pidfd : p->shared_pids,
		.target = target ? target->pidfd : -1,
	};
	/* The PID namespace of a pod with a user namespace is made from inside that. */
	uint64_t flags = CLONE_PIDFD | (c.own_pid && p->users.fd < 0 ? CLONE_NEWPID : 0);
	pid_t pid = -1;

	/* Born in its cgroup, a process need not be moved there, which takes a grace period of the kernel's. */
	if (start->n_cgroups == 1 && is_cgroup2(c.cgroups[0])) {
		c.n_cgroups = 0;
		pid = sys_clone3(flags, SIGCHLD, c.cgroups[0], &s->pidfd);
		if (pid < 0)
			c.n_cgroups = 1;
	}
	if (pid < 0)
		pid = sys_clone3(flags, SIGCHLD, -1, &s->pidfd);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_container(&c);
	if (!c.own_pid && start->n_cgroups > 0)
		s->cgroup = fcntl(c.cgroups[0], F_DUPFD_CLOEXEC, 3);
	s->pid = pid;
	return 0;
}

int pod_start_container(struct pod *p, struct pod_message *m)
{
	const struct pod_start *start = &m->start;
	int theirs[4] = { -1, -1, -1, -1 };
	struct slot *s, *target;
	int r;

	if (start->n_cgroups > POD_CGROUPS_MAX || start->n_sources > POD_FDS_MAX ||
	    m->n_fds != 1 + (size_t)start->n_cgroups + start->n_sources)
		return -EBADMSG;
	r = find_target(p, start, &target);
	if (r == 0)
		r = take_slot(p, start->name, &s);
	if (r < 0)
		return r;
	s->told.state = POD_STATE_STARTING;
	s->told.restart = start->restart;
	s->tty = start->flags & POD_TTY;
	s->stdin_once = start->flags & POD_STDIN_ONCE;
	s->stop_signal = start->stop_signal > 0 && start->stop_signal < _NSIG ? start->stop_signal : SIGTERM;
	r = pod_output_open(p, s, start);
	if (r == 0)
		r = make_streams(p, s, start->flags, theirs);
	if (r == 0)
		r = run_child(p, s, target, m, theirs);
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		close_fdp(&theirs[i]);
	if (r < 0) {
		close_slot(p, s);
		s->told.state = POD_STATE_START_FAILED;
		s->told.code = r;
		s->told.exit_code = START_ERROR;
		s->told.finished_at = clock_realtime();
		pod_copy_text(s->told.text, sizeof(s->told.text), strerrordesc_np(-r));
		pod_broadcast(p, &s->told, POD_START_FAILED);
	} else {
		s->told.pid = s->pid;
	}
	pod_state_write(p, index_of(p, s));
	return 1;
}

/* ---- while it runs ---- */

static void kill_slot(struct pod *p, struct slot *s, int sig)
{
	/* The one that enters the user namespace may have begun the container, and said so unheard. */
	if (s->told.state == POD_STATE_STARTING)
		pod_report_input(p, index_of(p, s));
	if (s->pid > 0)
		(void)kill(s->pid, sig); /* ignoring: it is our child, not reaped yet, so the number is its own */
}

int pod_stop(struct pod *p, const struct pod_stop *m)
{
	struct slot *s = pod_find(p, m->name);
	int64_t deadline;

	if (!s || s->pid <= 0)
		return -ENOENT;
	if (m->signal < 0 || m->signal >= _NSIG)
		return -EINVAL;
	deadline = clock_monotonic() + m->grace_ms * NSEC_PER_MSEC;
	if (s->deadline == 0 || deadline < s->deadline)
		s->deadline = deadline;
	if (m->grace_ms == 0)
		kill_slot(p, s, SIGKILL);
	else if (s->told.state == POD_STATE_STARTING)
		s->pending_signal = m->signal ? m->signal : s->stop_signal;
	else
		kill_slot(p, s, m->signal ? m->signal : s->stop_signal);
	pod_deadlines(p);
	return 0;
}

int pod_ack(struct pod *p, const struct pod_name *m)
{
	struct slot *s = pod_find(p, m->name);

	if (!s || s->told.restart != m->restart)
		return -ENOENT;
	if (s->told.state != POD_STATE_EXITED && s->told.state != POD_STATE_START_FAILED)
		return -EBUSY;
	s->told.acked = 1;
	pod_state_write(p, index_of(p, s));
	return 1;
}

void pod_shutdown(struct pod *p, uint32_t grace_ms)
{
	p->leaving = true;
	for (size_t i = 0; i < p->n_slots; i++) {
		struct pod_stop m = { .grace_ms = grace_ms };

		pod_copy_text(m.name, sizeof(m.name), p->slots[i].told.name);
		(void)pod_stop(p, &m); /* ignoring: it may have exited */
	}
}

void pod_deadlines(struct pod *p)
{
	int64_t now = clock_monotonic();
	int64_t next = pod_exec_deadlines(p, now), trimmed = pod_output_trim(p, now);
	struct itimerspec t = { 0 };

	if (trimmed && (!next || trimmed < next))
		next = trimmed;

	for (size_t i = 0; i < p->n_slots; i++) {
		struct slot *s = &p->slots[i];

		if (s->pid <= 0 || s->deadline == 0)
			continue;
		if (s->deadline <= now)
			kill_slot(p, s, SIGKILL); /* once is enough, but it stays due until the process is reaped */
		else if (next == 0 || s->deadline < next)
			next = s->deadline;
	}
	t.it_value.tv_sec = next / NSEC_PER_SEC;
	t.it_value.tv_nsec = next % NSEC_PER_SEC;
	(void)timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &t, NULL); /* ignoring: cannot fail with these arguments */
}

bool pod_idle(const struct pod *p)
{
	for (size_t i = 0; i < p->n_slots; i++)
		if (p->slots[i].pid > 0)
			return false;
	return true;
}

/* ---- starting and ending ---- */

static void started(struct pod *p, struct slot *s)
{
	s->told.state = POD_STATE_RUNNING;
	s->told.started_at = clock_realtime();
	pod_state_write(p, index_of(p, s));
	pod_broadcast(p, &s->told, POD_STARTED);
	if (s->pending_signal)
		kill_slot(p, s, s->pending_signal);
	s->pending_signal = 0;
}

static void take_report(struct pod *p, struct slot *s, const struct report *r, int *fd)
{
	switch (r->kind) {
	case REPORT_READY:
		s->ready = true;
		break;
	case REPORT_FAILED:
		if (s->failed)
			break;
		s->failed = true;
		s->told.code = r->code < 0 ? r->code : -EIO;
		pod_copy_text(s->told.text, sizeof(s->told.text), r->text);
		break;
	case REPORT_WARNING:
		pod_warn(p, s->told.name, r->text, 0);
		break;
	case REPORT_PID:
		if (s->announced || !pod_is_new_child(p, r->pid))
			break;
		s->announced = true;
		close_fdp(&s->pidfd);
		s->pidfd = pidfd_open(r->pid, 0);
		s->pid = s->told.pid = r->pid;
		break;
	case REPORT_TTY:
		if (s->tty && !s->ready && s->out[0] < 0 && *fd >= 0 && nonblocking(*fd) == 0 &&
		    pod_watch(p, *fd, SOURCE_OUT, index_of(p, s)) == 0)
			s->out[0] = steal_fd(fd);
		break;
	default:
		break;
	}
}

void pod_report_input(struct pod *p, size_t index)
{
	struct slot *s = &p->slots[index];

	while (s->report >= 0) {
		_cleanup_close_ int fd = -1;
		struct report r;
		int n = report_receive(s->report, &r, &fd);

		if (n == -EAGAIN)
			return;
		if (n > 0) {
			take_report(p, s, &r, &fd);
			continue;
		}
		close_fdp(&s->report);
		if (n < 0)
			s->failed = true;
		if (s->ready && !s->failed)
			started(p, s);
	}
}

/* Kills what an exited container left in its cgroup, where no PID namespace of its own did. */
static void kill_cgroup(int dir)
{
	_cleanup_close_ int fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) == 1)
		return;
	for (int round = 0; round < KILL_ROUNDS; round++) {
		_cleanup_close_ int procs = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
		char text[4096];
		ssize_t n = procs < 0 ? -1 : read(procs, text, sizeof(text) - 1);
		char *at = text;

		if (n <= 0)
			return;
		text[n] = '\0';
		/* The last number may be cut: only those that a newline ends. */
		for (char *nl; (nl = strchr(at, '\n')); at = nl + 1) {
			pid_t pid = (pid_t)strtol(at, NULL, 10);

			if (pid > 1 && pid != getpid())
				(void)kill(pid, SIGKILL); /* ignoring: it may have gone */
		}
	}
}

static void reaped(struct pod *p, struct slot *s, int status)
{
	bool was_started;

	/* It got as far as its execve, and ended before the first of two let go of the report. */
	if (s->told.state == POD_STATE_STARTING && s->announced && s->ready && !s->failed)
		started(p, s);
	was_started = s->told.state == POD_STATE_RUNNING;
	s->pid = 0;
	s->told.exit_code = pod_exit_code(status, &s->told.signal);
	s->told.finished_at = clock_realtime();
	if (s->cgroup >= 0)
		kill_cgroup(s->cgroup);
	pod_output_drain(p, s);
	close_slot(p, s);
	if (was_started) {
		s->told.state = POD_STATE_EXITED;
	} else {
		s->told.state = POD_STATE_START_FAILED;
		if (!s->failed) {
			s->told.code = -ECHILD;
			pod_copy_text(s->told.text, sizeof(s->told.text), "ended while it was set up");
		}
		/* Ended by a stop, it was no error of its own. */
		if (s->failed || s->told.signal == 0) {
			s->told.exit_code = START_ERROR;
			s->told.signal = 0;
		}
	}
	pod_state_write(p, index_of(p, s));
	pod_broadcast(p, &s->told, was_started ? POD_EXITED : POD_START_FAILED);
}

/*
 * What the children have reported. A second process is announced before it can end, and is believed in only as long as
 * it has not been reaped (pod_is_new_child): so all is heard between seeing that one has ended and reaping it. The one
 * that announced it may end long after it.
 */
static void hear_reports(struct pod *p)
{
	for (size_t i = 0; i < POD_EXECS_MAX; i++)
		pod_exec_input(p, i);
	for (size_t i = 0; i < p->n_slots; i++)
		pod_report_input(p, i);
}

/* The container of that process; a first of two is its own no more once the second is announced. */
static struct slot *find_pid(struct pod *p, pid_t pid)
{
	for (size_t i = 0; i < p->n_slots; i++)
		if (p->slots[i].pid == pid)
			return &p->slots[i];
	return NULL;
}

void pod_reap(struct pod *p)
{
	siginfo_t info = { 0 };

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
		pid_t pid = info.si_pid;
		struct slot *s;
		int status;

		hear_reports(p);
		/* Its owner lets go of it only after this: nobody else can announce it as his any more. */
		if (waitpid(pid, &status, WNOHANG) != pid)
			return; /* cannot be: nobody else reaps it */
		if (pod_attach_reaped(p, pid) || pod_exec_reaped(p, pid, status))
			continue;
		s = find_pid(p, pid);
		if (s)
			reaped(p, s, status);
	}
}
