/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/storage/validation/validation.go and v1/defaults.go. */
#include "schema/storage_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/persistent_rules.h"
#include "schema/table.h"
#include "value/quantity.h"

enum { PARAMETERS_MAX = 512, PARAMETERS_SIZE_MAX = 256 * 1024, NODE_ID_MAX = 256 };

/* --- StorageClass, VolumeAttributesClass --- */

/* A qualified name in any case. */
static void check_provisioner(struct admit *ad, const struct value *v, const struct schema_path *at, const char *key)
{
	if (check_required(ad, v, at, key, ""))
		check_member(ad, v, at, key, format_annotation_key);
}

static void check_parameters(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *parameters = value_get(v, "parameters");
	const struct schema_path *path = AT(at, "parameters");
	size_t total = 0;

	if (value_len(parameters) > PARAMETERS_MAX) {
		report_too_long(ad, path, parameters, "may not be more than %d bytes", PARAMETERS_MAX);
		return;
	}
	for (size_t i = 0; i < value_len(parameters); i++) {
		if (!*value_key_at(parameters, i))
			report_error(ad, path, value_key_mark_at(parameters, i),
				     "Invalid value: \"\": field can not be empty.");
		total += strlen(value_key_at(parameters, i)) + value_len(value_at(parameters, i));
	}
	if (total > PARAMETERS_SIZE_MAX)
		report_too_long(ad, path, parameters, "may not be more than %d bytes", PARAMETERS_SIZE_MAX);
}

static void check_topology(struct admit *ad, const struct value *term, const struct schema_path *at)
{
	const struct value *list = value_get(term, "matchLabelExpressions");
	const struct schema_path *path = AT(at, "matchLabelExpressions");

	unique_check(ad, list, "key", path);
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *item = value_at(list, i);

		check_name_of(ad, item, AT_ITEM(path, i), "key", format_qualified_name);
		if (check_required(ad, item, AT_ITEM(path, i), "values", ""))
			check_unique_items(ad, value_get(item, "values"), AT(AT_ITEM(path, i), "values"));
	}
}

void storage_class_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *terms = value_get(v, "allowedTopologies");
	const struct schema_path *path = AT(at, "allowedTopologies");

	check_provisioner(ad, v, at, "provisioner");
	check_parameters(ad, v, at);
	for (size_t i = 0; i < value_len(terms); i++) {
		check_topology(ad, value_at(terms, i), AT_ITEM(path, i));
		for (size_t k = 0; k < i && k < PARAMETERS_MAX; k++)
			if (value_equal(value_at(terms, i), value_at(terms, k)))
				report_duplicate(ad, AT(AT_ITEM(path, i), "matchLabelExpressions"), value_at(terms, i));
	}
}

void storage_class_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *is = value_get(now, "parameters");

	if (!same_value(value_get(old, "parameters"), is))
		report_fixed(ad, AT(NULL, "parameters"), is ? is : now, "updates to parameters are forbidden.");
}

void attributes_class_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_provisioner(ad, v, at, "driverName");
	check_parameters(ad, v, at);
	check_required(ad, v, at, "parameters", "must contain at least one key/value pair");
}

void attributes_class_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	static const char *const fields[] = { "driverName", "parameters" };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (!same_value(value_get(old, fields[i]), value_get(now, fields[i])))
			report_fixed(ad, AT(NULL, fields[i]), value_get(now, fields[i]) ? value_get(now, fields[i]) : now,
				     "updates to %s are forbidden.", fields[i]);
}

/* --- VolumeAttachment --- */

void attachment_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *source = value_get(v, "source"), *name = value_get(source, "persistentVolumeName");
	const struct value *inline_spec = value_get(source, "inlineVolumeSpec");
	const struct schema_path *path = AT(at, "source");

	check_name_of(ad, v, at, "attacher", format_csi_driver);
	check_name_of(ad, v, at, "nodeName", format_dns_subdomain);
	if (!name && !inline_spec)
		report_required(ad, path, source ? source : v,
				"must specify exactly one of inlineVolumeSpec and persistentVolumeName");
	else if (name && inline_spec)
		report_forbidden(ad, path, source,
				 "must specify exactly one of inlineVolumeSpec and persistentVolumeName");
	else if (name && !value_len(name))
		report_required(ad, AT(path, "persistentVolumeName"), name, "must specify non empty persistentVolumeName");
	else if (inline_spec)
		inline_volume_check(ad, inline_spec, AT(path, "inlineVolumeSpec"));
	check_text(ad, name, AT(path, "persistentVolumeName"), format_dns_subdomain);
}

/* --- CSIDriver --- */

void csi_driver_spec_defaults(struct admit *ad, struct value *v)
{
	if (!value_len(value_get(v, "volumeLifecycleModes")))
		value_append(ad->arena, value_set_list(ad->arena, v, "volumeLifecycleModes"),
			     value_new_str(ad->arena, "Persistent"));
}

static void check_token_requests(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	struct value *seen = value_new_map(ad->arena);

	for (size_t i = 0; i < value_len(v); i++) {
		const struct value *audience = value_get(value_at(v, i), "audience");
		const struct value *seconds = value_get(value_at(v, i), "expirationSeconds");
		const char *key = arena_printf(ad->arena, ":%s", value_str_or(audience, ""));

		if (key && value_get(seen, key))
			report_duplicate(ad, AT(AT_ITEM(at, i), "audience"), audience ? audience : value_at(v, i));
		if (key)
			value_set_bool(ad->arena, seen, key, true);
		if (seconds && value_int(seconds, 0) < 600)
			report_invalid(ad, AT(AT_ITEM(at, i), "expirationSeconds"), seconds,
				       "may not specify a duration less than 10 minutes");
		if (seconds && value_int(seconds, 0) > 1LL << 32)
			report_invalid(ad, AT(AT_ITEM(at, i), "expirationSeconds"), seconds,
				       "may not specify a duration larger than 2^32 seconds");
	}
}

void csi_driver_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *modes = value_get(v, "volumeLifecycleModes");
	const struct value *period = value_get(v, "nodeAllocatableUpdatePeriodSeconds");
	const struct value *in_secrets = value_get(v, "serviceAccountTokenInSecrets");

	for (size_t i = 0; i < value_len(modes); i++) {
		const char *s = value_str_or(value_at(modes, i), "");

		if (strcmp(s, "Persistent") != 0 && strcmp(s, "Ephemeral") != 0)
			report_unsupported(ad, AT(at, "volumeLifecycleModes"), value_at(modes, i),
					   NAMES("Persistent", "Ephemeral"));
	}
	check_token_requests(ad, value_get(v, "tokenRequests"), AT(at, "tokenRequests"));
	if (period && value_int(period, 0) < 10)
		report_invalid(ad, AT(at, "nodeAllocatableUpdatePeriodSeconds"), period,
			       "must be greater than or equal to 10 seconds");
	if (in_secrets && !value_len(value_get(v, "tokenRequests")))
		report_invalid(ad, AT(at, "serviceAccountTokenInSecrets"), in_secrets,
			       "serviceAccountTokenInSecrets is set but no tokenRequests are specified");
}

void csi_driver_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *was = value_get(old, "spec"), *is = value_get(now, "spec");

	check_same(ad, was, is, AT(NULL, "spec"), "attachRequired");
	check_same(ad, was, is, AT(NULL, "spec"), "volumeLifecycleModes");
}

/* --- CSINode --- */

void csi_node_driver_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *keys = value_get(v, "topologyKeys"), *id = value_get(v, "nodeID");

	check_name_of(ad, v, at, "name", format_csi_driver);
	check_required(ad, v, at, "nodeID", "");
	if (value_len(id) > NODE_ID_MAX)
		report_invalid(ad, AT(at, "nodeID"), id, "must be %d characters or less", NODE_ID_MAX);
	for (size_t i = 0; i < value_len(keys); i++) {
		if (!value_len(value_at(keys, i)))
			report_required(ad, at, value_at(keys, i), "%s", "");
		check_text(ad, value_at(keys, i), at, format_qualified_name);
	}
	check_unique_items(ad, keys, AT(at, "topologyKeys"));
}

void csi_node_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	unique_check(ad, value_get(v, "drivers"), "name", AT(at, "drivers"));
}

void csi_node_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	static const char *const fields[] = { "nodeID", "topologyKeys" };
	const struct value *was = value_path(old, "spec", "drivers"), *is = value_path(now, "spec", "drivers");

	for (size_t i = 0; i < value_len(was); i++) {
		const struct value *driver = value_find(is, "name", text_of(value_at(was, i), "name"));

		for (size_t k = 0; driver && k < ARRAY_SIZE(fields); k++)
			check_same(ad, value_at(was, i), driver, AT(AT(NULL, "spec"), "drivers"), fields[k]);
	}
}

/* --- CSIStorageCapacity --- */

void storage_capacity_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *capacity = value_get(v, "capacity");
	struct quantity q;

	check_name_of(ad, v, at, "storageClassName", format_dns_subdomain);
	if (quantity_from(capacity, &q, NULL) == 0 && quantity_sign(&q) < 0)
		report_invalid(ad, AT(at, "capacity"), capacity, "must be greater than or equal to 0");
}

void storage_capacity_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	check_same(ad, old, now, NULL, "nodeTopology");
}
