/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs-holder: keeps a mount while daemons come and go. It has /dev/fuse open, and a memfd with what the next daemon must
 * know (fs/keep.h), starts the daemon, and starts the next one when that dies: the kernel lets callers wait meanwhile.
 * It reads neither of the two. Static, one thread, no memory of its own, and no capabilities once both are open.
 *
 * podfs-holder READY DEATHS PODFS ARGUMENT...: READY is the descriptor of a pipe that is told when the mount can be used,
 * or -1; PODFS is run with the arguments.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/holder.h"
#include "cmd/notify.h"

enum {
	FD_FLOOR = 16, /* the holder's own descriptors are above those that the daemon gets */
};

struct holder {
	char **argv; /* of the daemon */
	int fuse, keep, signals, ready_pipe, control;
	pid_t daemon; /* 0: none */
	bool ready;   /* a daemon has served the mount */
	bool ending;  /* the daemon was told to end */
	unsigned max_deaths, deaths; /* deaths: of all daemons */
	int64_t died[HOLDER_DEATHS_MAX]; /* when the last max_deaths of them were: a ring */
};

/* A descriptor above the floor in place of fd. */
static int raise_fd(int fd)
{
	int high = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, FD_FLOOR);

	close_fdp(&fd);
	return high;
}

static void close_raised(int *fd)
{
	close_fdp(fd);
	*fd = -1;
}

/* A program that root starts gets all capabilities whatever its parent has left, so the holder needs none. */
static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &head, none) < 0)
		log_warning("cannot drop capabilities: %s, ignoring", strerrordesc_np(errno));
}

static int open_all(struct holder *h)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < 5; i++)
		sigaddset(&set, (const int[]){ SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD }[i]);
	(void)sigaction(SIGPIPE, &ignore, NULL); /* cannot fail with these arguments, nor can the next */
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	h->signals = raise_fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
	h->fuse = raise_fd(open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
	if (h->fuse < 0) {
		log_error("cannot open /dev/fuse: %s", strerrordesc_np(errno));
		return -errno;
	}
	h->keep = raise_fd(memfd_create("podfs", MFD_CLOEXEC));
	if (h->keep >= 0 && h->signals >= 0)
		return 0;
	log_error("cannot keep a mount: %s", strerrordesc_np(errno));
	return -errno;
}

/* In the child. Returns only when it fails. */
static void become_daemon(const struct holder *h, int control)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigemptyset(&none);
	(void)sigaction(SIGPIPE, &standard, NULL); /* cannot fail with these arguments, nor can the next */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(control, HOLDER_CONTROL_FD) >= 0 && dup2(h->fuse, HOLDER_FUSE_FD) >= 0 &&
	    dup2(h->keep, HOLDER_KEEP_FD) >= 0)
		(void)execv(h->argv[0], h->argv);
	log_error("cannot start %s: %s", h->argv[0], strerrordesc_np(errno));
}

static int start_daemon(struct holder *h)
{
	int pair[2];

	close_raised(&h->control);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("socketpair: %s", strerrordesc_np(errno));
		return -errno;
	}
	h->control = raise_fd(pair[0]);
	pair[1] = raise_fd(pair[1]);
	h->daemon = fork();
	if (h->daemon == 0) {
		become_daemon(h, pair[1]);
		_exit(DAEMON_FAILED);
	}
	close_raised(&pair[1]);
	if (h->daemon < 0) {
		log_error("fork: %s", strerrordesc_np(errno));
		h->daemon = 0;
		return -errno;
	}
	return 0;
}

static void on_control(struct holder *h)
{
	char byte;
	ssize_t n = read(h->control, &byte, 1);

	if (n <= 0) { /* the daemon's end is closed: it dies, and SIGCHLD tells */
		close_raised(&h->control);
		return;
	}
	if (byte != HOLDER_READY)
		return;
	h->ready = true;
	notify_systemd("READY=1");
	if (h->ready_pipe >= 0 && write(h->ready_pipe, "R", 1) < 0) {
		/* ignoring: who waited has gone, which changes nothing */
	}
	close_raised(&h->ready_pipe);
}

static void on_signal(struct holder *h)
{
	struct signalfd_siginfo info;

	while (read(h->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD || !h->daemon)
			continue;
		if (info.ssi_signo == SIGHUP && (!h->ready || h->ending))
			continue;
		if (info.ssi_signo != SIGHUP) {
			h->ending = true;
			notify_systemd("STOPPING=1");
		}
		(void)kill(h->daemon, (int)info.ssi_signo); /* cannot fail: it is our child, and not waited for yet */
	}
}

/* Whether there were too many deaths. */
static bool count_death(struct holder *h)
{
	int64_t now = clock_monotonic();

	h->died[h->deaths++ % h->max_deaths] = now;
	return h->deaths >= h->max_deaths &&
	       now - h->died[h->deaths % h->max_deaths] < HOLDER_DEATHS_SECONDS * NSEC_PER_SEC;
}

/* The daemon ended: 0 when there is another, else the holder's exit status + 1. */
static int on_end(struct holder *h, int status)
{
	char how[64];

	h->daemon = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == DAEMON_ENDED)
		return 1;
	if (!h->ready || (h->ending && WIFEXITED(status)))
		return 1 + DAEMON_FAILED;
	if (WIFSIGNALED(status))
		(void)snprintf(how, sizeof(how), "by signal %d", WTERMSIG(status));
	else
		(void)snprintf(how, sizeof(how), "with status %d", WEXITSTATUS(status));
	if (h->ending) {
		log_error("the daemon died %s as it ended", how);
		return 1 + DAEMON_FAILED;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != DAEMON_LEFT) {
		log_warning("the daemon died %s; the next one takes over", how);
		if (count_death(h)) {
			log_error("the daemon died %u times in %d s: the mount is given up, and calls into it fail; "
				  "containers run on until the next podfs mount adopts them",
				  h->max_deaths, HOLDER_DEATHS_SECONDS);
			return 1 + DAEMON_FAILED;
		}
	}
	return start_daemon(h) < 0 ? 1 + DAEMON_FAILED : 0;
}

static int serve(struct holder *h)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = h->signals, .events = POLLIN }, { .fd = h->control, .events = POLLIN } };
		int status, end = 0;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return DAEMON_FAILED;
		if (fds[1].revents)
			on_control(h);
		if (fds[0].revents)
			on_signal(h);
		if (h->daemon && waitpid(h->daemon, &status, WNOHANG) == h->daemon)
			end = on_end(h, status);
		if (end)
			return end - 1;
	}
}

int main(int argc, char **argv)
{
	struct holder h = { .fuse = -1, .keep = -1, .signals = -1, .control = -1 };

	if (argc < 4) {
		(void)fprintf(stderr, "podfs-holder is started by podfs mount\n");
		return 2;
	}
	h.ready_pipe = raise_fd((int)strtol(argv[1], NULL, 10));
	h.max_deaths = (unsigned)strtoul(argv[2], NULL, 10);
	h.argv = argv + 3;
	if (h.max_deaths < 1 || h.max_deaths > HOLDER_DEATHS_MAX)
		h.max_deaths = HOLDER_DEATHS;
	if (open_all(&h) < 0)
		return DAEMON_FAILED;
	drop_capabilities();
	if (start_daemon(&h) < 0)
		return DAEMON_FAILED;
	return serve(&h);
}
