/* SPDX-License-Identifier: Apache-2.0 */
/* "ResourceQuota, LimitRange: enforced at write" (objects.md): what objects use, what they exceed, and Kubernetes' words for it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "objects.h"
#include "store/limit_range.h"
#include "store/quota.h"

#define POD(spec) "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: " spec "}"
#define ONE(resources) "{containers: [{name: a, resources: " resources "}]}"

static const struct schema_kind *kind_of(const struct value *root)
{
	return schema_kind_find(value_str(value_get(root, "apiVersion")), value_str(value_get(root, "kind")));
}

static void check_amount(const char *yaml, const char *name, const char *want)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = test_tree(a, yaml);
	char text[QUANTITY_TEXT_MAX] = "-";
	struct quantity q;

	if (quota_amount(kind_of(root), root, name, 0, &q))
		quantity_format(&q, text);
	if (strcmp(text, want) != 0)
		fail_msg("%s of %s: %s instead of %s", name, yaml, text, want);
}

static void test_amounts(void **state)
{
	static const char two[] = POD("{containers: [{name: a, resources: {requests: {cpu: 100m, memory: 1Gi}, limits: {cpu: 1}}},"
				      " {name: b, resources: {requests: {cpu: 200m, 'example.com/gpu': 2}}}]}");
	static const char init[] = POD("{initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 1}}},"
				       " {name: i, resources: {requests: {cpu: 3}}}],"
				       " containers: [{name: a, resources: {requests: {cpu: 2}}}], overhead: {cpu: 500m}}");

	check_amount(two, "pods", "1");
	check_amount(two, "count/pods", "1");
	check_amount(two, "cpu", "300m");
	check_amount(two, "requests.cpu", "300m");
	check_amount(two, "limits.cpu", "1");
	check_amount(two, "memory", "1Gi");
	check_amount(two, "limits.memory", "-");
	check_amount(two, "requests.example.com/gpu", "2");
	check_amount(two, "requests.storage", "-");
	check_amount(two, "configmaps", "-");
	check_amount(init, "cpu", "4500m"); /* the sidecar and the init container, and the overhead */
	check_amount(POD("{containers: [{name: a, resources: {requests: {cpu: 1}}}], resources: {requests: {cpu: 5}}}"), "cpu",
		     "5");
	check_amount("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: " ONE("{requests: {cpu: 1}}")
		     ", status: {phase: Succeeded}}", "cpu", "-");
	check_amount("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {}, status: {phase: Failed}}", "pods", "-");
	check_amount("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {}, status: {phase: Failed}}", "count/pods", "1");
	check_amount("{apiVersion: apps/v1, kind: Deployment}", "count/deployments.apps", "1");
	check_amount("{apiVersion: apps/v1, kind: Deployment}", "count/deployments", "-");
	check_amount("{apiVersion: apps/v1, kind: Deployment}", "count/deployments.apps2", "-");
	check_amount("{apiVersion: v1, kind: ConfigMap}", "configmaps", "1");
	check_amount("{apiVersion: v1, kind: Service, spec: {type: NodePort, ports: [{port: 1}, {port: 2}]}}",
		     "services.nodeports", "2");
	check_amount("{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, ports: [{port: 1}]}}",
		     "services.loadbalancers", "1");
	check_amount("{apiVersion: v1, kind: Service, spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, "
		     "ports: [{port: 1}, {port: 2, nodePort: 30000}]}}", "services.nodeports", "1");
	check_amount("{apiVersion: v1, kind: Service, spec: {ports: [{port: 1}]}}", "services.nodeports", "-");
	check_amount("{apiVersion: v1, kind: PersistentVolumeClaim, spec: {storageClassName: fast, resources: {requests: {storage: 2Gi}}}}",
		     "requests.storage", "2Gi");
	check_amount("{apiVersion: v1, kind: PersistentVolumeClaim, spec: {storageClassName: fast, resources: {requests: {storage: 2Gi}}}}",
		     "fast.storageclass.storage.k8s.io/requests.storage", "2Gi");
	check_amount("{apiVersion: v1, kind: PersistentVolumeClaim, spec: {storageClassName: fast, resources: {requests: {storage: 2Gi}}}}",
		     "fas.storageclass.storage.k8s.io/persistentvolumeclaims", "-");
}

/* A pod whose time to end is over counts no more: its node may be lost. */
static void test_stuck(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = test_tree(a, "{apiVersion: v1, kind: Pod, metadata: {name: p, deletionTimestamp: '1970-01-01T00:01:00Z'},"
					  " spec: {}}");
	struct quantity q;

	assert_true(quota_amount(kind_of(root), root, "pods", INT64_C(60) * 1000000000, &q));
	assert_false(quota_amount(kind_of(root), root, "pods", INT64_C(61) * 1000000000, &q));
	assert_true(quota_amount(kind_of(root), root, "count/pods", INT64_C(61) * 1000000000, &q));
}

#define QUOTA(spec) "{metadata: {name: q}, spec: " spec "}"

static void check_matches(const char *quota, const char *yaml, bool want)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = test_tree(a, yaml), *q = test_tree(a, quota);

	if (quota_matches(q, kind_of(root), root) != want)
		fail_msg("%s should%s match %s", quota, want ? "" : " not", yaml);
}

static void test_scopes(void **state)
{
	static const char best[] = POD("{containers: [{name: a}]}");
	static const char classy[] = POD("{priorityClassName: high, activeDeadlineSeconds: 5, containers: [{name: a, resources: "
					 "{requests: {cpu: 1}}}], affinity: {podAffinity: "
					 "{requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: k, namespaces: [x]}]}}}");
	static const char map[] = "{apiVersion: v1, kind: ConfigMap}";
	static const struct {
		const char *scopes;
		bool best, classy;
	} cases[] = {
		{ "scopes: [BestEffort]", true, false },
		{ "scopes: [NotBestEffort]", false, true },
		{ "scopes: [Terminating]", false, true },
		{ "scopes: [NotTerminating]", true, false },
		{ "scopes: [NotTerminating, NotBestEffort]", false, false },
		{ "scopes: [CrossNamespacePodAffinity]", false, true },
		{ "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: Exists}]}", false, true },
		{ "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: DoesNotExist}]}", true, false },
		{ "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [low, high]}]}", false, true },
		{ "scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: NotIn, values: [high]}]}", true, false },
	};
	char quota[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		(void)snprintf(quota, sizeof(quota), QUOTA("{%s}"), cases[i].scopes);
		check_matches(quota, best, cases[i].best);
		check_matches(quota, classy, cases[i].classy);
		check_matches(quota, map, false);
	}
	check_matches(QUOTA("{hard: {pods: 1}}"), best, true);
	check_matches(QUOTA("{hard: {pods: 1}}"), map, true);
}

static void check_charge(const char *hard, const char *used_yaml, const char *old, const char *yaml, int want,
			 const char *text, const char *used_want)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct value *root = test_tree(a, yaml), *used = test_tree(a, used_yaml);
	struct value *quota = value_new_map(a);
	bool changed;

	(void)value_set_str(a, value_set_map(a, quota, "metadata"), "name", "q");
	(void)value_set(a, value_set_map(a, quota, "spec"), "hard", test_tree(a, hard));
	assert_int_equal(quota_charge(quota, kind_of(root), old ? test_tree(a, old) : NULL, root, 0, a, used, &changed, &out),
			 want);
	assert_string_equal(buf_str(&out), text);
	assert_true(value_equal(used, test_tree(a, used_want)));
}

static void test_charge(void **state)
{
	static const char pod[] = POD(ONE("{requests: {cpu: 500m, memory: 1Gi}}"));

	check_charge("{pods: '2', requests.cpu: '1'}", "{pods: '1', requests.cpu: 500m}", NULL, pod, 0, "",
		     "{pods: '2', requests.cpu: '1'}");
	check_charge("{pods: '2'}", "{}", NULL, pod, 0, "", "{pods: '1'}");
	/* Several at once, in the order of their names; what fits is left out. */
	check_charge("{requests.memory: 2Gi, requests.cpu: '1', pods: '10', memory: 1Gi}",
		     "{requests.memory: 1.5Gi, requests.cpu: 600m, pods: '1', memory: '0'}", NULL, pod, -EDQUOT,
		     "exceeded quota: q, requested: requests.cpu=500m,requests.memory=1Gi, "
		     "used: requests.cpu=600m,requests.memory=1536Mi, limited: requests.cpu=1,requests.memory=2Gi",
		     "{requests.memory: 1.5Gi, requests.cpu: 600m, pods: '1', memory: '0'}");
	/* An update pays what it adds, and less than before is always allowed. */
	check_charge("{services.nodeports: '2'}", "{services.nodeports: '1'}",
		     "{apiVersion: v1, kind: Service, spec: {type: NodePort, ports: [{port: 1}]}}",
		     "{apiVersion: v1, kind: Service, spec: {type: NodePort, ports: [{port: 1}, {port: 2}]}}", 0, "",
		     "{services.nodeports: '2'}");
	check_charge("{services.nodeports: '1'}", "{services.nodeports: '5'}",
		     "{apiVersion: v1, kind: Service, spec: {type: NodePort, ports: [{port: 1}]}}",
		     "{apiVersion: v1, kind: Service, spec: {type: ClusterIP, ports: [{port: 1}]}}", 0, "",
		     "{services.nodeports: '5'}");
	check_charge("{pods: '0'}", "{}", NULL, "{apiVersion: v1, kind: ConfigMap}", 0, "", "{}");
}

static void check_missing(const char *hard, const char *spec, const char *want)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct value *root = test_tree(a, spec), *quota = value_new_map(a);

	(void)value_set(a, value_set_map(a, quota, "spec"), "hard", test_tree(a, hard));
	quota_missing(quota, kind_of(root), root, &out);
	assert_string_equal(buf_str(&out), want);
}

static void test_missing(void **state)
{
	static const char two[] = POD("{containers: [{name: a, resources: {limits: {cpu: 1}}}, {name: b}]}");

	check_missing("{pods: '1'}", two, "");
	check_missing("{limits.cpu: '1', memory: 1Gi}", two, "must specify limits.cpu for: b; memory for: a,b");
	check_missing("{requests.cpu: '1'}", POD(ONE("{requests: {cpu: 1}}")), "");
	check_missing("{requests.cpu: '1'}", POD("{resources: {requests: {cpu: 1}}, containers: [{name: a}]}"), "");
	check_missing("{cpu: '1'}", "{apiVersion: v1, kind: ConfigMap}", "");
}

static void test_defaults(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *range = test_tree(a, "{spec: {limits: [{type: Pod, max: {cpu: 1}}, {type: Container, default: {cpu: 200m, "
					   "memory: 512Mi}, defaultRequest: {cpu: 100m}}]}}");
	struct value *pod = test_tree(a, POD("{containers: [{name: a, resources: {limits: {cpu: 1}}}, {name: b}], "
					     "initContainers: [{name: i, resources: {requests: {cpu: 1}}}]}"));
	struct value *want = test_tree(a, "{containers: [{name: a, resources: {limits: {cpu: 1, memory: 512Mi}, requests: {cpu: 100m}}}, "
					  "{name: b, resources: {requests: {cpu: 100m}, limits: {cpu: 200m, memory: 512Mi}}}], "
					  "initContainers: [{name: i, resources: {requests: {cpu: 1}, limits: {cpu: 200m, memory: 512Mi}}}]}");

	limit_range_default(range, a, pod);
	assert_true(value_equal(value_get(pod, "spec"), want));
	assert_string_equal(value_str(value_path(pod, "metadata", "annotations", "kubernetes.io/limit-ranger")),
			    "LimitRanger plugin set: cpu request for container a; memory limit for container a; cpu request for "
			    "container b; cpu, memory limit for container b; cpu, memory limit for init container i");
}

static void check_range(const char *limits, const char *yaml, const char *want)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct value *root = test_tree(a, yaml), *range = value_new_map(a);

	(void)value_set(a, value_set_map(a, range, "spec"), "limits", test_tree(a, limits));
	limit_range_check(range, kind_of(root), root, &out);
	assert_string_equal(buf_str(&out), want);
}

static void test_ranges(void **state)
{
	check_range("[{type: Container, min: {cpu: 100m}, max: {cpu: 1}}]", POD(ONE("{requests: {cpu: 200m}, limits: {cpu: 1}}")), "");
	check_range("[{type: Container, min: {cpu: 100m}}]", POD("{containers: [{name: a}]}"),
		    "minimum cpu usage per Container is 100m.  No request is specified");
	check_range("[{type: Container, min: {cpu: 100m}}]", POD(ONE("{requests: {cpu: 50m}}")),
		    "minimum cpu usage per Container is 100m, but request is 50m");
	check_range("[{type: Container, max: {memory: 1Gi}}]", POD(ONE("{limits: {memory: 2Gi}}")),
		    "maximum memory usage per Container is 1Gi, but limit is 2Gi");
	check_range("[{type: Container, max: {memory: 1Gi}}]", POD(ONE("{}")),
		    "maximum memory usage per Container is 1Gi.  No limit is specified");
	check_range("[{type: Pod, max: {cpu: 1}}]",
		    POD("{containers: [{name: a, resources: {limits: {cpu: 1}}}, {name: b, resources: {limits: {cpu: 500m}}}]}"),
		    "maximum cpu usage per Pod is 1, but limit is 1500m");
	check_range("[{type: Container, maxLimitRequestRatio: {cpu: 2}}]", POD(ONE("{requests: {cpu: 100m}, limits: {cpu: 300m}}")),
		    "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000");
	check_range("[{type: Container, maxLimitRequestRatio: {cpu: 2}}]", POD(ONE("{limits: {cpu: 300m}}")),
		    "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0");
	check_range("[{type: PersistentVolumeClaim, max: {storage: 1Gi}, min: {storage: 1Mi}}]",
		    "{apiVersion: v1, kind: PersistentVolumeClaim, spec: {resources: {requests: {storage: 2Gi}}}}",
		    "maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi");
	check_range("[{type: Container, max: {cpu: 1}}]", "{apiVersion: v1, kind: ConfigMap}", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_amounts),	 cmocka_unit_test(test_stuck),	  cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_charge),	 cmocka_unit_test(test_missing), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
