/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of ResourceQuotas, LimitRanges, disruption budgets, classes and leases, one document each: what is refused
 * with which words, what is accepted, and what may change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rules_util.h"

#define QUOTA(spec) "{apiVersion: v1, kind: ResourceQuota, metadata: {name: q}, spec: {" spec "}}"
#define LIMITS(item) "{apiVersion: v1, kind: LimitRange, metadata: {name: l}, spec: {limits: [" item "]}}"
#define BUDGET(spec) "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: b}, spec: {" spec "}}"
#define PRIORITY(more) "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: p}, " more "}"
#define SYSTEM_CLASS(name, more) \
	"{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: system-" name "}, " more "}"
#define RUNTIME(more) "{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: r}, " more "}"
#define LEASE(spec) "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: l}, spec: {" spec "}}"

static void quotas(void **state)
{
	static const struct rule_case cases[] = {
		{ QUOTA("hard: {cpu: 2, pods: 5, requests.nvidia.com/gpu: 4, count/jobs.batch: 3, hugepages-2Mi: 1Gi, "
			"services.nodeports: 0, gold.storageclass.storage.k8s.io/requests.storage: 1Gi}"),
		  NULL },
		{ QUOTA("hard: {cpus: 2}"), "spec.hard[cpus]: Invalid value: \"cpus\": must be a standard resource type or fully qualified" },
		{ QUOTA("hard: {storage: 2}"), "spec.hard[storage]: Invalid value: \"storage\": must be a standard resource for quota" },
		{ QUOTA("hard: {'a b': 2}"), "spec.hard[a b]: Invalid value: \"a b\"" },
		{ QUOTA("hard: {cpu: -1}"), "spec.hard[cpu]: Invalid value: \"-1\": must be greater than or equal to 0" },
		{ QUOTA("hard: {pods: 1500m}"), "spec.hard[pods]: Invalid value: \"1500m\": must be an integer" },
		{ QUOTA("hard: {pods: many}"), "spec.hard[pods]: Invalid value: \"many\": not a quantity" },
		{ QUOTA("hard: {pods: 1}, scopes: [BestEffort]"), NULL },
		{ QUOTA("hard: {cpu: 1}, scopes: [BestEffort]"), "unsupported scope applied to resource" },
		{ QUOTA("hard: {services: 1}, scopes: [Terminating]"), "unsupported scope applied to resource" },
		{ QUOTA("hard: {pods: 1}, scopes: [Besteffort]"), "spec.scopes: Invalid value: \"Besteffort\": unsupported scope" },
		{ QUOTA("hard: {pods: 1}, scopes: [BestEffort, NotBestEffort]"), "spec.scopes: Invalid value: [\"BestEffort\"" },
		{ QUOTA("hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}"),
		  NULL },
		{ QUOTA("hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In}]}"),
		  "values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector" },
		{ QUOTA("hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: Exists, values: [a]}]}"),
		  "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector" },
		{ QUOTA("hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: Terminating, operator: In, values: [a]}]}"),
		  "operator: Invalid value: \"In\": must be 'Exists' when scope is any of" },
		{ QUOTA("hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: Like}]}"),
		  "not a valid selector operator" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

static void limit_ranges(void **state)
{
	static const struct rule_case cases[] = {
		{ LIMITS("{type: Container, max: {cpu: 1}, min: {cpu: 100m}, default: {cpu: 500m}}"), NULL },
		{ LIMITS("{type: PersistentVolumeClaim, max: {storage: 1Gi}}"), NULL },
		{ LIMITS("{max: {cpu: 1}}"), "spec.limits[0].type: Invalid value: \"\"" },
		{ LIMITS("{type: Containers, max: {cpu: 1}}"), "must be a standard limit type or fully qualified" },
		{ LIMITS("{type: Pod, max: {cpu: 1}}, {type: Pod, max: {memory: 1}}"), "spec.limits[1].type: Duplicate value: \"Pod\"" },
		{ LIMITS("{type: Pod, default: {cpu: 1}}"),
		  "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'" },
		{ LIMITS("{type: Pod, defaultRequest: {cpu: 1}}"), "spec.limits[0].defaultRequest: Forbidden" },
		{ LIMITS("{type: Container, max: {storage: 1}}"), "must be a standard resource for containers" },
		{ LIMITS("{type: PersistentVolumeClaim, max: {cpu: 1}}"),
		  "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided" },
		{ LIMITS("{type: Container, min: {cpu: 2}, max: {cpu: 1}}"),
		  "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1" },
		{ LIMITS("{type: Container, min: {cpu: 2}, defaultRequest: {cpu: 1}}"), "min value 2 is greater than default request value 1" },
		{ LIMITS("{type: Container, max: {cpu: 1}, defaultRequest: {cpu: 2}, default: {cpu: 3}}"),
		  "default request value 2 is greater than max value 1" },
		{ LIMITS("{type: Container, defaultRequest: {cpu: 2}, default: {cpu: 1}}"),
		  "default request value 2 is greater than default limit value 1" },
		{ LIMITS("{type: Container, default: {cpu: 2}, max: {cpu: 1}}"), "default value 2 is greater than max value 1" },
		{ LIMITS("{type: Container, maxLimitRequestRatio: {cpu: 500m}}"), "ratio 500m is less than 1" },
		{ LIMITS("{type: Container, min: {cpu: 1}, max: {cpu: 2}, maxLimitRequestRatio: {cpu: 3}}"),
		  "ratio 3 is greater than max/min = 2.000000" },
		{ LIMITS("{type: Container, default: {example.com/gpu: 2}, defaultRequest: {example.com/gpu: 1}}"),
		  "default value 2 must equal to defaultRequest value 1 in example.com/gpu" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
	assert_becomes(LIMITS("{type: Container, max: {cpu: 1}, min: {memory: 1Mi}}"), "spec", "limits",
		       "[{\"default\":{\"cpu\":\"1\"},\"defaultRequest\":{\"cpu\":\"1\",\"memory\":\"1Mi\"},\"max\":{\"cpu\":\"1\"},"
		       "\"min\":{\"memory\":\"1Mi\"},\"type\":\"Container\"}]");
	assert_becomes(LIMITS("{type: Pod, max: {cpu: 1}}"), "spec", "limits", "[{\"max\":{\"cpu\":\"1\"},\"type\":\"Pod\"}]");
}

static void budgets(void **state)
{
	static const struct rule_case cases[] = {
		{ BUDGET("minAvailable: 50%, selector: {matchLabels: {a: b}}"), NULL },
		{ BUDGET("minAvailable: 1, maxUnavailable: 1"), "minAvailable and maxUnavailable cannot be both set" },
		{ BUDGET("minAvailable: -1"), "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0" },
		{ BUDGET("minAvailable: 101%"), "spec.minAvailable: Invalid value: \"101%\": must not be greater than 100%" },
		{ BUDGET("maxUnavailable: half"), "spec.maxUnavailable: Invalid value: \"half\"" },
		{ BUDGET("unhealthyPodEvictionPolicy: Never"), "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Never\"" },
		{ BUDGET("selector: {matchLabels: {'a b': c}}"), "spec.selector.matchLabels: Invalid value: \"a b\"" },
		{ BUDGET("selector: {matchExpressions: [{key: a, operator: In}]}"), "values: Required value" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
	assert_becomes("{apiVersion: policy/v1beta1, kind: PodDisruptionBudget, metadata: {name: b}, spec: {selector: {}}}", "spec",
		       "selector",
		       "{\"matchExpressions\":[{\"key\":\"pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match\",\"operator\":"
		       "\"Exists\"}]}");
}

static void classes_and_leases(void **state)
{
	static const struct rule_case cases[] = {
		{ PRIORITY("value: 1000000000, description: high"), NULL },
		{ PRIORITY("value: 1000000001"), "value: Forbidden: maximum allowed value of a user defined priority is 1000000000" },
		{ PRIORITY("value: 1, preemptionPolicy: Always"), "preemptionPolicy: Unsupported value: \"Always\"" },
		{ SYSTEM_CLASS("mine", "value: 1"),
		  "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
		  "system-mine is not a known system priority class" },
		{ SYSTEM_CLASS("node-critical", "value: 1"), "value of system-node-critical PriorityClass must be 2000001000" },
		{ SYSTEM_CLASS("node-critical", "value: 2000001000"), NULL },
		{ RUNTIME("handler: runc"), NULL },
		{ RUNTIME("scheduling: {}"), "handler: Required value" },
		{ RUNTIME("handler: Run_C"), "handler: Invalid value: \"Run_C\"" },
		{ RUNTIME("handler: a, overhead: {podFixed: {cpus: 1}}"), "Invalid value: \"cpus\"" },
		{ RUNTIME("handler: a, scheduling: {tolerations: [{key: a, operator: Exists}, {key: a, operator: Exists}]}"),
		  "scheduling.tolerations[1]: Duplicate value" },
		{ "{apiVersion: node.k8s.io/v1alpha1, kind: RuntimeClass, metadata: {name: r}, spec: {runtimeHandler: runc}}", NULL },
		{ "{apiVersion: node.k8s.io/v1alpha1, kind: RuntimeClass, metadata: {name: r}, spec: {handler: runc}}",
		  "unknown field \"spec\"" },
		{ LEASE("holderIdentity: me, leaseDurationSeconds: 15, renewTime: '2024-01-01T00:00:00.000000Z'"), NULL },
		{ LEASE("leaseDurationSeconds: 0"), "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0" },
		{ LEASE("leaseTransitions: -1"), "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0" },
		{ LEASE("strategy: Best"), "spec.strategy: Unsupported value: \"Best\"" },
		{ LEASE("preferredHolder: a"), "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined" },
		{ LEASE("renewTime: yesterday"), "spec.renewTime: Invalid value: \"yesterday\"" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

static void events(void **state)
{
	static const struct rule_case cases[] = {
		{ "{apiVersion: v1, kind: Event, metadata: {name: e, namespace: a}, involvedObject: {namespace: b}}",
		  "involvedObject.namespace: Invalid value: \"b\": does not match event.namespace" },
		{ "{apiVersion: events.k8s.io/v1, kind: Event, metadata: {name: e}, eventTime: '2024-01-01T00:00:00.000000Z', note: hi, "
		  "regarding: {kind: Pod, name: p}, reason: Started, action: Start, reportingController: example.com/c, "
		  "reportingInstance: c-1, type: Normal}",
		  NULL },
		{ "{apiVersion: events.k8s.io/v1, kind: Event, metadata: {name: e}, eventTime: '2024-01-01T00:00:00.000000Z', "
		  "reason: Started, action: Start, reportingInstance: c-1}",
		  "reportingComponent: Required value" },
	};

	assert_cases(cases, ARRAY_SIZE(cases));
}

static void what_may_change(void **state)
{
	static const struct update_case cases[] = {
		{ QUOTA("hard: {pods: 1}, scopes: [BestEffort]"), QUOTA("hard: {pods: 2}, scopes: [BestEffort]"), NULL },
		{ QUOTA("hard: {pods: 1}, scopes: [BestEffort]"), QUOTA("hard: {pods: 1}"), "spec.scopes: Invalid value" },
		{ PRIORITY("value: 1"), PRIORITY("value: 1, globalDefault: true"), NULL },
		{ PRIORITY("value: 1"), PRIORITY("value: 2"), "value: Forbidden: may not be changed in an update." },
		{ PRIORITY("value: 1"), PRIORITY("value: 1, preemptionPolicy: Never"), "preemptionPolicy: Invalid value: \"Never\"" },
		{ RUNTIME("handler: a"), RUNTIME("handler: b"), "handler: Invalid value: \"b\": field is immutable" },
		{ BUDGET("minAvailable: 1"), BUDGET("maxUnavailable: 1, selector: {matchLabels: {a: b}}"), NULL },
		{ LEASE("holderIdentity: a"), LEASE("holderIdentity: b"), NULL },
	};

	assert_updates(cases, ARRAY_SIZE(cases));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotas),	      cmocka_unit_test(limit_ranges),	 cmocka_unit_test(budgets),
		cmocka_unit_test(classes_and_leases), cmocka_unit_test(what_may_change),
		cmocka_unit_test(events),
	};

	return cmocka_run_group_tests_name("limit rules", tests, NULL, NULL);
}
