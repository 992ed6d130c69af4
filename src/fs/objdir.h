/* SPDX-License-Identifier: Apache-2.0 */
/* NAME/, the directory of a live object: what stands in it. The prototypes for kinds' directories are in fs/region.h. */
#ifndef PODFS_FS_OBJDIR_H
#define PODFS_FS_OBJDIR_H

#include "fs/fieldpath.h"
#include "fs/live.h"
#include "fs/node.h"

extern const struct fs_ops fs_objdir_ops;

/* The uid of the object in whose directory a node lies. */
const char *fs_obj_uid(const struct fs_node *n);
/* The object, decoded, as a new reference; NULL when it is gone. */
struct object *fs_obj_get(const struct fs_node *n);
/* The path from NAME/ to the node, "spec/replicas"; "" for NAME/ itself. */
void fs_obj_path(const struct fs_node *n, struct buf *out);
/* A node below NAME/: its number is the uid's and the path's. */
int fs_obj_node(struct fs_node *dir, const char *name, const struct fs_ops *ops, struct fs_node **ret, bool *ret_new);
/* Its number. */
uint64_t fs_obj_ino(const struct fs_node *dir, const char *name);

/* The node of NAME/ of a node that is it or below it; NULL of any other. */
const struct fs_node *fs_obj_dir(const struct fs_node *n);

/* An entry of NAME/ that is there whatever the object holds. */
struct fs_objfile {
	const char *name;
	mode_t type;
	const struct fs_ops *ops;
	const char *plural; /* of the one kind that has it; NULL: all */
	bool unlisted;
};
extern const struct fs_objfile fs_objfiles[]; /* ends with name NULL */

/* What unlink and rmdir of generated things do: they answer 0, and the thing comes back. */
void fs_obj_unlink(struct fs_req *r, struct fs_node *dir, const char *name);
void fs_obj_rmdir(struct fs_req *r, struct fs_node *dir, const char *name);

/*
 * rename(2) of a file of NAME/ to the backup of it, beside it, that "rsync --backup --delete" asks for: it is answered with
 * 0 and true returned. What the cluster shows comes back by itself, so that the file stays, and nothing is kept of it; and
 * NAME/ is not to go without a backup: rmdir of it by that process is ENOTEMPTY. Any other rename is left alone.
 */
bool fs_obj_backup(struct fs_req *r, struct fs_node *dir, const char *name, const struct fs_node *newdir,
		   const char *newname, unsigned flags);

/* A file's memory of its last rendering, so that stat(2) of what has not changed is cheap. */
struct fs_memo {
	uint64_t rev; /* of what it is told of, or cache_changes(); 0: none */
	uint64_t size, hash;
	int64_t mtime;
};
/* Whether it is of that text. */
bool fs_memo_is(struct fs *fs, const struct fs_memo *m, const struct buf *text);
/* Brings it up to date with a text that belongs to that revision; the mtime changes when the text does. */
void fs_memo_set(struct fs *fs, struct fs_memo *m, uint64_t rev, const struct buf *text, int64_t changed);

#endif
