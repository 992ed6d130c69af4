/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/core/v1/defaults.go, pkg/apis/core/validation/validation.go, pkg/registry/core/service. */
#include "schema/service_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/table.h"

/* --- what kind of service it is --- */

bool service_is_headless(const struct value *spec)
{
	const struct value *ips = value_get(spec, "clusterIPs");

	return value_len(ips) == 1 && list_has(ips, "None");
}

bool service_is_reachable_from_outside(const struct value *spec)
{
	const char *type = text_of(spec, "type");

	return !strcmp(type, "LoadBalancer") || !strcmp(type, "NodePort") ||
	       ((!*type || !strcmp(type, "ClusterIP")) && value_len(value_get(spec, "externalIPs")));
}

bool service_needs_health_check(const struct value *spec)
{
	return text_is(spec, "type", "LoadBalancer") && text_is(spec, "externalTrafficPolicy", "Local");
}

/* --- defaults --- */

void service_port_defaults(struct admit *ad, struct value *v)
{
	const struct value *target = value_get(v, "targetPort"), *port = value_get(v, "port");

	if (value_len(target) || value_int(target, 0))
		return;
	if (value_type(port) == VALUE_INT)
		value_set_int(ad->arena, v, "targetPort", value_int(port, 0));
}

static void default_affinity(struct admit *ad, struct value *v)
{
	struct value *client;

	if (text_is(v, "sessionAffinity", "ClientIP")) {
		client = value_make_path(ad->arena, v, "sessionAffinityConfig", "clientIP");
		if (!value_get(client, "timeoutSeconds"))
			value_set_int(ad->arena, client, "timeoutSeconds", 10800);
	} else if (!value_len(value_get(v, "sessionAffinity")) || text_is(v, "sessionAffinity", "None")) {
		value_remove(v, "sessionAffinityConfig");
	}
}

/* The families of a cluster with IPv4; a headless service without a selector has both, whatever the cluster has. */
static void default_families(struct admit *ad, struct value *v)
{
	struct value *families = value_get(v, "ipFamilies");
	bool free_hand = service_is_headless(v) && !value_len(value_get(v, "selector"));
	const char *first = value_str_or(value_at(value_get(v, "clusterIPs"), 0), "");

	if (!value_get(v, "ipFamilyPolicy"))
		value_set_str(ad->arena, v, "ipFamilyPolicy",
			      free_hand || value_len(families) > 1 ? "RequireDualStack" : "SingleStack");
	if (!value_len(families)) {
		families = value_set_list(ad->arena, v, "ipFamilies");
		value_append(ad->arena, families,
			     value_new_str(ad->arena, format_ip_family(first) == 6 ? "IPv6" : "IPv4"));
	}
	if (free_hand && value_len(families) == 1 && !text_is(v, "ipFamilyPolicy", "SingleStack"))
		value_append(ad->arena, families,
			     value_new_str(ad->arena, list_has(families, "IPv4") ? "IPv6" : "IPv4"));
}

void service_spec_defaults(struct admit *ad, struct value *v)
{
	bool external;

	if (!value_get(v, "type"))
		value_set_str(ad->arena, v, "type", "ClusterIP");
	external = text_is(v, "type", "ExternalName");
	default_affinity(ad, v);
	if (service_is_reachable_from_outside(v) && !value_get(v, "externalTrafficPolicy"))
		value_set_str(ad->arena, v, "externalTrafficPolicy", "Cluster");
	if (!external && !value_get(v, "internalTrafficPolicy"))
		value_set_str(ad->arena, v, "internalTrafficPolicy", "Cluster");
	if (text_is(v, "type", "LoadBalancer") && !value_get(v, "allocateLoadBalancerNodePorts"))
		value_set_bool(ad->arena, v, "allocateLoadBalancerNodePorts", true);
	if (value_len(value_get(v, "clusterIP")) && !value_len(value_get(v, "clusterIPs")))
		value_append(ad->arena, value_set_list(ad->arena, v, "clusterIPs"),
			     value_copy(ad->arena, value_get(v, "clusterIP")));
	if (!external)
		default_families(ad, v);
}

/* --- rules --- */

static void check_external_name(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const none[] = { "clusterIPs", "ipFamilies", "ipFamilyPolicy" };
	const struct value *name = value_get(v, "externalName");
	size_t len = value_len(name);
	const char *text, *why;

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (value_get(v, none[i]))
			report_forbidden(ad, AT(at, none[i]), value_get(v, none[i]), "may not be set for ExternalName services");
	if (len && value_str(name)[len - 1] == '.')
		len--;
	text = len ? arena_memdup(ad->arena, value_str(name), len) : NULL;
	if (!len)
		report_required(ad, AT(at, "externalName"), name ? name : v, "%s", "");
	why = text ? format_dns_subdomain(text, len) : NULL;
	if (why)
		report_invalid(ad, AT(at, "externalName"), name, "%s", why);
}

/* Reports at port i what a "protocol/number" of its kind has been before. */
static bool repeats(struct admit *ad, struct value *seen, const struct value *port, const char *key)
{
	char *both = arena_printf(ad->arena, "%s/%lld", text_of(port, "protocol"),
				  (long long)value_int(value_get(port, key), 0));

	return both && seen_before(ad, seen, value_new_str(ad->arena, both));
}

static void check_port(struct admit *ad, const struct value *port, const struct schema_path *at, bool cluster_only)
{
	const struct value *node_port = value_get(port, "nodePort");

	check_member(ad, port, at, "name", format_dns_label);
	check_member(ad, port, at, "appProtocol", format_qualified_name);
	if (value_get(port, "appProtocol") && !value_len(value_get(port, "appProtocol")))
		report_invalid(ad, AT(at, "appProtocol"), value_get(port, "appProtocol"), "name part must be non-empty");
	if (cluster_only && node_port)
		report_forbidden(ad, AT(at, "nodePort"), node_port, "may not be used when `type` is 'ClusterIP'");
	/* K8S:pkg/controlplane/reconcilers, DefaultServiceNodePortRange */
	else if (node_port && (value_int(node_port, 0) < 30000 || value_int(node_port, 0) > 32767))
		report_invalid(ad, AT(at, "nodePort"), node_port,
			       "provided port is not in the valid range. The range of valid ports is 30000-32767");
}

static void check_ports(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ports = value_get(v, "ports");
	struct value *numbers = value_new_map(ad->arena), *node_ports = value_new_map(ad->arena);
	bool cluster_only = text_is(v, "type", "ClusterIP");

	if (!value_len(ports) && !service_is_headless(v) && !text_is(v, "type", "ExternalName"))
		report_required(ad, AT(at, "ports"), ports ? ports : v, "%s", "");
	for (size_t i = 0; i < value_len(ports); i++) {
		const struct value *port = value_at(ports, i);
		const struct schema_path *path = AT_ITEM(AT(at, "ports"), i);

		if (value_len(ports) > 1)
			check_required(ad, port, path, "name", "");
		check_port(ad, port, path, cluster_only);
		if (value_get(port, "nodePort") && repeats(ad, node_ports, port, "nodePort"))
			report_duplicate(ad, AT(path, "nodePort"), value_get(port, "nodePort"));
		if (repeats(ad, numbers, port, "port"))
			report_duplicate(ad, path, port);
	}
	unique_check(ad, ports, "name", AT(at, "ports"));
}

static void check_affinity(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *config = value_get(v, "sessionAffinityConfig");
	const struct value *timeout = value_path(config, "clientIP", "timeoutSeconds");
	const struct schema_path *path = AT(AT(AT(at, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds");

	if (text_is(v, "sessionAffinity", "None") && config)
		report_forbidden(ad, AT(at, "sessionAffinityConfig"), config,
				 "must not be set when session affinity is None");
	if (text_is(v, "sessionAffinity", "ClientIP") && timeout &&
	    (value_int(timeout, 0) <= 0 || value_int(timeout, 0) > 86400))
		report_invalid(ad, path, timeout, "must be greater than 0 and less than 86400");
}

static void check_families(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ips = value_get(v, "clusterIPs"), *families = value_get(v, "ipFamilies");
	const struct schema_path *path = AT(at, "clusterIPs");

	for (size_t i = 0; i < value_len(ips) && i < value_len(families); i++) {
		int want = !strcmp(value_str_or(value_at(families, i), ""), "IPv6") ? 6 : 4;

		if (format_ip_family(value_str_or(value_at(ips, i), "")) != want)
			report_invalid(ad, AT_ITEM(path, i), value_at(ips, i),
				       "expected an IPv%d value as indicated by `ipFamilies[%zu]`", want, i);
	}
}

static void check_cluster_ips(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ip = value_get(v, "clusterIP"), *ips = value_get(v, "clusterIPs");
	const struct schema_path *path = AT(at, "clusterIPs");
	bool good = true;

	if (value_len(ip) && !same_value(ip, value_at(ips, 0)))
		report_invalid(ad, path, ips, "first value must match `clusterIP`");
	if (!value_len(ip) && value_len(ips))
		report_invalid(ad, path, ips, "must be empty when `clusterIP` is not specified");
	check_unique_items(ad, value_get(v, "ipFamilies"), AT(at, "ipFamilies"));
	for (size_t i = 0; i < value_len(ips); i++) {
		const char *s = value_str_or(value_at(ips, i), ""), *why = format_ip_strict(s, strlen(s));

		if (i == 0 && !strcmp(s, "None")) {
			if (value_len(ips) > 1)
				report_invalid(ad, path, ips, "'None' must be the first and only value");
			good = good && value_len(ips) == 1;
		} else if (why) {
			report_invalid(ad, AT_ITEM(path, i), value_mark(value_at(ips, i)).line ? value_at(ips, i) : ip,
				       "%s", why);
			good = false;
		}
	}
	if (value_len(ips) > 2)
		report_invalid(ad, path, ips, "may only hold up to 2 values");
	if (!good || service_is_headless(v))
		return;
	if (value_len(ips) == 2 && format_ip_family(value_str(value_at(ips, 0))) ==
				   format_ip_family(value_str(value_at(ips, 1))))
		report_invalid(ad, path, ips, "may specify no more than one IP for each IP family");
	check_families(ad, v, at);
}

static void check_external_ips(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ips = value_get(v, "externalIPs");

	for (size_t i = 0; i < value_len(ips); i++)
		if (check_text(ad, value_at(ips, i), AT_ITEM(AT(at, "externalIPs"), i), format_ip_strict))
			check_text(ad, value_at(ips, i), AT_ITEM(AT(at, "externalIPs"), i), format_endpoint_ip);
}

static void check_source_ranges(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ranges = value_get(v, "loadBalancerSourceRanges");
	const struct schema_path *path = AT(at, "loadBalancerSourceRanges");

	if (value_len(ranges) && !text_is(v, "type", "LoadBalancer"))
		report_forbidden(ad, path, ranges, "may only be used when `type` is 'LoadBalancer'");
	for (size_t i = 0; i < value_len(ranges); i++) {
		const char *s = value_str_or(value_at(ranges, i), "");
		size_t skip = strspn(s, " \t\n"), len = strlen(s);
		char *trimmed;

		while (len > skip && strchr(" \t\n", s[len - 1]))
			len--;
		trimmed = arena_memdup(ad->arena, s + skip, len - skip);
		if (trimmed && format_cidr_strict(trimmed, len - skip))
			report_invalid(ad, AT_ITEM(path, i), value_at(ranges, i), "%s",
				       format_cidr_strict(trimmed, len - skip));
	}
}

static void check_load_balancer(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const only[] = { "allocateLoadBalancerNodePorts", "loadBalancerClass" };

	if (text_is(v, "type", "LoadBalancer")) {
		check_member(ad, v, at, "loadBalancerClass", format_qualified_name);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(only); i++)
		if (value_get(v, only[i]))
			report_forbidden(ad, AT(at, only[i]), value_get(v, only[i]),
					 "may only be used when `type` is 'LoadBalancer'");
}

static void check_policies(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *policy = value_get(v, "externalTrafficPolicy"), *port = value_get(v, "healthCheckNodePort");

	if (!service_is_reachable_from_outside(v) && policy)
		report_invalid(ad, AT(at, "externalTrafficPolicy"), policy,
			       "may only be set for externally-accessible services");
	else
		check_one_of(ad, v, at, "externalTrafficPolicy", NAMES("Cluster", "Local"));
	if (!port)
		return;
	if (!service_needs_health_check(v))
		report_invalid(ad, AT(at, "healthCheckNodePort"), port,
			       "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
	else
		check_between(ad, v, at, "healthCheckNodePort", 1, 65535);
}

void service_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *headless = value_at(value_get(v, "clusterIPs"), 0);

	check_ports(ad, v, at);
	if (service_is_headless(v) && (text_is(v, "type", "LoadBalancer") || text_is(v, "type", "NodePort")))
		report_invalid(ad, AT_ITEM(AT(at, "clusterIPs"), 0),
			       value_mark(headless).line ? headless : value_get(v, "clusterIP"),
			       "may not be set to 'None' for %s services", text_of(v, "type"));
	if (text_is(v, "type", "ExternalName"))
		check_external_name(ad, v, at);
	else
		check_cluster_ips(ad, v, at);
	check_affinity(ad, v, at);
	check_external_ips(ad, v, at);
	check_source_ranges(ad, v, at);
	check_load_balancer(ad, v, at);
	check_policies(ad, v, at);
}

/* Settings that this type of Service takes no notice of: K8S:pkg/api/service/warnings.go. */
static void warn_ignored(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	static const char *const of_headless[] = { "loadBalancerIP", "externalIPs" };
	const struct value *ips = value_get(spec, "externalIPs"), *name = value_get(spec, "externalName");
	const struct value *affinity = value_get(spec, "sessionAffinity");
	bool external = text_is(spec, "type", "ExternalName");

	for (size_t i = 0; service_is_headless(spec) && i < ARRAY_SIZE(of_headless); i++)
		if (value_len(value_get(spec, of_headless[i])))
			report_warning(ad, AT(at, of_headless[i]), value_mark(value_get(spec, of_headless[i])),
				       "spec.%s is ignored for headless services", of_headless[i]);
	if (service_is_headless(spec) && affinity && !text_is(spec, "sessionAffinity", "None"))
		report_warning(ad, AT(at, "sessionAffinity"), value_mark(affinity),
			       "spec.SessionAffinity is ignored for headless services");
	if (external && value_len(ips))
		report_warning(ad, AT(at, "externalIPs"), value_mark(ips),
			       "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
	if (!external && value_len(name))
		report_warning(ad, AT(at, "externalName"), value_mark(name),
			       "spec.externalName is ignored when spec.type is not \"ExternalName\"");
}

void service_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *notes = value_path(v, "metadata", "annotations");
	const struct value *mode = value_get(notes, "service.kubernetes.io/topology-mode");
	const struct value *hints = value_get(notes, "service.kubernetes.io/topology-aware-hints");
	const struct value *ranges = value_get(notes, "service.beta.kubernetes.io/load-balancer-source-ranges");
	const struct schema_path *path = AT(AT(at, "metadata"), "annotations");

	warn_ignored(ad, value_get(v, "spec"), AT(at, "spec"));
	if (mode && hints && !value_equal(mode, hints))
		report_invalid(ad, AT_KEY(path, "service.kubernetes.io/topology-mode"), mode,
			       "must match annotations[service.kubernetes.io/topology-aware-hints] when both are specified");
	if (ranges && !value_len(value_path(v, "spec", "loadBalancerSourceRanges")) &&
	    !text_is(value_get(v, "spec"), "type", "LoadBalancer"))
		report_forbidden(ad, AT_KEY(path, "service.beta.kubernetes.io/load-balancer-source-ranges"), ranges,
				 "may only be used when `type` is 'LoadBalancer'");
}
