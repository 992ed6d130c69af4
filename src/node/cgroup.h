/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups, v2 and v1 (hybrid) behind one interface. Kubernetes' layout below a parent of podfs's own:
 *   PARENT/podUID/NAME for Guaranteed pods, PARENT/burstable/podUID/NAME, PARENT/besteffort/podUID/NAME
 * In v1 the same path is made in the hierarchy of each controller that podfs uses (cpu, cpuacct, memory, pids).
 * podfs-pod itself lives in podUID (v1) or podUID/podfs-pod (v2, where inner nodes hold no processes).
 */
#ifndef PODFS_NODE_CGROUP_H
#define PODFS_NODE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

enum { CGROUP_HIERARCHIES_MAX = 8, CGROUP_PATH_MAX = 512 };

struct cgroups;

/* What a cgroup is to hold its members to; 0 leaves the kernel's default. */
struct cgroup_limits {
	int64_t cpu_request; /* thousandths of a CPU: shares or weight; -1: the least (BestEffort) */
	int64_t cpu_limit;   /* thousandths: quota of 100 ms periods */
	int64_t memory;	     /* bytes; what is over is not swapped out */
	int64_t pids;
	bool container; /* v2: goes whole when memory runs out, as kubelet has had it since 1.28, and is not swapped out. Not
			   so a pod: podfs-pod would go with it, and every container that did nothing wrong. */
};

/* Finds what the machine has and makes the parent. -ENOENT when there are no cgroups at all. */
int cgroups_open(const char *parent, struct cgroups **ret, struct error *err);
/* Removes the parent if it is empty. NULL is fine. */
void cgroups_close(struct cgroups *cg);

/* The path of a pod's cgroup, or of a container's (name) in it, relative to the hierarchies. -ENAMETOOLONG. */
int cgroup_path(struct cgroups *cg, const char *qos, const char *uid, const char *name, char out[static CGROUP_PATH_MAX]);

/* Makes a cgroup (its parent must be there) and sets its limits. What cannot be set for want of a controller is
 * survived. -EEXIST is success. */
int cgroup_make(struct cgroups *cg, const char *path, const struct cgroup_limits *limits, struct error *err);

/* Opens the directory of the cgroup in every hierarchy, close-on-exec. The caller closes the n descriptors. */
int cgroup_open_dirs(struct cgroups *cg, const char *path, int fds[static CGROUP_HIERARCHIES_MAX], size_t *ret_n,
		     struct error *err);

/* The cgroup for podfs-pod itself: the pod's own (v1) or a child that is made here (v2). */
int cgroup_supervisor_path(struct cgroups *cg, const char *pod_path, char out[static CGROUP_PATH_MAX], struct error *err);

/* Removes a cgroup with those below it, once nothing runs in it. -EBUSY when something still does. 0 if it is not
 * there. */
int cgroup_remove(struct cgroups *cg, const char *path);

/* Kills (SIGKILL) what runs in a cgroup and those below it. Failures are ignored: who goes on sees what is left. */
void cgroup_kill(struct cgroups *cg, const char *path);

/* How often the kernel has killed for want of memory in this cgroup. */
int64_t cgroup_oom_kills(struct cgroups *cg, const char *path);

/* CPU time in ns and memory in bytes used; -1 when unknown. */
int64_t cgroup_cpu_usage(struct cgroups *cg, const char *path);
int64_t cgroup_memory_usage(struct cgroups *cg, const char *path);

/* What of that memory cannot be had back by dropping cached files that are not in use, as kubelet counts; -1 when unknown. */
int64_t cgroup_working_set(struct cgroups *cg, const char *path);
/* How many processes and threads are in it; -1 when unknown. */
int64_t cgroup_pids(struct cgroups *cg, const char *path);

/* The cgroup above all pods. */
const char *cgroups_parent(struct cgroups *cg);
/* Holds all pods together to that much memory; 0: to none. What cannot be set for want of a controller is survived. */
int cgroups_limit(struct cgroups *cg, int64_t memory);
/*
 * Has an eventfd(2) written to when the memory that all pods have in use rises above, or falls below, that many bytes;
 * closing it ends that. -EOPNOTSUPP on v2, which has no such thing.
 */
int cgroups_watch_memory(struct cgroups *cg, int64_t bytes, int eventfd);

/* The pods that have a cgroup below the parent: calls fn with the pod's uid and path. */
void cgroup_each_pod(struct cgroups *cg, void (*fn)(void *arg, const char *uid, const char *path), void *arg);

/* v1 cpu.shares and v2 cpu.weight of a request in thousandths of a CPU, as kubelet and the OCI runtimes compute them. */
uint64_t cgroup_shares(int64_t milli_cpu);
uint64_t cgroup_weight(int64_t milli_cpu);
/* Quota in microseconds of a 100 ms period, at least 1 ms. */
int64_t cgroup_quota(int64_t milli_cpu);

#endif
