/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which holder keeps which mount point: one small file a mount in RUN/mounts, by which `podfs umount` finds the
 * holder, and the daemon's options when both are dead.
 */
#ifndef PODFS_CMD_MOUNTS_H
#define PODFS_CMD_MOUNTS_H

#include <sys/types.h>

#include "cmd/cluster.h"

struct mount_record {
	pid_t pid;
	unsigned long long start_time; /* of the process, in ticks since boot: tells it from a later one of that number */
	char *strings[7];	       /* owned: store, state, run, log, cgroup parent, node name, pod CIDR ("": none) */
};

void mount_record_clear(struct mount_record *m);
#define _cleanup_mount_record_ _cleanup_(mount_record_clear)

/* Writes the record of a process: the holder. */
int mount_record_write(pid_t pid, const char *mountpoint, const struct cluster_config *config, struct error *err);
/* -ENOENT when there is none; -EACCES when the caller may not know. */
int mount_record_read(const char *run_dir, const char *mountpoint, struct mount_record *ret, struct error *err);
/* Removes the record, and the runtime directories if nothing is left in them. */
void mount_record_remove(const char *run_dir, const char *mountpoint);

/* The configuration that a record holds; borrows its strings. */
struct cluster_config mount_record_config(const struct mount_record *m);

/* A pidfd of the holder; -ESRCH when it is gone. */
int mount_record_open(const struct mount_record *m);

#endif
