/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root's unlisted file `preview`, which `podfs diff` asks what a commit would do. What is written to an open file is a
 * question: a line "commit PATH" or "remove PATH", with the path from the mount's root, and for the first the manifest's
 * bytes. fsync(2) answers it, and the answer is read from the same file. Nothing changes, and nothing is noted. Lines:
 *
 *   PATH: create|change|remove KIND/NAME [in namespace NS]      "-FIELD: value" and "+FIELD: value" follow a change
 *   PATH: unchanged    PATH: scratch: stored and never applied
 *   PATH:LINE:COLUMN: error|warning: …
 */
#ifndef PODFS_FS_PREVIEW_H
#define PODFS_FS_PREVIEW_H

#include "fs/node.h"

extern const struct fs_ops fs_preview_ops;

#endif
