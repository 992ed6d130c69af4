/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives volumes to groups (volume_owner.h) on threads of their own, one for each volume, since that takes as long as the
 * volume has files.
 */
#ifndef PODFS_NODE_OWNERS_H
#define PODFS_NODE_OWNERS_H

#include <sys/types.h>

struct owners;

/* done is called on another thread whenever a volume has been gone through, well or not. -ENOMEM. */
int owners_open(void (*done)(void *arg), void *arg, struct owners **ret);
/* Ends what is under way between two files. NULL is fine. */
void owners_close(struct owners *o);

/*
 * 0: the volume is that group's. -EINPROGRESS: it is gone through, done() follows; a small one is waited for. Another
 * negative errno: that failed, which is told once; asked again, it is tried again. One thread may ask.
 */
int owners_want(struct owners *o, const char *path, gid_t group);

#endif
