/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/kinds.h"
#include "schema/rbac_rules.h"

const struct schema_kind_ops kind_cluster_role = {
	.kind = { .kind = "ClusterRole", .plural = "clusterroles", .singular = "clusterrole",
		  .group = "rbac.authorization.k8s.io", .api_version = "rbac.authorization.k8s.io/v1",
		  .has_directory = true, .type = &schema_cluster_role },
	.old_versions = OLD({ "rbac.authorization.k8s.io/v1beta1" }, { "rbac.authorization.k8s.io/v1alpha1" }),
	.name_format = format_path_segment,
};

const struct schema_kind_ops kind_cluster_role_binding = {
	.kind = { .kind = "ClusterRoleBinding", .plural = "clusterrolebindings", .singular = "clusterrolebinding",
		  .group = "rbac.authorization.k8s.io", .api_version = "rbac.authorization.k8s.io/v1",
		  .has_directory = true, .type = &schema_cluster_role_binding },
	.old_versions = OLD({ "rbac.authorization.k8s.io/v1beta1" },
			    { "rbac.authorization.k8s.io/v1alpha1", .reshape = binding_from_alpha }),
	.name_format = format_path_segment,
	.check_update = binding_check_update,
};

const struct schema_kind_ops kind_role = {
	.kind = { .kind = "Role", .plural = "roles", .singular = "role", .group = "rbac.authorization.k8s.io",
		  .api_version = "rbac.authorization.k8s.io/v1", .namespaced = true, .has_directory = true,
		  .type = &schema_role },
	.old_versions = OLD({ "rbac.authorization.k8s.io/v1beta1" }, { "rbac.authorization.k8s.io/v1alpha1" }),
	.name_format = format_path_segment,
};

const struct schema_kind_ops kind_role_binding = {
	.kind = { .kind = "RoleBinding", .plural = "rolebindings", .singular = "rolebinding",
		  .group = "rbac.authorization.k8s.io", .api_version = "rbac.authorization.k8s.io/v1",
		  .namespaced = true, .has_directory = true, .type = &schema_role_binding },
	.old_versions = OLD({ "rbac.authorization.k8s.io/v1beta1" },
			    { "rbac.authorization.k8s.io/v1alpha1", .reshape = binding_from_alpha }),
	.name_format = format_path_segment,
	.check_update = binding_check_update,
};
