/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pod Security Standards' profile "baseline", and the fields that are root's alone (podfs(7), "Who may do what").
 * Lists and versions: K8S:pod-security-admission/policy.
 */
#include "schema/baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "schema/report.h"
#include "schema/restricted.h"

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
static void check_context(struct admit *ad, int minor, const struct value *context, const struct schema_path *at)
{
	static const char *const types[] = { "", "container_t", "container_init_t", "container_kvm_t", NULL };
	const struct value *selinux = value_get(context, "seLinuxOptions"), *windows = value_get(context, "windowsOptions");
	const char *type = value_str_or(value_get(selinux, "type"), "");

	forbid_true(ad, windows, "hostProcess", AT(at, "windowsOptions"));

	check_profile(ad, context, "seccompProfile", at);
	check_profile(ad, context, "appArmorProfile", at);
	if (!(is_in(type, types) || (minor >= 31 && strcmp(type, "container_engine_t") == 0)) || value_len(value_get(selinux, "user")) ||
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

static void check_container(struct admit *ad, int minor, const struct value *c, const struct schema_path *at)
{
	const struct value *context = value_get(c, "securityContext"), *ports = value_get(c, "ports");
	const struct value *mount = value_get(context, "procMount");
	const struct schema_path *in = AT(at, "securityContext");

	forbid_true(ad, context, "privileged", in);
	check_context(ad, minor, context, in);
	check_capabilities(ad, value_path(context, "capabilities", "add"), AT(AT(in, "capabilities"), "add"));
	if (mount && strcmp(value_str_or(mount, ""), "Default") != 0)
		report_fixed(ad, AT(in, "procMount"), mount, WHY);
	for (size_t i = 0; i < value_len(ports); i++) {
		const struct value *port = value_get(value_at(ports, i), "hostPort");

		if (value_int(port, 0))
			report_fixed(ad, AT(AT_ITEM(AT(at, "ports"), i), "hostPort"), port, WHY);
	}
}

static void check_volumes(struct admit *ad, const struct value *volumes, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(volumes); i++) {
		const struct value *host = value_get(value_at(volumes, i), "hostPath");

		if (host)
			report_fixed(ad, AT(AT_ITEM(at, i), "hostPath"), host, WHY);
	}
}

static void check_sysctls(struct admit *ad, int minor, const struct value *list, const struct schema_path *at)
{
	static const struct {
		const char *name;
		int since;
	} safe[] = {
		{ "kernel.shm_rmid_forced", 0 },
		{ "net.ipv4.ip_local_port_range", 0 },
		{ "net.ipv4.ip_unprivileged_port_start", 0 },
		{ "net.ipv4.ping_group_range", 0 },
		{ "net.ipv4.tcp_syncookies", 0 },
		{ "net.ipv4.ip_local_reserved_ports", 27 },
		{ "net.ipv4.tcp_fin_timeout", 29 },
		{ "net.ipv4.tcp_keepalive_intvl", 29 },
		{ "net.ipv4.tcp_keepalive_probes", 29 },
		{ "net.ipv4.tcp_keepalive_time", 29 },
		{ "net.ipv4.tcp_rmem", 32 },
		{ "net.ipv4.tcp_wmem", 32 },
	};

	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *name = value_get(value_at(list, i), "name");
		bool found = false;

		for (size_t k = 0; k < ARRAY_SIZE(safe); k++)
			found |= strcmp(safe[k].name, value_str_or(name, "")) == 0 && minor >= safe[k].since;
		if (!found)
			report_fixed(ad, AT(AT_ITEM(at, i), "name"), name, WHY);
	}
}

/* What profiles were asked for by before they had fields. */
static void check_annotations(struct admit *ad, const struct value *annotations, const struct schema_path *at)
{
	static const char apparmor[] = "container.apparmor.security.beta.kubernetes.io/";
	static const char seccomp[] = "seccomp.security.alpha.kubernetes.io/pod";
	static const char container[] = "container.seccomp.security.alpha.kubernetes.io/";

	for (size_t i = 0; i < value_len(annotations); i++) {
		const char *key = value_key_at(annotations, i), *is = value_str_or(value_at(annotations, i), "");
		bool bad = false;

		if (strncmp(key, apparmor, strlen(apparmor)) == 0)
			bad = *is && strcmp(is, "runtime/default") != 0 && strncmp(is, "localhost/", 10) != 0;
		else if (strcmp(key, seccomp) == 0 || strncmp(key, container, strlen(container)) == 0)
			bad = strcmp(is, "unconfined") == 0;
		if (bad)
			report_fixed(ad, AT_KEY(at, key), value_at(annotations, i), WHY);
	}
}

static void check_pod(struct admit *ad, int minor, const struct value *pod, const struct schema_path *up)
{
	static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
	static const char *const shared[] = { "hostNetwork", "hostPID", "hostIPC" };
	const struct value *spec = value_get(pod, "spec"), *context = value_get(spec, "securityContext");
	const struct schema_path *at = AT(up, "spec");

	check_annotations(ad, value_path(pod, "metadata", "annotations"), AT(AT(up, "metadata"), "annotations"));
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		forbid_true(ad, spec, shared[i], at);
	check_context(ad, minor, context, AT(at, "securityContext"));
	check_sysctls(ad, minor, value_get(context, "sysctls"), AT(AT(at, "securityContext"), "sysctls"));
	check_volumes(ad, value_get(spec, "volumes"), AT(at, "volumes"));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++)
			check_container(ad, minor, value_at(list, k), AT_ITEM(AT(at, lists[i]), k));
	}
}

/* The fields of a pod that are root's. `was`: the nodeName before. */
static void check_root_only(struct admit *ad, const struct value *spec, const struct value *was,
			    const struct schema_path *at)
{
	static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
	static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
	static const char *const hooks[] = { "postStart", "preStop" };
	const struct value *class = value_get(spec, "priorityClassName"), *node = value_get(spec, "nodeName");

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++) {
			const struct value *c = value_at(list, k);
			const struct schema_path *in = AT_ITEM(AT(at, lists[i]), k);

			for (size_t p = 0; p < ARRAY_SIZE(probes); p++)
				check_host(ad, value_get(c, probes[p]), AT(in, probes[p]));
			for (size_t h = 0; h < ARRAY_SIZE(hooks); h++)
				check_host(ad, value_path(c, "lifecycle", hooks[h]), AT(AT(in, "lifecycle"), hooks[h]));
		}
	}
	if (strncmp(value_str_or(class, ""), "system-", strlen("system-")) == 0)
		report_fixed(ad, AT(at, "priorityClassName"), class, "only root may set this");
	if (value_len(node) && !(was && value_equal(was, node)))
		report_fixed(ad, AT(at, "nodeName"), node, "only root may set this");
}

/* The pod, or the template, that an object holds, and where; NULL: none. `steps` has the names on the way to it. */
static const struct value *find_pod(const struct value *root, const char *const **ret_steps)
{
	static const char *const none[] = { NULL }, *const spec[] = { "spec", "template", NULL };
	static const char *const job[] = { "spec", "jobTemplate", "spec", "template", NULL }, *const bare[] = { "template", NULL };
	static const char *const *const places[] = { spec, job, bare };

	*ret_steps = none;
	if (strcmp(value_str_or(value_get(root, "kind"), ""), "Pod") == 0)
		return root;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct value *v = root;

		for (const char *const *step = places[i]; v && *step; step++)
			v = value_get(v, *step);
		*ret_steps = places[i];
		if (value_get(v, "spec"))
			return v;
	}
	return NULL;
}

/* Calls fn with the pod and the path to it. */
static void at_pod(struct admit *ad, int minor, const struct value *pod, const char *const *steps,
		   const struct schema_path *up,
		   void (*fn)(struct admit *ad, int minor, const struct value *pod, const struct schema_path *at))
{
	if (*steps)
		at_pod(ad, minor, pod, steps + 1, AT(up, *steps), fn);
	else
		fn(ad, minor, pod, up);
}

static void check_restricted(struct admit *ad, int minor, const struct value *pod, const struct schema_path *at)
{
	restricted_check(ad, minor, value_get(pod, "spec"), AT(at, "spec"));
}

static int result_of(const struct diag_list *diags, size_t errors)
{
	return diags->errors != errors || diags->failed ? diag_code(diags) : 0;
}

int schema_check_security(const struct security_policy *policy, const struct value *root, struct diag_list *diags)
{
	struct admit ad = { .diags = diags };
	size_t errors = diags->errors;
	const char *const *steps;
	const struct value *pod = find_pod(root, &steps);

	if (!pod || policy->level == SECURITY_PRIVILEGED)
		return 0;
	at_pod(&ad, policy->minor, pod, steps, NULL, check_pod);
	if (policy->level == SECURITY_RESTRICTED)
		at_pod(&ad, policy->minor, pod, steps, NULL, check_restricted);
	return result_of(diags, errors);
}

static void check_template(struct admit *ad, int minor, const struct value *pod, const struct schema_path *at)
{
	check_root_only(ad, value_get(pod, "spec"), NULL, AT(at, "spec"));
}

int schema_check_root_only(const struct value *old, const struct value *root, struct diag_list *diags)
{
	struct admit ad = { .diags = diags };
	size_t errors = diags->errors;
	const char *const *steps;
	const struct value *pod = find_pod(root, &steps), *ips = value_path(root, "spec", "externalIPs");
	const struct value *were = value_path(old, "spec", "externalIPs");

	if (pod && pod == root)
		check_root_only(&ad, value_get(pod, "spec"), value_path(old, "spec", "nodeName"), AT(NULL, "spec"));
	else if (pod)
		at_pod(&ad, 0, pod, steps, NULL, check_template);
	if (strcmp(value_str_or(value_get(root, "kind"), ""), "Service") == 0 && value_len(ips) &&
	    !(were && value_equal(were, ips)))
		report_fixed(&ad, AT(AT(NULL, "spec"), "externalIPs"), ips, "only root may set this");
	return result_of(diags, errors);
}

/* --- user namespaces --- */

static void check_confined(struct admit *ad, int minor, const struct value *pod, const struct schema_path *at)
{
	static const char *const shared[] = { "hostUsers", "hostNetwork", "hostPID", "hostIPC" };
	const struct value *spec = value_get(pod, "spec");

	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (value_bool(value_get(spec, shared[i]), false))
			report_fixed(ad, AT(AT(at, "spec"), shared[i]), value_get(spec, shared[i]),
				     "only root may set this, or allow it by the namespace's label " SECURITY_HOST_USERS
				     ": " SECURITY_HOST_USERS_ALLOWED);
}

int schema_check_confined(const struct value *root, struct diag_list *diags)
{
	struct admit ad = { .diags = diags };
	size_t errors = diags->errors;
	const char *const *steps;
	const struct value *pod = find_pod(root, &steps);

	if (pod)
		at_pod(&ad, 0, pod, steps, NULL, check_confined);
	return result_of(diags, errors);
}

/* --- policies --- */

bool security_policy_parse(const char *level, const char *version, enum security_level wrong,
			   struct security_policy *ret)
{
	static const char *const levels[] = { "privileged", "baseline", "restricted" };
	bool right = true;
	size_t i = 0;

	if (level) {
		while (i < ARRAY_SIZE(levels) && strcmp(levels[i], level) != 0)
			i++;
		right = i < ARRAY_SIZE(levels);
		ret->level = right ? (enum security_level)i : wrong;
	}
	if (version) {
		size_t digits = strncmp(version, "v1.", 3) == 0 ? strspn(version + 3, "0123456789") : 0;

		ret->minor = SECURITY_LATEST;
		if (digits && digits < 5 && !version[3 + digits])
			ret->minor = (int)strtol(version + 3, NULL, 10);
		else
			right &= strcmp(version, "latest") == 0;
	}
	return right;
}

void security_policy_format(const struct security_policy *p, struct buf *out)
{
	static const char *const levels[] = { "privileged", "baseline", "restricted" };

	buf_printf(out, "%s:", levels[p->level]);
	if (p->minor == SECURITY_LATEST)
		buf_puts(out, "latest");
	else
		buf_printf(out, "v1.%d", p->minor);
}
