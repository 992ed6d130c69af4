/* SPDX-License-Identifier: Apache-2.0 */
/* The log files of a container's earlier runs. */
#ifndef PODFS_NODE_RUNLOGS_H
#define PODFS_NODE_RUNLOGS_H

/*
 * As a run begins: keeps all files of the run before, the last one of those before that, and so many runs in all, with
 * the one that begins. `dir` is where the container's logs are. Ignores what cannot be removed: it is tried with
 * the next run.
 */
void runlogs_prune(const char *dir, unsigned run, unsigned max_runs);

#endif
