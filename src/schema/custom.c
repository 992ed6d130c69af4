/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A definition's schema becomes tables of the same form as those written by hand, so that all that walks tables works
 * on custom kinds too; each type keeps its node of the schema for what tables cannot say (json_rules.c).
 *
 * The list of all kinds is a snapshot that is replaced whole and never freed: readers take no lock.
 */
#include "schema/custom.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "schema/check.h"
#include "schema/kinds.h"

/* The memory of one definition; lies in it. */
struct kept {
	struct arena *arena;
	struct kept *before;
};

struct custom {
	struct schema_kind_ops ops;
	struct kept *kept; /* of all its definitions: the names are the first one's */
	struct custom *next;
	bool defined;
};

struct snapshot {
	const struct snapshot *before;
	size_t n;
	const struct schema_kind *kinds[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct custom *customs;			/* protected by lock; entries are never freed */
static _Atomic(const struct snapshot *) current; /* NULL: built-in kinds alone */

const struct schema_kind *const *schema_kinds(size_t *ret_n)
{
	const struct snapshot *s = atomic_load_explicit(&current, memory_order_acquire);

	if (!s)
		return schema_builtin_kinds(ret_n);
	*ret_n = s->n;
	return s->kinds;
}

/* --- tables from a schema --- */

static bool is_true(const struct value *v, const char *key)
{
	return value_bool(value_get(v, key), false);
}

static struct schema_type *new_type(struct arena *a, enum schema_form form, const struct value *schema)
{
	struct schema_type *t = arena_alloc(a, sizeof(*t));

	if (t)
		*t = (struct schema_type){ .form = form, .json = schema };
	return t;
}

static const struct schema_type *build(struct arena *a, const struct value *schema);

static int compare_fields(const void *a, const void *b)
{
	return strcmp(((const struct schema_field *)a)->name, ((const struct schema_field *)b)->name);
}

static bool add_field(struct schema_field *fields, size_t *n, const char *name, const struct schema_type *type,
		      unsigned flags)
{
	for (size_t i = 0; i < *n; i++)
		if (strcmp(fields[i].name, name) == 0)
			return true;
	fields[(*n)++] = (struct schema_field){ .name = name, .type = type, .flags = flags };
	return type != NULL;
}

/* An object's fields, with those of every object where it is one. Empty maps are a value of their own here. */
static const struct schema_type *build_struct(struct arena *a, const struct value *schema, bool is_object,
					      bool has_status)
{
	const struct value *properties = value_get(schema, "properties");
	struct schema_type *t = new_type(a, SCHEMA_STRUCT, schema);
	struct schema_field *fields = arena_alloc(a, (value_len(properties) + 3) * sizeof(*fields));
	size_t n = 0;

	if (!t || !fields)
		return NULL;
	if (is_object) {
		(void)add_field(fields, &n, "apiVersion", STRING, REQUIRED);
		(void)add_field(fields, &n, "kind", STRING, REQUIRED);
		(void)add_field(fields, &n, "metadata", &schema_object_meta, 0);
	}
	for (size_t i = 0; i < value_len(properties); i++) {
		const char *key = value_key_at(properties, i);
		unsigned flags = is_object && has_status && strcmp(key, "status") == 0 ? SYSTEM | KEEP_ZERO : KEEP_ZERO;

		if (!add_field(fields, &n, key, build(a, value_at(properties, i)), flags))
			return NULL;
	}
	qsort(fields, n, sizeof(*fields), compare_fields);
	t->fields = fields;
	t->n_fields = n;
	t->open = is_true(schema, "x-kubernetes-preserve-unknown-fields");
	return t;
}

static const struct schema_type *build_list(struct arena *a, const struct value *schema)
{
	const struct value *keys = value_get(schema, "x-kubernetes-list-map-keys");
	struct schema_type *t = new_type(a, SCHEMA_LIST, schema);
	const char **names = value_len(keys) ? arena_alloc(a, (value_len(keys) + 1) * sizeof(*names)) : NULL;

	if (!t)
		return NULL;
	t->elem = build(a, value_get(schema, "items"));
	t->is_set = text_is(schema, "x-kubernetes-list-type", "set");
	for (size_t i = 0; names && i <= value_len(keys); i++)
		names[i] = value_str(value_at(keys, i));
	t->keys = names;
	return t->elem ? t : NULL;
}

static const struct schema_type *build_object(struct arena *a, const struct value *schema)
{
	const struct value *additional = value_get(schema, "additionalProperties");
	struct schema_type *t;

	if (is_true(schema, "x-kubernetes-embedded-resource"))
		return build_struct(a, schema, true, false);
	if (value_len(value_get(schema, "properties")))
		return build_struct(a, schema, false, false);
	if (!additional)
		return is_true(schema, "x-kubernetes-preserve-unknown-fields") ? new_type(a, SCHEMA_ANY, schema) :
									     build_struct(a, schema, false, false);
	t = new_type(a, SCHEMA_MAP, schema);
	if (t)
		t->elem = value_type(additional) == VALUE_MAP ? build(a, additional) : &schema_any;
	return t && t->elem ? t : NULL;
}

static const struct schema_type *build(struct arena *a, const struct value *schema)
{
	static const struct {
		const char *name;
		enum schema_form form;
	} scalars[] = { { "string", SCHEMA_STRING }, { "integer", SCHEMA_INT64 }, { "number", SCHEMA_FLOAT },
			{ "boolean", SCHEMA_BOOL } };

	if (is_true(schema, "x-kubernetes-int-or-string"))
		return new_type(a, SCHEMA_INT_OR_STRING, schema);
	if (text_is(schema, "type", "object"))
		return build_object(a, schema);
	if (text_is(schema, "type", "array"))
		return build_list(a, schema);
	for (size_t i = 0; i < ARRAY_SIZE(scalars); i++)
		if (text_is(schema, "type", scalars[i].name))
			return new_type(a, scalars[i].form == SCHEMA_INT64 && text_is(schema, "format", "int32") ?
						   SCHEMA_INT32 : scalars[i].form, schema);
	return new_type(a, SCHEMA_ANY, schema);
}

/* --- a kind from a definition --- */

static const struct value *storage_version(const struct value *spec)
{
	const struct value *versions = value_get(spec, "versions");

	for (size_t i = 0; i < value_len(versions); i++)
		if (is_true(value_at(versions, i), "storage"))
			return value_at(versions, i);
	return NULL;
}

static const char *copy_text(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s));
}

/* The other versions that are served: their fields are read as the stored version's. */
static const struct schema_old_version *other_versions(struct arena *a, const struct value *spec, const char *group,
						       const struct value *stored)
{
	const struct value *versions = value_get(spec, "versions");
	struct schema_old_version *list = arena_alloc(a, (value_len(versions) + 1) * sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list && i < value_len(versions); i++) {
		const struct value *version = value_at(versions, i);

		if (version != stored && is_true(version, "served"))
			list[n++] = (struct schema_old_version){
				.api_version = arena_printf(a, "%s/%s", group, text_of(version, "name")),
				.is_served = !is_true(version, "deprecated"),
			};
	}
	if (list)
		list[n] = (struct schema_old_version){ 0 };
	return list;
}

static const char *const *copy_names(struct arena *a, const struct value *list)
{
	const char **names = arena_alloc(a, (value_len(list) + 1) * sizeof(*names));

	for (size_t i = 0; names && i < value_len(list); i++)
		names[i] = copy_text(a, value_str_or(value_at(list, i), ""));
	if (names)
		names[value_len(list)] = NULL;
	return names;
}

/* A schema without the prose, which is most of it. A property of that name is a map and stays. */
static struct value *copy_schema(struct arena *a, const struct value *v)
{
	struct value *copy;

	if (value_type(v) < VALUE_LIST)
		return value_copy(a, v);
	copy = value_type(v) == VALUE_MAP ? value_new_map(a) : value_new_list(a);
	for (size_t i = 0; i < value_len(v); i++) {
		const char *key = value_key_at(v, i);

		if (!key)
			value_append(a, copy, copy_schema(a, value_at(v, i)));
		else if (strcmp(key, "description") != 0 || !value_str(value_at(v, i)))
			value_set(a, copy, key, copy_schema(a, value_at(v, i)));
	}
	return copy;
}

/* Everything that the definition says, in an arena of its own; the arena has failed if memory ran out. */
static struct schema_kind_ops describe(struct arena *a, const struct value *spec, const struct value *version)
{
	const struct value *names = value_get(spec, "names");
	const char *group = copy_text(a, text_of(spec, "group"));
	const struct value *schema = copy_schema(a, value_path(version, "schema", "openAPIV3Schema"));
	bool status = value_path(version, "subresources", "status") != NULL;
	struct schema_kind_ops ops = {
		.kind = { .kind = copy_text(a, text_of(names, "kind")),
			  .plural = arena_printf(a, "%s.%s", text_of(names, "plural"), text_of(spec, "group")),
			  .singular = copy_text(a, text_of(names, "singular")),
			  .short_names = copy_names(a, value_get(names, "shortNames")),
			  .group = group,
			  .api_version = arena_printf(a, "%s/%s", text_of(spec, "group"), text_of(version, "name")),
			  .namespaced = text_is(spec, "scope", "Namespaced"),
			  .has_status = status, .has_generation = true, .has_directory = true, .is_custom = true },
		.name_format = format_dns_subdomain,
	};

	ops.old_versions = other_versions(a, spec, text_of(spec, "group"), version);
	ops.kind.type = build_struct(a, schema, true, status);
	return ops;
}

/* Makes the list anew, sorted by plural. Called with the lock held. */
static int publish(void)
{
	size_t n_builtin, n = 0;
	const struct schema_kind *const *builtin = schema_builtin_kinds(&n_builtin);
	struct snapshot *s;

	for (struct custom *c = customs; c; c = c->next)
		n += c->defined;
	s = malloc(sizeof(*s) + (n_builtin + n) * sizeof(s->kinds[0]));
	if (!s)
		return -ENOMEM;
	s->before = atomic_load_explicit(&current, memory_order_relaxed);
	memcpy(s->kinds, builtin, n_builtin * sizeof(s->kinds[0]));
	s->n = n_builtin;
	for (struct custom *c = customs; c; c = c->next) {
		size_t at = s->n;

		for (; c->defined && at > 0 && strcmp(s->kinds[at - 1]->plural, c->ops.kind.plural) > 0; at--)
			s->kinds[at] = s->kinds[at - 1];
		if (c->defined) {
			s->kinds[at] = &c->ops.kind;
			s->n++;
		}
	}
	atomic_store_explicit(&current, s, memory_order_release); /* the one before stays: somebody may be reading it */
	return 0;
}

static struct custom *find(const char *plural)
{
	struct custom *c = customs;

	while (c && strcmp(c->ops.kind.plural, plural) != 0)
		c = c->next;
	return c;
}

int schema_custom_define(const struct value *definition)
{
	const struct value *spec = value_get(definition, "spec"), *version = storage_version(spec);
	struct arena *a;
	struct schema_kind_ops ops;
	struct kept *kept;
	struct custom *c;
	int r = -ENOMEM;

	if (!value_path(version, "schema", "openAPIV3Schema"))
		return -EINVAL;
	a = arena_new(0);
	if (!a)
		return -ENOMEM;
	ops = describe(a, spec, version);
	kept = arena_alloc(a, sizeof(*kept));
	if (kept)
		*kept = (struct kept){ .arena = a };
	pthread_mutex_lock(&lock);
	c = arena_failed(a) || !ops.kind.type ? NULL : find(ops.kind.plural);
	if (c) { /* kind, plural and scope are what they were; readers may be at it, and see what was or what is */
		__atomic_store_n(&c->ops.old_versions, ops.old_versions, __ATOMIC_RELEASE);
		__atomic_store_n(&c->ops.kind.api_version, ops.kind.api_version, __ATOMIC_RELEASE);
		__atomic_store_n(&c->ops.kind.has_status, ops.kind.has_status, __ATOMIC_RELEASE);
		__atomic_store_n(&c->ops.kind.type, ops.kind.type, __ATOMIC_RELEASE);
		c->defined = true;
		kept->before = c->kept;
		c->kept = kept;
		r = publish();
	} else if (!arena_failed(a) && ops.kind.type && (c = calloc(1, sizeof(*c)))) {
		*c = (struct custom){ .ops = ops, .kept = kept, .next = customs, .defined = true };
		customs = c;
		r = publish();
	}
	pthread_mutex_unlock(&lock);
	if (!c)
		arena_free(a);
	return r;
}

void schema_custom_remove(const char *definition_name)
{
	struct custom *c;

	pthread_mutex_lock(&lock);
	c = find(definition_name);
	if (c) {
		c->defined = false;
		(void)publish(); /* without memory for a new list the kind stays known */
	}
	pthread_mutex_unlock(&lock);
}

void schema_kind_directory(const struct schema_kind *kind, char out[static SCHEMA_DIRECTORY_MAX])
{
	if (kind->is_custom)
		(void)snprintf(out, SCHEMA_DIRECTORY_MAX, "other/%s/%.*s", kind->group, (int)strcspn(kind->plural, "."),
			       kind->plural);
	else
		(void)snprintf(out, SCHEMA_DIRECTORY_MAX, "%s", kind->plural);
}
