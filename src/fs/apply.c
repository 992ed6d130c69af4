/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/apply.h"

#include <string.h>

#include "fs/access.h"
#include "fs/decl.h"
#include "fs/field.h"
#include "fs/place.h"
#include "fs/prune.h"
#include "fs/trial.h"
#include "schema/custom.h"
#include "schema/manifest.h"
#include "schema/merge_types.h"
#include "store/admission.h"
#include "value/merge.h"

/* --- the version before --- */

static const char *doc_namespace(const struct value *doc, const char *fallback)
{
	return value_str_or(value_path(doc, "metadata", "namespace"), fallback);
}

/* NULL for what the schema does not know. */
static const struct schema_kind *kind_of(const struct value *doc)
{
	const char *version = value_str(value_get(doc, "apiVersion")), *kind = value_str(value_get(doc, "kind"));

	return version && kind ? schema_kind_find(version, kind) : NULL;
}

/* Whether a document declares that name, itself or as the one that was made from its generateName. */
static bool doc_has_name(const struct value *doc, const char *name)
{
	const char *own = value_str(value_path(doc, "metadata", "name"));
	const char *prefix = value_str(value_path(doc, "metadata", "generateName"));

	return own ? strcmp(own, name) == 0 : prefix && strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Reads a text into its slot; one that was accepted once is read without complaint. */
static void read_previous(struct fs_apply_previous *p, const char *key, const char *text, size_t len, struct arena *a)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;

	*p = (struct fs_apply_previous){ 0 };
	(void)snprintf(p->key, sizeof(p->key), "%s", key);
	if (schema_manifest_read(text, len, a, &diags, &p->docs, &p->n) < 0)
		p->n = 0;
	for (size_t i = 0; i < p->n; i++)
		schema_reshape(p->docs[i].root, a);
}

/* The document that declares the object, or NULL. The search begins after the one that was found last, since files are
 * rewritten in their order. */
static struct value *find_document(struct fs_apply_previous *p, const struct schema_kind *kind, const char *ns,
				   const char *default_ns, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		size_t at = (p->next + i) % p->n;
		struct value *doc = p->docs[at].root;

		if (!doc_has_name(doc, name) || kind_of(doc) != kind ||
		    (kind->namespaced && strcmp(doc_namespace(doc, default_ns), ns) != 0))
			continue;
		p->next = at + 1;
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
	struct fs_commit_target other;
	char key[STORE_KEY_MAX + 1], other_ns[FS_NS_SIZE];
	struct fs_record rec;
	const void *value;
	size_t len;

	if (fs_keyset_has(&ap->before, object_key)) {
		if (!ap->own.key[0])
			read_previous(&ap->own, ap->target->key, ap->old->text, ap->old->text_len, a);
		return find_document(&ap->own, kind, ns, ap->target->ns, name);
	}
	if (fs_decl_latest(ap->fs->decl, object_key, ap->target->key, NULL, key)) {
		if (!fs_place_of_key(key, other_ns, &other))
			return NULL;
		if (strcmp(ap->others.key, key) != 0) {
			if (store_get(ap->fs->store, key, &e) < 0)
				return NULL;
			value = store_entry_value(e, &len);
			if (fs_record_decode(value, len, &rec) < 0)
				return NULL;
			read_previous(&ap->others, key, rec.text, rec.text_len, a);
		}
		return find_document(&ap->others, kind, ns, other.ns, name);
	}
	if (fs_prune_find(ap->fs->store, object_key, key) < 0)
		return NULL;
	if (strcmp(ap->others.key, key) != 0) {
		if (store_get(ap->fs->store, key, &e) < 0)
			return NULL;
		value = store_entry_value(e, &len);
		read_previous(&ap->others, key, value, len, a);
	}
	return find_document(&ap->others, kind, ns, ns, name);
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
	char directory[SCHEMA_DIRECTORY_MAX];

	if (value_type(doc) != VALUE_MAP) {
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, value_mark(doc), "",
			 "expected an object with apiVersion and kind, found %s", value_type_name(value_type(doc)));
		return -EINVAL;
	}
	kind = kind_of(doc);
	*ret_kind = kind;
	if (!kind)
		return 0;
	if (t->kind && kind != t->kind) {
		schema_kind_directory(kind, directory);
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, value_mark(kind_value), "kind",
			 "Invalid value: \"%s\": this directory takes documents of kind %s only; a %s belongs in %s/",
			 kind->kind, t->kind->kind, kind->kind, directory);
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
	} else if (!t->any_namespace && value_str(ns) && strcmp(value_str(ns), t->ns) != 0) {
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
	const char *copy = arena_strdup(txn_arena(ap->txn), key);
	struct value_mark start = value_mark(doc);
	int added = copy ? fs_keyset_add(&ap->seen, copy) : -ENOMEM;
	_cleanup_buf_ struct buf path = BUF_INIT;
	char other[STORE_KEY_MAX + 1];

	if (added < 0)
		return added;
	if (!added) {
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, value_mark(doc), "metadata.name",
			 "Duplicate value: \"%s\": this file declares %s %s twice", name, kind, name);
		return -EINVAL;
	}
	buf_append(&ap->declared, key, strlen(key) + 1);
	buf_append(&ap->starts, &start, sizeof(start));
	ap->n_declared++;
	if (fs_decl_latest(ap->fs->decl, key, ap->target->key, ap->remove_key, other) &&
	    fs_place_path(ap->fs, other, &path) == 0)
		diag_add(&ap->diags, DIAG_WARNING, 0, value_mark(doc), "metadata.name",
			 "%s %s is declared by %s too; this file is in force now", kind, name, buf_str(&path));
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
	(void)snprintf(key, sizeof(key), FS_KINDS_PREFIX "%s/%s/%s", kind->namespaced ? ns : "", kind->plural,
		       name);
	if (store_get(ap->fs->store, key, &e) < 0 && strcmp(key, ap->target->key) != 0)
		return 0;
	diag_add(&ap->diags, DIAG_ERROR, -EEXIST, value_mark(value_path(doc, "metadata", "name")), "metadata.name",
		 "Invalid value: \"%s\": the object's directory would have the name of a manifest that is there", name);
	return -EEXIST;
}

static bool has_diag(const struct diag_list *l, const struct diag *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].severity == d->severity && strcmp(l->items[i].path, d->path) == 0 &&
		    strcmp(l->items[i].message, d->message) == 0)
			return true;
	return false;
}

/* What is found in the merged object besides what the document has told already. */
static void add_diags(struct diag_list *to, const struct diag_list *from)
{
	size_t n = to->n, errors = 0;

	for (size_t i = 0; i < from->n; i++) {
		const struct diag *d = &from->items[i];

		errors += d->severity == DIAG_ERROR;
		if (d->severity == DIAG_ERROR || !has_diag(&(struct diag_list){ .items = to->items, .n = n }, d))
			diag_add(to, d->severity, d->code, d->mark, d->path, "%s", d->message);
	}
	for (; errors < from->errors; errors++)
		diag_count(to, DIAG_ERROR);
	to->failed |= from->failed;
}

static int update(struct fs_apply *ap, struct arena *a, const struct schema_kind *kind, const struct object *live,
		  const struct value *stated)
{
	const struct value *previous = previous_document(ap, a, kind, object_namespace(live), object_name(live),
							 object_key(live));
	struct value *merged = value_merge(a, &schema_merge_types, kind->type, previous, stated, object_root(live));
	_cleanup_diag_list_ struct diag_list found = DIAG_LIST_INIT;
	int r;

	if (!merged)
		return -ENOMEM;
	strip_system(merged);
	r = txn_update(ap->txn, live, merged, TXN_ADMIT, &found);
	if (r == 0)
		fs_field_gone(ap->fs, live, merged, &ap->gone);
	add_diags(&ap->diags, &found);
	return r;
}

/*
 * The name of a document that has generateName only: that of the object which this file declared so before, else a new
 * one. NULL when there is neither a name nor generateName.
 */
static const char *generated_name(struct fs_apply *ap, struct arena *a, struct value *doc,
				  const struct schema_kind *kind)
{
	struct value *meta = value_get(doc, "metadata");
	const char *prefix = value_str(value_get(meta, "generateName"));
	const char *ns = kind->namespaced ? doc_namespace(doc, ap->target->ns) : "";
	char key[STORE_KEY_MAX + 1];

	if (!prefix || !*prefix || object_format_key(kind, ns, prefix, key) < 0)
		return NULL;
	for (const char *k = NULL; ap->old && (k = fs_record_next_declared(ap->old, k));)
		if (strncmp(k, key, strlen(key)) == 0 && !fs_keyset_has(&ap->seen, k))
			return value_str(value_set_str(a, meta, "name", strrchr(k, '/') + 1));
	return registry_generate_name(a, meta);
}

/* A document is judged by the object that it names, wherever the file lies. */
static int check_right(struct fs_apply *ap, const struct value *doc, const struct schema_kind *kind, const char *ns)
{
	gid_t via = (gid_t)-1;

	if (!ap->access || fs_access_may_write(ap->fs, ap->access, kind, ns, &via)) {
		ap->has_via |= via != (gid_t)-1;
		ap->via = via != (gid_t)-1 ? via : ap->via;
		return 0;
	}
	if (!admission_is_roots(kind))
		diag_add(&ap->diags, DIAG_ERROR, -EPERM, value_mark(doc), "",
			 "Forbidden: uid %u may not write to %s of namespace \"%s\"", (unsigned)ap->who->uid,
			 kind->plural, ns);
	else
		diag_add(&ap->diags, DIAG_ERROR, -EPERM, value_mark(doc), "",
			 "Forbidden: only root may write %s", kind->plural);
	return -EPERM;
}

/* In manifests/ an object whose namespace is not there, or going, waits for it. */
static bool waits_for_namespace(struct fs_apply *ap, const struct value *doc, const struct schema_kind *kind,
				const char *ns, const char *name)
{
	const struct schema_kind *namespaces = schema_kind_by_plural("namespaces");
	_cleanup_object_ struct object *o = NULL;
	char key[STORE_KEY_MAX + 1];

	if (ap->target->kind || !kind->namespaced)
		return false;
	o = cache_get(ap->fs->cache, namespaces, NULL, ns);
	if (o ? !object_is_deleting(o)
	      : object_format_key(namespaces, "", ns, key) >= 0 && txn_puts(ap->txn, key))
		return false;
	diag_add(&ap->diags, DIAG_WARNING, 0, value_mark(doc), "metadata.namespace",
		 "%s %s waits for its namespace \"%s\", which does not exist yet", kind->kind, name, ns);
	return true;
}

static int apply_document(struct fs_apply *ap, struct arena *a, struct value *doc)
{
	const struct schema_kind *kind = NULL;
	_cleanup_object_ struct object *live = NULL;
	struct value *stated = NULL;
	const char *name, *ns;
	char key[STORE_KEY_MAX + 1];
	int r = check_target(ap, a, doc, &kind);

	if (r < 0)
		return r;
	name = value_str(value_path(doc, "metadata", "name"));
	if (kind && !(name && *name) && value_type(value_get(doc, "metadata")) == VALUE_MAP)
		name = generated_name(ap, a, doc, kind);
	ns = kind && kind->namespaced ? doc_namespace(doc, ap->target->ns) : "";
	if (kind && name)
		live = cache_get(ap->fs->cache, kind, ns, name);
	if (live) { /* the merge needs what the manifest itself states, without the defaults */
		stated = value_copy(a, doc);
		schema_reshape(stated, a);
	}
	r = schema_admit(doc, a, &ap->diags, &kind);
	if (r < 0)
		return r;
	if (!(name && *name)) /* the schema has let it pass: there was no memory for one */
		return -ENOMEM;
	r = check_right(ap, doc, kind, ns);
	if (r < 0)
		return r;
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
	if (!live && waits_for_namespace(ap, doc, kind, ns, name)) {
		buf_append(&ap->waiting, key, strlen(key) + 1);
		return 0;
	}
	r = live ? -EAGAIN : txn_create(ap->txn, doc, 0, NULL, &ap->diags);
	if (r == -EAGAIN) { /* it waits until the name is free */
		buf_append(&ap->waiting, key, strlen(key) + 1);
		return 0;
	}
	return r == -EEXIST ? -ESTALE : r; /* it came a moment ago */
}

/* Whether a text is something else that merely is YAML: values of a chart, settings of a tool. */
static bool none_is_object(const struct schema_manifest_object *docs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (value_get(docs[i].root, "apiVersion") || value_get(docs[i].root, "kind"))
			return false;
	return true;
}

int fs_apply(struct fs_apply *ap)
{
	struct schema_manifest_object *docs = NULL;
	struct arena *a;
	size_t n = 0;
	int result;

	ap->diags = DIAG_LIST_INIT;
	ap->declared = ap->waiting = ap->starts = ap->trials = ap->gone = BUF_INIT;
	ap->n_declared = 0;
	ap->has_via = ap->aside = false;
	ap->seen.seed = ap->before.seed = ap->fs->seed;
	ap->own.key[0] = ap->others.key[0] = '\0';
	ap->txn = txn_new(ap->fs->registry, ap->who);
	if (!ap->txn)
		return -ENOMEM;
	if (fs_keyset_add_declared(&ap->before, ap->old) < 0)
		return -ENOMEM;
	a = txn_arena(ap->txn);
	result = schema_manifest_read(ap->text, ap->len, a, &ap->diags, &docs, &n);
	if (result < 0)
		return result;
	ap->aside = n && !ap->target->kind && none_is_object(docs, n);
	if (ap->aside) {
		diag_add(&ap->diags, DIAG_WARNING, 0, value_mark(docs[0].root), "",
			 "no document here has an apiVersion or a kind: the file declares nothing");
		n = 0;
	}
	if (n == 0 && ap->old && ap->old->n_declared) {
		diag_add(&ap->diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 0 }, "",
			 "the file would declare nothing, but its version in force declares objects: "
			 "remove the file to remove them");
		return -EINVAL;
	}
	/* Namespaces and definitions first, so that what lies in them and is of them finds them. On past a bad document, so
	 * that all reasons are told. */
	for (size_t i = 0; i < 2 * n; i++) {
		struct value *doc = docs[i % n].root;
		bool is_definition = fs_trial_is_definition(doc);
		bool is_first = is_definition || strcmp(value_str_or(value_get(doc, "kind"), ""), "Namespace") == 0;
		int r = is_first == (i < n) ? apply_document(ap, a, doc) : 0;

		if (r == 0 && is_definition && i < n)
			r = fs_trial_define(ap->fs, &ap->trials, doc, docs, n);
		if (r < 0 && result == 0)
			result = r;
		if (r == -ESTALE || r == -ENOMEM)
			return r;
	}
	if (arena_failed(a) || buf_failed(&ap->declared) || buf_failed(&ap->starts) || buf_failed(&ap->waiting))
		return -ENOMEM;
	return result;
}

void fs_apply_clear(struct fs_apply *ap)
{
	if (ap->fs)
		fs_trial_undo(ap->fs, &ap->trials);
	txn_free(ap->txn);
	ap->txn = NULL;
	diag_list_clear(&ap->diags);
	buf_clear(&ap->declared);
	buf_clear(&ap->starts);
	buf_clear(&ap->waiting);
	buf_clear(&ap->gone);
	fs_keyset_clear(&ap->seen);
	fs_keyset_clear(&ap->before);
}
