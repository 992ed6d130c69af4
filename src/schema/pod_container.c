/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: environment, ports, probes, hooks, resources, mounts.
 */
#include "schema/pod_rules.h"
#include "schema/table.h"

static const struct schema_field config_map_key_selector_fields[] = {
	{ "key", FORMAT(format_config_key), REQUIRED | ALWAYS },
	{ "name", FORMAT(format_dns_subdomain), REQUIRED },
	{ "optional", BOOL, KEEP_ZERO },
};
static const struct schema_type config_map_key_selector =
	STRUCT("ConfigMapKeySelector", config_map_key_selector_fields);

static const struct schema_field object_field_selector_fields[] = {
	{ "apiVersion", STRING, 0, "v1" },
	{ "fieldPath", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_object_field_selector =
	STRUCT("ObjectFieldSelector", object_field_selector_fields, .check = field_ref_check);

static const struct schema_field file_key_selector_fields[] = {
	{ "key", FORMAT(format_env_name), REQUIRED | ALWAYS },
	{ "optional", BOOL, KEEP_ZERO, "false" },
	{ "path", FORMAT(format_no_dotdot), REQUIRED | ALWAYS },
	{ "volumeName", FORMAT(format_dns_label), REQUIRED | ALWAYS },
};
static const struct schema_type file_key_selector = STRUCT("FileKeySelector", file_key_selector_fields);

static const struct schema_field resource_field_selector_fields[] = {
	{ "containerName", STRING },
	{ "divisor", QUANTITY, 0, "0" },
	{ "resource", STRING, REQUIRED | ALWAYS },
};
const struct schema_type schema_resource_field_selector =
	STRUCT("ResourceFieldSelector", resource_field_selector_fields, .check = resource_ref_check);

static const struct schema_field secret_key_selector_fields[] = {
	{ "key", FORMAT(format_config_key), REQUIRED | ALWAYS },
	{ "name", FORMAT(format_dns_subdomain), REQUIRED },
	{ "optional", BOOL, KEEP_ZERO },
};
static const struct schema_type secret_key_selector = STRUCT("SecretKeySelector", secret_key_selector_fields);

static const struct schema_field env_var_source_fields[] = {
	{ "configMapKeyRef", &config_map_key_selector },
	{ "fieldRef", &schema_object_field_selector },
	{ "fileKeyRef", &file_key_selector, NOT_ACTED },
	{ "resourceFieldRef", &schema_resource_field_selector },
	{ "secretKeyRef", &secret_key_selector },
};
static const struct schema_type env_var_source =
	STRUCT("EnvVarSource", env_var_source_fields, .check = env_var_source_check);

static const struct schema_field env_var_fields[] = {
	{ "name", FORMAT(format_env_name), REQUIRED | ALWAYS },
	{ "value", STRING },
	{ "valueFrom", &env_var_source },
};
static const struct schema_type env_var = STRUCT("EnvVar", env_var_fields, .check = env_var_check);

static const struct schema_field config_map_env_source_fields[] = {
	{ "name", STRING, REQUIRED },
	{ "optional", BOOL, KEEP_ZERO },
};
static const struct schema_type config_map_env_source = STRUCT("ConfigMapEnvSource", config_map_env_source_fields);

static const struct schema_field secret_env_source_fields[] = {
	{ "name", STRING, REQUIRED },
	{ "optional", BOOL, KEEP_ZERO },
};
static const struct schema_type secret_env_source = STRUCT("SecretEnvSource", secret_env_source_fields);

static const struct schema_field env_from_source_fields[] = {
	{ "configMapRef", &config_map_env_source },
	{ "prefix", FORMAT(format_env_name) },
	{ "secretRef", &secret_env_source },
};
static const struct schema_type env_from_source =
	STRUCT("EnvFromSource", env_from_source_fields, .check = env_from_check);

static const struct schema_field exec_action_fields[] = {
	{ "command", LIST(STRING) },
};
static const struct schema_type exec_action = STRUCT("ExecAction", exec_action_fields);

static const struct schema_field http_header_fields[] = {
	{ "name", FORMAT(format_http_header), REQUIRED | ALWAYS },
	{ "value", STRING, ALWAYS },
};
static const struct schema_type http_header = STRUCT("HTTPHeader", http_header_fields);

static const struct schema_field http_get_action_fields[] = {
	{ "host", STRING },
	{ "httpHeaders", LIST(&http_header) },
	{ "path", STRING, 0, "/" },
	{ "port", &schema_port_or_name, REQUIRED | ALWAYS },
	{ "scheme", ENUM("HTTP", "HTTPS"), 0, "HTTP" },
};
static const struct schema_type http_get_action = STRUCT("HTTPGetAction", http_get_action_fields);

static const struct schema_field sleep_action_fields[] = {
	{ "seconds", INT64, ALWAYS },
};
static const struct schema_type sleep_action = STRUCT("SleepAction", sleep_action_fields);

static const struct schema_field tcp_socket_action_fields[] = {
	{ "host", STRING },
	{ "port", &schema_port_or_name, REQUIRED | ALWAYS },
};
static const struct schema_type tcp_socket_action = STRUCT("TCPSocketAction", tcp_socket_action_fields);

static const struct schema_field lifecycle_handler_fields[] = {
	{ "exec", &exec_action },
	{ "httpGet", &http_get_action },
	{ "sleep", &sleep_action },
	{ "tcpSocket", &tcp_socket_action },
};
static const struct schema_type lifecycle_handler =
	STRUCT("LifecycleHandler", lifecycle_handler_fields, .check = lifecycle_handler_check);

static const struct schema_field lifecycle_fields[] = {
	{ "postStart", &lifecycle_handler },
	{ "preStop", &lifecycle_handler },
	{ "stopSignal", STRING, KEEP_ZERO },
};
static const struct schema_type lifecycle = STRUCT("Lifecycle", lifecycle_fields);

static const struct schema_field grpc_action_fields[] = {
	{ "port", PORT, ALWAYS },
	{ "service", STRING, KEEP_ZERO, "" },
};
static const struct schema_type grpc_action = STRUCT("GRPCAction", grpc_action_fields);

static const struct schema_field probe_fields[] = {
	{ "exec", &exec_action },
	{ "failureThreshold", INT32_NONNEG, 0, "3" },
	{ "grpc", &grpc_action },
	{ "httpGet", &http_get_action },
	{ "initialDelaySeconds", INT32_NONNEG },
	{ "periodSeconds", INT32_NONNEG, 0, "10" },
	{ "successThreshold", INT32_NONNEG, 0, "1" },
	{ "tcpSocket", &tcp_socket_action },
	{ "terminationGracePeriodSeconds",
	  TYPE(.form = SCHEMA_INT64, .ranged = true, .min = 1, .max = INT64_MAX, .unsupported = "must be greater than 0"),
	  KEEP_ZERO },
	{ "timeoutSeconds", INT32_NONNEG, 0, "1" },
};
static const struct schema_type probe = STRUCT("Probe", probe_fields, .check = probe_check);

static const struct schema_field container_port_fields[] = {
	{ "containerPort", PORT, REQUIRED | ALWAYS },
	{ "hostIP", FORMAT(format_ip) },
	{ "hostPort", PORT },
	{ "name", FORMAT(format_port_name) },
	{ "protocol", ENUM("SCTP", "TCP", "UDP"), 0, "TCP" },
};
static const struct schema_type container_port = STRUCT("ContainerPort", container_port_fields);

static const struct schema_field container_resize_policy_fields[] = {
	{ "resourceName", ENUM("cpu", "memory"), REQUIRED | ALWAYS },
	{ "restartPolicy", ENUM("NotRequired", "RestartContainer"), REQUIRED | ALWAYS },
};
static const struct schema_type container_resize_policy =
	STRUCT("ContainerResizePolicy", container_resize_policy_fields);

const struct schema_type schema_resource_list = {
	.form = SCHEMA_MAP, .elem = QUANTITY, .defaults = resource_list_defaults
};

static const struct schema_field resource_claim_fields[] = {
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "request", STRING },
};
static const struct schema_type resource_claim = STRUCT("ResourceClaim", resource_claim_fields);

static const struct schema_field resource_requirements_fields[] = {
	{ "claims", LIST_BY(&resource_claim, "name"), NOT_ACTED },
	{ "limits", &schema_resource_list },
	{ "requests", &schema_resource_list },
};
const struct schema_type schema_resource_requirements =
	STRUCT("ResourceRequirements", resource_requirements_fields, .check = resource_requirements_check);
const struct schema_type schema_pod_resource_requirements =
	STRUCT("ResourceRequirements", resource_requirements_fields);

static const struct schema_field container_restart_rule_on_exit_codes_fields[] = {
	{ "operator", ENUM("In", "NotIn"), REQUIRED },
	{ "values", SET(INT32) },
};
static const struct schema_type container_restart_rule_on_exit_codes =
	STRUCT("ContainerRestartRuleOnExitCodes", container_restart_rule_on_exit_codes_fields);

static const struct schema_field container_restart_rule_fields[] = {
	{ "action", ENUM("Restart", "RestartAllContainers"), REQUIRED },
	{ "exitCodes", &container_restart_rule_on_exit_codes },
};
static const struct schema_type container_restart_rule =
	STRUCT("ContainerRestartRule", container_restart_rule_fields, .check = restart_rule_check);

static const struct schema_field volume_device_fields[] = {
	{ "devicePath", STRING, REQUIRED | ALWAYS },
	{ "name", STRING, REQUIRED | ALWAYS },
};
static const struct schema_type volume_device = STRUCT("VolumeDevice", volume_device_fields);

static const struct schema_field volume_mount_fields[] = {
	{ "mountPath", STRING, REQUIRED | ALWAYS },
	{ "mountPropagation", ENUM("Bidirectional", "HostToContainer", "None"), KEEP_ZERO },
	{ "name", STRING, REQUIRED | ALWAYS },
	{ "readOnly", BOOL },
	{ "recursiveReadOnly", ENUM("Disabled", "Enabled", "IfPossible"), KEEP_ZERO },
	{ "subPath", FORMAT(format_local_path) },
	{ "subPathExpr", FORMAT(format_local_path) },
};
static const struct schema_type volume_mount = STRUCT("VolumeMount", volume_mount_fields, .check = volume_mount_check);

static const struct schema_type env_list = {
	.form = SCHEMA_LIST, .elem = &env_var, .keys = NAMES("name"), .check = env_list_check
};
static const struct schema_type container_ports = {
	.form = SCHEMA_LIST, .elem = &container_port, .keys = NAMES("containerPort", "protocol"),
	.check = container_ports_check
};
static const struct schema_type volume_mounts = {
	.form = SCHEMA_LIST, .elem = &volume_mount, .keys = NAMES("mountPath"), .check = volume_mounts_check
};

static const struct schema_field container_fields[] = {
	{ "args", LIST(STRING) },
	{ "command", LIST(STRING) },
	{ "env", &env_list },
	{ "envFrom", LIST(&env_from_source) },
	{ "image", FORMAT(format_image) },
	{ "imagePullPolicy", ENUM("Always", "IfNotPresent", "Never") },
	{ "lifecycle", &lifecycle },
	{ "livenessProbe", &probe },
	{ "name", FORMAT(format_dns_label), REQUIRED | ALWAYS },
	{ "ports", &container_ports },
	{ "readinessProbe", &probe },
	{ "resizePolicy", LIST(&container_resize_policy), NOT_ACTED },
	{ "resources", &schema_resource_requirements, ALWAYS },
	{ "restartPolicy", ENUM("Always", "Never", "OnFailure"), KEEP_ZERO },
	{ "restartPolicyRules", LIST(&container_restart_rule) },
	{ "securityContext", &schema_security_context },
	{ "startupProbe", &probe },
	{ "stdin", BOOL },
	{ "stdinOnce", BOOL },
	{ "terminationMessagePath", STRING, 0, "/dev/termination-log" },
	{ "terminationMessagePolicy", ENUM("FallbackToLogsOnError", "File"), 0, "File" },
	{ "tty", BOOL },
	{ "volumeDevices", LIST_BY(&volume_device, "devicePath"), NOT_ACTED },
	{ "volumeMounts", &volume_mounts },
	{ "workingDir", STRING },
};
const struct schema_type schema_container = STRUCT("Container", container_fields, .defaults = container_defaults);

static const struct schema_field ephemeral_container_fields[] = {
	{ "args", LIST(STRING) },
	{ "command", LIST(STRING) },
	{ "env", &env_list },
	{ "envFrom", LIST(&env_from_source) },
	{ "image", FORMAT(format_image) },
	{ "imagePullPolicy", ENUM("Always", "IfNotPresent", "Never") },
	{ "lifecycle", &lifecycle },
	{ "livenessProbe", &probe },
	{ "name", FORMAT(format_dns_label), REQUIRED | ALWAYS },
	{ "ports", &container_ports },
	{ "readinessProbe", &probe },
	{ "resizePolicy", LIST(&container_resize_policy) },
	{ "resources", &schema_resource_requirements, ALWAYS },
	{ "restartPolicy", STRING, KEEP_ZERO },
	{ "restartPolicyRules", LIST(&container_restart_rule) },
	{ "securityContext", &schema_security_context },
	{ "startupProbe", &probe },
	{ "stdin", BOOL },
	{ "stdinOnce", BOOL },
	{ "targetContainerName", STRING },
	{ "terminationMessagePath", STRING, 0, "/dev/termination-log" },
	{ "terminationMessagePolicy", ENUM("FallbackToLogsOnError", "File"), 0, "File" },
	{ "tty", BOOL },
	{ "volumeDevices", LIST_BY(&volume_device, "devicePath") },
	{ "volumeMounts", &volume_mounts },
	{ "workingDir", STRING },
};
const struct schema_type schema_ephemeral_container =
	STRUCT("EphemeralContainer", ephemeral_container_fields, .defaults = container_defaults);
