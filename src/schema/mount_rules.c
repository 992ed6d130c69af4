/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's volume mounts and devices. Facts: K8S:pkg/apis/core/validation/validation.go (ValidateVolumeMounts,
 * ValidateVolumeDevices).
 */
#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/pod_rules.h"

void volume_mounts_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	struct value *seen = value_new_map(ad->arena);

	for (size_t i = 0; i < value_len(v); i++) {
		const struct value *mount = value_at(v, i);
		const struct value *path = value_get(mount, "mountPath");

		if (seen_before(ad, seen, path))
			report_invalid(ad, AT(AT_ITEM(at, i), "mountPath"), path, "must be unique");
		if (value_get(mount, "subPath") && value_get(mount, "subPathExpr"))
			report_invalid(ad, AT(AT_ITEM(at, i), "subPathExpr"), value_get(mount, "subPathExpr"),
				       "subPathExpr and subPath are mutually exclusive");
	}
}

void volume_mount_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *recursive = value_get(v, "recursiveReadOnly");
	const char *propagation = text_of(v, "mountPropagation");

	if (!text_is(v, "recursiveReadOnly", "Enabled") && !text_is(v, "recursiveReadOnly", "IfPossible"))
		return;
	if (!value_bool(value_get(v, "readOnly"), false))
		report_forbidden(ad, AT(at, "recursiveReadOnly"), recursive, "may only be specified when readOnly is true");
	if (*propagation && strcmp(propagation, "None") != 0)
		report_forbidden(ad, AT(at, "recursiveReadOnly"), recursive,
				 "may only be specified when mountPropagation is None or not specified");
}

/* The members of a list's items, as the keys of a map. */
static struct value *keys_of(struct admit *ad, const struct value *list, const char *member)
{
	struct value *keys = value_new_map(ad->arena);

	for (size_t i = 0; i < value_len(list); i++)
		(void)seen_before(ad, keys, value_get(value_at(list, i), member));
	return keys;
}

static bool has(const struct value *keys, const struct value *v)
{
	return value_len(v) && value_get(keys, value_str_or(v, ""));
}

static void check_mounts(struct admit *ad, const struct value *container, const struct value *volumes,
			 const struct schema_path *at)
{
	const struct value *mounts = value_get(container, "volumeMounts");
	const struct value *devices = value_get(container, "volumeDevices");
	bool privileged = value_bool(value_path(container, "securityContext", "privileged"), false);
	struct value *names = devices ? keys_of(ad, devices, "name") : NULL;
	struct value *paths = devices ? keys_of(ad, devices, "devicePath") : NULL;

	for (size_t i = 0; i < value_len(mounts); i++) {
		const struct value *mount = value_at(mounts, i);
		const struct value *name = value_get(mount, "name"), *path = value_get(mount, "mountPath");
		const struct schema_path *item = AT_ITEM(AT(at, "volumeMounts"), i);

		if (value_len(name) && !has(volumes, name))
			report_not_found(ad, AT(item, "name"), name, "no volume of the pod has this name");
		if (text_is(mount, "mountPropagation", "Bidirectional") && !privileged)
			report_forbidden(ad, AT(item, "mountPropagation"), value_get(mount, "mountPropagation"),
					 "Bidirectional mount propagation is available only to privileged containers");
		if (has(names, name))
			report_invalid(ad, AT(item, "name"), name, "must not already exist in volumeDevices");
		if (has(paths, path))
			report_invalid(ad, AT(item, "mountPath"), path,
				       "must not already exist as a path in volumeDevices");
	}
}

static void check_devices(struct admit *ad, const struct value *container, const struct value *volumes,
			  const struct schema_path *at)
{
	const struct value *devices = value_get(container, "volumeDevices");
	struct value *names = devices ? value_new_map(ad->arena) : NULL, *paths = devices ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; names && paths && i < value_len(devices); i++) {
		const struct value *device = value_at(devices, i);
		const struct value *name = value_get(device, "name"), *path = value_get(device, "devicePath");
		const struct value *volume = value_len(name) ? value_get(volumes, value_str_or(name, "")) : NULL;
		const struct schema_path *item = AT_ITEM(AT(at, "volumeDevices"), i);

		if (seen_before(ad, names, name))
			report_invalid(ad, AT(item, "name"), name, "must be unique");
		if (value_len(name) && !volume)
			report_not_found(ad, AT(item, "name"), name, "no volume of the pod has this name");
		else if (volume && !value_bool(volume, false))
			report_invalid(ad, AT(item, "name"), name, "can only use volume source type of PersistentVolumeClaim or "
				       "Ephemeral for block mode");
		if (seen_before(ad, paths, path))
			report_invalid(ad, AT(item, "devicePath"), path, "must be unique");
		if (format_no_dotdot(value_str_or(path, ""), value_len(path)))
			report_invalid(ad, AT(item, "devicePath"), path, "can not contain backsteps ('..')");
	}
}

void container_mounts_check(struct admit *ad, const struct value *container, const struct value *volumes,
			    const struct schema_path *at)
{
	check_mounts(ad, container, volumes, at);
	check_devices(ad, container, volumes, at);
}
