/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "control/pods.h"
#include "control/revisions.h"
#include "control/statefulset_decide.h"

static const struct value *template_of(const struct object *set, size_t i)
{
	return value_at(object_path(set, "spec", "volumeClaimTemplates"), i);
}

size_t stateful_claims(const struct object *set)
{
	return value_len(object_path(set, "spec", "volumeClaimTemplates"));
}

const char *stateful_claim_name(struct arena *a, const struct object *set, size_t i, int64_t ordinal)
{
	return arena_printf(a, "%s-%s-%lld", value_str_or(value_path(template_of(set, i), "metadata", "name"), ""), object_name(set),
			    (long long)ordinal);
}

struct value *stateful_new_claim(struct arena *a, const struct object *set, size_t i, int64_t ordinal)
{
	const struct value *labels = object_path(set, "spec", "selector", "matchLabels");
	const char *name = stateful_claim_name(a, set, i, ordinal);
	struct value *root = value_copy(a, template_of(set, i)), *meta;

	if (!name)
		return NULL;
	value_remove(root, "status");
	value_set_str(a, root, "apiVersion", "v1");
	value_set_str(a, root, "kind", "PersistentVolumeClaim");
	meta = value_set_map(a, root, "metadata");
	value_set_str(a, meta, "name", name);
	value_set_str(a, meta, "namespace", object_namespace(set));
	for (size_t k = 0; k < value_len(labels); k++)
		value_set(a, value_set_map(a, meta, "labels"), value_key_at(labels, k), value_copy(a, value_at(labels, k)));
	return arena_failed(a) ? NULL : root;
}

/* The claims come before the template's volumes, and in the place of those of their names. */
static void add_volumes(struct arena *a, struct value *spec, const struct object *set, int64_t ordinal)
{
	const struct value *own = value_get(spec, "volumes");
	struct value *list = value_new_list(a);

	for (size_t i = 0; i < stateful_claims(set); i++) {
		const char *claim = stateful_claim_name(a, set, i, ordinal);
		struct value *v = value_append(a, list, value_new_map(a));

		value_set_str(a, v, "name", value_str_or(value_path(template_of(set, i), "metadata", "name"), ""));
		value_set_str(a, value_set_map(a, v, "persistentVolumeClaim"), "claimName", claim ? claim : "");
	}
	for (size_t i = 0; i < value_len(own); i++)
		if (!value_find(list, "name", value_str_or(value_get(value_at(own, i), "name"), "")))
			value_append(a, list, value_at(own, i));
	if (value_len(list))
		value_set(a, spec, "volumes", list);
}

struct value *stateful_new_pod(struct arena *a, const struct object *set, const struct value *template, const char *revision,
			       int64_t ordinal)
{
	const char *service = value_str_or(object_path(set, "spec", "serviceName"), "");
	const char *name = arena_printf(a, "%s-%lld", object_name(set), (long long)ordinal);
	struct value *root = pod_from_template(a, template, set), *meta, *labels, *spec;

	if (!root || !name)
		return NULL;
	meta = value_get(root, "metadata");
	value_remove(meta, "generateName");
	value_set_str(a, meta, "name", name);
	labels = value_set_map(a, meta, "labels");
	value_set_str(a, labels, STATEFUL_POD_NAME, name);
	value_set(a, labels, STATEFUL_POD_INDEX, value_new_strf(a, "%lld", (long long)ordinal));
	value_set_str(a, labels, REVISION_HASH, revision);
	spec = value_set_map(a, root, "spec");
	value_set_str(a, spec, "hostname", name);
	if (*service)
		value_set_str(a, spec, "subdomain", service);
	add_volumes(a, spec, set, ordinal);
	return arena_failed(a) ? NULL : root;
}

/* --- who owns a claim --- */

/* Whether a reference names the object, be it the same one or not. */
static bool names(const struct value *ref, const struct object *o)
{
	return !strcmp(value_str_or(value_get(ref, "apiVersion"), ""), object_kind(o)->api_version) &&
	       !strcmp(value_str_or(value_get(ref, "kind"), ""), object_kind(o)->kind) &&
	       !strcmp(value_str_or(value_get(ref, "name"), ""), object_name(o));
}

static bool is_to(const struct value *ref, const struct object *o)
{
	return !strcmp(value_str_or(value_get(ref, "uid"), ""), object_uid(o));
}

static bool deletes(const struct object *set, const char *when)
{
	return !strcmp(value_str_or(object_path(set, "spec", "persistentVolumeClaimRetentionPolicy", when), ""), "Delete");
}

/* Whether the claim had an owner of the same name before, or somebody else controls it: *ret_foreign. */
static bool is_another(const struct value *refs, const struct object *set, const struct object *pod, bool *ret_foreign)
{
	bool stale = false;

	*ret_foreign = false;
	for (size_t i = 0; i < value_len(refs); i++) {
		const struct value *ref = value_at(refs, i);
		bool ours = names(ref, set) || names(ref, pod);

		stale |= ours && !is_to(ref, set) && !is_to(ref, pod);
		*ret_foreign |= !ours && value_bool(value_get(ref, "controller"), false);
	}
	return stale;
}

/* Brings the reference to an owner to what it is to be. True when it has changed. */
static bool settle(struct arena *a, struct value *meta, const struct object *owner, bool wanted)
{
	struct value *refs = value_get(meta, "ownerReferences");
	bool there = false, changed = false;

	for (size_t i = value_len(refs); i-- > 0;) {
		if (!is_to(value_at(refs, i), owner))
			continue;
		if (wanted && !there && value_bool(value_get(value_at(refs, i), "controller"), false))
			there = true;
		else
			changed |= value_remove_at(refs, i);
	}
	if (wanted && !there) {
		value_append(a, value_set_list(a, meta, "ownerReferences"), controller_reference(a, owner));
		changed = true;
	}
	return changed;
}

bool stateful_own_claim(struct arena *a, struct value *claim_root, const struct object *set, const struct object *pod)
{
	struct value *meta = value_get(claim_root, "metadata");
	bool on_delete = deletes(set, "whenDeleted"), on_scale = deletes(set, "whenScaled"), foreign, changed;
	bool goes = !stateful_in_range(set, stateful_ordinal(set, pod));

	if (is_another(value_get(meta, "ownerReferences"), set, pod, &foreign))
		return false;
	foreign &= on_delete || on_scale;
	/* The pod's reference goes first: an object has one controller. */
	changed = settle(a, meta, pod, !foreign && on_scale && goes);
	changed |= settle(a, meta, set, !foreign && on_delete && !(on_scale && goes));
	if (changed && !value_len(value_get(meta, "ownerReferences")))
		value_remove(meta, "ownerReferences");
	return changed;
}

bool stateful_claim_is_stale(const struct object *set, const struct object *claim, const char *pod_name)
{
	const struct value *refs = object_path(claim, "metadata", "ownerReferences");

	for (size_t i = 0; i < value_len(refs) && deletes(set, "whenScaled"); i++)
		if (!strcmp(value_str_or(value_get(value_at(refs, i), "kind"), ""), "Pod") &&
		    !strcmp(value_str_or(value_get(value_at(refs, i), "name"), ""), pod_name))
			return true;
	return false;
}
