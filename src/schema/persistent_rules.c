/* SPDX-License-Identifier: Apache-2.0 */
/* Facts: K8S:pkg/apis/core/validation/validation.go, ValidatePersistentVolume…, pkg/apis/core/v1/defaults.go. */
#include "schema/persistent_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/table.h"
#include "value/quantity.h"

/* The members of a PersistentVolumeSpec that are volume sources, in the order in which Kubernetes looks at them. */
static const char *const sources[] = {
	"hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte",
	"cephfs", "iscsi", "cinder", "fc", "flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk",
	"portworxVolume", "azureDisk", "scaleIO", "local", "storageos", "csi",
};

/* --- shared --- */

static void check_access_modes(struct admit *ad, const struct value *v, const struct schema_path *at, const char *none)
{
	const char *const *all = NAMES("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod");
	const struct value *modes = value_get(v, "accessModes");
	bool pod = false, other = false;

	check_required(ad, v, at, "accessModes", none);
	for (size_t i = 0; i < value_len(modes); i++) {
		const char *s = value_str_or(value_at(modes, i), "");
		const char *const *m = all;

		while (*m && strcmp(*m, s) != 0)
			m++;
		if (!*m)
			report_unsupported(ad, AT(at, "accessModes"), value_at(modes, i), all);
		else if (!strcmp(s, "ReadWriteOncePod"))
			pod = true;
		else
			other = true;
	}
	if (pod && other)
		report_forbidden(ad, AT(at, "accessModes"), modes, "may not use ReadWriteOncePod with other access modes");
}

static void check_size(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	char text[QUANTITY_TEXT_MAX];
	struct quantity q;

	if (quantity_from(v, &q, NULL) < 0)
		return;
	quantity_format(&q, text);
	if (quantity_sign(&q) <= 0)
		report_invalid(ad, at, v, "must be greater than zero");
	else if (quantity_milli(&q) != INT64_MAX && quantity_milli(&q) % 1000)
		report_warning(ad, at, value_mark(v), "fractional byte value \"%s\" is invalid, must be an integer", text);
}

/* --- PersistentVolume --- */

void volume_initial_status(struct admit *ad, struct value *root)
{
	value_set_str(ad->arena, value_set_map(ad->arena, root, "status"), "phase", "Pending");
}

static size_t check_sources(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (value_get(v, sources[i]) && n++)
			report_forbidden(ad, AT(at, sources[i]), value_get(v, sources[i]),
					 "may not specify more than 1 volume type");
	if (!n)
		report_required(ad, at, v, "must specify a volume type");
	return n;
}

static void check_capacity(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *capacity = value_get(v, "capacity");

	if (!check_required(ad, v, at, "capacity", ""))
		return;
	if (!value_get(capacity, "storage") || value_len(capacity) > 1)
		report_unsupported(ad, AT(at, "capacity"), capacity, NAMES("storage"));
	for (size_t i = 0; i < value_len(capacity); i++)
		check_size(ad, value_at(capacity, i), AT_KEY(AT(at, "capacity"), value_key_at(capacity, i)));
}

static bool is_root_path(const char *s)
{
	return *s == '/' && strspn(s, "/.") == strlen(s) && !strstr(s, "..");
}

static void check_class_of_attributes(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *name = value_get(v, "volumeAttributesClassName");

	if (!name)
		return;
	if (!value_len(name))
		report_required(ad, AT(at, "volumeAttributesClassName"), name, "an empty string is disallowed");
	check_text(ad, name, AT(at, "volumeAttributesClassName"), format_dns_subdomain);
	if (!value_get(v, "csi"))
		report_required(ad, AT(at, "csi"), v, "has to be specified when using volumeAttributesClassName");
}

static void check_affinity(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *affinity = value_get(v, "nodeAffinity");

	if (affinity && !value_get(affinity, "required"))
		report_required(ad, AT(AT(at, "nodeAffinity"), "required"), affinity, "must specify required node constraints");
	if (value_get(v, "local") && !affinity)
		report_required(ad, AT(at, "nodeAffinity"), v, "Local volume requires node affinity");
}

static void check_iscsi_name(struct admit *ad, const struct value *root, const struct schema_path *at)
{
	const struct value *iscsi = value_path(root, "spec", "iscsi"), *portal = value_get(iscsi, "targetPortal");

	if (value_get(iscsi, "initiatorName") &&
	    value_len(value_path(root, "metadata", "name")) + 1 + value_len(portal) > 64)
		report_invalid(ad, AT(AT(at, "iscsi"), "targetportal"), portal,
			       "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
			       "iscsi.initiatorName is specified.");
}

void persistent_volume_check(struct admit *ad, const struct value *root, const struct schema_path *at)
{
	const struct value *v = value_get(root, "spec"), *policy = value_get(v, "persistentVolumeReclaimPolicy");
	const struct schema_path *path = AT(at, "spec");

	check_access_modes(ad, v, path, "");
	check_capacity(ad, v, path);
	check_one_of(ad, v, path, "persistentVolumeReclaimPolicy", NAMES("Delete", "Recycle", "Retain"));
	check_affinity(ad, v, path);
	check_sources(ad, v, path);
	check_iscsi_name(ad, root, path);
	if (text_is(v, "persistentVolumeReclaimPolicy", "Recycle")) {
		if (is_root_path(text_of(value_get(v, "hostPath"), "path")))
			report_forbidden(ad, AT(path, "persistentVolumeReclaimPolicy"), policy,
					 "may not be 'recycle' for a hostPath mount of '/'");
		report_warning(ad, AT(path, "persistentVolumeReclaimPolicy"), value_mark(policy),
			       "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use "
			       "dynamic provisioning.");
	}
	check_member(ad, v, path, "storageClassName", format_dns_subdomain);
	check_one_of(ad, v, path, "volumeMode", NAMES("Block", "Filesystem"));
	check_class_of_attributes(ad, v, path);
}

void inline_volume_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const none[] = { "claimRef", "capacity", "nodeAffinity", "storageClassName" };

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (value_len(value_get(v, none[i])))
			report_forbidden(ad, AT(at, none[i]), value_get(v, none[i]),
					 "may not be specified in the context of inline volumes");
	if (!value_get(v, "csi"))
		report_required(ad, AT(at, "csi"), v, "has to be specified in the context of inline volumes");
	check_access_modes(ad, v, at, "");
	check_sources(ad, v, at);
	if (value_get(v, "persistentVolumeReclaimPolicy") && !text_is(v, "persistentVolumeReclaimPolicy", "Retain"))
		report_forbidden(ad, AT(at, "persistentVolumeReclaimPolicy"), value_get(v, "persistentVolumeReclaimPolicy"),
				 "may only be Retain in the context of inline volumes");
	if (value_get(v, "volumeMode") && !text_is(v, "volumeMode", "Filesystem"))
		report_forbidden(ad, AT(at, "volumeMode"), value_get(v, "volumeMode"),
				 "may not specify volumeMode other than Filesystem in the context of inline volumes");
}

/* A CSI volume's secret for its growth may be given later. */
static bool same_source(const struct value *old, const struct value *now, const char *key)
{
	if (strcmp(key, "csi") != 0 || value_get(old, "controllerExpandSecretRef") || !old || !now)
		return same_value(old, now);
	for (size_t i = 0; i < value_len(old) + value_len(now); i++) {
		const char *k = i < value_len(old) ? value_key_at(old, i) : value_key_at(now, i - value_len(old));

		if (strcmp(k, "controllerExpandSecretRef") != 0 && !same_value(value_get(old, k), value_get(now, k)))
			return false;
	}
	return true;
}

void persistent_volume_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *was = value_get(old, "spec"), *is = value_get(now, "spec");
	const struct schema_path *at = AT(NULL, "spec");

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		if (!same_source(value_get(was, sources[i]), value_get(is, sources[i]), sources[i]))
			report_fixed(ad, AT(at, sources[i]), value_get(is, sources[i]) ? value_get(is, sources[i]) : is,
				     "spec.persistentvolumesource is immutable after creation");
	check_same(ad, was, is, at, "volumeMode");
	if (value_get(was, "nodeAffinity"))
		check_same(ad, was, is, at, "nodeAffinity");
	if (value_get(was, "volumeAttributesClassName") && !value_get(is, "volumeAttributesClassName"))
		report_fixed(ad, AT(at, "volumeAttributesClassName"), is, "update from non-nil value to nil is forbidden");
}

/* --- PersistentVolumeClaim --- */

/* Each of dataSource and dataSourceRef is made from the other, but for a reference into another namespace. */
void claim_initial_status(struct admit *ad, struct value *root)
{
	struct value *v = value_get(root, "spec");
	const struct value *source = value_get(v, "dataSource"), *ref = value_get(v, "dataSourceRef");

	if (source && !ref)
		value_set(ad->arena, v, "dataSourceRef", value_copy(ad->arena, source));
	else if (ref && !source && !value_len(value_get(ref, "namespace")))
		value_set(ad->arena, v, "dataSource", value_copy(ad->arena, ref));
	volume_initial_status(ad, root);
}

static void check_data_source(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (!v)
		return;
	check_required(ad, v, at, "name", "");
	check_required(ad, v, at, "kind", "");
	check_member(ad, v, at, "apiGroup", format_dns_subdomain);
	check_member(ad, v, at, "namespace", format_dns_label);
	if (!value_len(value_get(v, "apiGroup")) && !text_is(v, "kind", "PersistentVolumeClaim"))
		report_error(ad, at, value_mark(v),
			     "Invalid value: \"%.128s\": must be 'PersistentVolumeClaim' when referencing the default apiGroup",
			     text_of(v, "kind"));
}

static void check_data_sources(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *source = value_get(v, "dataSource"), *ref = value_get(v, "dataSourceRef");

	check_data_source(ad, source, AT(at, "dataSource"));
	if (value_mark(ref).line)
		check_data_source(ad, ref, AT(at, "dataSourceRef"));
	if (!source || !ref)
		return;
	if (value_len(value_get(ref, "namespace")))
		report_error(ad, at, value_mark(source),
			     "Invalid value: \"dataSource\": may not be specified when dataSourceRef.namespace is specified");
	else if (!same_value(source, ref))
		report_error(ad, at, value_mark(source), "Invalid value: \"dataSource\": must match dataSourceRef");
}

void claim_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *resources = value_get(v, "resources");
	const struct value *storage = value_path(resources, "requests", "storage");
	const struct schema_path *path = AT_KEY(AT(at, "resources"), "storage");

	check_access_modes(ad, v, at, "at least 1 access mode is required");
	if (storage)
		check_size(ad, storage, path);
	else
		report_required(ad, path, value_mark(resources).line ? resources : v, "%s", "");
	check_member(ad, v, at, "storageClassName", format_dns_subdomain);
	check_one_of(ad, v, at, "volumeMode", NAMES("Block", "Filesystem"));
	check_data_sources(ad, v, at);
	check_member(ad, v, at, "volumeAttributesClassName", format_dns_subdomain);
}

/* Of an ephemeral volume: its metadata is labels and annotations alone. */
void claim_template_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *meta = value_get(v, "metadata");

	for (size_t i = 0; i < value_len(meta); i++) {
		const char *key = value_key_at(meta, i);

		if (strcmp(key, "labels") != 0 && strcmp(key, "annotations") != 0)
			report_forbidden(ad, AT(AT(at, "metadata"), key), value_at(meta, i), "cannot be set");
	}
}

static bool may_change(const struct value *old, const char *key)
{
	static const char *const when_unset[] = { "volumeName", "storageClassName" };

	for (size_t i = 0; i < ARRAY_SIZE(when_unset); i++)
		if (!strcmp(key, when_unset[i]))
			return !value_path(old, "spec", key);
	if (!strcmp(key, "volumeAttributesClassName"))
		return text_is(value_get(old, "status"), "phase", "Bound");
	return !strcmp(key, "resources");
}

static void check_resources(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *was = value_path(old, "spec", "resources"), *is = value_path(now, "spec", "resources");
	const struct value *size = value_path(is, "requests", "storage");
	const struct schema_path *at = AT(AT(NULL, "spec"), "resources");
	bool bound = text_is(value_get(old, "status"), "phase", "Bound");
	struct quantity a, b;

	if (!same_value(value_get(was, "limits"), value_get(is, "limits")) ||
	    (!bound && !same_value(value_path(was, "requests", "storage"), size)))
		report_fixed(ad, at, size ? size : now,
			     "spec is immutable after creation except resources.requests and volumeAttributesClassName for "
			     "bound claims");
	else if (quantity_from(value_path(was, "requests", "storage"), &a, NULL) == 0 &&
		 quantity_from(size, &b, NULL) == 0 && quantity_compare(&b, &a) < 0 &&
		 (quantity_from(value_path(old, "status", "capacity", "storage"), &a, NULL) < 0 ||
		  quantity_compare(&b, &a) <= 0))
		report_fixed(ad, AT(AT(at, "requests"), "storage"), size, "field can not be less than status.capacity");
}

void claim_check_update(struct admit *ad, const struct value *old, const struct value *now)
{
	const struct value *was = value_get(old, "spec"), *is = value_get(now, "spec");

	for (size_t i = 0; i < value_len(was) + value_len(is); i++) {
		bool first = i < value_len(was);
		const char *key = first ? value_key_at(was, i) : value_key_at(is, i - value_len(was));
		const struct value *member = value_get(is, key);

		if ((!first && value_get(was, key)) || may_change(old, key) || same_value(value_get(was, key), member))
			continue;
		report_fixed(ad, AT(AT(NULL, "spec"), key), member ? member : is,
			     "spec is immutable after creation except resources.requests and volumeAttributesClassName for "
			     "bound claims");
	}
	check_resources(ad, old, now);
}
