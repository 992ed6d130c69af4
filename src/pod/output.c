/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containers write, copied to their log files.
 *
 * Who writes much wakes who reads for each little piece, and that costs more than the copying. So a stream that brings
 * much is given a large pipe and read by the clock until it brings little again.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pod/pod.h"

enum {
	RESTS_SIZE = 2 * CRILOG_LINE_MAX,
	FULL_READ = CRILOG_IN_SIZE - CRILOG_LINE_MAX, /* after which there may be more */
	SMALL_READ = 4096, /* what touches little of the buffers' memory */
	COPY_ROUNDS = 4,   /* reads of one stream before others have their turn */
	TRIM_MS = 1000,	   /* after which memory that a busy log has touched is given back */
	PACE_MS = 4,	   /* between two looks at a stream that brings much */
	PACE_ROUNDS = 32,
	PACE_PIPE = 1024 * 1024, /* the kernel's usual limit: 250 MB/s with PACE_MS */
	USUAL_PIPE = 64 * 1024,
	MUCH_MS = 16,	   /* a stream that brings MUCH bytes in that time is paced */
	MUCH = 256 * 1024,
	LITTLE = 16 * 1024, /* until it brings no more than that in PACE_MS */
};

int pod_output_open(struct pod *p, struct slot *s, const struct pod_start *start)
{
	char *path = p->logs[s - p->slots];

	pod_copy_text(path, POD_PATH_SIZE, start->log);
	s->rests = mmap(NULL, RESTS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->rests != MAP_FAILED)
		(void)madvise(s->rests, RESTS_SIZE, MADV_DONTFORK); /* ignoring: for what runs in a container without execve */
	if (s->rests == MAP_FAILED) {
		s->rests = NULL;
		return -errno;
	}
	s->log = (struct crilog){
		.buffers = &p->log_buffers,
		.fd = -1,
		.path = path,
		.max_size = start->log_max_size,
		.max_files = start->log_max_files < 2 ? 2 : start->log_max_files,
		.streams = { { .rest = s->rests }, { .rest = s->rests + CRILOG_LINE_MAX } },
	};
	if (*path) {
		s->log.fd = crilog_open(path, &s->log.size);
		if (s->log.fd < 0)
			pod_warn(p, start->name, "open the log file", s->log.fd);
	}
	return 0;
}

static void detach(struct attached *a)
{
	close_fdp(&a->fd);
	a->used = false;
}

bool pod_output_can_attach(struct pod *p)
{
	size_t n = 0;

	for (size_t i = 0; i < POD_ATTACHED_MAX; i++) {
		struct attached *a = &p->attached[i];
		struct pollfd gone = { .fd = a->fd };

		/* Who has gone without being written to since is found here. */
		if (a->used && poll(&gone, 1, 0) > 0 && (gone.revents & POLLHUP))
			detach(a);
		n += !a->used;
	}
	return n >= 2;
}

void pod_output_attach(struct pod *p, struct slot *s, int fds[2])
{
	for (size_t i = 0, n = 0; i < POD_ATTACHED_MAX && n < 2; i++) {
		if (p->attached[i].used)
			continue;
		(void)shutdown(fds[n], SHUT_RD); /* ignoring: it was, so that nothing is in it when it is closed */
		p->attached[i] = (struct attached){ .fd = steal_fd(&fds[n]), .used = true, .slot = (int)(s - p->slots),
						    .which = n ? CRILOG_STDERR : CRILOG_STDOUT };
		n++;
	}
}

/* Who reads too slowly misses what does not fit: nobody waits for that, and the log has it all. */
static void copy_to_attached(struct pod *p, const struct slot *s, enum crilog_which which, const char *data, size_t len)
{
	for (size_t i = 0; i < POD_ATTACHED_MAX; i++) {
		struct attached *a = &p->attached[i];

		if (a->used && a->which == which && &p->slots[a->slot] == s &&
		    send(a->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != ENOBUFS)
			detach(a);
	}
}

static void set_pacer(struct pod *p, bool on)
{
	const struct timespec t = { .tv_nsec = on ? PACE_MS * NSEC_PER_MSEC : 0 };

	(void)timerfd_settime(p->pacer, 0, &(struct itimerspec){ t, t }, NULL); /* cannot fail with these arguments */
}

static void pace(struct pod *p, struct slot *s, enum crilog_which which, bool on)
{
	if (s->pace[which].on == on)
		return;
	if (p->pacer < 0) {
		p->pacer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
		if (p->pacer < 0 || pod_watch(p, p->pacer, SOURCE_PACER, 0) < 0) {
			close_fdp(&p->pacer);
			return;
		}
	}
	s->pace[which] = (struct pace){ .on = on };
	p->n_paced += on ? 1U : -1U;
	if (p->n_paced == on) /* the first, or the last */
		set_pacer(p, on);
	if (s->out[which] < 0)
		return;
	pod_unwatch(p, s->out[which], which ? SOURCE_ERR : SOURCE_OUT, (size_t)(s - p->slots), !on);
	(void)fcntl(s->out[which], F_SETPIPE_SZ, on ? PACE_PIPE : USUAL_PIPE); /* ignoring: only slower, or larger */
}

/* A relay may have a terminal's master as well. */
static void close_stream(struct pod *p, struct slot *s, enum crilog_which which)
{
	if (s->out[which] >= 0)
		pod_forget(p, s->out[which]);
	close_fdp(&s->out[which]);
}

void pod_output_close(struct pod *p, struct slot *s)
{
	pace(p, s, CRILOG_STDOUT, false);
	pace(p, s, CRILOG_STDERR, false);
	for (size_t i = 0; i < POD_ATTACHED_MAX; i++)
		if (p->attached[i].used && &p->slots[p->attached[i].slot] == s)
			detach(&p->attached[i]);
	close_stream(p, s, CRILOG_STDOUT);
	close_stream(p, s, CRILOG_STDERR);
	close_fdp(&s->log.fd);
	if (s->rests)
		(void)munmap(s->rests, RESTS_SIZE); /* ignoring: cannot fail for what was mapped */
	s->rests = NULL;
}

int pod_reopen_log(struct pod *p, const struct pod_name *m)
{
	struct slot *s = pod_find(p, m->name);
	int fd;

	if (!s || s->pid <= 0 || !*s->log.path)
		return -ENOENT;
	fd = crilog_open(s->log.path, &s->log.size);
	if (fd < 0)
		return fd; /* the old one goes on */
	close_fdp(&s->log.fd);
	s->log.fd = fd;
	return 0;
}

/* Much was copied: the memory that it took is given back when that stops. */
static void note_copied(struct pod *p)
{
	p->copied = true;
	if (p->trim_at)
		return;
	p->trim_at = clock_monotonic() + TRIM_MS * NSEC_PER_MSEC;
	pod_deadlines(p);
}

int64_t pod_output_trim(struct pod *p, int64_t now)
{
	if (!p->trim_at || p->trim_at > now)
		return p->trim_at;
	p->trim_at = p->copied ? now + TRIM_MS * NSEC_PER_MSEC : 0;
	p->copied = false;
	if (!p->trim_at) /* ignoring: a hint */
		(void)madvise(&p->log_buffers, sizeof(p->log_buffers), MADV_DONTNEED);
	return p->trim_at;
}

/* Copies once what is there, at most what one read takes. Returns as read(2), with a negative errno. */
static ssize_t copy(struct pod *p, struct slot *s, enum crilog_which which)
{
	struct crilog_stream *stream = &s->log.streams[which];
	const bool failing = s->log.failing;
	const size_t fill = stream->fill;
	ssize_t n = crilog_copy(&s->log, which, s->out[which]);

	if (n > 0)
		copy_to_attached(p, s, which, p->log_buffers.in + fill, (size_t)n);
	if (n > SMALL_READ)
		note_copied(p);
	if (s->log.failing && !failing && s->log.fd >= 0)
		pod_warn(p, s->told.name, "the log cannot be written, output is dropped", 0);
	s->told.log_lost = s->log.lost;
	if (fill > SMALL_READ && stream->fill == 0) /* ignoring: a hint */
		(void)madvise(stream->rest, CRILOG_LINE_MAX, MADV_DONTNEED);
	return n;
}

/* Copies what is there. Returns how much; closes the stream at its end. */
static size_t copy_all(struct pod *p, struct slot *s, enum crilog_which which, int rounds)
{
	ssize_t n = FULL_READ;
	size_t total = 0;

	for (int i = 0; i < rounds && n >= FULL_READ; i++) {
		n = copy(p, s, which);
		total += n > 0 ? (size_t)n : 0;
	}
	if (n > 0 || n == -EAGAIN)
		return total;
	/* A terminal ends with EIO, its unfinished line is still here. */
	crilog_feed(&s->log, which, NULL, 0, true, clock_realtime());
	pace(p, s, which, false);
	close_stream(p, s, which);
	return total;
}

void pod_output(struct pod *p, size_t index, enum crilog_which which)
{
	struct slot *s = &p->slots[index];
	struct pace *m = &s->pace[which];
	int64_t now;

	if (s->out[which] < 0 || !s->rests)
		return;
	m->bytes += copy_all(p, s, which, COPY_ROUNDS);
	if (s->tty || s->out[which] < 0 || m->on || m->bytes < MUCH)
		return;
	now = clock_monotonic();
	if (now - m->since < MUCH_MS * NSEC_PER_MSEC)
		pace(p, s, which, true);
	else
		*m = (struct pace){ .since = now };
}

void pod_output_paced(struct pod *p)
{
	uint64_t ticks;

	(void)!read(p->pacer, &ticks, sizeof(ticks)); /* ignoring: only to make it quiet */
	for (size_t i = 0; i < p->n_slots && p->n_paced; i++)
		for (int which = 0; which < 2; which++)
			if (p->slots[i].pace[which].on && copy_all(p, &p->slots[i], which, PACE_ROUNDS) <= LITTLE)
				pace(p, &p->slots[i], which, false);
}

void pod_output_drain(struct pod *p, struct slot *s)
{
	/* No more than a pipe holds: somebody else may hold its other end, and write on. */
	enum { ROUNDS = 256 };

	for (int which = 0; which < 2; which++) {
		if (s->out[which] < 0)
			continue;
		for (int i = 0; i < ROUNDS && copy(p, s, which) > 0; i++)
			;
		crilog_feed(&s->log, which, NULL, 0, true, clock_realtime());
	}
	s->told.log_lost = s->log.lost;
}
