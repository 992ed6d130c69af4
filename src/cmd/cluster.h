/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster on this machine, without the mount: store, cache, registry, network, images, node agent, controllers, opened
 * and closed in the right order. Used by `podfs mount`, and by `podfs umount` when the daemon is dead.
 */
#ifndef PODFS_CMD_CLUSTER_H
#define PODFS_CMD_CLUSTER_H

#include "cmd/images.h"
#include "cmd/network.h"
#include "node/agent.h"
#include "store/registry.h"

struct cluster;

struct cluster_config {
	const char *store;	   /* "lmdb:DIR" or "memory:" */
	const char *state_dir;	   /* DIR of the store, or where memory: keeps its files */
	const char *run_dir;	   /* "/run/podfs" */
	const char *log_dir;	   /* "/var/log/pods" */
	uint64_t log_max_size;	   /* bytes of a container's log at which it is rotated; 0: never */
	unsigned log_max_files;	   /* of one run that are kept, and how many runs */
	const char *cgroup_parent; /* "podfs" */
	int64_t pod_max_pids;	   /* processes and threads that a pod may have; 0: any number */
	const char *node_name;	   /* NULL: the host's name */
	const char *pod_cidr;	   /* NULL: chosen */
	struct image_gc_policy image_gc;
	struct eviction_policy eviction;
	struct pod_resources reserved; /* of the machine, from pods */
	int64_t autoscaler_period; /* ns between two looks of the autoscaler; 0: Kubernetes' default */
};

/* Opens everything but the node agent and the controllers. */
int cluster_open(const struct cluster_config *config, struct cluster **ret, struct error *err);
/* Starts the node agent and, if `controllers`, the controllers. */
int cluster_start(struct cluster *c, bool controllers, struct error *err);
/* Stops the controllers and ends every pod with its grace. */
void cluster_drain(struct cluster *c);
/* Stops what runs and closes. remove: take network and runtime files away too (after a drain). NULL is fine. */
void cluster_close(struct cluster *c, bool remove);

struct registry *cluster_registry(struct cluster *c);
struct images *cluster_images(struct cluster *c);
/* NULL before cluster_start(). */
struct agent *cluster_agent(struct cluster *c);
struct network *cluster_network(struct cluster *c);
/* Appends metrics in Prometheus text format; any thread. */
void cluster_metrics(struct cluster *c, struct buf *out);

/* The path of one of podfs's own programs: beside this program when it is not installed, else in libexec. NULL when
 * memory is out; the caller frees it. */
char *cluster_program(const char *name);

#endif
