/* SPDX-License-Identifier: Apache-2.0 */
/* A count of what pods take on the node's disk, on a thread of its own. The functions are the agent's thread's. */
#ifndef PODFS_NODE_AGENT_DISK_H
#define PODFS_NODE_AGENT_DISK_H

#include "node/disk_usage.h"
#include "store/object.h"

struct agent;
struct disk_job;

enum disk_item_type {
	DISK_VOLUME,	/* an emptyDir on disk */
	DISK_CONTAINER, /* what a container wrote to its root and to its log */
};

struct disk_item {
	char uid[OBJECT_UID_SIZE];
	enum disk_item_type type;
	const char *name;
	const char *paths[2];
	struct disk_usage usage;
};

/* Starts to count: all pods, or those that have limits of it. agent_note_measured() is called when it has ended. Free the
 * job with agent_disk_end(). */
int agent_disk_start(struct agent *agent, bool all, struct disk_job **ret);
/* Whether it has ended, and how long it took, in ns. What follows may be asked only then. */
bool agent_disk_is_done(struct disk_job *j, int64_t *ret_took);
/* What a pod takes altogether; false when it was not counted. */
bool agent_disk_usage(const struct disk_job *j, const char *uid, struct disk_usage *ret);
/* Likewise one volume or container of it. */
bool agent_disk_item(const struct disk_job *j, const char *uid, enum disk_item_type type, const char *name,
		     struct disk_usage *ret);
/* Ends it, at once if it is still counting. NULL is fine. */
void agent_disk_end(struct disk_job *j);

#endif
