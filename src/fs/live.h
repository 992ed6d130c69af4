/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of live objects share: decoded objects, the times of their changes, and events.
 *
 * Objects are decoded here once and privately, for the few that were looked at last: the cache's own copies stay small
 * however much of the tree somebody reads.
 */
#ifndef PODFS_FS_LIVE_H
#define PODFS_FS_LIVE_H

#include "fs/node.h"

struct fs_live;

int fs_live_new(struct fs *fs, struct error *err);
/* Follows the store no more: the loop is about to end. NULL is fine. */
void fs_live_stop(struct fs_live *l);
void fs_live_free(struct fs_live *l);

/* The object of that uid, as a new reference; NULL when it is gone. Who goes through a directory asks for each several times:
 * the last one is at hand. Loop only. */
struct object *fs_live_peek(struct fs *fs, const char *uid);
/* The caller has just got it from the cache, whose cache_changes() was that before: it is at hand for the next
 * fs_live_peek(). */
void fs_live_note(struct fs *fs, const struct object *o, uint64_t changes);
/* The object of that uid, decoded, as a new reference; NULL when it is gone. Loop only. */
struct object *fs_live_get(struct fs *fs, const char *uid);
/* The same for one that the caller holds. NULL when memory is out. */
struct object *fs_live_decode(struct fs *fs, const struct object *o);
/* When an object was last changed, ns since 1970; when it was made, if that was before the mount. */
int64_t fs_live_changed(struct fs *fs, const struct object *decoded);
/* When the field at that path below NAME/, which has that text now, got it; as far as the store remembers what was. */
int64_t fs_live_field_changed(struct fs *fs, const struct object *decoded, const char *path, const struct buf *text);

/* Pure, for tests: revisions and their times, the oldest thinned out when it is full. */
struct fs_times {
	struct fs_time {
		uint64_t rev;
		int64_t time;
	} *items; /* owned */
	size_t n;
};
enum { FS_TIMES_MAX = 4096 };
void fs_times_add(struct fs_times *t, uint64_t rev, int64_t time);
/* The time of the newest entry that is not after rev; 0 when all are. */
int64_t fs_times_find(const struct fs_times *t, uint64_t rev);

#endif
