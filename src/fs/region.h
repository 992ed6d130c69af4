/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of regions: what stands at the root and in each namespace's directory. A region adds itself by one line in
 * fs/region.c; the object directories hook in by fs_object_dir().
 */
#ifndef PODFS_FS_REGION_H
#define PODFS_FS_REGION_H

#include "fs/node.h"

struct fs_region {
	const char *name;
	mode_t type;	    /* S_IFDIR or S_IFREG, for listings */
	bool in_namespaces; /* stands in namespaces/NS too, showing that namespace only (node->ns) */
	bool unlisted;	    /* found by name only */
	const struct fs_ops *ops; /* of the node; its number is fs_ino(fs, "/" NS, name), its data NULL */
};

/* All of them, in the order of listings; ends with name NULL. */
extern const struct fs_region fs_regions[];

/* Whether the node stands in the root's tree, which covers all namespaces, rather than in namespaces/NS/. */
bool fs_region_is_root(const struct fs_node *n);

/* --- object directories: fs/object.c --- */

/* The directory of an object, below its kind's directory (for a Namespace: its "self", below namespaces/NS). */
int fs_object_dir(struct fs_node *parent, const char *name, const struct object *o, struct fs_node **ret);
/* Its number, for listings. */
uint64_t fs_object_ino(const struct fs *fs, const struct object *o);
/* rmdir of NAME/ in a kind's directory. */
void fs_object_rmdir(struct fs_req *r, struct fs_node *dir, const struct object *o);

#endif
