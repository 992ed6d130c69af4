/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lowest layer of every container's root: the empty files and directories that the node mounts things on, for images
 * that have none. So no container's own layer need get them, each of which is an inode to make and to remove. What an
 * image has in their place hides them, as an upper layer does.
 */
#ifndef PODFS_NODE_SKELETON_H
#define PODFS_NODE_SKELETON_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

/* Makes what is missing of STATE/skeleton. 0 or a negative errno with err. */
int skeleton_make(const char *state_dir, struct error *err);

/* The layer's path, from the arena: with the place of the service account's files or without. NULL: out of memory. */
const char *skeleton_layer(struct arena *a, const char *state_dir, bool with_account);

#endif
