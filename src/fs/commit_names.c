/* SPDX-License-Identifier: Apache-2.0 */
/* Records that go, move or get other attributes, whatever their text says; and what any commit does about objects that are
 * declared no more. */
#include <string.h>

#include "fs/aside.h"
#include "fs/commit-internal.h"
#include "fs/decl.h"
#include "fs/keyset.h"
#include "fs/prune.h"
#include "fs/waiting.h"

int fs_commit_read(struct fs *fs, const char *key, struct store_entry **ret_entry, struct fs_record *ret)
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

void fs_commit_settle_removed(struct fs *fs, const struct fs_record *was, const struct fs_record *is)
{
	_cleanup_fs_keyset_ struct fs_keyset stays = { .seed = fs->seed };
	char other[STORE_KEY_MAX + 1];
	bool whole = fs_keyset_add_declared(&stays, is) == 0; /* else there was no memory for all: one by one */

	for (const char *k = NULL; was && (k = fs_record_next_declared(was, k));) {
		if (fs_keyset_has(&stays, k) || (!whole && fs_record_declares(is, k)))
			continue;
		fs_waiting_drop(fs, k);
		if (fs_decl_latest(fs->decl, k, NULL, NULL, other))
			fs_commit_again(fs, other, NULL, NULL, NULL);
		else
			fs_prune_added(fs, k, was);
	}
}

int fs_commit_put_prunes(struct fs *fs, struct txn *t, const struct fs_record *was, const struct fs_record *is,
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
		fs_commit_settle_removed(fs, had_target ? &target : NULL, s->newkey ? &old : NULL);
		fs_commit_settle_removed(fs, &old, s->newkey ? &old : NULL);
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
	int r = fs_commit_read(fs, s->key, &s->old, &old);

	if (r == 0 && !s->old)
		r = -ENOENT;
	if (r == 0)
		r = txn_remove(t, s->key, store_entry_mod_rev(s->old));
	return r < 0 ? r : fs_commit_put_prunes(fs, t, &old, NULL, s->key, NULL);
}

static int put_move(struct fs *fs, struct txn *t, struct simple *s)
{
	struct fs_record old, target;
	const void *value;
	size_t len;
	int r = fs_commit_read(fs, s->key, &s->old, &old);

	if (r == 0)
		r = fs_commit_read(fs, s->newkey, &s->target, &target);
	if (r == 0 && !s->old)
		r = -ENOENT;
	if (r < 0)
		return r;
	value = store_entry_value(s->old, &len);
	r = txn_put(t, s->newkey, value, len, s->target ? store_entry_mod_rev(s->target) : STORE_ABSENT);
	if (r == 0)
		r = txn_remove(t, s->key, store_entry_mod_rev(s->old));
	if (r == 0 && s->target)
		r = fs_commit_put_prunes(fs, t, &target, &old, s->key, s->newkey);
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
