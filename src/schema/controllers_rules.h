/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of ReplicationController, StatefulSet, DaemonSet and ControllerRevision: hooks for controllers.c
 * and controllers_kinds.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_CONTROLLERS_RULES_H
#define PODFS_SCHEMA_CONTROLLERS_RULES_H

#include "schema/workload_rules.h"

void replication_controller_defaults(struct admit *ad, struct value *v);
void replication_controller_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);

void volume_claim_template_defaults(struct admit *ad, struct value *v);
void stateful_set_strategy_defaults(struct admit *ad, struct value *v);
void stateful_set_spec_defaults(struct admit *ad, struct value *v);
void stateful_set_strategy_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void stateful_set_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void stateful_set_check_update(struct admit *ad, const struct value *old, const struct value *new_root);

void daemon_set_strategy_defaults(struct admit *ad, struct value *v);
void daemon_set_strategy_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void daemon_set_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void daemon_set_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* The annotation that counts the versions of its template. */
void daemon_set_initial(struct admit *ad, struct value *root);
void daemon_set_finish_update(struct arena *a, const struct value *old, struct value *root);

void controller_revision_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void controller_revision_check_update(struct admit *ad, const struct value *old, const struct value *new_root);

/* Old versions whose defaults differed. */
void stateful_set_from_apps_v1beta1(struct admit *ad, struct value *root);
void daemon_set_from_extensions(struct admit *ad, struct value *root);
/* Its template's generation was a field. */
void daemon_set_from_beta(struct admit *ad, struct value *root);

#endif
