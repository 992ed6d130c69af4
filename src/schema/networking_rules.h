/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of networking.k8s.io: hooks for networking.c. Private to this floor.
 */
#ifndef PODFS_SCHEMA_NETWORKING_RULES_H
#define PODFS_SCHEMA_NETWORKING_RULES_H

#include "schema/report.h"

/* ingress_rules.c */
void ingress_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void ingress_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void ingress_path_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void ingress_backend_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void ingress_class_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void ingress_parameters_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* extensions/v1beta1 and networking.k8s.io/v1beta1: serviceName and servicePort, backend. */
void ingress_from_beta(struct admit *ad, struct value *root);

/* policy_rules.c */
void network_policy_spec_defaults(struct admit *ad, struct value *v);
void network_policy_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void network_policy_port_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void network_policy_peer_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void ip_block_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void service_cidr_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void service_cidr_check_update(struct admit *ad, const struct value *old, const struct value *now);

#endif
