/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs exec: runs a program in a container. The daemon is asked over its socket (cmd/control.h) and hands this process's
 * own input and output, or the master of a terminal, from and to the program: no byte of either passes through the daemon.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cmd/commands.h"
#include "cmd/remote.h"

/* As container engines have it: 125 when it is not the program's own status, 126 and 127 as shells. */
enum { EXIT_OURS = 125, EXIT_CANNOT = 126, EXIT_ABSENT = 127 };

static const char help[] =
	"usage: podfs exec [-it] [-c CONTAINER] POD [--] COMMAND [ARGUMENT]...\n"
	"Runs a program in a container of a pod and exits as it does.\n"
	"POD is the pod's directory in a mounted cluster, or its name (in the namespace default) when there is one\n"
	"mounted cluster only.\n"
	"  -c, --container NAME  the container; else the pod's default or first one\n"
	"  -i, --stdin           pass standard input; without it the program has none\n"
	"  -t, --tty             give it a terminal\n"
	"      --run-dir PATH    the daemon's runtime directory (" DEFAULT_RUN_DIR ")\n";

static const struct option long_options[] = {
	{ "container", required_argument, NULL, 'c' }, { "stdin", no_argument, NULL, 'i' },
	{ "tty", no_argument, NULL, 't' },	       { "run-dir", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },	       { NULL, 0, NULL, 0 },
};

struct session {
	struct remote remote;
	bool input, tty;
	int ours[3]; /* other ends of what the program has instead of a terminal of this process's; -1: it has no need of it */
};

/*
 * What the program is given as its standard streams: this process's own, so that no byte passes through it; but of a terminal a
 * pipe, which is copied from and to it. With a terminal itself a program could type into it (TIOCSTI) what the shell of who
 * asked would carry out.
 */
static int open_streams(struct session *s, int theirs[3], int to_close[3], struct error *err)
{
	for (int i = 0; i < 3; i++) {
		int ends[2];

		theirs[i] = i;
		if (i == STDIN_FILENO && !s->input) {
			theirs[i] = to_close[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
			if (theirs[i] < 0)
				return error_errno(err, -errno, "/dev/null");
		} else if (isatty(i)) {
			if (pipe2(ends, O_CLOEXEC) < 0)
				return error_errno(err, -errno, "pipe");
			s->ours[i] = ends[i == STDIN_FILENO];
			theirs[i] = to_close[i] = ends[i != STDIN_FILENO];
		}
	}
	return 0;
}

static int ask(struct session *s, char **args, int n_args, struct error *err)
{
	int theirs[3], to_close[3] = { -1, -1, -1 };
	int r = s->tty ? 0 : open_streams(s, theirs, to_close, err);

	if (r == 0)
		r = remote_ask(&s->remote, CONTROL_RUN, s->tty, args, (size_t)n_args, s->tty ? NULL : theirs, err);
	for (int i = 0; i < 3; i++)
		close_fdp(&to_close[i]);
	return r;
}

static int status_of(const struct control_answer *a, const char *text)
{
	if (a->type == CONTROL_EXITED)
		return a->code;
	(void)fprintf(stderr, "podfs exec: %s\n", *text ? text : strerrordesc_np(-a->code));
	return a->code == -ENOENT ? EXIT_ABSENT : a->code == -EACCES ? EXIT_CANNOT : EXIT_OURS;
}

/* Until the program has ended and all it wrote is copied. */
static int serve_terminal(struct session *s, int master, struct error *err)
{
	_cleanup_close_ int winch = terminal_open_winch();
	struct pollfd p[] = {
		{ .fd = master, .events = POLLIN },
		{ .fd = s->remote.sock, .events = POLLIN },
		{ .fd = s->input ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = winch, .events = POLLIN },
	};
	struct control_answer a = { 0 };
	char text[REMOTE_TEXT_SIZE] = "";
	int fd, r = 0;

	if (s->input)
		terminal_make_raw();
	terminal_copy_size(master);
	while ((p[0].fd >= 0 || p[1].fd >= 0) && r == 0) {
		struct signalfd_siginfo info;

		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return error_errno(err, -errno, "poll");
		if (p[3].revents && read(winch, &info, sizeof(info)) > 0)
			terminal_copy_size(master);
		if (p[2].revents && !remote_copy(STDIN_FILENO, master))
			p[2].fd = -1;
		if (p[0].revents && !remote_copy(master, STDOUT_FILENO))
			p[0].fd = -1;
		if (p[1].revents) {
			r = remote_receive(&s->remote, &a, text, &fd, err);
			p[1].fd = -1;
		}
	}
	return r < 0 ? r : status_of(&a, text);
}

/* Copies from and to the terminal until the program has ended and all it wrote is there. */
static int serve_pipes(struct session *s, struct error *err)
{
	struct pollfd p[] = {
		{ .fd = s->ours[1], .events = POLLIN },
		{ .fd = s->ours[2], .events = POLLIN },
		{ .fd = s->ours[0] >= 0 ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = s->remote.sock, .events = POLLIN },
	};
	struct control_answer a = { 0 };
	char text[REMOTE_TEXT_SIZE] = "";
	int fd, r = 0;

	while (r == 0 && (p[0].fd >= 0 || p[1].fd >= 0 || p[3].fd >= 0)) {
		if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
			return error_errno(err, -errno, "poll");
		for (int i = 0; i < 2; i++)
			if (p[i].revents && !remote_copy(p[i].fd, i ? STDERR_FILENO : STDOUT_FILENO))
				p[i].fd = -1;
		if (p[2].revents && !remote_copy(STDIN_FILENO, s->ours[0])) {
			p[2].fd = -1;
			close_fdp(&s->ours[0]);
		}
		if (!p[3].revents)
			continue;
		r = remote_receive(&s->remote, &a, text, &fd, err);
		if (a.type == CONTROL_STARTED)
			continue;
		/* Whoever the program has left behind may hold the pipes for long: what is there by now is copied. */
		p[3].fd = p[2].fd = -1;
		for (int i = 0; i < 2 && r == 0; i++) {
			while (p[i].fd >= 0 && poll(&p[i], 1, 0) > 0 && remote_copy(p[i].fd, i ? STDERR_FILENO : STDOUT_FILENO))
				;
			p[i].fd = -1;
		}
	}
	return r < 0 ? r : status_of(&a, text);
}

static int run(struct session *s, struct error *err)
{
	_cleanup_close_ int master = -1;
	struct control_answer a;
	char text[REMOTE_TEXT_SIZE];
	int r;

	if (s->ours[0] >= 0 || s->ours[1] >= 0 || s->ours[2] >= 0)
		return serve_pipes(s, err);
	do {
		r = remote_receive(&s->remote, &a, text, &master, err);
		if (r == 0 && a.type == CONTROL_STARTED && master >= 0)
			return serve_terminal(s, master, err);
	} while (r == 0 && a.type == CONTROL_STARTED);
	return r < 0 ? r : status_of(&a, text);
}

static int parse(int argc, char **argv, struct session *s)
{
	int c;

	while ((c = getopt_long(argc, argv, "+c:ith", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			s->remote.container = optarg;
			break;
		case 'i':
			s->input = true;
			break;
		case 't':
			s->tty = true;
			break;
		case 'r':
			s->remote.run_dir = optarg;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc)
		return -1;
	(void)fprintf(stderr, "podfs exec: want a pod; see podfs exec --help\n");
	return 2;
}

int cmd_exec(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct session s = { .remote = { .run_dir = DEFAULT_RUN_DIR, .container = "", .sock = -1 }, .ours = { -1, -1, -1 } };
	int r = parse(argc, argv, &s), first;

	if (r >= 0)
		return r;
	first = optind + 1;
	if (first < argc && !strcmp(argv[first], "--"))
		first++;
	if (first >= argc) {
		(void)fprintf(stderr, "podfs exec: want a command; see podfs exec --help\n");
		return 2;
	}
	/* a program that reads no more is no reason to end before it */
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL); /* cannot fail */
	r = remote_find_pod(&s.remote, argv[optind], &err);
	if (r == 0)
		r = ask(&s, argv + first, argc - first, &err);
	if (r == 0)
		r = run(&s, &err);
	if (r < 0) {
		(void)fprintf(stderr, "podfs exec: %s\n", error_text(&err));
		r = EXIT_OURS;
	}
	for (int i = 0; i < 3; i++)
		close_fdp(&s.ours[i]);
	remote_clear(&s.remote);
	return r;
}
