/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes from this process what unpacking hostile archives does not need. Memory, descriptors and core files are
 * limited; the store is the root directory; of the capabilities those remain that unpacking needs; no program can be
 * started and no socket made, by a filter of system calls, or without that by a network namespace of its own.
 */
#ifndef PODFS_IMAGE_SANDBOX_H
#define PODFS_IMAGE_SANDBOX_H

#include "base/error.h"

/* Enters it, with the directory dirfd as the root; paths from before are not valid any more. What this kernel does not
 * offer is left out, except for the root directory and the capabilities. In a build with sanitizers, which need more
 * system calls than can be told, only the limits on files apply. */
int sandbox_enter(int dirfd, struct error *err);

#endif
