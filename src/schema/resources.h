/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod asks for: pure functions of an admitted pod spec, shared by the registry (QoS class), the scheduler
 * (fit) and the node agent (cgroups).
 */
#ifndef PODFS_SCHEMA_RESOURCES_H
#define PODFS_SCHEMA_RESOURCES_H

#include <stdint.h>

#include "value/value.h"

/*
 * How many containers of one pod a node runs, init and ephemeral ones included. Kubernetes has no such limit: a new pod
 * with more is taken and fails on its node; an ephemeral container that would be one too many is refused.
 */
enum { SCHEMA_POD_CONTAINERS_MAX = 128 };

/*
 * "Guaranteed": every container, init containers too, has cpu and memory limits, and requests equal to them;
 * "BestEffort": none has any; else "Burstable". Kubernetes documentation, "Pod Quality of Service Classes".
 */
const char *pod_qos_class(const struct value *spec);

struct pod_resources {
	int64_t milli_cpu; /* thousandths of a CPU, rounded up */
	int64_t memory;	   /* bytes */
	int64_t ephemeral_storage;
};

/*
 * The effective requests: the sum over the containers and sidecars, or what the heaviest init container needs together
 * with the sidecars before it, whichever is more, and the overhead. Kubernetes documentation, "Resource sharing within
 * containers". Sums saturate.
 */
struct pod_resources pod_requests(const struct value *spec);
/* The same without spec.overhead: K8S:component-helpers/resource, AggregateContainerRequests. */
struct pod_resources pod_container_requests(const struct value *spec);

/* As pod_requests(), but a container that asks for no cpu or no memory counts as one that asks for a tenth of a CPU or 200 MiB:
 * for scores, so that pods that ask for nothing are spread. K8S:pkg/scheduler/util, GetNonzeroRequests. */
struct pod_resources pod_assumed_requests(const struct value *spec);

/* The sum of one resource's limits over the main containers, saturating; 0 when one of them has none. Units as below. */
int64_t pod_limit(const struct value *spec, const char *name);

/* The value of one container's request or limit: which is "requests" or "limits", name "cpu" (in thousandths) or
 * another (in units). -1 when it is not set. */
int64_t container_resource(const struct value *container, const char *which, const char *name);

#endif
