/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/admission_rules.h"
#include "schema/kinds.h"

const struct schema_kind_ops kind_mutating_admission_policy = {
	.kind = { .kind = "MutatingAdmissionPolicy", .plural = "mutatingadmissionpolicies",
		  .singular = "mutatingadmissionpolicy", .group = "admissionregistration.k8s.io",
		  .api_version = "admissionregistration.k8s.io/v1", .has_generation = true, .has_directory = true,
		  .type = &schema_mutating_admission_policy },
	.old_versions = OLD({ "admissionregistration.k8s.io/v1beta1" },
			    { "admissionregistration.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_mutating_admission_policy_binding = {
	.kind = { .kind = "MutatingAdmissionPolicyBinding", .plural = "mutatingadmissionpolicybindings",
		  .singular = "mutatingadmissionpolicybinding", .group = "admissionregistration.k8s.io",
		  .api_version = "admissionregistration.k8s.io/v1", .has_generation = true, .has_directory = true,
		  .type = &schema_mutating_admission_policy_binding },
	.old_versions = OLD({ "admissionregistration.k8s.io/v1beta1" },
			    { "admissionregistration.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_mutating_webhook_configuration = {
	.kind = { .kind = "MutatingWebhookConfiguration", .plural = "mutatingwebhookconfigurations",
		  .singular = "mutatingwebhookconfiguration", .group = "admissionregistration.k8s.io",
		  .api_version = "admissionregistration.k8s.io/v1", .has_generation = true, .has_directory = true,
		  .type = &schema_mutating_webhook_configuration },
	.old_versions = OLD({ "admissionregistration.k8s.io/v1beta1", .reshape = webhook_configuration_from_beta }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_validating_admission_policy = {
	.kind = { .kind = "ValidatingAdmissionPolicy", .plural = "validatingadmissionpolicies",
		  .singular = "validatingadmissionpolicy", .group = "admissionregistration.k8s.io",
		  .api_version = "admissionregistration.k8s.io/v1", .has_status = true, .has_generation = true,
		  .has_directory = true, .type = &schema_validating_admission_policy },
	.old_versions = OLD({ "admissionregistration.k8s.io/v1beta1" },
			    { "admissionregistration.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_validating_admission_policy_binding = {
	.kind = { .kind = "ValidatingAdmissionPolicyBinding", .plural = "validatingadmissionpolicybindings",
		  .singular = "validatingadmissionpolicybinding", .group = "admissionregistration.k8s.io",
		  .api_version = "admissionregistration.k8s.io/v1", .has_generation = true, .has_directory = true,
		  .type = &schema_validating_admission_policy_binding },
	.old_versions = OLD({ "admissionregistration.k8s.io/v1beta1" },
			    { "admissionregistration.k8s.io/v1alpha1" }),
	.name_format = format_dns_subdomain,
};

const struct schema_kind_ops kind_validating_webhook_configuration = {
	.kind = { .kind = "ValidatingWebhookConfiguration", .plural = "validatingwebhookconfigurations",
		  .singular = "validatingwebhookconfiguration", .group = "admissionregistration.k8s.io",
		  .api_version = "admissionregistration.k8s.io/v1", .has_generation = true, .has_directory = true,
		  .type = &schema_validating_webhook_configuration },
	.old_versions = OLD({ "admissionregistration.k8s.io/v1beta1", .reshape = webhook_configuration_from_beta }),
	.name_format = format_dns_subdomain,
};
