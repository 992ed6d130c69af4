/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/target.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/child.h"
#include "pod/mounts.h"
#include "pod/report.h"
#include "pod/sys.h"

/* In the PID namespace. */
_Noreturn static void make(int sock, unsigned attr)
{
	struct report said = { .kind = REPORT_READY };
	int fd = mounts_new("proc", "", attr);

	said.code = fd < 0 ? fd : 0;
	_exit(report_send(sock, &said, fd) < 0);
}

/* Gives up what the one in there is not to have, and starts that one. */
_Noreturn static void go_in(int pidfd, int podns, int sock, unsigned attr)
{
	struct report said = { .kind = REPORT_FAILED };
	int status;
	pid_t pid = -1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* ignoring: cannot fail with these arguments */
	if (setns(podns, CLONE_NEWNS) == 0 && setns(pidfd, CLONE_NEWPID) == 0) {
		child_close_others(&sock, 1);
		pid = sys_clone3(0, SIGCHLD, -1, NULL);
	}
	if (pid == 0)
		make(sock, attr);
	said.code = -errno;
	if (pid < 0)
		_exit(report_send(sock, &said, -1) < 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(0);
}

int target_proc(int pidfd, int podns, unsigned attr)
{
	_cleanup_close_ int ours = -1, theirs = -1, fd = -1;
	struct report said;
	int ends[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	ours = ends[0];
	theirs = ends[1];
	pid = sys_clone3(0, SIGCHLD, -1, NULL);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		go_in(pidfd, podns, theirs, attr);
	close_fdp(&theirs);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	r = report_receive(ours, &said, &fd); /* by now it has said what there is to say */
	if (r <= 0)
		return r < 0 ? r : -ESRCH;
	if (said.code < 0 || fd < 0)
		return said.code < 0 ? said.code : -EBADMSG;
	return steal_fd(&fd);
}
