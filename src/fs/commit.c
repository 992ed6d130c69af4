/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a commit: prepare (fs_apply(), here or on the worker), seal (the record and what waits for removal go into
 * the same transaction), submit, and at its end keep the index in step and answer. A lost race starts it again.
 */
#include "fs/commit.h"

#include <malloc.h>
#include <string.h>

#include "fs/access.h"
#include "fs/apply.h"
#include "fs/aside.h"
#include "fs/decl.h"
#include "fs/keyset.h"
#include "fs/place.h"
#include "fs/prune.h"
#include "fs/quota.h"
#include "fs/rejected.h"
#include "fs/trial.h"
#include "fs/waiting.h"
#include "store/event.h"

struct job {
	struct fs *fs;
	struct fs_commit_request q; /* strings owned; text and xattrs too */
	fs_commit_fn done;
	void *arg;
	struct store_entry *old, *removed; /* owned: the records in force when it was prepared; NULL: none */
	struct fs_record old_rec, removed_rec;
	struct fs_apply apply;
	bool same_text;
	int result;
	unsigned tries;
	struct fs_record aside; /* of the text that was put aside for a commit that is not done yet */
};

static void free_job(struct job *j)
{
	bool large = j->q.text && j->q.text->len > FS_WORK_BYTES;

	fs_apply_clear(&j->apply);
	store_entry_unref(j->old);
	store_entry_unref(j->removed);
	fs_blob_unref(j->q.text);
	fs_access_unref(j->q.access);
	free((void *)j->q.target.key);
	free((void *)j->q.target.path);
	free((void *)j->q.remove_key);
	free((void *)j->q.attr.xattrs);
	free(j);
	if (large) /* the tree of a large text is many times its size: give it back, or the daemon stays that big */
		(void)malloc_trim(0);
}

static int read_record(struct fs *fs, const char *key, struct store_entry **ret_entry, struct fs_record *ret)
{
	size_t len;
	const void *value;
	int r;

	store_entry_unref(*ret_entry);
	*ret_entry = NULL;
	r = store_get(fs->store, key, ret_entry);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	value = store_entry_value(*ret_entry, &len);
	return fs_record_decode(value, len, ret);
}

static const struct fs_record *old_record(const struct job *j)
{
	return j->old ? &j->old_rec : NULL;
}

/* The text that was put aside belongs to no record. */
static void drop_aside(struct job *j)
{
	fs_aside_drop(j->fs, &j->aside);
	j->aside.aside_len = 0;
}

/* --- the end --- */

static void finish(struct job *j, int code, struct store_entry *now, const char *error)
{
	struct fs_commit_result result = { .code = code, .now = now, .error = error };

	j->done(j->fs, j->arg, &result);
	free_job(j);
}

static void finish_dry(struct job *j, int code)
{
	struct fs_commit_result result = { .code = code, .txn = code == 0 ? j->apply.txn : NULL,
					   .diags = &j->apply.diags, .same = j->same_text };

	j->done(j->fs, j->arg, &result);
	free_job(j);
}

/* In manifests/ any document may be a Secret, whose text is told to nobody: better too few lines than one too many. */
static bool may_hold_secret(const struct job *j)
{
	if (j->q.target.kind)
		return fs_kind_is_secret(j->q.target.kind);
	return j->q.text->len && memmem(j->q.text->data, j->q.text->len, "Secret", strlen("Secret"));
}

static void refuse(struct job *j, int code)
{
	_cleanup_free_ char *text = NULL;
	struct diag_list *diags = &j->apply.diags;
	char comm[16] = "?";

	drop_aside(j);
	if (j->q.dry) {
		finish_dry(j, code);
		return;
	}
	if (!diags->errors)
		diag_add(diags, DIAG_ERROR, code, (struct value_mark){ 0 }, "",
			 code == -EAGAIN ? "the objects changed again and again meanwhile" : "%s", strerror(-code));
	if (j->q.req)
		fs_req_comm(j->q.req, comm);
	text = fs_errors_diags(j->fs, &j->q.who, comm, j->q.target.ns, j->q.target.path, diags,
			       may_hold_secret(j), j->q.text->data, j->q.text->len);
	fs_rejected_save(j->fs, &j->q.who, j->q.target.ns, j->q.target.path, j->q.text->data, j->q.text->len);
	finish(j, code, NULL, text);
}

/* The live object in whose declaration that place is; NULL when there is none yet. */
static struct object *object_at(const struct job *j, struct value_mark at)
{
	const char *key = j->apply.declared.data, *found = key;

	for (uint32_t i = 0; i < j->apply.n_declared; i++, key += strlen(key) + 1) {
		struct value_mark start;

		memcpy(&start, j->apply.starts.data + i * sizeof(start), sizeof(start));
		if (start.line > at.line || (start.line == at.line && start.column > at.column))
			break;
		found = key;
	}
	return j->apply.n_declared ? cache_get_key(j->fs->cache, found) : NULL;
}

/* Warnings have no errno to travel by: they become events of the objects, with who wrote it, and lines of `errors` where there is none yet. */
static void tell_warnings(struct job *j)
{
	for (size_t i = 0; i < j->apply.diags.n; i++) {
		const struct diag *d = &j->apply.diags.items[i];
		_cleanup_object_ struct object *o = d->severity == DIAG_WARNING ? object_at(j, d->mark) : NULL;

		if (d->severity != DIAG_WARNING)
			continue;
		if (o)
			event_record(j->fs->registry, "mount", o, EVENT_WARNING, "ManifestWarning",
				     "%s:%u: %s%s%s (uid %u gid %u pid %d)", j->q.target.path, d->mark.line, d->path,
				     d->path[0] ? ": " : "", d->message, (unsigned)j->q.who.uid, (unsigned)j->q.who.gid,
				     (int)j->q.who.pid);
		else
			fs_errors_add_by(j->fs, &j->q.who, j->q.target.ns, j->q.target.path, "%s:%u: warning: %s%s%s",
				      j->q.target.path, d->mark.line, d->path, d->path[0] ? ": " : "", d->message);
	}
}

/* What that record declared and nothing does any more waits; what another file still declares is set as that says. */
static void settle_removed(struct fs *fs, const struct fs_record *was, const struct fs_record *is)
{
	_cleanup_fs_keyset_ struct fs_keyset stays = { .seed = fs->seed };
	char other[STORE_KEY_MAX + 1];
	bool whole = fs_keyset_add_declared(&stays, is) == 0; /* else there was no memory for all: one by one */

	for (const char *k = NULL; was && (k = fs_record_next_declared(was, k));) {
		if (fs_keyset_has(&stays, k) || (!whole && fs_record_declares(is, k)))
			continue;
		fs_waiting_drop(fs, k);
		if (fs_decl_latest(fs->decl, k, NULL, NULL, other))
			fs_commit_again(fs, other, NULL);
		else
			fs_prune_added(fs, k, was);
	}
}

static void committed(struct job *j)
{
	_cleanup_store_entry_ struct store_entry *now = NULL;
	struct fs_record rec;
	struct fs *fs = j->fs;
	const void *value;
	size_t len;

	if (store_get(fs->store, j->q.target.key, &now) < 0) { /* another call has removed it a moment ago */
		finish(j, 0, NULL, NULL);
		return;
	}
	value = store_entry_value(now, &len);
	if (fs_record_decode(value, len, &rec) < 0) {
		finish(j, -EIO, NULL, NULL);
		return;
	}
	if (!j->same_text)
		fs_aside_drop(fs, old_record(j));
	fs_aside_drop(fs, j->removed ? &j->removed_rec : NULL);
	j->aside.aside_len = 0; /* it is the record's now */
	fs_trial_undo(fs, &j->apply.trials); /* and what was on trial is in the store, with what it was merged with */
	(void)fs_decl_replace(fs->decl, j->q.target.key, old_record(j), &rec); /* ignoring -ENOMEM: see there */
	if (j->removed)
		(void)fs_decl_replace(fs->decl, j->q.remove_key, &j->removed_rec, NULL);
	for (const char *k = NULL; (k = fs_record_next_declared(&rec, k));) {
		fs_prune_dropped(fs, k);
		fs_waiting_drop(fs, k);
	}
	settle_removed(fs, old_record(j), &rec);
	settle_removed(fs, j->removed ? &j->removed_rec : NULL, &rec);
	fs_waiting_add(fs, &j->apply.waiting, j->q.target.key);
	fs_prune_touch(fs);
	tell_warnings(j);
	finish(j, 0, now, NULL);
}

/* --- the transaction --- */

/* Adds to the transaction the waits for what that record declared and `is` does not. */
static int put_prunes(struct fs *fs, struct txn *t, const struct fs_record *was, const struct fs_record *is,
		      const char *key, const char *key2)
{
	_cleanup_fs_keyset_ struct fs_keyset stays = { .seed = fs->seed };
	char other[STORE_KEY_MAX + 1];
	int r = fs_keyset_add_declared(&stays, is);
	bool some = false;

	for (const char *k = NULL; r == 0 && was && (k = fs_record_next_declared(was, k));) {
		if (fs_keyset_has(&stays, k))
			continue;
		if (fs_waiting_has(fs, k))
			r = fs_waiting_unput(t, k);
		if (r == 0 && !fs_decl_latest(fs->decl, k, key, key2, other)) {
			r = fs_prune_put(t, k, was);
			some = true;
		}
	}
	return r == 0 && some ? fs_prune_put_text(t, was) : r;
}

static void start_job(struct job *j);

static void on_committed(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct job *j = arg;

	if ((result == -ESTALE || result == -EEXIST) && ++j->tries < FS_COMMIT_RETRIES)
		start_job(j);
	else if (result < 0)
		refuse(j, result == -ESTALE || result == -EEXIST ? -EAGAIN : result);
	else
		committed(j);
}

/* A declared object waits neither for its removal nor, unless it is still terminating, for its name any more. */
static int seal_declared(struct job *j, const char *object_key)
{
	int r = fs_prune_pending(j->fs, object_key) ? fs_prune_unput(j->apply.txn, object_key) : 0;
	const struct buf *waiting = &j->apply.waiting;

	for (size_t at = 0; at < waiting->len; at += strlen(waiting->data + at) + 1)
		if (strcmp(waiting->data + at, object_key) == 0)
			return r;
	if (r == 0 && fs_waiting_has(j->fs, object_key))
		r = fs_waiting_unput(j->apply.txn, object_key);
	return r;
}

/* A text that declares nothing, since it is something else, lies aside; rec->committed is where. */
static int put_aside(struct job *j, struct fs_record *rec)
{
	int r = -EEXIST;

	for (unsigned i = 0; r == -EEXIST && i < FS_COMMIT_RETRIES; i++) {
		if (i)
			rec->committed = fs_decl_stamp(j->fs->decl, rec->committed + 1);
		r = fs_aside_write(j->fs, rec, j->q.text->data, j->q.text->len);
	}
	if (r < 0)
		return r;
	rec->aside_len = j->q.text->len;
	rec->text_len = 0;
	j->aside = *rec;
	return 0;
}

static int seal(struct job *j)
{
	struct fs *fs = j->fs;
	struct fs_record rec = j->q.attr;
	struct txn *t = j->apply.txn;
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	int64_t now = registry_now(fs->registry);
	int r = 0;

	rec.text = j->q.text->data;
	rec.text_len = j->q.text->len;
	rec.writer_uid = j->q.who.uid;
	rec.writer_gid = j->apply.has_via ? j->apply.via : j->q.who.gid;
	if (j->same_text) {
		rec.declared = j->old_rec.declared;
		rec.declared_len = j->old_rec.declared_len;
		rec.n_declared = j->old_rec.n_declared;
		rec.writer_uid = j->old_rec.writer_uid;
		rec.writer_gid = j->old_rec.writer_gid;
		rec.committed = j->old_rec.committed;
		rec.aside_len = j->old_rec.aside_len;
		rec.text_len = j->old_rec.text_len;
	} else {
		rec.declared = j->apply.declared.data;
		rec.declared_len = j->apply.declared.len;
		rec.n_declared = j->apply.n_declared;
		rec.committed = fs_decl_stamp(fs->decl, now);
		rec.aside_len = 0;
		r = j->apply.aside && !j->q.dry ? put_aside(j, &rec) : 0;
	}
	if (r < 0)
		return r;
	fs_record_encode(&rec, &bytes);
	if (buf_failed(&bytes))
		return -ENOMEM;
	r = txn_put(t, j->q.target.key, bytes.data, bytes.len, j->old ? store_entry_mod_rev(j->old) : STORE_ABSENT);
	if (r == 0)
		r = fs_quota_record(fs, rec.writer_uid, bytes.len);
	if (r == 0 && j->removed)
		r = txn_remove(t, j->q.remove_key, store_entry_mod_rev(j->removed));
	for (const char *k = NULL; r == 0 && (k = fs_record_next_declared(&rec, k));)
		r = seal_declared(j, k);
	if (r == 0)
		r = fs_waiting_put(t, &j->apply.waiting, j->q.target.key);
	if (r == 0)
		r = put_prunes(fs, t, old_record(j), &rec, j->q.target.key, j->q.remove_key);
	if (r == 0 && j->removed)
		r = put_prunes(fs, t, &j->removed_rec, &rec, j->q.target.key, j->q.remove_key);
	return r;
}

/* Who is told of warnings by `errors` is answered when they are there. */
static struct fs_req *answered_at_once(const struct job *j)
{
	return j->apply.diags.warnings ? NULL : j->q.answer;
}

static void prepared(struct fs *fs, void *arg)
{
	struct job *j = arg;
	int r = j->result;

	if (r == -ESTALE && ++j->tries < FS_COMMIT_RETRIES) {
		start_job(j);
		return;
	}
	if (r == 0)
		r = seal(j);
	if (r == 0 && j->q.dry) {
		finish_dry(j, 0);
		return;
	}
	if (r == 0)
		r = fs_txn_submit_for(fs, j->apply.txn, 0, answered_at_once(j), on_committed, j);
	if (r < 0)
		refuse(j, r == -ESTALE ? -EAGAIN : r);
}

/* --- the beginning --- */

/* Any thread. */
static void prepare(void *arg)
{
	struct job *j = arg;

	j->result = fs_apply(&j->apply);
}

static bool text_is_same(const struct job *j)
{
	const struct fs_record *old = j->removed ? &j->removed_rec : old_record(j);

	if (old && old->aside_len)
		return !j->removed && fs_aside_is(j->fs, old, j->q.text);
	return old && !j->removed && old->text_len == j->q.text->len &&
	       (old->text_len == 0 || memcmp(old->text, j->q.text->data, old->text_len) == 0);
}

static void start_job(struct job *j)
{
	int r;

	drop_aside(j);
	fs_apply_clear(&j->apply);
	r = read_record(j->fs, j->q.target.key, &j->old, &j->old_rec);
	if (r == 0 && j->q.remove_key)
		r = read_record(j->fs, j->q.remove_key, &j->removed, &j->removed_rec);
	if (r < 0) {
		refuse(j, r);
		return;
	}
	j->apply = (struct fs_apply){ .fs = j->fs, .target = &j->q.target, .text = j->q.text->data ? j->q.text->data : "",
				      .len = j->q.text->len, .old = old_record(j), .remove_key = j->q.remove_key,
				      .who = &j->q.who, .access = j->q.access };
	j->same_text = !j->q.force && text_is_same(j);
	if (j->same_text) { /* same bytes: nothing happens but to the file itself */
		j->apply.txn = txn_new(j->fs->registry, &j->q.who);
		j->result = j->apply.txn ? 0 : -ENOMEM;
		prepared(j->fs, j);
	} else if (j->q.text->len > FS_WORK_BYTES) {
		r = fs_work(j->fs, prepare, prepared, j);
		if (r < 0)
			refuse(j, r);
	} else {
		prepare(j);
		prepared(j->fs, j);
	}
}

void fs_commit_start(struct fs *fs, const struct fs_commit_request *q, fs_commit_fn done, void *arg)
{
	struct fs_commit_result failed = { .code = -ENOMEM };
	struct job *j = calloc(1, sizeof(*j));
	_cleanup_free_ char *xattrs = q->attr.xattrs_len ? malloc(q->attr.xattrs_len) : NULL;

	if (j) {
		j->fs = fs;
		j->q = *q;
		j->done = done;
		j->arg = arg;
		j->q.text = fs_blob_ref(q->text);
		j->q.access = fs_access_ref(q->access);
		j->q.target.key = strdup(q->target.key);
		j->q.target.path = strdup(q->target.path);
		j->q.remove_key = q->remove_key ? strdup(q->remove_key) : NULL;
		if (q->attr.xattrs_len && xattrs)
			memcpy(xattrs, q->attr.xattrs, q->attr.xattrs_len);
		j->q.attr.xattrs = NULL;
	}
	if (!j || !j->q.target.key || !j->q.target.path || (q->remove_key && !j->q.remove_key) ||
	    (q->attr.xattrs_len && !xattrs)) {
		if (j)
			free_job(j);
		done(fs, arg, &failed);
		return;
	}
	j->q.attr.xattrs = steal_ptr(xattrs);
	if (!j->q.access && q->who.uid) /* never more than what is known of them */
		j->q.access = fs_access_recorded(q->who.uid, q->who.gid);
	if (j->q.access || !q->who.uid)
		start_job(j);
	else
		refuse(j, -ENOMEM);
}

/* --- applying again what another file says --- */

static void on_reapplied(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	/* A failure is in `errors`; the object stays as it is. */
}

void fs_commit_again(struct fs *fs, const char *key, const struct fs_req *r)
{
	_cleanup_fs_access_ struct fs_access *access = NULL;
	_cleanup_store_entry_ struct store_entry *e = NULL;
	_cleanup_blob_ struct fs_blob *text = NULL;
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct fs_commit_request q = { .force = true };
	struct fs_record rec;
	char ns[FS_NS_SIZE];

	if (read_record(fs, key, &e, &rec) < 0 || !e || !fs_place_of_key(key, ns, &q.target) ||
	    fs_place_path(fs, key, &path) < 0)
		return;
	q.target.ns = fs_intern(fs, ns);
	if (fs_aside_text(fs, &rec, &text) < 0 || !q.target.ns)
		return;
	q.target.path = buf_str(&path);
	q.text = text;
	q.attr = rec;
	access = r ? fs_access_of(r) : fs_access_recorded(rec.writer_uid, rec.writer_gid);
	if (!access)
		return;
	q.access = access;
	q.who = (struct writer){ .uid = fs_access_uid(access), .gid = fs_access_gid(access), .agent = "mount" };
	fs_commit_start(fs, &q, on_reapplied, NULL);
}

/* --- removing, moving, changing attributes --- */

struct simple {
	void (*fn)(struct fs *fs, void *arg, int result);
	void *arg;
	struct store_entry *old, *target; /* owned: the record, the one that a move replaces */
	char *key, *newkey; /* owned; newkey NULL: removal */
	struct writer who;
	unsigned tries;
	bool attr_only;
};

static void free_simple(struct simple *s)
{
	if (!s)
		return;
	store_entry_unref(s->old);
	store_entry_unref(s->target);
	free(s->key);
	free(s->newkey);
	free(s);
}

static void end_simple(struct fs *fs, struct simple *s, int result)
{
	s->fn(fs, s->arg, result);
	free_simple(s);
}

static int decode(const struct store_entry *e, struct fs_record *ret)
{
	size_t len;
	const void *value = store_entry_value(e, &len);

	return fs_record_decode(value, len, ret);
}

static void start_simple(struct fs *fs, struct simple *s);

static void on_simple(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct simple *s = arg;
	struct fs_record old, target;
	bool had_target = s->target && decode(s->target, &target) == 0;

	if (result == -ESTALE && !s->attr_only && ++s->tries < FS_COMMIT_RETRIES) { /* its record has changed meanwhile */
		start_simple(fs, s);
		return;
	}
	if (result == 0 && !s->attr_only && decode(s->old, &old) == 0) {
		fs_aside_drop(fs, s->newkey ? (had_target ? &target : NULL) : &old);
		(void)fs_decl_replace(fs->decl, s->key, &old, NULL);
		if (s->newkey)
			(void)fs_decl_replace(fs->decl, s->newkey, had_target ? &target : NULL, &old);
		settle_removed(fs, had_target ? &target : NULL, s->newkey ? &old : NULL);
		settle_removed(fs, &old, s->newkey ? &old : NULL);
		fs_prune_touch(fs);
	}
	end_simple(fs, s, result);
}

static struct simple *new_simple(const char *key, const char *newkey, void (*fn)(struct fs *, void *, int), void *arg)
{
	struct simple *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fn = fn;
	s->arg = arg;
	s->key = strdup(key);
	s->newkey = newkey ? strdup(newkey) : NULL;
	if (s->key && (!newkey || s->newkey))
		return s;
	free_simple(s);
	return NULL;
}

static int put_removal(struct fs *fs, struct txn *t, struct simple *s)
{
	struct fs_record old;
	int r = read_record(fs, s->key, &s->old, &old);

	if (r == 0 && !s->old)
		r = -ENOENT;
	if (r == 0)
		r = txn_remove(t, s->key, store_entry_mod_rev(s->old));
	return r < 0 ? r : put_prunes(fs, t, &old, NULL, s->key, NULL);
}

static int put_move(struct fs *fs, struct txn *t, struct simple *s)
{
	struct fs_record old, target;
	const void *value;
	size_t len;
	int r = read_record(fs, s->key, &s->old, &old);

	if (r == 0)
		r = read_record(fs, s->newkey, &s->target, &target);
	if (r == 0 && !s->old)
		r = -ENOENT;
	if (r < 0)
		return r;
	value = store_entry_value(s->old, &len);
	r = txn_put(t, s->newkey, value, len, s->target ? store_entry_mod_rev(s->target) : STORE_ABSENT);
	if (r == 0)
		r = txn_remove(t, s->key, store_entry_mod_rev(s->old));
	if (r == 0 && s->target)
		r = put_prunes(fs, t, &target, &old, s->key, s->newkey);
	return r;
}

/* A removal or a move. */
static void start_simple(struct fs *fs, struct simple *s)
{
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &s->who);
	int r = !t ? -ENOMEM : s->newkey ? put_move(fs, t, s) : put_removal(fs, t, s);

	if (r == 0)
		r = fs_txn_submit(fs, t, 0, on_simple, s);
	if (r < 0)
		end_simple(fs, s, r);
}

void fs_commit_remove(struct fs *fs, const struct writer *who, const char *key,
		      void (*fn)(struct fs *fs, void *arg, int result), void *arg)
{
	fs_commit_move(fs, who, key, NULL, fn, arg);
}

void fs_commit_move(struct fs *fs, const struct writer *who, const char *key, const char *newkey,
		    void (*fn)(struct fs *fs, void *arg, int result), void *arg)
{
	struct simple *s = new_simple(key, newkey, fn, arg);

	if (!s) {
		fn(fs, arg, -ENOMEM);
		return;
	}
	s->who = *who;
	start_simple(fs, s);
}

void fs_commit_attr(struct fs *fs, const struct writer *who, const char *key, const struct store_entry *old,
		    const struct fs_record *rec, void (*fn)(struct fs *fs, void *arg, int result), void *arg)
{
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, who);
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct simple *s = new_simple(key, key, fn, arg);
	int r;

	fs_record_encode(rec, &bytes);
	if (!s || !t || buf_failed(&bytes)) {
		free_simple(s);
		fn(fs, arg, -ENOMEM);
		return;
	}
	s->attr_only = true;
	r = txn_put(t, key, bytes.data, bytes.len, store_entry_mod_rev(old));
	if (r == 0)
		r = fs_txn_submit(fs, t, 0, on_simple, s);
	if (r < 0)
		end_simple(fs, s, r);
}
