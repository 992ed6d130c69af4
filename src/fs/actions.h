/* SPDX-License-Identifier: Apache-2.0 */
/* Files that do something when they are written to: delete, evict, reapply, rollback, restart, pause, resume. They read as empty. */
#ifndef PODFS_FS_ACTIONS_H
#define PODFS_FS_ACTIONS_H

#include "fs/objdir.h"

extern const struct fs_ops fs_evict_ops;
extern const struct fs_ops fs_delete_ops, fs_reapply_ops, fs_rollback_ops, fs_restart_ops, fs_trigger_ops, fs_pause_ops,
	fs_resume_ops;

/* Deletes an object for a request on dir's child `name` and answers it: with the size of a write(2), or 0. */
void fs_object_delete(struct fs_req *r, struct fs_node *dir, const char *uid, const char *name,
		      const struct delete_options *opts, size_t size);

enum { FS_ACTION_MAX = 256 }; /* bytes of what is written to such a file */

/* Copies what was written, as a word or words, without space at the ends. False when it is too long or has a NUL. */
bool fs_action_text(const char *data, size_t size, char out[static FS_ACTION_MAX]);
/* Attributes and contents of such a file. */
int fs_action_getattr(struct fs_node *n, struct fs_attr *a);
int fs_action_render(struct fs_node *n, struct buf *out);

/* Pure: what was written to `delete`: "grace=SECONDS", "orphan", "foreground", "background", in any order. -EINVAL. */
int fs_delete_parse(const char *text, size_t len, struct delete_options *ret);

#endif
