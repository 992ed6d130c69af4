/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "schema/format.h"
#include "schema/pod_rules.h"
#include "schema/resources.h"
#include "schema/table.h"
#include "value/quantity.h"

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Resources that may be promised beyond what there is: those without a domain, but for huge pages. */
static bool is_overcommitted(const char *name)
{
	return !strchr(name, '/') && !starts_with(name, "hugepages-");
}

static bool is_container_resource(const char *name)
{
	return strcmp(name, "cpu") == 0 || strcmp(name, "memory") == 0 || strcmp(name, "ephemeral-storage") == 0 ||
	       starts_with(name, "hugepages-");
}

static bool parse(const struct value *v, struct quantity *ret)
{
	return quantity_parse(value_str_or(v, ""), value_len(v), ret, NULL) == 0;
}

static bool is_integer(const struct quantity *q)
{
	return q->nanos % 1000000000 == 0;
}

static void check_amount(struct admit *ad, const char *name, const struct value *v, const struct schema_path *at)
{
	struct quantity q;
	bool bytes = strcmp(name, "memory") == 0 || strcmp(name, "ephemeral-storage") == 0;

	if (!parse(v, &q))
		return;
	if (quantity_sign(&q) < 0)
		report_invalid(ad, at, v, "must be greater than or equal to 0");
	else if (bytes && !is_integer(&q))
		report_warning(ad, at, value_mark(v),
			       "fractional byte value \"%s\" is invalid, must be an integer (m means 1/1000; mebibytes are Mi)",
			       value_str_or(v, ""));
	else if (strchr(name, '/') && !is_integer(&q))
		report_invalid(ad, at, v, "must be an integer");
}

/* A multiple of the page, which is the rest of the name. */
static void check_pages(struct admit *ad, const char *name, const struct value *v, const struct schema_path *at)
{
	const char *size = name + strlen("hugepages-");
	struct quantity q, page;

	if (!starts_with(name, "hugepages-") || !parse(v, &q) || quantity_parse(size, strlen(size), &page, NULL) < 0)
		return;
	if (quantity_sign(&page) <= 0 || quantity_sign(&q) < 0 || q.nanos % page.nanos)
		report_invalid(ad, at, v, "%s is not positive integer multiple of %s", value_str_or(v, ""), name);
}

/* example.com/gpu: not Kubernetes' own domain, and still a name when a quota puts "requests." before it. */
static bool is_extended_resource(const char *name)
{
	static const char prefix[] = "requests.";
	char quota[sizeof(prefix) + 317];

	if (!strchr(name, '/') || strstr(name, "kubernetes.io/") || starts_with(name, prefix))
		return false;
	return (size_t)snprintf(quota, sizeof(quota), "%s%s", prefix, name) < sizeof(quota) &&
	       !format_qualified_name(quota, strlen(quota));
}

static bool is_native_resource(const char *name)
{
	return !strchr(name, '/') || strstr(name, "kubernetes.io/");
}

static void check_list(struct admit *ad, const struct value *list, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const char *name = value_key_at(list, i);
		const char *why = format_qualified_name(name, strlen(name));

		if (!why && !strchr(name, '/') && !is_container_resource(name))
			why = "must be a standard resource for containers (cpu, memory, ephemeral-storage, hugepages-SIZE) or "
			      "fully qualified (example.com/gpu)";
		if (!why && !is_native_resource(name) && !is_extended_resource(name))
			why = "doesn't follow extended resource name standard";
		if (why)
			report_error(ad, AT_KEY(at, name), value_key_mark_at(list, i), "Invalid value: \"%.128s\": %s", name,
				     why);
		check_amount(ad, name, value_at(list, i), AT_KEY(at, name));
		check_pages(ad, name, value_at(list, i), AT_KEY(at, name));
	}
}

static void check_request(struct admit *ad, const char *name, const struct value *request, const struct value *limits,
			  const struct schema_path *at)
{
	const struct value *limit = value_get(limits, name);
	struct quantity r, l;

	if (!limit) {
		if (!is_overcommitted(name))
			report_required(ad, AT(at, "limits"), request, "Limit must be set for non overcommitable resources");
		return;
	}
	if (!parse(request, &r) || !parse(limit, &l))
		return;
	if (quantity_compare(&r, &l) > 0)
		report_invalid(ad, AT(at, "requests"), request, "must be less than or equal to %s limit of %s", name,
			       value_str_or(limit, ""));
	else if (quantity_compare(&r, &l) != 0 && !is_overcommitted(name))
		report_invalid(ad, AT(at, "requests"), request, "must be equal to %s limit of %s", name,
			       value_str_or(limit, ""));
}

static bool has_pages(const struct value *list)
{
	for (size_t i = 0; i < value_len(list); i++)
		if (starts_with(value_key_at(list, i), "hugepages-"))
			return true;
	return false;
}

static bool has_compute(const struct value *list)
{
	return value_get(list, "cpu") || value_get(list, "memory");
}

void resource_requirements_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *limits = value_get(v, "limits");
	const struct value *requests = value_get(v, "requests");

	check_list(ad, limits, AT(at, "limits"));
	check_list(ad, requests, AT(at, "requests"));
	for (size_t i = 0; i < value_len(requests); i++)
		check_request(ad, value_key_at(requests, i), value_at(requests, i), limits, at);
	if ((has_pages(limits) || has_pages(requests)) && !has_compute(limits) && !has_compute(requests))
		report_forbidden(ad, at, v, "HugePages require cpu or memory");
}

/* --- of a pod as a whole --- */

static void check_pod_list(struct admit *ad, const struct value *list, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const char *name = value_key_at(list, i);

		if (strcmp(name, "cpu") != 0 && strcmp(name, "memory") != 0 && !starts_with(name, "hugepages-"))
			report_error(ad, AT_KEY(at, name), value_key_mark_at(list, i),
				     "Unsupported value: \"%.128s\": supported values: \"cpu\", \"hugepages-\", \"memory\"", name);
		check_amount(ad, name, value_at(list, i), AT_KEY(at, name));
		check_pages(ad, name, value_at(list, i), AT_KEY(at, name));
	}
}

static void check_pod_limits(struct admit *ad, const struct value *spec, const struct value *limits,
			     const struct schema_path *at)
{
	const struct value *list = value_get(spec, "containers");

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *own = value_path(value_at(list, i), "resources", "limits");

		for (size_t k = 0; k < value_len(own); k++) {
			const char *name = value_key_at(own, k);
			struct quantity limit, whole;

			if (value_get(limits, name) && parse(value_at(own, k), &limit) &&
			    parse(value_get(limits, name), &whole) && quantity_compare(&limit, &whole) > 0)
				report_invalid(ad, AT_KEY(AT(AT(AT_ITEM(AT(at, "containers"), i), "resources"), "limits"), name),
					       value_at(own, k), "must be less than or equal to pod limits of %s",
					       value_str_or(value_get(limits, name), ""));
		}
	}
}

static void check_pod_request(struct admit *ad, const struct value *requests, const char *name, int64_t sum,
			      const struct schema_path *at)
{
	const struct value *v = value_get(requests, name);
	struct quantity all = !strcmp(name, "cpu") ? quantity_from_milli(sum, QUANTITY_DECIMAL) :
						     quantity_from_int(sum, QUANTITY_BINARY);
	char text[QUANTITY_TEXT_MAX];
	struct quantity q;

	if (!v || !parse(v, &q) || quantity_compare(&all, &q) <= 0)
		return;
	quantity_format(&all, text);
	report_invalid(ad, AT_KEY(AT(at, "requests"), name), v,
		       "must be greater than or equal to aggregate container requests of %s", text);
}

void pod_resources_check(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *resources = value_get(spec, "resources");
	const struct value *limits = value_get(resources, "limits"), *requests = value_get(resources, "requests");
	const struct schema_path *own = AT(at, "resources");
	struct pod_resources sum;

	if (!resources)
		return;
	if (value_get(resources, "claims"))
		report_forbidden(ad, AT(own, "claims"), value_get(resources, "claims"),
				 "claims may not be set for Resources at pod-level");
	check_pod_list(ad, limits, AT(own, "limits"));
	check_pod_list(ad, requests, AT(own, "requests"));
	for (size_t i = 0; i < value_len(requests); i++)
		check_request(ad, value_key_at(requests, i), value_at(requests, i), limits, own);
	sum = pod_container_requests(spec);
	check_pod_request(ad, requests, "cpu", sum.milli_cpu, own);
	check_pod_request(ad, requests, "memory", sum.memory, own);
	check_pod_limits(ad, spec, limits, at);
}

/* Amounts are kept in thousandths at the finest, rounded up: 100u of a cpu is 1m. */
void resource_list_defaults(struct admit *ad, struct value *v)
{
	for (size_t i = 0; i < value_len(v); i++) {
		struct value *item = value_at(v, i);
		char text[QUANTITY_TEXT_MAX];
		struct quantity q;
		struct value *rounded;

		if (!parse(item, &q) || q.nanos % 1000000 == 0)
			continue;
		q = quantity_from_milli(quantity_milli(&q), q.form);
		quantity_format(&q, text);
		rounded = value_new_str(ad->arena, text);
		if (rounded)
			value_assign(item, rounded);
	}
}
