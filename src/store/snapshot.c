/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LMDB lets other processes read: each reader has a place in its lock file, and sees the state of its begin. A reader that
 * is killed leaves its place, which keeps pages from being used again; the store's owner clears those away (lmdb.c).
 */
#include "store/snapshot.h"

#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/entry.h"
#include "store/lmdb.h"
#include "store/record.h"

enum { BATCH_RECORDS = 1024, BATCH_BYTES = 8 * 1024 * 1024 }; /* what a builder keeps in memory */

struct store_snapshot {
	char *path;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	uint64_t reserved;
};

static int fail(struct error *err, const char *path, int rc)
{
	int r = rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_NOTFOUND ? -EBADMSG :
		rc == MDB_VERSION_MISMATCH ? -EPROTO : rc > 0 ? -rc : -EIO;

	if (r == -ENOENT)
		return error_set(err, r, "%s: there is no store", path);
	return error_set(err, r, "%s: cannot read the store: %s", path, mdb_strerror(rc));
}

void store_snapshot_close(struct store_snapshot *s)
{
	if (!s)
		return;
	if (s->txn)
		mdb_txn_abort(s->txn);
	if (s->env)
		mdb_env_close(s->env);
	free(s->path);
	free(s);
}

static int begin(struct store_snapshot *s)
{
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->txn);

	if (rc == MDB_MAP_RESIZED) { /* by the store's owner, since it was opened here */
		rc = mdb_env_set_mapsize(s->env, 0);
		if (rc == 0)
			rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->txn);
	}
	return rc ? rc : mdb_dbi_open(s->txn, NULL, 0, &s->dbi);
}

static int read_meta(struct store_snapshot *s, struct error *err)
{
	MDB_val key = { .mv_size = RECORD_META_KEY_LEN, .mv_data = (void *)RECORD_META_KEY }, val = { 0 };
	uint32_t format = 0;
	int rc = mdb_get(s->txn, s->dbi, &key, &val), r;

	if (rc)
		return fail(err, s->path, rc);
	r = record_decode_meta(val.mv_data, val.mv_size, &format, &s->reserved);
	if (r == -EPROTO)
		return error_set(err, r, "%s was written by a newer podfs", s->path);
	return r < 0 ? error_set(err, r, "%s: the store's own record is damaged", s->path) : 0;
}

int store_snapshot_open(const char *path, struct store_snapshot **ret, struct error *err)
{
	_cleanup_(store_snapshot_closep) struct store_snapshot *s = calloc(1, sizeof(*s));
	int rc, r;

	if (!s || !(s->path = strdup(path)))
		return error_set(err, -ENOMEM, "out of memory");
	rc = mdb_env_create(&s->env);
	if (rc == 0)
		rc = mdb_env_open(s->env, path, MDB_RDONLY | MDB_NOTLS, 0600);
	if (rc == 0)
		rc = begin(s);
	if (rc)
		return fail(err, path, rc);
	r = read_meta(s, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(s);
	return 0;
}

uint64_t store_snapshot_reserved(const struct store_snapshot *s)
{
	return s->reserved;
}

static void cursor_closep(MDB_cursor **c)
{
	if (*c)
		mdb_cursor_close(*c);
}

int store_snapshot_each(struct store_snapshot *s, store_snapshot_fn fn, void *arg, struct error *err)
{
	_cleanup_(cursor_closep) MDB_cursor *c = NULL;
	MDB_val key = { 0 }, val = { 0 };
	int rc = mdb_cursor_open(s->txn, s->dbi, &c);

	while (rc == 0 && (rc = mdb_cursor_get(c, &key, &val, MDB_NEXT)) == 0) {
		int r;

		if (key.mv_size == RECORD_META_KEY_LEN && memcmp(key.mv_data, RECORD_META_KEY, key.mv_size) == 0)
			continue;
		r = fn(arg, key.mv_data, key.mv_size, val.mv_data, val.mv_size, err);
		if (r < 0)
			return r;
	}
	return rc == MDB_NOTFOUND ? 0 : fail(err, s->path, rc);
}

/* --- building --- */

struct store_builder {
	char *path;
	void *be;
	uint64_t max_rev, reserved;
	struct store_write writes[BATCH_RECORDS]; /* owns the entries */
	size_t n, bytes;
};

static int flush(struct store_builder *b, struct error *err)
{
	int r = store_lmdb_ops.write(b->be, b->writes, b->n, b->reserved);

	for (size_t i = 0; i < b->n; i++)
		store_entry_unref(b->writes[i].entry);
	b->n = b->bytes = 0;
	return r < 0 ? error_errno(err, r, "cannot write to %s", b->path) : 0;
}

void store_builder_free(struct store_builder *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n; i++)
		store_entry_unref(b->writes[i].entry);
	if (b->be)
		store_lmdb_ops.close(b->be);
	free(b->path);
	free(b);
}

int store_builder_new(const char *path, uint64_t max_rev, uint64_t reserved, struct store_builder **ret,
		      struct error *err)
{
	_cleanup_(store_builder_freep) struct store_builder *b = calloc(1, sizeof(*b));
	int r;

	if (!b || !(b->path = strdup(path)))
		return error_set(err, -ENOMEM, "out of memory");
	b->max_rev = max_rev;
	b->reserved = reserved;
	r = store_lmdb_open(path, 0, &b->be, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(b);
	return 0;
}

int store_builder_add(struct store_builder *b, const void *key, size_t key_len, const void *record, size_t len,
		      struct error *err)
{
	struct store_entry *e = NULL;
	int r = record_decode(key, key_len, record, len, b->max_rev, &e);

	if (r < 0)
		return error_errno(err, r, "record of %.*s", (int)strnlen(key, key_len), (const char *)key);
	b->writes[b->n++] = (struct store_write){ .key = store_entry_key(e), .entry = e };
	b->bytes += len;
	return b->n == BATCH_RECORDS || b->bytes >= BATCH_BYTES ? flush(b, err) : 0;
}

int store_builder_finish(struct store_builder *b, struct error *err)
{
	return flush(b, err);
}

/* --- emptiness --- */

static int found(void *arg, struct store_entry *e)
{
	(void)arg;
	store_entry_unref(e);
	return -EEXIST;
}

int store_remove_empty(const char *path, struct error *err)
{
	static const char *const names[] = { "/data.mdb", "/lock.mdb", "/spare", "" };
	_cleanup_error_ struct error why = ERROR_INIT;
	uint64_t reserved;
	void *be = NULL;
	int r;

	if (access(path, F_OK) < 0)
		return errno == ENOENT ? 0 : error_errno(err, -errno, "%s", path);
	r = store_lmdb_open(path, 0, &be, err);
	if (r < 0)
		return r;
	r = store_lmdb_ops.load(be, found, NULL, &reserved, &why);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		char *file = NULL;

		if (asprintf(&file, "%s%s", path, names[i]) < 0)
			r = -ENOMEM;
		else if (remove(file) < 0 && errno != ENOENT)
			r = -errno;
		free(file);
	}
	store_lmdb_ops.close(be); /* last: until then nobody else can begin to use it */
	return r < 0 ? error_errno(err, r, "%s", path) : 0;
}
