/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as text: a line each, in the order in which they happened. The lines' lengths are remembered, so that the size
 * of an events file is known without rendering it; the lines are made anew when they are read.
 */
#ifndef PODFS_FS_EVENTLOG_H
#define PODFS_FS_EVENTLOG_H

#include "fs/node.h"

struct fs_eventlog;

int fs_eventlog_new(struct fs_eventlog **ret);
void fs_eventlog_free(struct fs_eventlog *l);

/* Which events: of one object (uid), of a namespace (ns), of all (both NULL). */
struct fs_event_filter {
	const char *uid, *ns;
};
/* The bytes of their lines, and when the last came (0: none). */
uint64_t fs_eventlog_size(struct fs *fs, const struct fs_event_filter *f, int64_t *ret_last);
/* Appends `size` bytes from `off` on of their lines. */
void fs_eventlog_read(struct fs *fs, const struct fs_event_filter *f, uint64_t off, size_t size, struct buf *out);
/* Appends the last `max` lines, each with `indent` before it. */
void fs_eventlog_tail(struct fs *fs, const struct fs_event_filter *f, size_t max, const char *indent, struct buf *out);

/* The file `events` of the root and of namespaces, and that of an object. */
extern const struct fs_ops fs_events_ops, fs_object_events_ops;

#endif
