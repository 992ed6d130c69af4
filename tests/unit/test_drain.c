/* SPDX-License-Identifier: Apache-2.0 */
/* Draining a node: which pods are evicted, which stay, which need an option, as kubectl drain has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "objects.h"
#include "store/drain.h"

#define OF(kind) ", ownerReferences: [{apiVersion: apps/v1, kind: " kind ", name: o, uid: o, controller: true}]"
#define GONE ", ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: x, uid: gone, controller: true}]"
#define GOING ", deletionTimestamp: '2026-01-01T00:00:00Z'"
#define MADE(second) ", creationTimestamp: '2026-01-01T00:00:" second "Z'"
#define BEARS(tolerations) "spec: {tolerations: [" tolerations "]}\n"
#define MIRROR ", annotations: {kubernetes.io/config.mirror: x}"
#define LOCAL "spec: {volumes: [{name: v, emptyDir: {}}]}\n"
#define ENDED "status: {phase: Succeeded}"
#define FAILED "status: {phase: Failed}"

static bool has_set(void *arg, const struct object *pod)
{
	(void)arg;
	return strcmp(object_controller_uid(pod), "gone") != 0;
}

static void pods_are_judged_as_kubectl_does(void **state)
{
	static const struct drain_options none = { .grace_seconds = -1 }, force = { .force = true, .grace_seconds = -1 },
					  local = { .delete_emptydir_data = true, .grace_seconds = -1 },
					  begun = { .grace_seconds = -1, .since = 1767225600 },
					  both = { .force = true, .delete_emptydir_data = true, .grace_seconds = -1 };
	static const struct {
		const char *name, *meta, *more;
		const struct drain_options *opts;
		size_t evict, going;
		const char *refusal;
	} cases[] = {
		{ "a ReplicaSet's", OF("ReplicaSet"), "", &none, 1, 0, "" },
		{ "a DaemonSet's", OF("DaemonSet"), "", &none, 0, 0, "" },
		{ "a DaemonSet's, with all options", OF("DaemonSet"), "", &both, 0, 0, "" },
		{ "a DaemonSet's that has ended", OF("DaemonSet"), ENDED, &none, 1, 0, "" },
		{ "a DaemonSet's, which is gone", GONE, "", &none, 0, 0,
		  "cannot delete DaemonSet-managed Pods whose DaemonSet is not found (write force to override): ns/p" },
		{ "a DaemonSet's, which is gone, forced", GONE, "", &force, 1, 0, "" },
		{ "a mirror", MIRROR, "", &both, 0, 0, "" },
		{ "an emptyDir", OF("ReplicaSet"), LOCAL, &none, 0, 0,
		  "cannot delete Pods with local storage (write delete-emptydir-data to override): ns/p" },
		{ "an emptyDir, forced", OF("ReplicaSet"), LOCAL, &force, 0, 0,
		  "cannot delete Pods with local storage (write delete-emptydir-data to override): ns/p" },
		{ "an emptyDir that may go", OF("ReplicaSet"), LOCAL, &local, 1, 0, "" },
		{ "an emptyDir of one that has ended", OF("Job"), LOCAL ENDED, &none, 1, 0, "" },
		{ "nobody's", "", "", &none, 0, 0, "cannot delete Pods that declare no controller (write force to override): ns/p" },
		{ "nobody's, forced", "", "", &force, 1, 0, "" },
		{ "nobody's with an emptyDir", "", LOCAL, &local, 0, 0,
		  "cannot delete Pods that declare no controller (write force to override): ns/p" },
		{ "nobody's with an emptyDir, both", "", LOCAL, &both, 1, 0, "" },
		{ "nobody's that failed", "", FAILED, &none, 1, 0, "" },
		{ "one on its way", OF("ReplicaSet") GOING, "", &none, 0, 1, "" },
		{ "one from before that tolerates cordons", OF("ReplicaSet") MADE("00"), BEARS("{operator: Exists}"), &begun, 1, 0, "" },
		{ "one since", OF("ReplicaSet") MADE("01"), "", &begun, 1, 0, "" },
		{ "one since that would come again", OF("ReplicaSet") MADE("01"), BEARS("{operator: Exists}"), &begun, 0, 0, "" },
		{ "the same by key", OF("ReplicaSet") MADE("01"),
		  BEARS("{key: x}, {key: node.kubernetes.io/unschedulable, operator: Exists, effect: NoSchedule}"), &begun, 0, 0, "" },
		{ "one that tolerates something else", OF("ReplicaSet") MADE("01"),
		  BEARS("{key: x, operator: Exists}, {operator: Exists, effect: NoExecute}"), &begun, 1, 0, "" },
		{ "one since, when that is not known", OF("ReplicaSet") MADE("01"), BEARS("{operator: Exists}"), &none, 1, 0, "" },
		{ "nobody's since", MADE("01"), BEARS("{operator: Exists}"), &begun, 0, 0,
		  "cannot delete Pods that declare no controller (write force to override): ns/p" },
		{ "nobody's on its way", GOING, LOCAL, &none, 0, 1, "" },
	};
	bool failed = false;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
		_cleanup_arena_ struct arena *a = arena_new(0);
		struct drain_plan p;

		test_add(&pods, "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, uid: p%s}\n%s", cases[i].meta,
			 cases[i].more);
		assert_int_equal(drain_decide(&pods, cases[i].opts, has_set, NULL, a, &p), 0);
		if (p.n_evict == cases[i].evict && p.n_going == cases[i].going && strcmp(p.refusal, cases[i].refusal) == 0)
			continue;
		print_error("%s: %zu %zu %s\n", cases[i].name, p.n_evict, p.n_going, p.refusal);
		failed = true;
	}
	assert_false(failed);
}

static void refusals_name_all_pods(void **state)
{
	static const struct drain_options none = { .grace_seconds = -1 };
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct drain_plan p;

	for (int i = 0; i < 3; i++)
		test_add(&pods, "apiVersion: v1\nkind: Pod\nmetadata: {name: p%d, namespace: ns, uid: p%d}\n%s", i, i, i == 1 ? LOCAL : "");
	assert_int_equal(drain_decide(&pods, &none, has_set, NULL, a, &p), 0);
	assert_int_equal(p.n_evict, 0);
	assert_string_equal(p.refusal, "cannot delete Pods with local storage (write delete-emptydir-data to override): ns/p1; "
				       "cannot delete Pods that declare no controller (write force to override): ns/p0, ns/p2");
}

static void options_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: refused */
	} cases[] = {
		{ "", "" },
		{ "force", "force" },
		{ " grace=0 ", "grace=0" },
		{ "--force --ignore-daemonsets --delete-emptydir-data --grace-period=5", "force delete-emptydir-data grace=5" },
		{ "grace=999999999,delete-emptydir-data", "delete-emptydir-data grace=999999999" },
		{ "forced", NULL },
		{ "grace=", NULL },
		{ "grace=-1", NULL },
		{ "grace=1000000000", NULL },
		{ "force 1", NULL },
		{ "since=1767225600 force", "force since=1767225600" },
		{ "force delete-emptydir-data grace=999999999 since=9999999999", "force delete-emptydir-data grace=999999999 since=9999999999" },
		{ "since=99999999999", NULL },
		{ "since=x", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct drain_options o;
		char text[DRAIN_TEXT_MAX];

		if (!cases[i].back) {
			assert_int_equal(drain_parse(cases[i].text, &o), -EINVAL);
			continue;
		}
		assert_int_equal(drain_parse(cases[i].text, &o), 0);
		assert_string_equal(drain_format(&o, text), cases[i].back);
	}
}

static void what_is_written_by_hand_forces_nothing(void **state)
{
	_cleanup_object_ struct object *by_hand = test_object(
		"apiVersion: v1\nkind: Node\nmetadata: {name: n, uid: n, annotations: {podfs.io/drain: force it}}");
	_cleanup_object_ struct object *idle = test_object("apiVersion: v1\nkind: Node\nmetadata: {name: n, uid: n}");
	struct drain_options o;

	assert_true(drain_of(by_hand, &o));
	assert_false(o.force);
	assert_int_equal(o.grace_seconds, -1);
	assert_false(drain_of(idle, &o));
}

static void the_condition_keeps_its_time(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = test_tree(a, "status: {conditions: [{type: Ready, status: 'True'}]}"), *list, *c;

	assert_false(drain_set_condition(a, root, NULL, "", "", test_time(0)));
	assert_true(drain_set_condition(a, root, "False", "Draining", "2 left", test_time(1)));
	assert_true(drain_set_condition(a, root, "False", "Draining", "1 left", test_time(2)));
	assert_false(drain_set_condition(a, root, "False", "Draining", "1 left", test_time(3)));
	list = value_path(root, "status", "conditions");
	c = value_find(list, "type", NODE_DRAINED);
	assert_string_equal(value_str_or(value_get(c, "lastTransitionTime"), ""), test_stamp(1));
	assert_true(drain_set_condition(a, root, "True", "NodeDrained", "", test_time(4)));
	assert_string_equal(value_str_or(value_get(c, "lastTransitionTime"), ""), test_stamp(4));
	assert_true(drain_set_condition(a, root, NULL, "", "", test_time(5)));
	assert_int_equal(value_len(list), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_are_judged_as_kubectl_does),
		cmocka_unit_test(refusals_name_all_pods),
		cmocka_unit_test(options_are_read_and_written),
		cmocka_unit_test(what_is_written_by_hand_forces_nothing),
		cmocka_unit_test(the_condition_keeps_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
