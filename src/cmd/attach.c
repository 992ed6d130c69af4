/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs attach: what a container writes from now on, and its standard input. podfs-pod gives a copy of the output to two
 * sockets of this process's; who asked is given where the container's input goes. No byte of either passes through the daemon,
 * and it may be replaced meanwhile.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "cmd/commands.h"
#include "cmd/remote.h"

enum { EXIT_OURS = 125, SOCKET_BYTES = 1024 * 1024 };

static const char help[] =
	"usage: podfs attach [-it] [-c CONTAINER] POD\n"
	"Shows what a container writes from now on, until it ends.\n"
	"POD is the pod's directory in a mounted cluster, or its name (in the namespace default) when there is one\n"
	"mounted cluster only.\n"
	"  -c, --container NAME  the container; else the pod's default or first one\n"
	"  -i, --stdin           pass standard input to it: its spec must have stdin: true\n"
	"  -t, --tty             it has a terminal (tty: true): make this one raw\n"
	"      --run-dir PATH    the daemon's runtime directory (" DEFAULT_RUN_DIR ")\n";

static const struct option long_options[] = {
	{ "container", required_argument, NULL, 'c' }, { "stdin", no_argument, NULL, 'i' },
	{ "tty", no_argument, NULL, 't' },	       { "run-dir", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },	       { NULL, 0, NULL, 0 },
};

struct attachment {
	struct remote remote;
	bool input, tty;
	int out[2]; /* where its output and errors come */
	int to;	    /* its input */
};

/* Asks, and waits for the answer. */
static int attach(struct attachment *a, struct error *err)
{
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int theirs[2] = { -1, -1 };
	const int size = SOCKET_BYTES;
	struct control_answer answer;
	char text[REMOTE_TEXT_SIZE];
	int r = null < 0 ? -errno : 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		int ends[2];

		r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
		if (r == 0) {
			a->out[i] = ends[0];
			theirs[i] = ends[1];
			/* ignoring: a smaller one does */
			(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
		}
	}
	if (r < 0)
		error_errno(err, r, "sockets");
	else
		r = remote_ask(&a->remote, a->input ? CONTROL_ATTACH_INPUT : CONTROL_ATTACH, false, NULL, 0,
			       (const int[]){ null, theirs[0], theirs[1] }, err);
	close_fdp(&theirs[0]);
	close_fdp(&theirs[1]);
	if (r == 0)
		r = remote_receive(&a->remote, &answer, text, &a->to, err);
	if (r == 0 && answer.type != CONTROL_STARTED)
		return error_set(err, answer.code < 0 ? answer.code : -EIO, "%s",
				 *text ? text : strerrordesc_np(-answer.code));
	return r;
}

/* Until the container has ended, or nobody takes what it writes. */
static int serve(struct attachment *a, struct error *err)
{
	_cleanup_close_ int winch = a->tty && a->to >= 0 ? terminal_open_winch() : -1;
	struct pollfd p[] = {
		{ .fd = a->out[0], .events = POLLIN },
		{ .fd = a->out[1], .events = POLLIN },
		{ .fd = a->input ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = winch, .events = POLLIN },
	};

	if (a->input && a->tty)
		terminal_make_raw();
	if (winch >= 0)
		terminal_copy_size(a->to);
	while (p[0].fd >= 0 || p[1].fd >= 0) {
		struct signalfd_siginfo info;

		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return error_errno(err, -errno, "poll");
		if (p[3].revents && read(winch, &info, sizeof(info)) > 0)
			terminal_copy_size(a->to);
		for (int i = 0; i < 2; i++)
			if (p[i].revents && !remote_copy(p[i].fd, i ? STDERR_FILENO : STDOUT_FILENO))
				p[i].fd = -1;
		if (p[2].revents && !remote_copy(STDIN_FILENO, a->to)) {
			p[2].fd = -1;
			close_fdp(&a->to);
			p[3].fd = -1;
		}
	}
	return 0;
}

static int parse(int argc, char **argv, struct attachment *a)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:ith", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			a->remote.container = optarg;
			break;
		case 'i':
			a->input = true;
			break;
		case 't':
			a->tty = true;
			break;
		case 'r':
			a->remote.run_dir = optarg;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (optind == argc - 1)
		return -1;
	(void)fprintf(stderr, "podfs attach: want one pod; see podfs attach --help\n");
	return 2;
}

int cmd_attach(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct attachment a = { .remote = { .run_dir = DEFAULT_RUN_DIR, .container = "", .sock = -1 }, .out = { -1, -1 }, .to = -1 };
	int r = parse(argc, argv, &a);

	if (r >= 0)
		return r;
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL); /* cannot fail with these arguments */
	r = remote_find_pod(&a.remote, argv[optind], &err);
	if (r == 0)
		r = attach(&a, &err);
	if (r == 0 && a.input && a.to < 0)
		r = error_set(&err, -ENOTCONN, "the container takes no input: it has no stdin, or stdinOnce and somebody had it before");
	if (r == 0)
		r = serve(&a, &err);
	if (r < 0)
		(void)fprintf(stderr, "podfs attach: %s\n", error_text(&err));
	close_fdp(&a.out[0]);
	close_fdp(&a.out[1]);
	close_fdp(&a.to);
	remote_clear(&a.remote);
	return r < 0 ? EXIT_OURS : 0;
}
