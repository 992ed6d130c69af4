/* SPDX-License-Identifier: Apache-2.0 */
/* .podfsignore: names below manifests/ that are scratch because a person says so, in the syntax of gitignore(5). */
#ifndef PODFS_FS_IGNORED_H
#define PODFS_FS_IGNORED_H

#include "fs/node.h"

enum fs_ignore_verdict { FS_IGNORE_SILENT, FS_IGNORE_YES, FS_IGNORE_NO };

enum { FS_IGNORE_BYTES = 64 * 1024 }; /* of one file; what follows is not read */

/* Pure: what the lines of one file say of a path below its directory ("charts/web/values.yaml"); the last one that
 * matches decides. Hostile patterns and paths take time proportional to the product of their lengths. */
enum fs_ignore_verdict fs_ignore_judge(const char *text, size_t len, const char *path, bool is_dir);
/* Pure: whether a path matches one pattern, in which '*' and '?' match no '/', and '**' between slashes any folders. */
bool fs_ignore_match(const char *pattern, size_t len, const char *path);

/* Whether the .podfsignore files of the folder and of those above it name that file or directory, or a folder that it lies
 * in. */
bool fs_ignored(struct fs_node *dir, const char *name, bool is_dir);

/* A name came or went on disk: what is remembered of folders without the file is forgotten if it is that. */
void fs_ignored_changed(struct fs *fs, const char *name);

#endif
