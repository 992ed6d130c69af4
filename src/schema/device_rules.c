/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/resource/validation/validation.go and v1/defaults.go. Expressions (CEL) are not compiled. */
#include "schema/device_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/table.h"

enum { REQUESTS_MAX = 32, SUB_REQUESTS_MAX = 8, SELECTORS_MAX = 32, DEVICES_MAX = 128 };

void device_count_defaults(struct admit *ad, struct value *v)
{
	if (!value_get(v, "allocationMode"))
		value_set_str(ad->arena, v, "allocationMode", "ExactCount");
	if (text_is(v, "allocationMode", "ExactCount") && !value_get(v, "count"))
		value_set_int(ad->arena, v, "count", 1);
}

void device_count_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *count = value_get(v, "count"), *selectors = value_get(v, "selectors");

	check_name_of(ad, v, at, "deviceClassName", format_dns_subdomain);
	check_at_most(ad, selectors, AT(at, "selectors"), SELECTORS_MAX);
	for (size_t i = 0; i < value_len(selectors); i++)
		if (!value_get(value_at(selectors, i), "cel"))
			report_required(ad, AT(AT_ITEM(AT(at, "selectors"), i), "cel"), value_at(selectors, i), "%s", "");
	if (text_is(v, "allocationMode", "All") && count)
		report_invalid(ad, AT(at, "count"), count, "must not be specified when allocationMode is 'All'");
	if (text_is(v, "allocationMode", "ExactCount") && value_int(count, 0) <= 0)
		report_invalid(ad, AT(at, "count"), count, "must be greater than zero");
}

void device_request_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *exactly = value_get(v, "exactly"), *first = value_get(v, "firstAvailable");

	check_name_of(ad, v, at, "name", format_dns_label);
	if (exactly && value_len(first))
		report_invalid(ad, at, v, "exactly one of `exactly` or `firstAvailable` is required");
	else if (!exactly && !value_len(first))
		report_required(ad, at, v, "exactly one of `exactly` or `firstAvailable` is required");
	check_at_most(ad, first, AT(at, "firstAvailable"), SUB_REQUESTS_MAX);
	unique_check(ad, first, "name", AT(at, "firstAvailable"));
}

static bool is_request(const struct value *requests, const char *name)
{
	const char *slash = strchr(name, '/');

	for (size_t i = 0; i < value_len(requests); i++) {
		const struct value *request = value_at(requests, i);
		const char *own = text_of(request, "name");
		size_t n = strlen(own);

		if (!strcmp(own, name))
			return true;
		if (slash && !strncmp(own, name, n) && name + n == slash &&
		    value_find(value_get(request, "firstAvailable"), "name", slash + 1))
			return true;
	}
	return false;
}

static void check_names(struct admit *ad, const struct value *requests, const struct value *list,
			const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *names = value_get(value_at(list, i), "requests");
		const struct schema_path *path = AT(AT_ITEM(at, i), "requests");

		check_unique_items(ad, names, path);
		for (size_t k = 0; k < value_len(names); k++)
			if (!is_request(requests, value_str_or(value_at(names, k), "")))
				report_invalid(ad, AT_ITEM(path, k), value_at(names, k),
					       "must be the name of a request in the claim or the name of a request and a "
					       "subrequest separated by '/'");
	}
}

void device_claim_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *requests = value_get(v, "requests");

	if (!check_at_most(ad, requests, AT(at, "requests"), REQUESTS_MAX))
		return;
	unique_check(ad, requests, "name", AT(at, "requests"));
	if (check_at_most(ad, value_get(v, "constraints"), AT(at, "constraints"), REQUESTS_MAX))
		check_names(ad, requests, value_get(v, "constraints"), AT(at, "constraints"));
	if (check_at_most(ad, value_get(v, "config"), AT(at, "config"), REQUESTS_MAX))
		check_names(ad, requests, value_get(v, "config"), AT(at, "config"));
}

void device_opaque_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *parameters = value_get(v, "parameters");

	check_name_of(ad, v, at, "driver", format_csi_driver);
	if (!parameters)
		report_required(ad, AT(at, "parameters"), v, "%s", "");
	else if (value_type(parameters) != VALUE_MAP)
		report_error(ad, AT(at, "parameters"), value_mark(parameters),
			     "Invalid value: \"<value omitted>\": must be a valid JSON object");
}

void device_toleration_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (text_is(v, "operator", "Exists") && value_len(value_get(v, "value")))
		report_invalid(ad, AT(at, "value"), value_get(v, "value"), "must be empty for operator `Exists`");
	if (text_is(v, "operator", "Equal"))
		check_required(ad, v, at, "key", "");
}

void resource_slice_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const where[] = { "nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection" };
	const struct value *devices = value_get(v, "devices");
	size_t n = 0;

	check_name_of(ad, v, at, "driver", format_csi_driver);
	check_member(ad, v, at, "nodeName", format_dns_subdomain);
	for (size_t i = 0; i < ARRAY_SIZE(where); i++)
		n += value_get(v, where[i]) && (value_type(value_get(v, where[i])) != VALUE_BOOL ||
						value_bool(value_get(v, where[i]), false));
	if (n != 1)
		report_error(ad, at, value_mark(v),
			     "%s: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
			     n ? "Invalid value" : "Required value");
	if (check_at_most(ad, devices, AT(at, "devices"), DEVICES_MAX))
		unique_check(ad, devices, "name", AT(at, "devices"));
}
