/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a directory takes on its disk, counted while others write to it. Costs one descriptor, and a little memory for
 * each level of depth; a tree that is deeper than any tool makes is counted down to a limit.
 */
#ifndef PODFS_NODE_DISK_USAGE_H
#define PODFS_NODE_DISK_USAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct disk_usage {
	int64_t bytes;	/* blocks that are in use */
	int64_t inodes;
};

/*
 * Adds what `path` and all below it takes, on its filesystem only; a file with several names counts as a part with each.
 * Follows no link. What is not there takes nothing. `stop` ends it early. Where a directory is moved at the wrong
 * moment, what is still to come is not counted. Any thread. -ENOMEM, or the reason why `path` cannot be read.
 */
int disk_usage_add(const char *path, const atomic_bool *stop, struct disk_usage *usage);

#endif
