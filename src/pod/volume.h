/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes that are made of an image's layers. */
#ifndef PODFS_POD_VOLUME_H
#define PODFS_POD_VOLUME_H

#include "pod/rootfs.h"

/*
 * What a SPEC_MOUNT of type "image" is of, or with `sub` what lies there in it, as a detached mount; links lead nowhere out
 * of it. With the host's rights in its mount namespace, which the caller stays in; it has one thread and no other children.
 * A failure is reported and returned.
 */
int volume_open(const struct rootfs_config *c, const struct spec_item *mount, const char *sub);

#endif
