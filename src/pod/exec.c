/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs run beside a container: probes, hooks, `podfs exec`. Two processes: the first enters the container and gives
 * up its rights, the second, its sibling, is the program. A third copies between its pipes and the sockets of who asked for
 * it, where there are such (relay.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pod/child.h"
#include "pod/pod.h"
#include "pod/relay.h"
#include "pod/report.h"
#include "pod/sys.h"

enum { START_ERROR = 128 };

static void tell(struct pod *p, struct exec *x, enum pod_message_type type, int status)
{
	struct pod_event e = {
		.pid = x->pid,
		.code = x->code,
		.exec_id = x->id,
		.started_at = x->started_at,
	};

	pod_copy_text(e.name, sizeof(e.name), p->slots[x->slot].told.name);
	if (type == POD_EXEC_EXITED) {
		e.finished_at = clock_realtime();
		e.exit_code = x->told ? pod_exit_code(status, &e.signal) : START_ERROR;
		pod_copy_text(e.text, sizeof(e.text), x->text);
	}
	pod_tell(p, x->client, &e, type, x->id, type == POD_EXEC_STARTED ? x->tty : -1);
}

static void forget(struct exec *x)
{
	close_fdp(&x->report);
	close_fdp(&x->tty);
	close_fdp(&x->lives);
	x->id = 0;
}

static struct exec *find(struct pod *p, uint64_t id)
{
	for (size_t i = 0; i < POD_EXECS_MAX; i++)
		if (p->execs[i].id == id)
			return &p->execs[i];
	return NULL;
}

/* The program's ends of pipes, and podfs-relay between the others and the sockets that came. */
static int relay(struct exec *x, const int stdio[3], int theirs[3])
{
	struct relay_streams s = RELAY_STREAMS_NONE;
	_cleanup_close_ int ended = -1;
	int ours[3] = { -1, -1, -1 }, ends[2], r = 0;

	for (int i = 0; i < 3 && r == 0; i++) {
		struct stat st;

		if (fstat(stdio[i], &st) < 0 || !S_ISSOCK(st.st_mode))
			continue;
		r = pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;
		if (r < 0)
			break;
		ours[i] = ends[i == 0];
		theirs[i] = ends[i != 0];
		s.asker[i] = stdio[i];
		s.program[i] = ours[i];
		r = fcntl(ours[i], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	}
	if (r == 0 && pipe2(ends, O_CLOEXEC) < 0)
		r = -errno;
	if (r == 0) {
		s.ended = ended = ends[0];
		x->lives = ends[1];
		x->relay = relay_start(&s);
		r = x->relay < 0 ? x->relay : 0;
	}
	for (int i = 0; i < 3; i++)
		close_fdp(&ours[i]);
	return r;
}

static bool is_relayed(const int stdio[3])
{
	struct stat st;

	for (int i = 0; i < 3; i++)
		if (fstat(stdio[i], &st) == 0 && S_ISSOCK(st.st_mode))
			return true;
	return false;
}

static int start(struct pod *p, struct exec *x, struct pod_message *m, int report, const int theirs[3])
{
	const struct pod_start *start = &m->start;
	struct child c = {
		.report = report,
		.spec = m->fds[0],
		.cgroups = m->fds + 1,
		.n_cgroups = start->n_cgroups,
		.stdio = { theirs[0], theirs[1], theirs[2] },
		.tty = start->flags & POD_TTY,
		.cgroup_ns = start->n_cgroups > 0,
		.users = &p->users,
		.podns = -1,
		.target = p->slots[x->slot].pidfd,
	};
	pid_t pid;

	pid = sys_clone3(0, SIGCHLD, -1, NULL);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child_exec(&c);
	x->first = pid;
	return 0;
}

static int run(struct pod *p, struct exec *x, struct pod_message *m, int report)
{
	const int *stdio = m->fds + 1 + m->start.n_cgroups;
	int theirs[3] = { -1, -1, -1 }, made[3] = { -1, -1, -1 }, r = 0;

	if (!(m->start.flags & POD_TTY)) {
		memcpy(theirs, stdio, sizeof(theirs));
		if (is_relayed(stdio))
			r = relay(x, stdio, made);
	}
	for (int i = 0; i < 3; i++)
		theirs[i] = made[i] >= 0 ? made[i] : theirs[i];
	if (r == 0)
		r = start(p, x, m, report, theirs);
	for (int i = 0; i < 3; i++)
		close_fdp(&made[i]);
	return r; /* without the program's ends the relay ends as well */
}

int pod_exec(struct pod *p, int client, struct pod_message *m)
{
	const struct pod_start *start = &m->start;
	size_t n_stdio = start->flags & POD_TTY ? 0 : 3;
	struct slot *s = pod_find(p, start->name);
	struct exec *x = find(p, 0);
	int ends[2], r;

	if (start->n_cgroups > POD_CGROUPS_MAX || m->n_fds != 1 + start->n_cgroups + n_stdio || m->header.id == 0)
		return -EBADMSG;
	if (!s || s->told.state != POD_STATE_RUNNING)
		return -ENOENT;
	if (find(p, m->header.id))
		return -EEXIST;
	if (!x)
		return -EAGAIN;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	*x = (struct exec){
		.id = m->header.id,
		.client = client,
		.slot = (int)(s - p->slots),
		.report = ends[0],
		.tty = -1,
		.lives = -1,
		.kill_on_close = start->flags & POD_KILL_ON_CLOSE,
	};
	r = pod_watch(p, x->report, SOURCE_EXEC, (size_t)(x - p->execs));
	if (r == 0)
		r = run(p, x, m, ends[1]);
	close_fdp(&ends[1]);
	if (r < 0)
		forget(x);
	return r < 0 ? r : 1;
}

/* Once, though two tell of it: the report's end, and the program's where that comes first. */
static void started(struct pod *p, struct exec *x)
{
	if (x->told)
		return;
	x->started_at = clock_realtime();
	tell(p, x, POD_EXEC_STARTED, 0);
	x->told = true;
	close_fdp(&x->tty);
}

void pod_exec_input(struct pod *p, size_t index)
{
	struct exec *x = &p->execs[index];

	while (x->id != 0 && x->report >= 0) {
		_cleanup_close_ int fd = -1;
		struct report r;
		int n = report_receive(x->report, &r, &fd);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			close_fdp(&x->report);
			if (n == 0 && x->ready && !x->failed)
				started(p, x);
			return;
		}
		if (r.kind == REPORT_PID && x->pid == 0 && pod_is_new_child(p, r.pid))
			x->pid = r.pid;
		else if (r.kind == REPORT_READY)
			x->ready = true;
		else if (r.kind == REPORT_WARNING)
			pod_warn(p, p->slots[x->slot].told.name, r.text, 0);
		else if (r.kind == REPORT_TTY && x->tty < 0)
			x->tty = steal_fd(&fd);
		else if (r.kind == REPORT_FAILED && !x->failed) {
			x->failed = true;
			x->code = r.code < 0 ? r.code : -EIO;
			pod_copy_text(x->text, sizeof(x->text), r.text);
		}
	}
}

static void finish(struct pod *p, struct exec *x)
{
	tell(p, x, POD_EXEC_EXITED, x->status);
	forget(x);
}

static struct exec *owner(struct pod *p, pid_t pid)
{
	for (size_t i = 0; i < POD_EXECS_MAX; i++)
		if (p->execs[i].id != 0 && !p->execs[i].ended && (p->execs[i].first == pid || p->execs[i].pid == pid))
			return &p->execs[i];
	return NULL;
}

static bool relay_reaped(struct pod *p, pid_t pid)
{
	for (size_t i = 0; i < POD_EXECS_MAX; i++) {
		struct exec *x = &p->execs[i];

		if (x->id == 0 || x->relay != pid)
			continue;
		x->relay = 0;
		if (x->ended)
			finish(p, x);
		return true;
	}
	return false;
}

/* Its end is told when what it has written is copied; but nobody waits for that when it was killed for who has gone. */
static void program_ended(struct pod *p, struct exec *x, int status)
{
	x->ended = true;
	x->status = status;
	close_fdp(&x->lives);
	if (x->relay == 0)
		finish(p, x);
	else if (x->deadline && x->deadline <= clock_monotonic())
		(void)kill(x->relay, SIGKILL); /* ignoring: our child, not reaped yet */
}

bool pod_exec_reaped(struct pod *p, pid_t pid, int status)
{
	struct exec *x = owner(p, pid);

	if (!x)
		return relay_reaped(p, pid);
	if (x->first == pid)
		x->first = 0;
	/* The first one's end matters only when there will be no second. */
	if (x->pid != pid && x->pid != 0)
		return true;
	/* It got as far as its exec, and ended before the first one let go of the report. */
	if (x->code == 0 && x->pid == pid && x->ready)
		started(p, x);
	if (!x->told && x->code == 0) {
		x->code = -ECHILD;
		pod_copy_text(x->text, sizeof(x->text), "ended while it was set up");
	}
	program_ended(p, x, status);
	return true;
}

static void kill_exec(struct pod *p, struct exec *x, int sig)
{
	pid_t pid;

	/* The first process may have begun the second, and said so unheard. */
	if (x->id != 0 && x->pid == 0)
		pod_exec_input(p, (size_t)(x - p->execs));
	pid = x->ended ? x->relay : x->pid > 0 ? x->pid : x->first;
	if (x->id != 0 && pid > 0)
		(void)kill(pid, sig); /* ignoring: our child, not reaped yet */
}

int pod_exec_stop(struct pod *p, const struct pod_stop *m)
{
	struct exec *x = find(p, m->exec_id);
	int64_t deadline = clock_monotonic() + m->grace_ms * NSEC_PER_MSEC;

	if (!x)
		return -ENOENT;
	if (m->signal < 0 || m->signal >= _NSIG)
		return -EINVAL;
	if (x->deadline == 0 || deadline < x->deadline)
		x->deadline = deadline;
	if (m->grace_ms > 0)
		kill_exec(p, x, m->signal ? m->signal : SIGTERM);
	pod_deadlines(p);
	return 0;
}

void pod_exec_hung_up(struct pod *p, int client)
{
	for (size_t i = 0; i < POD_EXECS_MAX; i++) {
		struct exec *x = &p->execs[i];

		if (x->id == 0 || x->client != client)
			continue;
		x->client = -1;
		if (!x->kill_on_close)
			continue;
		x->deadline = clock_monotonic();
		kill_exec(p, x, SIGKILL);
	}
}

int64_t pod_exec_deadlines(struct pod *p, int64_t now)
{
	int64_t next = 0;

	for (size_t i = 0; i < POD_EXECS_MAX; i++) {
		struct exec *x = &p->execs[i];

		if (x->id == 0 || x->deadline == 0)
			continue;
		if (x->deadline <= now)
			kill_exec(p, x, SIGKILL);
		else if (next == 0 || x->deadline < next)
			next = x->deadline;
	}
	return next;
}
