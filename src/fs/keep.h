/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the daemon: a memfd that the holder keeps (cmd/holder.c) and each daemon maps in turn. In it lie the bytes
 * of the INIT request, the request being read, which requests are under way, which inodes the kernel knows and by what name, and
 * the open handles with what they have written. The next daemon restores from it what the kernel speaks of (fs/takeover.c).
 *
 * A daemon may be killed between any two instructions: what belongs together is prepared aside and made valid by one
 * aligned store. Which blocks are free is known to the process only and is found anew by the next.
 *
 * All of the loop thread, but for fs_keep_answered(). With a NULL keep (no holder) every call does nothing.
 */
#ifndef PODFS_FS_KEEP_H
#define PODFS_FS_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct fs_keep;

#define FS_KEEP_RESEND (UINT64_C(1) << 63) /* FUSE_UNIQUE_RESEND, linux/fuse.h of 6.9: the request came before */

enum {
	FS_KEEP_STATE = 48,  /* bytes that a region may keep of a handle */
	FS_KEEP_DEATHS = 2,  /* a request in flight at so many is answered EIO */
	FS_KEEP_NAME = 256,
	FS_MAX_WRITE = 256 * 1024, /* one request's data: it bounds the loop's only buffer */
};

/* What a handle has written, and what its region says of it; see fs_keep_change(). */
struct fs_kept_version {
	uint64_t off; /* of the text's block; 0: none */
	uint32_t len, cap;
	uint64_t unique; /* the request that made this version */
	uint64_t has_text; /* something was written, if only to empty it */
	uint8_t state[FS_KEEP_STATE];
};

/* An open handle. */
struct fs_kept {
	uint64_t number; /* 0: free; else the kernel's fh */
	uint64_t ino, parent; /* parent: of the node when it was opened, which may be gone since */
	uint64_t open_unique; /* the request that opened it */
	uint64_t done_unique; /* the last write(2) that was done, whether or not its answer went out */
	uint64_t poll_kh;     /* the kernel's name of who polls; 0: nobody */
	uint64_t snap_off, name_off, groups_off; /* groups: the opener's further ones */
	uint32_t snap_len, snap_cap;
	uint32_t name_cap, groups_n, groups_cap, flags;
	int32_t pid;
	uint32_t uid, gid;
	uint8_t dir, region, cur, lost, access, released; /* access: the opener's rights are known;
						      * released: by the kernel, and what it wrote is being committed; cur: which version holds; lost: memory was out, what was written is not whole */
	struct fs_kept_version version[2];
};

/* A region whose handles or files the next look-up cannot find: see fs/takeover.c. */
enum fs_kept_region { FS_KEPT_PLAIN, FS_KEPT_MANIFEST, FS_KEPT_FIELD, FS_KEPT_SCRATCH, FS_KEPT_ARCHIVE, FS_KEPT_STREAM,
		      FS_KEPT_LOG };

/*
 * Maps the memfd and takes up what lies in it; what another version of podfs wrote is dropped. The descriptor is the
 * caller's and must outlive the keep. The buffer's pages are there from now on: the kernel copies a request into it in
 * read(2), and where it met a page that is to be made while a SIGKILL waits, it would give the request up and answer EIO
 * itself (fuse_dev_do_read() in fs/fuse/dev.c, __get_user_pages() in mm/gup.c), which nobody sends again.
 */
int fs_keep_open(int fd, struct fs_keep **ret, struct error *err);
void fs_keep_free(struct fs_keep *k);

/* --- the connection --- */

/* Where requests are to be read; NULL without a keep. */
void *fs_keep_buffer(struct fs_keep *k);
/* To be called with the buffer before and after each read(2). */
void fs_keep_reading(struct fs_keep *k);
void fs_keep_received(struct fs_keep *k, size_t len);
/* The request in the buffer was served and may wait for its answer: keeps a copy of it. */
void fs_keep_parked(struct fs_keep *k);
/* Puts a request that was under way when the daemon before this one ended into the buffer, as if it had been read. Returns
 * its length; 0: it is not known. */
size_t fs_keep_load(struct fs_keep *k, uint64_t unique);
/* The number of the request in the buffer, marked with FS_KEEP_RESEND by the kernel or, after fs_keep_load(), here. */
uint64_t fs_keep_current(const struct fs_keep *k);
/* An answer went out. Any thread. */
void fs_keep_answered(struct fs_keep *k, uint64_t unique);
/* Of a request that was sent again: when it came first (ns since 1970), and at how many deaths it was under way. */
int64_t fs_keep_came(const struct fs_keep *k, uint64_t unique, unsigned *ret_deaths);
/* The INIT request of this connection and its length; 0 before it was answered. */
size_t fs_keep_init(const struct fs_keep *k, const void **ret);
void fs_keep_set_ready(struct fs_keep *k); /* INIT was answered */
/* This daemon makes room for the next on purpose: that is no death. */
void fs_keep_leave(struct fs_keep *k);
/* The one before this ended: counts it for all that was under way. */
void fs_keep_died(struct fs_keep *k);
/* The requests under way, oldest first, to be freed; NULL when memory is out or there is none. */
uint64_t *fs_keep_requests(const struct fs_keep *k, size_t *ret_n);

/* --- inodes: `at` is what fs_keep_node_add() gave, 0 for none --- */

uint32_t fs_keep_node_add(struct fs_keep *k, uint64_t ino, uint64_t parent, const char *name);
void fs_keep_node_count(struct fs_keep *k, uint32_t at, uint64_t nlookup);
void fs_keep_node_move(struct fs_keep *k, uint32_t at, uint64_t parent, const char *name);
void fs_keep_node_drop(struct fs_keep *k, uint32_t at);
/* What an earlier daemon kept of an inode. False: nothing. */
bool fs_keep_node_find(const struct fs_keep *k, uint64_t ino, uint32_t *ret_at, uint64_t *ret_parent,
		       char name[static FS_KEEP_NAME], uint64_t *ret_nlookup);
/* The inode kept by that name; 0: none. Slow. */
uint32_t fs_keep_node_named(const struct fs_keep *k, uint64_t parent, const char *name);

/* --- handles --- */

/* The next number, never used before on this connection. Without a keep `last` + 1. */
uint64_t fs_keep_handle_number(struct fs_keep *k, uint64_t last);
/* A record for a handle that is about to be opened; NULL when there is no room. The name and parent are for regions whose files
 * a look-up may not find. It does not count before fs_keep_handle_publish(), which is to follow before the next is added. */
struct fs_kept *fs_keep_handle_add(struct fs_keep *k, const struct fs_kept *what, const char *name, const void *snap,
				   size_t snap_len);
void fs_keep_handle_publish(struct fs_kept *h, uint64_t number);
void fs_keep_handle_drop(struct fs_keep *k, struct fs_kept *h);
/* The records, one after another, from NULL on. */
struct fs_kept *fs_keep_handle_next(struct fs_keep *k, struct fs_kept *h);
struct fs_kept *fs_keep_handle_find(struct fs_keep *k, uint64_t number);
const char *fs_keep_handle_name(const struct fs_keep *k, const struct fs_kept *h);
/* Keeps the opener's further groups; and gives them. */
void fs_keep_handle_set_groups(struct fs_keep *k, struct fs_kept *h, const gid_t *groups, size_t n);
const gid_t *fs_keep_handle_groups(const struct fs_keep *k, const struct fs_kept *h, size_t *ret_n);
const void *fs_keep_handle_snap(const struct fs_keep *k, const struct fs_kept *h);
/* Keeps bytes as the handle's snapshot in place of what it had. */
void fs_keep_handle_snapshot(struct fs_keep *k, struct fs_kept *h, const void *snap, size_t len);

/* One change of a handle's text and state, valid as a whole or not at all (but that what it overwrites in place may be
 * written already; the same write comes again then). */
struct fs_keep_change {
	const void *data; /* to be written at `at`; with len 0 nothing is */
	size_t len, at;
	size_t text_len;  /* of the text from now on */
	const void *state; /* FS_KEEP_STATE bytes; NULL: as it is */
	uint64_t unique;  /* of the request; 0: none */
	bool written;	  /* by fs_keep_write() */
};
void fs_keep_change(struct fs_keep *k, struct fs_kept *h, const struct fs_keep_change *c);
/* A write(2) or ftruncate(2) into a text that is `text` as a whole afterwards: at the first one, what was there before is
 * kept with it, and c->data, c->len and c->at mean nothing. */
void fs_keep_write(struct fs_keep *k, struct fs_kept *h, const struct fs_keep_change *c, const void *text);
/* The state alone; with the request that is done by it, 0: none. */
void fs_keep_state(struct fs_keep *k, struct fs_kept *h, const void *state, uint64_t unique);
const struct fs_kept_version *fs_keep_version(const struct fs_kept *h);
const void *fs_keep_text(const struct fs_keep *k, const struct fs_kept *h, size_t *ret_len);

#endif
