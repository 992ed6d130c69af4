/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes/N/{cordon,uncordon,drain}: files that do something when they are written to. They read as empty. A drain answers when
 * it is durable that it is to be done; the drain controller does it.
 */
#ifndef PODFS_FS_DRAIN_H
#define PODFS_FS_DRAIN_H

#include "fs/objdir.h"

extern const struct fs_ops fs_cordon_ops, fs_uncordon_ops, fs_drain_ops;

#endif
