/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's environment, and the fields and resources of its pod that it and files may show. Facts:
 * K8S:pkg/apis/core/validation/validation.go (ValidateEnv, validateObjectFieldSelector,
 * validateContainerResourceFieldSelector), K8S:pkg/apis/core/pods/helpers.go.
 */
#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/pod_rules.h"
#include "schema/table.h"
#include "value/quantity.h"

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
	static const char *const fields[] = { "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName",
					      "spec.serviceAccountName", "status.hostIP", "status.hostIPs",
					      "status.podIP", "status.podIPs", NULL };

	if (value_len(v) == 0)
		report_invalid(ad, at, v, "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
			       "`secretKeyRef` or `fileKeyRef`");
	else if (value_len(v) > 1)
		report_invalid(ad, at, v, "may not have more than one field specified at a time");
	field_path_check(ad, value_get(v, "fieldRef"), fields, AT(at, "fieldRef"));
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

		if (ref)
			check_name_of(ad, ref, AT(at, *s), "name", format_dns_subdomain);
	}
}

/* --- fields and resources of the pod --- */

/* "metadata.labels['key']": whether `path` is one with a subscript; what is before it, and the key. */
static bool is_subscripted(struct admit *ad, const char *path, const char **ret_list, const char **ret_key)
{
	const char *open = strstr(path, "['");
	size_t len = strlen(path);

	if (len < 2 || strcmp(path + len - 2, "']") != 0 || !open || open == path || path + len - 2 < open + 2)
		return false;
	*ret_list = arena_memdup(ad->arena, path, (size_t)(open - path));
	*ret_key = arena_memdup(ad->arena, open + 2, (size_t)(path + len - 2 - (open + 2)));
	return *ret_list && *ret_key;
}

static bool is_among(const char *s, const char *const *list)
{
	while (*list && strcmp(*list, s) != 0)
		list++;
	return *list != NULL;
}

void field_path_check(struct admit *ad, const struct value *ref, const char *const *fields,
		      const struct schema_path *at)
{
	/* what a label of a field means at all, whether it may be shown or not */
	static const char *const labels[] = { "metadata.annotations", "metadata.labels", "metadata.name",
					      "metadata.namespace", "metadata.uid", "spec.host", "spec.nodeName",
					      "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
					      "status.hostIP", "status.hostIPs", "status.phase", "status.podIP",
					      "status.podIPs", NULL };
	const struct value *path = value_get(ref, "fieldPath");
	const char *s = value_str_or(path, ""), *list, *key, *why;

	if (!*s || !text_is(ref, "apiVersion", "v1"))
		return;
	if (is_subscripted(ad, s, &list, &key)) {
		why = format_annotation_key(key, strlen(key));
		if (strcmp(list, "metadata.annotations") != 0)
			why = format_qualified_name(key, strlen(key));
		if (strcmp(list, "metadata.labels") != 0 && strcmp(list, "metadata.annotations") != 0)
			report_invalid(ad, AT(at, "fieldPath"), path,
				       "error converting fieldPath: field label does not support subscript: %s", s);
		else if (why)
			report_invalid(ad, AT(at, "fieldPath"), path, "%s", why);
	} else if (!is_among(s, labels)) {
		report_invalid(ad, AT(at, "fieldPath"), path, "error converting fieldPath: field label not supported: %s", s);
	} else if (!is_among(s, fields) && strcmp(s, "spec.host") != 0) {
		report_unsupported(ad, AT(at, "fieldPath"), path, fields);
	}
}

void field_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *version = value_get(v, "apiVersion");

	if (strcmp(value_str_or(version, "v1"), "v1") != 0)
		report_unsupported(ad, AT(at, "apiVersion"), version, NAMES("v1"));
}

/* The unit in which an amount is shown. */
static void check_divisor(struct admit *ad, const struct value *v, const char *resource, const char *what,
			  const struct schema_path *at)
{
	static const char *const for_cpu[] = { "1m", "1", NULL };
	static const char *const for_bytes[] = { "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti",
						 "1Pi", "1Ei", NULL };
	const struct value *divisor = value_get(v, "divisor");
	char text[QUANTITY_TEXT_MAX];
	struct quantity q;
	bool cpu = !strcmp(what, "cpu");

	if (!divisor || quantity_from(divisor, &q, NULL) < 0 || quantity_sign(&q) == 0)
		return;
	quantity_format(&q, text);
	if (is_among(text, cpu ? for_cpu : for_bytes))
		return;
	if (cpu)
		report_error(ad, AT(at, "divisor"), value_mark(divisor),
			     "Invalid value: \"%.128s\": only divisor's values 1m and 1 are supported with the cpu resource",
			     resource);
	else
		report_error(ad, AT(at, "divisor"), value_mark(divisor),
			     "Invalid value: \"%.128s\": only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, "
			     "1Ti, 1Pi, 1Ei are supported with the %s resource", resource, what);
}

void resource_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const known[] = { "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
					     "requests.ephemeral-storage", "requests.memory", NULL };
	const char *s = text_of(v, "resource"), *dot = strchr(s, '.');
	bool huge = !strncmp(s, "limits.hugepages-", 17) || !strncmp(s, "requests.hugepages-", 19);

	if (!*s)
		return;
	if (!huge && !is_among(s, known))
		report_unsupported(ad, AT(at, "resource"), value_get(v, "resource"), known);
	else if (dot)
		check_divisor(ad, v, s, huge ? "hugepages" : !strcmp(dot, ".ephemeral-storage") ? "local ephemeral storage" :
			      dot + 1, at);
}
