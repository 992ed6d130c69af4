/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what others have filled. */
#ifndef PODFS_BASE_REMOVE_H
#define PODFS_BASE_REMOVE_H

#include <stdatomic.h>

/*
 * Removes a file, or a directory with all that is in it, below dirfd. Follows no link, leaves no mount, and never leaves
 * the directory upwards, whatever others move meanwhile: what they moved is begun again from the top, up to a hundred times.
 * Depth costs 24 bytes a level, no descriptors and no stack. 0 if it is not there; -EBUSY when others keep changing
 * it or something is mounted in it; another negative errno otherwise.
 */
int remove_tree(int dirfd, const char *name);
/* The same until *stop, which another thread may set: then -ECANCELED, and what is left stays. NULL: until the end. */
int remove_tree_until(int dirfd, const char *name, const atomic_bool *stop);

#endif
