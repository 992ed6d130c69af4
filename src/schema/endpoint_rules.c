/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/core/validation/validation.go (Endpoints), pkg/apis/discovery/validation/validation.go. */
#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/service_rules.h"
#include "schema/table.h"

enum { ADDRESSES_MAX = 100, PORTS_MAX = 20000, ENDPOINTS_MAX = 1000, TOPOLOGY_MAX = 16, HINTS_MAX = 8 };

/* --- Endpoints --- */

void endpoint_address_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (!check_required(ad, v, at, "ip", ""))
		return;
	if (check_member(ad, v, at, "ip", format_ip_strict))
		check_member(ad, v, at, "ip", format_endpoint_ip);
}

void endpoint_subset_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ports = value_get(v, "ports");

	if (!value_len(value_get(v, "addresses")) && !value_len(value_get(v, "notReadyAddresses")))
		report_required(ad, at, v, "must specify `addresses` or `notReadyAddresses`");
	for (size_t i = 0; i < value_len(ports); i++) {
		check_between(ad, value_at(ports, i), AT_ITEM(AT(at, "ports"), i), "port", 1, 65535);
		if (value_len(ports) > 1)
			check_required(ad, value_at(ports, i), AT_ITEM(AT(at, "ports"), i), "name", "");
	}
}

/* --- EndpointSlice --- */

/* Two labels of the topology became fields. K8S:pkg/apis/discovery/v1beta1/conversion.go. */
void slice_from_beta(struct admit *ad, struct value *root)
{
	static const char *const moved[][2] = { { "kubernetes.io/hostname", "nodeName" },
						{ "topology.kubernetes.io/zone", "zone" } };
	const struct value *endpoints = value_get(root, "endpoints");

	for (size_t i = 0; value_type(endpoints) == VALUE_LIST && i < value_len(endpoints); i++) {
		struct value *endpoint = value_at(endpoints, i), *topology = value_get(endpoint, "topology");

		if (value_type(topology) != VALUE_MAP || value_get(endpoint, "deprecatedTopology"))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(moved); k++) {
			if (!value_get(topology, moved[k][0]))
				continue;
			if (!value_get(endpoint, moved[k][1]))
				value_set(ad->arena, endpoint, moved[k][1], value_get(topology, moved[k][0]));
			value_remove(topology, moved[k][0]);
		}
		value_set(ad->arena, endpoint, "deprecatedTopology", topology);
		value_remove(endpoint, "topology");
	}
}

void slice_port_defaults(struct admit *ad, struct value *v)
{
	if (!value_get(v, "name"))
		value_set_str(ad->arena, v, "name", "");
	if (!value_get(v, "protocol"))
		value_set_str(ad->arena, v, "protocol", "TCP");
}

static void check_address(struct admit *ad, const struct value *v, const char *type, const struct schema_path *list,
			  size_t i)
{
	const struct schema_path *at = AT_ITEM(list, i);
	int family = !strcmp(type, "IPv4") ? 4 : 6;

	if (!strcmp(type, "FQDN")) {
		check_text(ad, v, at, format_fqdn);
		return;
	}
	if (strcmp(type, "IPv4") != 0 && strcmp(type, "IPv6") != 0)
		return;
	if (!check_text(ad, v, at, family == 4 ? format_ip_strict : format_ip_canonical))
		return;
	if (format_ip_family(value_str_or(v, "")) != family)
		report_invalid(ad, list, v, "must be an IPv%d address", family);
	check_text(ad, v, at, format_endpoint_ip);
}

static void check_hints(struct admit *ad, const struct value *hints, const char *key, schema_format_fn format,
			const struct schema_path *at)
{
	const struct value *list = value_get(hints, key);

	if (!check_at_most(ad, list, AT(at, key), HINTS_MAX))
		return;
	unique_check(ad, list, "name", AT(at, key));
	for (size_t i = 0; i < value_len(list); i++)
		check_member(ad, value_at(list, i), AT_ITEM(AT(at, key), i), "name", format);
}

static void check_endpoint(struct admit *ad, const struct value *v, const char *type, const struct schema_path *at)
{
	const struct value *addresses = value_get(v, "addresses");

	if (!value_len(addresses))
		report_required(ad, AT(at, "addresses"), v, "must contain at least 1 address");
	else
		check_at_most(ad, addresses, AT(at, "addresses"), ADDRESSES_MAX);
	for (size_t i = 0; i < value_len(addresses) && i < ADDRESSES_MAX; i++)
		check_address(ad, value_at(addresses, i), type, AT(at, "addresses"), i);
	check_member(ad, v, at, "nodeName", format_dns_subdomain);
	check_member(ad, v, at, "hostname", format_dns_label);
	check_at_most(ad, value_get(v, "deprecatedTopology"), AT(at, "deprecatedTopology"), TOPOLOGY_MAX);
	check_hints(ad, value_get(v, "hints"), "forZones", format_label_value, AT(at, "hints"));
	check_hints(ad, value_get(v, "hints"), "forNodes", format_dns_subdomain, AT(at, "hints"));
}

static void check_slice_ports(struct admit *ad, const struct value *ports, const struct schema_path *at)
{
	struct value *seen = value_new_map(ad->arena);
	bool unnamed = false;

	if (!check_at_most(ad, ports, at, PORTS_MAX))
		return;
	for (size_t i = 0; i < value_len(ports); i++) {
		const struct value *port = value_at(ports, i), *name = value_get(port, "name");
		const struct schema_path *path = AT_ITEM(at, i);
		bool empty = !value_len(name);

		check_text(ad, name, AT(path, "name"), format_dns_label);
		if ((empty && unnamed) || seen_before(ad, seen, name))
			report_duplicate(ad, AT(path, "name"), name);
		unnamed = unnamed || empty;
		check_member(ad, port, path, "appProtocol", format_qualified_name);
	}
}

void endpoint_slice_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *endpoints = value_get(v, "endpoints");

	check_slice_ports(ad, value_get(v, "ports"), AT(at, "ports"));
	if (!check_at_most(ad, endpoints, AT(at, "endpoints"), ENDPOINTS_MAX))
		return;
	for (size_t i = 0; i < value_len(endpoints); i++)
		check_endpoint(ad, value_at(endpoints, i), text_of(v, "addressType"), AT_ITEM(AT(at, "endpoints"), i));
}
