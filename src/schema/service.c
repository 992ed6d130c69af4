/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service and Endpoints.
 */
#include "schema/service_rules.h"
#include "schema/table.h"

static const struct schema_field service_port_fields[] = {
	{ "appProtocol", STRING, KEEP_ZERO },
	{ "name", STRING },
	{ "nodePort", INT32 },
	{ "port", PORT, REQUIRED | ALWAYS },
	{ "protocol", ENUM("SCTP", "TCP", "UDP"), 0, "TCP" },
	{ "targetPort", &schema_port_or_name, ALWAYS },
};
static const struct schema_type service_port =
	STRUCT("ServicePort", service_port_fields, .defaults = service_port_defaults);

static const struct schema_field client_ip_config_fields[] = {
	{ "timeoutSeconds", INT32, KEEP_ZERO },
};
static const struct schema_type client_ip_config = STRUCT("ClientIPConfig", client_ip_config_fields);

static const struct schema_field session_affinity_config_fields[] = {
	{ "clientIP", &client_ip_config },
};
static const struct schema_type session_affinity_config =
	STRUCT("SessionAffinityConfig", session_affinity_config_fields);

static const struct schema_field service_spec_fields[] = {
	{ "allocateLoadBalancerNodePorts", BOOL, KEEP_ZERO },
	{ "clusterIP", STRING },
	{ "clusterIPs", LIST(STRING) },
	{ "externalIPs", LIST(STRING) },
	{ "externalName", STRING },
	{ "externalTrafficPolicy", STRING },
	{ "healthCheckNodePort", INT32 },
	{ "internalTrafficPolicy", ENUM("Cluster", "Local"), KEEP_ZERO },
	{ "ipFamilies", LIST(ENUM("IPv4", "IPv6")) },
	{ "ipFamilyPolicy", ENUM("PreferDualStack", "RequireDualStack", "SingleStack"), KEEP_ZERO },
	{ "loadBalancerClass", STRING, KEEP_ZERO },
	{ "loadBalancerIP", STRING },
	{ "loadBalancerSourceRanges", LIST(STRING) },
	{ "ports", LIST_BY(&service_port, "port", "protocol") },
	{ "publishNotReadyAddresses", BOOL },
	{ "selector", &schema_labels },
	{ "sessionAffinity", ENUM("ClientIP", "None"), 0, "None" },
	{ "sessionAffinityConfig", &session_affinity_config },
	{ "trafficDistribution", ENUM("PreferClose", "PreferSameNode", "PreferSameZone"), KEEP_ZERO },
	{ "type", ENUM("ClusterIP", "ExternalName", "LoadBalancer", "NodePort") },
};
static const struct schema_type service_spec =
	STRUCT("ServiceSpec", service_spec_fields, .defaults = service_spec_defaults, .check = service_spec_check);

static const struct schema_field condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING, ALWAYS },
	{ "observedGeneration", INT64 },
	{ "reason", STRING, ALWAYS },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type condition = STRUCT("Condition", condition_fields);

static const struct schema_field port_status_fields[] = {
	{ "error", STRING, KEEP_ZERO },
	{ "port", INT32, ALWAYS },
	{ "protocol", STRING, ALWAYS },
};
static const struct schema_type port_status = STRUCT("PortStatus", port_status_fields);

static const struct schema_field load_balancer_ingress_fields[] = {
	{ "hostname", STRING },
	{ "ip", STRING },
	{ "ipMode", STRING, KEEP_ZERO },
	{ "ports", LIST(&port_status) },
};
static const struct schema_type load_balancer_ingress = STRUCT("LoadBalancerIngress", load_balancer_ingress_fields);

static const struct schema_field load_balancer_status_fields[] = {
	{ "ingress", LIST(&load_balancer_ingress) },
};
static const struct schema_type load_balancer_status = STRUCT("LoadBalancerStatus", load_balancer_status_fields);

static const struct schema_field service_status_fields[] = {
	{ "conditions", LIST_BY(&condition, "type") },
	{ "loadBalancer", &load_balancer_status, ALWAYS },
};
static const struct schema_type service_status = STRUCT("ServiceStatus", service_status_fields);

static const struct schema_field service_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &service_spec, ALWAYS },
	{ "status", &service_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_service = STRUCT("Service", service_fields, .check = service_check);

static const struct schema_field endpoint_address_fields[] = {
	{ "hostname", FORMAT(format_dns_label) },
	{ "ip", STRING, ALWAYS },
	{ "nodeName", FORMAT(format_dns_subdomain), KEEP_ZERO },
	{ "targetRef", &schema_object_reference },
};
static const struct schema_type endpoint_address =
	STRUCT("EndpointAddress", endpoint_address_fields, .check = endpoint_address_check);

static const struct schema_field endpoint_port_fields[] = {
	{ "appProtocol", STRING, KEEP_ZERO },
	{ "name", STRING },
	{ "port", INT32, REQUIRED | ALWAYS },
	{ "protocol", ENUM("SCTP", "TCP", "UDP"), 0, "TCP" },
};
static const struct schema_type endpoint_port = STRUCT("EndpointPort", endpoint_port_fields);

static const struct schema_field endpoint_subset_fields[] = {
	{ "addresses", LIST(&endpoint_address) },
	{ "notReadyAddresses", LIST(&endpoint_address) },
	{ "ports", LIST(&endpoint_port) },
};
static const struct schema_type endpoint_subset =
	STRUCT("EndpointSubset", endpoint_subset_fields, .check = endpoint_subset_check);

static const struct schema_field endpoints_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "subsets", LIST(&endpoint_subset) },
};
const struct schema_type schema_endpoints = STRUCT("Endpoints", endpoints_fields);
