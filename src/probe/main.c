/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs-probe: carries out the probes that go over the network, so that what containers answer is never in the daemon. The
 * agent starts it when the first such probe is due; it ends when the agent hangs up. It runs as nobody, without
 * privileges. It keeps the time of requests that stand (protocol.h), so that neither the daemon nor this is woken for more
 * than the checks themselves.
 */
#include <bsd/sys/tree.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "probe/plain.h"
#include "probe/relay.h"

enum { NOBODY = 65534, EVENTS_MAX = 64 };

/* podfs-probe-curl keeps to a check's time by itself; only when it says nothing at all is it given up. */
static const int64_t answer_margin = NSEC_PER_SEC;

#define NEVER INT64_MAX

/* A request in hand. */
struct job {
	RB_ENTRY(job) by_time;
	int64_t at;  /* monotonic time: of the next check, or the end of that under way */
	int64_t due; /* when the check under way, or the next, was to begin */
	enum { RESTING, CHECKING, PASSED_ON } state;
	struct probe_request request;
	uint32_t checks; /* carried out */
	uint64_t passed; /* its id with podfs-probe-curl */
	struct plain *plain; /* NULL: podfs-probe-curl does it */
	size_t size;
	char message[]; /* as it came */
};

static int compare(const struct job *a, const struct job *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return a->request.id < b->request.id ? -1 : a->request.id > b->request.id;
}

RB_HEAD(jobs, job);
RB_GENERATE_INTERNAL(jobs, job, by_time, compare, __attribute__((unused)) static)

static struct jobs jobs = RB_INITIALIZER(&jobs);
static int epoll = -1, control = PROBE_SOCKET_FD, curl; /* curl: its address stands for podfs-probe-curl in epoll */
static uint64_t last_passed;

static int drop_privileges(void)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int watch(int fd, void *ptr)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = ptr };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* --- what is asked and answered --- */

/* A full socket means that the agent does not read; it waits then, as a pipe's writer does. */
static int answer(const struct probe_reply *reply, const char *text)
{
	struct iovec parts[] = { { (void *)(uintptr_t)reply, sizeof(*reply) }, { (char *)(uintptr_t)text, strlen(text) + 1 } };
	const struct msghdr m = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };
	ssize_t n;

	do
		n = sendmsg(control, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void schedule(struct job *j, int64_t at)
{
	RB_REMOVE(jobs, &jobs, j);
	j->at = at;
	RB_INSERT(jobs, &jobs, j);
}

static void job_free(struct job *j)
{
	RB_REMOVE(jobs, &jobs, j);
	plain_free(j->plain);
	free(j);
}

/* The next check comes a period after the last was due, as a ticker's would; one that is missed is left out. */
static void rest(struct job *j, int64_t now)
{
	int64_t period = (int64_t)j->request.period_ms * NSEC_PER_MSEC;

	j->due += period;
	if (j->due <= now)
		j->due = now + period;
	j->state = RESTING;
	schedule(j, j->due);
}

/* A check has ended. Returns as answer(). */
static int end_check(struct job *j, const struct verdict *v, int64_t now)
{
	struct probe_reply reply = { .id = j->request.id, .outcome = v->outcome, .flags = v->flags,
				     .ago_ms = (uint32_t)((now - j->due) / NSEC_PER_MSEC) };

	if (++j->checks < j->request.count && v->outcome == PROBE_SUCCESS && !(v->flags & PROBE_WARNING)) {
		rest(j, now);
		return 0;
	}
	job_free(j);
	return answer(&reply, v->text);
}

static int fail(struct job *j, const char *text, int64_t now)
{
	struct verdict v = { .outcome = PROBE_ERROR };

	(void)snprintf(v.text, sizeof(v.text), "%s", text);
	return end_check(j, &v, now);
}

/* --- checks --- */

/* When a check that begins now is given up. */
static int64_t end_of(const struct job *j, int64_t now)
{
	return j->request.timeout_ms ? now + (int64_t)j->request.timeout_ms * NSEC_PER_MSEC : NEVER;
}

static int pass_on(struct job *j, int64_t now)
{
	char text[128];
	int fd, r = relay_send(j->message, j->size, ++last_passed, &fd);

	if (fd >= 0 && watch(fd, &curl) < 0)
		relay_stop(); /* as its answers would not be read */
	if (r < 0) {
		(void)snprintf(text, sizeof(text), "ask podfs-probe-curl: %s", strerrordesc_np(-r));
		return fail(j, text, now);
	}
	j->state = PASSED_ON;
	j->passed = last_passed;
	schedule(j, j->request.timeout_ms ? end_of(j, now) + answer_margin : NEVER);
	return 0;
}

static int go_on(struct job *j, enum plain_progress p, const struct verdict *v, int64_t now)
{
	if (p == PLAIN_GOES_ON)
		return 0;
	if (p == PLAIN_ENDED)
		return end_check(j, v, now);
	plain_free(j->plain);
	j->plain = NULL;
	return pass_on(j, now);
}

static int begin(struct job *j, int64_t now)
{
	struct verdict v = { 0 };
	enum plain_progress p;

	if (!j->plain)
		return pass_on(j, now);
	p = plain_begin(j->plain, &v);
	if (p != PLAIN_GOES_ON)
		return go_on(j, p, &v, now);
	j->state = CHECKING;
	schedule(j, end_of(j, now));
	return 0;
}

static int time_out(struct job *j, int64_t now)
{
	struct verdict v = { 0 };

	if (j->state == PASSED_ON)
		return fail(j, "podfs-probe-curl does not answer", now);
	plain_time_out(j->plain, &v);
	return end_check(j, &v, now);
}

/* Does what is due, and tells how long there is nothing to do, in ms; -1: until something comes. Or a negative errno. */
static int work(int *ret_wait)
{
	int64_t now = clock_monotonic();
	struct job *j;
	int r = 0;

	while (r == 0 && (j = RB_MIN(jobs, &jobs)) && j->at <= now)
		r = j->state == RESTING ? begin(j, now) : time_out(j, now);
	j = RB_MIN(jobs, &jobs);
	*ret_wait = -1;
	if (j && j->at != NEVER) {
		int64_t ms = (j->at - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;

		*ret_wait = ms < INT_MAX ? (int)ms : INT_MAX;
	}
	return r;
}

/* --- messages --- */

static struct job *job_of(uint64_t id, bool passed)
{
	struct job *j;

	RB_FOREACH(j, jobs, &jobs)
		if (passed ? j->state == PASSED_ON && j->passed == id : j->request.id == id)
			return j;
	return NULL;
}

/* A new request. A negative errno when it makes no sense. */
static int take(const char *message, size_t size, int64_t now)
{
	struct job *j;
	int r;

	if (size < sizeof(j->request))
		return -EBADMSG;
	j = calloc(1, sizeof(*j) + size);
	if (!j)
		return -ENOMEM;
	memcpy(&j->request, message, sizeof(j->request));
	memcpy(j->message, message, size);
	j->size = size;
	j->at = j->due = now;
	if (j->request.method < PROBE_TCP || j->request.method >= PROBE_FORGET || job_of(j->request.id, false) ||
	    (j->request.count > 1 && !j->request.period_ms))
		r = -EBADMSG;
	else
		r = plain_new(message, size, epoll, j, &j->plain);
	if (r < 0) {
		free(j);
		return r;
	}
	RB_INSERT(jobs, &jobs, j);
	return 0;
}

static int refuse(const char *message, size_t size)
{
	struct probe_reply reply = { .outcome = PROBE_ERROR };

	if (size >= sizeof(reply.id))
		memcpy(&reply.id, message, sizeof(reply.id));
	return answer(&reply, "");
}

/* Takes all requests that are there. 0, or -EPIPE when the agent has gone. */
static int take_requests(void)
{
	static char message[PROBE_MESSAGE_MAX];
	int64_t now = clock_monotonic();

	for (;;) {
		ssize_t n = recv(control, message, sizeof(message), MSG_DONTWAIT);
		struct probe_request r = { 0 };
		struct job *j;

		if (n == 0)
			return -EPIPE;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		memcpy(&r, message, (size_t)n < sizeof(r) ? (size_t)n : sizeof(r));
		if (r.method == PROBE_FORGET) {
			j = job_of(r.id, false);
			if (j)
				job_free(j);
		} else if (take(message, (size_t)n, now) < 0 && refuse(message, (size_t)n) < 0) {
			return -EPIPE;
		}
	}
}

/* Takes what podfs-probe-curl answers; when that has ended, what it had in hand came to nothing. */
static int take_answers(void)
{
	int64_t now = clock_monotonic();
	struct probe_reply reply = { 0 };
	struct verdict v = { 0 };
	struct job *j, *next;
	int got, r = 0;

	while (r == 0 && (got = relay_receive(&reply, v.text)) > 0) {
		j = job_of(reply.id, true);
		v.outcome = (enum probe_outcome)reply.outcome;
		v.flags = reply.flags;
		if (j)
			r = end_check(j, &v, now);
	}
	if (r < 0 || got == 0)
		return r;
	RB_FOREACH_SAFE(j, jobs, &jobs, next)
		if (r == 0 && j->state == PASSED_ON)
			r = fail(j, "podfs-probe-curl has ended", now);
	return r;
}

/* Checks first: an answer or a request may end a job of which there is news in the same batch. */
static int take_events(const struct epoll_event *events, int n)
{
	int64_t now = clock_monotonic();
	bool asked = false, answered = false;
	int r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		struct job *j = events[i].data.ptr;
		struct verdict v = { 0 };

		asked |= events[i].data.ptr == &control;
		answered |= events[i].data.ptr == &curl;
		if (events[i].data.ptr != &control && events[i].data.ptr != &curl)
			r = go_on(j, plain_go_on(j->plain, &v), &v, now);
	}
	if (r == 0 && answered)
		r = take_answers();
	if (r == 0 && asked)
		r = take_requests();
	return r;
}

int main(void)
{
	struct epoll_event events[EVENTS_MAX];
	struct job *j;
	int wait = -1, r;

	relay_init();
	r = drop_privileges();
	if (r == 0 && (epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
		r = -errno;
	if (r == 0)
		r = watch(control, &control);
	if (r < 0) {
		(void)fprintf(stderr, "podfs-probe: %s\n", strerrordesc_np(-r));
		return 1;
	}
	while (r == 0) {
		int n = epoll_wait(epoll, events, EVENTS_MAX, wait);

		if (n < 0 && errno != EINTR)
			r = -errno;
		else
			r = take_events(events, n > 0 ? n : 0);
		if (r == 0)
			r = work(&wait);
	}
	while ((j = RB_MIN(jobs, &jobs)))
		job_free(j);
	relay_stop();
	return r == -EPIPE ? 0 : 1;
}
