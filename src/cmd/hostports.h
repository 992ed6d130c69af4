/* SPDX-License-Identifier: Apache-2.0 */
/* The host ports of a pod, as the pod network takes them. */
#ifndef PODFS_CMD_HOSTPORTS_H
#define PODFS_CMD_HOSTPORTS_H

#include "net/net.h"
#include "store/object.h"

/*
 * The ports of the pod's containers and sidecars that have a hostPort, for a pod at that address; none for one that uses
 * the host's network. A hostIP of IPv6 is left out: there is no IPv6 here. Free *ret with free(). -ENOMEM.
 */
int hostports_read(const struct object *pod, uint32_t addr, struct net_host_port **ret, size_t *ret_n);

#endif
