/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One document on its way to the store: find its kind, read, convert, default, check. Unknown fields end it, as
 * they do at the API server: what a misspelt field should have said cannot be judged. A value of the wrong type does
 * not, but nothing more is said of its place.
 */
#include <string.h>

#include "schema/kinds.h"
#include "schema/walk.h"
#include "value/nearest.h"

/* --- the envelope --- */

static const struct value *envelope_string(struct admit *ad, const struct value *root, const char *key)
{
	const struct value *v = value_get(root, key);

	if (!v || value_is_null(v) || (value_str(v) && !value_len(v))) {
		report_error(ad, AT(NULL, key), value_mark(root), "Required value: %s not set", key);
		return NULL;
	}
	if (!value_str(v)) {
		report_invalid(ad, AT(NULL, key), v, "must be a string");
		return NULL;
	}
	return v;
}

/* Whether the group is one that only a definition can bring: Kubernetes' own have no dot, or end in k8s.io. */
static bool is_custom_group(const char *version)
{
	size_t n = strcspn(version, "/");

	return version[n] && memchr(version, '.', n) && !(n > 7 && strncmp(version + n - 7, ".k8s.io", 7) == 0);
}

static void report_unknown_kind(struct admit *ad, const struct value *version, const struct value *kind)
{
	const struct schema_kind *near = schema_kind_by_name(value_str(kind));
	const char *names[128] = { NULL };
	const char *guess;
	size_t n;
	const struct schema_kind *const *all = schema_kinds(&n);

	if (schema_kind_is_elsewhere(value_str(version), value_str(kind))) {
		report_error(ad, AT(NULL, "kind"), value_mark(kind),
			     "kind \"%.253s\" (%.253s) is one of Kubernetes' that this version of podfs does not know",
			     value_str(kind), value_str(version));
		return;
	}
	if (is_custom_group(value_str(version))) {
		report_error(ad, AT(NULL, "kind"), value_mark(kind),
			     "no matches for kind \"%.253s\" in version \"%.253s\"; its CustomResourceDefinition must be there "
			     "first", value_str(kind), value_str(version));
		return;
	}
	if (near) {
		report_error(ad, AT(NULL, "apiVersion"), value_mark(version),
			     "no matches for kind \"%s\" in version \"%.253s\"; it is in \"%s\"", near->kind, value_str(version),
			     near->api_version);
		return;
	}
	for (size_t i = 0; i < n && i < ARRAY_SIZE(names); i++)
		names[i] = all[i]->kind;
	guess = nearest(value_str(kind), names, n < ARRAY_SIZE(names) ? n : ARRAY_SIZE(names));
	report_error(ad, AT(NULL, "kind"), value_mark(kind), "no matches for kind \"%.253s\" in version \"%.253s\"%s%s%s",
		     value_str(kind), value_str(version), guess ? "; did you mean \"" : "", guess ? guess : "",
		     guess ? "\"?" : "");
}

static const struct schema_kind *find_kind(struct admit *ad, const struct value *root)
{
	const struct value *version, *kind;
	const struct schema_kind *k;

	if (value_type(root) != VALUE_MAP) {
		report_error(ad, NULL, value_mark(root), "must be an object with apiVersion, kind and metadata, found %s",
			     value_type_name(value_type(root)));
		return NULL;
	}
	version = envelope_string(ad, root, "apiVersion");
	kind = envelope_string(ad, root, "kind");
	if (!version || !kind)
		return NULL;
	k = schema_kind_find(value_str(version), value_str(kind));
	if (!k)
		report_unknown_kind(ad, version, kind);
	return k;
}

/* Fields that have another shape in the document's version get today's, so that they can be read. */
static bool reshape(struct admit *ad, struct value *root)
{
	const char *version = value_str_or(value_get(root, "apiVersion"), "");
	const struct schema_old_version *old = schema_old_version(&ad->ops->kind, version);

	if (old && old->reshape)
		old->reshape(ad, root);
	return old && old->reshape;
}

void schema_reshape(struct value *root, struct arena *a)
{
	_cleanup_diag_list_ struct diag_list unheard = DIAG_LIST_INIT;
	struct admit ad = { .arena = a, .diags = &unheard };
	const struct schema_kind *kind = schema_kind_find(value_str_or(value_get(root, "apiVersion"), ""),
							  value_str_or(value_get(root, "kind"), ""));

	if (!kind)
		return;
	ad.ops = schema_kind_ops(kind);
	if (reshape(&ad, root))
		value_set_str(a, root, "apiVersion", kind->api_version);
}

/* Writes the current apiVersion in place of an old one, and gives the old one's defaults. */
static void convert(struct admit *ad, struct value *root)
{
	struct value *version = value_get(root, "apiVersion");
	const struct schema_old_version *old = schema_old_version(&ad->ops->kind, value_str_or(version, ""));
	struct value_mark mark = value_mark(version);
	struct value *now;

	if (!old)
		return;
	if (!old->is_served)
		report_warning(ad, AT(NULL, "apiVersion"), mark, "%s %s is deprecated; use %s", old->api_version,
			       ad->ops->kind.kind, ad->ops->kind.api_version);
	if (old->convert)
		old->convert(ad, root);
	now = value_new_str(ad->arena, ad->ops->kind.api_version);
	if (now)
		value_assign(version, now);
}

/* --- metadata --- */

int schema_check_name(const struct schema_kind *kind, const char *name, struct diag_list *diags)
{
	const char *why = schema_kind_ops(kind)->name_format(name, strlen(name));

	if (!why)
		return 0;
	diag_add(diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 0 }, "metadata.name", "Invalid value: \"%.300s\": %s",
		 name, why);
	return -EINVAL;
}

static void check_name(struct admit *ad, const struct value *meta, const struct value *root)
{
	const struct value *name = value_get(meta, "name");
	const struct value *prefix = value_get(meta, "generateName");
	const struct schema_path *at = AT(NULL, "metadata");
	const char *why;

	if (value_len(name)) {
		why = ad->ops->name_format(value_str(name), value_len(name));
		if (why)
			report_invalid(ad, AT(at, "name"), name, "%s", why);
	} else if (!value_len(prefix)) {
		report_required(ad, AT(at, "name"), meta ? meta : root, "name or generateName is required");
	}
	if (value_len(prefix)) {
		/* What is generated ends in a letter or digit, so a '-' at the end of the prefix is fine. */
		size_t len = value_len(prefix) - (value_str(prefix)[value_len(prefix) - 1] == '-');
		const char *text = arena_memdup(ad->arena, value_str(prefix), len);

		why = text && len ? ad->ops->name_format(text, len) : NULL;
		if (why)
			report_invalid(ad, AT(at, "generateName"), prefix, "%s", why);
	}
}

static void check_namespace(struct admit *ad, struct value *meta)
{
	const struct value *ns = value_get(meta, "namespace");
	const char *why;

	if (!value_len(ns))
		return;
	if (!ad->ops->kind.namespaced) {
		report_warning(ad, AT(AT(NULL, "metadata"), "namespace"), value_mark(ns),
			       "ignored: a %s is in no namespace", ad->ops->kind.kind);
		value_remove(meta, "namespace");
		return;
	}
	why = format_dns_label(value_str(ns), value_len(ns));
	if (why)
		report_invalid(ad, AT(AT(NULL, "metadata"), "namespace"), ns, "%s", why);
}

int schema_finish_create(const struct schema_kind *kind, struct value *root, struct arena *a, struct diag_list *diags)
{
	struct admit ad = { .arena = a, .diags = diags, .ops = schema_kind_ops(kind) };
	size_t errors = diags->errors;

	if (ad.ops->finish_create)
		ad.ops->finish_create(&ad, root);
	return diags->errors != errors || diags->failed ? diag_code(diags) : 0;
}

void schema_finish_update(const struct schema_kind *kind, const struct value *old, struct value *root, struct arena *a)
{
	if (schema_kind_ops(kind)->finish_update)
		schema_kind_ops(kind)->finish_update(a, old, root);
}

/* --- the whole --- */

static void admit(struct admit *ad, struct value *root)
{
	const struct schema_type *type = ad->ops->kind.type;
	size_t errors = ad->diags->errors;

	(void)reshape(ad, root);
	schema_read(ad, type, root);
	if (ad->has_unknown_fields)
		return;
	if (ad->diags->errors != errors)
		ad->n_told = ad->diags->n;
	convert(ad, root);
	schema_default(ad, type, root);
	if (ad->ops->initial_status)
		ad->ops->initial_status(ad, root);
	schema_check(ad, type, root, NULL);
	check_name(ad, value_get(root, "metadata"), root);
	check_namespace(ad, value_get(root, "metadata"));
	if (!ad->ops->kind.acted_on)
		report_warning(ad, NULL, value_mark(root), "nothing in this version of podfs acts on %s %s",
			       strchr("AEIO", *ad->ops->kind.kind) ? "an" : "a", ad->ops->kind.kind);
}

int schema_admit(struct value *root, struct arena *a, struct diag_list *diags, const struct schema_kind **ret_kind)
{
	struct admit ad = { .arena = a, .diags = diags };
	size_t errors = diags->errors;
	const struct schema_kind *kind = find_kind(&ad, root);

	if (kind) {
		ad.ops = schema_kind_ops(kind);
		ad.root = root;
		admit(&ad, root);
	}
	if (arena_failed(a))
		diags->failed = true;
	if (diags->failed)
		return -ENOMEM;
	if (diags->errors != errors)
		return diag_code(diags);
	*ret_kind = kind;
	return 0;
}
