/* SPDX-License-Identifier: Apache-2.0 */
#include "control/revisions.h"

#include <stdlib.h>
#include <string.h>

#include "control/claim.h"
#include "control/deployment_decide.h"
#include "control/pods.h"

void revisions_clear(struct revisions *r)
{
	object_unref(r->current);
	r->current = NULL;
	object_list_clear(&r->old);
}

static int64_t number_of(const struct object *revision)
{
	return value_int(object_path(revision, "revision"), 0);
}

const char *revision_hash(const struct object *revision)
{
	return value_str_or(value_get(object_labels(revision), REVISION_HASH), "");
}

/* What is stored of a template: a patch that puts it in the place of another. */
static struct value *patch_of(struct arena *a, const struct value *template)
{
	struct value *patch = value_new_map(a), *copy = value_copy(a, template);

	value_set_str(a, copy, "$patch", "replace");
	value_set(a, value_set_map(a, patch, "spec"), "template", copy);
	return patch;
}

bool revision_matches(const struct object *revision, const struct value *template)
{
	_cleanup_arena_ struct arena *a = arena_new(0);

	return value_equal(patch_of(a, template), object_path(revision, "data")) && !arena_failed(a);
}

struct value *revision_template(struct arena *a, const struct object *revision)
{
	struct value *template = value_copy(a, object_path(revision, "data", "spec", "template"));

	value_remove(template, "$patch");
	return template;
}

struct value *revision_new(struct arena *a, const struct object *owner, const char *hash, int64_t number)
{
	const struct value *template = object_path(owner, "spec", "template");
	const struct value *labels = value_path(template, "metadata", "labels");
	const struct value *annotations = object_path(owner, "metadata", "annotations");
	struct value *root = value_new_map(a), *meta;

	value_set_str(a, root, "apiVersion", "apps/v1");
	value_set_str(a, root, "kind", "ControllerRevision");
	meta = value_set_map(a, root, "metadata");
	value_set(a, meta, "name", value_new_strf(a, "%s-%s", object_name(owner), hash));
	value_set_str(a, meta, "namespace", object_namespace(owner));
	if (value_len(labels))
		value_set(a, meta, "labels", value_copy(a, labels));
	value_set_str(a, value_set_map(a, meta, "labels"),
		      strcmp(object_kind(owner)->plural, "statefulsets") ? REVISION_HASH : "controller.kubernetes.io/hash", hash);
	if (value_len(annotations))
		value_set(a, meta, "annotations", value_copy(a, annotations));
	value_append(a, value_set_list(a, meta, "ownerReferences"), controller_reference(a, owner));
	value_set(a, root, "data", patch_of(a, template));
	value_set_int(a, root, "revision", number);
	return arena_failed(a) ? NULL : root;
}

static int count_collision(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	struct value *status = value_set_map(a, root, "status");

	(void)arg;
	(void)old;
	value_set_int(a, status, "collisionCount", value_int(value_get(status, "collisionCount"), 0) + 1);
	return 0;
}

static int create(struct controller *c, const struct object *owner, int64_t number, struct object **ret)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	const char *hash = t ? deployment_template_hash(txn_arena(t), object_path(owner, "spec", "template"),
							value_int(object_path(owner, "status", "collisionCount"), 0))
			     : NULL;
	struct value *root = hash ? revision_new(txn_arena(t), owner, hash, number) : NULL;
	int r = root ? txn_create(t, root, TXN_ADMIT, owner, &diags) : -ENOMEM;

	if (r == 0)
		r = txn_commit(t, STORE_LAZY, NULL);
	if (r == -EEXIST || r == -EAGAIN) {
		r = registry_modify(controller_registry(c), controller_writer(c), object_kind(owner), object_namespace(owner),
				    object_name(owner), object_uid(owner), TXN_STATUS, 0, count_collision, NULL);
		return r < 0 ? r : -ESTALE;
	}
	if (r < 0 && r != -ESTALE)
		controller_event(c, owner, EVENT_WARNING, "FailedCreate", "Error creating revision: %s",
				 controller_refusal(&diags, r, NULL));
	if (r == 0)
		*ret = cache_get_uid(controller_cache(c), value_str_or(value_path(root, "metadata", "uid"), ""));
	return r < 0 ? r : *ret ? 0 : -ESTALE;
}

static int set_number(void *arg, struct arena *a, struct value *root, const struct object *old)
{
	(void)old;
	value_set_int(a, root, "revision", *(int64_t *)arg);
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	int64_t x = number_of(*(struct object *const *)a), y = number_of(*(struct object *const *)b);

	return x < y ? -1 : x > y;
}

int revisions_find(struct controller *c, const struct object *owner, struct revisions *ret)
{
	const struct schema_kind *kind = schema_kind_by_plural("controllerrevisions");
	const struct value *template = object_path(owner, "spec", "template");
	_cleanup_object_list_ struct object_list all = OBJECT_LIST_INIT;
	int64_t number = 1;
	int r = claim_objects(c, owner, kind, &all);

	if (r == 0 && all.n > 1)
		qsort(all.items, all.n, sizeof(all.items[0]), compare_numbers);
	for (size_t i = all.n; i-- > 0 && r == 0 && !ret->current;)
		if (revision_matches(all.items[i], template))
			ret->current = object_ref(all.items[i]);
	for (size_t i = 0; i < all.n && r == 0; i++)
		if (!ret->current || all.items[i] != ret->current) {
			number = number_of(all.items[i]) + 1;
			r = object_list_add(&ret->old, all.items[i]);
		}
	if (r < 0)
		return r;
	if (!ret->current)
		return create(c, owner, number, &ret->current);
	if (number_of(ret->current) >= number)
		return 0;
	return registry_modify(controller_registry(c), controller_writer(c), kind, object_namespace(ret->current),
			       object_name(ret->current), object_uid(ret->current), 0, STORE_LAZY, set_number, &number);
}

static bool is_borne(const struct object *revision, const struct object_list *pods)
{
	for (size_t i = 0; i < pods->n; i++)
		if (!strcmp(value_str_or(value_get(object_labels(pods->items[i]), REVISION_HASH), ""), revision_hash(revision)))
			return true;
	return false;
}

int revisions_clean(struct controller *c, const struct object *owner, const struct revisions *r, const struct object_list *pods)
{
	int64_t limit = value_int(object_path(owner, "spec", "revisionHistoryLimit"), 10), excess = (int64_t)r->old.n - limit;
	int e = 0;

	for (size_t i = 0; i < r->old.n && excess > 0 && e == 0; i++) {
		const struct object *revision = r->old.items[i];

		if (is_borne(revision, pods))
			continue;
		e = controller_delete(c, &revision, 1, NULL, NULL);
		excess--;
	}
	return e;
}
