/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { SAFE_FD = 10 };

static struct {
	int program, sock; /* O_PATH of the program; -1: it is not there. -1: it does not run */
	pid_t pid;
} relay = { -1, -1, 0 };

void relay_init(void)
{
	static const char suffix[] = "-curl";
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(suffix));

	if (n <= 0)
		return;
	memcpy(path + n, suffix, sizeof(suffix));
	relay.program = open(path, O_PATH | O_CLOEXEC);
}

void relay_stop(void)
{
	close_fdp(&relay.sock);
	if (relay.pid <= 0)
		return;
	(void)kill(relay.pid, SIGKILL); /* ignoring: it may have ended */
	while (waitpid(relay.pid, NULL, 0) < 0 && errno == EINTR)
		;
	relay.pid = 0;
}

static int spawn(int theirs)
{
	const char *const argv[] = { "podfs-probe-curl", NULL };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t actions;
	char program[64];
	int r = -posix_spawn_file_actions_init(&actions);

	if (r < 0)
		return r;
	(void)snprintf(program, sizeof(program), "/proc/self/fd/%d", relay.program);
	r = -posix_spawn_file_actions_adddup2(&actions, theirs, PROBE_SOCKET_FD);
	if (r == 0)
		r = -posix_spawn(&relay.pid, program, &actions, NULL, (char *const *)(uintptr_t)argv, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int start(void)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int ends[2], r;

	if (relay.program < 0)
		return -ENOENT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	ours = ends[0];
	theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, SAFE_FD);
	close_fdp(&ends[1]);
	if (theirs < 0 || fcntl(theirs, F_SETFL, 0) < 0)
		return -errno;
	r = spawn(theirs);
	if (r == 0)
		relay.sock = steal_fd(&ours);
	return r;
}

int relay_send(const void *message, size_t size, uint64_t id, int *ret_fd)
{
	struct probe_request r;
	struct iovec parts[] = { { &r, sizeof(r) },
				 { (char *)(uintptr_t)message + sizeof(r), size - sizeof(r) } };
	const struct msghdr m = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };

	*ret_fd = -1;
	if (relay.sock < 0) {
		int e = start();

		if (e < 0)
			return e;
		*ret_fd = relay.sock;
	}
	memcpy(&r, message, sizeof(r));
	r.id = id;
	r.count = r.period_ms = 0;
	return sendmsg(relay.sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int relay_receive(struct probe_reply *ret, char text[static PROBE_TEXT_MAX])
{
	struct iovec parts[] = { { ret, sizeof(*ret) }, { text, PROBE_TEXT_MAX } };
	struct msghdr m = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };
	ssize_t n = relay.sock < 0 ? -1 : recvmsg(relay.sock, &m, 0);

	if (relay.sock < 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	if (n < (ssize_t)sizeof(*ret)) {
		relay_stop();
		return -EPIPE;
	}
	n -= (ssize_t)sizeof(*ret);
	text[n < PROBE_TEXT_MAX ? n : PROBE_TEXT_MAX - 1] = '\0';
	return 1;
}
