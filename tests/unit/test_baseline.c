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

static int check_baseline(const struct value *old, const struct value *root, struct diag_list *diags)
{
	const struct security_policy p = { SECURITY_BASELINE, SECURITY_LATEST };
	int r = schema_check_root_only(old, root, diags), e = schema_check_security(&p, root, diags);

	return r < 0 ? r : e;
}

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
	r = check_baseline(NULL, docs[0].root, &diags);
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
		{ "securityContext: {windowsOptions: {hostProcess: true}}", "", "securityContext.windowsOptions.hostProcess" },
		{ "", "securityContext: {windowsOptions: {hostProcess: true}}",
		  "containers[0].securityContext.windowsOptions.hostProcess" },
		{ "securityContext: {seLinuxOptions: {type: container_engine_t}}", "", "" },
		{ "securityContext: {seLinuxOptions: {user: u}}", "", "securityContext.seLinuxOptions" },
		{ "securityContext: {sysctls: [{name: net.ipv4.tcp_wmem, value: '1 2 3'}]}", "", "" },
		{ "hostUsers: false", "securityContext: {procMount: Unmasked}", "containers[0].securityContext.procMount" },
		{ "", "startupProbe: {tcpSocket: {port: 80, host: 127.0.0.1}}", "containers[0].startupProbe.tcpSocket.host" },
		{ "", "lifecycle: {postStart: {tcpSocket: {port: 80, host: h}}}", "containers[0].lifecycle.postStart.tcpSocket.host" },
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
	assert_int_equal(check_baseline(docs[0].root, docs[0].root, &diags), 0);
	assert_int_equal(check_baseline(docs[0].root, docs[1].root, &diags), -EPERM);
}

/* Judges a text by a level of a version; returns the number of reasons and the path of the first. */
static size_t judge_by(const char *level, const char *version, const char *text, char first[static 256])
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct security_policy p = { SECURITY_BASELINE, SECURITY_LATEST };
	struct yaml_document *docs = NULL;
	size_t n = 0;
	int r;

	assert_true(security_policy_parse(level, version, SECURITY_RESTRICTED, &p));
	assert_int_equal(yaml_read(text, strlen(text), NULL, a, &docs, &n, NULL, NULL), 0);
	r = schema_check_security(&p, docs[0].root, &diags);
	assert_int_equal(r, diags.n ? -EPERM : 0);
	(void)snprintf(first, 256, "%s", diags.n ? diags.items[0].path : "");
	return diags.n;
}

#define GOOD_CONTEXT "allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: {drop: [ALL]}, " \
		     "seccompProfile: {type: RuntimeDefault}"
#define POD(spec, context) "kind: Pod\nspec: {containers: [{name: c, securityContext: {" context "}}]" spec "}\n"

static void test_restricted(void **state)
{
	static const struct {
		const char *text, *version, *fault; /* fault: "" for none */
	} cases[] = {
		{ POD("", GOOD_CONTEXT), NULL, "" },
		{ POD("", ""), "v1.7", "spec.containers[0].securityContext.runAsNonRoot" },
		{ POD("", "runAsNonRoot: true"), "v1.7", "" },
		{ POD("", "runAsNonRoot: true"), "v1.8", "spec.containers[0].securityContext.allowPrivilegeEscalation" },
		{ POD("", "runAsNonRoot: true, allowPrivilegeEscalation: true"), "v1.8",
		  "spec.containers[0].securityContext.allowPrivilegeEscalation" },
		{ POD("", "runAsNonRoot: true, allowPrivilegeEscalation: false"), "v1.18", "" },
		{ POD("", "runAsNonRoot: true, allowPrivilegeEscalation: false"), "v1.19",
		  "spec.containers[0].securityContext.seccompProfile.type" },
		{ POD("", "runAsNonRoot: true, allowPrivilegeEscalation: false, seccompProfile: {type: Localhost}"), "v1.22",
		  "spec.containers[0].securityContext.capabilities.drop" },
		{ POD("", GOOD_CONTEXT ", runAsUser: 0"), "v1.22", "" },
		{ POD("", GOOD_CONTEXT ", runAsUser: 0"), "v1.23", "spec.containers[0].securityContext.runAsUser" },
		{ POD(", securityContext: {runAsUser: 0}", GOOD_CONTEXT), NULL, "spec.securityContext.runAsUser" },
		{ POD(", securityContext: {runAsNonRoot: false}", GOOD_CONTEXT), NULL, "spec.securityContext.runAsNonRoot" },
		{ POD(", securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}",
		      "allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}"), NULL, "" },
		{ POD("", "allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: {drop: [ALL], add: [CHOWN]}, "
			  "seccompProfile: {type: RuntimeDefault}"), NULL,
		  "spec.containers[0].securityContext.capabilities.add[0]" },
		{ POD(", volumes: [{name: a, emptyDir: {}}, {name: b, nfs: {server: s, path: /}}]", GOOD_CONTEXT), NULL,
		  "spec.volumes[1]" },
		{ POD(", os: {name: windows}", "runAsNonRoot: true"), "v1.25", "" },
		{ POD(", hostUsers: false", "allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, "
					    "seccompProfile: {type: RuntimeDefault}"), NULL,
		  "spec.containers[0].securityContext.runAsNonRoot" },
		{ POD(", initContainers: [{name: i}]", GOOD_CONTEXT), "v1.8",
		  "spec.initContainers[0].securityContext.allowPrivilegeEscalation" },
	};
	char first[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		(void)judge_by("restricted", cases[i].version, cases[i].text, first);
		assert_string_equal(first, cases[i].fault);
	}
	assert_int_equal(judge_by("privileged", NULL, POD(", hostPID: true", ""), first), 0);
	assert_int_equal(judge_by("baseline", NULL, POD(", hostPID: true, hostIPC: true", ""), first), 2);
}

/* Each place in which a kind has a template, and what older versions allowed. */
static void test_places(void **state)
{
	static const char bad[] = "spec: {hostPID: true}";
	static const char *const places[][2] = {
		{ "kind: CronJob\nspec: {jobTemplate: {spec: {template: {%s}}}}", "spec.jobTemplate.spec.template.spec.hostPID" },
		{ "kind: PodTemplate\ntemplate: {%s}", "template.spec.hostPID" },
		{ "kind: Job\nspec: {template: {%s}}", "spec.template.spec.hostPID" },
	};
	char text[256], first[256];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *mark = strstr(places[i][0], "%s");

		(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - places[i][0]), places[i][0], bad, mark + 2);
		assert_int_equal(judge_by(NULL, NULL, text, first), 1);
		assert_string_equal(first, places[i][1]);
	}
	(void)judge_by(NULL, NULL, "kind: Deployment\nspec: {template: {metadata: {annotations: "
				   "{container.apparmor.security.beta.kubernetes.io/c: unconfined}}, spec: {}}}", first);
	assert_string_equal(first, "spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]");
	assert_int_equal(judge_by(NULL, "v1.30", POD(", securityContext: {seLinuxOptions: {type: container_engine_t}}", ""),
				  first), 1);
	assert_int_equal(judge_by(NULL, "v1.26", POD(", securityContext: {sysctls: [{name: net.ipv4.ip_local_reserved_ports}]}",
						     ""), first), 1);
}

static void test_root_only(void **state)
{
	static const char text[] = "kind: Service\nspec: {externalIPs: [192.0.2.1]}\n---\nkind: Service\n"
				   "spec: {externalIPs: [192.0.2.2]}\n";
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct yaml_document *docs = NULL;
	size_t n = 0;

	assert_int_equal(yaml_read(text, strlen(text), NULL, a, &docs, &n, NULL, NULL), 0);
	assert_int_equal(schema_check_root_only(docs[0].root, docs[0].root, &diags), 0);
	assert_int_equal(schema_check_root_only(NULL, docs[0].root, &diags), -EPERM);
	assert_int_equal(schema_check_root_only(docs[0].root, docs[1].root, &diags), -EPERM);
}

static void test_labels(void **state)
{
	static const struct {
		const char *level, *version, *want;
		bool right;
	} cases[] = {
		{ NULL, NULL, "baseline:latest", true },
		{ "privileged", NULL, "privileged:latest", true },
		{ "restricted", "v1.24", "restricted:v1.24", true },
		{ NULL, "v1.0", "baseline:v1.0", true },
		{ "restricted", "latest", "restricted:latest", true },
		{ "Privileged", NULL, "restricted:latest", false }, /* enforce fails closed */
		{ "", NULL, "restricted:latest", false },
		{ "baseline", "1.24", "baseline:latest", false },
		{ "baseline", "v1.", "baseline:latest", false },
		{ "baseline", "v1.2x", "baseline:latest", false },
		{ "baseline", "v2.1", "baseline:latest", false },
		{ "baseline", "v1.99999999999", "baseline:latest", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct security_policy p = { SECURITY_BASELINE, SECURITY_LATEST };
		_cleanup_buf_ struct buf name = BUF_INIT;

		assert_int_equal(security_policy_parse(cases[i].level, cases[i].version, SECURITY_RESTRICTED, &p),
				 cases[i].right);
		security_policy_format(&p, &name);
		assert_string_equal(buf_str(&name), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_restricted),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_root_only),
		cmocka_unit_test(test_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
