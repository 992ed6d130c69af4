/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/quota.h"

#include <fts.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "fs/blob.h"
#include "fs/record.h"

enum { LOOK_EVERY = 100 * 1000 * 1000 }; /* ns */

struct fs_quota {
	struct fs_quota *next;
	uid_t uid;
	size_t buffers;
	size_t reading;
	uint64_t records; /* as scratch */
	int64_t records_looked;
	uint64_t scratch; /* at the last look, and what was added since */
	int64_t looked;	  /* monotonic ns; 0: never */
};

/* There are few users who write: a list will do. */
static struct fs_quota *find(struct fs *fs, uid_t uid, bool make)
{
	struct fs_quota *q = fs->quota;

	while (q && q->uid != uid)
		q = q->next;
	if (q || !make)
		return q;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	*q = (struct fs_quota){ .next = fs->quota, .uid = uid };
	fs->quota = q;
	return q;
}

int fs_quota_hold(struct fs_handle *h, size_t bytes)
{
	struct fs_quota *q;
	size_t more = bytes > h->held ? bytes - h->held : 0;

	if (bytes > FS_MANIFEST_MAX)
		return -EFBIG;
	if (!more)
		return 0;
	q = find(h->fs, h->uid, true);
	if (!q)
		return -ENOMEM;
	if (q->buffers + more > (h->uid ? FS_QUOTA_BUFFERS : FS_QUOTA_BUFFERS_ROOT))
		return -EDQUOT;
	q->buffers += more;
	h->held = bytes;
	return 0;
}

int fs_quota_read(struct fs_handle *h, size_t bytes)
{
	struct fs_quota *all, *q;
	size_t more;

	bytes += FS_QUOTA_HANDLE;
	more = bytes > h->read ? bytes - h->read : 0;
	if (h->uid == 0 || !more)
		return 0;
	q = find(h->fs, h->uid, true);
	all = find(h->fs, (uid_t)-1, true); /* nobody has this number: the sum */
	if (!q || !all)
		return -ENOMEM;
	if (q->reading + more > FS_QUOTA_READ || all->reading + more > FS_QUOTA_READ_ALL)
		return -EMFILE;
	q->reading += more;
	all->reading += more;
	h->read = bytes;
	return 0;
}

static void drop_read(struct fs_handle *h)
{
	struct fs_quota *q = h->read ? find(h->fs, h->uid, false) : NULL;
	struct fs_quota *all = h->read ? find(h->fs, (uid_t)-1, false) : NULL;

	if (q)
		q->reading -= h->read;
	if (all)
		all->reading -= h->read;
	h->read = 0;
}

/* The bytes of a user's manifests. */
static uint64_t look_at_records(struct fs *fs, uid_t uid)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	uint64_t sum = 0;

	if (store_list(fs->store, FS_MANIFESTS_PREFIX, &list) < 0)
		return UINT64_MAX;
	for (size_t i = 0; i < list.n; i++) {
		struct fs_record rec;
		size_t len;
		const void *value = store_entry_value(list.items[i], &len);

		if (fs_record_decode(value, len, &rec) == 0 && rec.writer_uid == uid)
			sum += len + FS_QUOTA_NAME;
	}
	return sum;
}

int fs_quota_record(struct fs *fs, uid_t uid, size_t bytes)
{
	struct fs_quota *q;

	if (uid == 0)
		return 0;
	q = find(fs, uid, true);
	if (!q)
		return -ENOMEM;
	bytes += FS_QUOTA_NAME;
	if (q->records + bytes > FS_QUOTA_RECORDS) {
		if (q->records_looked && clock_monotonic() - q->records_looked < LOOK_EVERY)
			return -EDQUOT;
		q->records = look_at_records(fs, uid);
		q->records_looked = clock_monotonic();
		if (q->records > FS_QUOTA_RECORDS - bytes)
			return -EDQUOT;
	}
	q->records += bytes;
	return 0;
}

void fs_quota_drop(struct fs_handle *h)
{
	struct fs_quota *q = h->held ? find(h->fs, h->uid, false) : NULL;

	if (q)
		q->buffers -= h->held;
	h->held = 0;
	drop_read(h);
}

/* The bytes on disk of a user's scratch. */
static uint64_t look(struct fs *fs, uid_t uid)
{
	_cleanup_free_ char *path = NULL;
	uint64_t sum = 0;
	FTSENT *e;
	FTS *tree;

	if (asprintf(&path, "/proc/self/fd/%d/scratch", fs->state_fd) < 0)
		return UINT64_MAX;
	tree = fts_open((char *const[]){ path, NULL }, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (!tree)
		return UINT64_MAX;
	while ((e = fts_read(tree)))
		if (e->fts_info != FTS_DP && e->fts_statp && e->fts_statp->st_uid == uid)
			sum += (uint64_t)e->fts_statp->st_blocks * 512 + FS_QUOTA_FILE;
	(void)fts_close(tree);
	return sum;
}

int fs_quota_scratch(struct fs *fs, uid_t uid, size_t bytes)
{
	struct fs_quota *q;
	int64_t now;

	if (uid == 0)
		return 0;
	q = find(fs, uid, true);
	if (!q)
		return -ENOMEM;
	if (q->scratch + bytes > FS_QUOTA_SCRATCH) {
		now = clock_monotonic();
		if (q->looked && now - q->looked < LOOK_EVERY)
			return -EDQUOT;
		q->scratch = look(fs, uid);
		q->looked = clock_monotonic();
		if (q->scratch > FS_QUOTA_SCRATCH - bytes)
			return -EDQUOT;
	}
	q->scratch += bytes;
	return 0;
}

void fs_quota_free(struct fs *fs)
{
	while (fs->quota) {
		struct fs_quota *q = fs->quota;

		fs->quota = q->next;
		free(q);
	}
}
