/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path code: a document, a path into it, and a .podfsignore, with a NUL between them. Each name that a directory lists
 * leads to one member, no name stands twice or could be no file's, keys and names lead to one another, and what was set by a path
 * is found there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fs/fieldpath.h"
#include "fs/ignored.h"
#include "fs/names.h"
#include "schema/manifest.h"
#include "schema/schema.h"
#include "value/value.h"

enum { LISTED_MAX = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(const char *key)
{
	_cleanup_buf_ struct buf name = BUF_INIT;
	char back[FIELD_KEY_MAX + 1];

	if (strlen(key) > FIELD_KEY_MAX)
		return;
	field_encode(key, &name);
	if (buf_failed(&name))
		return;
	if (strchr(buf_str(&name), '/') || !name.len || strcmp(buf_str(&name), ".") == 0 || strcmp(buf_str(&name), "..") == 0)
		abort();
	if (!field_decode(buf_str(&name), back) || strcmp(back, key) != 0)
		abort();
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct field_name *)a)->name, ((const struct field_name *)b)->name);
}

/* What a directory lists, and below. */
static void walk(const struct field *dir, struct arena *a, size_t *listed)
{
	struct field_name *names = NULL;
	struct field *f;
	size_t n = 0;

	if (field_names(dir, a, &names, &n) < 0)
		return;
	f = arena_alloc(a, sizeof(*f));
	for (size_t i = 0; f && i < n && ++*listed < LISTED_MAX; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;

		/* what podfs never stores, and what cannot be a file's name, is not held to the rest */
		if (!*names[i].name || strchr(names[i].name, '/') || strlen(names[i].name) > 255)
			continue;
		if (field_child(dir, names[i].name, f) < 0)
			abort();
		if ((field_shape(f) == FIELD_DIR) != names[i].dir)
			abort();
		if (names[i].dir)
			walk(f, a, listed);
		else
			field_text(f, &text);
	}
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(names[i].name, names[i - 1].name) == 0)
			abort();
}

static void set(const struct schema_kind *kind, struct value *root, const char *path, struct arena *a)
{
	struct value *v = value_new_str(a, "set"), *copy = value_copy(a, root);
	const char *slash = strrchr(path, '/');
	const char *parent = slash ? arena_memdup(a, path, (size_t)(slash - path)) : "";
	struct field f;

	if (!v || !copy || !parent || field_set(a, kind, copy, path, v) < 0)
		return;
	if (field_find(kind, copy, parent, &f) < 0) /* it was the key by which its own directory went */
		return;
	if (field_find(kind, copy, path, &f) < 0 || f.value != v)
		abort();
	if (field_set(a, kind, copy, path, NULL) == 0 && field_find(kind, copy, path, &f) == 0 && f.value == v)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	const char *text = arena_memdup(a, (const char *)data, size), *path, *ignore;
	struct schema_manifest_object *objects = NULL;
	const struct schema_kind *kind = NULL;
	struct value *root;
	struct field f;
	size_t listed = 0, n = 0;

	if (!text || size > 16 * 1024)
		return 0;
	path = text + strlen(text) < text + size ? text + strlen(text) + 1 : "";
	ignore = *path && path + strlen(path) < text + size ? path + strlen(path) + 1 : "";
	check_key(path);
	(void)fs_name_classify(path);
	(void)fs_ignore_judge(ignore, strlen(ignore), path, false);
	if (schema_manifest_read(text, strlen(text), a, &diags, &objects, &n) < 0 || !n)
		return 0;
	root = objects[0].root;
	if (schema_admit(root, a, &diags, &kind) < 0 || !kind) /* what is not admitted is never stored */
		return 0;
	field_root(&f, kind, root);
	walk(&f, a, &listed);
	if (field_find(kind, root, path, &f) == 0 && field_shape(&f) == FIELD_ABSENT && f.value)
		abort();
	if (*path)
		set(kind, root, path, a);
	return 0;
}
