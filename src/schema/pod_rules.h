/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The defaults and rules of a pod that join several fields: hooks for the tables in pod*.c, each for the struct that
 * it is named after. Private to this floor.
 */
#ifndef PODFS_SCHEMA_POD_RULES_H
#define PODFS_SCHEMA_POD_RULES_H

#include "schema/report.h"

/* pod_rules.c */
void pod_defaults(struct admit *ad, struct value *v);
void pod_spec_defaults(struct admit *ad, struct value *v);
void pod_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void resource_claim_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void pod_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void pod_initial_status(struct admit *ad, struct value *root);
void pod_finish_create(struct admit *ad, struct value *root);

/* pod_settings.c */
void pod_settings_check(struct admit *ad, const struct value *spec, const struct schema_path *at);
void dns_option_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* container_rules.c */
void container_defaults(struct admit *ad, struct value *v);
void probe_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void restart_rule_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void lifecycle_handler_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void container_ports_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* env_rules.c */
void env_list_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void env_var_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void env_var_source_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void env_from_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void field_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void resource_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* A fieldRef shows one of those fields, or a label or annotation by its key. */
void field_path_check(struct admit *ad, const struct value *ref, const char *const *fields,
		      const struct schema_path *at);

/* mount_rules.c */
void volume_mounts_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void volume_mount_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* `volumes`: as for container_check_in_pod(). */
void container_mounts_check(struct admit *ad, const struct value *container, const struct value *volumes,
			    const struct schema_path *at);

enum container_kind { CONTAINER_MAIN, CONTAINER_INIT, CONTAINER_SIDECAR, CONTAINER_EPHEMERAL };

/* The rules that depend on where a container stands, and on the rest of its pod. `volumes`: a map whose keys are the
 * names of the pod's volumes, true where it can be a block device. */
void container_check_in_pod(struct admit *ad, const struct value *container, enum container_kind kind,
			    const struct value *pod_spec, const struct value *volumes, const struct schema_path *at);

/* image_rules.c: what an image's tag implies: "Always" for :latest and for none, else "IfNotPresent". */
const char *image_pull_policy(const char *image);

/* pod_warnings.c: `v` has metadata and spec, and is at `at`. */
void pod_warnings(struct admit *ad, const struct value *v, const struct schema_path *at);

/* os_rules.c */
void pod_os_check(struct admit *ad, const struct value *spec, const struct schema_path *at);
void pod_host_process_check(struct admit *ad, const struct value *spec, const struct schema_path *at);
void windows_options_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* annotation_rules.c: annotations of the past that became fields. `v` has metadata and spec. */
void pod_annotations_defaults(struct admit *ad, struct value *v);
void pod_template_defaults(struct admit *ad, struct value *v);
/* `v` has metadata and spec, and is at `at`. */
void pod_annotations_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void pod_profiles_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* resource_rules.c */
void resource_requirements_check(struct admit *ad, const struct value *v, const struct schema_path *at);
/* Of a pod as a whole: few resources, and no less than its containers ask for. */
void pod_resources_check(struct admit *ad, const struct value *spec, const struct schema_path *at);
void resource_list_defaults(struct admit *ad, struct value *v);

/* volume_rules.c */
void volume_defaults(struct admit *ad, struct value *v);
void volume_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void volumes_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void empty_dir_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* projection_rules.c */
void downward_file_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void projection_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void token_projection_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void trust_bundle_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void pod_certificate_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void projected_check(struct admit *ad, const struct value *v, const struct schema_path *at);

/* placement_rules.c: affinity, tolerations, spreading, security profiles */
void node_requirement_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void node_term_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void affinity_term_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void toleration_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void spread_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void node_selector_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void seccomp_profile_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void app_armor_profile_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void sysctls_check(struct admit *ad, const struct value *v, const struct schema_path *at);
void security_context_check(struct admit *ad, const struct value *v, const struct schema_path *at);

#endif
