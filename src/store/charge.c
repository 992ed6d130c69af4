/* SPDX-License-Identifier: Apache-2.0 */
#include "store/charge.h"

#include <string.h>

#include "store/quota.h"
#include "store/registry-internal.h"

void charges_clear(struct charges *c)
{
	for (size_t i = 0; i < c->n; i++)
		object_unref(c->items[i].quota);
	free(c->items);
	*c = (struct charges){ 0 };
}

int quota_recount(struct registry *reg, struct arena *a, const struct object *quota, struct value *root)
{
	struct value *status = value_set_map(a, root, "status"), *used = value_new_map(a);
	const struct value *hard = value_path(root, "spec", "hard");
	const struct schema_kind *const *kinds;
	int64_t now = registry_now(reg);
	size_t n;

	for (size_t i = 0; i < value_len(hard); i++)
		(void)value_set_str(a, used, value_key_at(hard, i), "0");
	kinds = schema_kinds(&n);
	for (size_t k = 0; k < n; k++) {
		_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
		int r = kinds[k]->namespaced ? cache_list(reg->cache, kinds[k], object_namespace(quota), &list) : 0;

		if (r < 0)
			return r;
		for (size_t i = 0; i < list.n; i++)
			if (quota_matches(root, kinds[k], object_root(list.items[i])))
				quota_count(root, kinds[k], object_root(list.items[i]), now, a, used);
	}
	(void)value_set(a, status, "hard", value_copy(a, hard));
	(void)value_set(a, status, "used", used);
	return arena_failed(a) ? -ENOMEM : 0;
}

/* The charge of a quota, with figures that are those of its limits. */
static int find(struct charges *c, struct registry *reg, struct arena *a, struct object *quota, struct charge **ret)
{
	struct charge *x;

	for (size_t i = 0; i < c->n; i++)
		if (strcmp(object_key(c->items[i].quota), object_key(quota)) == 0) {
			*ret = &c->items[i];
			return 0;
		}
	if (c->n == c->cap) {
		size_t cap = c->cap ? 2 * c->cap : 4;
		struct charge *bigger = reallocarray(c->items, cap, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		c->items = bigger;
		c->cap = cap;
	}
	x = &c->items[c->n];
	*x = (struct charge){ .root = value_copy(a, object_root(quota)) };
	if (!x->root)
		return -ENOMEM;
	x->quota = object_ref(quota);
	c->n++;
	*ret = x;
	/* A new one, or one whose limits have changed since they were counted. */
	if (!value_equal(value_path(x->root, "spec", "hard"), value_path(x->root, "status", "hard")))
		return quota_recount(reg, a, quota, x->root);
	return 0;
}

static int refuse(struct diag_list *diags, int code, const struct schema_kind *kind, const struct value *root,
		  const char *what, const char *why)
{
	diag_add(diags, DIAG_ERROR, code, value_mark(root), "", "%s \"%s\" is forbidden: %s%s", kind->plural,
		 value_str_or(value_path(root, "metadata", "name"), ""), what, why);
	return code;
}

/* Charges one quota; *ret_used is what its figures become, NULL when they stay. */
static int charge_one(const struct charge *x, struct registry *reg, struct arena *a, const struct schema_kind *kind,
		      const struct value *old, const struct value *root, struct value **ret_used, struct diag_list *diags)
{
	const struct value *before = value_path(x->root, "status", "used");
	_cleanup_buf_ struct buf why = BUF_INIT;
	struct value *used = before ? value_copy(a, before) : value_new_map(a);
	bool changed = false;
	int r;

	quota_missing(x->root, kind, root, &why);
	if (why.len) {
		_cleanup_buf_ struct buf what = BUF_INIT;

		buf_printf(&what, "failed quota: %s: ", object_name(x->quota));
		return refuse(diags, -EINVAL, kind, root, buf_str(&what), buf_str(&why));
	}
	r = quota_charge(x->root, kind, old, root, registry_now(reg), a, used, &changed, &why);
	if (r < 0)
		return refuse(diags, r, kind, root, "", buf_str(&why));
	*ret_used = changed ? used : NULL;
	return buf_failed(&why) || arena_failed(a) ? -ENOMEM : 0;
}

int charges_add(struct charges *c, struct registry *reg, struct arena *a, const struct schema_kind *kind,
		const struct value *old, const struct value *root, struct diag_list *diags)
{
	const struct schema_kind *quotas = schema_kind_by_plural("resourcequotas");
	const char *ns = value_str_or(value_path(root, "metadata", "namespace"), "");
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	struct value **used;
	int r = quotas && kind->namespaced ? cache_list(reg->cache, quotas, ns, &list) : 0;

	if (r < 0 || !list.n)
		return r;
	used = arena_alloc(a, list.n * sizeof(*used));
	if (!used)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		struct charge *x;

		used[i] = NULL;
		r = find(c, reg, a, list.items[i], &x);
		if (r == 0 && quota_matches(x->root, kind, root))
			r = charge_one(x, reg, a, kind, old, root, &used[i], diags);
	}
	for (size_t i = 0; r == 0 && i < list.n; i++) { /* all or none */
		struct charge *x;

		if (!used[i])
			continue;
		r = find(c, reg, a, list.items[i], &x);
		if (r < 0)
			break;
		(void)value_set(a, value_set_map(a, x->root, "status"), "used", used[i]);
		x->changed = true;
	}
	return r;
}
