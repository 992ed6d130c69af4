/* SPDX-License-Identifier: Apache-2.0 */
/* How long a pod stays on a node with taints of effect NoExecute, each decision in a row of a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "control/taint_eviction_decide.h"
#include "objects.h"

/* Added 100 s ago. */
#define GONE "{key: a, value: v, effect: NoExecute, timeAdded: '2025-12-31T23:58:20Z'}"
#define OTHER "{key: b, effect: NoExecute, timeAdded: '2025-12-31T23:59:50Z'}"

static void pods_stay_as_long_as_they_tolerate(void **state)
{
	static const struct {
		const char *name, *taints, *tolerations;
		int64_t age, want; /* s */
	} cases[] = {
		{ "no taint", "", "", 500, -1 },
		{ "NoSchedule moves nobody", "{key: a, effect: NoSchedule}, {key: b, effect: PreferNoSchedule}", "", 500, -1 },
		{ "no toleration", GONE, "", 500, 0 },
		{ "one of another key", GONE, "{key: c, operator: Exists}", 500, 0 },
		{ "one of another value", GONE, "{key: a, value: w}", 500, 0 },
		{ "one of another effect", GONE, "{key: a, value: v, effect: NoSchedule}", 500, 0 },
		{ "for good", GONE, "{key: a, value: v}", 500, -1 },
		{ "for good, any value", GONE, "{key: a, operator: Exists, effect: NoExecute}", 500, -1 },
		{ "for good, any taint", GONE ", " OTHER, "{operator: Exists}", 500, -1 },
		{ "an empty key needs Exists", GONE, "{value: v}", 500, 0 },
		{ "for 300 s", GONE, "{key: a, value: v, effect: NoExecute, tolerationSeconds: 300}", 500, 200 },
		{ "for 100 s, which are over", GONE, "{key: a, value: v, effect: NoExecute, tolerationSeconds: 100}", 500, 0 },
		{ "for no time", GONE, "{key: a, value: v, effect: NoExecute, tolerationSeconds: 0}", 1, 0 },
		{ "for less", GONE, "{key: a, value: v, effect: NoExecute, tolerationSeconds: -5}", 1, 0 },
		{ "a pod that came after", GONE, "{key: a, value: v, effect: NoExecute, tolerationSeconds: 100}", 30, 70 },
		{ "the first that matches counts", GONE,
		  "{key: a, value: v, effect: NoExecute, tolerationSeconds: 150}, {operator: Exists}", 500, 50 },
		{ "two taints, one of them tolerated", GONE ", " OTHER, "{key: a, operator: Exists}", 500, 0 },
		{ "two taints, the shorter counts", GONE ", " OTHER,
		  "{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 300}, {key: b, operator: Exists, effect: NoExecute, "
		  "tolerationSeconds: 60}", 500, 50 },
		{ "two taints, one for good", GONE ", " OTHER,
		  "{key: a, operator: Exists}, {key: b, operator: Exists, effect: NoExecute, tolerationSeconds: 60}", 500, 50 },
		{ "a taint that does not say since when", "{key: a, effect: NoExecute}",
		  "{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 60}", 500, 60 },
		{ "a taint of the future", "{key: a, effect: NoExecute, timeAdded: '2027-01-01T00:00:00Z'}",
		  "{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 60}", 500, 60 },
		{ "longer than times go", GONE, "{key: a, value: v, effect: NoExecute, tolerationSeconds: 9223372036854775807}", 100,
		  (int64_t)INT32_MAX - 100 },
	};
	bool failed = false;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *node = test_object(
			"apiVersion: v1\nkind: Node\nmetadata: {name: a, uid: a}\nspec: {taints: [%s]}", cases[i].taints);
		_cleanup_object_ struct object *pod = test_object("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, uid: p}\n"
								  "spec: {tolerations: [%s]}\nstatus: {startTime: '%s'}",
								  cases[i].tolerations, test_stamp(-cases[i].age));
		int64_t got = taint_eviction_after(node, pod, test_time(0));

		if (got == (cases[i].want < 0 ? -1 : cases[i].want * NSEC_PER_SEC))
			continue;
		print_error("%s: %" PRId64 "\n", cases[i].name, got);
		failed = true;
	}
	assert_false(failed);
}

static void taints_say_since_when(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *root = test_tree(a, "spec: {taints: [{key: a, effect: NoExecute}, {key: b, effect: NoSchedule}, " OTHER "]}");
	struct value *taints = value_path(root, "spec", "taints");

	assert_true(taint_eviction_stamp(a, root, test_time(7)));
	assert_string_equal(value_str_or(value_get(value_at(taints, 0), "timeAdded"), ""), test_stamp(7));
	assert_null(value_get(value_at(taints, 1), "timeAdded"));
	assert_string_equal(value_str_or(value_get(value_at(taints, 2), "timeAdded"), ""), test_stamp(-10));
	assert_false(taint_eviction_stamp(a, root, test_time(8)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_stay_as_long_as_they_tolerate),
		cmocka_unit_test(taints_say_since_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
