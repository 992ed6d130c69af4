/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of Deployment and ReplicaSet: hooks for workload.c and workload_kinds.c; and what other kinds with
 * a pod template share with them. Private to this floor.
 */
#ifndef PODFS_SCHEMA_WORKLOAD_RULES_H
#define PODFS_SCHEMA_WORKLOAD_RULES_H

#include "schema/report.h"

/* --- what every kind with a pod template shares --- */

/* Sets a member that is absent. */
void default_to(struct admit *ad, struct value *v, const char *key, struct value *made);
/* Before apps/v1beta2 a selector and the object's labels came from the template's labels. */
void labels_of_template(struct admit *ad, struct value *root);
/* The label selector of a spec selects something, and the labels of its template. `what` is the kind in small letters. */
void workload_selector_check(struct admit *ad, const struct value *spec, const struct schema_path *at, const char *what);
/* The same for a selector that has been compiled. */
struct selector;
void workload_labels_check(struct admit *ad, const struct value *spec, const struct schema_path *at,
			   const struct selector *selector);
/* The template is of pods that run for ever. */
void workload_template_check(struct admit *ad, const struct value *spec, const struct schema_path *at, const char *kind);
/* A count, or a percentage's number; 0 for anything else. */
long workload_amount(const struct value *v);
/* "must not be greater than 100%" of the member of that name. */
void workload_percent_check(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key);

/* --- Deployment and ReplicaSet --- */

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
