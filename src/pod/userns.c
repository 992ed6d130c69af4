/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/sys.h"

enum { NOBODY = 65534 }; /* Linux' overflow ID */

static int write_map(pid_t pid, const char *name, const struct userns *u)
{
	_cleanup_close_ int fd = -1;
	char text[64];
	int n;

	(void)snprintf(text, sizeof(text), "/proc/%d/%s", (int)pid, name);
	fd = open(text, O_WRONLY | O_CLOEXEC);
	n = snprintf(text, sizeof(text), "0 %u %u\n", u->first, u->count);
	return fd < 0 || write(fd, text, (size_t)n) != n ? -errno : 0;
}

static int open_namespace(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int take(struct userns *u, pid_t pid, int pidfd, int flags)
{
	_cleanup_close_ int user = -1, mnt = -1;
	int r = write_map(pid, "uid_map", u);

	if (r == 0)
		r = write_map(pid, "gid_map", u);
	if (r < 0)
		return r;
	user = open_namespace(pid, "user");
	mnt = open_namespace(pid, "mnt");
	if (user < 0 || mnt < 0)
		return user < 0 ? user : mnt;
	if (flags && setns(pidfd, flags) < 0)
		return -errno;
	u->fd = steal_fd(&user);
	u->mnt = steal_fd(&mnt);
	return 0;
}

int userns_make(struct userns *u, int flags)
{
	_cleanup_close_ int pidfd = -1;
	pid_t pid = sys_clone3((unsigned)flags | CLONE_NEWUSER | CLONE_NEWNS | CLONE_PIDFD, SIGCHLD, -1, &pidfd);
	int r;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* ignoring: cannot fail with these arguments */
		for (;;)
			(void)pause(); /* ignoring: until it is killed */
	}
	r = take(u, pid, pidfd, flags);
	(void)kill(pid, SIGKILL); /* ignoring: our child, not reaped yet */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

int userns_become_root(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	(void)sys_join_session_keyring(NULL); /* ignoring: kernels without keys */
	return 0;
}

int userns_enter(int fd)
{
	return setns(fd, CLONE_NEWUSER) < 0 ? -errno : userns_become_root();
}

uint32_t userns_host_id(const struct userns *u, uint32_t id)
{
	if (u->fd < 0)
		return id;
	return u->first + (id < u->count ? id : NOBODY);
}
