/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what others have filled. */
#ifndef PODFS_BASE_REMOVE_H
#define PODFS_BASE_REMOVE_H

/*
 * Removes a file, or a directory with all that is in it, below dirfd. Follows no link, and costs neither
 * descriptors nor stack with depth. 0 if it is not there; a negative errno otherwise. Nobody else may be changing the tree.
 */
int remove_tree(int dirfd, const char *name);

#endif
