/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/core_rules.h"

#include <string.h>

#include "schema/format.h"

enum { EVENT_MESSAGE_MAX = 1024 };
enum { CONFIG_MAP_MAX = 1024 * 1024 }; /* bytes of all values: core.MaxSecretSize */

/* --- Namespace --- */

void namespace_defaults(struct admit *ad, struct value *v)
{
	const char *name = value_str(value_path(v, "metadata", "name"));
	struct value *finalizers;

	if (name && *name)
		value_set_str(ad->arena, value_make_path(ad->arena, v, "metadata", "labels"),
			      "kubernetes.io/metadata.name", name);
	finalizers = value_set_list(ad->arena, value_set_map(ad->arena, v, "spec"), "finalizers");
	for (size_t i = 0; i < value_len(finalizers); i++)
		if (strcmp(value_str_or(value_at(finalizers, i), ""), "kubernetes") == 0)
			return;
	value_append(ad->arena, finalizers, value_new_str(ad->arena, "kubernetes"));
}

void namespace_initial_status(struct admit *ad, struct value *root)
{
	value_set_str(ad->arena, value_set_map(ad->arena, root, "status"), "phase", "Active");
}

/* --- Node --- */

/* podCIDR is the first of podCIDRs; each is made from the other. */
void node_spec_defaults(struct admit *ad, struct value *v)
{
	const char *one = value_str(value_get(v, "podCIDR"));
	const struct value *first = value_at(value_get(v, "podCIDRs"), 0);

	if (one && !first)
		value_append(ad->arena, value_set_list(ad->arena, v, "podCIDRs"), value_new_str(ad->arena, one));
	else if (!one && value_str(first))
		value_set_str(ad->arena, v, "podCIDR", value_str(first));
}

void node_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *taints = value_get(v, "taints");
	struct value *seen = value_new_map(ad->arena);
	const struct value *cidrs = value_get(v, "podCIDRs");

	if (value_len(cidrs) > 2 || (value_len(cidrs) == 2 && !strchr(value_str_or(value_at(cidrs, 0), ""), ':') ==
								      !strchr(value_str_or(value_at(cidrs, 1), ""), ':')))
		report_invalid(ad, AT(at, "podCIDRs"), cidrs, "may specify no more than one CIDR for each IP family");
	for (size_t i = 0; i < value_len(taints); i++) {
		const struct value *taint = value_at(taints, i);
		const char *key = value_str_or(value_get(taint, "key"), "");
		const char *effect = value_str_or(value_get(taint, "effect"), "");
		char *both = arena_printf(ad->arena, "%s:%s", key, effect);

		if (!both)
			return;
		if (value_get(seen, both))
			report_duplicate(ad, AT_ITEM(AT(at, "taints"), i), taint);
		value_set_bool(ad->arena, seen, both, true);
	}
}

void node_status_defaults(struct admit *ad, struct value *v)
{
	if (!value_get(v, "allocatable") && value_get(v, "capacity"))
		value_set(ad->arena, v, "allocatable", value_copy(ad->arena, value_get(v, "capacity")));
}

void node_check_update(struct admit *ad, const struct value *old, const struct value *new_root)
{
	static const char *const once[] = { "podCIDR", "podCIDRs", "providerID" };

	for (size_t i = 0; i < ARRAY_SIZE(once); i++) {
		const struct value *was = value_path(old, "spec", once[i]);
		const struct value *is = value_path(new_root, "spec", once[i]);

		if (value_len(was) && !value_equal(was, is))
			report_immutable(ad, AT(AT(NULL, "spec"), once[i]), is, "may not change once set");
	}
}

/* --- Event --- */

void event_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const struct {
		const char *member;
		size_t max;
	} texts[] = { { "reportingInstance", 128 }, { "action", 128 }, { "reason", 128 } };
	const struct value *about = value_path(v, "involvedObject", "namespace");
	const struct value *ns = value_path(v, "metadata", "namespace"), *reporter = value_get(v, "reportingComponent");

	if (value_len(about) && value_len(ns) && !value_equal(about, ns))
		report_invalid(ad, AT(AT(at, "involvedObject"), "namespace"), about, "does not match event.namespace");
	if (!value_len(value_get(v, "eventTime")))
		return;
	/* those with a time of their own: K8S:pkg/apis/core/validation, legacyValidateEvent */
	if (!value_len(reporter))
		report_required(ad, AT(at, "reportingComponent"), v, "%s", "");
	else if (format_qualified_name(value_str_or(reporter, ""), value_len(reporter)))
		report_invalid(ad, AT(at, "reportingComponent"), reporter, "%s",
			       format_qualified_name(value_str_or(reporter, ""), value_len(reporter)));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct value *member = value_get(v, texts[i].member);

		if (!value_len(member))
			report_required(ad, AT(at, texts[i].member), v, "%s", "");
		else if (value_len(member) > texts[i].max)
			report_invalid(ad, AT(at, texts[i].member), member, "can have at most %zu characters", texts[i].max);
	}
	if (value_len(value_get(v, "message")) > EVENT_MESSAGE_MAX)
		report_invalid(ad, AT(at, "message"), value_get(v, "message"), "can have at most %d characters",
			       EVENT_MESSAGE_MAX);
}

/* Moves a member under another name, unless that one is there. */
static void move_member(struct admit *ad, struct value *v, const char *from, const char *to)
{
	struct value *member = value_get(v, from);

	if (!member || value_get(v, to))
		return;
	value_set(ad->arena, v, to, member);
	(void)value_remove(v, from);
}

void event_from_events(struct admit *ad, struct value *root)
{
	static const char *const moved[][2] = { { "note", "message" },
						{ "regarding", "involvedObject" },
						{ "reportingController", "reportingComponent" },
						{ "deprecatedCount", "count" },
						{ "deprecatedFirstTimestamp", "firstTimestamp" },
						{ "deprecatedLastTimestamp", "lastTimestamp" },
						{ "deprecatedSource", "source" } };

	for (size_t i = 0; i < ARRAY_SIZE(moved); i++)
		move_member(ad, root, moved[i][0], moved[i][1]);
}

/* --- ConfigMap --- */

void config_keys_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(v); i++) {
		const char *key = value_key_at(v, i);
		const char *why = format_config_key(key, strlen(key));

		if (why)
			report_error(ad, AT_KEY(at, key), value_key_mark_at(v, i), "Invalid value: \"%.128s\": %s", key, why);
	}
}

void config_map_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *data = value_get(v, "data");
	const struct value *binary = value_get(v, "binaryData");
	size_t total = 0;

	for (size_t i = 0; i < value_len(data); i++)
		total += value_len(value_at(data, i));
	for (size_t i = 0; i < value_len(binary); i++) {
		const char *key = value_key_at(binary, i);

		total += format_base64_size(value_str_or(value_at(binary, i), ""), value_len(value_at(binary, i)));
		if (value_get(data, key))
			report_error(ad, AT_KEY(AT(at, "data"), key), value_key_mark_at(binary, i),
				     "Invalid value: \"%.128s\": duplicate of key present in binaryData", key);
	}
	if (total > CONFIG_MAP_MAX)
		report_too_long(ad, AT(at, "data"), data ? data : binary, "may not be more than %d bytes, found %zu",
				CONFIG_MAP_MAX, total);
}

void config_map_check_update(struct admit *ad, const struct value *old, const struct value *new_root)
{
	static const char *const fields[] = { "data", "binaryData", "immutable" };

	if (!value_bool(value_get(old, "immutable"), false))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct value *was = value_get(old, fields[i]), *is = value_get(new_root, fields[i]);

		if (was == is || (was && is && value_equal(was, is)))
			continue;
		report_fixed(ad, AT(NULL, fields[i]), is ? is : new_root, "field is immutable when `immutable` is set");
	}
}
