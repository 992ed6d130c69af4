/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's thread says once that something has changed; the loop then looks at each stream that somebody waits for.
 * With no such file open, a change costs one load.
 */
#include "fs/stream.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "fs/keep.h"

struct fs_parked {
	STAILQ_ENTRY(fs_parked) entry;
	struct fs_req *r;
	struct fs_stream *s;
	size_t size;
};

struct fs_streams {
	LIST_HEAD(, fs_stream) list;
	struct store_watch *watch; /* owned */
	struct fs *fs;
	struct fs_task task;
	atomic_size_t n;    /* in the list */
	atomic_bool posted; /* the task is on its way */
};

static bool has_text(const struct fs_stream *s)
{
	return s->out.len > s->at || s->ended;
}

/* Makes text if there is none. A failure ends the stream. */
static void fill(struct fs_stream *s, size_t want)
{
	int r;

	if (has_text(s))
		return;
	s->out.len = s->at = 0;
	r = s->type->fill(s, want);
	if (r == 0 && buf_failed(&s->out))
		r = -ENOMEM;
	if (r < 0) {
		s->ended = true;
		s->error = r;
	}
}

/* Before the answer goes out: what it holds and what is left, since only the kernel knows whether it arrived. */
static void keep_answer(struct fs_stream *s, struct fs_req *r, size_t n)
{
	uint8_t state[FS_KEEP_STATE] = { 0 };
	const uint64_t len = n;

	if (!s->h->kept || !s->out.data)
		return;
	memcpy(state, &len, sizeof(len));
	fs_keep_change(s->h->fs->keep, s->h->kept,
		       &(struct fs_keep_change){ .data = s->out.data + s->at, .len = s->out.len - s->at,
						 .text_len = s->out.len - s->at, .state = state,
						 .unique = fs_req_unique(r) });
}

static void answer(struct fs_stream *s, struct fs_req *r, size_t size)
{
	size_t left = s->out.len - s->at, n = left < size ? left : size;
	const char *data = s->out.data + (n ? s->at : 0);

	if (n)
		keep_answer(s, r, n);
	s->at += n;
	if (!n && s->error < 0)
		fs_reply_err(r, s->error);
	else
		fs_reply_buf(r, n ? data : NULL, n);
	if (s->at == s->out.len && s->out.cap > FS_WORK_BYTES)
		buf_clear(&s->out);
}

static void drop_poll(struct fs_stream *s)
{
	if (s->ph)
		fs_poll_drop(s->ph);
	s->ph = NULL;
}

/* Somebody may have something to read now. */
static void look(struct fs_stream *s)
{
	struct fs_parked *p;

	while ((p = STAILQ_FIRST(&s->parked))) {
		fill(s, p->size);
		if (!has_text(s))
			return;
		STAILQ_REMOVE_HEAD(&s->parked, entry);
		answer(s, p->r, p->size);
		free(p);
	}
	if (!s->ph)
		return;
	fill(s, 1);
	if (!has_text(s))
		return;
	fs_poll_wake(s->h->fs, s->ph);
	s->ph = NULL;
}

/* `error` not 0: they end with it. */
static void look_at_all(struct fs_streams *all, int error)
{
	struct fs_stream *s, *next;

	for (s = LIST_FIRST(&all->list); s; s = next) {
		/* With an answer the last reference to a handle may go, and the stream with it. */
		struct fs_handle *h = fs_handle_ref(s->h);

		if (error) {
			s->ended = true;
			s->error = error;
			s->out.len = s->at = 0;
		}
		look(s);
		next = LIST_NEXT(s, entry);
		fs_handle_unref(h);
	}
}

/* On the loop. */
static void on_changed(struct fs_task *task)
{
	struct fs_streams *all = container_of(task, struct fs_streams, task);

	atomic_store(&all->posted, false);
	look_at_all(all, 0);
}

/* On the store's thread. */
static void on_change(void *arg, const struct store_change *change)
{
	struct fs_streams *all = arg;

	if (atomic_load(&all->n) && !atomic_exchange(&all->posted, true))
		fs_post(all->fs, &all->task);
}

int fs_streams_new(struct fs *fs, struct error *err)
{
	struct fs_streams *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return error_set(err, -ENOMEM, "out of memory");
	all->fs = fs;
	all->task.fn = on_changed;
	LIST_INIT(&all->list);
	fs->streams = all;
	r = store_watch(fs->store, "/objects/", store_revision(fs->store) + 1, on_change, all, &all->watch);
	return r < 0 ? error_errno(err, r, "cannot watch the store") : 0;
}

void fs_streams_stop(struct fs *fs)
{
	struct fs_streams *all = fs->streams;

	if (!all)
		return;
	store_unwatch(all->watch);
	all->watch = NULL;
	look_at_all(all, -ENOTCONN);
}

void fs_streams_free(struct fs *fs)
{
	if (!fs->streams)
		return;
	fs_streams_stop(fs);
	free(fs->streams);
	fs->streams = NULL;
}

/* --- operations --- */

static struct fs_stream *stream_of(struct fs_handle *h)
{
	const struct fs_stream_type *type = h->ops == &fs_watch_ops ? &fs_watch_stream : &fs_wait_stream;
	struct fs_streams *all = h->fs->streams;
	struct fs_stream *s = h->data;

	if (s)
		return s;
	s = calloc(1, type->size);
	if (!s)
		return NULL;
	s->type = type;
	s->h = h;
	s->out = BUF_INIT;
	STAILQ_INIT(&s->parked);
	LIST_INSERT_HEAD(&all->list, s, entry);
	atomic_fetch_add(&all->n, 1);
	h->data = s;
	return s;
}

void fs_stream_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	h->stream = true;
	if (fs_handle_writes(h))
		fs_reply_err(r, -EROFS);
	else if (!stream_of(h))
		fs_reply_err(r, -ENOMEM);
	else
		fs_reply_open(r, h);
}

static void on_interrupt(struct fs_req *r, void *arg)
{
	struct fs_parked *p = arg;

	STAILQ_REMOVE(&p->s->parked, p, fs_parked, entry);
	free(p);
	fs_reply_err(r, -EINTR);
}

/* The first read after a takeover: whether the one before it was answered is known now. */
static void skip_answered(struct fs_stream *s, uint64_t unique)
{
	if (s->last_len && !(unique & FS_KEEP_RESEND && (unique & ~FS_KEEP_RESEND) == s->last_read))
		s->at = s->last_len < s->out.len ? s->last_len : s->out.len;
	s->last_len = 0;
}

void fs_stream_keep(struct fs_handle *h)
{
	h->kept->region = FS_KEPT_STREAM;
}

int fs_stream_restore(struct fs_handle *h, const struct fs_takeover_place *at)
{
	struct fs_node *n = fs_takeover_node(h->fs, at->ino);
	struct fs_stream *s;
	const void *text;
	uint64_t len;
	size_t text_len;

	if (!n || !n->ops->keep)
		return -ESTALE;
	h->node = fs_node_ref(n);
	h->ops = n->ops;
	h->stream = true;
	s = stream_of(h);
	if (!s)
		return -ENOMEM;
	memcpy(&len, fs_keep_version(h->kept)->state, sizeof(len));
	text = fs_keep_text(h->fs->keep, h->kept, &text_len);
	buf_append(&s->out, text, text_len);
	s->last_read = fs_keep_version(h->kept)->unique;
	s->last_len = (size_t)len;
	if (s->type->resume && fs_keep_version(h->kept)->unique)
		s->type->resume(s);
	return 0;
}

void fs_stream_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	struct fs_stream *s = stream_of(h);
	struct fs_parked *p;

	if (s)
		skip_answered(s, fs_req_unique(r));

	if (!s) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	if (STAILQ_EMPTY(&s->parked))
		fill(s, size);
	if (STAILQ_EMPTY(&s->parked) && has_text(s)) {
		answer(s, r, size);
		return;
	}
	if (h->flags & O_NONBLOCK) {
		fs_reply_err(r, -EAGAIN);
		return;
	}
	p = malloc(sizeof(*p));
	if (!p) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	*p = (struct fs_parked){ .r = r, .s = s, .size = size };
	STAILQ_INSERT_TAIL(&s->parked, p, entry);
	fs_req_park(r, on_interrupt, p);
}

unsigned fs_stream_poll(struct fs_handle *h, unsigned wanted, struct fuse_pollhandle *ph)
{
	struct fs_stream *s = stream_of(h);

	if (s && STAILQ_EMPTY(&s->parked))
		fill(s, 1);
	if (!s || has_text(s)) {
		if (ph)
			fs_poll_drop(ph);
		return POLLIN | POLLRDNORM | (s && s->ended && s->error ? POLLERR : 0);
	}
	if (ph) { /* each wakes all who poll the open file: the last one is enough */
		drop_poll(s);
		s->ph = ph;
	}
	return 0;
}

void fs_stream_release(struct fs_handle *h)
{
	struct fs_stream *s = h->data;

	drop_poll(s);
	LIST_REMOVE(s, entry);
	atomic_fetch_sub(&h->fs->streams->n, 1);
	if (s->type->clear)
		s->type->clear(s);
	buf_clear(&s->out);
	free(s);
	h->data = NULL;
}
