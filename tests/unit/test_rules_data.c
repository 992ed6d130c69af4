/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of jobs, endpoints, storage, budgets, leases and requests for certificates, and of updates: a mistake a row, see
 * rules.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "rules.h"

#define JOB                                                                                                            \
	"apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: ns}\n"                                          \
	"spec:\n"                                                                                                      \
	"  completions: 5\n"                                                                                           \
	"  completionMode: Indexed\n"                                                                                  \
	"  backoffLimitPerIndex: 1\n"                                                                                  \
	"  podFailurePolicy:\n"                                                                                        \
	"    rules:\n"                                                                                                 \
	"    - {action: FailIndex, onExitCodes: {containerName: c, operator: In, values: [1, 42]}}\n"                  \
	"    - {action: Ignore, onPodConditions: [{type: DisruptionTarget, status: 'True'}]}\n"                        \
	"  successPolicy: {rules: [{succeededIndexes: '0,2-4', succeededCount: 2}]}\n"                                 \
	"  template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}\n"

static void jobs(void **state)
{
#define FAILURE "spec.podFailurePolicy.rules["
#define SUCCESS "spec.successPolicy.rules[0]"
	static const struct rule_row rows[] = {
		{ "[1, 42]", "[]", FAILURE "0].onExitCodes.values", "at least one value is required" },
		{ "[1, 42]", "[0]", FAILURE "0].onExitCodes.values[0]", "must not be 0 for the In operator" },
		{ "[1, 42]", "[42, 1]", FAILURE "0].onExitCodes.values", "must be ordered" },
		{ "[1, 42]", "[1, 1]", FAILURE "0].onExitCodes.values[1]", "Duplicate value" },
		{ "containerName: c", "containerName: d", FAILURE "0].onExitCodes.containerName", "container or initContainer names" },
		{ "  backoffLimitPerIndex: 1\n", "", FAILURE "0].action", "requires the backoffLimitPerIndex" },
		{ ", onPodConditions: [{type: DisruptionTarget, status: 'True'}]", "", FAILURE "1]", "one of OnExitCodes" },
		{ "{action: Ignore,", "{action: Ignore, onExitCodes: {operator: In, values: [1]},", FAILURE "1]",
		  "both OnExitCodes and OnPodConditions" },
		{ "{succeededIndexes: '0,2-4', succeededCount: 2}", "{}", SUCCESS, "at least one of succeededCount" },
		{ "[{succeededIndexes: '0,2-4', succeededCount: 2}]", "[]", "spec.successPolicy.rules", "at least one rules" },
		{ "succeededCount: 2", "succeededCount: 5", SUCCESS ".succeededCount", "less than or equal to 4" },
		{ "succeededCount: 2", "succeededCount: 6", SUCCESS ".succeededCount", "less than or equal to 5" },
		{ "0,2-4", "0,2-5", SUCCESS ".succeededIndexes", "too large index" },
		{ "0,2-4", "5", SUCCESS ".succeededIndexes", "too large index" },
		{ "0,2-4", "2-4,0", SUCCESS ".succeededIndexes", "non-increasing order, previous: 4, current: 0" },
		{ "0,2-4", "1,1", SUCCESS ".succeededIndexes", "non-increasing order, previous: 1, current: 1" },
		{ "0,2-4", "4-2", SUCCESS ".succeededIndexes", "non-increasing order, previous: 4, current: 2" },
		{ "0,2-4", "0,,2", SUCCESS ".succeededIndexes", "cannot convert string to integer for index: \"\"" },
		{ "0,2-4", "0,x", SUCCESS ".succeededIndexes", "cannot convert string to integer for index: \"x\"" },
		{ "0,2-4", "0-", SUCCESS ".succeededIndexes", "cannot convert string to integer" },
		{ "0,2-4", "0-1-2", SUCCESS ".succeededIndexes", "at most two parts" },
	};

	rules_judge(JOB, rows, ARRAY_SIZE(rows));
}

static void endpoints(void **state)
{
	static const char subsets[] =
		"apiVersion: v1\nkind: Endpoints\nmetadata: {name: e, namespace: ns}\n"
		"subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{name: a, port: 80}, {name: b, port: 81}]}]\n";
	static const struct rule_row old[] = {
		{ "10.0.0.1", "10.0.0.256", "subsets[0].addresses[0].ip", "Invalid value" },
		{ "10.0.0.1", "127.0.0.1", "subsets[0].addresses[0].ip", "loopback" },
		{ "10.0.0.1", "169.254.0.1", "subsets[0].addresses[0].ip", "link-local" },
		{ "10.0.0.1", "0.0.0.0", "subsets[0].addresses[0].ip", "unspecified" },
		{ "{ip: 10.0.0.1}", "{}", "subsets[0].addresses[0].ip", "Required value" },
		{ "[{ip: 10.0.0.1}]", "[]", "subsets[0]", "must specify `addresses`" },
		{ "name: b, ", "", "subsets[0].ports[1].name", "Required value" },
		{ "port: 81", "port: 65536", "subsets[0].ports[1].port", "between 1 and 65535" },
	};
	static const char slice[] =
		"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e, namespace: ns}\n"
		"addressType: IPv4\n"
		"ports: [{name: a, port: 80}, {name: b, port: 81, appProtocol: http}]\n"
		"endpoints: [{addresses: [10.0.0.1], nodeName: n1, hostname: h, hints: {forZones: [{name: z}]}}]\n";
	static const struct rule_row new[] = {
		{ "IPv4", "IPv5", "addressType", "\"FQDN\"" },
		{ "IPv4", "IPv6", "endpoints[0].addresses", "IPv6" },
		{ "[10.0.0.1]", "[here]", "endpoints[0].addresses[0]", "Invalid value" },
		{ "[10.0.0.1]", "[10.0.0.01]", "endpoints[0].addresses[0]", "Invalid value" },
		{ "[10.0.0.1]", "['fe80::1']", "endpoints[0].addresses", "Invalid value" },
		{ "[10.0.0.1]", "[127.0.0.1]", "endpoints[0].addresses[0]", "loopback" },
		{ "[10.0.0.1]", "[]", "endpoints[0].addresses", "at least 1 address" },
		{ "nodeName: n1", "nodeName: N1", "endpoints[0].nodeName", "RFC 1123" },
		{ "hostname: h,", "hostname: h.i,", "endpoints[0].hostname", "Invalid value" },
		{ "[{name: z}]", "[{name: z}, {name: z}]", "endpoints[0].hints.forZones[1].name", "Duplicate value" },
		{ "name: b,", "name: a,", "ports[1].name", "Duplicate value" },
		{ "name: b,", "name: B,", "ports[1].name", "Invalid value" },
		{ "appProtocol: http", "appProtocol: '-'", "ports[1].appProtocol", "Invalid value" },
	};

	rules_judge(subsets, old, ARRAY_SIZE(old));
	rules_judge(slice, new, ARRAY_SIZE(new));
}

static void storage(void **state)
{
	static const char class[] =
		"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: s}\nprovisioner: example.com/p\n"
		"parameters: {a: b}\n"
		"allowedTopologies: [{matchLabelExpressions: [{key: zone, values: [x, z]}]}]\n";
	static const struct rule_row classes[] = {
		{ "example.com/p", "'-'", "provisioner", "Invalid value" },
		{ "provisioner: example.com/p\n", "", "provisioner", "Required value" },
		{ "{a: b}", "{'': b}", "parameters", "field can not be empty" },
		{ "values: [x, z]", "values: []", "allowedTopologies[0].matchLabelExpressions[0].values", "Required value" },
		{ "values: [x, z]", "values: [x, x]", "allowedTopologies[0].matchLabelExpressions[0].values[1]", "Duplicate value" },
		{ "key: zone", "key: '-'", "allowedTopologies[0].matchLabelExpressions[0].key", "Invalid value" },
	};
	static const struct rule_row class_updates[] = {
		{ "{a: b}", "{a: c}", "parameters", "Forbidden: updates to parameters are forbidden." },
		{ "parameters: {a: b}\n", "", "parameters", "Forbidden: updates to parameters are forbidden." },
		{ "example.com/p", "example.com/q", "provisioner", "immutable" },
		{ "parameters", "allowVolumeExpansion: true\nparameters", "", NULL },
	};
	static const char driver[] =
		"apiVersion: storage.k8s.io/v1\nkind: CSIDriver\nmetadata: {name: d.example.com}\n"
		"spec: {attachRequired: true, tokenRequests: [{audience: a, expirationSeconds: 600}], volumeLifecycleModes: [Persistent]}\n";
	static const struct rule_row drivers[] = {
		{ "expirationSeconds: 600", "expirationSeconds: 599", "spec.tokenRequests[0].expirationSeconds", "10 minutes" },
		{ "expirationSeconds: 600", "expirationSeconds: 4294967297", "spec.tokenRequests[0].expirationSeconds", "2^32" },
		{ "[{audience: a,", "[{audience: a}, {audience: a,", "spec.tokenRequests[1].audience", "Duplicate value" },
		{ "[Persistent]", "[Forever]", "spec.volumeLifecycleModes", "\"Ephemeral\"" },
	};
	static const struct rule_row driver_updates[] = {
		{ "attachRequired: true", "attachRequired: false", "spec.attachRequired", "immutable" },
		{ "[Persistent]", "[Ephemeral]", "spec.volumeLifecycleModes", "immutable" },
		{ "expirationSeconds: 600", "expirationSeconds: 700", "", NULL },
	};
	static const char attachment[] =
		"apiVersion: storage.k8s.io/v1\nkind: VolumeAttachment\nmetadata: {name: a}\n"
		"spec: {attacher: d.example.com, nodeName: n1, source: {persistentVolumeName: v}}\n";
	static const struct rule_row attachments[] = {
		{ "persistentVolumeName: v", "", "spec.source", "exactly one of inlineVolumeSpec and persistentVolumeName" },
		{ "persistentVolumeName: v", "persistentVolumeName: ''", "spec.source.persistentVolumeName", "non empty" },
		{ "persistentVolumeName: v", "persistentVolumeName: V", "spec.source.persistentVolumeName", "RFC 1123" },
		{ "attacher: d.example.com", "attacher: '-'", "spec.attacher", "Invalid value" },
		{ "nodeName: n1", "nodeName: N1", "spec.nodeName", "RFC 1123" },
	};

	rules_judge(class, classes, ARRAY_SIZE(classes));
	rules_judge_updates(class, class_updates, ARRAY_SIZE(class_updates));
	rules_judge(driver, drivers, ARRAY_SIZE(drivers));
	rules_judge_updates(driver, driver_updates, ARRAY_SIZE(driver_updates));
	rules_judge(attachment, attachments, ARRAY_SIZE(attachments));
}

static void limits(void **state)
{
	static const char budget[] = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: b, namespace: ns}\n"
				     "spec: {minAvailable: 1, selector: {matchLabels: {app: a}}}\n";
	static const struct rule_row budgets[] = {
		{ "minAvailable: 1", "minAvailable: 1, maxUnavailable: 1", "spec", "cannot be both set" },
		{ "minAvailable: 1", "minAvailable: -1", "spec.minAvailable", "greater than or equal to 0" },
		{ "minAvailable: 1", "minAvailable: 101%", "spec.minAvailable", "must not be greater than 100%" },
		{ "minAvailable: 1", "minAvailable: one", "spec.minAvailable", "Invalid value" },
	};
	static const char class[] = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\n";
	static const struct rule_row classes[] = {
		{ "1000", "1000000001", "value", "maximum allowed value of a user defined priority is 1000000000" },
		{ "name: high", "name: system-high", "metadata.name", "not a known system priority class" },
		{ "name: high", "name: system-node-critical", "metadata.name", "must be 2000001000" },
		{ "name: high}\nvalue: 1000", "name: system-cluster-critical}\nvalue: 2000000000\nglobalDefault: true", "metadata.name",
		  "globalDefault of system-cluster-critical PriorityClass must be false" },
	};
	static const struct rule_row class_updates[] = {
		{ "1000", "1001", "value", "may not be changed in an update" },
		{ "value", "preemptionPolicy: Never\nvalue", "preemptionPolicy", "immutable" },
		{ "value", "description: d\nvalue", "", NULL },
	};
	static const char lease[] = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: l, namespace: ns}\n"
				    "spec: {holderIdentity: h, leaseDurationSeconds: 15}\n";
	static const struct rule_row leases[] = {
		{ "Seconds: 15", "Seconds: 0", "spec.leaseDurationSeconds", "must be greater than 0" },
		{ "Seconds: 15", "Seconds: -1", "spec.leaseDurationSeconds", "must be greater than 0" },
		{ "Seconds: 15", "Seconds: 15, strategy: Newest", "spec.strategy", "\"OldestEmulationVersion\"" },
		{ "Seconds: 15", "Seconds: 15, preferredHolder: p", "spec.preferredHolder", "if `strategy` is defined" },
	};

	rules_judge(budget, budgets, ARRAY_SIZE(budgets));
	rules_judge(class, classes, ARRAY_SIZE(classes));
	rules_judge_updates(class, class_updates, ARRAY_SIZE(class_updates));
	rules_judge(lease, leases, ARRAY_SIZE(leases));
}

static void signing_requests(void **state)
{
	/* "-----BEGIN CERTIFICATE REQUEST-----", and "-----BEGIN CERTIFICATE-----" */
	static const char manifest[] =
		"apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: r}\n"
		"spec: {request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0=, signerName: example.com/s,\n"
		"  usages: [client auth], expirationSeconds: 600}\n";
	static const struct rule_row rows[] = {
		{ "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0=", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t", "spec.request",
		  "PEM block type must be CERTIFICATE REQUEST" },
		{ "example.com/s", "example/s", "spec.signerName", "at least two segments" },
		{ "example.com/s", "example.com", "spec.signerName", "fully qualified domain and path" },
		{ "example.com/s", "example.com/a/b", "spec.signerName", "fully qualified domain and path" },
		{ "example.com/s", "example.com/S", "spec.signerName", "RFC 1123" },
		{ "example.com/s", "kubernetes.io/legacy-unknown", "spec.signerName", "legacy signerName" },
		{ "[client auth]", "[]", "spec.usages", "Required value" },
		{ "[client auth]", "[client auth, client auth]", "spec.usages[1]", "Duplicate value" },
		{ "[client auth]", "[auth]", "spec.usages[0]", "\"server auth\"" },
		{ "Seconds: 600", "Seconds: 599", "spec.expirationSeconds", "less than 600 seconds" },
	};

	rules_judge(manifest, rows, ARRAY_SIZE(rows));
}

static void services_change(void **state)
{
	static const char manifest[] =
		"apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: ns}\n"
		"spec:\n"
		"  type: LoadBalancer\n"
		"  clusterIP: 10.96.0.7\n"
		"  clusterIPs: [10.96.0.7]\n"
		"  ipFamilies: [IPv4]\n"
		"  ipFamilyPolicy: SingleStack\n"
		"  loadBalancerClass: example.com/lb\n"
		"  externalTrafficPolicy: Local\n"
		"  healthCheckNodePort: 30000\n"
		"  ports: [{port: 80, nodePort: 30080}]\n";
	static const struct rule_row rows[] = {
		{ "clusterIP: 10.96.0.7\n  clusterIPs: [10.96.0.7]", "clusterIP: 10.96.0.8\n  clusterIPs: [10.96.0.8]",
		  "spec.clusterIPs[0]", "may not change once set" },
		{ "example.com/lb", "example.com/other", "spec.loadBalancerClass", "may not change once set" },
		{ "30000", "30001", "spec.healthCheckNodePort", "immutable" },
		{ "[IPv4]", "[IPv6]", "spec.clusterIPs[0]", "expected an IPv6 value" },
		/* What was allocated stays when the manifest leaves it out, and goes with its type. */
		{ "  clusterIP: 10.96.0.7\n  clusterIPs: [10.96.0.7]\n", "", "", NULL },
		{ "type: LoadBalancer", "type: ClusterIP", "", NULL },
		{ "port: 80,", "port: 81,", "", NULL },
	};

	rules_judge_updates(manifest, rows, ARRAY_SIZE(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs),	  cmocka_unit_test(endpoints),	      cmocka_unit_test(storage),
		cmocka_unit_test(limits), cmocka_unit_test(signing_requests), cmocka_unit_test(services_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
