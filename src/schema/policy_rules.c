/* SPDX-License-Identifier: Apache-2.0 */
/* NetworkPolicy and ServiceCIDR. Facts: K8S:pkg/apis/networking/validation/validation.go. */
#include <string.h>

#include "schema/check.h"
#include "schema/networking_rules.h"
#include "schema/table.h"

/* --- NetworkPolicy --- */

void network_policy_spec_defaults(struct admit *ad, struct value *v)
{
	struct value *types;

	if (value_len(value_get(v, "policyTypes")))
		return;
	types = value_set_list(ad->arena, v, "policyTypes");
	value_append(ad->arena, types, value_new_str(ad->arena, "Ingress"));
	if (value_len(value_get(v, "egress")))
		value_append(ad->arena, types, value_new_str(ad->arena, "Egress"));
}

void network_policy_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *types = value_get(v, "policyTypes");
	const struct schema_path *path = AT(at, "policyTypes");

	if (value_len(types) > 2) {
		report_invalid(ad, path, types, "may not specify more than two policyTypes");
		return;
	}
	for (size_t i = 0; i < value_len(types); i++) {
		const char *s = value_str_or(value_at(types, i), "");

		if (strcmp(s, "Ingress") != 0 && strcmp(s, "Egress") != 0)
			report_unsupported(ad, AT_ITEM(path, i), value_at(types, i), NAMES("Ingress", "Egress"));
	}
}

void network_policy_port_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *port = value_get(v, "port"), *end = value_get(v, "endPort");

	if (!end)
		return;
	if (!port)
		report_invalid(ad, AT(at, "endPort"), end, "may not be specified when `port` is not specified");
	else if (value_str(port))
		report_invalid(ad, AT(at, "endPort"), end, "may not be specified when `port` is non-numeric");
	else if (value_int(end, 0) < value_int(port, 0))
		report_invalid(ad, AT(at, "endPort"), port, "must be greater than or equal to `port`");
	if (value_type(port) == VALUE_INT)
		check_between(ad, v, at, "endPort", 1, 65535);
}

void network_policy_peer_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_len(v) == 0)
		report_required(ad, at, v, "must specify a peer");
	else if (value_len(v) > 1 && value_get(v, "ipBlock"))
		report_forbidden(ad, at, v, "may not specify both ipBlock and another peer");
}

/* Whether the network lies in the other and is smaller. */
static bool is_strict_subset(const char *inner, const char *outer)
{
	unsigned char a[16], b[16];
	unsigned bits_a, bits_b, size_a, size_b;

	if (!format_parse_cidr(inner, a, &bits_a, &size_a) || !format_parse_cidr(outer, b, &bits_b, &size_b))
		return true; /* told elsewhere */
	if (size_a != size_b || bits_b >= bits_a)
		return false;
	for (unsigned i = 0; i < bits_b; i++)
		if ((a[i / 8] ^ b[i / 8]) & (0x80 >> i % 8))
			return false;
	return true;
}

void ip_block_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *except = value_get(v, "except");

	if (!check_required(ad, v, at, "cidr", "") || !check_network(ad, value_get(v, "cidr"), AT(at, "cidr")))
		return;
	for (size_t i = 0; i < value_len(except); i++) {
		const struct value *item = value_at(except, i);
		const struct schema_path *path = AT_ITEM(AT(at, "except"), i);

		if (check_network(ad, item, path) && !is_strict_subset(value_str_or(item, ""), text_of(v, "cidr")))
			report_invalid(ad, path, item, "must be a strict subset of `cidr`");
	}
}

/* --- ServiceCIDR --- */

void service_cidr_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *cidrs = value_get(v, "cidrs");
	const struct schema_path *path = AT(at, "cidrs");

	if (!value_len(cidrs)) {
		report_required(ad, path, v, "at least one CIDR required");
		return;
	}
	if (value_len(cidrs) > 2) {
		report_invalid(ad, path, cidrs, "may only hold up to 2 values");
		return;
	}
	for (size_t i = 0; i < value_len(cidrs); i++) {
		const char *s = value_str_or(value_at(cidrs, i), ""), *why = format_cidr_canonical(s, strlen(s));

		if (why)
			report_invalid(ad, AT_ITEM(path, i), value_at(cidrs, i), "%s", why);
	}
	if (value_len(cidrs) == 2 && !strchr(value_str_or(value_at(cidrs, 0), ""), ':') ==
				     !strchr(value_str_or(value_at(cidrs, 1), ""), ':'))
		report_invalid(ad, path, cidrs,
			       "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64");
}

void service_cidr_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *was = value_path(old, "spec", "cidrs"), *is = value_path(now, "spec", "cidrs");
	const struct schema_path *at = AT(AT(NULL, "spec"), "cidrs");

	if (value_len(was) != value_len(is) && !(value_len(was) == 1 && value_len(is) == 2)) {
		report_immutable(ad, at, is, "field is immutable");
		return;
	}
	for (size_t i = 0; i < value_len(was); i++)
		if (!value_equal(value_at(was, i), value_at(is, i)))
			report_immutable(ad, AT_ITEM(at, i), value_at(is, i), "field is immutable");
}
