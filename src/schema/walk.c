/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/walk.h"

#include "schema/json_rules.h"

static void default_field(struct admit *ad, const struct schema_field *f, struct value *v)
{
	struct value *made;

	if (value_get(v, f->name))
		return;
	if (f->def)
		made = schema_default_value(f->type, f->def, ad->arena);
	else if (f->type->form == SCHEMA_STRUCT || f->type->form == SCHEMA_MAP)
		made = value_new_map(ad->arena);
	else if (f->type->form == SCHEMA_LIST)
		made = value_new_list(ad->arena);
	else if (f->type->form == SCHEMA_BOOL)
		made = value_new_bool(ad->arena, false);
	else if (f->type->form == SCHEMA_STRING)
		made = value_new_str(ad->arena, "");
	else
		made = value_new_int(ad->arena, 0);
	value_set(ad->arena, v, f->name, made);
}

static void default_struct(struct admit *ad, const struct schema_type *t, struct value *v)
{
	if (t->defaults)
		t->defaults(ad, v);
	if (t->json)
		json_defaults(ad, t->json, v);
	for (size_t i = 0; i < t->n_fields; i++)
		if (t->fields[i].def || t->fields[i].flags & ALWAYS)
			default_field(ad, &t->fields[i], v);
	for (size_t i = 0; i < value_len(v); i++) {
		const struct schema_field *f = schema_field_find(t, value_key_at(v, i));

		if (f)
			schema_default(ad, f->type, value_at(v, i));
	}
}

void schema_default(struct admit *ad, const struct schema_type *t, struct value *v)
{
	if (t->form == SCHEMA_STRUCT) {
		default_struct(ad, t, v);
	} else if (t->form == SCHEMA_LIST || t->form == SCHEMA_MAP) {
		if (t->defaults)
			t->defaults(ad, v);
		if (t->elem->form != SCHEMA_STRUCT && t->elem->form != SCHEMA_LIST)
			return;
		for (size_t i = 0; i < value_len(v); i++)
			schema_default(ad, t->elem, value_at(v, i));
	}
}

/* An explicit zero of a number with bounds is told its bounds; anything else that is empty is missing. */
static bool is_missing(const struct schema_field *f, const struct value *member)
{
	if (!member || !schema_is_zero(f->type, member))
		return !member;
	return !(f->type->ranged && value_mark(member).line);
}

static void check_struct(struct admit *ad, const struct schema_type *t, const struct value *v,
			 const struct schema_path *at)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct schema_field *f = &t->fields[i];
		const struct value *member;

		if (!(f->flags & REQUIRED))
			continue;
		member = value_get(v, f->name);
		if (is_missing(f, member))
			report_required(ad, AT(at, f->name), value_mark(member).line ? member : v, "%s",
					f->type->required ? f->type->required : "");
	}
	for (size_t i = 0; i < value_len(v); i++) {
		const struct schema_field *f = schema_field_find(t, value_key_at(v, i));
		const struct value *member = value_at(v, i);

		if (f && !(f->flags & SYSTEM) && !(f->flags & REQUIRED && is_missing(f, member)))
			schema_check(ad, f->type, member, AT(at, f->name));
	}
}

void schema_check(struct admit *ad, const struct schema_type *t, const struct value *v, const struct schema_path *at)
{
	switch (t->form) {
	case SCHEMA_STRUCT:
		check_struct(ad, t, v, at);
		break;
	case SCHEMA_LIST:
		for (size_t i = 0; i < value_len(v); i++)
			schema_check(ad, t->elem, value_at(v, i), AT_ITEM(at, i));
		break;
	case SCHEMA_MAP:
		for (size_t i = 0; i < value_len(v); i++)
			schema_check(ad, t->elem, value_at(v, i), AT_KEY(at, value_key_at(v, i)));
		break;
	default:
		schema_check_scalar(ad, t, v, at);
		break;
	}
	if (t->check)
		t->check(ad, v, at);
	if (t->json)
		json_check(ad, t->json, v, at);
}
