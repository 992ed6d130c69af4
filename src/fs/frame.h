/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the frame (loop.c, node.c, request.c, dispatch.c, session.c) share. Regions include fs/node.h only.
 */
#ifndef PODFS_FS_FRAME_H
#define PODFS_FS_FRAME_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "fs/node.h"

struct fs_req {
	fuse_req_t req;
	struct fs *fs;
	struct fs_node *node;  /* owned: the node, or the directory */
	struct fs_handle *h;   /* owned reference, or NULL; for create the new one */
	void (*cancel)(struct fs_req *r, void *arg);
	void *cancel_arg;
	bool parked, answered; /* answered: by the frame, and the region does not know yet */
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
void fs_node_lookup_add(struct fs_node *n); /* the kernel took a reference */
void fs_node_forget(struct fs_node *n, uint64_t count);
void fs_attr_to_stat(const struct fs_node *n, const struct fs_attr *a, struct stat *st);
void fs_listing_clear(struct fs_listing *l);
const char *fs_listing_name(const struct fs_listing *l, size_t i);

struct fs_handle *fs_handle_new(struct fs *fs, struct fs_node *n, const struct fuse_ctx *ctx, int flags);
struct fs_handle *fs_handle_find(struct fs *fs, uint64_t number);

/* --- request.c --- */
struct fs_req *fs_req_new(fuse_req_t req, struct fs_node *n, struct fs_handle *h);
void fs_req_pool_free(struct fs *fs);

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

/* The hash tables of node.c and request.c, kept with the loop. */
struct fs_tables {
	struct fs_node **nodes;
	size_t n_nodes, node_mask;
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

/* --- dispatch.c --- */
extern const struct fuse_lowlevel_ops fs_fuse_ops;

#endif
