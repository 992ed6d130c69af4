/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of Jobs, CronJobs, StatefulSets, DaemonSets, ReplicationControllers and autoscalers, one document each: what
 * is refused with which words, what is accepted, and what may change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_util.h"

#define POD_SPEC "{restartPolicy: Never, containers: [{name: main, image: 'busybox:1'}]}"
#define ALWAYS_SPEC "{containers: [{name: main, image: 'busybox:1'}]}"
#define JOB(spec) "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {" spec ", template: {spec: " POD_SPEC "}}}"
#define INDEXED "completionMode: Indexed, completions: 4, "
#define CRON(spec)                                                                                                       \
	"{apiVersion: batch/v1, kind: CronJob, metadata: {name: c}, spec: {jobTemplate: {spec: {template: {spec: " POD_SPEC \
	"}}}, " spec "}}"
#define SET(spec)                                                                                              \
	"{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {" spec                              \
	"selector: {matchLabels: {app: s}}, template: {metadata: {labels: {app: s}}, spec: " ALWAYS_SPEC "}}}"
#define DAEMON(spec)                                                                                           \
	"{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d}, spec: {" spec                                \
	"selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d}}, spec: " ALWAYS_SPEC "}}}"
#define HPA(spec)                                                                                         \
	"{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {"           \
	"scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, " spec "}}"
#define METRIC(metric) HPA("maxReplicas: 5, metrics: [" metric "]")

static void jobs(void **state)
{
	static const struct rule_case cases[] = {
		{ JOB("parallelism: 2"), NULL },
		{ "{apiVersion: batch/v1, kind: Job, metadata: {name: "
		  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn}, spec: {template: {spec: " POD_SPEC "}}}",
		  "spec.template.metadata.labels: Invalid value" },
		{ JOB("parallelism: -1"), "spec.parallelism: Invalid value: -1: must be greater than or equal to 0" },
		{ JOB("completions: -1"), "spec.completions: Invalid value: -1: must be greater than or equal to 0" },
		{ JOB("activeDeadlineSeconds: -1"), "spec.activeDeadlineSeconds: Invalid value: -1" },
		{ JOB("completionMode: Sorted"), "spec.completionMode: Unsupported value: \"Sorted\": supported values: \"Indexed\"" },
		{ JOB("completionMode: Indexed, parallelism: 2"), "spec.completions: Required value: when completion mode is Indexed" },
		{ JOB(INDEXED "parallelism: 100001"),
		  "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed" },
		{ JOB(INDEXED "backoffLimitPerIndex: 1, maxFailedIndexes: 5"),
		  "spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions" },
		{ JOB(INDEXED "maxFailedIndexes: 2"),
		  "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified" },
		{ JOB("completionMode: Indexed, completions: 100001, backoffLimitPerIndex: 1"),
		  "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000" },
		{ JOB("backoffLimitPerIndex: 1"),
		  "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode" },
		{ JOB("successPolicy: {rules: [{succeededCount: 1}]}"), "spec.successPolicy: Invalid value" },
		{ JOB("managedBy: me"),
		  "spec.managedBy: Invalid value: \"me\": must be a domain-prefixed path (such as \"acme.io/foo\")" },
		{ JOB("managedBy: example.com/queue"), NULL },
		{ JOB("podReplacementPolicy: Now"), "spec.podReplacementPolicy: Unsupported value: \"Now\"" },
		{ JOB("suspend: 'yes'"), "spec.suspend: Invalid value: \"yes\": must be a boolean" },
		{ JOB("selector: {matchLabels: {app: x}}"), "spec.selector: Invalid value" },
		{ JOB("selector: {matchLabels: {job-name: j}}"), NULL },
		{ JOB("manualSelector: true"), "spec.selector: Required value" },
		{ JOB("manualSelector: true, selector: {matchLabels: {app: x}}"),
		  "spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`" },
		{ "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {template: {metadata: {labels: {job-name: k}}, "
		  "spec: " POD_SPEC "}}}",
		  "spec.template.metadata.labels[job-name]: Invalid value: \"k\": must be 'j'" },
		{ "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {template: {spec: " ALWAYS_SPEC "}}}",
		  "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"" },
		{ "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {}}",
		  "spec.template.spec.containers: Required value" },
		{ "{apiVersion: batch/v1, kind: Job, metadata: {name: "
		  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn}, spec: {completionMode: Indexed, "
		  "completions: 11, template: {spec: " POD_SPEC "}}}",
		  "metadata.name: Invalid value" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

#define FAILURE(rule) JOB("podFailurePolicy: {rules: [" rule "]}")
#define CODES(more) FAILURE("{action: FailJob, onExitCodes: {operator: In, " more "}}")

/* An old DaemonSet was replaced by hand, and counted its templates in a field. */
static void old_daemon_sets_become_today_s(void **state)
{
	static const char old[] = "{apiVersion: extensions/v1beta1, kind: DaemonSet, metadata: {name: d}, spec: {templateGeneration: 3, "
				  "template: {metadata: {labels: {a: b}}, spec: " ALWAYS_SPEC "}}}";

	assert_becomes(old, "spec", "updateStrategy", "{\"type\":\"OnDelete\"}");
	assert_becomes(old, "spec", "selector", "{\"matchLabels\":{\"a\":\"b\"}}");
	assert_becomes(old, "metadata", "annotations", "{\"deprecated.daemonset.template.generation\":\"3\"}");
}

static void pod_failure_policies(void **state)
{
	static const struct rule_case cases[] = {
		{ CODES("values: [1, 42]"), NULL },
		{ CODES("containerName: main, values: [1]"), NULL },
		{ FAILURE("{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}"), NULL },
		{ FAILURE("{onExitCodes: {operator: In, values: [1]}}"),
		  "spec.podFailurePolicy.rules[0].action: Required value: valid values: [\"Count\" \"FailIndex\"" },
		{ FAILURE("{action: Retry, onExitCodes: {operator: In, values: [1]}}"),
		  "spec.podFailurePolicy.rules[0].action: Unsupported value: \"Retry\"" },
		{ FAILURE("{action: FailIndex, onExitCodes: {operator: In, values: [1]}}"),
		  "rules[0].action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set" },
		{ FAILURE("{action: Count}"),
		  "rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required" },
		{ FAILURE("{action: Count, onExitCodes: {operator: In, values: [1]}, onPodConditions: [{type: A}]}"),
		  "rules[0]: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported" },
		{ CODES("values: []"), "onExitCodes.values: Invalid value: []: at least one value is required" },
		{ CODES("values: [0]"), "onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator" },
		{ CODES("values: [2, 1]"), "onExitCodes.values: Invalid value: [2,1]: must be ordered" },
		{ CODES("values: [1, 1]"), "onExitCodes.values[1]: Duplicate value: 1" },
		{ CODES("containerName: other, values: [1]"), "must be one of the container or initContainer names" },
		{ FAILURE("{action: Count, onPodConditions: [{type: A, status: Maybe}]}"),
		  "onPodConditions[0].status: Unsupported value: \"Maybe\"" },
		{ JOB("podReplacementPolicy: TerminatingOrFailed, podFailurePolicy: {rules: []}"),
		  "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\"" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

#define SUCCESS(rule) JOB(INDEXED "successPolicy: {rules: [" rule "]}")

static void success_policies(void **state)
{
	static const struct rule_case cases[] = {
		{ SUCCESS("{succeededIndexes: '0,2-3', succeededCount: 3}"), NULL },
		{ SUCCESS(""), "spec.successPolicy.rules: Required value: at least one rules must be specified" },
		{ SUCCESS("{}"), "rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified" },
		{ SUCCESS("{succeededCount: 5}"), "must be less than or equal to 4 (the number of specified completions)" },
		{ SUCCESS("{succeededIndexes: '0-1', succeededCount: 3}"), "must be less than or equal to 2 (the number of indexes" },
		{ SUCCESS("{succeededIndexes: '4'}"), "error parsing succeededIndexes: too large index: \"4\"" },
		{ SUCCESS("{succeededIndexes: '2,1'}"), "non-increasing order, previous: 2, current: 1" },
		{ SUCCESS("{succeededIndexes: '1-1'}"), "non-increasing order, previous: 1, current: 1" },
		{ SUCCESS("{succeededIndexes: '1,'}"), "cannot convert string to integer for index: \"\"" },
		{ SUCCESS("{succeededIndexes: '1-2-3'}"), "at most two parts separated by '-'" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

static void cron_jobs(void **state)
{
	static const struct rule_case cases[] = {
		{ CRON("schedule: '*/5 * * * *', timeZone: Europe/Berlin"), NULL },
		{ CRON("suspend: true"), "spec.schedule: Required value" },
		{ CRON("schedule: '* * * *'"), "spec.schedule: Invalid value: \"* * * *\": expected exactly 5 fields, found 4" },
		{ CRON("schedule: 'TZ=UTC 0 0 * * *'"), "cannot use TZ or CRON_TZ in schedule, use timeZone field instead" },
		{ CRON("schedule: '@daily', timeZone: ''"), "spec.timeZone: Invalid value: \"\": timeZone must be nil or non-empty" },
		{ CRON("schedule: '@daily', timeZone: local"), "timeZone must be an explicit time zone" },
		{ CRON("schedule: '@daily', timeZone: Europe/Atlantis"), "unknown time zone Europe/Atlantis" },
		{ CRON("schedule: '@daily', concurrencyPolicy: Maybe"), "spec.concurrencyPolicy: Unsupported value: \"Maybe\"" },
		{ CRON("schedule: '@daily', startingDeadlineSeconds: -1"), "spec.startingDeadlineSeconds: Invalid value: -1" },
		{ CRON("schedule: '@daily', failedJobsHistoryLimit: -1"), "spec.failedJobsHistoryLimit: Invalid value: -1" },
		{ "{apiVersion: batch/v1, kind: CronJob, metadata: {name: c}, spec: {schedule: '@daily', jobTemplate: {spec: "
		  "{selector: {matchLabels: {a: b}}, manualSelector: true, template: {spec: " POD_SPEC "}}}}}",
		  "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\"" },
		{ "{apiVersion: batch/v1, kind: CronJob, metadata: {name: c}, spec: {schedule: '@daily', jobTemplate: {spec: "
		  "{parallelism: -1, template: {spec: " POD_SPEC "}}}}}",
		  "spec.jobTemplate.spec.parallelism: Invalid value: -1" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

static void stateful_sets(void **state)
{
	static const struct rule_case cases[] = {
		{ SET("serviceName: db, ordinals: {start: 5}, "), NULL },
		{ SET("podManagementPolicy: Random, "), "Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'" },
		{ SET("updateStrategy: {type: Sometimes}, "), "must be 'RollingUpdate' or 'OnDelete'" },
		{ SET("updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}, "),
		  "spec.updateStrategy.rollingUpdate: Invalid value: {\"partition\":1}: only allowed for updateStrategy "
		  "'RollingUpdate'" },
		{ SET("updateStrategy: {rollingUpdate: {maxUnavailable: 0}}, "), "maxUnavailable: Invalid value: 0: cannot be 0" },
		{ SET("updateStrategy: {rollingUpdate: {maxUnavailable: 101%}}, "), "must not be greater than 100%" },
		{ SET("updateStrategy: {rollingUpdate: {partition: -1}}, "), "partition: Invalid value: -1" },
		{ SET("ordinals: {start: -1}, "), "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0" },
		{ SET("serviceName: a.b, "), "spec.serviceName: Invalid value: \"a.b\"" },
		{ SET("persistentVolumeClaimRetentionPolicy: {whenScaled: Burn}, "),
		  "whenScaled: Unsupported value: \"Burn\": supported values: \"Delete\", \"Retain\"" },
		{ SET("volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: "
		      "{storage: 1Gi}}}}], "),
		  NULL },
		{ SET("volumeClaimTemplates: [{metadata: {name: data}, spec: {resources: {requests: {storage: 1Gi}}}}], "),
		  "spec.volumeClaimTemplates[0].spec.accessModes: Required value" },
		{ SET("volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce]}}], "),
		  "spec.volumeClaimTemplates[0].spec.resources" },
		{ SET("volumeClaimTemplates: [{spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}], "),
		  "spec.volumeClaimTemplates[0].metadata.name: Required value" },
		{ "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s.t}, spec: {selector: {matchLabels: {a: b}}, "
		  "template: {metadata: {labels: {a: b}}, spec: " ALWAYS_SPEC "}}}",
		  "metadata.name: Invalid value: \"s.t\": must not contain dots" },
		{ "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {selector: {}, template: {spec: " ALWAYS_SPEC
		  "}}}",
		  "spec.selector: Invalid value: {}: empty selector is invalid for statefulset" },
		{ "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {selector: {matchLabels: {a: b}}, "
		  "template: {metadata: {labels: {a: c}}, spec: " ALWAYS_SPEC "}}}",
		  "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match template `labels`" },
		{ "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s}, spec: {selector: {matchLabels: {a: b}}, "
		  "template: {metadata: {labels: {a: b}}, spec: {activeDeadlineSeconds: 5, restartPolicy: Never, containers: "
		  "[{name: a, image: b}]}}}}",
		  "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

#define ROLLING(more) DAEMON("updateStrategy: {rollingUpdate: {" more "}}, ")

static void daemon_sets_and_replication_controllers(void **state)
{
	static const struct rule_case cases[] = {
		{ DAEMON(""), NULL },
		{ ROLLING("maxSurge: 1, maxUnavailable: 0"), NULL },
		{ ROLLING("maxSurge: 1"), "maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero" },
		{ ROLLING("maxUnavailable: 0"), "maxUnavailable: Required value: cannot be 0 when maxSurge is 0" },
		{ ROLLING("maxUnavailable: 150%"), "maxUnavailable: Invalid value: \"150%\": must not be greater than 100%" },
		{ ROLLING("maxUnavailable: few"), "maxUnavailable: Invalid value: \"few\": a valid percent string must be" },
		{ "{apiVersion: extensions/v1beta1, kind: DaemonSet, metadata: {name: d}, spec: {templateGeneration: 3, template: "
		  "{metadata: {labels: {a: b}}, spec: " ALWAYS_SPEC "}}}",
		  NULL },
		{ DAEMON("updateStrategy: {type: Recreate}, "), "updateStrategy.type: Unsupported value: \"Recreate\"" },
		{ DAEMON("replicas: 1, "), "unknown field \"spec.replicas\"" },
		{ "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d, annotations: "
		  "{deprecated.daemonset.template.generation: x}}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: "
		  "{labels: {a: b}}, spec: " ALWAYS_SPEC "}}}",
		  "must be an integer" },
		{ "{apiVersion: v1, kind: ReplicationController, metadata: {name: r}, spec: {template: {metadata: {labels: {a: b}}, "
		  "spec: " ALWAYS_SPEC "}}}",
		  NULL },
		{ "{apiVersion: v1, kind: ReplicationController, metadata: {name: r}, spec: {template: {spec: " ALWAYS_SPEC "}}}",
		  "spec.selector: Required value" },
		{ "{apiVersion: v1, kind: ReplicationController, metadata: {name: r}, spec: {selector: {a: b}}}",
		  "spec.template: Required value" },
		{ "{apiVersion: v1, kind: ReplicationController, metadata: {name: r}, spec: {selector: {a: b}, template: {metadata: "
		  "{labels: {a: c}}, spec: " ALWAYS_SPEC "}}}",
		  "`selector` does not match template `labels`" },
		{ "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: r}, revision: 1}",
		  "data: Required value: data is mandatory" },
		{ "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: r}, revision: -1, data: {a: 1}}",
		  "revision: Invalid value: -1" },
		{ "{apiVersion: v1, kind: PodTemplate, metadata: {name: p}, template: {spec: {containers: [{name: A, image: x}]}}}",
		  "template.spec.containers[0].name: Invalid value: \"A\"" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

static void autoscalers(void **state)
{
	static const struct rule_case cases[] = {
		{ HPA("maxReplicas: 5"), NULL },
		{ HPA("minReplicas: 2"), "spec.maxReplicas: Required value: must be set and greater than 0" },
		{ HPA("maxReplicas: -1"), "spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1" },
		{ HPA("minReplicas: 5, maxReplicas: 2"),
		  "spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`" },
		{ HPA("maxReplicas: 2, minReplicas: 0"), "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1" },
		{ "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 2, "
		  "scaleTargetRef: {apiVersion: a/b/c, kind: Deployment, name: x/y}}}",
		  "spec.scaleTargetRef.name: Invalid value: \"x/y\": may not contain '/'" },
		{ METRIC("{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}"), NULL },
		{ METRIC("{resource: {name: cpu}}"), "spec.metrics[0].type: Required value: must specify a metric source type" },
		{ METRIC("{type: Magic}"), "spec.metrics[0].type: Unsupported value: \"Magic\"" },
		{ METRIC("{type: Resource}"),
		  "spec.metrics[0].resource: Required value: must populate information for the given metric source" },
		{ METRIC("{type: Resource, pods: {metric: {name: x}, target: {type: AverageValue, averageValue: 1}}}"),
		  "spec.metrics[0].pods: Forbidden: must populate the given metric source only" },
		{ METRIC("{type: Resource, resource: {name: cpu, target: {type: Utilization}}}"),
		  "must set either a target raw value or a target utilization" },
		{ METRIC("{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 1, averageValue: 1}}}"),
		  "may not set both a target raw value and a target utilization" },
		{ METRIC("{type: Resource, resource: {name: cpu, target: {averageUtilization: 0}}}"),
		  "target.type: Required value: must specify a metric target type" },
		{ METRIC("{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 0}}}"),
		  "averageUtilization: Invalid value: 0: must be greater than 0" },
		{ METRIC("{type: Pods, pods: {metric: {name: x}, target: {type: AverageValue, averageValue: '0'}}}"),
		  "averageValue: Invalid value: \"0\": must be positive" },
		{ METRIC("{type: Pods, pods: {metric: {}, target: {type: AverageValue, averageValue: 1}}}"),
		  "metric.name: Required value: must specify a metric name" },
		{ METRIC("{type: External, external: {metric: {name: x}, target: {type: Value, value: 1, averageValue: 1}}}"),
		  "may not set both a target value for metric and a per-pod target" },
		{ METRIC("{type: Object, object: {describedObject: {kind: Service, name: x}, metric: {name: y}, target: {type: Value}}}"),
		  "must set either a target value or averageValue" },
		{ METRIC("{type: ContainerResource, containerResource: {name: gpu, container: web, target: {type: Utilization, "
			 "averageUtilization: 5}}}"),
		  "containerResource.name: Invalid value: \"gpu\": must be a standard resource" },
		{ HPA("maxReplicas: 2, behavior: {scaleDown: {policies: []}}"),
		  "spec.behavior.scaleDown.policies: Required value: must specify at least one Policy" },
		{ HPA("maxReplicas: 2, behavior: {scaleUp: {stabilizationWindowSeconds: 3601}}"),
		  "must be less than or equal to 3600" },
		{ HPA("maxReplicas: 2, behavior: {scaleUp: {policies: [{type: Pods, value: 0, periodSeconds: 1801}]}}"),
		  "periodSeconds: Invalid value: 1801: must be less than or equal to 1800" },
		{ HPA("maxReplicas: 2, behavior: {scaleUp: {selectPolicy: Mid}}"), "selectPolicy: Unsupported value: \"Mid\"" },
		{ HPA("maxReplicas: 2, behavior: {scaleUp: {tolerance: -1}}"), "tolerance: Invalid value: \"-1\"" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

static void old_autoscalers_become_today_s(void **state)
{
	assert_becomes("{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 2, "
		       "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: w}, targetCPUUtilizationPercentage: 70}}",
		       "spec", "metrics",
		       "[{\"resource\":{\"name\":\"cpu\",\"target\":{\"averageUtilization\":70,\"type\":\"Utilization\"}},"
		       "\"type\":\"Resource\"}]");
	assert_becomes("{apiVersion: autoscaling/v2beta1, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 2, "
		       "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: w}, metrics: [{type: Pods, pods: {metricName: q, "
		       "targetAverageValue: 500m}}, {type: Object, object: {metricName: r, targetValue: 10, target: {kind: Service, "
		       "name: s}}}, {type: External, external: {metricName: e, targetAverageValue: 3}}]}}",
		       "spec", "metrics",
		       "[{\"pods\":{\"metric\":{\"name\":\"q\"},\"target\":{\"averageValue\":\"500m\",\"type\":\"AverageValue\"}},"
		       "\"type\":\"Pods\"},{\"object\":{\"describedObject\":{\"kind\":\"Service\",\"name\":\"s\"},\"metric\":{\"name\":"
		       "\"r\"},\"target\":{\"type\":\"Value\",\"value\":\"10\"}},\"type\":\"Object\"},{\"external\":{\"metric\":{\"name\":"
		       "\"e\"},\"target\":{\"averageValue\":\"3\",\"type\":\"AverageValue\"}},\"type\":\"External\"}]");
	static const struct rule_case cases[] = {
		{ "{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 2, "
		  "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: w}, metrics: []}}",
		  "unknown field \"spec.metrics\" in this apiVersion" },
		{ "{apiVersion: autoscaling/v2beta1, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 2, "
		  "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: w}, metrics: [{type: Resource, resource: {name: cpu, "
		  "targetAverageUtilisation: 5}}]}}",
		  "unknown field \"spec.metrics[0].resource.targetAverageUtilisation\"" },
		{ "{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 2, "
		  "scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: w}, targetCPUUtilizationPercentage: many}}",
		  "averageUtilization: Invalid value: \"many\": must be an integer" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

#define OLD_JOB(more) JOB("suspend: true, completions: 2, parallelism: 1" more)

static void what_may_change(void **state)
{
	static const struct update_case cases[] = {
		{ JOB("parallelism: 2"), JOB("parallelism: 3"), NULL },
		{ JOB("completions: 2"), JOB("completions: 3"), "spec.completions: Invalid value: 3: field is immutable" },
		{ JOB(INDEXED "parallelism: 1"), JOB("completionMode: Indexed, completions: 5, parallelism: 5"), NULL },
		{ JOB(INDEXED "parallelism: 1"), JOB("completionMode: Indexed, completions: 5, parallelism: 1"),
		  "can only be modified in tandem with spec.parallelism" },
		{ JOB("completionMode: NonIndexed"), JOB("completionMode: Indexed, completions: 1"),
		  "spec.completionMode: Invalid value: \"Indexed\": field is immutable" },
		{ JOB("suspend: false"), CODES("values: [1]"), "spec.podFailurePolicy: Invalid value" },
		{ JOB("suspend: false"),
		  "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {template: {spec: {restartPolicy: Never, containers: "
		  "[{name: main, image: 'busybox:2'}]}}}}",
		  "spec.template: Invalid value" },
		{ JOB("suspend: true"),
		  "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, spec: {suspend: true, template: {spec: {restartPolicy: Never, "
		  "nodeSelector: {disk: ssd}, containers: [{name: main, image: 'busybox:1', resources: {limits: {cpu: 1}}}]}}}}",
		  NULL },
		{ SET("replicas: 1, "), SET("replicas: 2, minReadySeconds: 3, revisionHistoryLimit: 1, "), NULL },
		{ SET("serviceName: a, "), SET("serviceName: b, "), "spec: Forbidden: updates to statefulset spec for fields other than" },
		{ DAEMON(""),
		  "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: d}, spec: {selector: {matchLabels: {app: e}}, template: "
		  "{metadata: {labels: {app: e}}, spec: " ALWAYS_SPEC "}}}",
		  "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"e\"}}: field is immutable" },
		{ HPA("maxReplicas: 5"), HPA("maxReplicas: 6, minReplicas: 2"), NULL },
		{ "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: r}, revision: 1, data: {a: 1}}",
		  "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: r}, revision: 2, data: {a: 2}}",
		  "data: Invalid value: {\"a\":2}: field is immutable" },
	};

	assert_updates(cases, ARRAY_SIZE(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs),
		cmocka_unit_test(pod_failure_policies),
		cmocka_unit_test(success_policies),
		cmocka_unit_test(cron_jobs),
		cmocka_unit_test(stateful_sets),
		cmocka_unit_test(daemon_sets_and_replication_controllers),
		cmocka_unit_test(old_daemon_sets_become_today_s),
		cmocka_unit_test(autoscalers),
		cmocka_unit_test(old_autoscalers_become_today_s),
		cmocka_unit_test(what_may_change),
	};

	return cmocka_run_group_tests_name("workload rules", tests, NULL, NULL);
}
