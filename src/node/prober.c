/* SPDX-License-Identifier: Apache-2.0 */
#include "node/prober.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SAFE_FD = 10 };

struct prober {
	char *program;
	int sock; /* -1: it does not run */
	pid_t pid;
};

struct prober *prober_new(const char *program)
{
	struct prober *p = calloc(1, sizeof(*p));
	const char *named = program ? program : secure_getenv("PODFS_PROBE");

	if (!p)
		return NULL;
	p->sock = -1;
	p->program = strdup(named ? named : PODFS_LIBEXECDIR "/podfs-probe");
	if (p->program)
		return p;
	free(p);
	return NULL;
}

/* Hangs up and waits: it ends when it sees that, unless it is stuck, and what it does is nobody's then. */
static void stop(struct prober *p)
{
	close_fdp(&p->sock);
	if (p->pid <= 0)
		return;
	(void)kill(p->pid, SIGKILL); /* ignoring: it may have ended */
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
}

void prober_free(struct prober *p)
{
	if (!p)
		return;
	stop(p);
	free(p->program);
	free(p);
}

static int spawn(struct prober *p, int theirs)
{
	const char *const argv[] = { "podfs-probe", NULL };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int r = -posix_spawnattr_init(&attr);

	if (r < 0)
		return r;
	r = -posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		(void)sigemptyset(&none);
		r = -posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
		if (r == 0)
			r = -posix_spawnattr_setsigmask(&attr, &none);
		if (r == 0)
			r = -posix_spawn_file_actions_adddup2(&actions, theirs, PROBE_SOCKET_FD);
		if (r == 0)
			r = -posix_spawn(&p->pid, p->program, &actions, &attr, (char *const *)(uintptr_t)argv, env);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	(void)posix_spawnattr_destroy(&attr);
	return r;
}

static int start(struct prober *p, struct error *err)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, -errno, "make a socket pair");
	ours = ends[0];
	theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, SAFE_FD);
	close_fdp(&ends[1]);
	if (theirs < 0 || fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return error_errno(err, -errno, "make a socket pair");
	r = spawn(p, theirs);
	if (r < 0)
		return error_errno(err, r, "start %s", p->program);
	p->sock = steal_fd(&ours);
	return 0;
}

/* Appends a string with its NUL; false when it does not fit. */
static bool put(char *message, size_t *len, const char *s)
{
	size_t n = strlen(s) + 1;

	if (n > PROBE_MESSAGE_MAX - *len)
		return false;
	memcpy(message + *len, s, n);
	*len += n;
	return true;
}

int prober_send(struct prober *p, const struct prober_check *check, int *ret_fd, struct error *err)
{
	struct probe_request r = { .id = check->id, .method = check->method, .timeout_ms = check->timeout_ms,
				   .port = check->port, .n_headers = (uint16_t)check->n_headers, .count = check->count,
				   .period_ms = check->period_ms };
	_cleanup_free_ char *message = malloc(PROBE_MESSAGE_MAX);
	size_t len = sizeof(r);
	int e;

	*ret_fd = -1;
	if (!message)
		return error_errno(err, -ENOMEM, "probe");
	memcpy(message, &r, sizeof(r));
	if (check->n_headers > PROBE_HEADERS_MAX || !put(message, &len, check->host) || !put(message, &len, check->path))
		return error_set(err, -E2BIG, "the probe's host, path and headers are too long");
	for (size_t i = 0; i < check->n_headers; i++)
		if (!put(message, &len, check->headers[i]))
			return error_set(err, -E2BIG, "the probe's host, path and headers are too long");
	if (p->sock < 0) {
		e = start(p, err);
		if (e < 0)
			return e;
		*ret_fd = p->sock;
	}
	if (send(p->sock, message, len, MSG_NOSIGNAL) < 0)
		return error_errno(err, -errno, "ask podfs-probe");
	return 0;
}

void prober_forget(struct prober *p, uint64_t id)
{
	const struct probe_request r = { .id = id, .method = PROBE_FORGET };

	if (p->sock >= 0)
		(void)send(p->sock, &r, sizeof(r), MSG_NOSIGNAL); /* ignoring: it ends by its count, and nobody listens */
}

int prober_receive(struct prober *p, struct probe_reply *ret, char text[static PROBE_TEXT_MAX])
{
	char message[sizeof(*ret) + PROBE_TEXT_MAX];
	ssize_t n;

	if (p->sock < 0)
		return 0;
	n = recv(p->sock, message, sizeof(message), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < (ssize_t)sizeof(*ret)) {
		stop(p);
		return -EPIPE;
	}
	memcpy(ret, message, sizeof(*ret));
	n -= (ssize_t)sizeof(*ret);
	memcpy(text, message + sizeof(*ret), (size_t)n);
	text[n < PROBE_TEXT_MAX ? n : PROBE_TEXT_MAX - 1] = '\0';
	return 1;
}
