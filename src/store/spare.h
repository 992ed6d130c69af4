/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room that is kept free on the store's disk. LMDB writes new pages also to remove something, so that on a full disk
 * nothing could be removed to make room: then this file gives its own.
 */
#ifndef PODFS_STORE_SPARE_H
#define PODFS_STORE_SPARE_H

#include <stdbool.h>

enum { SPARE_BYTES = 4 * 1024 * 1024 }; /* a few removals of the largest manifests, whose text is kept until they settle */

/* Keeps the room, in a file in the directory. False where there is none to keep; it is tried again by the next call. */
bool spare_keep(int dir);
/* Gives it back to the disk. False when there was none. */
bool spare_give(int dir);

#endif
