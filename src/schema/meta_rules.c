/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/meta_rules.h"

#include <string.h>

#include "schema/format.h"
#include "schema/table.h"

/* Bytes of all keys and values: apimachinery's TotalAnnotationSizeLimitB. */
enum { ANNOTATIONS_MAX = 256 * 1024 };

void labels_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(v); i++) {
		const char *key = value_key_at(v, i);
		const char *why = format_qualified_name(key, strlen(key));

		if (why)
			report_error(ad, at, value_key_mark_at(v, i), "Invalid value: \"%.128s\": %s", key, why);
	}
}

void annotations_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	size_t total = 0;

	for (size_t i = 0; i < value_len(v); i++) {
		const char *key = value_key_at(v, i);
		const char *why = format_annotation_key(key, strlen(key));

		if (why)
			report_error(ad, at, value_key_mark_at(v, i), "Invalid value: \"%.128s\": %s", key, why);
		total += strlen(key) + value_len(value_at(v, i));
	}
	if (total > ANNOTATIONS_MAX)
		report_too_long(ad, at, v, "may not be more than %d bytes, keys and values together", ANNOTATIONS_MAX);
}

void owner_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *version = value_get(v, "apiVersion");
	const char *s = value_str_or(version, ""), *slash = strchr(s, '/');

	if (slash && (strchr(slash + 1, '/') || !slash[1]))
		report_invalid(ad, AT(at, "apiVersion"), version, "version must not be empty");
	if (!strcmp(s, "v1") && !strcmp(value_str_or(value_get(v, "kind"), ""), "Event"))
		report_invalid(ad, at, v, "/v1, Kind=Event is disallowed from being an owner");
}

/* Groups whose objects may have any finalizer that is a name; the others' are of a domain, or Kubernetes' own. */
static bool takes_any_finalizer(const struct admit *ad)
{
	static const char *const groups[] = { "admissionregistration.k8s.io", "apiextensions.k8s.io",
					      "apiregistration.k8s.io", "coordination.k8s.io",
					      "rbac.authorization.k8s.io" };

	if (!ad->ops || ad->ops->kind.is_custom)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (!strcmp(ad->ops->kind.group, groups[i]))
			return true;
	return false;
}

static void check_finalizers(struct admit *ad, const struct value *list, const struct schema_path *at)
{
	bool orphan = false, foreground = false;

	for (size_t i = 0; i < value_len(list); i++) {
		const char *s = value_str_or(value_at(list, i), "");

		orphan = orphan || !strcmp(s, "orphan");
		foreground = foreground || !strcmp(s, "foregroundDeletion");
		if (*s && !strchr(s, '/') && strcmp(s, "kubernetes") != 0 && strcmp(s, "orphan") != 0 &&
		    strcmp(s, "foregroundDeletion") != 0 && !takes_any_finalizer(ad))
			report_invalid(ad, AT_ITEM(at, i), value_at(list, i),
				       "name is neither a standard finalizer name nor is it fully qualified");
	}
	if (orphan && foreground)
		report_invalid(ad, at, list, "finalizer orphan and foregroundDeletion cannot be both set");
}

void namespace_finalizers_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_finalizers(ad, v, at);
}

void object_meta_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *owners = value_get(v, "ownerReferences");
	const char *controller = NULL;

	if (at && !at->up) /* a template's are its pods' matter */
		check_finalizers(ad, value_get(v, "finalizers"), AT(at, "finalizers"));
	for (size_t i = 0; i < value_len(owners); i++) {
		const struct value *owner = value_at(owners, i);

		if (!value_bool(value_get(owner, "controller"), false))
			continue;
		if (controller)
			report_error(ad, AT(at, "ownerReferences"), value_mark(owner),
				     "Invalid value: only one reference can have controller set to true, %s has it already",
				     controller);
		controller = value_str_or(value_get(owner, "name"), "?");
	}
}

void requirement_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *op = value_str_or(value_get(v, "operator"), "");
	const struct value *values = value_get(v, "values");
	bool needs = strcmp(op, "In") == 0 || strcmp(op, "NotIn") == 0;

	if (needs && !value_len(values))
		report_required(ad, AT(at, "values"), v, "must be specified when `operator` is 'In' or 'NotIn'");
	if (!needs && value_len(values) && strstr(op, "xist"))
		report_forbidden(ad, AT(at, "values"), values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	for (size_t i = 0; i < value_len(values); i++) {
		const struct value *item = value_at(values, i);
		const char *why = format_label_value(value_str_or(item, ""), value_len(item));

		if (why)
			report_invalid(ad, AT_ITEM(AT(at, "values"), i), item, "%s", why);
	}
}

void unique_check(struct admit *ad, const struct value *list, const char *key, const struct schema_path *at)
{
	struct value *seen = value_len(list) > 1 ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; seen && i < value_len(list); i++) {
		const struct value *v = value_get(value_at(list, i), key);

		if (!seen_before(ad, seen, v))
			continue;
		report_duplicate(ad, AT(AT_ITEM(at, i), key), v);
	}
}

bool seen_before(struct admit *ad, struct value *seen, const struct value *v)
{
	const char *s = value_str(v);

	if (!s || !*s)
		return false;
	if (value_get(seen, s))
		return true;
	value_set_bool(ad->arena, seen, s, true);
	return false;
}

size_t members_among(const struct value *map, const char *const *keys)
{
	size_t n = 0;

	for (; *keys; keys++)
		n += value_get(map, *keys) != NULL;
	return n;
}
