/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine has, and how much of it is left: read from /proc, statvfs(3) and sysfs. */
#ifndef PODFS_NODE_FIGURES_H
#define PODFS_NODE_FIGURES_H

#include "node/eviction.h"
#include "schema/resources.h"

/*
 * Adds "cpu=500m,memory=1Gi,ephemeral-storage=2Gi" (any of them) to *sum: what is kept from pods. -EINVAL, and nothing is
 * changed.
 */
int figures_parse_reserved(const char *text, struct pod_resources *sum);

/* All there is; state_dir: on whose filesystem pods write. */
struct pod_resources figures_capacity(const char *state_dir);
/* What pods may have of it: without what is reserved, and without what must stay available (K8S:pkg/kubelet/cm/helpers.go,
 * hardEvictionReservation) and is in huge pages. */
struct pod_resources figures_allocatable(struct pod_resources capacity, struct pod_resources reserved,
					 const struct eviction_policy *policy);

/* The machine's huge pages of one size, for which there may be none. Calls fn for each size that the kernel has. */
void figures_each_huge_page(void (*fn)(void *arg, int64_t page_size, int64_t total), void *arg);

/* EVICTION_MEMORY, as kubelet counts it: what is free, or holds files that nobody uses. */
struct eviction_figure figures_memory(void);
/* Bytes of swap space. */
int64_t figures_swap(void);
struct eviction_figure figures_pids(void);
/* Of a path's filesystem. */
void figures_disk(const char *path, struct eviction_figure *ret_bytes, struct eviction_figure *ret_inodes);

#endif
