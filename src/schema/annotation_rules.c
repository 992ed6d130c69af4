/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/check.h"
#include "schema/pod_rules.h"

#define APPARMOR "container.apparmor.security.beta.kubernetes.io/"
#define SECCOMP "container.seccomp.security.alpha.kubernetes.io/"

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

/* --- rules --- */

static bool has_container(const struct value *spec, const char *name)
{
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++)
			if (text_is(value_at(list, k), "name", name))
				return true;
	}
	return false;
}

static bool is_seccomp(const char *s)
{
	static const char local[] = "localhost/";

	if (!strncmp(s, local, strlen(local)))
		return !format_local_path(s + strlen(local), strlen(s + strlen(local)));
	return !strcmp(s, "runtime/default") || !strcmp(s, "docker/default") || !strcmp(s, "unconfined");
}

static bool is_apparmor(const char *s)
{
	return !*s || !strcmp(s, "runtime/default") || !strcmp(s, "unconfined") || !strncmp(s, "localhost/", 10);
}

static bool is_int32(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	return *s && !*end && strspn(s, "+-0123456789") == strlen(s) && n >= INT32_MIN && n <= INT32_MAX &&
	       (*s == '0' ? !s[1] : *s != '+');
}

/* K8S:ValidatePodSpecificAnnotations */
void pod_annotations_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *list = value_path(v, "metadata", "annotations"), *spec = value_get(v, "spec");
	const struct schema_path *annotations = AT(AT(at, "metadata"), "annotations");

	pod_warnings(ad, v, at);
	for (size_t i = 0; i < value_len(list); i++) {
		const char *key = value_key_at(list, i), *s = value_str_or(value_at(list, i), "");
		const struct schema_path *item = AT_KEY(annotations, key);

		if (!strncmp(key, APPARMOR, strlen(APPARMOR))) {
			if (!has_container(spec, key + strlen(APPARMOR)))
				report_error(ad, item, value_key_mark_at(list, i),
					     "Invalid value: \"%.128s\": container not found", key + strlen(APPARMOR));
			if (!is_apparmor(s))
				report_invalid(ad, item, value_at(list, i), "invalid AppArmor profile name: \"%.128s\"", s);
		} else if (!strcmp(key, "controller.kubernetes.io/pod-deletion-cost")) {
			if (!is_int32(s))
				report_invalid(ad, item, value_at(list, i), "must be a 32bit integer");
		} else if (!strcmp(key, "seccomp.security.alpha.kubernetes.io/pod") ||
			   !strncmp(key, SECCOMP, strlen(SECCOMP))) {
			if (!is_seccomp(s))
				report_invalid(ad, item, value_at(list, i), "must be a valid seccomp profile");
		} else if (!strcmp(key, "kubernetes.io/config.mirror") && !value_len(value_get(spec, "nodeName"))) {
			report_invalid(ad, item, value_at(list, i), "must set spec.nodeName if mirror pod annotation is set");
		}
	}
}

/* A profile that is both annotated and set is the same. */
static void check_profile(struct admit *ad, const struct value *annotations, const char *key,
			  const struct value *context, const char *field, const struct schema_path *at)
{
	const char *said = value_str(value_get(annotations, key)), *what = strstr(field, "seccomp") ? "seccomp" : "apparmor";
	const struct value *profile = value_get(context, field);
	const char *name = text_of(profile, "localhostProfile");
	bool same;

	if (!said || !profile)
		return;
	if (text_is(profile, "type", "Unconfined"))
		same = !strcmp(said, "unconfined");
	else if (text_is(profile, "type", "RuntimeDefault"))
		same = !strcmp(said, "runtime/default") || (*what == 's' && !strcmp(said, "docker/default"));
	else
		same = !strncmp(said, "localhost/", 10);
	if (!same)
		report_forbidden(ad, AT(AT(at, field), "type"), value_get(profile, "type"),
				 "%s type in annotation and field must match", what);
	else if (!strncmp(said, "localhost/", 10) && strcmp(said + 10, name) != 0)
		report_forbidden(ad, AT(AT(at, field), "localhostProfile"), profile,
				 "%s profile in annotation and field must match", what);
}

void pod_profiles_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	static const char *const lists[] = { "initContainers", "containers" };
	const struct value *annotations = value_path(v, "metadata", "annotations"), *spec = value_get(v, "spec");
	const struct schema_path *path = AT(at, "spec");

	check_profile(ad, annotations, "seccomp.security.alpha.kubernetes.io/pod", value_get(spec, "securityContext"),
		      "seccompProfile", AT(path, "securityContext"));
	for (size_t i = 0; value_len(annotations) && i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++) {
			const struct value *context = value_get(value_at(list, k), "securityContext");
			const struct schema_path *own = AT(AT_ITEM(AT(path, lists[i]), k), "securityContext");
			char key[sizeof(SECCOMP) + sizeof(APPARMOR) + 64];

			(void)snprintf(key, sizeof(key), "%s%s", SECCOMP, text_of(value_at(list, k), "name"));
			check_profile(ad, annotations, key, context, "seccompProfile", own);
			(void)snprintf(key, sizeof(key), "%s%s", APPARMOR, text_of(value_at(list, k), "name"));
			check_profile(ad, annotations, key, context, "appArmorProfile", own);
		}
	}
}
