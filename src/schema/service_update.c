/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a Service's fields when it is updated: what belonged to its old type goes with it, what was
 * allocated stays. Facts: K8S:pkg/registry/core/service/{strategy,storage/alloc}.go and ValidateServiceUpdate.
 */
#include <stdio.h>
#include <string.h>

#include "schema/check.h"
#include "schema/service_rules.h"
#include "schema/table.h"

static bool has_cluster_ip(const struct value *spec)
{
	return !text_is(spec, "type", "ExternalName");
}

static bool has_node_ports(const struct value *spec)
{
	return text_is(spec, "type", "NodePort") || text_is(spec, "type", "LoadBalancer");
}

/* Removes what nobody has changed on the way from one type to another. */
static void drop_same(const struct value *old, struct value *now, const char *key)
{
	if (same_value(value_get(old, key), value_get(now, key)))
		value_remove(now, key);
}

/* Ports that were there before, wherever they stand now. A map, since lists may be hostile. */
static void drop_node_ports(struct admit *ad, const struct value *old, struct value *now)
{
	const struct value *was = value_get(old, "ports");
	struct value *is = value_get(now, "ports"), *seen = value_new_map(ad->arena);
	char text[32];

	for (size_t i = 0; i < value_len(was); i++) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)value_int(value_get(value_at(was, i), "nodePort"), 0));
		value_set_bool(ad->arena, seen, text, true);
	}
	for (size_t i = 0; i < value_len(is); i++) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)value_int(value_get(value_at(is, i), "nodePort"), 0));
		if (value_get(seen, text))
			value_remove(value_at(is, i), "nodePort");
	}
}

static void keep(struct admit *ad, const struct value *old, struct value *now, const char *key)
{
	if (!value_len(value_get(now, key)) && value_get(old, key))
		value_set(ad->arena, now, key, value_copy(ad->arena, value_get(old, key)));
}

/* A clusterIP that changed takes its list with it. */
static void follow_cluster_ip(const struct value *old, struct value *now)
{
	if (!same_value(value_get(old, "clusterIP"), value_get(now, "clusterIP")) &&
	    same_value(value_get(old, "clusterIPs"), value_get(now, "clusterIPs")))
		value_remove(now, "clusterIPs");
}

void service_prepare_update(struct admit *ad, const struct value *old, struct value *now)
{
	static const char *const ip_fields[] = { "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy" };
	const struct value *was = value_get(old, "spec");
	struct value *is = value_get(now, "spec");

	if (value_type(is) != VALUE_MAP)
		return;
	if (has_cluster_ip(was) && !has_cluster_ip(is)) {
		for (size_t i = 0; i < ARRAY_SIZE(ip_fields); i++)
			drop_same(was, is, ip_fields[i]);
		drop_same(was, is, "internalTrafficPolicy");
	} else if (has_cluster_ip(was)) {
		follow_cluster_ip(was, is);
		for (size_t i = 0; i < ARRAY_SIZE(ip_fields) && !value_len(value_get(is, "clusterIP")); i++)
			keep(ad, was, is, ip_fields[i]);
	}
	if (!has_cluster_ip(was) && has_cluster_ip(is))
		drop_same(was, is, "externalName");
	if (has_node_ports(was) && !has_node_ports(is))
		drop_node_ports(ad, was, is);
	if (service_is_reachable_from_outside(was) && !service_is_reachable_from_outside(is))
		drop_same(was, is, "externalTrafficPolicy");
	if (service_needs_health_check(was) && !service_needs_health_check(is))
		drop_same(was, is, "healthCheckNodePort");
	if (text_is(was, "type", "LoadBalancer") && !text_is(is, "type", "LoadBalancer")) {
		drop_same(was, is, "allocateLoadBalancerNodePorts");
		drop_same(was, is, "loadBalancerClass");
	}
}

/* An ordered list of two at most whose first item is for ever. */
static void check_list(struct admit *ad, const struct value *was, const struct value *is, const char *key,
		       const char *unset, const char *released)
{
	const struct value *old = value_get(was, key), *now = value_get(is, key);
	const struct schema_path *spec = AT(NULL, "spec"), *at = AT(spec, key);

	if (value_len(old) && !value_len(now)) {
		report_immutable(ad, AT_ITEM(at, 0), now ? now : is, "%s", unset);
		return;
	}
	for (size_t i = 0; i < value_len(old) && i < value_len(now); i++)
		if (!value_equal(value_at(old, i), value_at(now, i)))
			report_immutable(ad, AT_ITEM(at, i), now, "may not change once set");
	if (value_len(old) > value_len(now) && !text_is(is, "ipFamilyPolicy", "SingleStack"))
		report_immutable(ad, AT(spec, "ipFamilyPolicy"), value_get(is, "ipFamilyPolicy"),
				 "must be set to 'SingleStack' when releasing the secondary %s", released);
}

void service_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *was = value_get(old, "spec"), *is = value_get(now, "spec");
	const struct schema_path *at = AT(NULL, "spec");

	if (has_cluster_ip(was) && has_cluster_ip(is)) {
		if (!service_is_headless(was) || !service_is_headless(is))
			check_list(ad, was, is, "clusterIPs", "primary clusterIP can not be unset", "clusterIP");
		if (!service_is_headless(was) && !service_is_headless(is))
			check_list(ad, was, is, "ipFamilies", "primary ipFamily can not be unset", "ipFamily");
	}
	if (text_is(was, "type", "LoadBalancer") && text_is(is, "type", "LoadBalancer"))
		check_same_or(ad, was, is, at, "loadBalancerClass", "may not change once set");
	if (service_needs_health_check(was) && service_needs_health_check(is) &&
	    value_get(was, "healthCheckNodePort"))
		check_same(ad, was, is, at, "healthCheckNodePort");
}
