/* SPDX-License-Identifier: Apache-2.0 */
/*
 * K8S:pkg/apis/core/validation and core/helper. Names of resources without a domain are those that Kubernetes knows.
 */
#include "schema/quota_rules.h"

#include <stdio.h>
#include <string.h>

#include "schema/check.h"
#include "schema/format.h"
#include "schema/meta_rules.h"
#include "schema/table.h"
#include "value/quantity.h"

/* --- names of resources --- */

/* What a quota may count; `counted` has no fractions. */
static const char *const computed[] = { "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory",
					"requests.storage", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
					"limits.ephemeral-storage", NULL };
static const char *const counted[] = { "pods", "resourcequotas", "services", "replicationcontrollers", "secrets",
				       "configmaps", "persistentvolumeclaims", "services.nodeports",
				       "services.loadbalancers", NULL };

static bool is_one_of(const char *s, const char *const *list)
{
	while (*list && strcmp(*list, s) != 0)
		list++;
	return *list != NULL;
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_quota_name(const char *s)
{
	return is_one_of(s, computed) || is_one_of(s, counted) || starts_with(s, "hugepages-") ||
	       starts_with(s, "requests.hugepages-");
}

static bool is_native(const char *s)
{
	return !strchr(s, '/') || strstr(s, "kubernetes.io/");
}

static bool is_extended(const char *s)
{
	char name[512];
	int n = snprintf(name, sizeof(name), "requests.%s", s);

	return !is_native(s) && !starts_with(s, "requests.") && n < (int)sizeof(name) &&
	       !format_qualified_name(name, (size_t)n);
}

static const char *resource_format(const char *s, size_t len)
{
	const char *why = format_qualified_name(s, len);

	if (!why && !strchr(s, '/') && !is_quota_name(s) && strcmp(s, "storage") != 0)
		why = "must be a standard resource type or fully qualified";
	return why;
}

const char *container_resource_format(const char *s, size_t len)
{
	const char *why = resource_format(s, len);

	if (why)
		return why;
	if (!strchr(s, '/'))
		return is_one_of(s, NAMES("cpu", "memory", "ephemeral-storage")) || starts_with(s, "hugepages-") ?
			       NULL :
			       "must be a standard resource for containers";
	return is_native(s) || is_extended(s) ? NULL : "doesn't follow extended resource name standard";
}

static const char *quota_format(const char *s, size_t len)
{
	const char *why = resource_format(s, len);

	if (!why && !strchr(s, '/') && !is_quota_name(s))
		why = "must be a standard resource for quota";
	return why;
}

static void check_names(struct admit *ad, const struct value *list, schema_format_fn format,
			const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const char *name = value_key_at(list, i), *why = format(name, strlen(name));

		if (why)
			report_error(ad, AT_KEY(at, name), value_key_mark_at(list, i), "Invalid value: \"%.128s\": %s", name, why);
	}
}

/* --- ResourceQuota --- */

static const char *const scopes[] = { "BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating",
				      "PriorityClass", "Terminating", "VolumeAttributesClass", NULL };
static const char *const pod_resources[] = { "pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu",
					     "requests.memory", NULL };

static bool scope_takes(const char *scope, const char *resource)
{
	if (strcmp(scope, "BestEffort") == 0)
		return strcmp(resource, "pods") == 0;
	if (strcmp(scope, "VolumeAttributesClass") == 0)
		return is_one_of(resource, NAMES("persistentvolumeclaims", "requests.storage"));
	return !is_one_of(scope, scopes) || is_one_of(resource, pod_resources);
}

static void check_amounts(struct admit *ad, const struct value *hard, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(hard); i++) {
		const char *name = value_key_at(hard, i);
		const struct value *v = value_at(hard, i);
		struct quantity q;

		if (quantity_from(v, &q, NULL) < 0)
			continue;
		if (quantity_sign(&q) < 0)
			report_invalid(ad, AT_KEY(at, name), v, "must be greater than or equal to 0");
		if ((is_one_of(name, counted) || is_extended(name)) && q.nanos % 1000000000 != 0)
			report_invalid(ad, AT_KEY(at, name), v, "must be an integer");
	}
}

/* The scope's bit; 0 for what is none. */
static unsigned scope_bit(const char *scope)
{
	for (unsigned i = 0; scopes[i]; i++)
		if (strcmp(scopes[i], scope) == 0)
			return 1U << i;
	return 0;
}

/* Whether all that is counted is something that the scope selects; reported once a scope. */
static void check_scope_of(struct admit *ad, const char *scope, const struct value *hard, const struct value *v,
			   const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(hard); i++) {
		const char *name = value_key_at(hard, i);

		if (!is_quota_name(name) || scope_takes(scope, name))
			continue;
		report_invalid(ad, at, v, "unsupported scope applied to resource: %s does not select %s", scope, name);
		return;
	}
}

static void check_pairs(struct admit *ad, unsigned seen, const struct value *v, const struct schema_path *at)
{
	unsigned efforts = scope_bit("BestEffort") | scope_bit("NotBestEffort");
	unsigned ends = scope_bit("Terminating") | scope_bit("NotTerminating");

	if ((seen & efforts) == efforts || (seen & ends) == ends)
		report_invalid(ad, at, v, "conflicting scopes");
}

static void check_scopes(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *list = value_get(spec, "scopes");
	unsigned seen = 0;

	for (size_t i = 0; i < value_len(list); i++) {
		const char *scope = value_str_or(value_at(list, i), "");
		unsigned bit = scope_bit(scope);

		if (!bit)
			report_invalid(ad, AT(at, "scopes"), value_at(list, i), "unsupported scope");
		else if (!(seen & bit)) /* once: hostile lists are long */
			check_scope_of(ad, scope, value_get(spec, "hard"), list, AT(at, "scopes"));
		seen |= bit;
	}
	check_pairs(ad, seen, list, AT(at, "scopes"));
}

static void check_requirement(struct admit *ad, const struct value *req, const struct schema_path *at)
{
	const struct value *op = value_get(req, "operator"), *values = value_get(req, "values");
	const char *scope = text_of(req, "scopeName");

	if (!is_one_of(scope, scopes))
		report_invalid(ad, AT(at, "scopeName"), value_get(req, "scopeName"), "unsupported scope");
	else if (!text_is(req, "operator", "Exists") && !is_one_of(scope, NAMES("PriorityClass", "VolumeAttributesClass")))
		report_invalid(ad, AT(at, "operator"), op,
			       "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
			       "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort "
			       "or ResourceQuotaScopeCrossNamespacePodAffinity");
	if (is_one_of(text_of(req, "operator"), NAMES("In", "NotIn"))) {
		if (!value_len(values))
			report_required(ad, AT(at, "values"), req,
					"must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
	} else if (is_one_of(text_of(req, "operator"), NAMES("Exists", "DoesNotExist"))) {
		if (value_len(values))
			report_invalid(ad, AT(at, "values"), values,
				       "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
	} else {
		report_invalid(ad, AT(at, "operator"), op, "not a valid selector operator");
	}
}

static void check_selector(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *list = value_path(spec, "scopeSelector", "matchExpressions");
	const struct schema_path *path = AT(AT(at, "scopeSelector"), "matchExpressions");
	unsigned seen = 0;

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *req = value_at(list, i);
		unsigned bit = scope_bit(text_of(req, "scopeName"));

		check_requirement(ad, req, AT_ITEM(path, i));
		if (bit && !(seen & bit))
			check_scope_of(ad, text_of(req, "scopeName"), value_get(spec, "hard"), req, path);
		seen |= bit;
	}
	check_pairs(ad, seen, list, path);
}

void quota_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_names(ad, value_get(v, "hard"), quota_format, AT(at, "hard"));
	check_amounts(ad, value_get(v, "hard"), AT(at, "hard"));
	check_scopes(ad, v, at);
	check_selector(ad, v, at);
}

static unsigned scope_set(const struct value *list)
{
	unsigned set = 0;

	for (size_t i = 0; i < value_len(list); i++)
		set |= scope_bit(value_str_or(value_at(list, i), ""));
	return set;
}

void quota_check_update(struct admit *ad, const struct value *old, const struct value *new_root)
{
	const struct value *was = value_path(old, "spec", "scopes"), *is = value_path(new_root, "spec", "scopes");

	if (scope_set(was) != scope_set(is))
		report_immutable(ad, AT(AT(NULL, "spec"), "scopes"), is ? is : value_get(new_root, "spec"),
				 "field is immutable");
}

/* --- LimitRange --- */

static void fill(struct admit *ad, struct value *list, const struct value *from)
{
	for (size_t i = 0; i < value_len(from); i++)
		if (!value_get(list, value_key_at(from, i)))
			value_set(ad->arena, list, value_key_at(from, i), value_copy(ad->arena, value_at(from, i)));
}

void limit_range_item_defaults(struct admit *ad, struct value *v)
{
	struct value *limit, *request;

	if (!text_is(v, "type", "Container"))
		return;
	limit = value_set_map(ad->arena, v, "default");
	request = value_set_map(ad->arena, v, "defaultRequest");
	fill(ad, limit, value_get(v, "max"));
	fill(ad, request, limit);
	fill(ad, request, value_get(v, "min"));
	if (!value_len(limit))
		(void)value_remove(v, "default");
	if (!value_len(request))
		(void)value_remove(v, "defaultRequest");
}

/* Reports at LIST[name] when the amount of `low` is more than that of `high`. */
static void check_order(struct admit *ad, const struct value *item, const char *name, const char *const low[2],
			const char *const high[2], const char *where, const struct schema_path *at)
{
	const struct value *a = value_path(item, low[0], name), *b = value_path(item, high[0], name);
	struct quantity x, y;

	if (!a || !b || quantity_from(a, &x, NULL) < 0 || quantity_from(b, &y, NULL) < 0 || quantity_compare(&x, &y) <= 0)
		return;
	report_invalid(ad, AT_KEY(AT(at, where), name), value_path(item, where, name),
		       "%s value %s is greater than %s value %s", low[1], value_str_or(a, ""), high[1], value_str_or(b, ""));
}

static void check_ratio(struct admit *ad, const struct value *item, const char *name, const struct schema_path *at)
{
	const struct value *ratio = value_path(item, "maxLimitRequestRatio", name);
	const struct value *min = value_path(item, "min", name), *max = value_path(item, "max", name);
	const struct quantity one = quantity_from_int(1, QUANTITY_DECIMAL);
	struct quantity r, lo, hi;
	double limit;

	if (!ratio || quantity_from(ratio, &r, NULL) < 0)
		return;
	if (quantity_compare(&r, &one) < 0)
		report_invalid(ad, AT_KEY(AT(at, "maxLimitRequestRatio"), name), ratio, "ratio %s is less than 1",
			       value_str_or(ratio, ""));
	if (!min || !max || quantity_from(min, &lo, NULL) < 0 || quantity_from(max, &hi, NULL) < 0 || !lo.nanos)
		return;
	limit = (double)hi.nanos / (double)lo.nanos;
	if ((double)r.nanos / 1e9 > limit)
		report_invalid(ad, AT_KEY(AT(at, "maxLimitRequestRatio"), name), ratio,
			       "ratio %s is greater than max/min = %f", value_str_or(ratio, ""), limit);
}

static void check_limits_of(struct admit *ad, const struct value *item, const char *name, const struct schema_path *at)
{
	static const char *const min[] = { "min", "min" }, *const max[] = { "max", "max" };
	static const char *const request[] = { "defaultRequest", "default request" };
	static const char *const limit[] = { "default", "default limit" }, *const plain[] = { "default", "default" };
	const struct value *a = value_path(item, "default", name), *b = value_path(item, "defaultRequest", name);

	check_order(ad, item, name, min, max, "min", at);
	check_order(ad, item, name, min, request, "defaultRequest", at);
	check_order(ad, item, name, request, max, "defaultRequest", at);
	check_order(ad, item, name, request, limit, "defaultRequest", at);
	check_order(ad, item, name, min, plain, "default", at);
	check_order(ad, item, name, plain, max, "default", at);
	check_ratio(ad, item, name, at);
	if (a && b && (!is_native(name) || starts_with(name, "hugepages-")) && !value_equal(a, b))
		report_invalid(ad, AT_KEY(AT(at, "defaultRequest"), name), b,
			       "default value %s must equal to defaultRequest value %s in %s", value_str_or(a, ""),
			       value_str_or(b, ""), name);
}

void limit_range_item_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const lists[] = { "max", "min", "default", "defaultRequest", "maxLimitRequestRatio" };
	bool pod = text_is(v, "type", "Pod");
	schema_format_fn format = pod || text_is(v, "type", "Container") ? container_resource_format : resource_format;
	struct value *seen = value_new_map(ad->arena);

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(v, lists[i]);

		if (pod && (i == 2 || i == 3)) {
			if (value_len(list))
				report_forbidden(ad, AT(at, lists[i]), list, "may not be specified when `type` is 'Pod'");
			continue;
		}
		check_names(ad, list, format, AT(at, lists[i]));
		for (size_t k = 0; k < value_len(list); k++)
			value_set_bool(ad->arena, seen, value_key_at(list, k), true);
	}
	if (text_is(v, "type", "PersistentVolumeClaim") && !value_path(v, "min", "storage") &&
	    !value_path(v, "max", "storage"))
		report_required(ad, AT(at, "limits"), v,
				"either minimum or maximum storage value is required, but neither was provided");
	for (size_t i = 0; i < value_len(seen); i++)
		check_limits_of(ad, v, value_key_at(seen, i), at);
}

void limit_range_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *limits = value_get(v, "limits");

	for (size_t i = 0; i < value_len(limits); i++) {
		const struct value *type = value_get(value_at(limits, i), "type");
		const char *s = value_str_or(type, ""), *why = format_qualified_name(s, value_len(type));
		const struct schema_path *path = AT(AT_ITEM(AT(at, "limits"), i), "type");

		if (!why && !strchr(s, '/') && !is_one_of(s, NAMES("Container", "PersistentVolumeClaim", "Pod")))
			why = "must be a standard limit type or fully qualified";
		if (why)
			report_error(ad, path, value_mark(value_mark(type).line ? type : value_at(limits, i)),
				     "Invalid value: \"%.128s\": %s", s, why);
	}
	unique_check(ad, limits, "type", AT(at, "limits"));
}
