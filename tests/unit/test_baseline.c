/* SPDX-License-Identifier: Apache-2.0 */
/* What a user other than root may ask for in a pod, and in a template of pods. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "schema/baseline.h"
#include "value/yaml.h"

/* Judges {containers: [...]} plus a spec's and a container's members, as a Pod's or a Deployment's. Returns the first path
 * at fault, "" for none. */
static const char *judge(bool template, const char *spec, const char *container, char out[static 256])
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct yaml_document *docs = NULL;
	size_t n = 0;
	char text[2048];
	int len, r;

	len = snprintf(text, sizeof(text), "kind: %s\nspec: %s{containers: [{name: c%s%s}]%s%s}%s\n",
		       template ? "Deployment" : "Pod", template ? "{template: {spec: " : "", *container ? ", " : "",
		       container, *spec ? ", " : "", spec, template ? "}}" : "");
	assert_in_range(len, 1, sizeof(text) - 1);
	assert_int_equal(yaml_read(text, (size_t)len, NULL, a, &docs, &n, NULL, NULL), 0);
	assert_int_equal(n, 1);
	r = schema_check_baseline(NULL, docs[0].root, &diags);
	assert_int_equal(r, diags.n ? -EPERM : 0);
	(void)snprintf(out, 256, "%s", diags.n ? diags.items[0].path : "");
	return out;
}

static void test_rules(void **state)
{
	static const struct {
		const char *spec, *container, *fault; /* fault: below the pod's spec; "" for none */
	} cases[] = {
		{ "", "", "" },
		{ "hostNetwork: false, hostPID: false", "", "" },
		{ "hostNetwork: true", "", "hostNetwork" },
		{ "hostPID: true", "", "hostPID" },
		{ "hostIPC: true", "", "hostIPC" },
		{ "nodeName: n1", "", "nodeName" },
		{ "priorityClassName: mine", "", "" },
		{ "priorityClassName: system-node-critical", "", "priorityClassName" },
		{ "volumes: [{name: v, emptyDir: {}}, {name: w, hostPath: {path: /}}]", "", "volumes[1].hostPath" },
		{ "securityContext: {seccompProfile: {type: RuntimeDefault}}", "", "" },
		{ "securityContext: {seccompProfile: {type: Unconfined}}", "", "securityContext.seccompProfile.type" },
		{ "securityContext: {appArmorProfile: {type: Unconfined}}", "", "securityContext.appArmorProfile.type" },
		{ "securityContext: {seLinuxOptions: {type: container_t, level: s0}}", "", "" },
		{ "securityContext: {seLinuxOptions: {type: spc_t}}", "", "securityContext.seLinuxOptions" },
		{ "securityContext: {seLinuxOptions: {role: r}}", "", "securityContext.seLinuxOptions" },
		{ "securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: '1'}]}", "", "" },
		{ "securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}", "", "securityContext.sysctls[0].name" },
		{ "", "securityContext: {privileged: false, procMount: Default}", "" },
		{ "", "securityContext: {privileged: true}", "containers[0].securityContext.privileged" },
		{ "", "securityContext: {procMount: Unmasked}", "containers[0].securityContext.procMount" },
		{ "", "securityContext: {capabilities: {add: [CHOWN], drop: [ALL]}}", "" },
		{ "", "securityContext: {capabilities: {add: [CHOWN, NET_RAW]}}",
		  "containers[0].securityContext.capabilities.add[1]" },
		{ "", "securityContext: {seccompProfile: {type: Unconfined}}",
		  "containers[0].securityContext.seccompProfile.type" },
		{ "", "ports: [{containerPort: 80}, {containerPort: 81, hostPort: 81}]", "containers[0].ports[1].hostPort" },
		{ "", "livenessProbe: {httpGet: {port: 80}}", "" },
		{ "", "livenessProbe: {httpGet: {port: 80, host: h}}", "containers[0].livenessProbe.httpGet.host" },
		{ "", "readinessProbe: {tcpSocket: {port: 80, host: h}}", "containers[0].readinessProbe.tcpSocket.host" },
		{ "", "lifecycle: {preStop: {httpGet: {port: 80, host: h}}}", "containers[0].lifecycle.preStop.httpGet.host" },
		{ "initContainers: [{name: i, securityContext: {privileged: true}}]", "",
		  "initContainers[0].securityContext.privileged" },
		{ "ephemeralContainers: [{name: e, securityContext: {privileged: true}}]", "",
		  "ephemeralContainers[0].securityContext.privileged" },
	};
	char got[256], want[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int template = 0; template < 2; template++) {
			(void)snprintf(want, sizeof(want), "%s%s%s", *cases[i].fault ? "spec." : "",
				       *cases[i].fault && template ? "template.spec." : "", cases[i].fault);
			assert_string_equal(judge(template, cases[i].spec, cases[i].container, got), want);
		}
}

/* The node that the scheduler has chosen stays when a user writes the pod again; another is root's to choose. */
static void test_node(void **state)
{
	static const char text[] = "kind: Pod\nspec: {nodeName: n1}\n---\nkind: Pod\nspec: {nodeName: n2}\n";
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct yaml_document *docs = NULL;
	size_t n = 0;

	assert_int_equal(yaml_read(text, strlen(text), NULL, a, &docs, &n, NULL, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(schema_check_baseline(docs[0].root, docs[0].root, &diags), 0);
	assert_int_equal(schema_check_baseline(docs[0].root, docs[1].root, &diags), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
