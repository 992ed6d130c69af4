/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs attach: what a container writes from now on, and its standard input. The daemon answers with sockets that lead to
 * podfs-pod: no byte passes through the daemon, and it may be replaced meanwhile.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "cmd/commands.h"
#include "cmd/pump.h"
#include "cmd/remote.h"

static const char help[] =
	"usage: podfs attach [-it] [-c CONTAINER] POD\n"
	"Shows what a container writes from now on, until it ends.\n"
	"POD is the pod's directory in a mounted cluster, or its name (in the namespace default) when there is one\n"
	"mounted cluster only.\n"
	"  -c, --container NAME  the container; else the pod's default or first one\n"
	"  -i, --stdin           pass standard input to it: its spec must have stdin: true\n"
	"  -t, --tty             it has a terminal (tty: true): make this one raw\n"
	"      --run-dir PATH    the daemon's runtime directory (" DEFAULT_RUN_DIR ")\n";

struct attachment {
	struct remote *remote;
	struct pump pump;
	int sizes; /* where this terminal's are sent; -1: nowhere */
};

/* Asks, and waits for the answer. */
static int attach(struct attachment *a, struct error *err)
{
	int fds[CONTROL_FDS_MAX];
	struct control_answer answer = { 0 };
	char text[REMOTE_TEXT_SIZE];
	int r = remote_ask(a->remote, CONTROL_ATTACH, NULL, 0, err);

	if (r == 0)
		r = remote_receive(a->remote, &answer, text, fds, err);
	if (r < 0)
		return r;
	if (answer.type != CONTROL_STARTED)
		return error_set(err, answer.code < 0 ? answer.code : -EIO, "%s", remote_reason(&answer, text));
	pump_set_output(&a->pump, fds[0], fds[1]);
	pump_set_input(&a->pump, fds[2]);
	a->sizes = fds[3];
	return 0;
}

/* Until the container has ended, or nobody takes what it writes to its standard output: as the next in a pipeline, that is
 * who it is for. */
static void serve(struct attachment *a)
{
	_cleanup_close_ int winch = a->sizes >= 0 && a->remote->tty ? terminal_open_winch() : -1;
	struct pollfd more = { .fd = winch, .events = POLLIN };

	if (a->remote->input && a->remote->tty)
		terminal_make_raw();
	if (winch >= 0)
		terminal_send_size(a->sizes);
	while (pump_has_output(&a->pump) && !a->pump.out.refused) {
		struct signalfd_siginfo info;

		pump_round(&a->pump, &more, 1);
		if (more.revents && read(winch, &info, sizeof(info)) > 0)
			terminal_send_size(a->sizes);
	}
}

int remote_attach(struct remote *s, struct error *err)
{
	static struct attachment a;
	int r;

	a.remote = s;
	a.sizes = -1;
	pump_init(&a.pump);
	r = attach(&a, err);
	if (r == 0)
		serve(&a);
	r = r < 0 ? r : !a.pump.out.refused;
	s->said = a.pump.out.came || a.pump.err.came;
	pump_clear(&a.pump);
	close_fdp(&a.sizes);
	return r;
}

int cmd_attach(int argc, char **argv)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct remote s = REMOTE_INIT;
	int r;

	r = remote_options(&s, argc, argv, help, true);
	if (r >= 0)
		return r;
	if (optind != argc - 1) {
		(void)fprintf(stderr, "podfs attach: want one pod; see podfs attach --help\n");
		return 2;
	}
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL); /* cannot fail with these arguments */
	r = remote_find_pod(&s, argv[optind], &err);
	if (r == 0)
		r = remote_attach(&s, &err);
	if (r < 0)
		(void)fprintf(stderr, "podfs attach: %s\n", error_text(&err));
	remote_clear(&s);
	return r < 0 ? REMOTE_FAILED : 0;
}
