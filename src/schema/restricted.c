/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/restricted.h"

#include <string.h>

#include "base/cleanup.h"

#define WHY "Pod Security Standards, restricted"

static bool is_windows(const struct value *spec)
{
	return strcmp(value_str_or(value_path(spec, "os", "name"), ""), "windows") == 0;
}

static void check_volumes(struct admit *ad, const struct value *volumes, const struct schema_path *at)
{
	static const char *const allowed[] = { "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image",
					       "persistentVolumeClaim", "projected", "secret" };

	for (size_t i = 0; i < value_len(volumes); i++) {
		const struct value *v = value_at(volumes, i);
		bool found = false;

		for (size_t k = 0; k < ARRAY_SIZE(allowed); k++)
			found |= value_get(v, allowed[k]) != NULL;
		if (!found)
			report_fixed(ad, AT_ITEM(at, i), v, "volumes of this type are not allowed (" WHY ")");
	}
}

/* A setting that the container or else the pod must have. */
static const struct value *effective(const struct value *pod, const struct value *container, const char *key)
{
	const struct value *own = value_get(container, key);

	return value_is_null(own) ? value_get(pod, key) : own;
}

static void check_seccomp(struct admit *ad, const struct value *pod, const struct value *context,
			  const struct schema_path *at)
{
	const struct value *profile = effective(pod, context, "seccompProfile");
	const char *type = value_str_or(value_get(profile, "type"), "");

	if (strcmp(type, "RuntimeDefault") != 0 && strcmp(type, "Localhost") != 0)
		report_fixed(ad, AT(AT(at, "seccompProfile"), "type"), profile ? profile : context,
			     "must be set to \"RuntimeDefault\" or \"Localhost\" (" WHY ")");
}

static void check_user(struct admit *ad, int minor, const struct value *pod, const struct value *context,
		       const struct schema_path *at)
{
	const struct value *non_root = effective(pod, context, "runAsNonRoot"), *uid = value_get(context, "runAsUser");

	if (!value_bool(non_root, false))
		report_fixed(ad, AT(at, "runAsNonRoot"), non_root ? non_root : context, "must be set to true (" WHY ")");
	if (minor >= 23 && uid && value_int(uid, 1) == 0)
		report_fixed(ad, AT(at, "runAsUser"), uid, "must not be 0 (" WHY ")");
}

static void check_capabilities(struct admit *ad, const struct value *context, const struct schema_path *at)
{
	const struct value *capabilities = value_get(context, "capabilities"), *add = value_get(capabilities, "add");
	const struct value *drop = value_get(capabilities, "drop");
	bool all = false;

	for (size_t i = 0; i < value_len(drop); i++)
		all |= strcmp(value_str_or(value_at(drop, i), ""), "ALL") == 0;
	if (!all)
		report_fixed(ad, AT(AT(at, "capabilities"), "drop"), capabilities ? capabilities : context,
			     "must hold \"ALL\" (" WHY ")");
	for (size_t i = 0; i < value_len(add); i++)
		if (strcmp(value_str_or(value_at(add, i), ""), "NET_BIND_SERVICE") != 0)
			report_fixed(ad, AT_ITEM(AT(AT(at, "capabilities"), "add"), i), value_at(add, i),
				     "only \"NET_BIND_SERVICE\" may be added (" WHY ")");
}

static void check_container(struct admit *ad, int minor, const struct value *spec, const struct value *c,
			    const struct schema_path *at)
{
	const struct value *pod = value_get(spec, "securityContext"), *context = value_get(c, "securityContext");
	const struct value *escalation = value_get(context, "allowPrivilegeEscalation");
	bool exempt = minor >= 25 && is_windows(spec);

	at = AT(at, "securityContext");
	if (!context)
		context = c; /* for the place only: it has none of these members */
	if (minor >= 8 && !exempt && (!escalation || value_bool(escalation, true)))
		report_fixed(ad, AT(at, "allowPrivilegeEscalation"), escalation ? escalation : context,
			     "must be set to false (" WHY ")");
	check_user(ad, minor, pod, context, at);
	if (minor >= 19 && !exempt)
		check_seccomp(ad, pod, context, at);
	if (minor >= 22 && !exempt)
		check_capabilities(ad, context, at);
}

void restricted_check(struct admit *ad, int minor, const struct value *spec, const struct schema_path *at)
{
	static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };
	const struct value *context = value_get(spec, "securityContext");
	const struct value *non_root = value_get(context, "runAsNonRoot"), *uid = value_get(context, "runAsUser");

	check_volumes(ad, value_get(spec, "volumes"), AT(at, "volumes"));
	if (non_root && !value_bool(non_root, true))
		report_fixed(ad, AT(AT(at, "securityContext"), "runAsNonRoot"), non_root, "must not be false (" WHY ")");
	if (minor >= 23 && uid && value_int(uid, 1) == 0)
		report_fixed(ad, AT(AT(at, "securityContext"), "runAsUser"), uid, "must not be 0 (" WHY ")");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++)
			check_container(ad, minor, spec, value_at(list, k), AT_ITEM(AT(at, lists[i]), k));
	}
}
