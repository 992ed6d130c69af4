/* SPDX-License-Identifier: Apache-2.0 */
/* What scratch.c and scratch_file.c share. */
#ifndef PODFS_FS_SCRATCH_INTERNAL_H
#define PODFS_FS_SCRATCH_INTERNAL_H

#include "fs/scratch.h"

/* What the store's numbers of manifests that became scratch are kept in; hidden from users, as all below user.podfs. */
#define FS_SCRATCH_INO_XATTR "user.podfs.ino"
#define FS_SCRATCH_HIDDEN "user.podfs."

/* A file of scratch that is open: a list of them is kept, since a file that lost its name is still its openers'. */
struct fs_sfile {
	struct fs_sfile *next, **prev;
	const struct fs_node *node; /* borrowed: the handle holds it */
	int fd;			    /* owned */
	bool writes;
};

/* --- scratch.c --- */
/* Opens a path below the state directory, following no link. */
int fs_scratch_open(struct fs *fs, const char *path, int flags, mode_t mode);
/* Appends a node's path below the state directory. */
int fs_scratch_path(const struct fs_node *n, struct buf *out);
int64_t fs_timespec_ns(const struct timespec *t);

/* --- scratch_file.c --- */
/* Takes the descriptor, in success and failure. NULL when memory is out. */
struct fs_sfile *fs_sfile_new(struct fs_node *n, int fd, bool writes);
int fs_sfile_op_getattr(struct fs_node *n, struct fs_attr *a);
void fs_sfile_op_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set,
			 struct fs_handle *h);
int fs_sfile_op_getxattr(struct fs_node *n, const char *name, struct buf *out);
int fs_sfile_op_listxattr(struct fs_node *n, struct buf *out);
void fs_sfile_op_setxattr(struct fs_req *r, struct fs_node *n, const char *name, const void *value, size_t size,
			  int flags);
void fs_sfile_op_removexattr(struct fs_req *r, struct fs_node *n, const char *name);
void fs_sfile_op_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h);
void fs_sfile_op_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off);
void fs_sfile_op_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off);
void fs_sfile_op_fsync(struct fs_req *r, struct fs_handle *h);
void fs_sfile_op_fallocate(struct fs_req *r, struct fs_handle *h, int mode, uint64_t off, uint64_t len);
void fs_sfile_op_keep(struct fs_handle *h);
void fs_sfile_op_release(struct fs_handle *h);

#endif
