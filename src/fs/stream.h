/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose reads wait: watch and wait/. A stream belongs to an open file. It makes its text when it is asked for it,
 * and again when an object has changed while a read or a poll(2) waits; nothing is gathered for who does not read.
 */
#ifndef PODFS_FS_STREAM_H
#define PODFS_FS_STREAM_H

#include "fs/node.h"

struct fs_parked;

struct fs_stream {
	LIST_ENTRY(fs_stream) entry;
	const struct fs_stream_type *type;
	struct fs_handle *h; /* borrowed: it owns the stream */
	struct buf out;	     /* made, and from `at` on not read yet */
	size_t at;
	bool ended;	     /* nothing comes after what is in out */
	int error;	     /* what reads answer after that; 0: end of file */
	struct fuse_pollhandle *ph; /* owned: who polls, or NULL */
	STAILQ_HEAD(, fs_parked) parked;
	/* After a takeover: the read that had these bytes of `out` may come again; any other begins after them. */
	uint64_t last_read;
	size_t last_len;
};

struct fs_stream_type {
	size_t size; /* of the struct that begins with a struct fs_stream; it starts as zeros */
	/* Appends to s->out what there is, until about `want` bytes wait there, or sets ended and error. -ENOMEM. */
	int (*fill)(struct fs_stream *s, size_t want);
	void (*clear)(struct fs_stream *s);
	/* The daemon died, and this one goes on after what s->out holds: what happened meanwhile is unknown. May be NULL. */
	void (*resume)(struct fs_stream *s);
};

int fs_streams_new(struct fs *fs, struct error *err);
/* Answers the reads that wait, with ENOTCONN: the mount is about to go. */
void fs_streams_stop(struct fs *fs);
void fs_streams_free(struct fs *fs);

/* For operations. */
void fs_stream_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h);
void fs_stream_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off);
unsigned fs_stream_poll(struct fs_handle *h, unsigned wanted, struct fuse_pollhandle *ph);
void fs_stream_release(struct fs_handle *h);
void fs_stream_keep(struct fs_handle *h);

/* --- watch.c --- */
extern const struct fs_ops fs_watch_ops;
extern const struct fs_stream_type fs_watch_stream;

/* --- wait.c --- */
extern const struct fs_ops fs_wait_dir_ops, fs_wait_ops;
extern const struct fs_stream_type fs_wait_stream;

#endif
