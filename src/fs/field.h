/* SPDX-License-Identifier: Apache-2.0 */
/* Field files and their directories: NAME/metadata/, spec/, status/, data/ … */
#ifndef PODFS_FS_FIELD_H
#define PODFS_FS_FIELD_H

#include <bsd/sys/queue.h>

#include "fs/blob.h"
#include "fs/fieldpath.h"
#include "fs/hstate.h"
#include "fs/objdir.h"

extern const struct fs_ops fs_field_ops;    /* a file */
extern const struct fs_ops fs_fielddir_ops; /* a directory */

struct fs_field_handle {
	LIST_ENTRY(fs_field_handle) entry; /* of the node's writers, when it can write */
	struct fs_handle *h;		   /* borrowed: whose it is, once the kernel has it */
	struct fs_node *node;		   /* borrowed: the handle holds it */
	struct fs_blob *blob;		   /* owned: what was written, of what commits at close; NULL: nothing */
	enum fs_hstate state;
	int refused; /* the last commit's errno */
	pid_t pid;
	bool writes, at_close, written; /* written: a value was, by a write(2) that is done */
	unsigned committing; /* commits under way: until they are done it counts as dirty for the next daemon */
};

/* Of a node, file or directory. */
struct fs_field_node {
	struct fs_memo memo;
	LIST_HEAD(, fs_field_handle) writers; /* while it has any, an absent field has a file all the same */
	bool made; /* a folder that mkdir(2) made and that no key is in yet */
	uint16_t mode; /* that getattr() gave last, of a file */
};

/* A field's node, made if it is not known; for restorers. */
int fs_field_node(struct fs_node *dir, const char *name, struct fs_node **ret);
/* The child of NAME/ or a directory in it. */
int fs_field_lookup(struct fs_node *dir, const struct field *at, const char *name, struct fs_node **ret);
int fs_field_readdir(struct fs_node *dir, const struct field *at, struct fs_listing *l);
/* unlink(2) of a field's file. */
void fs_field_unlink(struct fs_req *r, struct fs_node *dir, const char *name);
void fs_field_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode, int flags);

/* Whether the directory is data/ or binaryData/, where keys are files that tools replace. */
bool fs_field_is_data(const struct fs_node *dir);
/* fieldrename.c */
void fs_field_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		     const char *newname, unsigned flags);
/* The same in NAME/: scratch to object.yaml. */
void fs_objdir_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		      const char *newname, unsigned flags);

/* fieldgone.c: adds the directories that `live` has and the tree it becomes has not. Any thread. */
void fs_field_gone(struct fs *fs, const struct object *live, const struct value *now, struct buf *ret);
/* The kernel forgets those. Once that is stored and before the answer, so that whoever asked for it finds none of them, though
 * somebody else may have looked until a moment ago. Any thread. */
void fs_field_expire(struct fs *fs, const struct buf *gone);

/* --- fieldkeep.c: for the next daemon --- */
void fs_field_handle_keep(struct fs_field_handle *w, uint64_t unique); /* its state; unique: see fs_keep_state() */
/* What was written to w->blob. */
void fs_field_keep_text(struct fs_field_handle *w, const void *data, size_t len, size_t at, uint64_t unique);
void fs_field_keep(struct fs_handle *h);

/* --- fieldwrite.c --- */
void fs_field_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h);
void fs_field_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off);
void fs_field_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off);
void fs_field_flush(struct fs_req *r, struct fs_handle *h, bool same_process);
void fs_field_fsync(struct fs_req *r, struct fs_handle *h);
void fs_field_release(struct fs_handle *h);
void fs_field_held(struct fs_handle *h, struct fs_attr *a); /* of any node whose data is a struct fs_field_node */
void fs_field_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set, struct fs_handle *h);

#endif
