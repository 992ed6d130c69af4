/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may change on an object that exists: fields flagged IMMUTABLE may not, and each kind adds its own rules.
 */
#include "schema/update.h"

#include <errno.h>
#include <string.h>

#include "schema/resources.h"
#include "schema/table.h"

static bool same(const struct value *a, const struct value *b)
{
	return a == b || (a && b && value_equal(a, b));
}

static void compare_struct(struct admit *ad, const struct schema_type *t, const struct value *old,
			   const struct value *is, const struct schema_path *at)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct schema_field *f = &t->fields[i];
		const struct value *was_member = value_get(old, f->name), *member = value_get(is, f->name);

		if (f->flags & IMMUTABLE && was_member && !same(was_member, member))
			report_changed(ad, AT(at, f->name), member, is, "field is immutable");
		else if (f->type->form == SCHEMA_STRUCT && was_member && member && !(f->flags & SYSTEM))
			compare_struct(ad, f->type, was_member, member, AT(at, f->name));
	}
}

void schema_prepare_update(const struct schema_kind *kind, const struct value *old, struct value *root,
			   struct arena *a, struct diag_list *diags)
{
	struct admit ad = { .arena = a, .diags = diags, .ops = schema_kind_ops(kind) };

	if (ad.ops->prepare_update)
		ad.ops->prepare_update(&ad, old, root);
}

int schema_admit_update(const struct schema_kind *kind, const struct value *old, const struct value *new_root,
			struct diag_list *diags)
{
	_cleanup_arena_ struct arena *scratch = arena_new(0);
	struct admit ad = { .arena = scratch, .diags = diags, .ops = schema_kind_ops(kind) };
	size_t errors = diags->errors;

	if (!scratch)
		return -ENOMEM;
	compare_struct(&ad, kind->type, old, new_root, NULL);
	if (ad.ops->check_update)
		ad.ops->check_update(&ad, old, new_root);
	if (arena_failed(scratch))
		diags->failed = true;
	return diags->errors != errors || diags->failed ? diag_code(diags) : 0;
}

/* --- Pod --- */

#define POD_RULE                                                                                                    \
	"may not change on an existing pod: only spec.containers[*].image, spec.initContainers[*].image, "          \
	"spec.activeDeadlineSeconds, spec.tolerations and spec.ephemeralContainers (additions) and "               \
	"spec.schedulingGates (removals) may; delete the pod and create it anew, or use a Deployment"

/* Reports each member of two maps that differs, but for those of the NULL-terminated list. */
static void compare_members(struct admit *ad, const struct value *old, const struct value *is,
			    const char *const *mutable, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(old) + value_len(is); i++) {
		bool gone = i < value_len(old);
		const char *key = gone ? value_key_at(old, i) : value_key_at(is, i - value_len(old));
		const char *const *m = mutable;

		while (*m && strcmp(*m, key) != 0)
			m++;
		if (*m || (!gone && value_get(old, key)) || same(value_get(old, key), value_get(is, key)))
			continue;
		report_fixed(ad, AT(at, key), value_get(is, key) ? value_get(is, key) : is, POD_RULE);
	}
}

static void compare_containers(struct admit *ad, const struct value *old, const struct value *is, const char *list)
{
	static const char *const mutable[] = { "image", NULL };
	const struct value *was = value_get(old, list), *now = value_get(is, list);
	const struct schema_path *at = AT(AT(NULL, "spec"), list);

	if (value_len(was) != value_len(now)) {
		report_fixed(ad, at, now, "pod updates may not add or remove containers");
		return;
	}
	for (size_t i = 0; i < value_len(now); i++) {
		compare_members(ad, value_at(was, i), value_at(now, i), mutable, AT_ITEM(at, i));
		if (!value_len(value_get(value_at(now, i), "image")))
			report_required(ad, AT(AT_ITEM(at, i), "image"), value_at(now, i), "%s", "");
	}
}

static void check_deadline(struct admit *ad, const struct value *old, const struct value *is)
{
	const struct value *was = value_get(old, "activeDeadlineSeconds");
	const struct value *now = value_get(is, "activeDeadlineSeconds");
	const struct schema_path *at = AT(AT(NULL, "spec"), "activeDeadlineSeconds");

	if (was && !now)
		report_fixed(ad, at, is, "must not update from a positive integer to nil value");
	else if (was && value_int(now, 0) > value_int(was, 0))
		report_immutable(ad, at, now, "must be less than or equal to previous value");
}

/* Whether an item of `list` equals v; for tolerations but for their seconds, which may change. */
static bool has_item(const struct value *list, const struct value *v, const char *but)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *item = value_at(list, i);
		bool equal = true;

		for (size_t k = 0; k < value_len(item) && equal; k++)
			equal = strcmp(value_key_at(item, k), but) == 0 ||
				same(value_at(item, k), value_get(v, value_key_at(item, k)));
		for (size_t k = 0; k < value_len(v) && equal; k++)
			equal = strcmp(value_key_at(v, k), but) == 0 || value_get(item, value_key_at(v, k));
		if (equal)
			return true;
	}
	return false;
}

/* Items that stand where they stood are not searched for: only so many may have moved, since lists may be hostile. */
enum { MOVED_MAX = 256 };

/* The first item of `list` that `other` does not have; value_len(list) when it has all. */
static size_t first_missing(const struct value *list, const struct value *other, const char *but)
{
	size_t moved = 0;

	for (size_t i = 0; i < value_len(list); i++) {
		if (same(value_at(list, i), value_at(other, i)))
			continue;
		if (++moved > MOVED_MAX || !has_item(other, value_at(list, i), but))
			return i;
	}
	return value_len(list);
}

static void check_only_added(struct admit *ad, const struct value *was, const struct value *now)
{
	if (first_missing(was, now, "tolerationSeconds") < value_len(was))
		report_fixed(ad, AT(AT(NULL, "spec"), "tolerations"), now,
			     "existing toleration can not be modified except its tolerationSeconds");
}

static void check_only_removed(struct admit *ad, const struct value *was, const struct value *now)
{
	size_t i = first_missing(now, was, "");

	if (i < value_len(now))
		report_fixed(ad, AT_ITEM(AT(AT(NULL, "spec"), "schedulingGates"), i), value_at(now, i),
			     "only deletion is allowed, but found new scheduling gate");
}

/* K8S:pkg/apis/core/validation: ValidatePodEphemeralContainersUpdate. */
static void check_ephemeral(struct admit *ad, const struct value *spec, const struct value *was, const struct value *now)
{
	const struct schema_path *at = AT(AT(NULL, "spec"), "ephemeralContainers");
	size_t all = value_len(value_get(spec, "initContainers")) + value_len(value_get(spec, "containers")) + value_len(now);

	if (value_len(now) > value_len(was) && all > SCHEMA_POD_CONTAINERS_MAX)
		report_invalid(ad, AT_ITEM(at, value_len(now) - 1), value_get(value_at(now, value_len(now) - 1), "name"),
			       "a pod runs at most %d containers, and this would make %zu", SCHEMA_POD_CONTAINERS_MAX, all);
	for (size_t i = 0; i < value_len(was); i++) {
		const char *name = value_str_or(value_get(value_at(was, i), "name"), "");
		const struct value *is = value_find(now, "name", name);

		if (!is)
			report_fixed(ad, at, now, "existing ephemeral containers \"%s\" may not be removed", name);
		else if (!same(value_at(was, i), is))
			report_fixed(ad, at, is, "existing ephemeral containers \"%s\" may not be changed", name);
	}
}

/* Whether `now` begins with the items of `was`. */
static bool continues(const struct value *was, const struct value *now)
{
	for (size_t i = 0; i < value_len(was); i++)
		if (!same(value_at(was, i), value_at(now, i)))
			return false;
	return true;
}

static bool is_narrowed(const struct value *was, const struct value *now)
{
	const struct value *expressions = value_get(was, "matchExpressions"), *fields = value_get(was, "matchFields");

	if (!value_len(expressions) && !value_len(fields)) /* it matches nothing, and may not match more */
		return !value_len(value_get(now, "matchExpressions")) && !value_len(value_get(now, "matchFields"));
	return continues(expressions, value_get(now, "matchExpressions")) &&
	       continues(fields, value_get(now, "matchFields"));
}

/*
 * A pod that is held back by a gate may be given fewer nodes to go to. K8S:pkg/apis/core/validation:
 * validateNodeSelectorMutation, validateNodeAffinityMutation.
 */
static void check_narrowed(struct admit *ad, const struct value *was, const struct value *now)
{
	static const char rule[] = "only additions are allowed (no mutations or deletions)";
	static const char *const node_only[] = { "nodeAffinity", NULL };
	const struct value *selector = value_get(was, "nodeSelector"), *is = value_get(now, "nodeSelector");
	const struct value *old = value_path(was, "affinity", "nodeAffinity",
					     "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
	const struct value *terms = value_path(now, "affinity", "nodeAffinity",
					       "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
	const struct schema_path *spec = AT(NULL, "spec"), *affinity = AT(AT(spec, "affinity"), "nodeAffinity");
	const struct schema_path *at = AT(AT(affinity, "requiredDuringSchedulingIgnoredDuringExecution"), "nodeSelectorTerms");

	for (size_t i = 0; i < value_len(selector); i++)
		if (!same(value_at(selector, i), value_get(is, value_key_at(selector, i)))) {
			report_changed(ad, AT(spec, "nodeSelector"), is, now,
				       "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
			break;
		}
	if (value_len(old) && value_len(old) != value_len(terms))
		report_changed(ad, at, terms, now, "no additions/deletions to non-empty NodeSelectorTerms list are allowed");
	for (size_t i = 0; value_len(old) == value_len(terms) && i < value_len(old); i++)
		if (!is_narrowed(value_at(old, i), value_at(terms, i)))
			report_changed(ad, AT_ITEM(at, i), value_at(terms, i), now, rule);
	compare_members(ad, value_get(was, "affinity"), value_get(now, "affinity"), node_only, AT(spec, "affinity"));
}

void pod_check_update(struct admit *ad, const struct value *old, const struct value *new_root)
{
	static const char *const mutable[] = { "activeDeadlineSeconds", "containers", "ephemeralContainers",
					       "initContainers", "schedulingGates", "tolerations", NULL };
	static const char *const of_gated[] = { "activeDeadlineSeconds", "affinity", "containers",
						"ephemeralContainers", "initContainers", "nodeSelector",
						"schedulingGates", "tolerations", NULL };
	const struct value *was = value_get(old, "spec"), *now = value_get(new_root, "spec");
	bool gated = value_len(value_get(was, "schedulingGates"));

	compare_containers(ad, was, now, "containers");
	compare_containers(ad, was, now, "initContainers");
	check_deadline(ad, was, now);
	check_only_added(ad, value_get(was, "tolerations"), value_get(now, "tolerations"));
	check_only_removed(ad, value_get(was, "schedulingGates"), value_get(now, "schedulingGates"));
	check_ephemeral(ad, now, value_get(was, "ephemeralContainers"), value_get(now, "ephemeralContainers"));
	if (gated)
		check_narrowed(ad, was, now);
	compare_members(ad, was, now, gated ? of_gated : mutable, AT(NULL, "spec"));
}
