/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives volumes to groups (volume_owner.h) on threads of their own, one for each volume, since that takes as long as the
 * volume has files.
 */
#ifndef PODFS_NODE_OWNERS_H
#define PODFS_NODE_OWNERS_H

#include <stdbool.h>
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

/* A wait for such a volume: when it began, and when it was told; 0: it has not. */
struct owners_wait {
	int64_t since, told;
};

/* Counts a look at `now`, in ns of one clock; the first begins the wait. Whether it is to be told now, which is after
 * OWNERS_TOLD_FIRST and then each OWNERS_TOLD_AGAIN; *ret_next is when to look again. */
bool owners_tells(struct owners_wait *w, int64_t now, int64_t *ret_next);

/* K8S:pkg/volume/volume_linux.go, firstEventReportDuration and progressReportDuration */
#define OWNERS_TOLD_FIRST (30 * NSEC_PER_SEC)
#define OWNERS_TOLD_AGAIN (60 * NSEC_PER_SEC)
#define OWNERS_PATIENCE (20 * NSEC_PER_MSEC)  /* what a small volume takes, rather than another try of its pod */
#define OWNERS_UNCLAIMED (60 * NSEC_PER_SEC) /* a pod that is there still asks at once */

#endif
