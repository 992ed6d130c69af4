/* SPDX-License-Identifier: Apache-2.0 */
/* podfs mount --restore: a store is made from a backup before the daemon starts. */
#ifndef PODFS_CMD_RESTORE_H
#define PODFS_CMD_RESTORE_H

#include "base/error.h"

enum {
	/*
	 * Revisions skipped by a restore, as etcd's documents advise: the cluster that was backed up went on, and what it
	 * has given out since must not mean something else now. At a thousand writes a second, eleven days.
	 */
	RESTORE_SKIP = 1000000000,
};

/*
 * Makes the store and the scratch of the cluster in `state_dir` from a backup, whole or not at all. Notes on standard error
 * say what a person should know, such as pods bound to nodes other than `node_name` (NULL: the host's). -EEXIST when a
 * cluster, or scratch, is there already; -EBUSY when its daemon runs; -EBADMSG and -EPROTO from the backup.
 */
int restore_cluster(const char *file, const char *state_dir, const char *node_name, struct error *err);

#endif
