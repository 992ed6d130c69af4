/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pod Security Standards' profile "baseline", and the fields that are root's alone (podfs(7), "Who may do what").
 * Lists: K8S:pod-security-admission/policy.
 */
#include "schema/baseline.h"

#include <errno.h>
#include <string.h>

#include "schema/report.h"

#define WHY "only root may set this (Pod Security Standards, baseline)"

static bool is_in(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(*list, s) == 0)
			return true;
	return false;
}

static void forbid_true(struct admit *ad, const struct value *map, const char *key, const struct schema_path *at)
{
	const struct value *v = value_get(map, key);

	if (v && value_bool(v, false))
		report_fixed(ad, AT(at, key), v, WHY);
}

static void check_profile(struct admit *ad, const struct value *context, const char *key, const struct schema_path *at)
{
	const struct value *type = value_path(context, key, "type");

	if (type && strcmp(value_str_or(type, ""), "Unconfined") == 0)
		report_fixed(ad, AT(AT(at, key), "type"), type, WHY);
}

/* What a pod's and a container's security context have in common. */
static void check_context(struct admit *ad, const struct value *context, const struct schema_path *at)
{
	static const char *const types[] = { "", "container_t", "container_init_t", "container_kvm_t",
					     "container_engine_t", NULL };
	const struct value *selinux = value_get(context, "seLinuxOptions");

	check_profile(ad, context, "seccompProfile", at);
	check_profile(ad, context, "appArmorProfile", at);
	if (!is_in(value_str_or(value_get(selinux, "type"), ""), types) || value_len(value_get(selinux, "user")) ||
	    value_len(value_get(selinux, "role")))
		report_fixed(ad, AT(at, "seLinuxOptions"), selinux, WHY);
}

static void check_capabilities(struct admit *ad, const struct value *add, const struct schema_path *at)
{
	static const char *const allowed[] = { "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL",
					       "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID",
					       "SYS_CHROOT", NULL };

	for (size_t i = 0; i < value_len(add); i++)
		if (!is_in(value_str_or(value_at(add, i), ""), allowed))
			report_fixed(ad, AT_ITEM(at, i), value_at(add, i), WHY);
}

/* Probes and hooks are made from the node: a host of their own would reach what the user may not. */
static void check_host(struct admit *ad, const struct value *handler, const struct schema_path *at)
{
	static const char *const ways[] = { "httpGet", "tcpSocket" };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		const struct value *host = value_path(handler, ways[i], "host");

		if (value_len(host))
			report_fixed(ad, AT(AT(at, ways[i]), "host"), host, "only root may set this");
	}
}

static void check_container(struct admit *ad, const struct value *c, const struct schema_path *at)
{
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
	static const char *const hooks[] = { "postStart", "preStop" };
	const struct value *context = value_get(c, "securityContext"), *ports = value_get(c, "ports");
	const struct value *mount = value_get(context, "procMount");
	const struct schema_path *in = AT(at, "securityContext");

	forbid_true(ad, context, "privileged", in);
	check_context(ad, context, in);
	check_capabilities(ad, value_path(context, "capabilities", "add"), AT(AT(in, "capabilities"), "add"));
	if (mount && strcmp(value_str_or(mount, ""), "Default") != 0)
		report_fixed(ad, AT(in, "procMount"), mount, WHY);
	for (size_t i = 0; i < value_len(ports); i++) {
		const struct value *port = value_get(value_at(ports, i), "hostPort");

		if (value_int(port, 0))
			report_fixed(ad, AT(AT_ITEM(AT(at, "ports"), i), "hostPort"), port, WHY);
	}
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		check_host(ad, value_get(c, probes[i]), AT(at, probes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		check_host(ad, value_path(c, "lifecycle", hooks[i]), AT(AT(at, "lifecycle"), hooks[i]));
}

static void check_volumes(struct admit *ad, const struct value *volumes, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(volumes); i++) {
		const struct value *host = value_get(value_at(volumes, i), "hostPath");

		if (host)
			report_fixed(ad, AT(AT_ITEM(at, i), "hostPath"), host, WHY);
	}
}

static void check_sysctls(struct admit *ad, const struct value *list, const struct schema_path *at)
{
	static const char *const safe[] = { "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
					    "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start",
					    "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout",
					    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
					    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_syncookies", NULL };

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *name = value_get(value_at(list, i), "name");

		if (!is_in(value_str_or(name, ""), safe))
			report_fixed(ad, AT(AT_ITEM(at, i), "name"), name, WHY);
	}
}

static void check_pod_spec(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
	static const char *const shared[] = { "hostNetwork", "hostPID", "hostIPC" };
	const struct value *context = value_get(spec, "securityContext");
	const struct value *class = value_get(spec, "priorityClassName");

	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		forbid_true(ad, spec, shared[i], at);
	check_context(ad, context, AT(at, "securityContext"));
	check_sysctls(ad, value_get(context, "sysctls"), AT(AT(at, "securityContext"), "sysctls"));
	check_volumes(ad, value_get(spec, "volumes"), AT(at, "volumes"));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++)
			check_container(ad, value_at(list, k), AT_ITEM(AT(at, lists[i]), k));
	}
	if (strncmp(value_str_or(class, ""), "system-", strlen("system-")) == 0)
		report_fixed(ad, AT(at, "priorityClassName"), class, "only root may set this");
}

int schema_check_baseline(const struct value *old, const struct value *root, struct diag_list *diags)
{
	struct admit ad = { .diags = diags };
	size_t errors = diags->errors;
	const struct value *spec = value_get(root, "spec"), *template = value_path(spec, "template", "spec");
	const struct schema_path *at = AT(NULL, "spec");

	if (strcmp(value_str_or(value_get(root, "kind"), ""), "Pod") == 0) {
		const struct value *node = value_get(spec, "nodeName"), *was = value_path(old, "spec", "nodeName");

		check_pod_spec(&ad, spec, at);
		if (value_len(node) && !(was && value_equal(was, node)))
			report_fixed(&ad, AT(at, "nodeName"), node, "only root may set this");
	} else if (template) {
		at = AT(AT(at, "template"), "spec");
		check_pod_spec(&ad, template, at);
		if (value_len(value_get(template, "nodeName")))
			report_fixed(&ad, AT(at, "nodeName"), value_get(template, "nodeName"), "only root may set this");
	}
	return diags->errors != errors || diags->failed ? diag_code(diags) : 0;
}
