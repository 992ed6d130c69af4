/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schema/format.h"
#include "schema/pod_rules.h"
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

static void check_list(struct admit *ad, const struct value *list, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const char *name = value_key_at(list, i);
		const char *why = format_qualified_name(name, strlen(name));

		if (!why && !strchr(name, '/') && !is_container_resource(name))
			why = "must be a standard resource for containers (cpu, memory, ephemeral-storage, hugepages-SIZE) or "
			      "fully qualified (example.com/gpu)";
		if (why)
			report_error(ad, AT_KEY(at, name), value_key_mark_at(list, i), "Invalid value: \"%.128s\": %s", name,
				     why);
		check_amount(ad, name, value_at(list, i), AT_KEY(at, name));
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

void resource_requirements_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *limits = value_get(v, "limits");
	const struct value *requests = value_get(v, "requests");

	check_list(ad, limits, AT(at, "limits"));
	check_list(ad, requests, AT(at, "requests"));
	for (size_t i = 0; i < value_len(requests); i++)
		check_request(ad, value_key_at(requests, i), value_at(requests, i), limits, at);
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
