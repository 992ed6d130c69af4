/* SPDX-License-Identifier: Apache-2.0 */
/* How far a workload's rollout is, for people: kubectl's "rollout status", and the figures beneath it. Pure. */
#ifndef PODFS_FS_ROLLOUT_H
#define PODFS_FS_ROLLOUT_H

#include "base/buf.h"
#include "store/object.h"

enum { ROLLOUT_SIZE = 160 };

/* In one line what a Deployment, DaemonSet or StatefulSet waits for, or that it is done; false, and nothing in `text`, for
 * another kind. */
bool rollout_status(const struct object *o, char text[ROLLOUT_SIZE]);

#endif
