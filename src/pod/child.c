/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defences of the moments before execve:
 *   - the process is not dumpable (podfs-pod set that at its start), so that nobody in a shared PID namespace can
 *     look into it or follow its /proc/PID/exe, fd or root without CAP_SYS_PTRACE;
 *   - a program run beside a container, and a container that shares its PID namespace with others, enter that last, with
 *     the container's own root and rights already and nothing of podfs-pod's open but the pipe and the socket of their
 *     start, so that even CAP_SYS_PTRACE in there gains nothing from it. The /proc that they have of it was mounted
 *     before (podns.h);
 *   - podfs-pod itself was executed through a detached read-only mount, so that a container that runs or opens
 *     /proc/self/exe (CVE-2019-5736) meets a file it cannot write, whatever its rights.
 */
#include "pod/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/become.h"
#include "pod/copy.h"
#include "pod/mounts.h"
#include "pod/podns.h"
#include "pod/report.h"
#include "pod/rootfs.h"
#include "pod/sys.h"

enum { NOBODY = 65535 }; /* the user that Kubernetes' own pause process runs as */

/*
 * In v1 by way of "tasks": a thread that moves itself there needs no lock on thread groups (kernel/cgroup/cgroup.c,
 * cgroup_procs_write_start), while the first use of cgroup.procs waits an RCU grace period for it, some 12 ms. The
 * process has one thread, so that it moves whole.
 */
int child_join_cgroups(const int *dirs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_close_ int fd = openat(dirs[i], "tasks", O_WRONLY | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			fd = openat(dirs[i], "cgroup.procs", O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			return -errno;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void child_close_others(int *keep, size_t n)
{
	unsigned next = 0;

	qsort(keep, n, sizeof(*keep), by_number);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned)keep[i] > next)
			(void)close_range(next, (unsigned)keep[i] - 1, 0); /* ignoring: cannot fail with these arguments */
		next = (unsigned)keep[i] + 1;
	}
	(void)close_range(next, ~0U, 0);
}

/* Not by libc's functions: they leave out its own two signals, which posix_spawn sets to be ignored. */
static void reset_signals(void)
{
	const uint64_t default_action[8] = { 0 };
	sigset_t none;

	for (int i = 1; i < _NSIG; i++) /* ignoring: SIGKILL and SIGSTOP cannot be set */
		(void)syscall(SYS_rt_sigaction, i, default_action, NULL, _NSIG / 8);
	(void)sigemptyset(&none); /* ignoring: cannot fail */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Best effort: a machine without CAP_SYS_RESOURCE cannot lower the score. */
static void set_oom_score(const struct child *c, const struct spec_security *s)
{
	_cleanup_close_ int fd = -1;
	char text[16];
	int n;

	if (!(s->flags & SPEC_OOM_SCORE))
		return;
	n = snprintf(text, sizeof(text), "%d", s->oom_score_adj);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		report_warn(c->report, -errno, "set oom_score_adj %s", text);
}

static int begin(const struct child *c, struct spec *spec, struct spec_security *security)
{
	struct spec_item item;
	int r;

	(void)umask(0); /* what is made for the container has exactly the modes that are asked for */
	reset_signals();
	r = child_join_cgroups(c->cgroups, c->n_cgroups);
	if (r < 0)
		return report_fail(c->report, r, "join the cgroup");
	r = spec_map(c->spec, spec);
	if (r == -EOPNOTSUPP)
		return report_fail_text(c->report, r, "this pod's podfs-pod is too old for what is asked");
	if (r < 0)
		return report_fail(c->report, r, "read the spec");
	*security = (struct spec_security){ 0 };
	if (spec_next(spec, 0, SPEC_SECURITY, &item))
		memcpy(security, item.data, sizeof(*security));
	set_oom_score(c, security);
	if (sys_join_session_keyring(NULL) < 0 && errno != ENOSYS)
		report_warn(c->report, -errno, "make a session keyring");
	return 0;
}

/* Puts the given descriptors at 0, 1, 2. podfs-pod's own 0 to 2 are open, so none of them is below 3. */
static int set_stdio(const struct child *c)
{
	_cleanup_close_ int null = -1;

	for (int i = 0; i < 3; i++) {
		int fd = c->stdio[i];

		if (fd < 0) {
			if (null < 0)
				null = open("/dev/null", O_RDWR | O_CLOEXEC);
			fd = null;
		}
		if (fd < 0 || dup2(fd, i) < 0)
			return report_fail(c->report, -errno, "set standard input and output");
	}
	return 0;
}

/* A terminal in the container's own devpts, found below root. The master goes to the supervisor. */
static int set_tty(const struct child *c, int root)
{
	const struct report said = { .kind = REPORT_TTY };
	_cleanup_close_ int master = -1, slave = -1;
	struct statfs fs;
	int unlock = 0, r;

	master = sys_openat2(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0,
			     RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	if (master < 0 || fstatfs(master, &fs) < 0)
		return report_fail(c->report, -errno, "open /dev/pts/ptmx");
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return report_fail_text(c->report, -ENOTTY, "/dev/pts is no file system of terminals");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return report_fail(c->report, -errno, "unlock the terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return report_fail(c->report, -errno, "open the terminal");
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			return report_fail(c->report, -errno, "set standard input and output");
	r = report_send(c->report, &said, master);
	return r < 0 ? r : 0;
}

/* The container's /dev/console is its terminal. */
static int set_console(const struct child *c, int root)
{
	_cleanup_close_ int tree = mounts_clone(0, "", false);
	int r = tree < 0 ? tree : mounts_attach(tree, root, "/dev/console", RESOLVE_NO_SYMLINKS);

	return r < 0 ? report_fail(c->report, r, "mount /dev/console") : 0;
}

/* The pipes are made by root of the host, whom nobody in the user namespace may take them from. */
static void give_stdio(const struct child *c)
{
	uid_t root = userns_host_id(c->users, 0);

	for (int fd = 0; fd < 3 && c->users->fd >= 0; fd++)
		if (become_is_pipe(fd))
			(void)fchown(fd, root, root); /* ignoring: a convenience */
}

/*
 * CLONE_PARENT: podfs-pod is to reap it. The old clone: filters answer clone3 with ENOSYS. The second process waits until
 * podfs-pod has been told of it, so that it cannot end unheard of. Returns 0 in it; the first ends here.
 *
 * Where it has no PID namespace of its own, others see it at once, and with CAP_SYS_PTRACE may open what it has open: that
 * is no directory nor anything else of podfs-pod's by then. Nor is it dumpable, which a change of the user may have undone.
 */
static int go_on_in_second(const struct child *c, unsigned flags)
{
	struct report said = { .kind = REPORT_PID };
	int go[2], r;
	char byte;

	if (pipe2(go, O_CLOEXEC) < 0)
		return report_fail(c->report, -errno, "pipe");
	if (!(flags & CLONE_NEWPID)) {
		int keep[] = { 0, 1, 2, c->report, go[0], go[1] };

		child_close_others(keep, ARRAY_SIZE(keep));
		if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
			return report_fail(c->report, -errno, "hide the process");
	}
	said.pid = (int32_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD | flags, 0, 0, 0, 0);
	if (said.pid < 0)
		return report_fail(c->report, -errno, "clone");
	if (said.pid == 0) {
		if (close(go[1]) < 0 || read(go[0], &byte, 1) != 1)
			_exit(1);
		return 0;
	}
	r = report_send(c->report, &said, -1);
	/* The report ends with the second one's execve, and this one's end takes longer than that. */
	_exit(r == 0 && close(c->report) == 0 && write(go[1], "", 1) == 1 ? 0 : 1);
}

/* What is given up of the host comes first: then the container is built with the rights of the pod's own root. */
static int enter_users(const struct child *c)
{
	int r = userns_enter(c->users->fd);

	if (r < 0)
		return report_fail(c->report, r, "enter the user namespace");
	if (!c->own_pid)
		return 0;
	r = go_on_in_second(c, CLONE_NEWPID);
	if (r < 0)
		return r;
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno : 0;
}

/* Sees to it that the second process, where the container shares its PID namespace, is born in there. */
static int aim_at_shared(const struct child *c)
{
	if (c->pids < 0)
		return 0;
	return setns(c->pids, CLONE_NEWPID) < 0 ? report_fail(c->report, -errno, "enter the PID namespace of others") : 0;
}

static int start_session(const struct child *c)
{
	if (setsid() < 0 || (c->tty && ioctl(0, TIOCSCTTY, 0) < 0))
		return report_fail(c->report, -errno, "start a session");
	return 0;
}

/* The file system, standard input and output, and the new root. */
static int build(const struct child *c, const struct become *b)
{
	const struct rootfs_config fs = {
		.report = c->report,
		.spec = b->spec,
		.security = &b->security,
		.podns = c->podns,
		.users = c->users,
		.dir = c->dir,
		.sources = c->sources,
		.n_sources = c->n_sources,
		.cgroup_ns = c->cgroup_ns,
		.cgroup_v2 = c->cgroup_v2,
		.shared_pids = c->pids >= 0 && c->target < 0,
		.target = c->target,
	};
	int root = -1, r = rootfs_open(&fs);

	if (r == 0 && c->users->fd >= 0)
		r = enter_users(c);
	if (r == 0)
		r = aim_at_shared(c);
	if (r == 0)
		r = rootfs_build(&fs, &root);
	if (r == 0 && c->tty)
		r = set_tty(c, root);
	if (r == 0 && c->tty)
		r = set_console(c, root);
	if (r == 0 && c->pids < 0)
		r = start_session(c);
	return r < 0 ? r : rootfs_pivot(&fs, root);
}

static int run_container(const struct child *c)
{
	static struct become b;
	static struct spec spec;
	int r;

	r = begin(c, &spec, &b.security);
	if (r == 0 && !c->tty)
		r = set_stdio(c);
	if (r < 0)
		return r;
	if (!c->tty)
		give_stdio(c);
	b.report = c->report;
	b.spec = &spec;
	r = build(c, &b);
	if (r == 0)
		r = become_prepare(&b);
	if (r < 0)
		return r;
	become_own_stdio(&b, c->tty);
	r = become_drop(&b);
	if (r == 0 && c->pids >= 0)
		r = go_on_in_second(c, 0);
	if (r == 0 && c->pids >= 0)
		r = start_session(c);
	return r < 0 ? r : become_exec(&b);
}

void child_container(const struct child *c)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* ignoring: set again, and checked, before execve */
	(void)run_container(c); /* ignoring: it has reported */
	_exit(1);
}

/* The second of two processes: in the container's PID namespace, with the container's rights. */
static int exec_inside(const struct child *c, struct become *b)
{
	const char *builtin = spec_string(b->spec, SPEC_BUILTIN, NULL);
	int r;

	if (builtin && strcmp(builtin, "cp") != 0)
		return report_fail_text(c->report, -EOPNOTSUPP, "this pod's podfs-pod is too old for what is asked");
	r = start_session(c);
	if (r < 0)
		return r;
	return builtin ? pod_copy(b) : become_exec(b);
}

static int enter_container(const struct child *c)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | (c->cgroup_ns ? CLONE_NEWCGROUP : 0);
	int r = 0;

	if (setns(c->target, flags | (c->users->fd >= 0 ? CLONE_NEWUSER : 0)) < 0)
		r = -errno;
	else if (c->users->fd >= 0)
		r = userns_become_root();
	return r < 0 ? report_fail(c->report, r, "enter the container") : 0;
}

static int run_exec(const struct child *c)
{
	static struct become b;
	struct spec spec;
	int r;

	r = begin(c, &spec, &b.security);
	if (r == 0 && !c->tty)
		r = set_stdio(c);
	if (r == 0 && !c->tty)
		give_stdio(c);
	if (r == 0)
		r = enter_container(c);
	if (r == 0 && c->tty) {
		int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

		r = root < 0 ? report_fail(c->report, -errno, "open /") : set_tty(c, root);
	}
	if (r < 0)
		return r;
	b.report = c->report;
	b.spec = &spec;
	r = become_prepare(&b);
	if (r < 0)
		return r;
	become_own_stdio(&b, c->tty);
	r = become_drop(&b);
	if (r == 0)
		r = go_on_in_second(c, 0);
	return r < 0 ? r : exec_inside(c, &b);
}

void child_exec(const struct child *c)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* ignoring: set again, and checked, before execve */
	_exit(run_exec(c) < 0 ? 1 : 0);
}

void child_reaper_in(int userns, int podns, int told)
{
	pid_t pid;
	int ready[2];
	char byte;

	if (userns_enter(userns) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		_exit(1);
	pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		child_reaper(podns, ready[1]);
	_exit(pid > 0 && close(ready[1]) == 0 && read(ready[0], &byte, 1) == 1 &&
	      write(told, &pid, sizeof(pid)) == (ssize_t)sizeof(pid) ? 0 : 1);
}

void child_reaper(int podns, int ready)
{
	const struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct nothing[2] = { 0 };
	sigset_t all;

	/* Its root would be the host's to whoever may look into /proc/1/root: give it the pod's empty one. */
	if (podns_mount_pids(podns) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 || sys_capset(&header, nothing) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		_exit(1);
	(void)prctl(PR_SET_NAME, "pause", 0, 0, 0); /* ignoring: a name for people */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	if (write(ready, "", 1) != 1 || close_range(0, ~0U, 0) < 0)
		_exit(1);
	for (;;) {
		siginfo_t info;

		(void)sigwaitinfo(&all, &info); /* ignoring: whatever woke it, there may be children to reap */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}
