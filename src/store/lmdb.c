/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end in LMDB, with its default sync: an acknowledged write has reached the disk, and a crash at any moment
 * leaves the last one whole. The core calls from one thread at a time. There is one reader here, the load at the start,
 * and one in the process of each backup under way (snapshot.c): no other old snapshot keeps pages from being used again.
 *
 * Everything lies in the unnamed database, which saves a page a commit against a named one: one record a key, and
 * one under a key that no entry can have, which tells the format and the revisions reserved.
 *
 * LMDB reads through a shared mapping of the file, and pages touched there count as ours. Since reads are answered
 * from the core's memory they are of no more use after a load or a commit, and are let go.
 */
#include "store/lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "store/ahead.h"
#include "store/entry.h"
#include "store/record.h"
#include "store/spare.h"

enum {
	LOCK_TRIES = 50,     /* before the store is said to be in use */
	LOCK_WAIT_MS = 10,   /* between two */
	DROP_ENTRIES = 1024, /* entries loaded between two times that pages are let go */
	/* Commits between two times. Faulting the pages of one commit in again takes 45 us, measured; 16 commits touch
	 * a few MiB of a large store, and no more than all of a small one. */
	DROP_COMMITS = 16,
};

#define MAP_DEFAULT (sizeof(size_t) > 4 ? (size_t)1 << 36 : (size_t)1 << 28) /* 64 GiB; 256 MiB where short of it */
#define MAP_MIN ((size_t)1 << 24)
#define MAP_LIMIT (SIZE_MAX / 4)

struct lmdb {
	char *path;
	MDB_env *env;
	MDB_dbi dbi;
	int lock_fd;	   /* the directory; holds the flock(2) */
	bool fresh;	   /* nothing was stored when it was opened */
	size_t map_size;   /* bytes */
	void *map;	   /* where the file is mapped, NULL if unknown */
	size_t map_len;
	uint64_t reserved; /* as stored */
	unsigned commits;  /* since it was opened */
	size_t last_txn;   /* LMDB's number of the last transaction that took effect */
	size_t ahead;	   /* up to where the file is written: store/ahead.h */
	bool spare;	   /* room is kept for removals: store/spare.h */
	bool failed;	   /* what is on disk is not what is in memory: nothing may be written any more */
};

static int from_mdb(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return 0;
	case MDB_MAP_FULL:
	case EDQUOT:
		return -ENOSPC;
	case MDB_TXN_FULL:
	case MDB_BAD_VALSIZE:
		return -E2BIG;
	case MDB_VERSION_MISMATCH:
		return -EPROTO;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INCOMPATIBLE:
		return -EBADMSG;
	}
	return rc > 0 ? -rc : -EIO;
}

static int fail(struct error *err, int rc, const char *path, const char *what)
{
	return error_set(err, from_mdb(rc), "%s: %s: %s", path, what, mdb_strerror(rc));
}

static void txn_abortp(MDB_txn **txn)
{
	if (*txn)
		mdb_txn_abort(*txn);
}

static void cursor_closep(MDB_cursor **c)
{
	if (*c)
		mdb_cursor_close(*c);
}

#define _cleanup_mdb_txn_ _cleanup_(txn_abortp)

static MDB_val meta_key(void)
{
	return (MDB_val){ .mv_size = RECORD_META_KEY_LEN, .mv_data = (void *)RECORD_META_KEY };
}

/* --- the mapping --- */

/* Finds the mapping that holds `addr`. LMDB does not tell where it is. */
static void find_map(struct lmdb *l, const void *addr)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
	char line[512];

	l->map = NULL;
	while (f && fgets(line, sizeof(line), f)) {
		uintptr_t start, end;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) != 2)
			continue;
		if ((uintptr_t)addr >= start && (uintptr_t)addr < end) {
			l->map = (void *)start;
			l->map_len = end - start;
			break;
		}
	}
}

/* Lets go of the pages of the file that this process has touched; they stay in the page cache. */
static void drop_pages(const struct lmdb *l)
{
	if (l->map)
		(void)madvise(l->map, l->map_len, MADV_DONTNEED); /* ignoring: it only saves memory */
}

static int env_open(struct lmdb *l, struct error *err)
{
	int rc = mdb_env_create(&l->env);

	if (rc)
		return fail(err, rc, l->path, "LMDB");
	rc = mdb_env_set_mapsize(l->env, l->map_size);
	if (rc == 0)
		rc = mdb_env_open(l->env, l->path, MDB_NOTLS, 0600);
	if (rc == 0)
		return 0;
	mdb_env_close(l->env);
	l->env = NULL;
	/* Where address space is rationed (RLIMIT_AS), reserve less; it grows when needed. */
	if (rc == ENOMEM && l->map_size > MAP_MIN) {
		l->map_size /= 4;
		return env_open(l, err);
	}
	return fail(err, rc, l->path, "cannot open the store");
}

static MDB_envinfo env_info(const struct lmdb *l)
{
	MDB_envinfo info = { 0 };

	(void)mdb_env_info(l->env, &info); /* ignoring: fails only without an environment */
	return info;
}

static size_t last_txn(const struct lmdb *l)
{
	return env_info(l).me_last_txnid;
}

static void fill_ahead(struct lmdb *l)
{
	MDB_stat st = { 0 };
	int fd = -1;

	if (mdb_env_get_fd(l->env, &fd) == 0 && mdb_env_stat(l->env, &st) == 0)
		l->ahead = ahead_fill(fd, l->lock_fd, (env_info(l).me_last_pgno + 1) * st.ms_psize, l->ahead,
				      l->map_size);
}

/*
 * Whether so much address space is to be had. LMDB gives up the old mapping before it asks for the new one, and is left
 * without any when that is refused: every later access would be to nowhere.
 */
static bool can_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	(void)munmap(p, size); /* cannot fail for what was just mapped */
	return true;
}

static int grow(struct lmdb *l)
{
	size_t size = l->map_size * 2;
	int rc;

	if (l->map_size > MAP_LIMIT / 2 || !can_map(size))
		return -ENOSPC;
	rc = mdb_env_set_mapsize(l->env, size);
	if (rc)
		return rc == ENOMEM ? -ENOSPC : from_mdb(rc);
	l->map_size = size;
	l->map = NULL;
	return 0;
}

/* --- opening --- */

static void lmdb_close(void *be)
{
	struct lmdb *l = be;

	if (!l)
		return;
	if (l->env)
		mdb_env_close(l->env);
	close_fdp(&l->lock_fd);
	free(l->path);
	free(l);
}
DEFINE_CLEANUP(struct lmdb *, lmdb_close);

/* Creates the directory if it is absent, and makes that durable. */
static int make_dir(const char *path)
{
	_cleanup_close_ int parent = -1;
	_cleanup_free_ char *up = NULL;

	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (asprintf(&up, "%s/..", path) < 0)
		return -ENOMEM;
	parent = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || fsync(parent) < 0)
		return -errno;
	return 0;
}

static int lock_dir(struct lmdb *l, struct error *err)
{
	int r = make_dir(l->path);

	if (r < 0)
		return error_errno(err, r, "cannot create %s", l->path);
	l->lock_fd = open(l->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->lock_fd < 0)
		return error_errno(err, -errno, "cannot open %s", l->path);
	/* A child that a killed daemon was about to start holds its descriptors until it has called exec(2). */
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(l->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			break;
		(void)poll(NULL, 0, LOCK_WAIT_MS); /* ignoring: it only waits */
		errno = EWOULDBLOCK;
	}
	if (errno == EWOULDBLOCK)
		return error_set(err, -EBUSY, "%s is in use by another podfs", l->path);
	return error_errno(err, -errno, "cannot lock %s", l->path);
}

/* Reads the store's own record, and finds the mapping by the way. */
static int read_meta(struct lmdb *l, struct error *err)
{
	_cleanup_mdb_txn_ MDB_txn *txn = NULL;
	MDB_val key = meta_key(), val = { 0 };
	MDB_stat st = { 0 };
	uint32_t format = 0;
	int r, rc;

	rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
	if (rc == 0)
		rc = mdb_dbi_open(txn, NULL, 0, &l->dbi);
	if (rc == 0)
		rc = mdb_get(txn, l->dbi, &key, &val);
	if (rc == MDB_NOTFOUND) {
		l->fresh = mdb_stat(txn, l->dbi, &st) == 0 && st.ms_entries == 0;
		return l->fresh ? 0 : error_set(err, -EBADMSG, "%s holds an LMDB database of someone else", l->path);
	}
	if (rc)
		return fail(err, rc, l->path, "cannot read the store");
	find_map(l, val.mv_data);
	r = record_decode_meta(val.mv_data, val.mv_size, &format, &l->reserved);
	if (r == -EPROTO)
		return error_set(err, r, "%s was written by a newer podfs (format %" PRIu32 ", this one knows %d)",
				 l->path, format, RECORD_FORMAT);
	if (r < 0)
		return error_set(err, r, "%s: the store's own record is damaged", l->path);
	return 0;
}

static int lmdb_write(void *be, const struct store_write *writes, size_t n, uint64_t reserved);

static int set_up(struct lmdb *l, struct error *err)
{
	int r = read_meta(l, err);

	if (r < 0)
		return r;
	l->last_txn = last_txn(l);
	if (!l->fresh)
		return 0;
	l->reserved = UINT64_MAX; /* so that it is written */
	r = lmdb_write(l, NULL, 0, 0);
	if (r < 0)
		return error_errno(err, r, "cannot write to %s", l->path);
	if (fsync(l->lock_fd) < 0)
		return error_errno(err, -errno, "cannot sync %s", l->path);
	return 0;
}

int store_lmdb_open(const char *path, size_t map_size, void **ret_be, struct error *err)
{
	_cleanup_(lmdb_closep) struct lmdb *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return error_errno(err, -ENOMEM, "%s", path);
	l->lock_fd = -1;
	l->map_size = map_size ? map_size : MAP_DEFAULT;
	l->path = strdup(path);
	if (!l->path)
		return error_errno(err, -ENOMEM, "%s", path);
	r = lock_dir(l, err);
	if (r >= 0)
		r = env_open(l, err);
	if (r >= 0)
		r = set_up(l, err);
	if (r < 0)
		return r;
	l->spare = spare_keep(l->lock_fd);
	*ret_be = steal_ptr(l);
	return 0;
}

/* --- loading --- */

static int load_record(const struct lmdb *l, const MDB_val *key, const MDB_val *val, store_load_fn fn, void *arg,
		       struct error *err)
{
	struct store_entry *e = NULL;
	int r;

	if (key->mv_size == RECORD_META_KEY_LEN && memcmp(key->mv_data, RECORD_META_KEY, RECORD_META_KEY_LEN) == 0)
		return 0;
	r = record_decode(key->mv_data, key->mv_size, val->mv_data, val->mv_size, l->reserved, &e);
	if (r == -EBADMSG)
		return error_set(err, r, "%s: the record of %.*s is damaged", l->path,
				 (int)strnlen(key->mv_data, key->mv_size), (const char *)key->mv_data);
	if (r >= 0)
		r = fn(arg, e);
	return r < 0 ? error_errno(err, r, "%s: loading", l->path) : 0;
}

static int lmdb_load(void *be, store_load_fn fn, void *arg, uint64_t *ret_reserved, struct error *err)
{
	struct lmdb *l = be;
	_cleanup_mdb_txn_ MDB_txn *txn = NULL;
	_cleanup_(cursor_closep) MDB_cursor *c = NULL;
	MDB_val key = { 0 }, val = { 0 };
	int rc;

	rc = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
	if (rc == 0)
		rc = mdb_cursor_open(txn, l->dbi, &c);
	for (size_t i = 1; rc == 0 && (rc = mdb_cursor_get(c, &key, &val, MDB_NEXT)) == 0; i++) {
		int r = load_record(l, &key, &val, fn, arg, err);

		if (r < 0)
			return r;
		if (i % DROP_ENTRIES == 0)
			drop_pages(l);
	}
	if (rc != MDB_NOTFOUND)
		return fail(err, rc, l->path, "cannot read the store");
	drop_pages(l);
	*ret_reserved = l->reserved;
	return 0;
}

/* --- writing --- */

static int put_entry(MDB_txn *txn, MDB_dbi dbi, const struct store_write *w)
{
	MDB_val key = { .mv_size = strlen(w->key), .mv_data = (void *)w->key };
	MDB_val val = { 0 };
	int rc;

	if (!w->entry) {
		rc = mdb_del(txn, dbi, &key, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	}
	val.mv_size = RECORD_HEADER + (size_t)w->entry->len;
	rc = mdb_put(txn, dbi, &key, &val, MDB_RESERVE);
	if (rc)
		return rc;
	record_encode_header(w->entry, val.mv_data);
	memcpy((unsigned char *)val.mv_data + RECORD_HEADER, w->entry->data, w->entry->len);
	return 0;
}

/* Returns an LMDB code. */
static int try_write(struct lmdb *l, const struct store_write *writes, size_t n, uint64_t reserved)
{
	_cleanup_mdb_txn_ MDB_txn *txn = NULL;
	unsigned char meta[RECORD_META_SIZE];
	int rc = mdb_txn_begin(l->env, NULL, 0, &txn);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = put_entry(txn, l->dbi, &writes[i]);
	if (rc == 0 && reserved != l->reserved) {
		MDB_val key = meta_key(), val = { .mv_size = sizeof(meta), .mv_data = meta };

		record_encode_meta(reserved, meta);
		rc = mdb_put(txn, l->dbi, &key, &val, 0);
	}
	return rc ? rc : mdb_txn_commit(steal_ptr(txn));
}

/*
 * LMDB gives up an environment when it could not write the page that makes a commit count: it cannot know which of
 * the two states the disk has. Opening it again tells; if it is the new one, which has been refused, what is on disk
 * is right no more until the next start, and nothing may be built on it.
 */
static int reopen(struct lmdb *l)
{
	int r;

	mdb_env_close(l->env);
	l->env = NULL;
	l->map = NULL;
	r = env_open(l, NULL);
	if (r >= 0)
		r = read_meta(l, NULL);
	if (r < 0 || last_txn(l) != l->last_txn)
		l->failed = true;
	return l->failed ? -EIO : 0;
}

/* A write that the disk took in part is an I/O error to LMDB, but is how a full disk shows. */
static int tell_full(const struct lmdb *l, const struct store_write *writes, size_t n)
{
	unsigned long long need = 64 * 1024, left;
	struct statvfs st;

	if (fstatvfs(l->lock_fd, &st) < 0)
		return -EIO;
	left = (unsigned long long)st.f_bavail * st.f_frsize;
	for (size_t i = 0; i < n; i++)
		need += writes[i].entry ? writes[i].entry->len + 4096ULL : 4096ULL;
	return left < need ? -ENOSPC : -EIO;
}

static int write_once(struct lmdb *l, const struct store_write *writes, size_t n, uint64_t reserved)
{
	int rc, r = 0;

	if (l->failed)
		return -EIO;
	fill_ahead(l);
	rc = try_write(l, writes, n, reserved);
	if (rc == MDB_PANIC && (r = reopen(l)) >= 0)
		rc = try_write(l, writes, n, reserved);
	while (rc == MDB_MAP_FULL && (r = grow(l)) >= 0)
		rc = try_write(l, writes, n, reserved);
	if (r < 0)
		return r;
	if (rc == EIO)
		return tell_full(l, writes, n);
	if (rc)
		return from_mdb(rc) == -EBADMSG ? -EIO : from_mdb(rc);
	l->reserved = reserved;
	l->last_txn = last_txn(l);
	if (!l->map)
		(void)read_meta(l, NULL); /* ignoring: it finds the mapping, which only saves memory */
	if (++l->commits % DROP_COMMITS == 0) {
		drop_pages(l);
		(void)mdb_reader_check(l->env, NULL); /* of a backup that was killed; ignoring: it only saves room */
		if (!l->spare)
			l->spare = spare_keep(l->lock_fd);
	}
	return 0;
}

static bool removes(const struct store_write *writes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!writes[i].entry)
			return true;
	return false;
}

static int lmdb_write(void *be, const struct store_write *writes, size_t n, uint64_t reserved)
{
	struct lmdb *l = be;
	int r = write_once(l, writes, n, reserved);

	if (r != -ENOSPC || !l->spare || !removes(writes, n))
		return r;
	l->spare = false;
	return spare_give(l->lock_fd) ? write_once(l, writes, n, reserved) : r;
}

const struct store_backend_ops store_lmdb_ops = {
	.load = lmdb_load,
	.write = lmdb_write,
	.durable = true,
	.close = lmdb_close,
};
