/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/pod_rules.h"

#include <string.h>

#include "schema/check.h"
#include "schema/meta_rules.h"
#include "schema/resources.h"
#include "schema/table.h"

enum {
	TOLERATION_SECONDS = 300, /* defaulttolerationseconds: how long a pod stays on a node that is gone */
};

/* --- defaults --- */

static void request_what_is_limited(struct admit *ad, const struct value *containers)
{
	for (size_t i = 0; i < value_len(containers); i++) {
		struct value *resources = value_get(value_at(containers, i), "resources");
		const struct value *limits = value_get(resources, "limits");
		struct value *requests;

		if (!value_len(limits))
			continue;
		requests = value_set_map(ad->arena, resources, "requests");
		for (size_t k = 0; k < value_len(limits); k++)
			if (!value_get(requests, value_key_at(limits, k)))
				value_set_str(ad->arena, requests, value_key_at(limits, k),
					      value_str_or(value_at(limits, k), ""));
	}
}

static void host_ports(struct admit *ad, const struct value *containers)
{
	for (size_t i = 0; i < value_len(containers); i++) {
		const struct value *ports = value_get(value_at(containers, i), "ports");

		for (size_t k = 0; k < value_len(ports); k++) {
			struct value *port = value_at(ports, k);
			int64_t number = value_int(value_get(port, "containerPort"), 0);

			if (number && !value_get(port, "hostPort"))
				value_set_int(ad->arena, port, "hostPort", number);
		}
	}
}

static bool tolerates(const struct value *tolerations, const char *key)
{
	for (size_t i = 0; i < value_len(tolerations); i++) {
		const struct value *t = value_at(tolerations, i);
		const char *k = value_str_or(value_get(t, "key"), "");
		const char *effect = value_str_or(value_get(t, "effect"), "NoExecute");

		if ((!*k || strcmp(k, key) == 0) && strcmp(effect, "NoExecute") == 0)
			return true;
	}
	return false;
}

static void default_tolerations(struct admit *ad, struct value *spec)
{
	static const char *const keys[] = { "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable" };
	bool missing[ARRAY_SIZE(keys)];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		missing[i] = !tolerates(value_get(spec, "tolerations"), keys[i]);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct value *t;

		if (!missing[i])
			continue;
		t = value_new_map(ad->arena);
		value_set_str(ad->arena, t, "effect", "NoExecute");
		value_set_str(ad->arena, t, "key", keys[i]);
		value_set_str(ad->arena, t, "operator", "Exists");
		value_set_int(ad->arena, t, "tolerationSeconds", TOLERATION_SECONDS);
		value_append(ad->arena, value_get(spec, "tolerations") ? value_get(spec, "tolerations") :
				       value_set_list(ad->arena, spec, "tolerations"), t);
	}
}

void pod_defaults(struct admit *ad, struct value *v)
{
	struct value *spec = value_get(v, "spec");

	if (!spec)
		return;
	request_what_is_limited(ad, value_get(spec, "containers"));
	request_what_is_limited(ad, value_get(spec, "initContainers"));
	if (!value_get(spec, "enableServiceLinks"))
		value_set_bool(ad->arena, spec, "enableServiceLinks", true);
	if (value_bool(value_get(spec, "hostNetwork"), false)) {
		host_ports(ad, value_get(spec, "containers"));
		host_ports(ad, value_get(spec, "initContainers"));
	}
	default_tolerations(ad, spec);
	pod_annotations_defaults(ad, v);
}

void pod_spec_defaults(struct admit *ad, struct value *v)
{
	const char *account = value_str(value_get(v, "serviceAccountName"));

	if (!account)
		account = value_str(value_get(v, "serviceAccount"));
	if (account) {
		value_set_str(ad->arena, v, "serviceAccountName", account);
		value_set_str(ad->arena, v, "serviceAccount", account);
	}
}

/* --- status of a new pod --- */

void pod_initial_status(struct admit *ad, struct value *root)
{
	struct value *status = value_set_map(ad->arena, root, "status");

	value_set_str(ad->arena, status, "phase", "Pending");
	value_set_str(ad->arena, status, "qosClass", pod_qos_class(value_get(root, "spec")));
}

/* --- rules --- */

void pod_finish_create(struct admit *ad, struct value *root)
{
	const struct value *list = value_path(root, "spec", "ephemeralContainers");

	if (value_len(list))
		report_forbidden(ad, AT(AT(NULL, "spec"), "ephemeralContainers"), list, "cannot be set on create");
}

static void check_names(struct admit *ad, const struct value *containers, struct value *seen,
			const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(containers); i++) {
		const struct value *name = value_get(value_at(containers, i), "name");

		if (seen_before(ad, seen, name))
			report_duplicate(ad, AT(AT_ITEM(at, i), "name"), name);
	}
}

/* One host port can be given once among those containers: by protocol, address and number. */
static void check_host_ports(struct admit *ad, const struct value *containers, size_t from, size_t to,
			     const struct schema_path *at)
{
	struct value *seen = value_new_map(ad->arena);

	for (size_t i = from; i < to; i++) {
		const struct value *ports = value_get(value_at(containers, i), "ports");

		for (size_t k = 0; k < value_len(ports); k++) {
			const struct value *port = value_at(ports, k);
			const struct value *host = value_get(port, "hostPort");
			struct value *key;

			if (!host)
				continue;
			key = value_new_strf(ad->arena, "%s/%s/%lld", value_str_or(value_get(port, "protocol"), ""),
					     value_str_or(value_get(port, "hostIP"), ""), (long long)value_int(host, 0));
			if (!key || !seen_before(ad, seen, key))
				continue;
			value_set_mark(key, value_mark(host));
			report_duplicate(ad, AT(AT_ITEM(AT(AT_ITEM(at, i), "ports"), k), "hostPort"), key);
		}
	}
}

/* K8S:pkg/apis/core/validation: validateHostUsers. */
static void check_host_users(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	static const char *const shared[] = { "hostNetwork", "hostPID", "hostIPC" };
	static const char *const lists[] = { "initContainers", "containers", "ephemeralContainers" };

	if (value_bool(value_get(spec, "hostUsers"), true))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (value_bool(value_get(spec, shared[i]), false))
			report_forbidden(ad, AT(at, shared[i]), value_get(spec, shared[i]), "when `hostUsers` is false");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		const struct value *list = value_get(spec, lists[i]);

		for (size_t k = 0; k < value_len(list); k++)
			if (value_len(value_get(value_at(list, k), "volumeDevices")))
				report_forbidden(ad, AT(AT_ITEM(AT(at, lists[i]), k), "volumeDevices"),
						 value_get(value_at(list, k), "volumeDevices"), "when `hostUsers` is false");
	}
}

static void check_spread(struct admit *ad, const struct value *constraints, const struct schema_path *at)
{
	struct value *seen = value_new_map(ad->arena);

	for (size_t i = 0; i < value_len(constraints); i++) {
		const struct value *c = value_at(constraints, i);
		struct value *key = value_new_strf(ad->arena, "%s, %s", value_str_or(value_get(c, "topologyKey"), ""),
						   value_str_or(value_get(c, "whenUnsatisfiable"), ""));

		if (!value_get(c, "labelSelector"))
			report_warning(ad, AT(AT_ITEM(at, i), "labelSelector"), value_mark(c),
				       "a null labelSelector results in matching no pod");
		if (!key || !seen_before(ad, seen, key))
			continue;
		value_set_mark(key, value_mark(c));
		report_duplicate(ad, AT(AT_ITEM(at, i), "{topologyKey, whenUnsatisfiable}"), key);
	}
}

static void check_namespaces(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *share = value_get(spec, "shareProcessNamespace");
	const struct value *grace = value_get(spec, "terminationGracePeriodSeconds");

	if (value_bool(share, false) && value_bool(value_get(spec, "hostPID"), false))
		report_invalid(ad, AT(at, "shareProcessNamespace"), share,
			       "ShareProcessNamespace and HostPID cannot both be enabled");
	if (value_get(spec, "schedulingGates") && value_get(spec, "nodeName"))
		report_forbidden(ad, AT(at, "nodeName"), value_get(spec, "nodeName"),
				 "cannot be set until all schedulingGates have been cleared");
	if (value_int(grace, 0) < 0)
		report_warning(ad, AT(at, "terminationGracePeriodSeconds"), value_mark(grace),
			       "must be >= 0; negative values are invalid and will be treated as 1");
}

void resource_claim_ref_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	bool claim = value_get(v, "resourceClaimName"), template = value_get(v, "resourceClaimTemplateName");

	if (claim && template)
		report_invalid(ad, at, v,
			       "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
	else if (!claim && !template)
		report_invalid(ad, at, v, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
}

/* A variable that is read from a file is read from a directory of the pod's own. */
static void check_file_refs(struct admit *ad, const struct value *spec, const struct value *containers,
			    const struct schema_path *at)
{
	const struct value *volumes = value_get(spec, "volumes");

	for (size_t i = 0; i < value_len(containers); i++) {
		const struct value *env = value_get(value_at(containers, i), "env");

		for (size_t k = 0; k < value_len(env); k++) {
			const struct value *name = value_path(value_at(env, k), "valueFrom", "fileKeyRef", "volumeName");
			const struct schema_path *item = AT_ITEM(AT(AT_ITEM(at, i), "env"), k);
			const struct schema_path *path = AT(AT(AT(item, "valueFrom"), "fileKeyRef"), "volumeName");
			const struct value *volume = NULL;

			for (size_t n = 0; value_len(name) && !volume && n < value_len(volumes); n++)
				if (same_value(value_get(value_at(volumes, n), "name"), name))
					volume = value_at(volumes, n);
			if (value_len(name) && !volume)
				report_not_found(ad, path, name, "no volume of the pod has this name");
			else if (volume && !value_get(volume, "emptyDir"))
				report_invalid(ad, path, name, "referenced volume must be of type emptyDir");
		}
	}
}

/* The names of a pod's volumes: true where one can be a block device. */
static struct value *volume_names(struct admit *ad, const struct value *volumes)
{
	struct value *names = value_new_map(ad->arena);

	for (size_t i = 0; i < value_len(volumes); i++) {
		const struct value *volume = value_at(volumes, i);

		value_set_bool(ad->arena, names, text_of(volume, "name"),
			       value_get(volume, "persistentVolumeClaim") || value_get(volume, "ephemeral"));
	}
	for (size_t i = 0; i < value_len(ad->claims); i++)
		value_set_bool(ad->arena, names, text_of(value_get(value_at(ad->claims, i), "metadata"), "name"), true);
	return names;
}

/* K8S:pkg/apis/core/validation: validateEphemeralContainers. names: of the pod's other containers. */
static void check_ephemeral(struct admit *ad, const struct value *spec, struct value *names, const struct value *volumes,
			    const struct schema_path *at)
{
	const struct value *list = value_get(spec, "ephemeralContainers");

	if (at->up && at->up->up && value_len(list)) {
		report_forbidden(ad, at, list, "ephemeral containers not allowed in pod template");
		return;
	}
	for (size_t i = 0; i < value_len(list); i++) {
		const struct value *c = value_at(list, i), *target = value_get(c, "targetContainerName");

		container_check_in_pod(ad, c, CONTAINER_EPHEMERAL, spec, volumes, AT_ITEM(at, i));
		if (value_len(target) && !value_find(value_get(spec, "containers"), "name", value_str_or(target, "")) &&
		    !value_find(value_get(spec, "initContainers"), "name", value_str_or(target, "")))
			report_not_found(ad, AT(AT_ITEM(at, i), "targetContainerName"), target,
					 "no container of the pod has this name");
	}
	check_names(ad, list, names, at);
	check_file_refs(ad, spec, list, at);
}

static void check_containers(struct admit *ad, const struct value *spec, const struct schema_path *at)
{
	const struct value *main = value_get(spec, "containers");
	const struct value *init = value_get(spec, "initContainers");
	struct value *names = value_new_map(ad->arena), *volumes = volume_names(ad, value_get(spec, "volumes"));

	check_names(ad, main, names, AT(at, "containers"));
	check_names(ad, init, names, AT(at, "initContainers"));
	for (size_t i = 0; i < value_len(main); i++)
		container_check_in_pod(ad, value_at(main, i), CONTAINER_MAIN, spec, volumes,
				       AT_ITEM(AT(at, "containers"), i));
	for (size_t i = 0; i < value_len(init); i++) {
		const struct value *c = value_at(init, i);
		bool sidecar = strcmp(value_str_or(value_get(c, "restartPolicy"), ""), "Always") == 0;

		container_check_in_pod(ad, c, sidecar ? CONTAINER_SIDECAR : CONTAINER_INIT, spec, volumes,
				       AT_ITEM(AT(at, "initContainers"), i));
	}
	check_host_ports(ad, main, 0, value_len(main), AT(at, "containers"));
	for (size_t i = 0; i < value_len(init); i++)
		check_host_ports(ad, init, i, i + 1, AT(at, "initContainers"));
	check_file_refs(ad, spec, main, AT(at, "containers"));
	check_file_refs(ad, spec, init, AT(at, "initContainers"));
	check_ephemeral(ad, spec, names, volumes, AT(at, "ephemeralContainers"));
}

void pod_spec_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	check_containers(ad, v, at);
	check_host_users(ad, v, at);
	check_namespaces(ad, v, at);
	pod_settings_check(ad, v, at);
	unique_check(ad, value_get(v, "schedulingGates"), "name", AT(at, "schedulingGates"));
	unique_check(ad, value_get(v, "resourceClaims"), "name", AT(at, "resourceClaims"));
	pod_resources_check(ad, v, at);
	pod_os_check(ad, v, at);
	pod_host_process_check(ad, v, at);
	check_spread(ad, value_get(v, "topologySpreadConstraints"), AT(at, "topologySpreadConstraints"));
}

/* A volume of an image may be left open in a template, for another to fill in; a pod's may not. */
static void check_image_volumes(struct admit *ad, const struct value *volumes, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(volumes); i++) {
		const struct value *image = value_get(value_at(volumes, i), "image");

		if (image)
			check_required(ad, image, AT(AT_ITEM(at, i), "image"), "reference", "");
	}
}

/* The claims that are made for ephemeral volumes are the pod's own: POD-VOLUME. */
static void check_claim_names(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *volumes = value_path(v, "spec", "volumes"), *name = value_path(v, "metadata", "name");
	struct value *made = value_len(name) ? value_new_map(ad->arena) : NULL;

	for (size_t i = 0; made && i < value_len(volumes); i++)
		if (value_get(value_at(volumes, i), "ephemeral"))
			(void)seen_before(ad, made, value_new_strf(ad->arena, "%s-%s", value_str_or(name, ""),
								   text_of(value_at(volumes, i), "name")));
	for (size_t i = 0; value_len(made) && i < value_len(volumes); i++) {
		const struct value *claim = value_path(value_at(volumes, i), "persistentVolumeClaim", "claimName");

		if (value_len(claim) && value_get(made, value_str_or(claim, "")))
			report_invalid(ad, AT(AT(AT_ITEM(at, i), "persistentVolumeClaim"), "claimName"), claim,
				       "must not reference a PVC that gets created for an ephemeral volume");
	}
}

void pod_check(struct admit *ad, const struct value *v, const struct schema_path *at)
{
	const struct value *name = value_path(v, "metadata", "name");

	pod_annotations_check(ad, v, at);
	pod_profiles_check(ad, v, at);
	check_image_volumes(ad, value_path(v, "spec", "volumes"), AT(AT(at, "spec"), "volumes"));
	check_claim_names(ad, v, AT(AT(at, "spec"), "volumes"));

	if (value_len(name) && format_dns_label(value_str_or(name, ""), value_len(name)) &&
	    !format_dns_subdomain(value_str_or(name, ""), value_len(name)))
		report_warning(ad, AT(AT(at, "metadata"), "name"), value_mark(name),
			       "this is used in the Pod's hostname; a DNS label of 63 characters without dots is recommended");
}
