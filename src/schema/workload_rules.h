/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of Deployment and ReplicaSet: hooks for workload.c and kinds.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_WORKLOAD_RULES_H
#define PODFS_SCHEMA_WORKLOAD_RULES_H

#include "schema/report.h"

void strategy_defaults(struct admit *ad, struct value *v);
void strategy_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void deployment_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void replica_set_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* Warns of an object's name that makes odd names for its pods. */
void workload_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void replica_set_initial_status(struct admit *ad, struct value *root);

/* Old versions whose defaults differed. */
void deployment_from_extensions(struct admit *ad, struct value *root);
void deployment_from_apps_v1beta1(struct admit *ad, struct value *root);
void replica_set_from_extensions(struct admit *ad, struct value *root);

#endif
