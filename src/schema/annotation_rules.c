/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "schema/pod_rules.h"

#define APPARMOR "container.apparmor.security.beta.kubernetes.io/"

/* Init containers were annotations before 1.6; servers drop what is left of them. */
static void drop_init_containers(struct value *v)
{
	static const char *const gone[] = {
		"pod.alpha.kubernetes.io/init-containers",
		"pod.alpha.kubernetes.io/init-container-statuses",
		"pod.beta.kubernetes.io/init-containers",
		"pod.beta.kubernetes.io/init-container-statuses",
	};
	struct value *meta = value_get(v, "metadata");
	struct value *annotations = value_get(meta, "annotations");

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		(void)value_remove(annotations, gone[i]);
	if (annotations && !value_len(annotations))
		(void)value_remove(meta, "annotations");
}

/* "runtime/default", "unconfined" or "localhost/PROFILE". */
static void apparmor_field(struct admit *ad, struct value *container, const char *profile)
{
	struct value *made;

	if (value_path(container, "securityContext", "appArmorProfile"))
		return;
	made = value_make_path(ad->arena, container, "securityContext", "appArmorProfile");
	if (strncmp(profile, "localhost/", 10) == 0) {
		value_set_str(ad->arena, made, "localhostProfile", profile + 10);
		value_set_str(ad->arena, made, "type", "Localhost");
	} else {
		value_set_str(ad->arena, made, "type",
			      strcmp(profile, "runtime/default") == 0 ? "RuntimeDefault" : "Unconfined");
	}
}

static void apparmor_fields(struct admit *ad, const struct value *annotations, const struct value *containers)
{
	for (size_t i = 0; annotations && i < value_len(containers); i++) {
		struct value *container = value_at(containers, i);
		char key[sizeof(APPARMOR) + 64];
		const char *profile;

		(void)snprintf(key, sizeof(key), "%s%s", APPARMOR, value_str_or(value_get(container, "name"), ""));
		profile = value_str(value_get(annotations, key));
		if (profile && (strncmp(profile, "localhost/", 10) == 0 || strcmp(profile, "runtime/default") == 0 ||
				strcmp(profile, "unconfined") == 0))
			apparmor_field(ad, container, profile);
	}
}

void pod_template_defaults(struct admit *ad, struct value *v)
{
	(void)ad;
	drop_init_containers(v);
}

void pod_annotations_defaults(struct admit *ad, struct value *v)
{
	const struct value *annotations;

	drop_init_containers(v);
	annotations = value_path(v, "metadata", "annotations");
	apparmor_fields(ad, annotations, value_path(v, "spec", "containers"));
	apparmor_fields(ad, annotations, value_path(v, "spec", "initContainers"));
}
