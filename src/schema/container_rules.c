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

/* --- environment --- */

/* A name that comes twice is legal, the last one counts; it is a mistake more often than not. */
void env_list_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	struct value *seen = value_len(v) > 1 ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; seen && i < value_len(v); i++) {
		const struct value *item = value_at(v, i);
		const char *name = value_str_or(value_get(item, "name"), "");
		_cleanup_buf_ struct buf ref = BUF_INIT;

		if (!seen_before(ad, seen, value_get(item, "name")))
			continue;
		buf_printf(&ref, "$(%s)", name); /* A=$(A):more builds on the earlier one */
		if (!strstr(value_str_or(value_get(item, "value"), ""), buf_str(&ref)))
			report_warning(ad, AT_ITEM(at, i), value_mark(item), "hides previous definition of \"%s\"", name);
	}
}

void env_var_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_get(v, "valueFrom") && value_len(value_get(v, "value")))
		report_invalid(ad, AT(at, "valueFrom"), value_get(v, "valueFrom"),
			       "may not be specified when `value` is not empty");
}

void env_var_source_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_len(v) == 0)
		report_invalid(ad, at, v, "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or "
			       "`secretKeyRef`");
	else if (value_len(v) > 1)
		report_invalid(ad, at, v, "may not have more than one field specified at a time");
}

void env_from_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const sources[] = { "configMapRef", "secretRef", NULL };
	size_t n = members_among(v, sources);

	if (n == 0)
		report_invalid(ad, at, v, "must specify one of: `configMapRef` or `secretRef`");
	else if (n > 1)
		report_invalid(ad, at, v, "may not have more than one field specified at a time");
	for (const char *const *s = sources; *s; s++) {
		const struct value *ref = value_get(v, *s);

		if (ref && !value_len(value_get(ref, "name")))
			report_required(ad, AT(AT(at, *s), "name"), ref, "%s", "");
	}
}

/* "metadata.labels['key']": whether `path` is that for `list`, with a key between the quotes. */
static bool is_subscript(const char *path, const char *list, const char **ret_key, size_t *ret_len)
{
	size_t n = strlen(list), len = strlen(path);

	if (strncmp(path, list, n) != 0 || len < n + 4 || strncmp(path + n, "['", 2) != 0 ||
	    strcmp(path + len - 2, "']") != 0)
		return false;
	*ret_key = path + n + 2;
	*ret_len = len - n - 4;
	return true;
}

/* Fields that a container's environment or a volume's file may show: core/validation's validEnv- and
 * validVolumeDownwardAPIFieldPathExpressions. */
static void check_field_path(struct admit *ad, const struct value *path, const struct schema_path *at)
{
	static const char *const known[] = { "metadata.annotations", "metadata.labels", "metadata.name",
					     "metadata.namespace", "metadata.uid", "spec.nodeName",
					     "spec.serviceAccountName", "status.hostIP", "status.hostIPs",
					     "status.podIP", "status.podIPs", NULL };
	const char *s = value_str_or(path, "");
	const char *key, *why;
	size_t len;

	for (size_t i = 0; known[i]; i++)
		if (strcmp(s, known[i]) == 0)
			return;
	if (is_subscript(s, "metadata.labels", &key, &len) || is_subscript(s, "metadata.annotations", &key, &len)) {
		key = arena_memdup(ad->arena, key, len);
		why = key ? format_annotation_key(key, len) : NULL;
		if (why)
			report_invalid(ad, at, path, "%s", why);
		return;
	}
	report_unsupported(ad, at, path, known);
}

void field_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *path = value_get(v, "fieldPath");
	const struct value *version = value_get(v, "apiVersion");

	if (value_len(path))
		check_field_path(ad, path, AT(at, "fieldPath"));
	if (strcmp(value_str_or(version, "v1"), "v1") != 0)
		report_unsupported(ad, AT(at, "apiVersion"), version, NAMES("v1"));
}

void resource_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const known[] = { "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
					     "requests.ephemeral-storage", "requests.memory", NULL };
	const struct value *resource = value_get(v, "resource");
	const char *s = value_str_or(resource, "");

	if (!*s || strncmp(s, "limits.hugepages-", 17) == 0 || strncmp(s, "requests.hugepages-", 19) == 0)
		return;
	for (size_t i = 0; known[i]; i++)
		if (strcmp(s, known[i]) == 0)
			return;
	report_unsupported(ad, AT(at, "resource"), resource, known);
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
	const struct value *seconds = value_path(v, "sleep", "seconds");

	check_handler(ad, v, NAMES("exec", "httpGet", "tcpSocket", "sleep"), at);
	if (value_int(seconds, 0) < 0)
		report_invalid(ad, AT(AT(at, "sleep"), "seconds"), seconds, "must be greater than or equal to 0");
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

/* --- mounts --- */

void volume_mounts_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	struct value *seen = value_new_map(ad->arena);

	for (size_t i = 0; i < value_len(v); i++) {
		const struct value *mount = value_at(v, i);
		const struct value *path = value_get(mount, "mountPath");

		if (seen_before(ad, seen, path))
			report_invalid(ad, AT(AT_ITEM(at, i), "mountPath"), path, "must be unique");
		if (value_get(mount, "subPath") && value_get(mount, "subPathExpr"))
			report_forbidden(ad, AT(AT_ITEM(at, i), "subPathExpr"), value_get(mount, "subPathExpr"),
					 "may not be set together with subPath");
	}
}

static void check_mounts_in_pod(struct admit *ad, const struct value *container, const struct value *volumes,
				const struct schema_path *at)
{
	const struct value *mounts = value_get(container, "volumeMounts");
	const struct value *privileged = value_path(container, "securityContext", "privileged");

	for (size_t i = 0; i < value_len(mounts); i++) {
		const struct value *mount = value_at(mounts, i);
		const struct value *name = value_get(mount, "name");
		const struct schema_path *item = AT_ITEM(AT(at, "volumeMounts"), i);

		if (value_len(name) && !value_get(volumes, value_str_or(name, "")))
			report_not_found(ad, AT(item, "name"), name, "no volume of the pod has this name");
		if (strcmp(value_str_or(value_get(mount, "mountPropagation"), ""), "Bidirectional") == 0 &&
		    !value_bool(privileged, false))
			report_forbidden(ad, AT(item, "mountPropagation"), value_get(mount, "mountPropagation"),
					 "Bidirectional is for privileged containers only");
	}
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
		report_forbidden(ad, AT(AT(at, "readinessProbe"), "terminationGracePeriodSeconds"), grace,
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
		report_required(ad, AT(at, "restartPolicy"), container, "must be set when restartPolicyRules are");
	if (value_len(rules) > 20)
		report_error(ad, AT(at, "restartPolicyRules"), value_mark(rules), "Too many: %zu: must have at most 20 items",
			     value_len(rules));
}

void container_check_in_pod(struct admit *ad, const struct value *container, enum container_kind kind,
			    const struct value *pod_spec, const struct value *volumes, const struct schema_path *at)
{
	const struct value *security = value_get(container, "securityContext");

	if (!value_len(value_get(container, "image")))
		report_required(ad, AT(at, "image"), container, "%s", "");
	check_mounts_in_pod(ad, container, volumes, at);
	check_restart_policy(ad, container, kind, at);
	check_probes(ad, container, at);
	if (kind == CONTAINER_INIT)
		check_init_only(ad, container, at);
	if (strcmp(value_str_or(value_get(security, "procMount"), ""), "Unmasked") == 0 &&
	    value_bool(value_get(pod_spec, "hostUsers"), true))
		report_invalid(ad, AT(AT(at, "securityContext"), "procMount"), value_get(security, "procMount"),
			       "`hostUsers` must be false if `procMount` is `Unmasked`");
	if (value_bool(value_get(pod_spec, "hostNetwork"), false))
		check_host_ports(ad, container, at);
}
