/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a field belongs that stands in the wrong struct: people put a container's env into the pod's spec, and a
 * Deployment's replicas into its template.
 */
#include "schema/hint.h"

#include "value/path.h"

enum { DEEPEST = 4 }; /* levels below, from a Deployment's spec to its containers */

static const struct schema_type *struct_of(const struct schema_type *t)
{
	while (t->form == SCHEMA_LIST)
		t = t->elem;
	return t->form == SCHEMA_STRUCT ? t : NULL;
}

/* Looks for the field exactly `depth` levels below t; appends the way there. Fields that nothing acts on are no
 * advice. */
static bool find_below(const struct schema_type *t, const char *key, unsigned depth, struct buf *way)
{
	if (depth == 0)
		return schema_field_find(t, key) != NULL;
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct schema_field *f = &t->fields[i];
		const struct schema_type *child = struct_of(f->type);
		size_t len = way->len;

		if (!child || f->flags & (SYSTEM | NOT_ACTED))
			continue;
		path_push_field(way, f->name);
		if (f->type->form == SCHEMA_LIST)
			buf_puts(way, "[*]");
		if (find_below(child, key, depth - 1, way))
			return true;
		path_cut(way, len);
	}
	return false;
}

static const struct schema_type *type_at(const struct schema_type *root, const struct schema_path *at)
{
	const struct schema_type *up;

	if (!at)
		return root;
	up = type_at(root, at->up);
	if (!up)
		return NULL;
	return at->key ? schema_member(up, at->key) : schema_item(up);
}

static bool find_above(const struct schema_type *root, const struct schema_path *at, const char *key, struct buf *way)
{
	for (const struct schema_path *p = at; p; p = p->up) {
		const struct schema_type *t = type_at(root, p->up);

		if (!t || t->form != SCHEMA_STRUCT || !schema_field_find(t, key))
			continue;
		schema_path_format(p->up, way);
		return true;
	}
	return false;
}

bool schema_hint(const struct schema_type *root, const struct schema_path *at, const char *key, struct buf *ret_way)
{
	const struct schema_type *t = type_at(root, at);

	if (find_above(root, at, key, ret_way))
		return true;
	schema_path_format(at, ret_way);
	for (unsigned depth = 1; t && t->form == SCHEMA_STRUCT && depth <= DEEPEST; depth++)
		if (find_below(t, key, depth, ret_way))
			return true;
	return false;
}
