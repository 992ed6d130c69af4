/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scratch: what editors, git and copying tools write beside manifests. Plain files, links and directories below
 * STATE/scratch, at the place that fs_place_disk() names; never in the store, never applied.
 */
#ifndef PODFS_FS_SCRATCH_H
#define PODFS_FS_SCRATCH_H

#include "fs/blob.h"
#include "fs/node.h"
#include "fs/record.h"

/* Files, directories and links in it. */
extern const struct fs_ops fs_scratch_ops;

bool fs_scratch_exists(struct fs_node *dir, const char *name);
int fs_scratch_lookup(struct fs_node *dir, const char *name, struct fs_node **ret);
int fs_scratch_readdir(struct fs_node *dir, struct fs_listing *l);
void fs_scratch_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode);
void fs_scratch_mkdir(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode);
void fs_scratch_rmdir(struct fs_req *r, struct fs_node *dir, const char *name);
void fs_scratch_unlink(struct fs_req *r, struct fs_node *dir, const char *name);
void fs_scratch_symlink(struct fs_req *r, struct fs_node *dir, const char *name, const char *target);
void fs_scratch_link(struct fs_req *r, struct fs_node *n, struct fs_node *newdir, const char *newname);
void fs_scratch_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		       const char *newname, unsigned flags);

/* Reads a regular file whole, with its attributes (what *attr points to lies in *xattrs). -EFBIG beyond
 * FS_MANIFEST_MAX; -EISDIR, -ELOOP for others. */
int fs_scratch_read(struct fs_node *dir, const char *name, struct fs_blob **ret, struct fs_record *attr,
		    struct buf *xattrs);
/* Appends at most max bytes of a regular file. -ENOENT, -ELOOP and the like. */
int fs_scratch_text(struct fs_node *dir, const char *name, size_t max, struct buf *out);
/* Whether what has that name is a plain file; a negative errno when there is nothing. */
int fs_scratch_is_file(struct fs_node *dir, const char *name);
/* Removes the place's empty directory on disk, if there is one. -ENOTEMPTY. */
int fs_scratch_drop(struct fs_node *dir);
/* Writes a file anew: text and attributes of a record. Its number stays the record's. */
int fs_scratch_write(struct fs_node *dir, const char *name, const struct fs_record *rec);
int fs_scratch_remove(struct fs_node *dir, const char *name);
/* Makes a node whose file moved here one of scratch. */
void fs_scratch_adopt(struct fs_node *n);

#endif
