/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/tables.h"

#include <string.h>

#include "base/clock.h"
#include "fs/drift.h"
#include "fs/region.h"
#include "fs/siphash.h"
#include "fs/tablerows.h"

/* Ages run on: what stat(2) told of is shown to whoever opens the file within a second. Its time is that of the last change
 * of the text, so that who looks again after reading, as tar does, finds it as it was. */
struct memo {
	uint64_t rev, size, hash;
	int64_t now, changed;
	bool valid;
};

static bool shows_ns(const struct fs_node *n)
{
	return fs_region_is_root(n);
}

/* What is a table and no kind. */
static const char drift_name[] = "drift";

/* Its row, from a copy that is decoded for that only: the cache's own stays small. */
static int add_row(struct fs *fs, struct rows *t, const struct object *o, bool with_ns, int64_t now)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	_cleanup_object_ struct object *own = NULL;

	if (store_get(fs->store, object_key(o), &e) == 0 && object_from_entry(e, &own) == 0 && object_root(own))
		rows_row(t, object_kind(o), object_root(own), with_ns, now);
	return buf_failed(&t->cells) ? -ENOMEM : 0;
}

static int by_creation(const void *a, const void *b)
{
	const struct object *x = *(struct object *const *)a, *y = *(struct object *const *)b;
	uint64_t rx = object_create_revision(x), ry = object_create_revision(y);

	return rx < ry ? -1 : rx > ry;
}

static int write_drift(struct fs_node *n, struct buf *out)
{
	_cleanup_rows_ struct rows t = ROWS_INIT;
	int r = fs_drift_rows(n->fs, shows_ns(n) ? NULL : n->ns, &t);

	if (r == 0)
		rows_write(&t, out);
	return r;
}

static int write_table(struct fs_node *n, int64_t now, struct buf *out)
{
	const struct schema_kind *kind = schema_kind_by_plural(n->name);
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_rows_ struct rows t = ROWS_INIT;
	bool with_ns = shows_ns(n);
	int r = kind ? cache_list(n->fs->cache, kind, with_ns || !kind->namespaced ? NULL : n->ns, &list) : -ENOENT;

	if (!kind && strcmp(n->name, drift_name) == 0)
		return write_drift(n, out);
	if (r < 0)
		return r;
	if (!kind->has_directory && list.n) /* events: in the order in which they came */
		qsort(list.items, list.n, sizeof(list.items[0]), by_creation);
	rows_header(&t, kind, with_ns);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		r = add_row(n->fs, &t, list.items[i], with_ns, now);
	if (r == 0)
		rows_write(&t, out);
	return r;
}

/* The time that the table is of now. */
static int64_t settle(struct fs_node *n)
{
	uint64_t rev = store_revision(n->fs->store); /* manifests count too: of the drift */
	int64_t now = registry_now(n->fs->registry);
	struct memo *m = n->data;

	if (!m)
		return now;
	if (!m->valid || m->rev != rev || now - m->now >= NSEC_PER_SEC || now < m->now)
		*m = (struct memo){ .rev = rev, .now = now, .size = m->size, .hash = m->hash, .changed = m->changed };
	return m->now;
}

static void note_text(const struct fs_node *n, struct memo *m, const struct buf *text)
{
	uint64_t hash = fs_siphash(n->fs->seed, buf_str(text), text->len);

	if (!m->changed || m->size != text->len || m->hash != hash)
		m->changed = m->now;
	m->size = text->len;
	m->hash = hash;
	m->valid = true;
}

static int file_render(struct fs_node *n, struct buf *out)
{
	return write_table(n, settle(n), out);
}

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	int64_t now = settle(n);
	struct memo *m = n->data;

	if (!m || !m->valid) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		int r = write_table(n, now, &text);

		if (r < 0)
			return r;
		if (buf_failed(&text))
			return -ENOMEM;
		a->size = text.len;
		if (m)
			note_text(n, m, &text);
	} else {
		a->size = m->size;
	}
	fs_attr_file(n, a, S_IFREG | (shows_ns(n) ? 0400 : 0444), m ? m->changed : now);
	a->ttl = FS_TTL_NONE;
	return 0;
}

static void file_destroy(struct fs_node *n)
{
	free(n->data);
}

static const struct fs_ops file_ops = {
	.region = "table", .getattr = file_getattr, .destroy = file_destroy, .render = file_render
};

/* --- the directory --- */

static uint64_t file_ino(const struct fs_node *dir, const char *name)
{
	char id[64];

	(void)snprintf(id, sizeof(id), "/table/%llx", (unsigned long long)dir->ino);
	return fs_ino(dir->fs, id, name);
}

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_dir(n, a, shows_ns(n) ? 0700 : 0555, n->fs->started);
	return 0;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	const struct schema_kind *kind = schema_kind_by_plural(name);
	bool is_new;
	int r;

	if (kind ? !kind->namespaced && !fs_region_is_root(dir) : strcmp(name, drift_name) != 0)
		return -ENOENT;
	r = fs_node_get(dir, name, file_ino(dir, name), &file_ops, ret, &is_new);
	if (r == 0 && is_new)
		(*ret)->data = calloc(1, sizeof(struct memo)); /* NULL: every look is a new table */
	return r;
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);
	int r = fs_listing_add(l, drift_name, S_IFREG, file_ino(dir, drift_name));

	for (size_t i = 0; r == 0 && i < n; i++)
		if (kinds[i]->namespaced || fs_region_is_root(dir))
			r = fs_listing_add(l, kinds[i]->plural, S_IFREG, file_ino(dir, kinds[i]->plural));
	return r;
}

const struct fs_ops fs_tables_ops = {
	.region = "table",
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.unlink = fs_obj_unlink,
};
