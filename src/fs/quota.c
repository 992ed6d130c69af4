/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/quota.h"

#include <fts.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "fs/blob.h"

enum { LOOK_EVERY = 100 * 1000 * 1000 }; /* ns */

struct fs_quota {
	struct fs_quota *next;
	uid_t uid;
	size_t buffers;
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

void fs_quota_drop(struct fs_handle *h)
{
	struct fs_quota *q = h->held ? find(h->fs, h->uid, false) : NULL;

	if (q)
		q->buffers -= h->held;
	h->held = 0;
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
