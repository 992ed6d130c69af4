/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HorizontalPodAutoscaler, autoscaling/v2.
 */
#include "schema/autoscaling_rules.h"
#include "schema/table.h"

static const struct schema_field hpa_scaling_policy_fields[] = {
	{ "periodSeconds", INT32, ALWAYS },
	{ "type", ENUM("Percent", "Pods"), ALWAYS },
	{ "value", INT32, ALWAYS },
};
static const struct schema_type hpa_scaling_policy =
	STRUCT("HPAScalingPolicy", hpa_scaling_policy_fields, .check = scaling_policy_check);

static const struct schema_field hpa_scaling_rules_fields[] = {
	{ "policies", LIST(&hpa_scaling_policy), KEEP_ZERO },
	{ "selectPolicy", ENUM("Disabled", "Max", "Min"), KEEP_ZERO },
	{ "stabilizationWindowSeconds", INT32, KEEP_ZERO },
	{ "tolerance", &schema_quantity },
};
static const struct schema_type hpa_scaling_rules =
	STRUCT("HPAScalingRules", hpa_scaling_rules_fields, .check = scaling_rules_check);

static const struct schema_field horizontal_pod_autoscaler_behavior_fields[] = {
	{ "scaleDown", &hpa_scaling_rules },
	{ "scaleUp", &hpa_scaling_rules },
};
static const struct schema_type horizontal_pod_autoscaler_behavior =
	STRUCT("HorizontalPodAutoscalerBehavior", horizontal_pod_autoscaler_behavior_fields,
	       .defaults = autoscaler_behavior_defaults);

static const struct schema_field metric_target_fields[] = {
	{ "averageUtilization", INT32, KEEP_ZERO },
	{ "averageValue", &schema_quantity },
	{ "type", TYPE(.form = SCHEMA_STRING, .values = NAMES("AverageValue", "Utilization", "Value"),
	  .unsupported = "must be either Utilization, Value, or AverageValue",
	  .required = "must specify a metric target type"), REQUIRED | ALWAYS },
	{ "value", &schema_quantity },
};
static const struct schema_type metric_target =
	STRUCT("MetricTarget", metric_target_fields, .check = metric_target_check);

static const struct schema_field container_resource_metric_source_fields[] = {
	{ "container", TYPE(.form = SCHEMA_STRING, .format = format_dns_label, .required = "must specify a container"),
	  REQUIRED | ALWAYS },
	{ "name", TYPE(.form = SCHEMA_STRING, .format = container_resource_format,
	  .required = "must specify a resource name"), REQUIRED | ALWAYS },
	{ "target", &metric_target, ALWAYS },
};
static const struct schema_type container_resource_metric_source =
	STRUCT("ContainerResourceMetricSource", container_resource_metric_source_fields);

static const struct schema_field metric_identifier_fields[] = {
	{ "name", TYPE(.form = SCHEMA_STRING, .format = format_path_segment, .required = "must specify a metric name"),
	  REQUIRED | ALWAYS },
	{ "selector", &schema_label_selector },
};
static const struct schema_type metric_identifier = STRUCT("MetricIdentifier", metric_identifier_fields);

static const struct schema_field external_metric_source_fields[] = {
	{ "metric", &metric_identifier, ALWAYS },
	{ "target", &metric_target, ALWAYS },
};
static const struct schema_type external_metric_source = STRUCT("ExternalMetricSource", external_metric_source_fields);

static const struct schema_field cross_version_object_reference_fields[] = {
	{ "apiVersion", STRING },
	{ "kind", FORMAT(format_path_segment), REQUIRED | ALWAYS },
	{ "name", FORMAT(format_path_segment), REQUIRED | ALWAYS },
};
static const struct schema_type cross_version_object_reference =
	STRUCT("CrossVersionObjectReference", cross_version_object_reference_fields);

static const struct schema_field object_metric_source_fields[] = {
	{ "describedObject", &cross_version_object_reference, ALWAYS },
	{ "metric", &metric_identifier, ALWAYS },
	{ "target", &metric_target, ALWAYS },
};
static const struct schema_type object_metric_source = STRUCT("ObjectMetricSource", object_metric_source_fields);

static const struct schema_field pods_metric_source_fields[] = {
	{ "metric", &metric_identifier, ALWAYS },
	{ "target", &metric_target, ALWAYS },
};
static const struct schema_type pods_metric_source = STRUCT("PodsMetricSource", pods_metric_source_fields);

static const struct schema_field resource_metric_source_fields[] = {
	{ "name", TYPE(.form = SCHEMA_STRING, .required = "must specify a resource name"), REQUIRED | ALWAYS },
	{ "target", &metric_target, ALWAYS },
};
static const struct schema_type resource_metric_source = STRUCT("ResourceMetricSource", resource_metric_source_fields);

static const struct schema_field metric_spec_fields[] = {
	{ "containerResource", &container_resource_metric_source },
	{ "external", &external_metric_source },
	{ "object", &object_metric_source },
	{ "pods", &pods_metric_source },
	{ "resource", &resource_metric_source },
	{ "type", TYPE(.form = SCHEMA_STRING, .values = NAMES("ContainerResource", "External", "Object", "Pods", "Resource"),
	  .required = "must specify a metric source type"), REQUIRED | ALWAYS },
};
static const struct schema_type metric_spec = STRUCT("MetricSpec", metric_spec_fields, .check = metric_spec_check);

static const struct schema_field horizontal_pod_autoscaler_spec_fields[] = {
	{ "behavior", &horizontal_pod_autoscaler_behavior },
	{ "maxReplicas", INT32, ALWAYS },
	{ "metrics", LIST(&metric_spec) },
	{ "minReplicas", INT32_RANGE(1, INT32_MAX), KEEP_ZERO, "1" },
	{ "scaleTargetRef", &cross_version_object_reference, ALWAYS },
};
static const struct schema_type horizontal_pod_autoscaler_spec =
	STRUCT("HorizontalPodAutoscalerSpec", horizontal_pod_autoscaler_spec_fields, .defaults = autoscaler_spec_defaults,
	       .check = autoscaler_spec_check);

static const struct schema_field horizontal_pod_autoscaler_condition_fields[] = {
	{ "lastTransitionTime", &schema_time },
	{ "message", STRING },
	{ "reason", STRING },
	{ "status", STRING, ALWAYS },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type horizontal_pod_autoscaler_condition =
	STRUCT("HorizontalPodAutoscalerCondition", horizontal_pod_autoscaler_condition_fields);

static const struct schema_field metric_value_status_fields[] = {
	{ "averageUtilization", INT32, KEEP_ZERO },
	{ "averageValue", &schema_quantity },
	{ "value", &schema_quantity },
};
static const struct schema_type metric_value_status = STRUCT("MetricValueStatus", metric_value_status_fields);

static const struct schema_field container_resource_metric_status_fields[] = {
	{ "container", STRING, ALWAYS },
	{ "current", &metric_value_status, ALWAYS },
	{ "name", STRING, ALWAYS },
};
static const struct schema_type container_resource_metric_status =
	STRUCT("ContainerResourceMetricStatus", container_resource_metric_status_fields);

static const struct schema_field external_metric_status_fields[] = {
	{ "current", &metric_value_status, ALWAYS },
	{ "metric", &metric_identifier, ALWAYS },
};
static const struct schema_type external_metric_status = STRUCT("ExternalMetricStatus", external_metric_status_fields);

static const struct schema_field object_metric_status_fields[] = {
	{ "current", &metric_value_status, ALWAYS },
	{ "describedObject", &cross_version_object_reference, ALWAYS },
	{ "metric", &metric_identifier, ALWAYS },
};
static const struct schema_type object_metric_status = STRUCT("ObjectMetricStatus", object_metric_status_fields);

static const struct schema_field pods_metric_status_fields[] = {
	{ "current", &metric_value_status, ALWAYS },
	{ "metric", &metric_identifier, ALWAYS },
};
static const struct schema_type pods_metric_status = STRUCT("PodsMetricStatus", pods_metric_status_fields);

static const struct schema_field resource_metric_status_fields[] = {
	{ "current", &metric_value_status, ALWAYS },
	{ "name", STRING, ALWAYS },
};
static const struct schema_type resource_metric_status = STRUCT("ResourceMetricStatus", resource_metric_status_fields);

static const struct schema_field metric_status_fields[] = {
	{ "containerResource", &container_resource_metric_status },
	{ "external", &external_metric_status },
	{ "object", &object_metric_status },
	{ "pods", &pods_metric_status },
	{ "resource", &resource_metric_status },
	{ "type", STRING, ALWAYS },
};
static const struct schema_type metric_status = STRUCT("MetricStatus", metric_status_fields);

static const struct schema_field horizontal_pod_autoscaler_status_fields[] = {
	{ "conditions", LIST_BY(&horizontal_pod_autoscaler_condition, "type") },
	{ "currentMetrics", LIST(&metric_status) },
	{ "currentReplicas", INT32 },
	{ "desiredReplicas", INT32, ALWAYS },
	{ "lastScaleTime", &schema_time },
	{ "observedGeneration", INT64, KEEP_ZERO },
};
static const struct schema_type horizontal_pod_autoscaler_status =
	STRUCT("HorizontalPodAutoscalerStatus", horizontal_pod_autoscaler_status_fields);

static const struct schema_field horizontal_pod_autoscaler_fields[] = {
	{ "apiVersion", STRING, REQUIRED },
	{ "kind", STRING, REQUIRED },
	{ "metadata", &schema_object_meta },
	{ "spec", &horizontal_pod_autoscaler_spec, ALWAYS },
	{ "status", &horizontal_pod_autoscaler_status, SYSTEM | ALWAYS },
};
const struct schema_type schema_horizontal_pod_autoscaler =
	STRUCT("HorizontalPodAutoscaler", horizontal_pod_autoscaler_fields);
