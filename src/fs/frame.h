/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the frame (loop.c, node.c, request.c, dispatch.c, session.c) share. Regions include fs/node.h only.
 */
#ifndef PODFS_FS_FRAME_H
#define PODFS_FS_FRAME_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
#include <stdatomic.h>

#include "fs/keep.h"
#include "fs/node.h"

struct fs_req {
	fuse_req_t req;
	struct fs *fs;
	struct fs_node *node;  /* owned: the node, or the directory */
	struct fs_handle *h;   /* owned reference, or NULL; for create the new one */
	void (*cancel)(struct fs_req *r, void *arg);
	void *cancel_arg;
	bool parked;
	atomic_bool answered;  /* by the frame, and the region does not know yet; set by who may answer: fs_req_claim() */
	bool as_create;	       /* it is open() that serves a create() which came again: fs/takeover.c */
	uint64_t unique;       /* the kernel's number; with FS_KEEP_RESEND when it came again after a death */
	size_t answer_size;    /* fs_req_answers() */
	struct fs_req *next_free;
};

struct fs_listing {
	struct buf names;
	struct fs_listing_entry {
		size_t name; /* offset in names */
		uint64_t ino;
		mode_t mode;
	} *entries; /* owned */
	size_t n, cap;
	bool filled;
};

/* --- node.c --- */
int fs_nodes_init(struct fs *fs);
void fs_nodes_free(struct fs *fs);
/* So many more are about to be made: room for them at once costs less than by and by. */
void fs_nodes_expect(struct fs *fs, size_t more);
void fs_node_lookup_add(struct fs_node *n); /* the kernel took a reference */
void fs_node_forget(struct fs_node *n, uint64_t count);
void fs_attr_to_stat(const struct fs_node *n, const struct fs_attr *a, struct stat *st);
void fs_listing_clear(struct fs_listing *l);
const char *fs_listing_name(const struct fs_listing *l, size_t i);

/* --- handle.c --- */
int fs_handles_init(struct fs *fs);
void fs_handles_free(struct fs *fs); /* whatever the kernel held */
struct fs_handle *fs_handle_new(struct fs *fs, struct fs_node *n, const struct fuse_ctx *ctx, int flags);
/* One of an earlier daemon's, with its number. */
struct fs_handle *fs_handle_restore(struct fs *fs, const struct fs_kept *kept);
/* It is about to be given to the kernel: keeps it for the next daemon, and from now on it is found by its node. */
void fs_handle_keep(struct fs_handle *h, uint64_t unique);
/* The kernel has it from an earlier daemon: likewise. */
void fs_handle_kept(struct fs_handle *h);
/* The newest handle on the node that the process of that thread has open, whoever opened it; NULL. */
struct fs_handle *fs_handle_held(const struct fs_node *n, pid_t thread);
struct fs_handle *fs_handle_find(struct fs *fs, uint64_t number);
/* It is on a directory, opened by that thread: gives it an empty listing. Once. -ENOMEM. */
int fs_handle_set_dir(struct fs_handle *h, pid_t thread);

/* --- request.c --- */
struct fs_req *fs_req_new(fuse_req_t req, struct fs_node *n, struct fs_handle *h);
/* What the kernel numbers the request that is being served; 0 without a keep. */
uint64_t fs_req_current(struct fs *fs);
int fs_fill_entry(struct fs_node *n, struct fuse_entry_param *e);
void fs_fill_open(const struct fs_handle *h, struct fuse_file_info *fi);
void fs_req_pool_free(struct fs *fs);
/* Takes over the answer of a parked request: what is returned must be answered, and the later fs_reply_*() only frees the
 * request. NULL when it is answered already. Any thread, while the request cannot be freed; without locks. */
fuse_req_t fs_req_claim(struct fs_req *r);
/* The process of a thread. */
pid_t fs_process_of(pid_t thread);
/* Whether the process has a file of that inode number (as stat(2) shows it) open. Of thousands only some are looked at. Waits
 * for nothing that the process does. */
bool fs_process_has_open(pid_t process, uint64_t ino);

/* --- loop.c --- */
int fs_loop_new(struct fs *fs, struct error *err);
void fs_loop_free(struct fs *fs);
struct fuse_session *fs_loop_session(struct fs *fs);
void fs_loop_set_session(struct fs *fs, struct fuse_session *se, int fd);
int fs_loop_run(struct fs *fs, struct error *err);
void fs_loop_stop(struct fs *fs);
bool fs_loop_unmounted(const struct fs *fs);
/* What others do for a request and tell by fs_post(), such as an import: held from its start until its task has run, so
 * that fs_loop_drain() waits for it. On the loop. */
void fs_loop_hold(struct fs *fs);
void fs_loop_release(struct fs *fs);
/* Runs posted tasks until nothing is under way in the store, on the worker, or held. */
void fs_loop_drain(struct fs *fs);
struct fs_tables *fs_loop_tables(struct fs *fs);

/* The hash tables of node.c, handle.c and request.c, kept with the loop. */
struct fs_tables {
	struct fs_node **nodes, **places; /* by number; by parent and name */
	size_t n_nodes, node_mask;
	LIST_HEAD(fs_handles_of_thread, fs_handle) *threads;
	LIST_HEAD(fs_handles_of_node, fs_handle) *of_nodes; /* as many as handles */
	struct fs_handle **handles;
	size_t n_handles, handle_mask;
	uint64_t next_handle;
	struct fs_req *free_reqs;
	unsigned n_free_reqs;
	struct fs_text {
		struct fs_text *next;
		char text[];
	} *texts;
};

/* --- takeover.c --- */
/* After INIT: takes up what the daemon before this one left, and has the kernel send again what it had read. */
void fs_takeover(struct fs *fs, struct fuse_session *se, int fd);
/* The handle that an earlier daemon gave to the kernel; NULL. */
struct fs_handle *fs_takeover_handle(struct fs *fs, uint64_t number);
/* The kernel let go of a handle that could not be taken over. */
void fs_takeover_release(struct fs *fs, uint64_t number);
void fs_takeover_forget(struct fs *fs, uint64_t ino, uint64_t count);
/* Whether the request was in flight at so many deaths that it is answered EIO. */
bool fs_takeover_is_stuck(struct fs *fs, uint64_t unique);
/*
 * A request that came again may have been done already. Each answers it and returns true if so: a name was to be made and is
 * there; to be removed or moved away, and is not, nor an attribute; a file was to be opened, and a handle was made for this very request.
 */
bool fs_takeover_made(struct fs_req *r, const char *name);
bool fs_takeover_removed(struct fs_req *r, const char *name);
bool fs_takeover_unset(struct fs_req *r, const char *xattr);
bool fs_takeover_renamed(struct fs_req *r, const char *name, struct fs_node *newdir, const char *newname);
bool fs_takeover_opened(fuse_req_t req, struct fs *fs, bool create);
/* A create() whose file is there: opens it instead. */
bool fs_takeover_created(struct fs_req *r, fuse_req_t req, const char *name, int flags);
/* The kernel has read a part of a listing: the rest is to be the same after a takeover. */
void fs_takeover_keep_listing(struct fs_handle *h);
bool fs_takeover_written(fuse_req_t req, struct fs_handle *h, size_t size);

/* --- dispatch.c --- */
extern const struct fuse_lowlevel_ops fs_fuse_ops;

#endif
