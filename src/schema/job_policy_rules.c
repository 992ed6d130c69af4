/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a Job's pods count as failed, and when it has succeeded: K8S:pkg/apis/batch/validation.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/batch_rules.h"
#include "schema/check.h"
#include "schema/table.h"

enum {
	RULES_MAX = 20,
	EXIT_CODES_MAX = 255,
	PATTERNS_MAX = 20,
	INDEXES_MAX = 64 * 1024, /* bytes of succeededIndexes */
};

/* --- podFailurePolicy --- */

static void check_values(struct admit *ad, const struct value *codes, const struct schema_path *at)
{
	const struct value *values = value_get(codes, "values");
	const struct schema_path *path = AT(at, "values");
	bool ordered = true;

	if (!value_len(values))
		report_error(ad, path, value_mark(values ? values : codes), "Invalid value: []: at least one value is required");
	else if (!check_at_most(ad, values, path, EXIT_CODES_MAX))
		return;
	for (size_t i = 0; i < value_len(values); i++) {
		const struct value *item = value_at(values, i);

		if (text_is(codes, "operator", "In") && value_int(item, -1) == 0)
			report_invalid(ad, AT_ITEM(path, i), item, "must not be 0 for the In operator");
		for (size_t k = 0; k < i; k++) {
			if (value_int(value_at(values, k), 0) != value_int(item, 0))
				continue;
			report_duplicate(ad, AT_ITEM(path, i), item);
			break;
		}
		ordered = ordered && (!i || value_int(value_at(values, i - 1), 0) <= value_int(item, 0));
	}
	if (!ordered)
		report_invalid(ad, path, values, "must be ordered");
}

static void check_exit_codes(struct admit *ad, const struct value *codes, const struct value *pod,
			     const struct schema_path *at)
{
	const struct value *name = value_get(codes, "containerName");

	if (name && !value_find(value_get(pod, "containers"), "name", value_str_or(name, "")) &&
	    !value_find(value_get(pod, "initContainers"), "name", value_str_or(name, "")))
		report_invalid(ad, AT(at, "containerName"), name,
			       "must be one of the container or initContainer names in the pod template");
	check_values(ad, codes, at);
}

void pod_failure_policy_check(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *rules = value_path(spec, "podFailurePolicy", "rules");
	const struct value *pod = value_path(spec, "template", "spec");

	if (!check_at_most(ad, rules, AT(at, "rules"), RULES_MAX))
		return;
	for (size_t i = 0; i < value_len(rules); i++) {
		const struct value *rule = value_at(rules, i), *codes = value_get(rule, "onExitCodes");
		const struct value *conditions = value_get(rule, "onPodConditions");
		const struct schema_path *path = AT_ITEM(AT(at, "rules"), i);

		if (text_is(rule, "action", "FailIndex") && !value_get(spec, "backoffLimitPerIndex"))
			report_invalid(ad, AT(path, "action"), value_get(rule, "action"),
				       "requires the backoffLimitPerIndex to be set");
		if (codes)
			check_exit_codes(ad, codes, pod, AT(path, "onExitCodes"));
		(void)check_at_most(ad, conditions, AT(path, "onPodConditions"), PATTERNS_MAX);
		if (codes && value_len(conditions))
			report_error(ad, path, value_mark(rule),
				     "Invalid value: specifying both OnExitCodes and OnPodConditions is not supported");
		else if (!codes && !value_len(conditions))
			report_error(ad, path, value_mark(rule),
				     "Invalid value: specifying one of OnExitCodes and OnPodConditions is required");
	}
}

/* --- successPolicy --- */

/* One number of "0,2-4", as far as `end`. */
static bool read_index(const char *s, const char *end, long *ret)
{
	char digits[16];
	char *stop;

	if (s == end || (size_t)(end - s) >= sizeof(digits))
		return false;
	memcpy(digits, s, (size_t)(end - s));
	digits[end - s] = 0;
	*ret = strtol(digits, &stop, 10);
	return !*stop && strspn(digits, "+-0123456789") == (size_t)(end - s);
}

struct indexes {
	struct admit *ad;
	const struct schema_path *at;
	const struct value *v;
	long completions, last, total;
};

static bool bad_indexes(struct indexes *x, const char *what, const char *s, const char *end)
{
	report_invalid(x->ad, x->at, x->v, "error parsing succeededIndexes: %s: \"%.*s\"", what,
		       end - s > 40 ? 40 : (int)(end - s), s);
	return false;
}

/* "N" or "N-M", beyond the interval before it. */
static bool check_interval(struct indexes *x, const char *s, const char *end)
{
	const char *dash = memchr(s, '-', (size_t)(end - s)), *first_end = dash ? dash : end;
	long first, last;

	if (dash && memchr(dash + 1, '-', (size_t)(end - dash - 1)))
		return bad_indexes(x, "an index interval can have at most two parts separated by '-'", s, end);
	if (!read_index(s, first_end, &first))
		return bad_indexes(x, "cannot convert string to integer for index", s, first_end);
	if (first >= x->completions)
		return bad_indexes(x, "too large index", s, first_end);
	last = first;
	if (dash) {
		if (!read_index(dash + 1, end, &last))
			return bad_indexes(x, "cannot convert string to integer for index", dash + 1, end);
		if (last >= x->completions)
			return bad_indexes(x, "too large index", dash + 1, end);
	}
	if ((dash && first >= last) || first <= x->last) {
		report_invalid(x->ad, x->at, x->v,
			       "error parsing succeededIndexes: non-increasing order, previous: %ld, current: %ld",
			       dash && first >= last ? first : x->last, dash && first >= last ? last : first);
		return false;
	}
	x->total += last - first + 1;
	x->last = last;
	return true;
}

/* The number of indexes in the list; -1 when it is none. */
static long count_indexes(struct admit *ad, const struct value *v, long completions, const struct schema_path *at)
{
	struct indexes x = { .ad = ad, .at = at, .v = v, .completions = completions, .last = -1 };
	const char *s = value_str_or(v, ""), *all = s + value_len(v);

	if (value_len(v) > INDEXES_MAX) {
		report_too_long(ad, at, v, "may not be more than %d bytes", INDEXES_MAX);
		return -1;
	}
	if (s == all)
		return 0;
	for (;;) {
		const char *comma = memchr(s, ',', (size_t)(all - s));

		if (!check_interval(&x, s, comma ? comma : all))
			return -1;
		if (!comma)
			return x.total;
		s = comma + 1;
	}
}

static void check_success_rule(struct admit *ad, const struct value *rule, const struct value *completions,
			       const struct schema_path *at)
{
	const struct value *count = value_get(rule, "succeededCount"), *indexes = value_get(rule, "succeededIndexes");
	long total = -1;

	if (!count && !indexes)
		report_required(ad, at, rule, "at least one of succeededCount or succeededIndexes must be specified");
	if (indexes)
		total = count_indexes(ad, indexes, (long)value_int(completions, 0), AT(at, "succeededIndexes"));
	if (!count)
		return;
	if (value_int(count, 0) > value_int(completions, 0))
		report_invalid(ad, AT(at, "succeededCount"), count,
			       "must be less than or equal to %lld (the number of specified completions)",
			       (long long)value_int(completions, 0));
	if (total >= 0 && value_int(count, 0) > total)
		report_invalid(ad, AT(at, "succeededCount"), count,
			       "must be less than or equal to %ld (the number of indexes in the specified succeededIndexes "
			       "field)",
			       total);
}

void success_policy_check(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *policy = value_get(spec, "successPolicy"), *rules = value_get(policy, "rules");
	const struct value *completions = value_get(spec, "completions");

	if (!value_len(rules))
		report_required(ad, AT(at, "rules"), policy,
				"at least one rules must be specified when the successPolicy is specified");
	if (!completions || !check_at_most(ad, rules, AT(at, "rules"), RULES_MAX))
		return;
	for (size_t i = 0; i < value_len(rules); i++)
		check_success_rule(ad, value_at(rules, i), completions, AT_ITEM(AT(at, "rules"), i));
}
