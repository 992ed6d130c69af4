/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingress, IngressClass, NetworkPolicy, ServiceCIDR and IPAddress.
 */
#include "schema/networking_rules.h"
#include "schema/table.h"

static const struct schema_field service_backend_port_fields[] = {
	{ "name", STRING },
	{ "number", INT32 },
};
static const struct schema_type service_backend_port = STRUCT("ServiceBackendPort", service_backend_port_fields);

static const struct schema_field ingress_service_backend_fields[] = {
	{ "name", STRING },
	{ "port", &service_backend_port, ALWAYS },
};
static const struct schema_type ingress_service_backend =
	STRUCT("IngressServiceBackend", ingress_service_backend_fields);

static const struct schema_field ingress_backend_fields[] = {
	{ "resource", &schema_typed_local_object_reference },
	{ "service", &ingress_service_backend },
};
static const struct schema_type ingress_backend =
	STRUCT("IngressBackend", ingress_backend_fields, .check = ingress_backend_check);

static const struct schema_field http_ingress_path_fields[] = {
	{ "backend", &ingress_backend, ALWAYS },
	{ "path", STRING },
	{ "pathType", STRING, KEEP_ZERO },
};
static const struct schema_type http_ingress_path =
	STRUCT("HTTPIngressPath", http_ingress_path_fields, .check = ingress_path_check);

static const struct schema_field http_ingress_rule_value_fields[] = {
	{ "paths", LIST(&http_ingress_path), REQUIRED | ALWAYS },
};
static const struct schema_type http_ingress_rule_value =
	STRUCT("HTTPIngressRuleValue", http_ingress_rule_value_fields);

static const struct schema_field ingress_rule_fields[] = {
	{ "host", STRING },
	{ "http", &http_ingress_rule_value },
};
static const struct schema_type ingress_rule = STRUCT("IngressRule", ingress_rule_fields);

static const struct schema_field ingress_tls_fields[] = {
	{ "hosts", LIST(STRING) },
	{ "secretName", STRING },
};
static const struct schema_type ingress_tls = STRUCT("IngressTLS", ingress_tls_fields);

static const struct schema_field ingress_spec_fields[] = {
	{ "defaultBackend", &ingress_backend },
	{ "ingressClassName", STRING, KEEP_ZERO },
	{ "rules", LIST(&ingress_rule) },
	{ "tls", LIST(&ingress_tls) },
};
static const struct schema_type ingress_spec = STRUCT("IngressSpec", ingress_spec_fields, .check = ingress_spec_check);

static const struct schema_field ingress_port_status_fields[] = {
	{ "error", STRING, KEEP_ZERO },
	{ "port", INT32, ALWAYS },
	{ "protocol", STRING, ALWAYS },
};
static const struct schema_type ingress_port_status = STRUCT("IngressPortStatus", ingress_port_status_fields);

static const struct schema_field ingress_load_balancer_ingress_fields[] = {
	{ "hostname", STRING },
	{ "ip", STRING },
	{ "ports", LIST(&ingress_port_status) },
};
static const struct schema_type ingress_load_balancer_ingress =
	STRUCT("IngressLoadBalancerIngress", ingress_load_balancer_ingress_fields);

static const struct schema_field ingress_load_balancer_status_fields[] = {
	{ "ingress", LIST(&ingress_load_balancer_ingress) },
};
static const struct schema_type ingress_load_balancer_status =
	STRUCT("IngressLoadBalancerStatus", ingress_load_balancer_status_fields);

static const struct schema_field ingress_status_fields[] = {
	{ "loadBalancer", &ingress_load_balancer_status, ALWAYS },
};
static const struct schema_type ingress_status = STRUCT("IngressStatus", ingress_status_fields);

static const struct schema_field ingress_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &ingress_spec, ALWAYS },
	{ "status", &ingress_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_ingress = STRUCT("Ingress", ingress_fields, .check = ingress_check);

static const struct schema_field ingress_class_parameters_reference_fields[] = {
	{ "apiGroup", STRING, KEEP_ZERO },
	{ "kind", STRING, ALWAYS },
	{ "name", STRING, ALWAYS },
	{ "namespace", STRING, KEEP_ZERO },
	{ "scope", ENUM("Cluster", "Namespace"), KEEP_ZERO, "Cluster" },
};
static const struct schema_type ingress_class_parameters_reference =
	STRUCT("IngressClassParametersReference", ingress_class_parameters_reference_fields, .check = ingress_parameters_check);

static const struct schema_field ingress_class_spec_fields[] = {
	{ "controller", STRING, IMMUTABLE },
	{ "parameters", &ingress_class_parameters_reference },
};
static const struct schema_type ingress_class_spec =
	STRUCT("IngressClassSpec", ingress_class_spec_fields, .check = ingress_class_spec_check);

static const struct schema_field ingress_class_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &ingress_class_spec, ALWAYS },
};
const struct schema_type schema_ingress_class = STRUCT("IngressClass", ingress_class_fields);

static const struct schema_field network_policy_port_fields[] = {
	{ "endPort", INT32, KEEP_ZERO },
	{ "port", &schema_port_or_name },
	{ "protocol", ENUM("SCTP", "TCP", "UDP"), KEEP_ZERO, "TCP" },
};
static const struct schema_type network_policy_port =
	STRUCT("NetworkPolicyPort", network_policy_port_fields, .check = network_policy_port_check);

static const struct schema_field ip_block_fields[] = {
	{ "cidr", STRING, ALWAYS },
	{ "except", LIST(STRING) },
};
static const struct schema_type ip_block = STRUCT("IPBlock", ip_block_fields, .check = ip_block_check);

static const struct schema_field network_policy_peer_fields[] = {
	{ "ipBlock", &ip_block },
	{ "namespaceSelector", &schema_label_selector },
	{ "podSelector", &schema_label_selector },
};
static const struct schema_type network_policy_peer =
	STRUCT("NetworkPolicyPeer", network_policy_peer_fields, .check = network_policy_peer_check);

static const struct schema_field network_policy_egress_rule_fields[] = {
	{ "ports", LIST(&network_policy_port) },
	{ "to", LIST(&network_policy_peer) },
};
static const struct schema_type network_policy_egress_rule =
	STRUCT("NetworkPolicyEgressRule", network_policy_egress_rule_fields);

static const struct schema_field network_policy_ingress_rule_fields[] = {
	{ "from", LIST(&network_policy_peer) },
	{ "ports", LIST(&network_policy_port) },
};
static const struct schema_type network_policy_ingress_rule =
	STRUCT("NetworkPolicyIngressRule", network_policy_ingress_rule_fields);

static const struct schema_field network_policy_spec_fields[] = {
	{ "egress", LIST(&network_policy_egress_rule) },
	{ "ingress", LIST(&network_policy_ingress_rule) },
	{ "podSelector", &schema_label_selector, ALWAYS },
	{ "policyTypes", LIST(STRING) },
};
static const struct schema_type network_policy_spec =
	STRUCT("NetworkPolicySpec", network_policy_spec_fields, .defaults = network_policy_spec_defaults, .check = network_policy_spec_check);

static const struct schema_field network_policy_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &network_policy_spec, ALWAYS },
};
const struct schema_type schema_network_policy = STRUCT("NetworkPolicy", network_policy_fields);

static const struct schema_field service_cidr_spec_fields[] = {
	{ "cidrs", LIST(STRING) },
};
static const struct schema_type service_cidr_spec =
	STRUCT("ServiceCIDRSpec", service_cidr_spec_fields, .check = service_cidr_spec_check);

static const struct schema_field condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING, ALWAYS },
	{ "observedGeneration", INT64 },
	{ "reason", STRING, ALWAYS },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type condition = STRUCT("Condition", condition_fields);

static const struct schema_field service_cidr_status_fields[] = {
	{ "conditions", LIST_BY(&condition, "type") },
};
static const struct schema_type service_cidr_status = STRUCT("ServiceCIDRStatus", service_cidr_status_fields);

static const struct schema_field service_cidr_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &service_cidr_spec, ALWAYS },
	{ "status", &service_cidr_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_service_cidr = STRUCT("ServiceCIDR", service_cidr_fields);

static const struct schema_field parent_reference_fields[] = {
	{ "group", FORMAT(format_dns_subdomain) },
	{ "name", FORMAT(format_path_segment), REQUIRED },
	{ "namespace", FORMAT(format_path_segment) },
	{ "resource", FORMAT(format_path_segment), REQUIRED },
};
static const struct schema_type parent_reference = STRUCT("ParentReference", parent_reference_fields);

static const struct schema_field ip_address_spec_fields[] = {
	{ "parentRef", &parent_reference, REQUIRED | IMMUTABLE },
};
static const struct schema_type ip_address_spec = STRUCT("IPAddressSpec", ip_address_spec_fields);

static const struct schema_field ip_address_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &ip_address_spec, REQUIRED | ALWAYS },
};
const struct schema_type schema_ip_address = STRUCT("IPAddress", ip_address_fields);
