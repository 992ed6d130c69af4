/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions in a status, lists keyed by type, and counts, as every kind has them. */
#ifndef PODFS_CONTROL_CONDITIONS_H
#define PODFS_CONTROL_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "value/value.h"

/* The condition of a type; NULL if there is none. */
struct value *condition_get(const struct value *status, const char *type);
/* Its "status", "" if there is none; its reason likewise. */
const char *condition_status(const struct value *status, const char *type);
const char *condition_reason(const struct value *status, const char *type);
/*
 * Sets a condition. The same status and reason as before changes nothing, as in K8S:deployment/util,
 * SetDeploymentCondition; the same status keeps lastTransitionTime. with_update: the kind has lastUpdateTime.
 */
void condition_set(struct arena *a, struct value *status, const char *type, const char *value, const char *reason,
		   const char *message, int64_t now, bool with_update);
/* As above, and sets it anew, with a new lastUpdateTime, also when status and reason are the same. */
void condition_renew(struct arena *a, struct value *status, const char *type, const char *value, const char *reason,
		     const char *message, int64_t now);
void condition_remove(struct value *status, const char *type);

/* A count that is absent when it is 0, as Kubernetes' "omitempty" has it. */
void status_set_count(struct arena *a, struct value *status, const char *key, int64_t n);

#endif
