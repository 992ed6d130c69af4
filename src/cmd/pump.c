/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/pump.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { FLOWS = 3 };

static void end(struct pump_flow *f)
{
	if (f->owns_from)
		close_fdp(&f->from);
	if (f->owns_to)
		close_fdp(&f->to);
	f->from = f->to = -1;
	f->at = f->len = 0;
}

void pump_init(struct pump *p)
{
	struct pump_flow *flows[FLOWS] = { &p->in, &p->out, &p->err };

	for (size_t i = 0; i < FLOWS; i++) {
		flows[i]->from = flows[i]->to = -1;
		flows[i]->owns_from = flows[i]->owns_to = flows[i]->refused = flows[i]->came = false;
		flows[i]->at = flows[i]->len = 0;
		flows[i]->chunk = PUMP_BUFFER;
	}
}

/* Of a descriptor that nobody else has. */
static void never_wait(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK); /* ignoring: then a write may hold up the other ways */
}

void pump_set_input(struct pump *p, int to)
{
	if (to < 0)
		return;
	never_wait(to);
	p->in.from = STDIN_FILENO;
	p->in.to = to;
	p->in.owns_to = true;
}

/* A pipe is opened anew, so as to write what fits, or written to by no more than surely does. */
static void set_to(struct pump_flow *f, int from, int to)
{
	struct stat st;
	char path[32];
	int again = -1;

	if (from < 0)
		return;
	f->from = from;
	f->owns_from = true;
	f->to = to;
	if (fstat(to, &st) < 0 || !S_ISFIFO(st.st_mode))
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
	again = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	f->chunk = again < 0 ? PIPE_BUF : PUMP_BUFFER;
	f->owns_to = again >= 0;
	f->to = again < 0 ? to : again;
}

void pump_set_output(struct pump *p, int out, int err)
{
	set_to(&p->out, out, STDOUT_FILENO);
	set_to(&p->err, err, STDERR_FILENO);
}

void pump_set_terminal(struct pump *p, int master, bool input)
{
	never_wait(master);
	set_to(&p->out, master, STDOUT_FILENO);
	if (input) {
		p->in.from = STDIN_FILENO;
		p->in.to = master; /* which the other way owns: it has no end of input */
	}
}

static void refuse(struct pump_flow *f)
{
	end(f);
	f->refused = true;
}

static void fill(struct pump_flow *f)
{
	ssize_t n = read(f->from, f->buffer, sizeof(f->buffer));

	if (n > 0) {
		f->at = 0;
		f->len = (size_t)n;
		f->came = true;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		end(f);
	}
}

static void spill(struct pump_flow *f)
{
	size_t len = f->len < f->chunk ? f->len : f->chunk;
	ssize_t n = send(f->to, f->buffer + f->at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno == ENOTSOCK)
		n = write(f->to, f->buffer + f->at, len);
	if (n >= 0) {
		f->at += (size_t)n;
		f->len -= (size_t)n;
	} else if (errno != EINTR && errno != EAGAIN) {
		refuse(f);
	}
}

static int round_of(struct pump *p, struct pollfd *more, size_t n_more, int timeout)
{
	struct pump_flow *flows[FLOWS] = { &p->in, &p->out, &p->err };
	struct pollfd fds[2 * FLOWS + PUMP_MORE_MAX], *to = fds + FLOWS, *others = fds + 2 * FLOWS;
	int n;

	for (size_t i = 0; i < FLOWS; i++) {
		fds[i] = (struct pollfd){ .fd = flows[i]->len ? -1 : flows[i]->from, .events = POLLIN };
		to[i] = (struct pollfd){ .fd = flows[i]->to, .events = flows[i]->len ? POLLOUT : 0 };
	}
	if (!p->in.len && !p->in.owns_to)
		to[0].fd = -1; /* a terminal may be opened again */
	for (size_t i = 0; i < n_more; i++)
		others[i] = more[i];
	n = poll(fds, 2 * FLOWS + n_more, timeout);
	for (size_t i = 0; i < n_more; i++)
		more[i].revents = n > 0 ? others[i].revents : 0;
	for (size_t i = 0; i < FLOWS && n > 0; i++) {
		if (flows[i]->len && to[i].revents)
			spill(flows[i]);
		else if (to[i].revents)
			refuse(flows[i]);
		else if (!flows[i]->len && fds[i].revents)
			fill(flows[i]);
	}
	if (p->out.from < 0 && p->in.to >= 0 && !p->in.owns_to)
		end(&p->in); /* they were one terminal */
	return n;
}

void pump_round(struct pump *p, struct pollfd *more, size_t n_more)
{
	(void)round_of(p, more, n_more, -1); /* ignoring: a signal, so the caller looks again */
}

bool pump_has_output(const struct pump *p)
{
	return p->out.from >= 0 || p->err.from >= 0;
}

void pump_drain(struct pump *p)
{
	end(&p->in);
	while (round_of(p, NULL, 0, p->out.len || p->err.len ? -1 : 0) > 0)
		;
}

void pump_clear(struct pump *p)
{
	end(&p->in);
	end(&p->out);
	end(&p->err);
}
