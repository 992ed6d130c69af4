/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs exec: runs a program in a container. The daemon is asked over its socket (cmd/control.h) and answers with sockets from
 * and to podfs-pod, which copies from and to the program, or the master of a terminal: no byte passes through the daemon, and the program has nothing of this
 * process's. With its terminal it could type (TIOCSTI) what the shell of who asked would carry out.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cmd/commands.h"
#include "cmd/pump.h"
#include "cmd/remote.h"

/* As shells have it. */
enum { EXIT_CANNOT = 126, EXIT_ABSENT = 127 };

static const char help[] =
	"usage: podfs exec [-it] [-c CONTAINER] POD [--] COMMAND [ARGUMENT]...\n"
	"Runs a program in a container of a pod and exits as it does.\n"
	"POD is the pod's directory in a mounted cluster, or its name (in the namespace default) when there is one\n"
	"mounted cluster only.\n"
	"  -c, --container NAME  the container; else the pod's default or first one\n"
	"  -i, --stdin           pass standard input; without it the program has none\n"
	"  -t, --tty             give it a terminal\n"
	"      --run-dir PATH    the daemon's runtime directory (" DEFAULT_RUN_DIR ")\n";

struct session {
	struct remote remote;
	struct pump pump;
	int master; /* the pump's */
	int winch;
};

static int status_of(const struct control_answer *a, const char *text)
{
	if (a->type == CONTROL_EXITED)
		return a->code;
	(void)fprintf(stderr, "podfs exec: %s\n", remote_reason(a, text));
	return a->code == -ENOENT ? EXIT_ABSENT : a->code == -EACCES ? EXIT_CANNOT : REMOTE_FAILED;
}

static void on_started(struct session *s, const int fds[CONTROL_FDS_MAX])
{
	if (!s->remote.tty) {
		pump_set_output(&s->pump, fds[0], fds[1]);
		pump_set_input(&s->pump, fds[2]);
		return;
	}
	s->master = fds[0];
	s->winch = terminal_open_winch();
	if (s->remote.input)
		terminal_make_raw();
	terminal_copy_size(s->master);
	pump_set_terminal(&s->pump, s->master, s->remote.input);
}

/* Until the program has ended and all that it wrote is copied: from a terminal until that says that nobody has it any more,
 * since what was written to it last may still be on its way. */
static int run(struct session *s, struct error *err)
{
	struct control_answer a = { .type = CONTROL_STARTED };
	char text[REMOTE_TEXT_SIZE] = "";
	struct pollfd more[] = { { .fd = s->remote.sock, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	int fds[CONTROL_FDS_MAX], r = 0;

	while (r == 0 && (a.type == CONTROL_STARTED || (s->remote.tty && pump_has_output(&s->pump)))) {
		struct signalfd_siginfo info;

		pump_round(&s->pump, more, ARRAY_SIZE(more));
		if (more[1].revents && read(s->winch, &info, sizeof(info)) > 0 && pump_has_output(&s->pump))
			terminal_copy_size(s->master);
		if (!more[0].revents)
			continue;
		r = remote_receive(&s->remote, &a, text, fds, err);
		if (r == 0 && a.type == CONTROL_STARTED) {
			on_started(s, fds);
			more[1].fd = s->winch;
		} else {
			more[0].fd = -1;
		}
	}
	pump_drain(&s->pump);
	return r < 0 ? r : status_of(&a, text);
}

int cmd_exec(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	static struct session s;
	int r, first;

	s.remote = REMOTE_INIT;
	s.master = s.winch = -1;
	pump_init(&s.pump);
	r = remote_options(&s.remote, argc, argv, help, false);
	if (r >= 0)
		return r;
	first = optind + 1;
	if (first < argc && !strcmp(argv[first], "--"))
		first++;
	if (first >= argc) {
		(void)fprintf(stderr, "podfs exec: want a %s; see podfs exec --help\n", optind < argc ? "command" : "pod");
		return 2;
	}
	/* a program that reads no more is no reason to end before it */
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL); /* cannot fail */
	r = remote_find_pod(&s.remote, argv[optind], &err);
	if (r == 0)
		r = remote_ask(&s.remote, CONTROL_RUN, argv + first, (size_t)(argc - first), &err);
	if (r == 0)
		r = run(&s, &err);
	if (r < 0) {
		(void)fprintf(stderr, "podfs exec: %s\n", error_text(&err));
		r = REMOTE_FAILED;
	}
	pump_clear(&s.pump);
	close_fdp(&s.winch);
	remote_clear(&s.remote);
	return r;
}
