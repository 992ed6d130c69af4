/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: a line for each object that exists, then one for each change.
 *
 * A reader is a place in the order of keys while what exists is listed, and a place among the changes that the store
 * remembers; nothing is kept for it. The list comes in parts. Before the next part, the changes so far are told of those
 * keys that have been listed: the others come with the list. Who reads so slowly that the store has forgotten what he
 * has not had gets an ERROR line, and everything anew.
 */
#include <string.h>

#include "fs/region.h"
#include "fs/stream.h"
#include "value/json.h"

#define OBJECTS "/objects/"

enum { PART = 64 }; /* objects listed at a time: what a reader who stops holds on to */

struct watcher {
	struct fs_stream s;
	bool started, listing;
	uint64_t cursor; /* the next change */
	/* The last part listed: its objects from `next` on, the keys between which it lies, and how new it is. */
	struct store_list part;
	size_t next;
	uint64_t part_rev;
	char before[STORE_KEY_MAX + 1], last[STORE_KEY_MAX + 1];
};

/* Of a Secret, keys without their values; null, so that nobody takes it for one. */
static struct value *without_values(struct arena *a, const struct value *root)
{
	static const char *const members[] = { "data", "stringData" };
	struct value *copy = value_copy(a, root);

	for (size_t m = 0; m < ARRAY_SIZE(members); m++) {
		struct value *map = value_get(copy, members[m]);

		for (size_t i = 0; i < value_len(map); i++)
			value_replace_at(map, i, value_new_null(a));
	}
	(void)value_remove(value_path(copy, "metadata", "annotations"),
			   "kubectl.kubernetes.io/last-applied-configuration"); /* it quotes them */
	return copy;
}

static void put_line(struct watcher *w, const char *type, struct store_entry *e)
{
	_cleanup_object_ struct object *o = NULL;
	_cleanup_arena_ struct arena *a = NULL;
	struct buf *out = &w->s.out;
	const struct value *root;

	if (object_from_entry(e, &o) < 0)
		return;
	root = object_root(o);
	if (strcmp(object_kind(o)->plural, "secrets") == 0) {
		a = arena_new(0);
		root = without_values(a, root);
	}
	if (!root) {
		out->failed = true;
		return;
	}
	buf_printf(out, "{\"type\":\"%s\",\"object\":", type);
	json_write(out, root, 0);
	buf_puts(out, "}\n");
}

/* Whether it is shown: the root's shows all, a namespace's what lies in it. */
static bool shows(const struct watcher *w, const char *key)
{
	const struct fs_node *n = w->s.h->node;
	const char *ns = strchr(key + strlen(OBJECTS), '/');
	size_t len = strlen(n->ns);

	return fs_region_is_root(n) || (ns && strncmp(ns + 1, n->ns, len) == 0 && ns[len + 1] == '/');
}

static void start(struct watcher *w)
{
	store_list_clear(&w->part);
	w->next = 0;
	w->part_rev = 0;
	w->before[0] = w->last[0] = '\0';
	w->listing = true;
	w->cursor = store_cursor(w->s.h->fs->store);
}

static int list_part(struct watcher *w)
{
	int r;

	store_list_clear(&w->part);
	w->next = 0;
	r = store_list_after(w->s.h->fs->store, OBJECTS, w->last, PART, &w->part);
	if (r < 0)
		return r;
	memcpy(w->before, w->last, sizeof(w->before));
	w->part_rev = w->part.rev;
	w->listing = w->part.n == PART;
	if (w->part.n)
		(void)snprintf(w->last, sizeof(w->last), "%s", store_entry_key(w->part.items[w->part.n - 1]));
	return 0;
}

static void put_change(struct watcher *w, const struct store_change *c)
{
	struct store_entry *e = c->now ? c->now : c->old;
	const char *key = store_entry_key(e);

	if (strncmp(key, OBJECTS, strlen(OBJECTS)) != 0 || !shows(w, key) || (w->listing && strcmp(key, w->last) > 0) ||
	    (c->rev <= w->part_rev && strcmp(key, w->before) > 0))
		return;
	put_line(w, !c->now ? "DELETED" : c->old ? "MODIFIED" : "ADDED", e);
}

/* The form of Kubernetes' own 410 Gone on a watch. */
static void put_lost(struct watcher *w)
{
	buf_puts(&w->s.out, "{\"type\":\"ERROR\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"Status\",\"status\":\"Failure\","
			    "\"reason\":\"Expired\",\"code\":410,\"message\":\"changes were lost, since they were not read "
			    "in time: all that exists follows anew\"}}\n");
}

static int fill(struct fs_stream *s, size_t want)
{
	struct watcher *w = container_of(s, struct watcher, s);
	int r = 0;

	if (!w->started)
		start(w);
	w->started = true;
	while (r == 0 && s->out.len < want && !buf_failed(&s->out)) {
		_cleanup_store_change_ struct store_change c = { 0 };
		int got = 1;

		if (w->next < w->part.n) {
			struct store_entry *e = w->part.items[w->next++];

			if (shows(w, store_entry_key(e)))
				put_line(w, "ADDED", e);
			continue;
		}
		got = store_next(s->h->fs->store, &w->cursor, &c);
		if (got > 0) {
			put_change(w, &c);
		} else if (got < 0) {
			start(w);
			put_lost(w);
		} else if (w->listing) {
			r = list_part(w);
		} else {
			store_list_clear(&w->part);
			w->next = 0;
			break;
		}
	}
	return r;
}

/* What the store remembered went with the last daemon: its reader has to begin anew. */
static void resume(struct fs_stream *s)
{
	struct watcher *w = container_of(s, struct watcher, s);

	start(w);
	w->started = true;
	put_lost(w);
}

static void clear(struct fs_stream *s)
{
	store_list_clear(&container_of(s, struct watcher, s)->part);
}

const struct fs_stream_type fs_watch_stream = { .size = sizeof(struct watcher), .fill = fill, .clear = clear,
					       .resume = resume };

static int op_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_file(n, a, S_IFREG | (fs_region_is_root(n) ? 0400 : 0440), n->fs->started);
	return 0;
}

const struct fs_ops fs_watch_ops = {
	.region = "watch",
	.getattr = op_getattr,
	.open = fs_stream_open,
	.read = fs_stream_read,
	.release = fs_stream_release,
	.keep = fs_stream_keep,
	.poll = fs_stream_poll,
};
