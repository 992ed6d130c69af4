/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and rules of Namespace, Node, ConfigMap and Event: hooks for core.c and kinds.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_CORE_RULES_H
#define PODFS_SCHEMA_CORE_RULES_H

#include "schema/report.h"

void namespace_defaults(struct admit *ad, struct value *v);
void namespace_initial_status(struct admit *ad, struct value *root);
void node_spec_defaults(struct admit *ad, struct value *v);
void node_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void node_status_defaults(struct admit *ad, struct value *v);
void node_check_update(struct admit *ad, const struct value *old, const struct value *new_root);
/* events.k8s.io, whose fields have other names. */
void event_from_events(struct admit *ad, struct value *root);
void event_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void config_keys_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void config_map_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void config_map_check_update(struct admit *ad, const struct value *old, const struct value *new_root);

#endif
