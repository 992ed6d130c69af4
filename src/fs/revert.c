/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits is in the store too, so that it outlives the daemon; the time starts anew then. The caller of unlink(2) does
 * not wait for that: "rm -r" of an object would sync the disk for each of its fields.
 */
#include "fs/revert.h"

#include <bsd/sys/queue.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fs/declared.h"
#include "fs/edit.h"
#include "fs/fieldpath.h"

struct revert {
	TAILQ_ENTRY(revert) entry;
	struct writer who;
	int64_t due; /* monotonic, ns; HELD: not while a write of the field is on its way */
	char uid[OBJECT_UID_SIZE];
	char *full; /* owned: the path for people */
	const char *ns; /* interned */
	struct fs *fs;
	char path[];
};

#define REVERTS_PREFIX "/mount/reverts/"

/* In the store: this, then full, the namespace and the path, each with its NUL. */
struct stored {
	uint32_t version, uid, gid;
	char texts[];
};
enum { STORED_VERSION = 1 };

#define HELD INT64_MAX

struct fs_reverts {
	TAILQ_HEAD(revert_list, revert) list; /* by time */
	size_t n;
	struct fs_timer *timer;
};

static void arm(struct fs_reverts *v)
{
	const struct revert *first = TAILQ_FIRST(&v->list);

	fs_timer_set(v->timer, first && first->due != HELD ? first->due : 0);
}

static void insert(struct fs_reverts *v, struct revert *e)
{
	struct revert *before = TAILQ_LAST(&v->list, revert_list);

	while (before && before->due > e->due)
		before = TAILQ_PREV(before, revert_list, entry);
	if (before)
		TAILQ_INSERT_AFTER(&v->list, before, e, entry);
	else
		TAILQ_INSERT_HEAD(&v->list, e, entry);
	v->n++;
}

static void drop(struct fs_reverts *v, struct revert *e)
{
	TAILQ_REMOVE(&v->list, e, entry);
	v->n--;
}

static void free_revert(struct revert *e)
{
	free(e->full);
	free(e);
}

/* --- in the store --- */

static void key_of(const struct revert *e, char out[static STORE_KEY_MAX + 1])
{
	(void)snprintf(out, STORE_KEY_MAX + 1, REVERTS_PREFIX "%s/%016llx", e->uid,
		       (unsigned long long)fs_ino(e->fs, e->uid, e->path));
}

static void on_stored(struct fs *fs, void *arg, int result, uint64_t rev)
{
	if (result < 0)
		log_warning("cannot store which removed fields are to be set back: %s", strerror(-result));
}

/* Ends with t freed. */
static void submit(struct fs *fs, struct txn *t, int r)
{
	if (r == 0 && t && !txn_empty(t))
		r = fs_txn_submit(fs, t, 0, on_stored, NULL);
	if (r < 0 || !t)
		on_stored(fs, NULL, r < 0 ? r : -ENOMEM, 0);
	txn_free(t);
}

static void store(const struct revert *e)
{
	const struct stored head = { .version = STORED_VERSION, .uid = e->who.uid, .gid = e->who.gid };
	struct txn *t = txn_new(e->fs->registry, &e->who);
	_cleanup_buf_ struct buf b = BUF_INIT;
	char key[STORE_KEY_MAX + 1];

	buf_append(&b, &head, sizeof(head));
	buf_append(&b, e->full, strlen(e->full) + 1);
	buf_append(&b, e->ns, strlen(e->ns) + 1);
	buf_append(&b, e->path, strlen(e->path) + 1);
	key_of(e, key);
	submit(e->fs, t, !t || buf_failed(&b) ? -ENOMEM : txn_put(t, key, b.data, b.len, STORE_ANY));
}

static int unstore(struct txn *t, const struct revert *e)
{
	char key[STORE_KEY_MAX + 1];

	key_of(e, key);
	return t ? txn_remove(t, key, STORE_ANY) : -ENOMEM;
}

static void unstore_one(const struct revert *e)
{
	struct txn *t = txn_new(e->fs->registry, &e->who);

	submit(e->fs, t, unstore(t, e));
}

/* --- acting --- */

static int revert_field(void *arg, struct arena *a, const struct object *live, struct value **root,
			struct diag_list *diags)
{
	const struct revert *e = arg;
	const struct value *doc = fs_declared_document(e->fs, a, live);
	struct value *v = NULL;
	struct field f;
	int r;

	if (doc && field_find(object_kind(live), doc, e->path, &f) == 0 && !f.folder)
		v = value_copy(a, f.value);
	r = field_set(a, object_kind(live), *root, e->path, v);
	return r == -ENOENT ? -ECANCELED : r;
}

static void on_reverted(struct fs *fs, void *arg, int result)
{
	unstore_one(arg);
	free_revert(arg); /* what was refused is in `errors` */
}

static void on_timer(struct fs *fs, void *arg)
{
	struct fs_reverts *v = arg;
	int64_t now = clock_monotonic();
	struct revert *e;

	while ((e = TAILQ_FIRST(&v->list)) && e->due <= now) {
		const struct fs_edit edit = { .uid = e->uid, .path = e->full, .ns = e->ns, .who = e->who,
					      .change = revert_field, .done = on_reverted, .arg = e };

		drop(v, e);
		fs_edit_start(fs, &edit);
	}
	arm(v);
}

static struct revert *new_revert(struct fs *fs, const char *uid, const char *ns, const char *full, const char *path)
{
	struct revert *e = calloc(1, sizeof(*e) + strlen(path) + 1);

	if (!e)
		return NULL;
	e->fs = fs;
	e->due = clock_monotonic() + fs->config.settle_ms * NSEC_PER_MSEC;
	e->ns = fs_intern(fs, ns);
	e->full = strdup(full);
	(void)snprintf(e->uid, sizeof(e->uid), "%s", uid);
	memcpy(e->path, path, strlen(path) + 1);
	if (e->ns && e->full)
		return e;
	free_revert(e);
	return NULL;
}

/* Those of a daemon before this one. */
static int load(struct fs *fs)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	int r = store_list(fs->store, REVERTS_PREFIX, &list);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		const char *uid = store_entry_key(list.items[i]) + strlen(REVERTS_PREFIX), *full, *ns, *path;
		size_t len, n = strcspn(uid, "/");
		const struct stored *s = store_entry_value(list.items[i], &len);
		char id[OBJECT_UID_SIZE];
		struct revert *e;

		if (len <= sizeof(*s) || s->version != STORED_VERSION || s->texts[len - sizeof(*s) - 1] || n >= sizeof(id))
			continue;
		memcpy(id, uid, n);
		id[n] = '\0';
		full = s->texts;
		ns = full + strlen(full) + 1;
		path = ns < s->texts + len - sizeof(*s) ? ns + strlen(ns) + 1 : ns;
		if (path >= s->texts + len - sizeof(*s))
			continue;
		e = new_revert(fs, id, ns, full, path);
		if (!e)
			return -ENOMEM;
		e->who = (struct writer){ .uid = s->uid, .gid = s->gid, .agent = "mount" };
		insert(fs->reverts, e);
	}
	arm(fs->reverts);
	return r;
}

int fs_revert_new(struct fs *fs, struct error *err)
{
	int r;

	fs->reverts = calloc(1, sizeof(*fs->reverts));
	if (!fs->reverts)
		return error_set(err, -ENOMEM, "out of memory");
	TAILQ_INIT(&fs->reverts->list);
	r = fs_timer_new(fs, on_timer, fs->reverts, &fs->reverts->timer);
	if (r < 0)
		return error_errno(err, r, "cannot make a timer");
	r = load(fs);
	return r < 0 ? error_errno(err, r, "cannot read which removed fields are to be set back") : 0;
}

void fs_revert_free(struct fs *fs)
{
	struct fs_reverts *v = fs->reverts;
	struct revert *e;

	if (!v)
		return;
	while ((e = TAILQ_FIRST(&v->list))) {
		drop(v, e);
		free_revert(e);
	}
	fs_timer_free(v->timer);
	free(v);
	fs->reverts = NULL;
}

void fs_revert_add(struct fs_req *r, struct fs_node *dir, const char *name, const char *uid, const char *path)
{
	struct fs *fs = dir->fs;
	struct fs_reverts *v = fs->reverts;
	_cleanup_buf_ struct buf full = BUF_INIT;
	struct revert *e;

	fs_child_path(dir, name, &full);
	fs_revert_cancel(fs, uid, path); /* the time starts anew; what is stored of it is overwritten */
	e = v->n < FS_REVERT_MAX ? new_revert(fs, uid, dir->ns, buf_str(&full), path) : NULL;
	if (!e) {
		fs_reply_err(r, v->n < FS_REVERT_MAX ? -ENOMEM : -EAGAIN);
		return;
	}
	e->who = fs_req_writer(r);
	insert(v, e);
	store(e);
	arm(v);
	fs_reply_err(r, 0);
}

void fs_revert_forget(struct fs *fs, const char *uid, const char *path)
{
	struct fs_reverts *v = fs->reverts;
	size_t len = strlen(path);
	struct revert *e, *next;
	struct txn *t = NULL;
	int r = 0;

	for (e = TAILQ_FIRST(&v->list); e; e = next) {
		next = TAILQ_NEXT(e, entry);
		if (strcmp(e->uid, uid) != 0 || strncmp(e->path, path, len) != 0 || (len && e->path[len] != '/'))
			continue;
		if (!t)
			t = txn_new(fs->registry, &e->who);
		r = r < 0 ? r : unstore(t, e);
		drop(v, e);
		free_revert(e);
	}
	if (t || r < 0)
		submit(fs, t, r);
	arm(v);
}

static struct revert *find(const struct fs *fs, const char *uid, const char *path)
{
	struct revert *e;

	TAILQ_FOREACH(e, &fs->reverts->list, entry)
		if (strcmp(e->uid, uid) == 0 && strcmp(e->path, path) == 0)
			return e;
	return NULL;
}

void fs_revert_cancel(struct fs *fs, const char *uid, const char *path)
{
	struct revert *e;

	while ((e = find(fs, uid, path))) {
		drop(fs->reverts, e);
		free_revert(e);
	}
	arm(fs->reverts);
}

static void set_due(struct revert *e, int64_t due)
{
	drop(e->fs->reverts, e);
	e->due = due;
	insert(e->fs->reverts, e);
	arm(e->fs->reverts);
}

int fs_revert_unstore(struct fs *fs, struct txn *t, const char *uid, const char *path)
{
	struct revert *e = find(fs, uid, path);

	if (!e)
		return 0;
	set_due(e, HELD);
	return unstore(t, e);
}

void fs_revert_resume(struct fs *fs, const char *uid, const char *path)
{
	struct revert *e = find(fs, uid, path);

	if (e && e->due == HELD)
		set_due(e, clock_monotonic() + fs->config.settle_ms * NSEC_PER_MSEC);
}

bool fs_revert_pending(const struct fs *fs, const char *uid, const char *path)
{
	return find(fs, uid, path) != NULL;
}
