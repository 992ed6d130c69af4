/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostPath volume asks of its path, be it a pod's own or a PersistentVolume's. */
#ifndef PODFS_NODE_HOSTPATH_H
#define PODFS_NODE_HOSTPATH_H

#include "base/error.h"
#include "value/value.h"

/*
 * Takes a HostPathVolumeSource: its types ask for something to be there, or to be made: Kubernetes documentation, "hostPath".
 * Without a type nothing is asked for, and container runtimes make a directory where there is nothing. A negative errno with
 * the reason.
 */
int hostpath_check(const struct value *source, struct error *err);

#endif
