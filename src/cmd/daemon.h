/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon: what `podfs mount` runs below the holder. */
#ifndef PODFS_CMD_DAEMON_H
#define PODFS_CMD_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/cluster.h"

struct daemon_options {
	struct cluster_config cluster;
	int64_t settle_ms; /* -1: the default */
};

/* Whether this process was started by the holder: its descriptors are there. They are close-on-exec from now on. */
bool daemon_is_held(void);

/* Serves the mount until it is to end. Returns the exit status that the holder understands (cmd/holder.h). */
int daemon_run(const struct daemon_options *options, char *mountpoint);

#endif
