/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/manifest.h"

#include <string.h>

#include "base/error.h"
#include "value/yaml.h"

struct objects {
	struct arena *arena;
	struct schema_manifest_object *items;
	size_t n, cap;
};

static void add(struct objects *o, struct value *root, unsigned document)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 4;
		struct schema_manifest_object *items = arena_alloc(o->arena, cap * sizeof(*items));

		if (!items)
			return;
		if (o->n)
			memcpy(items, o->items, o->n * sizeof(*items));
		o->items = items;
		o->cap = cap;
	}
	o->items[o->n++] = (struct schema_manifest_object){ .root = root, .document = document };
}

/* A List's items; NULL for any other object. "PodList" and the like are only told from a kind by their items. */
static const struct value *list_items(const struct value *root)
{
	const char *kind = value_str_or(value_get(root, "kind"), "");
	const struct value *items = value_get(root, "items");
	size_t len = strlen(kind);

	if (len < 4 || strcmp(kind + len - 4, "List") != 0 || value_type(items) != VALUE_LIST)
		return NULL;
	return items;
}

/* An item of a PodList may leave out what the list's kind says. */
static void name_kind(struct objects *o, const struct value *list, struct value *item)
{
	const char *kind = value_str_or(value_get(list, "kind"), "");
	size_t len = strlen(kind) - strlen("List");

	if (!len || value_type(item) != VALUE_MAP || value_get(item, "kind") || value_get(item, "apiVersion"))
		return;
	value_set(o->arena, item, "kind", value_new_strn(o->arena, kind, len));
	value_set(o->arena, item, "apiVersion", value_copy(o->arena, value_get(list, "apiVersion")));
}

/* Recursion is bounded by the depth that the reader lets a document have. */
static void expand(struct objects *o, struct value *root, unsigned document)
{
	const struct value *items = list_items(root);

	if (!items) {
		add(o, root, document);
		return;
	}
	for (size_t i = 0; i < value_len(items); i++) {
		name_kind(o, root, value_at(items, i));
		expand(o, value_at(items, i), document);
	}
}

int schema_manifest_read(const char *text, size_t len, struct arena *a, struct diag_list *diags,
			 struct schema_manifest_object **ret, size_t *ret_n)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct objects o = { .arena = a };
	struct value_mark where = { 0 };
	struct yaml_document *docs = NULL;
	size_t n = 0;
	int r;

	r = yaml_read(text, len, NULL, a, &docs, &n, &err, &where);
	if (r < 0) {
		diag_add(diags, DIAG_ERROR, r == -E2BIG ? -EFBIG : r, where, NULL, "%s", error_text(&err));
		return r == -E2BIG ? -EFBIG : r;
	}
	for (size_t i = 0; i < n; i++)
		expand(&o, docs[i].root, docs[i].number);
	if (arena_failed(a)) {
		diags->failed = true;
		return -ENOMEM;
	}
	*ret = o.items;
	*ret_n = o.n;
	return 0;
}
