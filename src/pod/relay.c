/* SPDX-License-Identifier: Apache-2.0 */
#include "pod/relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/child.h"
#include "pod/sys.h"

enum { CHUNK = 64 * 1024, POLLS = 2 * RELAY_FLOWS + 2, POLL_SIZES = 2 * RELAY_FLOWS, POLL_ENDED };

/* One way. */
struct flow {
	int from, to; /* -1: it has ended */
	bool input;   /* from a socket; else to one */
	size_t left;  /* that it may still take */
	size_t at, len;
	char chunk[CHUNK];
};

struct relay {
	struct flow flows[RELAY_FLOWS];
	int sizes, ended;
	bool leaving; /* nobody is there to wait for */
};

/* It has nothing that it does not need, nor can anybody look into it who has no right over the host. */
static int give_up(const struct relay *r, pid_t parent)
{
	const struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct nothing[2] = { 0 };
	int all[2 * RELAY_FLOWS + 2], keep[ARRAY_SIZE(all)];
	size_t n = 0, n_all = 0;

	for (size_t i = 0; i < RELAY_FLOWS; i++) {
		all[n_all++] = r->flows[i].from;
		all[n_all++] = r->flows[i].to;
	}
	all[n_all++] = r->sizes;
	all[n_all++] = r->ended;
	for (size_t i = 0; i < n_all; i++)
		if (all[i] >= 0)
			keep[n++] = all[i];
	(void)prctl(PR_SET_NAME, "podfs-relay", 0, 0, 0); /* ignoring: a name for people */
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL); /* cannot fail */
	if (sys_capset(&header, nothing) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	/* Whatever else podfs-pod has open is held open by that alone. */
	child_close_others(keep, n);
	return getppid() == parent ? 0 : -ESRCH;
}

static void end(struct flow *f)
{
	close_fdp(&f->from);
	close_fdp(&f->to);
	f->len = 0;
}

/* What is none is nothing, be it empty. */
static void take_size(struct relay *r, bool last)
{
	struct winsize size;
	ssize_t n = recv(r->sizes, &size, sizeof(size), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(size)) {
		(void)ioctl(r->flows[RELAY_INPUT].to, TIOCSWINSZ, &size); /* ignoring: it is no terminal, or keeps its own */
	} else if (n <= 0 && last) {
		close_fdp(&r->sizes);
		r->leaving = true;
	}
}

static ssize_t take(struct flow *f)
{
	size_t size = f->left < sizeof(f->chunk) ? f->left : sizeof(f->chunk);
	ssize_t n = f->input ? recv(f->from, f->chunk, size, MSG_DONTWAIT) : read(f->from, f->chunk, size);

	if (n > 0) {
		f->at = 0;
		f->len = (size_t)n;
		f->left -= (size_t)n;
	}
	return n;
}

static ssize_t give(struct flow *f)
{
	const char *data = f->chunk + f->at;
	ssize_t n = f->input ? write(f->to, data, f->len) : send(f->to, data, f->len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0) {
		f->at += (size_t)n;
		f->len -= (size_t)n;
	}
	return n;
}

/* One step. False if it would have to wait, or has ended. */
static bool copy(struct flow *f)
{
	ssize_t n = f->len ? give(f) : take(f);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0 || (f->len == 0 && f->left == 0))
		end(f);
	return f->to >= 0;
}

/* The program takes nothing any more; of what it has left behind nobody waits for the end. */
static void program_ended(struct relay *r)
{
	close_fdp(&r->ended);
	end(&r->flows[RELAY_INPUT]);
	for (size_t i = RELAY_OUTPUT; i < RELAY_FLOWS; i++) {
		struct flow *f = &r->flows[i];
		int n = 0;

		if (f->from < 0)
			continue;
		f->left = ioctl(f->from, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
		if (f->left == 0 && f->len == 0)
			end(f);
	}
}

static bool is_over(const struct relay *r)
{
	bool over = true;

	for (size_t i = 0; i < RELAY_FLOWS; i++)
		over &= r->flows[i].to < 0;
	return over;
}

static void look(struct relay *r, struct pollfd p[POLLS])
{
	for (size_t i = 0; i < RELAY_FLOWS; i++) {
		struct flow *f = &r->flows[i];

		p[2 * i] = (struct pollfd){ .fd = f->len ? -1 : f->from, .events = POLLIN };
		p[2 * i + 1] = (struct pollfd){ .fd = f->to, .events = f->len ? POLLOUT : 0 };
	}
	p[POLL_SIZES] = (struct pollfd){ .fd = r->sizes, .events = POLLIN | POLLRDHUP };
	p[POLL_ENDED] = (struct pollfd){ .fd = r->ended };
}

static void serve(struct relay *r)
{
	while (!is_over(r)) {
		struct pollfd p[POLLS];

		look(r, p);
		if (poll(p, POLLS, -1) < 0)
			break;
		if (p[POLL_SIZES].revents)
			take_size(r, p[POLL_SIZES].revents & ~POLLIN);
		for (size_t i = 0; i < RELAY_FLOWS; i++) {
			struct flow *f = &r->flows[i];

			if (p[2 * i + 1].revents & (POLLERR | POLLHUP))
				end(f);
			else if (f->to >= 0 && (p[2 * i].revents || p[2 * i + 1].revents))
				(void)copy(f);
		}
		while (r->leaving && r->flows[RELAY_INPUT].to >= 0)
			if (!copy(&r->flows[RELAY_INPUT]))
				end(&r->flows[RELAY_INPUT]);
		if (p[POLL_ENDED].revents)
			program_ended(r);
	}
}

pid_t relay_start(const struct relay_streams *s)
{
	static struct relay r;
	pid_t parent = getpid(), pid = sys_clone3(0, SIGCHLD, -1, NULL);

	if (pid != 0)
		return pid < 0 ? -errno : pid;
	r.sizes = s->sizes;
	r.ended = s->ended;
	for (size_t i = 0; i < RELAY_FLOWS; i++) {
		bool input = i == RELAY_INPUT;

		r.flows[i].from = input ? s->asker[i] : s->program[i];
		r.flows[i].to = input ? s->program[i] : s->asker[i];
		r.flows[i].left = SIZE_MAX;
		r.flows[i].input = input;
	}
	if (give_up(&r, parent) < 0)
		_exit(1);
	serve(&r);
	_exit(0);
}
