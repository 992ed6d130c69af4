/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/unlinked.h"

#include <bsd/sys/tree.h>
#include <string.h>

#include "fs/access.h"
#include "fs/commit.h"
#include "fs/place.h"
#include "fs/prune.h"

struct unlinked {
	RB_ENTRY(unlinked) entry;
	struct store_entry *record; /* owned */
	const char *key;	    /* the record's, or what is looked for */
	bool refused;		    /* what came after it */
};

RB_HEAD(unlinkeds, unlinked);

static int unlinked_cmp(const struct unlinked *a, const struct unlinked *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(unlinkeds, unlinked, entry, unlinked_cmp, __attribute__((unused)) static)

static struct unlinkeds *all(struct fs *fs)
{
	return (struct unlinkeds *)&fs->unlinked;
}

static void drop(struct fs *fs, struct unlinked *u)
{
	RB_REMOVE(unlinkeds, all(fs), u);
	store_entry_unref(u->record);
	free(u);
}

void fs_unlinked_clear(struct fs *fs)
{
	struct unlinked *u, *next;

	RB_FOREACH_SAFE(u, unlinkeds, all(fs), next)
		drop(fs, u);
}

void fs_unlinked_note(struct fs *fs, const char *key, struct store_entry *e)
{
	struct unlinked look = { .key = key }, *u = RB_FIND(unlinkeds, all(fs), &look);

	if (u)
		drop(fs, u);
	u = calloc(1, sizeof(*u));
	if (!u)
		return;
	u->record = store_entry_ref(e);
	u->key = store_entry_key(e);
	if (RB_INSERT(unlinkeds, all(fs), u)) { /* cannot be: it was just removed */
		store_entry_unref(u->record);
		free(u);
	}
}

static bool still_waits(struct fs *fs, const struct fs_record *rec)
{
	for (const char *k = NULL; (k = fs_record_next_declared(rec, k));)
		if (fs_prune_pending(fs, k))
			return true;
	return false;
}

static void on_restored(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	/* A failure is in `errors`; the objects go then, as they would have. */
}

static void put_back(struct fs *fs, const char *key, struct fs_record *rec)
{
	_cleanup_fs_access_ struct fs_access *access = fs_access_recorded(rec->writer_uid, rec->writer_gid);
	_cleanup_blob_ struct fs_blob *text = fs_blob_new(rec->text, rec->text_len);
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct fs_commit_request q = { .text = text, .access = access };
	char ns[FS_NS_SIZE], unique[64];

	if (!access || !text || !fs_place_of_key(key, ns, &q.target) || fs_place_path(fs, key, &path) < 0)
		return;
	q.target.ns = fs_intern(fs, ns);
	if (!q.target.ns)
		return;
	(void)snprintf(unique, sizeof(unique), "%lld.%u", (long long)registry_now(fs->registry), fs->made++);
	rec->ino = fs_ino(fs, key, unique); /* numbers are never given twice */
	q.target.path = buf_str(&path);
	q.attr = *rec;
	q.who = (struct writer){ .uid = rec->writer_uid, .gid = rec->writer_gid, .agent = "mount" };
	fs_errors_add_by(fs, &q.who, q.target.ns, q.target.path,
		      "the version before it, which was removed a moment ago, is put back and stays in force");
	fs_commit_start(fs, &q, on_restored, NULL);
}

void fs_unlinked_refused(struct fs *fs, const char *key)
{
	struct unlinked look = { .key = key }, *u = RB_FIND(unlinkeds, all(fs), &look);

	if (u)
		u->refused = true;
}

static bool restore(struct fs *fs, const struct unlinked *u)
{
	_cleanup_store_entry_ struct store_entry *now = NULL;
	struct fs_record rec;
	size_t len;
	const void *value = store_entry_value(u->record, &len);

	if (store_get(fs->store, u->key, &now) != -ENOENT || fs_record_decode(value, len, &rec) < 0 ||
	    !still_waits(fs, &rec))
		return false;
	put_back(fs, u->key, &rec);
	return true;
}

bool fs_unlinked_restore(struct fs *fs)
{
	struct unlinked *u, *next;
	bool any = false;

	RB_FOREACH_SAFE(u, unlinkeds, all(fs), next) {
		if (!u->refused)
			continue;
		any |= restore(fs, u);
		drop(fs, u);
	}
	return any;
}
