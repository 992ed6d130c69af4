/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scratch beside the keys of data/: what sed, rsync and editors write there before they rename it to the key that they mean;
 * and beside object.yaml, what sed -i and vi write there.
 * In memory, and bounded: it is gone with a restart.
 */
#ifndef PODFS_FS_DATASCRATCH_H
#define PODFS_FS_DATASCRATCH_H

#include "fs/field.h"

enum {
	FS_DATASCRATCH_MAX = 64,		     /* files */
	FS_DATASCRATCH_BYTES = 8 * 1024 * 1024, /* of all together */
};

extern const struct fs_ops fs_datascratch_ops;

/* Pure: whether a name in data/ is scratch rather than a key: .NAME.XXXXXX, sedXXXXXX, .NAME.sw?, 4913, NAME~. */
bool fs_datascratch_name(const char *name);
/* Pure: whether it is scratch beside object.yaml: sedXXXXXX and .NAME.sw?. Not vi's probe 4913, so that vi writes in place. */
bool fs_datascratch_edits(const char *name);

struct fs_node *fs_datascratch_find(struct fs_node *dir, const char *name); /* borrowed; NULL */
int fs_datascratch_readdir(struct fs_node *dir, struct fs_listing *l);
void fs_datascratch_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode);
/* Makes one of a text. -EDQUOT. */
int fs_datascratch_make(struct fs_node *dir, const char *name, const void *text, size_t len);
/* Its bytes, as a new reference. */
struct fs_blob *fs_datascratch_text(struct fs_node *n);
/* Takes it away; open handles keep their bytes. */
void fs_datascratch_remove(struct fs_node *n);
void fs_datascratch_free(struct fs *fs);

#endif
