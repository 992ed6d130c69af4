/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod's service account files: token, ca.crt and namespace, as every container finds them. Kubernetes' admission writes a
 * volume and its mounts into the pod's spec for it; here the node sees to it, and the spec stays what was declared. They
 * lie in DIR/serviceaccount; DIR is the pod's run directory, in memory, where kubelet has them too (agent_account_dir()).
 */
#ifndef PODFS_NODE_SERVICE_ACCOUNT_H
#define PODFS_NODE_SERVICE_ACCOUNT_H

#include "node/payload.h"
#include "node/sandbox.h"

#define SERVICE_ACCOUNT_PATH "/var/run/secrets/kubernetes.io/serviceaccount" /* where containers find it */

enum { SERVICE_ACCOUNT_MOUNTS = 1 }; /* as many as service_account_mount() may add */

/* The pod's account by name, "default" where it says nothing. */
const char *service_account_name(const struct object *pod);

/* Whether the pod may run as far as its account goes: -ENOENT with Kubernetes' words. "default" comes by itself, and is not
 * waited for. */
int service_account_check(const struct sources *s, struct error *err);

/* Writes the files, or brings them up to date; does nothing for a pod that is to have none. 0 or a negative errno; then what
 * was there stays. */
int service_account_write(const struct sources *s, const char *dir, struct error *err);

/* Appends the mount to those of a container, unless it mounts something of its own there. The files are written where they
 * are missing. */
int service_account_mount(struct arena *a, const struct sources *s, const struct value *container, const char *dir,
			  struct sandbox_mount *mounts, size_t *n, struct error *err);

/* The real time at which the first of the pod's tokens, also those of its volumes, is to be renewed; INT64_MAX: never. Looks
 * at the files, those of volumes in POD_DIR/volumes. */
int64_t service_account_renew_at(const struct object *pod, const char *dir, const char *pod_dir);

#endif
