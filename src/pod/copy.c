/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/copy.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "copy/copy.h"
#include "pod/report.h"

static ssize_t take(void *arg, void *data, size_t size)
{
	ssize_t n;

	(void)arg;
	do
		n = read(STDIN_FILENO, data, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t give(void *arg, const void *data, size_t size)
{
	ssize_t n;

	(void)arg;
	do
		n = write(STDOUT_FILENO, data, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* A line of what a file's name may have: whoever shows it sees to what a terminal must not be told. */
static void say(void *arg, const char *path, const char *text)
{
	_cleanup_buf_ struct buf line = BUF_INIT;

	(void)arg;
	for (; *path; path++) {
		if (*path == '\n')
			buf_puts(&line, "\\n");
		else
			buf_putc(&line, *path);
	}
	buf_printf(&line, "%s%s\n", line.len ? ": " : "", text);
	if (write(STDERR_FILENO, buf_str(&line), line.len) < 0) {
		/* ignoring: the status tells that something was wrong */
	}
}

/* What ends an archive, and has not been said. Nobody is told that nobody listens. */
static void say_end(struct copy *c, int code)
{
	if (code == -EBADMSG)
		say(NULL, "", "what came is no tar archive, or is damaged");
	else if (code == -ENODATA)
		say(NULL, "", "the archive ended early");
	else if (!c->failed && code != -EPIPE)
		say(NULL, "", strerrordesc_np(-code));
}

static int run(struct copy *c, char **args)
{
	_cleanup_free_ struct tar_out *out = calloc(1, sizeof(*out));
	_cleanup_free_ struct tar_in *in = calloc(1, sizeof(*in));

	if (!in || !out)
		return -ENOMEM;
	in->read = take;
	out->write = give;
	if (!strcmp(args[0], "send"))
		return copy_send(c, args[1], out);
	return copy_receive(c, args[2], args[3], (unsigned)strtoul(args[1], NULL, 10), in);
}

static bool is_request(char **args)
{
	size_t n = 0;

	while (args[n])
		n++;
	return (n == 2 && !strcmp(args[0], "send")) || (n == 4 && !strcmp(args[0], "receive"));
}

int pod_copy(struct become *b)
{
	struct copy c = { .say = say };
	int r;

	if (!is_request(b->argv))
		return report_fail_text(b->report, -EINVAL, "not a request for a copy");
	r = become_builtin(b);
	if (r < 0)
		return r;
	(void)prctl(PR_SET_NAME, "podfs-cp", 0, 0, 0); /* ignoring: a name for people */
	/*
	 * When who asked has gone, the stream ends, and what is half written is removed: it is to have the time for that,
	 * before SIGKILL.
	 */
	(void)sigaction(SIGTERM, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL); /* cannot fail */
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	r = run(&c, b->argv);
	if (r < 0)
		say_end(&c, r);
	_exit(r < 0 || c.failed);
}
