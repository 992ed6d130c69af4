/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file may bring a CustomResourceDefinition along with objects of its kind: these are judged by what it says before any
 * of them is in the store. So its kind is made known when it was found right, on trial: what came of the commit decides.
 * Any thread.
 */
#ifndef PODFS_FS_TRIAL_H
#define PODFS_FS_TRIAL_H

#include "fs/node.h"
#include "schema/manifest.h"

/* Whether a document is a CustomResourceDefinition. */
bool fs_trial_is_definition(const struct value *doc);
/* Makes the kind of an admitted definition known when the file has documents of it, and notes its name in `trials`.
 * -ENOMEM. */
int fs_trial_define(struct fs *fs, struct buf *trials, const struct value *definition,
		    const struct schema_manifest_object *docs, size_t n);
/* The commit is over: those kinds are what the store says of them. Clears the names. */
void fs_trial_undo(struct fs *fs, struct buf *trials);

#endif
