/* SPDX-License-Identifier: Apache-2.0 */
#include "control/ephemeral.h"

#include <string.h>

#include "control/pods.h"
#include "store/persistent.h"

/* Keys: "%NAMESPACE/POD", and "&NAMESPACE/CLAIM" for the pods that had a claim of that name. No name begins like that. */
enum { POD_KEY = '%', CLAIM_KEY = '&' };

bool ephemeral_has_key(const char *key)
{
	return *key == POD_KEY || *key == CLAIM_KEY;
}

static void add_key(struct controller *c, char type, const struct object *o)
{
	char key[STORE_KEY_MAX + 1];

	(void)snprintf(key, sizeof(key), "%c%s/%s", type, object_namespace(o), object_name(o));
	controller_add(c, key);
}

static bool is_used(const struct object *pod)
{
	const struct value *list = object_path(pod, "spec", "volumes");

	for (size_t i = 0; i < value_len(list); i++)
		if (value_get(value_at(list, i), "ephemeral"))
			return true;
	return false;
}

void ephemeral_notice_pod(struct controller *c, const struct object *pod)
{
	if (!object_is_deleting(pod) && is_used(pod))
		add_key(c, POD_KEY, pod);
}

void ephemeral_notice_gone(struct controller *c, const struct object *claim)
{
	add_key(c, CLAIM_KEY, claim);
}

/* The claim as its template has it. In `a`. */
static struct value *describe(struct arena *a, const struct object *pod, const struct value *template, const char *name)
{
	static const char *const kept[] = { "labels", "annotations" };
	const struct value *meta_from = value_get(template, "metadata");
	struct value *root = value_new_map(a), *meta;

	value_set_str(a, root, "apiVersion", "v1");
	value_set_str(a, root, "kind", "PersistentVolumeClaim");
	meta = value_set_map(a, root, "metadata");
	value_set_str(a, meta, "name", name);
	value_set_str(a, meta, "namespace", object_namespace(pod));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (value_len(value_get(meta_from, kept[i])))
			value_set(a, meta, kept[i], value_copy(a, value_get(meta_from, kept[i])));
	value_append(a, value_set_list(a, meta, "ownerReferences"), controller_reference(a, pod));
	value_set(a, root, "spec", value_copy(a, value_get(template, "spec")));
	return root;
}

static int make_claim(struct controller *c, const struct object *pod, const struct value *volume, const char *name,
		      struct diag_list *diags)
{
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	struct value *root = t ? describe(txn_arena(t), pod, value_path(volume, "ephemeral", "volumeClaimTemplate"), name) : NULL;
	int r;

	if (!t || arena_failed(txn_arena(t)))
		return -ENOMEM;
	r = txn_create(t, root, TXN_ADMIT, pod, diags);
	return r < 0 ? r : txn_commit(t, STORE_LAZY, NULL);
}

static int see_to(struct controller *c, const struct object *pod, const struct value *volume)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	const char *name = a ? pv_claim_name(a, pod, volume) : NULL, *ns = object_namespace(pod);
	const char *own = value_str_or(value_get(volume, "name"), "");
	_cleanup_object_ struct object *claim = NULL;
	int r;

	if (!name)
		return -ENOMEM;
	claim = cache_get(controller_cache(c), schema_kind_by_plural("persistentvolumeclaims"), ns, name);
	if (claim && !pv_is_of_pod(claim, pod)) {
		controller_event(c, pod, EVENT_WARNING, "FailedBinding",
				 "ephemeral volume %s: PVC %s/%s was not created for pod %s/%s (pod is not owner)", own, ns, name, ns,
				 object_name(pod));
		return 0; /* its going brings the pod back */
	}
	if (claim)
		return 0;
	r = make_claim(c, pod, volume, name, &diags);
	if (r < 0 && r != -EEXIST && r != -ESTALE && r != -ENOMEM)
		controller_event(c, pod, EVENT_WARNING, "FailedBinding", "ephemeral volume %s: create PVC %s: %s", own, name,
				 controller_refusal(&diags, r, NULL));
	return r == -EEXIST ? -ESTALE : r;
}

static int64_t sync_pod(struct controller *c, const char *key)
{
	_cleanup_object_ struct object *pod = controller_get(c, schema_kind_by_plural("pods"), key);
	const struct value *list = object_path(pod, "spec", "volumes");
	int r = 0;

	if (!pod || object_is_deleting(pod) || controller_namespace_ends(c, pod))
		return 0;
	for (size_t i = 0; i < value_len(list) && r == 0; i++)
		if (value_get(value_at(list, i), "ephemeral"))
			r = see_to(c, pod, value_at(list, i));
	return r;
}

/* Somebody has deleted a claim: the pods that are to have one of that name. */
static int64_t sync_claim(struct controller *c, const char *key)
{
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_arena_ struct arena *a = arena_new(0);
	const char *slash = strchr(key, '/');
	const char *ns = a && slash ? arena_memdup(a, key, (size_t)(slash - key)) : NULL;
	int r = ns ? cache_list(controller_cache(c), schema_kind_by_plural("pods"), ns, &pods) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < pods.n; i++) {
		const struct object *pod = pods.items[i];
		const struct value *list = object_path(pod, "spec", "volumes");

		for (size_t k = 0; k < value_len(list); k++) {
			const struct value *v = value_at(list, k);
			const char *name = value_get(v, "ephemeral") ? pv_claim_name(a, pod, v) : NULL;

			if (name && !strcmp(name, slash + 1))
				ephemeral_notice_pod(c, pod);
		}
	}
	return r;
}

int64_t ephemeral_sync(struct controller *c, const char *key)
{
	return *key == POD_KEY ? sync_pod(c, key + 1) : sync_claim(c, key + 1);
}
