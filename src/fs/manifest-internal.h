/* SPDX-License-Identifier: Apache-2.0 */
/* What manifest.c, manifest_io.c and manifest_attr.c share. */
#ifndef PODFS_FS_MANIFEST_INTERNAL_H
#define PODFS_FS_MANIFEST_INTERNAL_H

#include "fs/manifest.h"

struct fs_whandle {
	LIST_ENTRY(fs_whandle) entry; /* of the manifest's writers, when it can write */
	struct fs_manifest *m;	      /* owned reference */
	struct fs_handle *h;	      /* borrowed: whose it is, once the kernel has it */
	struct store_entry *base;     /* owned: the record when it was opened; NULL: none */
	struct fs_blob *blob;	      /* owned: what was written; NULL: nothing */
	int aside;		      /* owned: the base's text where it lies aside (fs/aside.h); -1, or why it cannot be read */
	enum fs_hstate state;
	bool counted; /* as half written */
	unsigned committing; /* commits under way: until they are done it counts as dirty for the next daemon */
	int refused;  /* the last commit's errno */
	pid_t pid;
	bool writes;
};

/* --- manifest.c --- */
struct fs_manifest *fs_manifest_ref(struct fs_manifest *m);
void fs_manifest_unref(struct fs_manifest *m);
/* Made and without a record yet. */
bool fs_manifest_is_pending(const struct fs_manifest *m);
/* It is unlinked, or refused when it was new. */
void fs_manifest_set_gone(struct fs_manifest *m);
/* Takes a record as the one in force; -EINVAL when it is damaged. */
int fs_manifest_set_entry(struct fs_manifest *m, struct store_entry *e);

void fs_manifest_op_destroy(struct fs_node *n);

/* --- manifest_io.c --- */
struct fs_whandle *fs_whandle_new(struct fs_manifest *m, int flags, pid_t pid);
int fs_whandle_need_blob(struct fs_whandle *w);
/* It was written to. */
void fs_whandle_wrote(struct fs_whandle *w);
/* A write failed with that errno: what the handle holds has a hole and is not committed. */
void fs_whandle_failed(struct fs_whandle *w, int code);
/* truncate(2) by name: the shortened text is a new version. Answers with attributes. */
void fs_manifest_truncate(struct fs_req *r, struct fs_node *n, uint64_t size);
void fs_manifest_op_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h);
void fs_manifest_op_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off);
void fs_manifest_op_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off);
void fs_manifest_op_flush(struct fs_req *r, struct fs_handle *h, bool same_process);
void fs_manifest_op_fsync(struct fs_req *r, struct fs_handle *h);
void fs_manifest_op_release(struct fs_handle *h);

void fs_whandle_count(struct fs_whandle *w); /* in fs/prune.h's count of what is half written */
void fs_whandle_free(struct fs_whandle *w);  /* one that was not opened after all; NULL is fine */

/* --- manifest_keep.c: for the next daemon --- */
void fs_whandle_keep(struct fs_whandle *w);	/* its state */
void fs_manifest_keep(struct fs_manifest *m); /* that of all its writers */
/* Its buffer, in which that was written (with len 0: nothing), and its state. */
void fs_whandle_keep_text(struct fs_whandle *w, const void *data, size_t len, size_t at, uint64_t unique);
void fs_manifest_op_keep(struct fs_handle *h);

/* --- manifest_attr.c --- */
/* What the next record says of the file. */
struct fs_record fs_manifest_next_attr(const struct fs_manifest *m);
int fs_manifest_op_getattr(struct fs_node *n, struct fs_attr *a);
void fs_manifest_op_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set,
			    struct fs_handle *h);
int fs_manifest_op_getxattr(struct fs_node *n, const char *name, struct buf *out);
int fs_manifest_op_listxattr(struct fs_node *n, struct buf *out);
void fs_manifest_op_setxattr(struct fs_req *r, struct fs_node *n, const char *name, const void *value, size_t size,
			     int flags);
void fs_manifest_op_removexattr(struct fs_req *r, struct fs_node *n, const char *name);

#endif
