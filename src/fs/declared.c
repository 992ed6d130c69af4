/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/declared.h"

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

int fs_declared_read(const struct fs_record *rec, struct arena *a, struct fs_documents *ret)
{
	int r = yaml_read(rec->text, rec->text_len, NULL, a, &ret->docs, &ret->n, NULL, NULL);

	for (size_t i = 0; r == 0 && i < ret->n; i++) {
		struct value *root = ret->docs[i].root, *items = value_get(root, "items");

		schema_reshape(root, a);
		for (size_t k = 0; value_type(items) == VALUE_LIST && k < value_len(items); k++)
			schema_reshape(value_at(items, k), a);
	}
	return r;
}

const struct value *fs_declared_find(const struct fs_documents *docs, const struct object *o)
{
	for (size_t i = 0; i < docs->n; i++) {
		const struct value *root = docs->docs[i].root, *items = value_get(root, "items");

		if (is_of(root, o))
			return root;
		for (size_t k = 0; strcmp(value_str_or(value_get(root, "kind"), ""), "List") == 0 && k < value_len(items); k++)
			if (is_of(value_at(items, k), o))
				return value_at(items, k);
	}
	return NULL;
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
