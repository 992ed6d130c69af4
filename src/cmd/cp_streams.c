/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cmd/commands.h"
#include "cmd/cp.h"

enum {
	LINE_MAX_BYTES = 16 * 1024, /* of what the container's end says; longer ones are cut in pieces */
	WAKE_MS = 20,		    /* between two signals that end a wait */
	END_MS = 5000,		    /* that it is given to put in order what an interruption has left */
};

_Atomic int cp_interrupted;

/* The caller knows that. Nothing that it does then to put things in order is to be disturbed. */
static _Atomic bool noticed;

/* --- what the container's end says --- */

void cp_print(const char *prefix, const char *line, size_t len)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	buf_puts(&b, prefix);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];
		/* U+0080 to U+009f are control characters too, for a terminal in UTF-8 */
		bool c1 = c == 0xc2 && i + 1 < len && ((unsigned char)line[i + 1] & 0xe0) == 0x80;

		if (c < ' ' || c == 0x7f || c1)
			buf_printf(&b, "\\x%02x", c);
		else
			buf_putc(&b, line[i]);
	}
	(void)fprintf(stderr, "%s\n", buf_str(&b));
}

static void print_line(struct cp_session *s, const char *line, size_t len)
{
	s->has_said = true;
	if (!atomic_load(&s->quiet))
		cp_print(s->prefix, line, len);
}

/* Prints the lines that are complete, or all with `end`. Returns how much is left. */
static size_t print_lines(struct cp_session *s, char *text, size_t fill, bool end)
{
	size_t at = 0;
	char *nl;

	while ((nl = memchr(text + at, '\n', fill - at))) {
		print_line(s, text + at, (size_t)(nl - text) - at);
		at = (size_t)(nl - text) + 1;
	}
	if (at < fill && (end || fill - at == LINE_MAX_BYTES)) {
		print_line(s, text + at, fill - at);
		at = fill;
	}
	memmove(text, text + at, fill - at);
	return fill - at;
}

static void on_signal(struct cp_session *s)
{
	struct signalfd_siginfo info;
	sigset_t set;

	if (read(s->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (atomic_load(&cp_interrupted)) {
		(void)sigemptyset(&set); /* none of these can fail */
		(void)sigaddset(&set, (int)info.ssi_signo);
		(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		(void)raise((int)info.ssi_signo);
	}
	atomic_store(&cp_interrupted, (int)info.ssi_signo);
}

static void *listen_to(void *arg)
{
	struct cp_session *s = arg;
	struct pollfd p[] = { { .fd = s->said, .events = POLLIN },
			      { .fd = s->done, .events = POLLIN },
			      { .fd = s->signals, .events = POLLIN } };
	char text[LINE_MAX_BYTES];
	size_t fill = 0;

	/* Whoever has its end of the pipe besides may hold it for long: what is there by the end is read. */
	for (;;) {
		bool wakes = atomic_load(&cp_interrupted) && !atomic_load(&noticed);
		ssize_t n;

		/* again and again, since it may be about to wait */
		if (wakes)
			(void)pthread_kill(s->caller, SIGUSR1); /* cannot fail: it waits for this thread before it ends */
		if (poll(p, 3, wakes ? WAKE_MS : -1) < 0)
			continue;
		if (p[2].revents)
			on_signal(s);
		if (!p[0].revents && p[1].revents)
			break;
		if (!p[0].revents)
			continue;
		n = read(s->said, text + fill, sizeof(text) - fill);
		if (n == 0 || (n < 0 && errno != EINTR))
			p[0].fd = -1;
		fill = print_lines(s, text, fill + (n > 0 ? (size_t)n : 0), false);
	}
	(void)print_lines(s, text, fill, true); /* nothing is left */
	return NULL;
}

/* --- its life --- */

static void on_wake(int sig)
{
	(void)sig; /* that it came ends the call */
}

/* Those that end the command, unless whoever started it has them ignored, come to the listener. */
static int take_signals(struct cp_session *s)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction a;
	sigset_t set;

	(void)sigemptyset(&set); /* none of these can fail */
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (sigaction(ends[i], NULL, &a) == 0 && a.sa_handler != SIG_IGN)
			(void)sigaddset(&set, ends[i]);
	(void)sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_wake }, NULL);
	(void)pthread_sigmask(SIG_BLOCK, &set, &s->before);
	s->caller = pthread_self();
	s->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return s->signals < 0 ? -errno : 0;
}

int cp_begin(struct cp_session *s, char **args, size_t n_args, struct error *err)
{
	char text[REMOTE_TEXT_SIZE] = "";
	int fds[CONTROL_FDS_MAX], r;
	struct control_answer a = { 0 };

	s->remote.input = true;
	r = remote_ask(&s->remote, CONTROL_COPY, args, n_args, err);
	if (r == 0)
		r = remote_receive(&s->remote, &a, text, fds, err);
	if (r == 0 && a.type != CONTROL_STARTED)
		r = error_set(err, a.code < 0 ? a.code : -EIO, "%s", remote_reason(&a, text));
	if (r < 0)
		return r;
	s->out = fds[0];
	s->said = fds[1];
	s->in = fds[2];
	s->done = eventfd(0, EFD_CLOEXEC);
	r = s->done < 0 ? -errno : take_signals(s);
	if (r == 0)
		r = -pthread_create(&s->listener, NULL, listen_to, s);
	s->listens = r == 0;
	return r < 0 ? error_errno(err, r, "thread") : 0;
}

static void end_listener(struct cp_session *s)
{
	uint64_t one = 1;

	if (!s->listens)
		return;
	if (write(s->done, &one, sizeof(one)) < 0) {
		/* cannot fail: nobody else writes there */
	}
	(void)pthread_join(s->listener, NULL);
	s->listens = false;
}

static bool is_interrupted(void)
{
	if (!atomic_load(&cp_interrupted))
		return false;
	atomic_store(&noticed, true);
	return true;
}

/* Waits for the last answer. 0, or -EINTR once the container's end has had its time after an interruption. */
static int wait_for_end(const struct cp_session *s)
{
	struct pollfd p = { .fd = s->remote.sock, .events = POLLIN };
	int64_t until = 0;
	int r;

	do {
		if (!until && is_interrupted())
			until = clock_monotonic() + END_MS * NSEC_PER_MSEC;
		r = poll(&p, 1, until ? (int)((until - clock_monotonic()) / NSEC_PER_MSEC) : -1);
	} while (r < 0 && (!until || clock_monotonic() < until));
	return r > 0 ? 0 : -EINTR;
}

int cp_end(struct cp_session *s, struct error *err)
{
	char text[REMOTE_TEXT_SIZE] = "";
	struct control_answer a = { 0 };
	int fds[CONTROL_FDS_MAX], r;

	close_fdp(&s->in);
	close_fdp(&s->out);
	r = wait_for_end(s);
	if (r < 0)
		error_set(err, r, "interrupted");
	else
		r = remote_receive(&s->remote, &a, text, fds, err);
	end_listener(s);
	if (r < 0)
		return r;
	if (a.type != CONTROL_EXITED)
		return error_set(err, a.code < 0 ? a.code : -EIO, "%s", remote_reason(&a, text));
	if (a.code == 0 || s->has_said)
		return a.code != 0;
	return error_set(err, -EIO, a.code > 128 ? "the container's end was killed by signal %d" :
						   "the container's end failed with status %d", a.code > 128 ? a.code - 128 : a.code);
}

void cp_clear(struct cp_session *s)
{
	end_listener(s);
	close_fdp(&s->in);
	close_fdp(&s->out);
	close_fdp(&s->said);
	close_fdp(&s->done);
	if (s->signals >= 0)
		(void)pthread_sigmask(SIG_SETMASK, &s->before, NULL); /* cannot fail */
	close_fdp(&s->signals);
	free(s->prefix);
	remote_clear(&s->remote);
}

/* --- bytes --- */

ssize_t cp_read(void *arg, void *data, size_t size)
{
	for (;;) {
		ssize_t n = atomic_load(&cp_interrupted) ? -1 : read(*(int *)arg, data, size);

		if (is_interrupted())
			return -EINTR;
		if (n >= 0 || errno != EINTR)
			return n < 0 ? -errno : n;
	}
}

ssize_t cp_write(void *arg, const void *data, size_t size)
{
	for (;;) {
		ssize_t n = atomic_load(&cp_interrupted) ? -1 : write(*(int *)arg, data, size);

		if (is_interrupted())
			return -EINTR;
		if (n < 0 && errno == ECONNRESET)
			return -EPIPE; /* it took not all of it */
		if (n >= 0 || errno != EINTR)
			return n < 0 ? -errno : n;
	}
}
