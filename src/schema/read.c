/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "schema/hint.h"
#include "schema/walk.h"
#include "value/nearest.h"

/*
 * Reading recurses as deep as the document is nested, which the readers of YAML and JSON limit, and no deeper than
 * the types are.
 */

enum { FIELDS_MAX = 256 }; /* of one struct that are compared with a misspelt name; built-in ones have fewer */

struct reader {
	struct admit *ad;
	bool quiet; /* below a field that was warned of already */
};

static void read_value(struct reader *r, const struct schema_type *t, struct value *v, const struct schema_path *at);

static void unknown_field(struct reader *r, const struct schema_type *t, const struct value *v, size_t i,
			  const struct schema_path *at)
{
	_cleanup_buf_ struct buf path = BUF_INIT, hint = BUF_INIT, way = BUF_INIT;
	const char *key = value_key_at(v, i);
	const char *names[FIELDS_MAX];
	const char *near;

	r->ad->has_unknown_fields = true;
	if (diag_is_full(r->ad->diags, DIAG_ERROR)) {
		diag_count(r->ad->diags, DIAG_ERROR); /* no search for the nearest name */
		return;
	}
	for (size_t n = 0; n < t->n_fields && n < FIELDS_MAX; n++)
		names[n] = t->fields[n].name;
	near = nearest(key, names, t->n_fields < FIELDS_MAX ? t->n_fields : FIELDS_MAX);
	schema_path_format(AT(at, key), &path);
	if (near)
		buf_printf(&hint, "; did you mean \"%s\"?", near);
	else if (schema_hint(r->ad->ops->kind.type, at, key, &way))
		buf_printf(&hint, "; \"%s\" is a field of %s", key, way.len ? buf_str(&way) : "the object itself");
	report_error(r->ad, AT(at, key), value_key_mark_at(v, i), "unknown field \"%s\"%s", buf_str(&path),
		     buf_str(&hint));
}

/* What null stands for in a list or as a free key's value: the zero of its type. */
static struct value *zero_value(const struct schema_type *t, struct arena *a)
{
	switch (t->form) {
	case SCHEMA_STRUCT:
	case SCHEMA_MAP:
		return value_new_map(a);
	case SCHEMA_LIST:
		return value_new_list(a);
	case SCHEMA_BOOL:
		return value_new_bool(a, false);
	case SCHEMA_INT32:
	case SCHEMA_INT64:
	case SCHEMA_FLOAT:
	case SCHEMA_INT_OR_STRING:
		return value_new_int(a, 0);
	case SCHEMA_QUANTITY:
		return value_new_str(a, "0");
	default:
		return value_new_str(a, "");
	}
}

static bool equals_default(const struct schema_field *f, const struct value *v, struct arena *a)
{
	return f->def && value_equal(v, schema_default_value(f->type, f->def, a));
}

/* Whether the member of that field is to go once it has been read. */
static bool is_dropped(const struct schema_field *f, const struct value *v)
{
	if (f->flags & SYSTEM && !(f->flags & MANIFEST))
		return true;
	return !(f->flags & (KEEP_ZERO | ALWAYS)) && schema_is_zero(f->type, v);
}

static void read_member(struct reader *r, const struct schema_field *f, struct value *member,
			const struct schema_path *at)
{
	size_t errors = r->ad->diags->errors;
	struct reader inner = *r;

	if (f->flags & SYSTEM)
		inner.quiet = true;
	if (f->flags & NOT_ACTED && !inner.quiet) {
		inner.quiet = true;
		read_value(&inner, f->type, member, at);
		if (r->ad->diags->errors == errors && !is_dropped(f, member) &&
		    !equals_default(f, member, r->ad->arena))
			report_warning(r->ad, at, value_mark(member),
				       "accepted, but this version of podfs does not act on it");
		return;
	}
	read_value(&inner, f->type, member, at);
}

static void read_struct(struct reader *r, const struct schema_type *t, struct value *v, const struct schema_path *at)
{
	size_t i = 0;

	while (i < value_len(v)) {
		const struct schema_field *f = schema_field_find(t, value_key_at(v, i));
		struct value *member = value_at(v, i);

		if (!f && t->open) {
			i++;
			continue;
		}
		if (!f) {
			unknown_field(r, t, v, i++, at);
			continue;
		}
		if (value_is_null(member) && f->type->json &&
		    value_bool(value_get(f->type->json, "nullable"), false)) {
			i++; /* of a custom kind: null is a value */
			continue;
		}
		if (!value_is_null(member))
			read_member(r, f, member, AT(at, f->name));
		if (value_is_null(member) || is_dropped(f, member))
			value_remove_at(v, i);
		else
			i++;
	}
}

static void read_map(struct reader *r, const struct schema_type *t, struct value *v, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(v); i++) {
		struct value *item = value_at(v, i);

		if (value_is_null(item)) {
			const struct value *zero = zero_value(t->elem, r->ad->arena);

			if (zero)
				value_assign(item, zero);
		} else {
			read_value(r, t->elem, item, AT_KEY(at, value_key_at(v, i)));
		}
	}
}

static void read_list(struct reader *r, const struct schema_type *t, struct value *v, const struct schema_path *at)
{
	for (size_t i = 0; i < value_len(v); i++) {
		struct value *item = value_at(v, i);

		if (value_is_null(item)) {
			const struct value *zero = zero_value(t->elem, r->ad->arena);

			if (zero)
				value_assign(item, zero);
		} else {
			read_value(r, t->elem, item, AT_ITEM(at, i));
		}
	}
}

/* What cannot be read is as if it were empty, so that the rest can be judged. */
static void clear_value(struct reader *r, const struct schema_type *t, struct value *v)
{
	const struct value *zero = zero_value(t, r->ad->arena);

	if (zero)
		value_assign(v, zero);
}

static void read_value(struct reader *r, const struct schema_type *t, struct value *v, const struct schema_path *at)
{
	enum value_type type = value_type(v);
	bool good = true;

	switch (t->form) {
	case SCHEMA_STRUCT:
		good = type == VALUE_MAP;
		if (good)
			read_struct(r, t, v, at);
		else
			report_invalid(r->ad, at, v, "must be an object with named fields, found %s", value_type_name(type));
		break;
	case SCHEMA_MAP:
		good = type == VALUE_MAP;
		if (good)
			read_map(r, t, v, at);
		else
			report_invalid(r->ad, at, v, "must be a map of keys and values, found %s", value_type_name(type));
		break;
	case SCHEMA_LIST:
		good = type == VALUE_LIST;
		if (good)
			read_list(r, t, v, at);
		else
			report_invalid(r->ad, at, v, "must be a list (each item begins with \"- \"), found %s",
				       value_type_name(type));
		break;
	default:
		good = schema_read_scalar(r->ad, t, v, at);
		break;
	}
	if (!good)
		clear_value(r, t, v);
}

void schema_read(struct admit *ad, const struct schema_type *t, struct value *root)
{
	/* of a kind that nothing acts on one warning is enough */
	struct reader r = { .ad = ad, .quiet = !ad->ops->kind.acted_on };

	read_struct(&r, t, root, NULL);
}
