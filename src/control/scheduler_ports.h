/* SPDX-License-Identifier: Apache-2.0 */
/* The host ports of pods. Pure. */
#ifndef PODFS_CONTROL_SCHEDULER_PORTS_H
#define PODFS_CONTROL_SCHEDULER_PORTS_H

#include "control/scheduler_world.h"

/* The host ports of the pod's containers and sidecars; the caller frees the array. An init container lets go of its own.
 * -ENOMEM. */
int sched_ports_read(const struct object *pod, struct sched_port **ret, size_t *ret_n);

/* Whether one of the ports is taken by a pod on the node, or nominated to it, that is not lifted. */
bool sched_ports_clash(const struct sched_port *ports, size_t n, const struct sched_node *node);

#endif
