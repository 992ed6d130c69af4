/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment variables that name services: those of the pod's namespace that have a cluster IP, where its
 * enableServiceLinks is true, and "kubernetes" of the namespace default, where there is one, always.
 */
#ifndef PODFS_NODE_SERVICE_ENV_H
#define PODFS_NODE_SERVICE_ENV_H

#include "node/source.h"

/* The variables as NAME=VALUE, in `a`, ordered by their services' names: {SVC}_SERVICE_HOST, {SVC}_SERVICE_PORT[_NAME] and
 * Docker's links, {SVC}_PORT[_N_PROTO[_PROTO|_PORT|_ADDR]]: K8S:pkg/kubelet/envvars. -ENOMEM. */
int service_env(struct arena *a, const struct sources *s, const char *const **ret, size_t *ret_n);

#endif
