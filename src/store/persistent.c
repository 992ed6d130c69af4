/* SPDX-License-Identifier: Apache-2.0 */
#include "store/persistent.h"

#include <string.h>

#include "store/node_selector.h"
#include "value/quantity.h"

const char *pv_annotation(const struct object *o, const char *key)
{
	return value_str(object_path(o, "metadata", "annotations", key));
}

bool pv_has_finalizer(const struct object *o, const char *name)
{
	const struct value *list = object_path(o, "metadata", "finalizers");

	for (size_t i = 0; i < value_len(list); i++)
		if (!strcmp(value_str_or(value_at(list, i), ""), name))
			return true;
	return false;
}

/* The annotation that older manifests have in place of the field still goes first: K8S:component-helpers/storage/volume. */
#define OLD_CLASS "volume.beta.kubernetes.io/storage-class"

const char *pv_class(const struct object *o)
{
	const char *old = pv_annotation(o, OLD_CLASS);

	return old ? old : value_str_or(object_path(o, "spec", "storageClassName"), "");
}

bool pv_lacks_class(const struct object *claim)
{
	return !pv_annotation(claim, OLD_CLASS) && !object_path(claim, "spec", "storageClassName");
}

static bool is_default(const struct object *class)
{
	static const char *const keys[] = { "storageclass.kubernetes.io/is-default-class",
					    "storageclass.beta.kubernetes.io/is-default-class" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *is = pv_annotation(class, keys[i]);

		if (is && !strcmp(is, "true"))
			return true;
	}
	return false;
}

/* Whether a is to be preferred: K8S:pkg/volume/util/storageclass.go, GetDefaultClass. */
static bool is_newer(const struct object *a, const struct object *b)
{
	int order = strcmp(value_str_or(object_path(a, "metadata", "creationTimestamp"), ""),
			   value_str_or(object_path(b, "metadata", "creationTimestamp"), ""));

	return order ? order > 0 : strcmp(object_name(a), object_name(b)) < 0;
}

const struct object *pv_default_class(const struct object_list *classes)
{
	const struct object *best = NULL;

	for (size_t i = 0; i < classes->n; i++)
		if (is_default(classes->items[i]) && (!best || is_newer(classes->items[i], best)))
			best = classes->items[i];
	return best;
}

bool pv_claim_is_bound(const struct object *claim)
{
	return value_len(object_path(claim, "spec", "volumeName")) && pv_annotation(claim, PV_BIND_COMPLETED);
}

static bool names(const struct value *ref, const struct object *claim)
{
	return ref && !strcmp(value_str_or(value_get(ref, "name"), ""), object_name(claim)) &&
	       !strcmp(value_str_or(value_get(ref, "namespace"), ""), object_namespace(claim));
}

bool pv_is_for(const struct object *volume, const struct object *claim)
{
	const struct value *ref = object_path(volume, "spec", "claimRef");
	const char *uid = value_str_or(value_get(ref, "uid"), "");

	return names(ref, claim) && (!*uid || !strcmp(uid, object_uid(claim)));
}

bool pv_are_bound(const struct object *volume, const struct object *claim)
{
	return pv_claim_is_bound(claim) &&
	       !strcmp(value_str_or(object_path(claim, "spec", "volumeName"), ""), object_name(volume)) &&
	       !strcmp(value_str_or(object_path(volume, "spec", "claimRef", "uid"), ""), object_uid(claim));
}

bool pv_is_retained_for(const struct object *volume, const struct object *claim)
{
	const char *writer = pv_annotation(volume, PV_RETAINED_WRITER);
	char own[16];

	(void)snprintf(own, sizeof(own), "%u", (unsigned)object_writer(claim));
	return pv_annotation(volume, PV_RETAINED_UNTIL) && !strcmp(writer ? writer : "0", own) && !object_is_deleting(volume) &&
	       names(object_path(volume, "spec", "claimRef"), claim) &&
	       !strcmp(value_str_or(object_path(volume, "status", "phase"), ""), "Released");
}

static int compare_sizes(const struct value *a, const struct value *b)
{
	struct quantity x, y;

	if (quantity_from(a, &x, NULL) < 0)
		x = quantity_from_int(0, QUANTITY_BINARY);
	if (quantity_from(b, &y, NULL) < 0)
		y = quantity_from_int(0, QUANTITY_BINARY);
	return quantity_compare(&x, &y);
}

static const struct value *capacity(const struct object *volume)
{
	return object_path(volume, "spec", "capacity", "storage");
}

static bool same_text(const struct object *a, const struct object *b, const char *key, const char *fallback)
{
	return !strcmp(value_str_or(object_path(a, "spec", key), fallback), value_str_or(object_path(b, "spec", key), fallback));
}

/* Whether the volume has each access mode that the claim asks for. */
static bool has_modes(const struct object *volume, const struct object *claim)
{
	const struct value *want = object_path(claim, "spec", "accessModes");
	const struct value *has = object_path(volume, "spec", "accessModes");

	for (size_t i = 0; i < value_len(want); i++) {
		size_t k = 0;

		while (k < value_len(has) && !value_equal(value_at(want, i), value_at(has, k)))
			k++;
		if (k == value_len(has))
			return false;
	}
	return true;
}

static const char *mismatch(const struct object *volume, const struct object *claim, bool of_class)
{
	if (object_is_deleting(volume))
		return "the volume is marked for deletion";
	if (compare_sizes(capacity(volume), object_path(claim, "spec", "resources", "requests", "storage")) < 0)
		return "requested PV is too small";
	if (of_class && strcmp(pv_class(volume), pv_class(claim)) != 0)
		return "storageClassName does not match";
	if (!same_text(volume, claim, "volumeAttributesClassName", ""))
		return "volumeAttributesClassName does not match";
	if (!same_text(volume, claim, "volumeMode", "Filesystem"))
		return "incompatible volumeMode";
	return has_modes(volume, claim) ? NULL : "incompatible accessMode";
}

const char *pv_mismatch(const struct object *volume, const struct object *claim)
{
	return mismatch(volume, claim, true);
}

/* --- nodes --- */

bool pv_reaches(const struct object *volume, const struct object *node)
{
	const struct value *required = object_path(volume, "spec", "nodeAffinity", "required");

	return !required || node_selector_matches(required, node);
}

/* --- the best volume --- */

static bool is_taken(const struct object_list *taken, const struct object *volume)
{
	for (size_t i = 0; taken && i < taken->n; i++)
		if (!strcmp(object_name(taken->items[i]), object_name(volume)))
			return true;
	return false;
}

/* Whether it may be had by whoever asks first. */
static bool is_free(const struct object *volume, const struct selector *s)
{
	return !object_path(volume, "spec", "claimRef") &&
	       !strcmp(value_str_or(object_path(volume, "status", "phase"), ""), "Available") &&
	       (!s || selector_matches(s, object_labels(volume)));
}

/* Fewer access modes first, then the smaller: K8S:pkg/controller/volume/persistentvolume/index.go, findByClaim. */
static bool is_better(const struct object *a, const struct object *b)
{
	size_t x = value_len(object_path(a, "spec", "accessModes")), y = value_len(object_path(b, "spec", "accessModes"));
	int size = compare_sizes(capacity(a), capacity(b));

	return x != y ? x < y : size != 0 ? size < 0 : strcmp(object_name(a), object_name(b)) < 0;
}

const struct object *pv_best(const struct object *claim, const struct object_list *volumes, const struct object *node,
			     const struct object_list *taken, bool kept_only)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	const struct value *by = object_path(claim, "spec", "selector");
	const struct object *best = NULL;
	struct selector *s = NULL;

	if (!a || (by && selector_compile(a, by, &s, NULL) < 0))
		return NULL;
	for (size_t i = 0; i < volumes->n; i++) {
		const struct object *v = volumes->items[i];

		if (is_taken(taken, v))
			continue;
		if (pv_is_for(v, claim) && !mismatch(v, claim, false)) /* by its name: whatever the class */
			return !node || pv_reaches(v, node) ? v : NULL;
		if (kept_only || !is_free(v, s) || pv_mismatch(v, claim) || (node && !pv_reaches(v, node)))
			continue;
		if (!best || is_better(v, best))
			best = v;
	}
	return best;
}

/* --- pods --- */

const char *pv_claim_name(struct arena *a, const struct object *pod, const struct value *volume)
{
	const char *name = value_str(value_path(volume, "persistentVolumeClaim", "claimName"));

	if (name || !value_get(volume, "ephemeral"))
		return name;
	return arena_printf(a, "%s-%s", object_name(pod), value_str_or(value_get(volume, "name"), ""));
}

bool pv_is_of_pod(const struct object *claim, const struct object *pod)
{
	return !strcmp(object_controller_uid(claim), object_uid(pod));
}

bool pv_pod_uses(const struct object *pod, const struct object *claim)
{
	const struct value *list = object_path(pod, "spec", "volumes");
	_cleanup_arena_ struct arena *a = arena_new(0);

	if (strcmp(object_namespace(pod), object_namespace(claim)) != 0)
		return false;
	for (size_t i = 0; i < value_len(list); i++) {
		const char *name = pv_claim_name(a, pod, value_at(list, i));

		if (name && !strcmp(name, object_name(claim)) &&
		    (!value_get(value_at(list, i), "ephemeral") || pv_is_of_pod(claim, pod)))
			return true;
	}
	return false;
}
