/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that removes what is left of pods that ended: links and addresses, cgroups, directories. Jobs that wait
 * together are done together, since the kernel deletes fifty links in the time of one.
 */
#ifndef PODFS_NODE_CLEANER_H
#define PODFS_NODE_CLEANER_H

#include <sys/types.h>

#include "node/agent.h"
#include "node/cgroup.h"

struct cleaner;

/* What to remove. Strings are copied. */
struct cleaner_job {
	const char *uid;
	const char *cgroup;	/* the pod's */
	const char *run_dir;	/* RUN/pods/UID */
	const char *dir;	/* STATE/pods/UID; NULL: it stays, since the pod will have another sandbox */
	const char *log_dir;	/* its log files, which are kept for a while (gonelogs.h); NULL: they stay */
	bool network;		/* it has a link and an address */
	pid_t child;		/* podfs-pod, to be reaped; 0: it is no child of this process */
};

/* log_dir: of all pods. done is called on the cleaner's thread for each job. cgroups and network must outlive it. */
int cleaner_start(struct cgroups *cg, const char *log_dir, const struct agent_network *network,
		  void *network_arg, void (*done)(void *arg, const char *uid), void *arg,
		  struct cleaner **ret);
/* Finishes what is queued, and ends. NULL is fine. */
void cleaner_stop(struct cleaner *c);

/* Has a directory removed, whose end nobody waits for. -ENOMEM. */
int cleaner_add_dir(struct cleaner *c, const char *dir);

/* Has the logs of pods that are gone removed, for the sake of the disk; done is called with "" then. -ENOMEM. */
int cleaner_drop_gone(struct cleaner *c);

/* -ENOMEM. */
int cleaner_add(struct cleaner *c, const struct cleaner_job *job);

#endif
