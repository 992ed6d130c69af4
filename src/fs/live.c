/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/live.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "fs/eventlog.h"
#include "fs/fieldpath.h"
#include "fs/revert.h"

enum { VIEWS = 8 }; /* decoded objects kept: a reader of a tree stays in one object for a while */

/* The object whose fields were last looked at, as it was: what changed, and when. */
struct past {
	char uid[OBJECT_UID_SIZE];
	uint64_t rev;
	struct object **items; /* owned, decoded privately, newest first */
	size_t n;
};

struct fs_live {
	struct past past;
	struct object *views[VIEWS]; /* owned, the last used first */
	struct object *seen;	     /* owned: what was asked for last, as the cache had it after so many changes; NULL */
	uint64_t seen_changes;
	struct store_watch *watch;
	pthread_mutex_t lock; /* guards times; nothing is called with it held */
	struct fs_times times;
};

/* --- what changed is out of the kernel's sight at once: whoever changed it sees that, and what comes under the name of what
 * went. The cache has the change by now, and nobody who waits for the change has an answer. --- */

/* Ignoring lack of memory: the kernel forgets by itself within a second. */
static void expire(struct fs *fs, struct store_entry *was)
{
	_cleanup_object_ struct object *o = NULL;

	if (object_from_entry(was, &o) < 0)
		return;
	fs_notify_expire(fs, fs_ino(fs, object_uid(o), "")); /* NAME/ */
	if (strcmp(object_kind(o)->plural, "namespaces") == 0)
		fs_notify_expire(fs, fs_ino(fs, object_uid(o), "namespace"));
}

/* On the store's thread. */
static void on_change(void *arg, const struct store_change *change)
{
	struct fs *fs = arg;
	int64_t now = registry_now(fs->registry);

	pthread_mutex_lock(&fs->live->lock);
	fs_times_add(&fs->live->times, change->rev, now);
	pthread_mutex_unlock(&fs->live->lock);
	if (change->old)
		expire(fs, change->old);
}

void fs_live_stop(struct fs_live *l)
{
	if (!l)
		return;
	store_unwatch(l->watch);
	l->watch = NULL;
}

int fs_live_new(struct fs *fs, struct error *err)
{
	int r;

	fs->live = calloc(1, sizeof(*fs->live));
	if (!fs->live)
		return error_set(err, -ENOMEM, "out of memory");
	(void)pthread_mutex_init(&fs->live->lock, NULL); /* cannot fail on Linux with default attributes */
	r = store_watch(fs->store, "/objects/", store_revision(fs->store) + 1, on_change, fs, &fs->live->watch);
	return r < 0 ? error_errno(err, r, "cannot watch the store") : 0;
}

static void forget_past(struct past *p)
{
	for (size_t i = 0; i < p->n; i++)
		object_unref(p->items[i]);
	free(p->items);
	*p = (struct past){ .rev = 0 };
}

void fs_live_free(struct fs_live *l)
{
	if (!l)
		return;
	forget_past(&l->past);
	fs_live_stop(l);
	for (size_t i = 0; i < VIEWS; i++)
		object_unref(l->views[i]);
	object_unref(l->seen);
	free(l->times.items);
	(void)pthread_mutex_destroy(&l->lock); /* cannot fail: nobody holds it */
	free(l);
}

/* --- objects --- */

void fs_live_note(struct fs *fs, const struct object *o, uint64_t changes)
{
	struct fs_live *l = fs->live;

	if (l->seen != o) {
		object_unref(l->seen);
		l->seen = object_ref(o);
	}
	l->seen_changes = changes;
}

struct object *fs_live_peek(struct fs *fs, const char *uid)
{
	const struct fs_live *l = fs->live;
	uint64_t changes = cache_changes(fs->cache);
	struct object *o;

	if (l->seen && l->seen_changes == changes && strcmp(object_uid(l->seen), uid) == 0)
		return object_ref(l->seen);
	o = cache_get_uid(fs->cache, uid);
	if (o)
		fs_live_note(fs, o, changes);
	return o;
}

/* --- decoded objects --- */

static struct object *use_view(struct fs_live *l, size_t i)
{
	struct object *o = l->views[i];

	memmove(&l->views[1], &l->views[0], i * sizeof(l->views[0]));
	l->views[0] = o;
	return object_ref(o);
}

struct object *fs_live_decode(struct fs *fs, const struct object *o)
{
	struct fs_live *l = fs->live;
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct object *own = NULL;
	size_t i;

	for (i = 0; i < VIEWS && l->views[i]; i++) {
		if (strcmp(object_uid(l->views[i]), object_uid(o)) != 0)
			continue;
		if (object_revision(l->views[i]) == object_revision(o))
			return use_view(l, i);
		break;
	}
	if (store_get(fs->store, object_key(o), &e) < 0 || object_from_entry(e, &own) < 0 || !object_root(own) ||
	    strcmp(object_uid(own), object_uid(o)) != 0) {
		object_unref(own);
		return NULL;
	}
	if (i == VIEWS)
		i--;
	object_unref(l->views[i]);
	l->views[i] = own;
	return use_view(l, i);
}

struct object *fs_live_get(struct fs *fs, const char *uid)
{
	_cleanup_object_ struct object *o = fs_live_peek(fs, uid);

	return o ? fs_live_decode(fs, o) : NULL;
}

/* --- times --- */

void fs_times_add(struct fs_times *t, uint64_t rev, int64_t time)
{
	if (!t->items)
		t->items = calloc(FS_TIMES_MAX, sizeof(*t->items));
	if (!t->items)
		return; /* ignoring: objects show the time at which they were made */
	/* What comes within a millisecond has one time: kernels' own file times are no finer. */
	if (t->n && time - t->items[t->n - 1].time < NSEC_PER_MSEC && time >= t->items[t->n - 1].time)
		return;
	if (t->n == FS_TIMES_MAX) { /* every second one of the older half goes */
		size_t kept = 0;

		for (size_t i = 0; i < t->n; i++)
			if (i >= FS_TIMES_MAX / 2 || i % 2 == 0)
				t->items[kept++] = t->items[i];
		t->n = kept;
	}
	t->items[t->n++] = (struct fs_time){ rev, time };
}

int64_t fs_times_find(const struct fs_times *t, uint64_t rev)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->items[mid].rev <= rev)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? t->items[lo - 1].time : 0;
}

int64_t fs_live_changed(struct fs *fs, const struct object *o)
{
	struct fs_live *l = fs->live;
	const char *created = NULL;
	int64_t t;

	pthread_mutex_lock(&l->lock);
	t = fs_times_find(&l->times, object_revision(o));
	pthread_mutex_unlock(&l->lock);
	if (!t)
		created = object_str(o, "metadata", "creationTimestamp");
	if (created)
		(void)clock_parse_rfc3339(created, &t); /* an error leaves 0 */
	return t;
}

/* Ignoring lack of memory: then nothing is known of what was. */
static const struct past *past_of(struct fs *fs, const struct object *o)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct past *p = &fs->live->past;

	if (p->rev == object_revision(o) && strcmp(p->uid, object_uid(o)) == 0)
		return p;
	forget_past(p);
	(void)snprintf(p->uid, sizeof(p->uid), "%s", object_uid(o));
	p->rev = object_revision(o);
	if (store_get(fs->store, object_key(o), &e) < 0 || store_entry_mod_rev(e) != p->rev ||
	    store_versions(fs->store, e, &list) < 0 || !list.n)
		return p;
	p->items = calloc(list.n, sizeof(struct object *));
	for (size_t i = 0; p->items && i < list.n; i++) {
		if (object_from_entry(list.items[i], &p->items[p->n]) < 0)
			break;
		p->n++;
	}
	return p;
}

int64_t fs_live_field_changed(struct fs *fs, const struct object *o, const char *path, const struct buf *text)
{
	const struct past *p = past_of(fs, o);
	const struct object *since = o;

	for (size_t i = 0; i < p->n; i++) {
		_cleanup_buf_ struct buf was = BUF_INIT;
		struct field f;

		if (strcmp(object_uid(p->items[i]), object_uid(o)) != 0 ||
		    field_find(object_kind(o), object_root(p->items[i]), path, &f) < 0 || f.folder)
			break;
		field_text(&f, &was);
		if (was.len != text->len || (was.len && memcmp(was.data, text->data, was.len) != 0))
			break;
		since = p->items[i];
	}
	return fs_live_changed(fs, since);
}
