/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of a pod's settings as a whole: resolver, host name, kernel settings, overhead. Facts:
 * K8S:pkg/apis/core/validation/validation.go.
 */
#include <string.h>

#include "schema/check.h"
#include "schema/pod_rules.h"

enum {
	DNS_NAMESERVERS_MAX = 3,
	DNS_SEARCHES_MAX = 32,
	DNS_SEARCH_BYTES_MAX = 2048,
	HOSTNAME_MAX = 64,
};

static void check_dns(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *policy = value_get(spec, "dnsPolicy");
	const struct value *config = value_get(spec, "dnsConfig");
	const struct value *servers = value_get(config, "nameservers");
	const struct value *searches = value_get(config, "searches");
	bool none = strcmp(value_str_or(policy, ""), "None") == 0;
	size_t total = 0;

	if (none && !config)
		report_required(ad, AT(at, "dnsConfig"), policy, "must provide `dnsConfig` when `dnsPolicy` is None");
	else if (none && !value_len(servers))
		report_required(ad, AT(AT(at, "dnsConfig"), "nameservers"), config,
				"must provide at least one DNS nameserver when `dnsPolicy` is None");
	if (value_len(servers) > DNS_NAMESERVERS_MAX)
		report_invalid(ad, AT(AT(at, "dnsConfig"), "nameservers"), servers, "must not have more than %d nameservers",
			       DNS_NAMESERVERS_MAX);
	if (value_len(searches) > DNS_SEARCHES_MAX)
		report_invalid(ad, AT(AT(at, "dnsConfig"), "searches"), searches,
			       "must not have more than %d search paths", DNS_SEARCHES_MAX);
	for (size_t i = 0; i < value_len(searches); i++)
		total += value_len(value_at(searches, i)) + (i > 0);
	if (total > DNS_SEARCH_BYTES_MAX)
		report_invalid(ad, AT(AT(at, "dnsConfig"), "searches"), searches,
			       "must not have more than %d characters (including spaces) in the search list",
			       DNS_SEARCH_BYTES_MAX);
}

void dns_option_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (!value_len(value_get(v, "name")))
		report_required(ad, at, v, "must not be empty");
}

static void check_hostname(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *name = value_get(spec, "hostnameOverride");

	if (!name)
		return;
	if (value_bool(value_get(spec, "setHostnameAsFQDN"), false))
		report_forbidden(ad, AT(at, "hostnameOverride"), name, "may not be specified when setHostnameAsFQDN is true");
	if (value_bool(value_get(spec, "hostNetwork"), false))
		report_forbidden(ad, AT(at, "hostnameOverride"), name, "may not be specified when hostNetwork is true");
	if (value_len(name) > HOSTNAME_MAX)
		report_too_long(ad, AT(at, "hostnameOverride"), name, "may not be more than %d bytes", HOSTNAME_MAX);
}

/* Kernel settings of a namespace that the pod shares with its node. */
static void check_sysctls(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	static const char *const of_ipc[] = { "kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue." };
	const struct value *list = value_path(spec, "securityContext", "sysctls");
	const struct schema_path *sysctls = AT(AT(at, "securityContext"), "sysctls");
	bool net = value_bool(value_get(spec, "hostNetwork"), false), ipc = value_bool(value_get(spec, "hostIPC"), false);

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *name = value_get(value_at(list, i), "name");
		const char *s = value_str_or(name, "");
		bool is_ipc = false;

		for (size_t k = 0; k < ARRAY_SIZE(of_ipc); k++)
			is_ipc = is_ipc || !strncmp(s, of_ipc[k], strlen(of_ipc[k]));
		if (net && (!strncmp(s, "net.", 4) || !strncmp(s, "net/", 4)))
			report_invalid(ad, AT(AT_ITEM(sysctls, i), "name"), name,
				       "may not be specified when 'hostNetwork' is true");
		if (ipc && is_ipc)
			report_invalid(ad, AT(AT_ITEM(sysctls, i), "name"), name, "may not be specified when 'hostIPC' is true");
	}
}

static void check_overhead(struct admit *ad, const struct value *overhead, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(overhead); i++)
		if (*value_str_or(value_at(overhead, i), "") == '-')
			report_invalid(ad, AT_KEY(at, value_key_at(overhead, i)), value_at(overhead, i),
				       "must be greater than or equal to 0");
}

void pod_settings_check(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	check_dns(ad, spec, at);
	check_hostname(ad, spec, at);
	check_sysctls(ad, spec, at);
	check_overhead(ad, value_get(spec, "overhead"), AT(at, "overhead"));
}
