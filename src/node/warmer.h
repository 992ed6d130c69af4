/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that makes the kernel ready to move processes between cgroups. The first move after a while waits for an RCU
 * grace period (5 ms on a quiet machine, 20 on a busy one) behind a lock that all moves share; further moves within
 * such a period do not. The wait holds the mutex that making a cgroup takes too. So the agent makes all of a pod's cgroups
 * and then has the wait begin, while podfs-pod is started, instead of when podfs-pod enters its cgroup.
 */
#ifndef PODFS_NODE_WARMER_H
#define PODFS_NODE_WARMER_H

#include "node/cgroup.h"

struct warmer;

/* cg must outlive it. -ENOMEM, -EAGAIN. */
int warmer_start(struct cgroups *cg, struct warmer **ret);
/* NULL is fine. */
void warmer_stop(struct warmer *w);
/* From any thread; does not block. NULL is fine. */
void warmer_poke(struct warmer *w);

#endif
