/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/declared.h"

#include <stdlib.h>
#include <string.h>

#include "fs/decl.h"

static bool is_of(const struct value *doc, const struct object *o)
{
	const struct value *ns = value_path(doc, "metadata", "namespace");

	return schema_kind_find(value_str_or(value_get(doc, "apiVersion"), ""),
				value_str_or(value_get(doc, "kind"), "")) == object_kind(o) &&
	       strcmp(value_str_or(value_path(doc, "metadata", "name"), ""), object_name(o)) == 0 &&
	       (value_is_null(ns) || strcmp(value_str_or(ns, ""), object_namespace(o)) == 0);
}

/* --- by name: a file may declare thousands, and who asks for one may ask for all --- */

struct fs_declared {
	const char *name, *ns; /* "": it states none */
	size_t at;	       /* in the file: the first of two counts */
	const struct value *doc;
};

static int declared_cmp(const void *x, const void *y)
{
	const struct fs_declared *a = x, *b = y;
	int r = strcmp(a->name, b->name);

	if (r == 0)
		r = strcmp(a->ns, b->ns);
	return r ? r : (a->at > b->at) - (a->at < b->at);
}

static bool is_list(const struct value *root)
{
	return strcmp(value_str_or(value_get(root, "kind"), ""), "List") == 0;
}

static void add(struct fs_documents *docs, const struct value *doc)
{
	struct fs_declared *d = &docs->sorted[docs->n_sorted];

	*d = (struct fs_declared){ .name = value_str_or(value_path(doc, "metadata", "name"), ""),
				   .ns = value_str_or(value_path(doc, "metadata", "namespace"), ""),
				   .at = docs->n_sorted++, .doc = doc };
}

static int sort(struct fs_documents *docs, struct arena *a)
{
	size_t n = docs->n;

	for (size_t i = 0; i < docs->n; i++)
		n += value_len(value_get(docs->docs[i].root, "items"));
	docs->n_sorted = 0;
	docs->sorted = arena_alloc(a, (n ? n : 1) * sizeof(*docs->sorted));
	if (!docs->sorted)
		return -ENOMEM;
	for (size_t i = 0; i < docs->n; i++) {
		const struct value *root = docs->docs[i].root, *items = value_get(root, "items");

		add(docs, root);
		for (size_t k = 0; is_list(root) && k < value_len(items); k++)
			add(docs, value_at(items, k));
	}
	qsort(docs->sorted, docs->n_sorted, sizeof(*docs->sorted), declared_cmp);
	return 0;
}

int fs_declared_read(const struct fs_record *rec, struct arena *a, struct fs_documents *ret)
{
	int r = yaml_read(rec->text, rec->text_len, NULL, a, &ret->docs, &ret->n, NULL, NULL);

	for (size_t i = 0; r == 0 && i < ret->n; i++) {
		struct value *root = ret->docs[i].root, *items = value_get(root, "items");

		schema_reshape(root, a);
		for (size_t k = 0; value_type(items) == VALUE_LIST && k < value_len(items); k++)
			schema_reshape(value_at(items, k), a);
	}
	return r < 0 ? r : sort(ret, a);
}

/* The first that states that name and namespace and is of the object; NULL. */
static const struct fs_declared *find(const struct fs_documents *docs, const struct object *o, const char *ns)
{
	const struct fs_declared key = { .name = object_name(o), .ns = ns };
	size_t lo = 0, hi = docs->n_sorted;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (declared_cmp(&docs->sorted[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < docs->n_sorted && strcmp(docs->sorted[lo].name, key.name) == 0 &&
	       strcmp(docs->sorted[lo].ns, ns) == 0; lo++)
		if (is_of(docs->sorted[lo].doc, o))
			return &docs->sorted[lo];
	return NULL;
}

const struct value *fs_declared_find(const struct fs_documents *docs, const struct object *o)
{
	const struct fs_declared *a = find(docs, o, object_namespace(o));
	const struct fs_declared *b = *object_namespace(o) ? find(docs, o, "") : NULL;

	return !a && !b ? NULL : !b || (a && a->at < b->at) ? a->doc : b->doc;
}

/* Where the next document starts, at its "---", which stands at the start of a line nowhere else; `end` for the last. */
static const char *next_document(const char *at, const char *end)
{
	for (;;) {
		at = memmem(at, (size_t)(end - at), "\n---", 4);
		if (!at)
			return end;
		at += 4;
		if (at == end || strchr(" \t\r\n", *at))
			return at - 3;
	}
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* Whether a text has the name, whole, somewhere. */
static bool mentions(const char *text, size_t len, const char *name)
{
	size_t n = strlen(name);
	const char *end = text + len;

	for (const char *p = text; n && (p = memmem(p, (size_t)(end - p), name, n)); p++)
		if ((p == text || !is_name_byte(p[-1])) && (p + n == end || !is_name_byte(p[n])))
			return true;
	return false;
}

const struct value *fs_declared_in_part(const struct fs_record *rec, struct arena *a, const struct object *o)
{
	const char *end = rec->text + rec->text_len;

	for (const char *at = rec->text, *next; at < end; at = next) {
		struct fs_record part = *rec;
		struct fs_documents docs;
		const struct value *doc;

		next = next_document(at, end);
		part.text = at;
		part.text_len = (size_t)(next - at);
		if (!mentions(at, part.text_len, object_name(o)))
			continue;
		if (fs_declared_read(&part, a, &docs) < 0) /* a directive, say: only the whole can be read */
			return NULL;
		doc = fs_declared_find(&docs, o);
		if (doc)
			return doc;
	}
	return NULL;
}

const struct value *fs_declared_document(struct fs *fs, struct arena *a, const struct object *o)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];
	struct fs_documents docs;
	struct fs_record rec;
	const struct value *doc;
	const void *value;
	size_t len;

	if (!fs_decl_latest(fs->decl, object_key(o), NULL, NULL, key) || store_get(fs->store, key, &e) < 0)
		return NULL;
	value = store_entry_value(e, &len);
	if (fs_record_decode(value, len, &rec) < 0)
		return NULL;
	/* A file of thousands of documents is not parsed whole for each of its objects. */
	doc = fs_declared_in_part(&rec, a, o);
	if (doc || fs_declared_read(&rec, a, &docs) < 0)
		return doc;
	return fs_declared_find(&docs, o);
}
