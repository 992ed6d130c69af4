/* SPDX-License-Identifier: Apache-2.0 */
/* Manifest files: the node, its handles and their commits. fs/files.c finds, makes, renames and removes them. */
#ifndef PODFS_FS_MANIFEST_H
#define PODFS_FS_MANIFEST_H

#include <bsd/sys/tree.h>

#include "fs/blob.h"
#include "fs/hstate.h"
#include "fs/node.h"
#include "fs/record.h"


struct fs_whandle;

struct fs_manifest {
	unsigned refs; /* the node's, handles', commits' under way */
	struct fs *fs;
	char *key;		   /* owned: of the record */
	struct store_entry *entry; /* owned: the record in force; NULL: none yet */
	struct fs_record rec;	   /* what entry says; without one, what the first is to say */
	struct buf xattrs;	   /* of the first record to be */
	struct fs_attr over;	   /* attributes set while a handle is written: they go with its commit */
	unsigned over_set;	   /* enum fs_set */
	int64_t wrote;		   /* when a handle was last written to; 0: it is committed */
	char *error;		   /* owned: why the last write was refused; NULL */
	bool gone;		   /* unlinked, or refused when it was new */
	int64_t touched;	   /* of a folder: its time, while that is on its way to the store; else 0 */
	bool touching, touch_again; /* it is on its way; and there is a newer one */
	unsigned committing;	   /* commits under way */
	void (*settled)(void *arg); /* called when the last of them has ended, by then nobody else's; or NULL */
	void *settled_arg;
	LIST_HEAD(, fs_whandle) writers;
	RB_ENTRY(fs_manifest) pending; /* while it has no record and is not gone */
	struct fs_node *node;	   /* borrowed; NULL once it went */
};

extern const struct fs_ops fs_manifest_ops;

/* What has that name in a kind's directory or a folder: one that is being made, or a record (in a folder, one of a folder
 * too). -ENOENT. */
int fs_manifest_lookup(struct fs_node *dir, const char *name, struct fs_node **ret);
/* Whether there is one. */
bool fs_manifest_exists(struct fs_node *dir, const char *name);
/* As above, when it is a folder (0 or 1) or not there (-ENOENT). */
int fs_manifest_is_folder(struct fs_node *dir, const char *name);
/* Whether the directory holds any. */
bool fs_manifest_any(struct fs_node *dir);
/* Adds to a listing what has no record yet, then what has. */
int fs_manifest_readdir(struct fs_node *dir, struct fs_listing *l);
/* Makes and opens a new one. Answers the request. */
void fs_manifest_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode);
/* Takes the node's data for a record of that key; from then on the node is a manifest. -ENOMEM. */
int fs_manifest_adopt(struct fs_node *n, const char *key, struct store_entry *e);
/* The node's manifest lost its record (unlinked, replaced). */
void fs_manifest_gone(struct fs_node *n);
/* The node's manifest has another key now, whose record is in the store. */
void fs_manifest_rekey(struct fs_node *n, const char *key);

#endif
