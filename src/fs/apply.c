/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/apply.h"

#include <string.h>

#include "fs/decl.h"
#include "fs/names.h"
#include "fs/prune.h"
#include "value/merge.h"
#include "value/yaml.h"

/* --- the schema's types, as the merge asks for them --- */

static const void *type_member(const void *type, const char *key)
{
	return schema_member(type, key);
}

static const void *type_item(const void *type)
{
	return schema_item(type);
}

static const char *const *type_list_keys(const void *type)
{
	return schema_list_keys(type);
}

static bool type_is_set(const void *type)
{
	return schema_list_is_set(type);
}

static bool type_is_struct(const void *type)
{
	return schema_form(type) == SCHEMA_STRUCT;
}

static const struct merge_types merge_types = {
	.member = type_member,
	.item = type_item,
	.list_keys = type_list_keys,
	.is_set = type_is_set,
	.is_struct = type_is_struct,
};

/* --- the version before --- */

static const char *doc_namespace(const struct value *doc, const char *fallback)
{
	return value_str_or(value_path(doc, "metadata", "namespace"), fallback);
}

/* The document of a text that declares the object, or NULL; a text that was accepted once is read without complaint. */
static struct value *find_document(struct arena *a, const char *text, size_t len, const struct schema_kind *kind,
				   const char *ns, const char *default_ns, const char *name)
{
	struct yaml_document *docs;
	size_t n;

	if (yaml_read(text, len, NULL, a, &docs, &n, NULL, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct value *doc = docs[i].root;

		if (schema_kind_find(value_str(value_get(doc, "apiVersion")), value_str(value_get(doc, "kind"))) == kind &&
		    strcmp(value_str_or(value_path(doc, "metadata", "name"), ""), name) == 0 &&
		    (!kind->namespaced || strcmp(doc_namespace(doc, default_ns), ns) == 0))
			return doc;
	}
	return NULL;
}

/*
 * What the manifest in force last said about the object: this file's own version before, else that of the file it replaces,
 * else the latest of another file, else what waits for its removal.
 */
static struct value *previous_document(struct fs_apply *ap, struct arena *a, const struct schema_kind *kind,
				       const char *ns, const char *name, const char *object_key)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];
	struct fs_record rec;
	const void *value;
	size_t len;

	if (ap->old && fs_record_declares(ap->old, object_key))
		return find_document(a, ap->old->text, ap->old->text_len, kind, ns, ap->target->ns, name);
	if (fs_decl_latest(ap->fs->decl, object_key, ap->target->key, NULL, key)) {
		if (store_get(ap->fs->store, key, &e) < 0)
			return NULL;
		value = store_entry_value(e, &len);
		if (fs_record_decode(value, len, &rec) < 0)
			return NULL;
		return find_document(a, rec.text, rec.text_len, kind, ns, ap->target->ns, name);
	}
	if ((size_t)snprintf(key, sizeof(key), FS_PRUNE_PREFIX "%s", object_key) >= sizeof(key) ||
	    store_get(ap->fs->store, key, &e) < 0)
		return NULL;
	value = store_entry_value(e, &len);
	return find_document(a, value, len, kind, ns, ap->target->ns, name);
}

/* --- one document --- */

static void refuse(struct fs_apply *ap, const struct value *at, const char *path, int code, const char *message)
{
	diag_add(&ap->diags, DIAG_ERROR, code, value_mark(at), path, "%s", message);
}

/* Checks what the target allows, and fills in the namespace. Returns 0 with *ret_kind, which is NULL for a kind that the
 * schema does not know (it says so itself). */
static int check_target(struct fs_apply *ap, struct arena *a, struct value *doc, const struct schema_kind **ret_kind)
{
	const struct fs_commit_target *t = ap->target;
	const struct value *kind_value = value_get(doc, "kind"), *ns = value_path(doc, "metadata", "namespace");
	const struct schema_kind *kind;

	if (value_type(doc) != VALUE_MAP) {
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, value_mark(doc), "",
			 "expected an object with apiVersion and kind, found a %s", value_type_name(value_type(doc)));
		return -EINVAL;
	}
	kind = schema_kind_find(value_str(value_get(doc, "apiVersion")), value_str(kind_value));
	*ret_kind = kind;
	if (!kind)
		return 0;
	if (t->kind && kind != t->kind) {
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, value_mark(kind_value), "kind",
			 "Invalid value: \"%s\": this directory takes documents of kind %s only; a %s belongs in %s/",
			 kind->kind, t->kind->kind, kind->kind, kind->plural);
		return -EINVAL;
	}
	if (!kind->has_directory) {
		refuse(ap, kind_value, "kind", -EINVAL, "Invalid value: objects of this kind cannot be declared");
		return -EINVAL;
	}
	if (!kind->namespaced || value_type(value_get(doc, "metadata")) != VALUE_MAP)
		return 0;
	if (value_is_null(ns)) {
		(void)value_set_str(a, value_get(doc, "metadata"), "namespace", t->ns);
	} else if (t->kind && value_str(ns) && strcmp(value_str(ns), t->ns) != 0) {
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, value_mark(ns), "metadata.namespace",
			 "Invalid value: \"%s\": this directory is of namespace \"%s\"", value_str(ns), t->ns);
		return -EINVAL;
	}
	return 0;
}

/* What the system keeps in an object and no manifest states; txn_update() keeps it. */
static void strip_system(struct value *root)
{
	static const char *const members[] = { "uid", "resourceVersion", "generation", "creationTimestamp",
					       "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
					       "selfLink" };
	struct value *meta = value_get(root, "metadata");

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		(void)value_remove(meta, members[i]); /* false: it is not there */
	(void)value_remove(root, "status");
}

static int check_size(struct fs_apply *ap, const struct value *root)
{
	_cleanup_buf_ struct buf packed = BUF_INIT;

	object_encode(root, 0, &packed);
	if (!buf_failed(&packed) && packed.len <= FS_OBJECT_MAX)
		return 0;
	diag_add(&ap->diags, DIAG_ERROR, -EFBIG, value_mark(root), "", "Too long: an object may have %d bytes at most",
		 FS_OBJECT_MAX);
	return -EFBIG;
}

static int note_declared(struct fs_apply *ap, const struct value *doc, const char *key, const char *kind,
			 const char *name)
{
	struct fs_record so_far = { .declared = ap->declared.data, .declared_len = ap->declared.len };
	char other[STORE_KEY_MAX + 1];

	if (fs_record_declares(&so_far, key)) {
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, value_mark(doc), "metadata.name",
			 "Duplicate value: \"%s\": this file declares %s %s twice", name, kind, name);
		return -EINVAL;
	}
	buf_append(&ap->declared, key, strlen(key) + 1);
	ap->n_declared++;
	if (fs_decl_latest(ap->fs->decl, key, ap->target->key, ap->remove_key, other))
		diag_add(&ap->diags, DIAG_WARNING, 0, value_mark(doc), "metadata.name",
			 "%s %s is declared by %s too; this file is in force now", kind, name,
			 strrchr(other, '/') ? strrchr(other, '/') + 1 : other);
	return 0;
}

/* A manifest's file and an object's directory cannot both have a name. */
static int check_clash(struct fs_apply *ap, const struct schema_kind *kind, const char *ns, const char *name,
		       const struct value *doc)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];

	if (fs_name_classify(name) != FS_NAME_MANIFEST)
		return 0;
	(void)snprintf(key, sizeof(key), FS_MANIFESTS_PREFIX "kinds/%s/%s/%s", kind->namespaced ? ns : "", kind->plural,
		       name);
	if (store_get(ap->fs->store, key, &e) < 0 && strcmp(key, ap->target->key) != 0)
		return 0;
	diag_add(&ap->diags, DIAG_ERROR, -EEXIST, value_mark(value_path(doc, "metadata", "name")), "metadata.name",
		 "Invalid value: \"%s\": the object's directory would have the name of a manifest that is there", name);
	return -EEXIST;
}

static int update(struct fs_apply *ap, struct arena *a, const struct schema_kind *kind, const struct object *live,
		  const struct value *stated)
{
	const struct value *previous = previous_document(ap, a, kind, object_namespace(live), object_name(live),
							 object_key(live));
	struct value *merged = value_merge(a, &merge_types, kind->type, previous, stated, object_root(live));

	if (!merged)
		return -ENOMEM;
	strip_system(merged);
	return txn_update(ap->txn, live, merged, TXN_ADMIT, &ap->diags);
}

static int apply_document(struct fs_apply *ap, struct arena *a, struct value *doc)
{
	const struct schema_kind *kind = NULL;
	_cleanup_object_ struct object *live = NULL;
	const struct value *stated = NULL;
	const char *name, *ns;
	char key[STORE_KEY_MAX + 1];
	int r = check_target(ap, a, doc, &kind);

	if (r < 0)
		return r;
	name = value_str(value_path(doc, "metadata", "name"));
	ns = kind && kind->namespaced ? doc_namespace(doc, ap->target->ns) : "";
	if (kind && name)
		live = cache_get(ap->fs->cache, kind, ns, name);
	if (live) /* the merge needs what the manifest itself states, without the defaults */
		stated = value_copy(a, doc);
	r = schema_admit(doc, a, &ap->diags, &kind);
	if (r < 0)
		return r;
	if (!name) {
		refuse(ap, value_get(doc, "metadata"), "metadata.name",
		       -EINVAL, "Required value: a manifest names its object; generateName has no meaning here");
		return -EINVAL;
	}
	if (!ap->may) {
		diag_add(&ap->diags, DIAG_ERROR, -EPERM, value_mark(doc), "",
			 "Forbidden: uid %u may not write to %s of namespace \"%s\"", (unsigned)ap->who->uid,
			 kind->plural, ns);
		return -EPERM;
	}
	r = object_format_key(kind, ns, name, key);
	if (r < 0)
		return r;
	r = note_declared(ap, doc, key, kind->kind, name);
	if (r == 0)
		r = check_clash(ap, kind, ns, name, doc);
	if (r == 0 && ap->len > FS_OBJECT_MAX / 2)
		r = check_size(ap, doc);
	if (r < 0)
		return r;
	if (live && !object_is_deleting(live))
		return update(ap, a, kind, live, stated);
	r = live ? -EAGAIN : txn_create(ap->txn, doc, 0, NULL, &ap->diags);
	if (r == -EAGAIN) { /* it waits until the name is free */
		buf_append(&ap->waiting, key, strlen(key) + 1);
		return 0;
	}
	return r == -EEXIST ? -ESTALE : r; /* it came a moment ago */
}

/* The items of a List are documents. */
static int apply_list(struct fs_apply *ap, struct arena *a, struct value *list)
{
	struct value *items = value_get(list, "items");

	for (size_t i = 0; i < value_len(items); i++) {
		int r = apply_document(ap, a, value_at(items, i));

		if (r < 0 && r != -EINVAL)
			return r;
	}
	return ap->diags.errors ? -EINVAL : 0;
}

static bool is_list(const struct value *doc)
{
	return strcmp(value_str_or(value_get(doc, "kind"), ""), "List") == 0 &&
	       strcmp(value_str_or(value_get(doc, "apiVersion"), ""), "v1") == 0 &&
	       value_type(value_get(doc, "items")) == VALUE_LIST;
}

static int read_text(struct fs_apply *ap, struct arena *a, struct yaml_document **ret_docs, size_t *ret_n)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct value_mark where = { 0 };
	int r = yaml_read(ap->text, ap->len, NULL, a, ret_docs, ret_n, &err, &where);

	if (r < 0)
		diag_add(&ap->diags, DIAG_ERROR, r, where, "", "%s", error_text(&err));
	return r;
}

int fs_apply(struct fs_apply *ap)
{
	struct yaml_document *docs = NULL;
	struct arena *a;
	size_t n = 0;
	int result;

	ap->diags = DIAG_LIST_INIT;
	ap->declared = ap->waiting = BUF_INIT;
	ap->n_declared = 0;
	ap->txn = txn_new(ap->fs->registry, ap->who);
	if (!ap->txn)
		return -ENOMEM;
	a = txn_arena(ap->txn);
	result = read_text(ap, a, &docs, &n);
	if (result < 0)
		return result;
	if (n == 0 && ap->old && ap->old->n_declared) {
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 0 }, "",
			 "the file would declare nothing, but its version in force declares objects: "
			 "remove the file to remove them");
		return -EINVAL;
	}
	for (size_t i = 0; i < n; i++) { /* on past a bad document, so that all reasons are told */
		int r = is_list(docs[i].root) ? apply_list(ap, a, docs[i].root) : apply_document(ap, a, docs[i].root);

		if (r < 0 && result == 0)
			result = r;
		if (r == -ESTALE || r == -ENOMEM)
			return r;
	}
	if (arena_failed(a) || buf_failed(&ap->declared) || buf_failed(&ap->waiting))
		return -ENOMEM;
	return result;
}

void fs_apply_clear(struct fs_apply *ap)
{
	txn_free(ap->txn);
	ap->txn = NULL;
	diag_list_clear(&ap->diags);
	buf_clear(&ap->declared);
	buf_clear(&ap->waiting);
}
