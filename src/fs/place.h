/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places where people keep files: a kind's directory, the folders of manifests/, and scratch directories in either.
 * What a name means in each, and where what lies there is kept.
 *
 * How manifests/ is stored. Each namespace has a tree; each folder in it has a number, which is its inode's and never
 * given twice (the tree's own directory is folder 0). An entry, be it a manifest or a folder, is one record (fs/record.h)
 * at /manifests/tree/NAMESPACE/FOLDER/NAME, where FOLDER is the number of the folder that holds it, in hex. So a folder is
 * renamed by moving its one record: nothing that lies below it changes its key, nor what it declares. From a folder's number
 * back to its record leads /mount/folders/NUMBER, which holds "NAMESPACE/FOLDER/NAME" and changes in the same transactions.
 * Scratch, and links, lie on disk at STATE/scratch/NAMESPACE/manifests/FOLDER/NAME.
 */
#ifndef PODFS_FS_PLACE_H
#define PODFS_FS_PLACE_H

#include "fs/commit.h"
#include "fs/names.h"
#include "fs/node.h"

#define FS_KINDS_PREFIX FS_MANIFESTS_PREFIX "kinds/"
#define FS_TREE_PREFIX FS_MANIFESTS_PREFIX "tree/"
#define FS_FOLDERS_PREFIX "/mount/folders/"

enum fs_place {
	FS_PLACE_NONE, /* files do not belong there */
	FS_PLACE_KIND,
	FS_PLACE_FOLDER, /* manifests/ and what is below it */
	FS_PLACE_SCRATCH,
};

enum fs_place fs_place_of(const struct fs_node *dir);

/* What a file (a directory) of that name is in that place. */
enum fs_name_class fs_place_class(struct fs_node *dir, const char *name);
enum fs_name_class fs_place_class_dir(struct fs_node *dir, const char *name);

/* The record's key of an entry in a kind's directory or a folder; with name "" the prefix of them all. -ENAMETOOLONG. */
int fs_place_key(const struct fs_node *dir, const char *name, char out[static STORE_KEY_MAX + 1]);
/* What may be declared there: fills in all but key and path. */
void fs_place_target(const struct fs_node *dir, struct fs_commit_target *ret);
/* Appends the path below the state directory where the place's scratch lies; false for a scratch directory, whose place
 * is below its parent's. */
bool fs_place_disk(const struct fs_node *dir, struct buf *out);
/* A name in it came or went: its time changes. */
void fs_place_touch(struct fs_node *dir);
/* Whether both are places of the same declarations: a file that moves from one to the other declares what it did. */
bool fs_place_same(const struct fs_node *a, const struct fs_node *b);

/* Takes a record's key apart: what may be declared there, with `ns` in the room given. Any thread. false: none of ours. */
enum { FS_NS_SIZE = 64 }; /* a DNS label and its NUL, RFC 1123 */
bool fs_place_of_key(const char *key, char ns[static FS_NS_SIZE], struct fs_commit_target *ret);
/* Appends the path of a record's file from the mount's root. Any thread. -ENOENT. */
int fs_place_path(struct fs *fs, const char *key, struct buf *out);

#endif
