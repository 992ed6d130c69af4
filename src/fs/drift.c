/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table reads each manifest once, and only those of which an object, or the manifest itself, has changed since it was
 * last found without drift: those are remembered in a small table in which a newer one takes an older one's place.
 */
#include "fs/drift.h"

#include <string.h>

#include "fs/decl.h"
#include "fs/declared.h"
#include "fs/place.h"
#include "schema/merge_types.h"
#include "value/json.h"
#include "value/merge.h"

enum { CELL_MAX = 48, MEMO_MIN = 256 };

struct fs_driftmemo {
	size_t mask;
	struct clean {
		uint64_t object, object_rev, manifest_rev;
	} items[];
};

void fs_drift_free(struct fs *fs)
{
	free(fs->drift);
	fs->drift = NULL;
}

/* Takes out of an admitted document what only defaults have put there. */
static void prune_defaults(struct value *v, const struct value *stated)
{
	if (value_type(v) == VALUE_LIST && value_len(v) == value_len(stated))
		for (size_t i = 0; i < value_len(v); i++)
			prune_defaults(value_at(v, i), value_at(stated, i));
	if (value_type(v) != VALUE_MAP)
		return;
	for (size_t i = value_len(v); i-- > 0;) {
		const struct value *in = value_get(stated, value_key_at(v, i));

		if (value_is_null(in))
			(void)value_remove_at(v, i); /* it is there */
		else
			prune_defaults(value_at(v, i), in);
	}
}

/* A document that the schema refuses by now has no drift to speak of: `errors` told why it is not applied. */
static int find_changes(struct arena *a, const struct object *o, const struct value *doc, struct value_change **ret,
			size_t *ret_n)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	const struct schema_kind *kind;
	struct value *stated = value_copy(a, doc);

	*ret_n = 0;
	/* Quantities and the like are compared in the form in which they are stored, old versions as what they mean now. */
	if (!stated || schema_admit(stated, a, &diags, &kind) < 0)
		return 0;
	if (strcmp(object_kind(o)->plural, "secrets") != 0) /* whose stringData has become data */
		prune_defaults(stated, doc);
	(void)value_remove(stated, "status");
	return value_diff(a, &schema_merge_types, object_kind(o)->type, stated, object_root(o), DIFF_STATED, ret, ret_n);
}

/* Whether the values may not be shown. */
static bool is_secret(const struct object *o, const struct value_change *c)
{
	return strcmp(object_kind(o)->plural, "secrets") == 0 &&
	       (strncmp(c->path, "data", 4) == 0 || strncmp(c->path, "stringData", 10) == 0);
}

/* --- what is known to have no drift --- */

static struct clean *memo_slot(struct fs *fs, const char *object_key)
{
	size_t manifests, objects, n = MEMO_MIN;
	uint64_t id = fs_ino(fs, "/drift", object_key);

	fs_decl_count(fs->decl, &manifests, &objects);
	while (n < 2 * objects)
		n *= 2;
	if (!fs->drift || fs->drift->mask + 1 < n) {
		fs_drift_free(fs);
		fs->drift = calloc(1, sizeof(*fs->drift) + n * sizeof(fs->drift->items[0]));
		if (!fs->drift)
			return NULL; /* all is looked at anew each time */
		fs->drift->mask = n - 1;
	}
	return &fs->drift->items[id & fs->drift->mask];
}

static bool is_clean(struct fs *fs, const char *object_key, const struct object *o, uint64_t manifest_rev)
{
	const struct clean *c = memo_slot(fs, object_key);

	return c && c->object == fs_ino(fs, "/drift", object_key) && c->object_rev == object_revision(o) &&
	       c->manifest_rev == manifest_rev;
}

static void set_clean(struct fs *fs, const char *object_key, const struct object *o, uint64_t manifest_rev)
{
	struct clean *c = memo_slot(fs, object_key);

	if (c)
		*c = (struct clean){ fs_ino(fs, "/drift", object_key), object_revision(o), manifest_rev };
}

/* --- NAME/drift: "-" is what the manifest says, "+" what is --- */

static void put_side(struct buf *out, char sign, const struct object *o, const struct value_change *c,
		     const struct value *v)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!v)
		return;
	if (is_secret(o, c))
		buf_puts(&text, "(not shown)");
	else
		json_write(&text, v, 0);
	buf_printf(out, "%c%s: %s\n", sign, c->path, buf_str(&text));
}

static int file_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);
	_cleanup_store_entry_ struct store_entry *record = NULL;
	_cleanup_arena_ struct arena *a = NULL;
	char key[STORE_KEY_MAX + 1];
	struct value_change *changes;
	const struct value *doc;
	size_t count = 0;
	int r = 0;

	if (!o)
		return -ENOENT;
	if (!fs_decl_latest(n->fs->decl, object_key(o), NULL, NULL, key) || store_get(n->fs->store, key, &record) < 0 ||
	    is_clean(n->fs, object_key(o), o, store_entry_mod_rev(record)))
		return 0;
	a = arena_new(0);
	doc = fs_declared_document(n->fs, a, o);
	if (doc)
		r = find_changes(a, o, doc, &changes, &count);
	for (size_t i = 0; r == 0 && i < count; i++) {
		put_side(out, '-', o, &changes[i], changes[i].from);
		put_side(out, '+', o, &changes[i], changes[i].to);
	}
	if (r == 0 && count == 0)
		set_clean(n->fs, object_key(o), o, store_entry_mod_rev(record));
	return r;
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	a->ttl = FS_TTL_NONE; /* the manifest changes without the object */
	a->name_ttl = FS_TTL;
	return o ? fs_attr_render(n, a, 0444, fs_live_changed(n->fs, o)) : -ENOENT;
}

const struct fs_ops fs_drift_ops = { .region = "drift", .getattr = file_getattr, .render = file_render };

/* --- table/drift --- */

struct table {
	struct fs *fs;
	const char *ns; /* NULL: all */
	struct rows *rows;
	struct store_entry *record; /* the manifest that is looked at */
	struct fs_record rec;
	struct arena *arena; /* of its documents, once they were read */
	struct fs_documents docs;
};

static void cell_value(struct rows *t, const struct object *o, const struct value_change *c, const struct value *v)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!v) {
		rows_cell(t, "");
		return;
	}
	json_write(&text, v, 0);
	if (text.len > CELL_MAX && !buf_failed(&text)) {
		for (text.len = CELL_MAX; text.len && ((unsigned char)text.data[text.len] & 0xc0) == 0x80;)
			text.len--;
		text.data[text.len] = '\0';
		buf_puts(&text, "…");
	}
	rows_cell(t, is_secret(o, c) ? "(not shown)" : buf_str(&text));
}

/* The columns that say which object it is. */
static void cells_object(struct table *t, const struct schema_kind *kind, const char *ns, const char *name)
{
	char cell[STORE_KEY_MAX + 1];

	if (!t->ns)
		rows_cell(t->rows, ns);
	(void)snprintf(cell, sizeof(cell), "%s/%s", kind->plural, name);
	rows_cell(t->rows, cell);
}

static void cell_file(struct table *t)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	rows_cell(t->rows, fs_place_path(t->fs, store_entry_key(t->record), &path) < 0 ? "" : buf_str(&path));
}

/* "/objects/PLURAL/NS/NAME" of an object that need not be there. */
static void row_absent(struct table *t, const char *key)
{
	char plural[128], ns[128] = "";
	const char *p = key + strlen("/objects/"), *name = strrchr(key, '/') + 1;
	const struct schema_kind *kind;

	if (sscanf(p, "%127[^/]/", plural) != 1)
		return;
	kind = schema_kind_by_plural(plural);
	if (kind && kind->namespaced)
		(void)sscanf(p + strlen(plural) + 1, "%127[^/]/", ns); /* "" then */
	if (!kind || (t->ns && strcmp(t->ns, ns) != 0))
		return;
	cells_object(t, kind, ns, name);
	rows_cell(t->rows, "");
	rows_cell(t->rows, "declared");
	rows_cell(t->rows, "absent");
	cell_file(t);
}

static int rows_of(struct table *t, const char *key, const struct object *o)
{
	_cleanup_object_ struct object *live = NULL;
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct value_change *changes = NULL;
	const struct value *doc;
	size_t n = 0;
	int r = 0;

	if (!t->arena) {
		t->arena = arena_new(0);
		if (!t->arena || fs_declared_read(&t->rec, t->arena, &t->docs) < 0)
			t->docs.n = 0;
	}
	doc = fs_declared_find(&t->docs, o);
	live = doc ? fs_live_decode(t->fs, o) : NULL;
	if (live)
		r = find_changes(a, live, doc, &changes, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		cells_object(t, object_kind(live), object_namespace(live), object_name(live));
		rows_cell(t->rows, changes[i].path);
		cell_value(t->rows, live, &changes[i], changes[i].from);
		cell_value(t->rows, live, &changes[i], changes[i].to);
		cell_file(t);
	}
	if (r == 0 && n == 0)
		set_clean(t->fs, key, o, store_entry_mod_rev(t->record));
	return r;
}

static int rows_of_manifest(struct table *t)
{
	int r = 0;

	for (const char *k = NULL; r == 0 && (k = fs_record_next_declared(&t->rec, k));) {
		_cleanup_object_ struct object *o = cache_get_key(t->fs->cache, k);
		char latest[STORE_KEY_MAX + 1];

		if (!fs_decl_latest(t->fs->decl, k, NULL, NULL, latest) ||
		    strcmp(latest, store_entry_key(t->record)) != 0)
			continue;
		if (!o)
			row_absent(t, k);
		else if ((!t->ns || strcmp(t->ns, object_namespace(o)) == 0) &&
			 !is_clean(t->fs, k, o, store_entry_mod_rev(t->record)))
			r = rows_of(t, k, o);
	}
	arena_free(t->arena);
	t->arena = NULL;
	return r;
}

int fs_drift_rows(struct fs *fs, const char *ns, struct rows *rows)
{
	static const char *const header[] = { "OBJECT", "FIELD", "DECLARED", "LIVE", "FILE" };
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	struct table t = { .fs = fs, .ns = ns, .rows = rows };
	int r = store_list(fs->store, FS_MANIFESTS_PREFIX, &list);

	if (!ns)
		rows_cell(rows, "NAMESPACE");
	for (size_t i = 0; i < ARRAY_SIZE(header); i++)
		rows_cell(rows, header[i]);
	rows_end_header(rows);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		size_t len;
		const void *value = store_entry_value(list.items[i], &len);

		t.record = list.items[i];
		if (fs_record_decode(value, len, &t.rec) == 0)
			r = rows_of_manifest(&t);
	}
	return r;
}
