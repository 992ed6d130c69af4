/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Generic ephemeral volumes: each pod's `ephemeral` volume gets a claim POD-VOLUME, made of its template and owned by the
 * pod, so that it goes with it: K8S:pkg/controller/volume/ephemeral. Part of the volume controller and on its thread.
 */
#ifndef PODFS_CONTROL_EPHEMERAL_H
#define PODFS_CONTROL_EPHEMERAL_H

#include "control/controller.h"

/* Whether a key of the volume controller is of this room. */
bool ephemeral_has_key(const char *key);
/* Makes the claims that a pod lacks. A claim of that name that is not the pod's is an error, which an event tells. */
int64_t ephemeral_sync(struct controller *c, const char *key);

/* A pod has come; a claim has gone. On the store's thread. */
void ephemeral_notice_pod(struct controller *c, const struct object *pod);
void ephemeral_notice_gone(struct controller *c, const struct object *claim);

#endif
