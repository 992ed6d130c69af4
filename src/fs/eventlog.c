/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/eventlog.h"

#include <string.h>

#include "base/clock.h"
#include "fs/objdir.h"
#include "fs/region.h"
#include "store/event.h"

struct event {
	struct object *o; /* owned: the cache's own, never decoded here */
	uint32_t len;	  /* of its line */
	int64_t time;	  /* of its line, ns */
	char about[OBJECT_UID_SIZE];
};

struct fs_eventlog {
	struct event *items; /* in the order of creation */
	size_t n, cap;
	uint64_t changes; /* cache_changes() when it was last brought up to date; 0: never */
};

int fs_eventlog_new(struct fs_eventlog **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void fs_eventlog_free(struct fs_eventlog *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		object_unref(l->items[i].o);
	free(l->items);
	free(l);
}

/* A copy of the event of its own to be decoded: the cache's stays small. */
static struct object *decoded(struct fs *fs, const struct object *o)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct object *own = NULL;

	return store_get(fs->store, object_key(o), &e) == 0 && object_from_entry(e, &own) == 0 ? own : NULL;
}

static void append_line(struct fs *fs, const struct event *ev, struct buf *out)
{
	_cleanup_object_ struct object *o = decoded(fs, ev->o);
	size_t start = out->len;

	if (o)
		event_format_line(o, out);
	if (out->len - start == ev->len || buf_failed(out))
		return;
	/* It went, or changed, a moment ago: the line keeps its length, so that what follows stays where it is. */
	out->len = start;
	for (uint32_t i = 0; i < ev->len; i++)
		buf_putc(out, i + 1 < ev->len ? ' ' : '\n');
}

static int add(struct fs *fs, struct fs_eventlog *l, const struct object *o)
{
	_cleanup_object_ struct object *own = decoded(fs, o);
	_cleanup_buf_ struct buf line = BUF_INIT;
	struct event ev = { .o = NULL };

	if (!own)
		return 0; /* it is gone again */
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct event *bigger = reallocarray(l->items, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		l->items = bigger;
		l->cap = cap;
	}
	event_format_line(own, &line);
	if (buf_failed(&line))
		return -ENOMEM;
	ev.len = (uint32_t)line.len;
	(void)clock_parse_rfc3339(value_str_or(object_path(own, "lastTimestamp"), ""), &ev.time); /* 0 then */
	(void)snprintf(ev.about, sizeof(ev.about), "%s", value_str_or(object_path(own, "involvedObject", "uid"), ""));
	ev.o = object_ref(o);
	l->items[l->n++] = ev;
	return 0;
}

static int by_creation(const void *a, const void *b)
{
	const struct object *x = *(struct object *const *)a, *y = *(struct object *const *)b;
	uint64_t rx = object_create_revision(x), ry = object_create_revision(y);

	return rx < ry ? -1 : rx > ry ? 1 : strcmp(object_key(x), object_key(y));
}

/* Takes out those that are gone and adds the new ones. Ignoring lack of memory: the file is short of some lines. */
static void update(struct fs *fs)
{
	struct fs_eventlog *l = fs->eventlog;
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	const struct schema_kind *kind = schema_kind_by_plural("events");
	uint64_t changes = cache_changes(fs->cache);
	size_t kept = 0, k = 0;

	if (l->changes == changes || cache_list(fs->cache, kind, NULL, &list) < 0)
		return;
	if (list.n)
		qsort(list.items, list.n, sizeof(list.items[0]), by_creation);
	for (size_t i = 0; i < l->n; i++) {
		while (k < list.n && by_creation(&list.items[k], &l->items[i].o) < 0)
			k++;
		if (k < list.n && by_creation(&list.items[k], &l->items[i].o) == 0)
			l->items[kept++] = l->items[i];
		else
			object_unref(l->items[i].o);
	}
	l->n = kept;
	for (k = 0; k < list.n && l->n && by_creation(&list.items[k], &l->items[kept - 1].o) <= 0;)
		k++;
	for (; k < list.n; k++)
		if (add(fs, l, list.items[k]) < 0)
			return;
	l->changes = changes;
}

static bool matches(const struct event *ev, const struct fs_event_filter *f)
{
	return (!f->uid || strcmp(ev->about, f->uid) == 0) && (!f->ns || strcmp(object_namespace(ev->o), f->ns) == 0);
}

uint64_t fs_eventlog_size(struct fs *fs, const struct fs_event_filter *f, int64_t *ret_last)
{
	struct fs_eventlog *l = fs->eventlog;
	uint64_t size = 0;

	update(fs);
	*ret_last = 0;
	for (size_t i = 0; i < l->n; i++)
		if (matches(&l->items[i], f)) {
			size += l->items[i].len;
			*ret_last = l->items[i].time;
		}
	return size;
}

void fs_eventlog_read(struct fs *fs, const struct fs_event_filter *f, uint64_t off, size_t size, struct buf *out)
{
	struct fs_eventlog *l = fs->eventlog;
	uint64_t at = 0, end = off + size;

	update(fs);
	for (size_t i = 0; i < l->n && at < end; i++) {
		const struct event *ev = &l->items[i];
		_cleanup_buf_ struct buf line = BUF_INIT;
		size_t from, to;

		if (!matches(ev, f))
			continue;
		if (at + ev->len > off) {
			append_line(fs, ev, &line);
			from = off > at ? (size_t)(off - at) : 0;
			to = end - at < ev->len ? (size_t)(end - at) : ev->len;
			if (!buf_failed(&line))
				buf_append(out, line.data + from, to - from);
		}
		at += ev->len;
	}
}

void fs_eventlog_tail(struct fs *fs, const struct fs_event_filter *f, size_t max, const char *indent, struct buf *out)
{
	struct fs_eventlog *l = fs->eventlog;
	size_t first, found = 0;

	update(fs);
	for (first = l->n; first > 0 && found < max; first--)
		found += matches(&l->items[first - 1], f);
	for (size_t i = first; i < l->n; i++)
		if (matches(&l->items[i], f)) {
			buf_puts(out, indent);
			append_line(fs, &l->items[i], out);
		}
}

/* --- the files --- */

static struct fs_event_filter filter_of(const struct fs_node *n)
{
	if (n->ops == &fs_object_events_ops)
		return (struct fs_event_filter){ .uid = fs_obj_uid(n) };
	return (struct fs_event_filter){ .ns = fs_region_is_root(n) ? NULL : n->ns };
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	const struct fs_event_filter f = filter_of(n);
	int64_t last;
	uint64_t size = fs_eventlog_size(n->fs, &f, &last);
	bool of_root = n->ops == &fs_events_ops && fs_region_is_root(n);

	fs_attr_file(n, a, S_IFREG | (of_root ? 0400 : 0444), last ? last : n->fs->started);
	a->size = size;
	a->ttl = FS_TTL_NONE; /* tail -f looks once a second */
	return 0;
}

static void file_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	if (fs_handle_writes(h))
		fs_reply_err(r, -EROFS);
	else
		fs_reply_open(r, h);
}

static void file_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	const struct fs_event_filter f = filter_of(h->node);
	_cleanup_buf_ struct buf out = BUF_INIT;

	fs_eventlog_read(h->fs, &f, off, size, &out);
	if (buf_failed(&out))
		fs_reply_err(r, -ENOMEM);
	else
		fs_reply_buf(r, out.data, out.len);
}

const struct fs_ops fs_events_ops = {
	.region = "events", .getattr = file_getattr, .open = file_open, .read = file_read
};
const struct fs_ops fs_object_events_ops = {
	.region = "events", .getattr = file_getattr, .open = file_open, .read = file_read
};
