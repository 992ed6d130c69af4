/* SPDX-License-Identifier: Apache-2.0 */
/* What dispatch.c, of names and attributes, and dispatch_open.c, of what is open, share. All of the loop thread. */
#ifndef PODFS_FS_DISPATCH_H
#define PODFS_FS_DISPATCH_H

#include "fs/frame.h"

struct fs *fs_dispatch_fs(fuse_req_t req);
/* The node of a request, borrowed; NULL: the request is answered. */
struct fs_node *fs_dispatch_node(fuse_req_t req, fuse_ino_t ino);
/* A request on a node, with a handle or NULL; NULL: it is answered. */
struct fs_req *fs_dispatch_begin(fuse_req_t req, fuse_ino_t ino, struct fs_handle *h);

/* --- dispatch_open.c: for the table of operations; each answers the request or sees to it --- */
void fs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void fs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fs_op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		     struct fuse_file_info *fi);
void fs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void fs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
void fs_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fs_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void fs_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void fs_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
		     const void *in, size_t in_size, size_t out_size);
void fs_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi);

#endif
