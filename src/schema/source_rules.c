/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What volume sources ask for, beyond the fields that each needs. Facts: K8S:pkg/apis/core/validation/validation.go,
 * validate…VolumeSource.
 */
#include <string.h>

#include "schema/check.h"
#include "schema/persistent_rules.h"
#include "schema/table.h"

void absolute_path_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *path = value_get(v, "path");

	if (value_len(path) && *value_str_or(path, "") != '/')
		report_invalid(ad, AT(at, "path"), path, "must be an absolute path");
}

void disk_partition_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *n = value_get(v, "partition");

	if (value_int(n, 0) < 0 || value_int(n, 0) > 255)
		report_invalid(ad, AT(at, "partition"), n, "must be between 0 and 255, inclusive");
}

/* --- iSCSI --- */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool are_alnum(const char *s, size_t n)
{
	size_t k = 0;

	while (is_alnum(s[k]))
		k++;
	return k == n && !s[k];
}

/* iqn.YYYY-MM.REVERSED.DOMAIN:ANY, eui.16 letters or digits, naa.32. */
static bool is_initiator(const char *s)
{
	const char *p = s + 4;

	if (!strncmp(s, "eui.", 4))
		return are_alnum(p, 16);
	if (!strncmp(s, "naa.", 4))
		return are_alnum(p, 32);
	if (strncmp(s, "iqn.", 4) != 0 || strspn(p, "0123456789") != 4 || p[4] != '-' ||
	    strspn(p + 5, "0123456789") != 2 || p[7] != '.')
		return false;
	s = p + 8;
	for (p = s; is_alnum(*p) || *p == '-' || *p == '.';)
		p++;
	return p > s && *p == ':' && p[1] && !p[1 + strcspn(p + 1, ",;*&$| \t\n\r\f\v")];
}

static void check_initiator(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const char *s = value_str_or(v, "");

	if (!*s || is_initiator(s))
		return;
	report_invalid(ad, at, v, !strncmp(s, "iqn", 3) || !strncmp(s, "eui", 3) || !strncmp(s, "naa", 3) ?
					  "must be valid format" :
					  "must be valid format starting with iqn, eui, or naa");
}

void iscsi_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	bool chap = value_bool(value_get(v, "chapAuthDiscovery"), false) ||
		    value_bool(value_get(v, "chapAuthSession"), false);

	check_initiator(ad, value_get(v, "iqn"), AT(at, "iqn"));
	check_initiator(ad, value_get(v, "initiatorName"), AT(at, "initiatorname"));
	check_between(ad, v, at, "lun", 0, 255);
	if (chap && !value_get(v, "secretRef"))
		report_required(ad, AT(at, "secretRef"), v, "%s", "");
}

/* The initiator's interface is named after volume and portal, of 64 bytes at most. */
void iscsi_name_check(struct admit *ad, const struct value *volume, const struct schema_path *at)
{
	const struct value *iscsi = value_get(volume, "iscsi"), *name = value_get(volume, "name");

	if (value_get(iscsi, "initiatorName") && value_len(name) + 1 + value_len(value_get(iscsi, "targetPortal")) > 64)
		report_invalid(ad, AT(at, "name"), name,
			       "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
			       "iscsi.initiatorName is specified.");
}

/* --- the others --- */

void cinder_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_get(v, "secretRef"))
		check_required(ad, value_get(v, "secretRef"), AT(at, "secretRef"), "name", "");
}

void csi_source_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ref = value_get(v, "nodePublishSecretRef");

	if (ref)
		check_name_of(ad, ref, AT(at, "nodePublishSecretRef"), "name", format_dns_subdomain);
}

void fc_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *wwns = value_get(v, "targetWWNs"), *wwids = value_get(v, "wwids");

	if (!value_len(wwns) && !value_len(wwids))
		report_required(ad, AT(at, "targetWWNs"), v, "must specify either targetWWNs or wwids, but not both");
	if (value_len(wwns) && value_len(wwids))
		report_invalid(ad, AT(at, "targetWWNs"), wwns,
			       "targetWWNs and wwids can not be specified simultaneously");
	if (value_len(wwns) && !value_get(v, "lun"))
		report_required(ad, AT(at, "lun"), v, "lun is required if targetWWNs is specified");
	else if (value_len(wwns))
		check_between(ad, v, at, "lun", 0, 255);
}

void flocker_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *name = value_get(v, "datasetName"), *uuid = value_get(v, "datasetUUID");

	if (!value_len(name) && !value_len(uuid))
		report_required(ad, at, v, "one of datasetName and datasetUUID is required");
	if (value_len(name) && value_len(uuid))
		report_error(ad, at, value_mark(v),
			     "Invalid value: \"resource\": datasetName and datasetUUID can not be specified simultaneously");
	if (strchr(value_str_or(name, ""), '/'))
		report_invalid(ad, AT(at, "datasetName"), name, "must not contain '/'");
}

/* HOST:PORT, or [IPv6]:PORT. */
static bool is_host_and_port(const char *s, size_t len)
{
	const char *colon = len ? memrchr(s, ':', len) : NULL;

	if (!colon)
		return false;
	if (*s == '[')
		return colon > s && colon[-1] == ']';
	return memchr(s, ':', len) == colon;
}

void quobyte_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char rule[] = "must be a host:port pair or multiple pairs separated by commas";
	const char *s = text_of(v, "registry");

	if (!*s) {
		report_required(ad, AT(at, "registry"), v, "%s", rule);
		return;
	}
	if (value_len(value_get(v, "tenant")) >= 65) {
		report_required(ad, AT(at, "tenant"), v, "must be a UUID and may not exceed a length of 64 characters");
		return;
	}
	for (;;) {
		size_t n = strcspn(s, ",");

		if (!is_host_and_port(s, n)) {
			report_invalid(ad, AT(at, "registry"), value_get(v, "registry"), "%s", rule);
			return;
		}
		if (!s[n])
			return;
		s += n + 1;
	}
}

void flex_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const reserved[] = { "kubernetes.io", "k8s.io" };
	const struct value *options = value_get(v, "options");

	for (size_t i = 0; i < value_len(options); i++) {
		const char *key = value_key_at(options, i);
		size_t n = strcspn(key, "/");

		for (size_t k = 0; k < ARRAY_SIZE(reserved); k++) {
			size_t m = strlen(reserved[k]);

			if (n >= m && !strncasecmp(key + n - m, reserved[k], m) && (n == m || key[n - m - 1] == '.'))
				report_error(ad, AT_KEY(AT(at, "options"), key), value_key_mark_at(options, i),
					     "Invalid value: \"%.128s\": kubernetes.io and k8s.io namespaces are reserved", key);
		}
	}
}

void azure_disk_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *uri = value_get(v, "diskURI");
	bool managed = text_is(v, "kind", "Managed");

	if (!uri || !value_get(v, "kind"))
		return;
	if (managed && strncmp(value_str_or(uri, ""), "/subscriptions/", strlen("/subscriptions/")) != 0)
		report_unsupported(ad, AT(at, "diskURI"), uri,
				   NAMES("/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/"
					 "microsoft.compute/disks/{disk-id}"));
	if (!managed && strncmp(value_str_or(uri, ""), "https://", strlen("https://")) != 0)
		report_unsupported(ad, AT(at, "diskURI"), uri,
				   NAMES("https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"));
}

void storage_os_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_name_of(ad, v, at, "volumeName", format_dns_label);
	check_member(ad, v, at, "volumeNamespace", format_dns_label);
	if (value_get(v, "secretRef"))
		check_required(ad, value_get(v, "secretRef"), AT(at, "secretRef"), "name", "");
}

void secret_reference_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_name_of(ad, v, at, "name", format_dns_subdomain);
	check_name_of(ad, v, at, "namespace", format_dns_label);
}

void glusterfs_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ns = value_get(v, "endpointsNamespace");

	if (ns && !value_len(ns))
		report_invalid(ad, AT(at, "endpointsNamespace"), ns,
			       "if the endpointnamespace is set, it must be a valid namespace name");
	check_member(ad, v, at, "endpointsNamespace", format_dns_label);
}

/* --- of PersistentVolumes --- */

void iscsi_persistent_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ref = value_get(v, "secretRef");

	iscsi_check(ad, v, at);
	if (ref)
		check_required(ad, ref, AT(at, "secretRef"), "name", "");
}

void cinder_persistent_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ref = value_get(v, "secretRef");

	if (!ref)
		return;
	check_required(ad, ref, AT(at, "secretRef"), "name", "");
	check_required(ad, ref, AT(at, "secretRef"), "namespace", "");
}

void storage_os_persistent_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *ref = value_get(v, "secretRef");

	storage_os_check(ad, v, at);
	if (ref)
		check_required(ad, ref, AT(at, "secretRef"), "namespace", "");
}

void azure_file_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	if (value_get(v, "secretNamespace"))
		check_required(ad, v, at, "secretNamespace", "");
}
