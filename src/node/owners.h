/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives volumes to groups (volume_owner.h) on threads of their own, one for each volume, since that takes as long as the
 * volume has files.
 */
#ifndef PODFS_NODE_OWNERS_H
#define PODFS_NODE_OWNERS_H

#include <sys/types.h>

#include "base/clock.h"

struct owners;

/* done is called on another thread whenever a volume has been gone through, well or not; path is valid for the call. -ENOMEM. */
int owners_open(void (*done)(void *arg, const char *path), void *arg, struct owners **ret);
/* Ends what is under way between two files. NULL is fine. */
void owners_close(struct owners *o);

/* Those who ask from here on may be made to wait for small volumes, all together for OWNERS_PATIENCE. */
void owners_round(struct owners *o);

/*
 * 0: the volume is that group's. -EINPROGRESS: it, or another group's claim to it, is gone through, done() follows; a small one
 * is waited for where it is begun. Another negative errno: that failed, which is told once to who asks for that group within
 * OWNERS_UNCLAIMED; asked again, it is tried again. One thread may ask.
 */
int owners_want(struct owners *o, const char *path, gid_t group);

#define OWNERS_PATIENCE (20 * NSEC_PER_MSEC)  /* what a small volume takes, rather than another try of its pod */
#define OWNERS_UNCLAIMED (60 * NSEC_PER_SEC) /* a pod that is there still asks at once */

#endif
