/* SPDX-License-Identifier: Apache-2.0 */
/* The tables' own order, and a document's way through admission. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "schema/manifest.h"
#include "schema/schema.h"
#include "schema/table.h"
#include "value/json.h"
#include "value/yaml.h"

struct doc {
	struct arena *arena;
	struct diag_list diags;
	struct value *root;
	const struct schema_kind *kind;
	int code;
	struct buf said;
};

static void doc_clear(struct doc *d)
{
	diag_list_clear(&d->diags);
	buf_clear(&d->said);
	arena_free(d->arena);
}
#define _cleanup_doc_ _cleanup_(doc_clear)

/* Admits the one document of a text. */
static struct doc admit(const char *text)
{
	struct doc d = { .arena = arena_new(0), .diags = DIAG_LIST_INIT, .said = BUF_INIT };
	struct schema_manifest_object *objects = NULL;
	size_t n = 0;

	assert_int_equal(schema_manifest_read(text, strlen(text), d.arena, &d.diags, &objects, &n), 0);
	assert_int_equal(n, 1);
	d.root = objects[0].root;
	d.code = schema_admit(d.root, d.arena, &d.diags, &d.kind);
	diag_format(&d.diags, NULL, &d.said);
	return d;
}

static void assert_said(const struct doc *d, const char *part)
{
	if (!strstr(buf_str(&d->said), part))
		fail_msg("expected \"%s\" in: %s", part, buf_str(&d->said));
}

static void assert_json(const struct value *v, const char *json)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	json_write(&b, v, JSON_SORTED);
	assert_string_equal(buf_str(&b), json);
}

#define POD_HEAD "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
#define POD POD_HEAD "spec:\n  containers:\n  - {name: web, image: 'nginx:1.25'}\n"

static void check_table(const struct schema_type *t, int depth)
{
	if (depth > 24)
		return;
	if (t->form == SCHEMA_LIST || t->form == SCHEMA_MAP) {
		assert_non_null(t->elem);
		check_table(t->elem, depth + 1);
		return;
	}
	if (t->form != SCHEMA_STRUCT)
		return;
	assert_in_range(t->n_fields, 1, 64);
	for (size_t i = 0; i < t->n_fields; i++) {
		if (i > 0 && strcmp(t->fields[i - 1].name, t->fields[i].name) >= 0)
			fail_msg("%s: %s stands before %s", t->name, t->fields[i - 1].name, t->fields[i].name);
		assert_ptr_equal(schema_field_find(t, t->fields[i].name), &t->fields[i]);
		check_table(t->fields[i].type, depth + 1);
	}
}

static void tables_are_in_order(void **state)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);

	assert_in_range(n, 7, 100);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			assert_true(strcmp(kinds[i - 1]->plural, kinds[i]->plural) < 0);
		assert_ptr_equal(schema_kind_by_plural(kinds[i]->plural), kinds[i]);
		assert_ptr_equal(schema_kind_find(kinds[i]->api_version, kinds[i]->kind), kinds[i]);
		check_table(kinds[i]->type, 0);
	}
}

static void a_pod_gets_its_defaults(void **state)
{
	_cleanup_doc_ struct doc d = admit(POD);

	assert_int_equal(d.code, 0);
	assert_string_equal(d.kind->plural, "pods");
	assert_json(value_get(d.root, "spec"),
		    "{\"containers\":[{\"image\":\"nginx:1.25\",\"imagePullPolicy\":\"IfNotPresent\",\"name\":\"web\","
		    "\"resources\":{},\"terminationMessagePath\":\"/dev/termination-log\","
		    "\"terminationMessagePolicy\":\"File\"}],\"dnsPolicy\":\"ClusterFirst\",\"enableServiceLinks\":true,"
		    "\"restartPolicy\":\"Always\",\"schedulerName\":\"default-scheduler\",\"securityContext\":{},"
		    "\"terminationGracePeriodSeconds\":30,\"tolerations\":[{\"effect\":\"NoExecute\","
		    "\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"tolerationSeconds\":300},"
		    "{\"effect\":\"NoExecute\",\"key\":\"node.kubernetes.io/unreachable\",\"operator\":\"Exists\","
		    "\"tolerationSeconds\":300}]}");
	assert_json(value_get(d.root, "status"), "{\"phase\":\"Pending\",\"qosClass\":\"BestEffort\"}");
	assert_int_equal(d.diags.warnings, 0);
}

static void a_misspelt_field_is_named(void **state)
{
	_cleanup_doc_ struct doc d = admit(POD_HEAD "spec:\n  containres: []\n");

	assert_int_equal(d.code, -EINVAL);
	assert_string_equal(buf_str(&d.said), "5:3: error: spec.containres: unknown field \"spec.containres\"; did you mean "
					      "\"containers\"?\n");
}

static void a_misplaced_field_is_shown_its_place(void **state)
{
	_cleanup_doc_ struct doc pod = admit("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\ncontainers: []\n"
					     "spec: {image: x, containers: [{name: a, image: x, volumes: [], hostNetwork: true}]}\n");
	_cleanup_doc_ struct doc deploy = admit("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"
						"spec: {image: x, template: {spec: {replicas: 1, quux: 1}}}\n");

	assert_said(&pod, "unknown field \"containers\"; \"containers\" is a field of spec\n");
	assert_said(&pod, "unknown field \"spec.image\"; \"image\" is a field of spec.containers[*]\n");
	assert_said(&pod, "unknown field \"spec.containers[0].hostNetwork\"; \"hostNetwork\" is a field of spec\n");
	assert_said(&deploy, "unknown field \"spec.image\"; \"image\" is a field of spec.template.spec.containers[*]\n");
	assert_said(&deploy, "unknown field \"spec.template.spec.replicas\"; \"replicas\" is a field of spec\n");
	assert_said(&deploy, "unknown field \"spec.template.spec.quux\"\n");
}

static void wrong_types_are_told(void **state)
{
	_cleanup_doc_ struct doc d = admit(POD_HEAD "spec:\n  hostNetwork: 'true'\n  containers:\n  - name: web\n    image: x\n"
						    "    env: [{name: A, value: 5}, {name: B, value: yes}]\n"
						    "    ports: [{containerPort: three}]\n");

	assert_int_equal(d.code, -EINVAL);
	assert_said(&d, "spec.hostNetwork: Invalid value: \"true\": must be a boolean: write true without quotes");
	assert_said(&d, "spec.containers[0].env[0].value: Invalid value: 5: must be a string, found a number: put it in quotes");
	assert_said(&d, "spec.containers[0].env[1].value: Invalid value: true: must be a string, found a boolean");
	assert_said(&d, "spec.containers[0].ports[0].containerPort: Invalid value: \"three\": must be an integer\n");
}

/* An error below what only defaults have made is at the nearest place that the file has. */
static void what_is_missing_has_a_place(void **state)
{
	_cleanup_doc_ struct doc d = admit("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  selector:\n"
					   "    matchLabels: {a: b}\n");
	_cleanup_doc_ struct doc hpa = admit("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\n"
					     "spec:\n  maxReplicas: 1\n  scaleTargetRef: {apiVersion: a/b, kind: C, name: d}\n"
					     "  behavior:\n    scaleUp:\n      policies:\n      - {type: Pods, periodSeconds: 5}\n");

	assert_said(&d, "5:3: error: spec.template.spec.containers: Required value\n");
	assert_said(&hpa, "10:9: error: spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero\n");
}

static void fields_nobody_acts_on_give_a_warning(void **state)
{
	_cleanup_doc_ struct doc d = admit(POD "  runtimeClassName: high\n  dnsPolicy: ClusterFirst\n");

	assert_int_equal(d.code, 0);
	assert_int_equal(d.diags.warnings, 1);
	assert_said(&d, "7:21: warning: spec.runtimeClassName: accepted, but this version of podfs does not act on it");
}

static void null_is_absent(void **state)
{
	_cleanup_doc_ struct doc d = admit("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, creationTimestamp: null, "
					   "labels: {a: }, annotations: }\ndata: {k: null}\nimmutable: null\n");

	assert_int_equal(d.code, 0);
	assert_json(d.root, "{\"apiVersion\":\"v1\",\"data\":{\"k\":\"\"},\"kind\":\"ConfigMap\","
			    "\"metadata\":{\"labels\":{\"a\":\"\"},\"name\":\"c\"}}");
}

static void what_the_system_writes_is_dropped(void **state)
{
	_cleanup_doc_ struct doc d = admit("apiVersion: v1\nkind: Pod\nmetadata: {name: web, uid: abc, resourceVersion: '7', "
					   "generation: 3, creationTimestamp: '2024-01-01T00:00:00Z', managedFields: [{manager: x}]}\n"
					   "spec: {containers: [{name: a, image: b}]}\nstatus: {phase: Running}\n");

	assert_int_equal(d.code, 0);
	assert_json(value_get(d.root, "metadata"), "{\"name\":\"web\"}");
	assert_string_equal(value_str(value_path(d.root, "status", "phase")), "Pending");
}

static void quantities_are_canonical(void **state)
{
	_cleanup_doc_ struct doc d = admit(POD_HEAD "spec: {containers: [{name: a, image: x, resources: "
						    "{limits: {cpu: 0.5, memory: 1024Mi}, requests: {cpu: 100u}}}]}\n");

	assert_int_equal(d.code, 0);
	assert_json(value_get(value_at(value_path(d.root, "spec", "containers"), 0), "resources"),
		    "{\"limits\":{\"cpu\":\"500m\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"1m\",\"memory\":\"1Gi\"}}");
}

#define DEPLOYMENT(version, spec)                                                                         \
	"apiVersion: " version "\nkind: Deployment\nmetadata: {name: web}\nspec:\n" spec                    \
	"  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: 'nginx:1'}]}}\n"

static void old_versions_keep_their_defaults(void **state)
{
	_cleanup_doc_ struct doc ext = admit(DEPLOYMENT("extensions/v1beta1", ""));
	_cleanup_doc_ struct doc beta1 = admit(DEPLOYMENT("apps/v1beta1", ""));
	_cleanup_doc_ struct doc beta2 = admit(DEPLOYMENT("apps/v1beta2", ""));

	assert_int_equal(ext.code, 0);
	assert_said(&ext, "1:13: warning: apiVersion: extensions/v1beta1 Deployment is deprecated; use apps/v1");
	assert_string_equal(value_str(value_get(ext.root, "apiVersion")), "apps/v1");
	assert_json(value_path(ext.root, "spec", "strategy"),
		    "{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":1},\"type\":\"RollingUpdate\"}");
	assert_json(value_path(ext.root, "spec", "selector"), "{\"matchLabels\":{\"app\":\"web\"}}");
	assert_json(value_path(ext.root, "metadata", "labels"), "{\"app\":\"web\"}");
	assert_int_equal(value_int(value_path(ext.root, "spec", "revisionHistoryLimit"), 0), INT32_MAX);
	assert_int_equal(beta1.code, 0);
	assert_int_equal(value_int(value_path(beta1.root, "spec", "revisionHistoryLimit"), 0), 2);
	assert_json(value_path(beta1.root, "spec", "strategy"),
		    "{\"rollingUpdate\":{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"},\"type\":\"RollingUpdate\"}");
	assert_int_equal(beta2.code, -EINVAL);
	assert_said(&beta2, "spec.selector: Required value");
}

static void recreate_takes_no_rolling_update(void **state)
{
	_cleanup_doc_ struct doc good = admit(DEPLOYMENT("apps/v1", "  selector: {matchLabels: {app: web}}\n"
									"  strategy: {type: Recreate}\n"));
	_cleanup_doc_ struct doc bad =
		admit(DEPLOYMENT("apps/v1", "  selector: {matchLabels: {app: web}}\n"
					    "  strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}\n"));

	assert_int_equal(good.code, 0);
	assert_json(value_path(good.root, "spec", "strategy"), "{\"type\":\"Recreate\"}");
	assert_int_equal(bad.code, -EINVAL);
	assert_said(&bad, "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'");
}

/* What an update from one text to another answers; *ret_said is the caller's to clear. */
static int update(const char *from, const char *to, struct buf *ret_said)
{
	_cleanup_doc_ struct doc old = admit(from), is = admit(to);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	int r;

	if (old.code || is.code)
		fail_msg("not admitted: %s%s", buf_str(&old.said), buf_str(&is.said));
	r = schema_admit_update(old.kind, old.root, is.root, &diags);
	diag_format(&diags, NULL, ret_said);
	return r;
}

static void updates_obey_the_kinds_rules(void **state)
{
#define POD_OF(spec) POD_HEAD "spec: {containers: [{name: a, image: 'x:1'}], " spec "}\n"
#define CONFIG(rest) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n" rest
	static const struct {
		const char *from, *to;
		int code;
		const char *said;
	} cases[] = {
		{ POD_OF(""), POD_HEAD "spec: {containers: [{name: a, image: 'x:2'}]}\n", 0, "" },
		{ POD_OF(""), POD_HEAD "spec: {containers: [{name: a, image: 'x:1', command: [run]}]}\n", -EPERM,
		  "spec.containers[0].command: Forbidden: may not change" },
		{ POD_OF(""), POD_HEAD "spec: {containers: [{name: a, image: 'x:1'}, {name: b, image: x}]}\n", -EPERM,
		  "spec.containers: Forbidden: pod updates may not add or remove containers" },
		{ POD_OF(""), POD_OF("hostPID: true"), -EPERM, "spec.hostPID: Forbidden" },
		{ POD_OF("hostPID: true"), POD_OF(""), -EPERM, "spec.hostPID: Forbidden" },
		{ POD_OF(""), POD_OF("activeDeadlineSeconds: 10"), 0, "" },
		{ POD_OF("activeDeadlineSeconds: 10"), POD_OF("activeDeadlineSeconds: 5"), 0, "" },
		{ POD_OF("activeDeadlineSeconds: 10"), POD_OF("activeDeadlineSeconds: 11"), -EPERM,
		  "must be less than or equal to previous value" },
		{ POD_OF("activeDeadlineSeconds: 10"), POD_OF(""), -EPERM, "spec.activeDeadlineSeconds" },
		{ POD_OF(""), POD_OF("tolerations: [{key: a, operator: Exists}]"), 0, "" },
		{ POD_OF("tolerations: [{key: a, operator: Exists}]"), POD_OF(""), -EPERM, "existing toleration" },
		{ POD_OF("schedulingGates: [{name: g}]"), POD_OF(""), 0, "" },
		{ POD_OF(""), POD_OF("schedulingGates: [{name: g}]"), -EPERM, "new scheduling gate" },
		{ CONFIG("data: {a: b}"), CONFIG("data: {a: c}"), 0, "" },
		{ CONFIG("data: {a: b}\nimmutable: true"), CONFIG("data: {a: c}\nimmutable: true"), -EPERM,
		  "data: Forbidden: field is immutable when `immutable` is set" },
		{ CONFIG("data: {a: b}\nimmutable: true"), CONFIG("data: {a: b}"), -EPERM, "immutable: Forbidden" },
		{ CONFIG("data: {a: b}"), CONFIG("data: {a: b}\nimmutable: true"), 0, "" },
		{ DEPLOYMENT("apps/v1", "  selector: {matchLabels: {app: web}}\n"),
		  DEPLOYMENT("apps/v1", "  selector: {matchExpressions: [{key: app, operator: Exists}]}\n"), -EPERM,
		  "spec.selector: Invalid value: {\"matchExpressions\":" },
		{ DEPLOYMENT("apps/v1", "  replicas: 1\n  selector: {matchLabels: {app: web}}\n"),
		  DEPLOYMENT("apps/v1", "  replicas: 2\n  selector: {matchLabels: {app: web}}\n"), 0, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf said = BUF_INIT;
		int r = update(cases[i].from, cases[i].to, &said);

		if (r != cases[i].code || !strstr(buf_str(&said), cases[i].said))
			fail_msg("case %zu: %d, %d expected; said: %s", i, r, cases[i].code, buf_str(&said));
	}
}

static void what_a_person_gets_wrong_is_refused(void **state)
{
	static const struct {
		const char *spec, *said;
	} cases[] = {
		{ "containers: [{name: a, image: x, env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]",
		  "env[0].valueFrom: Invalid value" },
		{ "containers: [{name: a, image: x, env: [{name: A, valueFrom: {}}]}]", "must specify one of" },
		{ "containers: [{name: a, image: x, env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['a/b/c']\"}}}]}]",
		  "fieldPath: Invalid value" },
		{ "containers: [{name: a, image: x, livenessProbe: {}}]", "livenessProbe: Required value: must specify a handler" },
		{ "containers: [{name: a, image: x, livenessProbe: {exec: {command: []}}}]", "exec.command: Required value" },
		{ "containers: [{name: a, image: x, livenessProbe: {tcpSocket: {port: 0}}}]", "must be between 1 and 65535" },
		{ "containers: [{name: a, image: x, readinessProbe: {terminationGracePeriodSeconds: 3, exec: {command: [a]}}}]",
		  "readinessProbe.terminationGracePeriodSeconds: Invalid value: 3: must not be set for readinessProbes" },
		{ "containers: [{name: a, image: x, resources: {limits: {cpu: -1}}}]", "limits[cpu]: Invalid value: \"-1\"" },
		{ "containers: [{name: a, image: x, resources: {requests: {example.com/gpu: 1}}}]", "limits: Required value" },
		{ "containers: [{name: a, image: x, securityContext: {privileged: true, allowPrivilegeEscalation: false}}]",
		  "cannot set `allowPrivilegeEscalation` to false and `privileged` to true" },
		{ "containers: [{name: a, image: x, securityContext: {capabilities: {add: [SYS_ADMIN, CAP_SYS_ADMIN]}, "
		  "allowPrivilegeEscalation: false}}]", "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN" },
		{ "containers: [{name: a, image: x, securityContext: {seccompProfile: {type: Localhost}}}]",
		  "localhostProfile: Required value" },
		{ "containers: [{name: a, image: x, volumeMounts: [{name: v, mountPath: /a, subPath: ../b}]}], volumes: [{name: v}]",
		  "subPath: Invalid value: \"../b\": must not contain '..'" },
		{ "containers: [{name: a, image: x}], volumes: [{name: v, emptyDir: {}, hostPath: {path: /a}}]",
		  "volumes[0].hostPath: Forbidden: may not specify more than 1 volume type" },
		{ "containers: [{name: a, image: x}], volumes: [{name: v, hostPath: {path: /a, type: dir}}]",
		  "type: Unsupported value: \"dir\"" },
		{ "containers: [{name: a, image: x}], tolerations: [{value: v}]", "operator must be Exists when `key` is empty" },
		{ "containers: [{name: a, image: x}], tolerations: [{key: k, tolerationSeconds: 3}]",
		  "effect must be 'NoExecute' when `tolerationSeconds` is set" },
		{ "containers: [{name: a, image: x}], hostPID: true, shareProcessNamespace: true", "ShareProcessNamespace and HostPID cannot both be enabled" },
		{ "containers: [{name: a, image: x}], restartPolicy: Sometimes",
		  "restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"Never\", \"OnFailure\"" },
		{ "containers: [{name: a, image: x}], restartPolicy: always", "did you mean \"Always\"?" },
		{ "containers: [{name: a, image: x}], topologySpreadConstraints: [{maxSkew: 0, topologyKey: a, "
		  "whenUnsatisfiable: DoNotSchedule}]", "maxSkew: Invalid value: 0" },
		{ "containers: [{name: a, image: x}], topologySpreadConstraints: [{maxSkew: 1, topologyKey: a, "
		  "whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, topologyKey: a, whenUnsatisfiable: DoNotSchedule}]",
		  "Duplicate value: \"a, DoNotSchedule\"" },
		{ "containers: {name: a}", "spec.containers: Invalid value: {\"name\":\"a\"}: must be a list" },
		{ "containers: [a]", "spec.containers[0]: Invalid value: \"a\": must be an object" },
		{ "containers: [{name: a, image: x}], nodeSelector: [a]", "must be a map of keys and values, found a list" },
		{ "containers: [{name: a, image: x}], priority: 99999999999", "must be an integer of 32 bits" },
		{ "containers: [{name: a, image: x}], activeDeadlineSeconds: '5'", "must be an integer: write it without quotes" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		_cleanup_doc_ struct doc d = { 0 };

		buf_printf(&text, "%sspec: {%s}\n", POD_HEAD, cases[i].spec);
		d = admit(buf_str(&text));
		if (d.code != -EINVAL)
			fail_msg("case %zu was accepted: %s", i, cases[i].spec);
		assert_said(&d, cases[i].said);
	}
}

static void fields_are_parsed_from_files(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	const struct schema_type *spec = schema_member(&schema_deployment, "spec");
	static const struct {
		const char *field, *text, *json; /* json NULL: refused */
	} cases[] = {
		{ "replicas", "5\n", "5" },	      { "replicas", "three\n", NULL },	  { "replicas", "-1", NULL },
		{ "replicas", "", NULL },	      { "paused", "true\n", "true" },	  { "paused", "maybe", NULL },
		{ "minReadySeconds", "0x10", "16" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
		struct value *v = NULL;
		int r = schema_parse_scalar(schema_member(spec, cases[i].field), cases[i].text, strlen(cases[i].text), a,
					    &diags, &v);

		assert_int_equal(r, cases[i].json ? 0 : -EINVAL);
		assert_int_equal(diags.errors, cases[i].json ? 0 : 1);
		if (cases[i].json)
			assert_json(v, cases[i].json);
	}
}

static void text_fields_keep_their_bytes(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct value *v = NULL;

	assert_int_equal(schema_parse_scalar(&schema_string, "yes\n\n", 5, a, &diags, &v), 0);
	assert_string_equal(value_str(v), "yes\n");
	assert_int_equal(schema_parse_scalar(&schema_quantity, "1024Mi", 6, a, &diags, &v), 0);
	assert_string_equal(value_str(v), "1Gi");
	assert_int_equal(schema_parse_scalar(&schema_count_or_percent, "30%", 3, a, &diags, &v), 0);
	assert_string_equal(value_str(v), "30%");
	assert_int_equal(schema_parse_scalar(&schema_count_or_percent, "30", 2, a, &diags, &v), 0);
	assert_int_equal(value_int(v, 0), 30);
	assert_int_equal(schema_parse_scalar(&schema_pod, "", 0, a, &diags, &v), -EISDIR);
}

static void types_can_be_walked(void **state)
{
	const struct schema_type *spec = schema_member(&schema_pod, "spec");
	const struct schema_type *containers = schema_member(spec, "containers");
	const struct schema_type *container = schema_item(containers);

	assert_string_equal(schema_list_keys(containers)[0], "name");
	assert_null(schema_list_keys(schema_member(container, "args")));
	assert_true(schema_list_is_set(schema_member(&schema_object_meta, "finalizers")));
	assert_false(schema_field_writable(&schema_pod, "status"));
	assert_true(schema_field_writable(&schema_pod, "spec"));
	assert_true(schema_field_immutable(schema_member(&schema_deployment, "spec"), "selector"));
	assert_false(schema_field_acted_on(spec, "runtimeClassName"));
	assert_true(schema_field_acted_on(spec, "containers"));
	assert_true(schema_is_free_text(schema_item(schema_member(container, "args"))));
	assert_false(schema_is_free_text(schema_member(spec, "restartPolicy")));
	assert_true(schema_is_free_text(schema_member(schema_member(&schema_object_meta, "annotations"), "any")));
	assert_false(schema_is_free_text(schema_member(schema_member(&schema_object_meta, "labels"), "any")));
	assert_null(schema_field_name(spec, 1000));
	assert_null(schema_member(spec, "nothing"));
	assert_string_equal(schema_form_name(schema_member(spec, "hostNetwork")), "boolean");
}

static void a_list_of_many_errors_is_cut(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_doc_ struct doc d = { 0 };

	buf_puts(&text, POD_HEAD "spec:\n");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "  wrong%d: 1\n", i);
	d = admit(buf_str(&text));
	assert_int_equal(d.code, -EINVAL);
	assert_int_equal(d.diags.n, DIAG_MAX);
	assert_in_range(d.diags.errors, 5000, 5001);
	assert_said(&d, " more not shown\n");
}

static void memory_that_runs_out_is_an_error(void **state)
{
	for (size_t limit = 1024; limit < 16384; limit += 512) {
		_cleanup_arena_ struct arena *a = arena_new(limit);
		_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
		struct schema_manifest_object *objects = NULL;
		const struct schema_kind *kind = NULL;
		size_t n = 0;
		int r = schema_manifest_read(POD, strlen(POD), a, &diags, &objects, &n);

		if (r == 0)
			r = schema_admit(objects[0].root, a, &diags, &kind);
		if (arena_failed(a))
			assert_int_equal(r, -ENOMEM);
		else
			assert_int_equal(r, 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_in_order),
		cmocka_unit_test(a_pod_gets_its_defaults),
		cmocka_unit_test(a_misspelt_field_is_named),
		cmocka_unit_test(a_misplaced_field_is_shown_its_place),
		cmocka_unit_test(wrong_types_are_told),
		cmocka_unit_test(what_is_missing_has_a_place),
		cmocka_unit_test(fields_nobody_acts_on_give_a_warning),
		cmocka_unit_test(null_is_absent),
		cmocka_unit_test(what_the_system_writes_is_dropped),
		cmocka_unit_test(quantities_are_canonical),
		cmocka_unit_test(old_versions_keep_their_defaults),
		cmocka_unit_test(recreate_takes_no_rolling_update),
		cmocka_unit_test(updates_obey_the_kinds_rules),
		cmocka_unit_test(what_a_person_gets_wrong_is_refused),
		cmocka_unit_test(fields_are_parsed_from_files),
		cmocka_unit_test(text_fields_keep_their_bytes),
		cmocka_unit_test(types_can_be_walked),
		cmocka_unit_test(a_list_of_many_errors_is_cut),
		cmocka_unit_test(memory_that_runs_out_is_an_error),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
