/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of a commit: prepare (fs_apply(), here or on the worker), seal (the record and what waits for removal go into
 * the same transaction), submit, and at its end keep the index in step and answer. A lost race starts it again.
 */
#include <malloc.h>
#include <string.h>

#include "fs/access.h"
#include "fs/apply.h"
#include "fs/aside.h"
#include "fs/commit-internal.h"
#include "fs/decl.h"
#include "fs/field.h"
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
	fs_commit_settle_removed(fs, old_record(j), &rec);
	fs_commit_settle_removed(fs, j->removed ? &j->removed_rec : NULL, &rec);
	fs_waiting_add(fs, &j->apply.waiting, j->q.target.key);
	fs_prune_touch(fs);
	tell_warnings(j);
	fs_field_expire(fs, &j->apply.gone);
	finish(j, 0, now, NULL);
}

/* --- the transaction --- */

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

/* Who answers for what it declares: their right to a namespace may have come from a further group. */
static gid_t writer_gid(const struct job *j)
{
	return j->apply.has_via ? j->apply.via : j->q.who.gid;
}

static int seal(struct job *j)
{
	struct fs *fs = j->fs;
	struct fs_record rec = j->q.attr;
	struct txn *t = j->apply.txn;
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	int64_t now = registry_now(fs->registry);
	int r;

	rec.text = j->q.text->data;
	rec.text_len = j->q.text->len;
	rec.writer_uid = j->q.who.uid;
	rec.writer_gid = writer_gid(j);
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
		rec.aside_len = j->aside.aside_len;
		rec.committed = rec.aside_len ? j->aside.committed : fs_decl_stamp(fs->decl, now);
		rec.text_len = rec.aside_len ? 0 : rec.text_len;
	}
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
		r = fs_commit_put_prunes(fs, t, old_record(j), &rec, j->q.target.key, j->q.remove_key);
	if (r == 0 && j->removed)
		r = fs_commit_put_prunes(fs, t, &j->removed_rec, &rec, j->q.target.key, j->q.remove_key);
	return r;
}

/* Who is told of warnings by `errors` is answered when they are there, and who takes directories away when they are gone. */
static struct fs_req *answered_at_once(const struct job *j)
{
	return j->apply.diags.warnings || j->apply.gone.len ? NULL : j->q.answer;
}

static void submit(struct job *j)
{
	int r = seal(j);

	if (r == 0 && j->q.dry) {
		finish_dry(j, 0);
		return;
	}
	if (r == 0)
		r = fs_txn_submit_for(j->fs, j->apply.txn, 0, answered_at_once(j), on_committed, j);
	if (r < 0)
		refuse(j, r == -ESTALE ? -EAGAIN : r);
}

/* --- a text that declares nothing, since it is something else, lies aside before its record is there --- */

/* On the worker: it waits for the disk. */
static void write_aside(void *arg)
{
	struct job *j = arg;

	j->result = fs_aside_write(j->fs, &j->aside, j->q.text->data, j->q.text->len);
}

static void put_aside(struct job *j);

static void on_aside(struct fs *fs, void *arg)
{
	struct job *j = arg;

	if (j->result == -EEXIST && ++j->tries < FS_COMMIT_RETRIES) { /* a file of that stamp was left over */
		put_aside(j);
	} else if (j->result < 0) {
		refuse(j, j->result);
	} else {
		j->aside.aside_len = j->q.text->len;
		submit(j);
	}
}

static void put_aside(struct job *j)
{
	int64_t stamp = fs_decl_stamp(j->fs->decl, registry_now(j->fs->registry));
	int r = fs_quota_scratch(j->fs, j->q.who.uid, j->q.text->len + FS_QUOTA_FILE);

	j->aside = (struct fs_record){ .committed = stamp, .writer_uid = j->q.who.uid, .writer_gid = writer_gid(j) };
	if (r == 0)
		r = fs_work(j->fs, write_aside, on_aside, j);
	if (r < 0)
		refuse(j, r);
}

static void prepared(struct fs *fs, void *arg)
{
	struct job *j = arg;

	if (j->result == -ESTALE && ++j->tries < FS_COMMIT_RETRIES)
		start_job(j);
	else if (j->result < 0)
		refuse(j, j->result == -ESTALE ? -EAGAIN : j->result);
	else if (j->apply.aside && !j->same_text && !j->q.dry)
		put_aside(j);
	else
		submit(j);
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
		return false; /* compare_aside() says */
	return old && !j->removed && old->text_len == j->q.text->len &&
	       (old->text_len == 0 || memcmp(old->text, j->q.text->data, old->text_len) == 0);
}

/* On the worker: it reads from the disk. */
static void compare_aside(void *arg)
{
	struct job *j = arg;

	j->same_text = fs_aside_is(j->fs, &j->old_rec, j->q.text);
}

static void go_on(struct fs *fs, void *arg)
{
	struct job *j = arg;
	int r = 0;

	if (j->same_text) { /* same bytes: nothing happens but to the file itself */
		j->apply.txn = txn_new(fs->registry, &j->q.who);
		j->result = j->apply.txn ? 0 : -ENOMEM;
		prepared(fs, j);
	} else if (j->q.text->len > FS_WORK_BYTES) {
		r = fs_work(fs, prepare, prepared, j);
	} else {
		prepare(j);
		prepared(fs, j);
	}
	if (r < 0)
		refuse(j, r);
}

static void start_job(struct job *j)
{
	const struct fs_record *old;
	int r;

	drop_aside(j);
	fs_apply_clear(&j->apply);
	r = fs_commit_read(j->fs, j->q.target.key, &j->old, &j->old_rec);
	if (r == 0 && j->q.remove_key)
		r = fs_commit_read(j->fs, j->q.remove_key, &j->removed, &j->removed_rec);
	if (r < 0) {
		refuse(j, r);
		return;
	}
	j->apply = (struct fs_apply){ .fs = j->fs, .target = &j->q.target, .text = j->q.text->data ? j->q.text->data : "",
				      .len = j->q.text->len, .old = old_record(j), .remove_key = j->q.remove_key,
				      .who = &j->q.who, .access = j->q.access };
	old = old_record(j);
	j->same_text = !j->q.force && text_is_same(j);
	if (!j->q.force && !j->removed && old && old->aside_len == j->q.text->len && old->aside_len)
		r = fs_work(j->fs, compare_aside, go_on, j);
	else
		go_on(j->fs, j);
	if (r < 0)
		refuse(j, r);
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

struct again {
	void (*fn)(struct fs *fs, void *arg, int result);
	void *arg;
};

static void on_reapplied(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	_cleanup_free_ struct again *again = arg;

	if (again->fn)
		again->fn(fs, again->arg, result->code);
}

/* again is taken when the commit has started. */
static int start_again(struct fs *fs, const char *key, struct fs_req *r, struct again *again)
{
	_cleanup_fs_access_ struct fs_access *access = NULL;
	_cleanup_store_entry_ struct store_entry *e = NULL;
	_cleanup_blob_ struct fs_blob *text = NULL;
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct fs_commit_request q = { .force = true, .req = r, .answer = r };
	struct fs_record rec;
	char ns[FS_NS_SIZE];
	int err = fs_commit_read(fs, key, &e, &rec);

	if (err == 0 && (!e || !fs_place_of_key(key, ns, &q.target)))
		err = -ENOENT;
	if (err == 0)
		err = fs_place_path(fs, key, &path);
	if (err == 0)
		err = fs_aside_text(fs, &rec, &text);
	if (err < 0)
		return err;
	q.target.ns = fs_intern(fs, ns);
	access = r ? fs_access_of(r) : fs_access_recorded(rec.writer_uid, rec.writer_gid);
	if (!q.target.ns || !access)
		return -ENOMEM;
	q.target.path = buf_str(&path);
	q.text = text;
	q.attr = rec;
	q.access = access;
	q.who = (struct writer){ .uid = fs_access_uid(access), .gid = fs_access_gid(access),
				 .pid = r ? fs_req_writer(r).pid : 0, .agent = "mount" };
	fs_commit_start(fs, &q, on_reapplied, again);
	return 0;
}

void fs_commit_again(struct fs *fs, const char *key, struct fs_req *r,
		     void (*fn)(struct fs *fs, void *arg, int result), void *arg)
{
	struct again *again = malloc(sizeof(*again));
	int err = -ENOMEM;

	if (again) {
		*again = (struct again){ .fn = fn, .arg = arg };
		err = start_again(fs, key, r, again);
	}
	if (err < 0) {
		free(again);
		if (fn)
			fn(fs, arg, err);
	}
}
