/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns what by selector, and the conditions in a status, each decision in a row of a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "control/claim.h"
#include "control/conditions.h"
#include "objects.h"

#define OWNER(more)                                                                                                    \
	"apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: o, namespace: n, uid: owner" more                       \
	"}\nspec: {selector: {matchLabels: {app: a}}}"
#define GOING ", deletionTimestamp: '2026-01-01T00:00:00Z'"
#define POD(labels, more) "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n, uid: pod, labels: {" labels "}" more "}"
#define REF(uid, controller)                                                                                           \
	"{apiVersion: apps/v1, kind: ReplicaSet, name: o, uid: " uid ", controller: " controller "}"
#define OWNED(refs) ", ownerReferences: [" refs "]"

static void claims_as_kubernetes_does(void **state)
{
	static const struct {
		const char *name, *owner, *pod;
		enum claim_verdict want;
	} cases[] = {
		{ "an orphan that matches", OWNER(""), POD("app: a", ""), CLAIM_ADOPT },
		{ "one that does not", OWNER(""), POD("app: b", ""), CLAIM_IGNORE },
		{ "one without labels", OWNER(""), POD("", ""), CLAIM_IGNORE },
		{ "our own", OWNER(""), POD("app: a", OWNED(REF("owner", "true"))), CLAIM_KEEP },
		{ "our own that matches no more", OWNER(""), POD("app: b", OWNED(REF("owner", "true"))), CLAIM_RELEASE },
		{ "another's that matches", OWNER(""), POD("app: a", OWNED(REF("other", "true"))), CLAIM_IGNORE },
		{ "another's that does not", OWNER(""), POD("app: b", OWNED(REF("other", "true"))), CLAIM_IGNORE },
		{ "one with an owner that controls nothing", OWNER(""), POD("app: a", OWNED(REF("other", "false"))),
		  CLAIM_ADOPT },
		{ "one that we own and do not control", OWNER(""), POD("app: a", OWNED(REF("owner", "false"))), CLAIM_ADOPT },
		{ "ours beside another owner", OWNER(""),
		  POD("app: a", OWNED(REF("other", "false") ", " REF("owner", "true"))), CLAIM_KEEP },
		{ "a going orphan", OWNER(""), POD("app: a", GOING), CLAIM_IGNORE },
		{ "our own, going", OWNER(""), POD("app: a", GOING OWNED(REF("owner", "true"))), CLAIM_KEEP },
		{ "our own, going, that matches no more", OWNER(""), POD("app: b", GOING OWNED(REF("owner", "true"))),
		  CLAIM_RELEASE },
		{ "a going owner adopts nothing", OWNER(GOING), POD("app: a", ""), CLAIM_IGNORE },
		{ "keeps what it has", OWNER(GOING), POD("app: a", OWNED(REF("owner", "true"))), CLAIM_KEEP },
		{ "and releases nothing", OWNER(GOING), POD("app: b", OWNED(REF("owner", "true"))), CLAIM_IGNORE },
	};
	bool failed = false;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *owner = test_object("%s", cases[i].owner);
		_cleanup_object_ struct object *pod = test_object("%s", cases[i].pod);
		enum claim_verdict got = claim_decide(owner, pod, claim_matches(owner, pod));

		if (got != cases[i].want) {
			print_error("%s: %d, not %d\n", cases[i].name, got, cases[i].want);
			failed = true;
		}
	}
	assert_false(failed);
}

static void selectors_match_labels(void **state)
{
	static const struct {
		const char *selector, *labels;
		bool want;
	} cases[] = {
		{ "{matchLabels: {app: a, tier: x}}", "app: a, tier: x", true },
		{ "{matchLabels: {app: a, tier: x}}", "app: a", false },
		{ "{matchLabels: {app: a}}", "app: a, tier: x", true },
		{ "{matchLabels: {app: ''}}", "app: ''", true },
		{ "{matchLabels: {app: ''}}", "", false },
		{ "{matchExpressions: [{key: app, operator: In, values: [a, b]}]}", "app: b", true },
		{ "{matchExpressions: [{key: app, operator: In, values: [a, b]}]}", "app: c", false },
		{ "{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", "", true },
		{ "{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", "app: a", false },
		{ "{matchExpressions: [{key: app, operator: Exists}]}", "app: ''", true },
		{ "{matchExpressions: [{key: app, operator: Exists}]}", "ap: a", false },
		{ "{matchExpressions: [{key: app, operator: DoesNotExist}]}", "ap: a", true },
		{ "{matchExpressions: [{key: app, operator: DoesNotExist}]}", "app: a", false },
		{ "{matchLabels: {app: a}, matchExpressions: [{key: x, operator: Exists}]}", "app: a", false },
	};
	bool failed = false;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_object_ struct object *owner = test_object(
			"apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: o, namespace: n, uid: owner}\nspec: {selector: %s}",
			cases[i].selector);
		_cleanup_object_ struct object *pod = test_object(
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: n, uid: pod, labels: {%s}}", cases[i].labels);

		if (claim_matches(owner, pod) != cases[i].want) {
			print_error("%s on {%s}: not %d\n", cases[i].selector, cases[i].labels, cases[i].want);
			failed = true;
		}
	}
	assert_false(failed);
}

static const char *member(const struct value *status, const char *type, const char *name)
{
	return value_str_or(value_get(condition_get(status, type), name), "");
}

static void conditions_keep_the_time_of_their_status(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *status = value_new_map(a);

	assert_null(condition_get(status, "Ready"));
	assert_string_equal(condition_status(status, "Ready"), "");
	assert_string_equal(condition_reason(status, "Ready"), "");
	condition_set(a, status, "Ready", "False", "Starting", "not yet", test_time(0), false);
	assert_string_equal(condition_status(status, "Ready"), "False");
	assert_string_equal(member(status, "Ready", "lastTransitionTime"), test_stamp(0));
	assert_null(value_get(condition_get(status, "Ready"), "lastUpdateTime"));
	/* The same status for another reason: it has not changed over since. */
	condition_set(a, status, "Ready", "False", "Pulling", "still not", test_time(5), false);
	assert_string_equal(condition_reason(status, "Ready"), "Pulling");
	assert_string_equal(member(status, "Ready", "message"), "still not");
	assert_string_equal(member(status, "Ready", "lastTransitionTime"), test_stamp(0));
	/* Status and reason as before: nothing changes, whatever the message. */
	condition_set(a, status, "Ready", "False", "Pulling", "another text", test_time(6), false);
	assert_string_equal(member(status, "Ready", "message"), "still not");
	condition_set(a, status, "Ready", "True", "", "", test_time(9), false);
	assert_string_equal(member(status, "Ready", "lastTransitionTime"), test_stamp(9));
	assert_null(value_get(condition_get(status, "Ready"), "reason"));
	assert_null(value_get(condition_get(status, "Ready"), "message"));
	assert_int_equal(value_len(value_get(status, "conditions")), 1);
}

static void conditions_with_an_update_time(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *status = value_new_map(a);

	condition_set(a, status, "Progressing", "True", "Created", "m", test_time(0), true);
	assert_string_equal(member(status, "Progressing", "lastUpdateTime"), test_stamp(0));
	condition_set(a, status, "Progressing", "True", "Created", "m", test_time(3), true);
	assert_string_equal(member(status, "Progressing", "lastUpdateTime"), test_stamp(0));
	condition_renew(a, status, "Progressing", "True", "Created", "m", test_time(4));
	assert_string_equal(member(status, "Progressing", "lastUpdateTime"), test_stamp(4));
	assert_string_equal(member(status, "Progressing", "lastTransitionTime"), test_stamp(0));
	condition_renew(a, status, "Progressing", "False", "Late", "m", test_time(8));
	assert_string_equal(member(status, "Progressing", "lastTransitionTime"), test_stamp(8));
}

static void conditions_lie_beside_each_other(void **state)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value *status = value_new_map(a);

	condition_set(a, status, "A", "True", "r", "", test_time(0), false);
	condition_set(a, status, "B", "True", "r", "", test_time(1), false);
	condition_set(a, status, "C", "True", "r", "", test_time(2), false);
	condition_set(a, status, "B", "False", "r", "", test_time(3), false);
	/* In their order, each changed in its place. */
	assert_string_equal(value_str_or(value_get(value_at(value_get(status, "conditions"), 1), "type"), ""), "B");
	condition_remove(status, "D");
	assert_int_equal(value_len(value_get(status, "conditions")), 3);
	condition_remove(status, "A");
	assert_null(condition_get(status, "A"));
	assert_string_equal(condition_status(status, "B"), "False");
	condition_remove(status, "B");
	condition_remove(status, "C");
	assert_null(value_get(status, "conditions")); /* an empty list is none */
	condition_remove(status, "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claims_as_kubernetes_does),
		cmocka_unit_test(selectors_match_labels),
		cmocka_unit_test(conditions_keep_the_time_of_their_status),
		cmocka_unit_test(conditions_with_an_update_time),
		cmocka_unit_test(conditions_lie_beside_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
