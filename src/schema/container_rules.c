/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schema/meta_rules.h"
#include "schema/pod_rules.h"
#include "schema/table.h"

/* --- defaults --- */

void container_defaults(struct admit *ad, struct value *v)
{
	if (!value_get(v, "imagePullPolicy"))
		value_set_str(ad->arena, v, "imagePullPolicy", image_pull_policy(value_str_or(value_get(v, "image"), "")));
}

/* --- ports --- */

void container_ports_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	unique_check(ad, v, "name", at);
}

/* --- probes and hooks --- */

static bool is_one_of(const char *s, const char *const *list)
{
	while (*list && strcmp(*list, s) != 0)
		list++;
	return *list != NULL;
}

static void check_handler(struct admit *ad, const struct value *v, const char *const *kinds,
			  const struct schema_path *at)
{
	const struct value *exec = value_get(v, "exec");
	size_t found = 0;

	for (size_t i = 0; i < value_len(v); i++)
		if (is_one_of(value_key_at(v, i), kinds) && found++ > 0)
			report_forbidden(ad, AT(at, value_key_at(v, i)), value_at(v, i),
					 "may not specify more than 1 handler type");
	if (exec && !value_len(value_get(exec, "command")))
		report_required(ad, AT(AT(at, "exec"), "command"), exec, "%s", "");
	if (!found)
		report_required(ad, at, v, "must specify a handler type");
}

void probe_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_handler(ad, v, NAMES("exec", "httpGet", "tcpSocket", "grpc"), at);
}

void lifecycle_handler_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_handler(ad, v, NAMES("exec", "httpGet", "tcpSocket", "sleep"), at);
}

void restart_rule_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *codes = value_path(v, "exitCodes", "values");

	if (!value_get(v, "exitCodes"))
		report_required(ad, AT(at, "exitCodes"), v, "must be specified");
	else if (value_len(codes) > 255)
		report_error(ad, AT(AT(at, "exitCodes"), "values"), value_mark(codes),
			     "Too many: %zu: must have at most 255 items", value_len(codes));
}

/* --- a container in its pod --- */

static void check_host_ports(struct admit *ad, const struct value *container, const struct schema_path *at)
{
	const struct value *ports = value_get(container, "ports");

	for (size_t i = 0; i < value_len(ports); i++) {
		const struct value *port = value_at(ports, i);
		const struct value *host = value_get(port, "hostPort");

		if (host && !value_equal(host, value_get(port, "containerPort")))
			report_invalid(ad, AT(AT_ITEM(AT(at, "ports"), i), "hostPort"), host,
				       "must match `containerPort` when `hostNetwork` is true");
	}
}

static void check_probes(struct admit *ad, const struct value *container, const struct schema_path *at)
{
	static const char *const once[] = { "livenessProbe", "startupProbe" };
	const struct value *grace = value_path(container, "readinessProbe", "terminationGracePeriodSeconds");

	for (size_t i = 0; i < ARRAY_SIZE(once); i++) {
		const struct value *n = value_path(container, once[i], "successThreshold");

		if (n && value_int(n, 1) != 1)
			report_invalid(ad, AT(AT(at, once[i]), "successThreshold"), n, "must be 1");
	}
	if (grace)
		report_invalid(ad, AT(AT(at, "readinessProbe"), "terminationGracePeriodSeconds"), grace,
			       "must not be set for readinessProbes");
}

static void check_init_only(struct admit *ad, const struct value *container, const struct schema_path *at)
{
	static const char *const fields[] = { "lifecycle", "livenessProbe", "readinessProbe", "startupProbe" };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (value_get(container, fields[i]))
			report_forbidden(ad, AT(at, fields[i]), value_get(container, fields[i]),
					 "may not be set for init containers without restartPolicy=Always");
}

/*
 * Kubernetes lets a main container have a restart policy of its own since 1.35, for its restart rules. Without rules
 * it is far more often a field of the pod that slipped one level down, as older servers say.
 */
static void check_restart_policy(struct admit *ad, const struct value *container, enum container_kind kind,
				 const struct schema_path *at)
{
	const struct value *policy = value_get(container, "restartPolicy");
	const struct value *rules = value_get(container, "restartPolicyRules");

	if (policy && !rules && kind == CONTAINER_MAIN)
		report_forbidden(ad, AT(at, "restartPolicy"), policy,
				 "may not be set for non-init containers without restartPolicyRules; the pod's own is "
				 "spec.restartPolicy");
	if (rules && !policy)
		report_required(ad, AT(at, "restartPolicy"), container, "must specify restartPolicy when restart rules are used");
	if (value_len(rules) > 20)
		report_error(ad, AT(at, "restartPolicyRules"), value_mark(rules), "Too many: %zu: must have at most 20 items",
			     value_len(rules));
}

/* A pause before the end cannot be longer than the time that the end has. */
static void check_hooks(struct admit *ad, const struct value *container, const struct value *pod_spec,
			const struct schema_path *at)
{
	static const char *const hooks[] = { "postStart", "preStop" };
	int64_t grace = value_int(value_get(pod_spec, "terminationGracePeriodSeconds"), 30);

	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		const struct value *seconds = value_path(container, "lifecycle", hooks[i], "sleep", "seconds");

		if (value_int(seconds, 0) < 0 || (grace >= 0 && value_int(seconds, 0) > grace))
			report_invalid(ad, AT(AT(AT(AT(at, "lifecycle"), hooks[i]), "sleep"), "seconds"), seconds,
				       "must be non-negative and less than terminationGracePeriodSeconds (%lld)",
				       (long long)grace);
	}
}

static void check_resize_policy(struct admit *ad, const struct value *container, enum container_kind kind,
				const struct value *pod_spec, const struct schema_path *at)
{
	const struct value *policies = value_get(container, "resizePolicy");
	struct value *seen = value_len(policies) ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; seen && i < value_len(policies); i++) {
		const struct value *policy = value_get(value_at(policies, i), "restartPolicy");
		const struct schema_path *item = AT_ITEM(AT(at, "resizePolicy"), i);

		if (seen_before(ad, seen, value_get(value_at(policies, i), "resourceName")))
			report_duplicate(ad, item, value_get(value_at(policies, i), "resourceName"));
		if (strcmp(value_str_or(policy, ""), "RestartContainer") != 0)
			continue;
		if (strcmp(value_str_or(value_get(pod_spec, "restartPolicy"), ""), "Never") == 0)
			report_invalid(ad, AT(item, "restartPolicy"), policy,
				       "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
		else if (kind == CONTAINER_INIT)
			report_invalid(ad, AT(item, "restartPolicy"), policy,
				       "must not be set to 'RestartContainer' for non-sidecar initContainers");
	}
}

static bool has_claim(const struct value *pod_spec, const char *name)
{
	const struct value *claims = value_get(pod_spec, "resourceClaims");

	for (size_t i = 0; i < value_len(claims); i++)
		if (strcmp(value_str_or(value_get(value_at(claims, i), "name"), ""), name) == 0)
			return true;
	return false;
}

/* A claim is used as a whole, or by its requests: each once. */
static void check_claims(struct admit *ad, const struct value *container, const struct value *pod_spec,
			 const struct schema_path *at)
{
	const struct value *claims = value_path(container, "resources", "claims");
	struct value *whole = value_len(claims) ? value_new_map(ad->arena) : NULL, *parts = value_new_map(ad->arena);

	for (size_t i = 0; whole && i < value_len(claims); i++) {
		const struct value *name = value_get(value_at(claims, i), "name");
		const char *request = value_str_or(value_get(value_at(claims, i), "request"), "");
		const struct schema_path *item = AT_ITEM(AT(AT(at, "resources"), "claims"), i);
		struct value *key = value_new_strf(ad->arena, "%s/%s", value_str_or(name, ""), request);

		if (!value_len(name))
			continue;
		if (value_get(whole, value_str_or(name, "")) || (!*request && value_get(parts, value_str_or(name, ""))) ||
		    seen_before(ad, parts, key))
			report_duplicate(ad, item, name);
		(void)seen_before(ad, *request ? parts : whole, name);
		if (!has_claim(pod_spec, value_str_or(name, "")))
			report_not_found(ad, item, name, "must be one of the names in pod.spec.resourceClaims");
	}
}

/* What would make it more than a look at the pod. K8S:pkg/apis/core/validation: allowedEphemeralContainerFields. */
static void check_ephemeral_only(struct admit *ad, const struct value *container, const struct schema_path *at)
{
	static const char *const fields[] = { "lifecycle", "livenessProbe", "ports", "readinessProbe", "resizePolicy",
					      "resources", "restartPolicy", "restartPolicyRules", "startupProbe" };
	static const char *const paths[] = { "subPath", "subPathExpr" };
	const struct value *mounts = value_get(container, "volumeMounts");

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (value_len(value_get(container, fields[i])))
			report_forbidden(ad, AT(at, fields[i]), value_get(container, fields[i]),
					 "cannot be set for an Ephemeral Container");
	for (size_t i = 0; i < value_len(mounts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(paths); k++)
			if (value_len(value_get(value_at(mounts, i), paths[k])))
				report_forbidden(ad, AT(AT_ITEM(AT(at, "volumeMounts"), i), paths[k]),
						 value_get(value_at(mounts, i), paths[k]),
						 "cannot be set for an Ephemeral Container");
}

void container_check_in_pod(struct admit *ad, const struct value *container, enum container_kind kind,
			    const struct value *pod_spec, const struct value *volumes, const struct schema_path *at)
{
	const struct value *security = value_get(container, "securityContext");

	if (!value_len(value_get(container, "image")))
		report_required(ad, AT(at, "image"), container, "%s", "");
	container_mounts_check(ad, container, volumes, at);
	if (kind == CONTAINER_EPHEMERAL) {
		check_ephemeral_only(ad, container, at);
	} else {
		check_hooks(ad, container, pod_spec, at);
		check_resize_policy(ad, container, kind, pod_spec, at);
		check_claims(ad, container, pod_spec, at);
		check_restart_policy(ad, container, kind, at);
		check_probes(ad, container, at);
	}
	if (kind == CONTAINER_INIT)
		check_init_only(ad, container, at);
	if (strcmp(value_str_or(value_get(security, "procMount"), ""), "Unmasked") == 0 &&
	    value_bool(value_get(pod_spec, "hostUsers"), true))
		report_invalid(ad, AT(AT(at, "securityContext"), "procMount"), value_get(security, "procMount"),
			       "`hostUsers` must be false to use `Unmasked`");
	if (value_bool(value_get(pod_spec, "hostNetwork"), false) && kind != CONTAINER_EPHEMERAL)
		check_host_ports(ad, container, at);
}
