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
	struct manifest_object *objects = NULL;
	size_t n = 0;

	assert_int_equal(manifest_read(text, strlen(text), d.arena, &d.diags, &objects, &n), 0);
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

static void fields_nobody_acts_on_give_a_warning(void **state)
{
	_cleanup_doc_ struct doc d = admit(POD "  priorityClassName: high\n  dnsPolicy: ClusterFirst\n");

	assert_int_equal(d.code, 0);
	assert_int_equal(d.diags.warnings, 1);
	assert_said(&d, "7:22: warning: spec.priorityClassName: accepted, but this version of podfs does not act on it");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_in_order),
		cmocka_unit_test(a_pod_gets_its_defaults),
		cmocka_unit_test(a_misspelt_field_is_named),
		cmocka_unit_test(wrong_types_are_told),
		cmocka_unit_test(fields_nobody_acts_on_give_a_warning),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
