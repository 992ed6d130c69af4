/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames in data/: scratch that becomes a key is committed there; a key that becomes scratch goes after the settle time.
 * And in NAME/: scratch that becomes object.yaml is committed as it.
 */
#include <string.h>

#include "fs/datascratch.h"
#include "fs/edit.h"
#include "fs/field.h"
#include "fs/objfile.h"
#include "fs/revert.h"

struct move {
	struct fs_req *r;
	struct fs_node *dir, *scratch; /* owned references; scratch NULL: from a key */
	struct fs_blob *text;	       /* owned */
	char *from, *to;	       /* owned paths below NAME/; from NULL: of scratch */
};

static void free_move(struct move *m)
{
	fs_node_unref(m->dir);
	fs_node_unref(m->scratch);
	fs_blob_unref(m->text);
	free(m->from);
	free(m->to);
	free(m);
}

static int move_field(void *arg, struct arena *a, const struct object *live, struct value **root,
		      struct diag_list *diags)
{
	const struct move *m = arg;
	const struct schema_kind *kind = object_kind(live);
	struct value *v = NULL;
	struct field f;
	int r = field_find(kind, *root, m->to, &f);

	if (r < 0 && !f.type)
		return -ENOENT;
	r = field_parse(&f, m->text->data ? m->text->data : "", m->text->len, a, diags, &v);
	if (r == 0)
		r = field_set(a, kind, *root, m->to, v);
	return r == 0 && m->from ? field_set(a, kind, *root, m->from, NULL) : r;
}

static int replace_object(void *arg, struct arena *a, const struct object *live, struct value **root,
			  struct diag_list *diags)
{
	const struct move *m = arg;

	return fs_object_replace(m->text->data ? m->text->data : "", m->text->len, a, live, root, diags);
}

static void on_moved(struct fs *fs, void *arg, int result)
{
	struct move *m = arg;

	if (result == 0 && m->scratch)
		fs_datascratch_remove(m->scratch);
	/* Tools misread these at rename(2): podfs(7). */
	fs_reply_err(m->r, result == -EINVAL || result == -EEXIST ? -EBADMSG : result);
	free_move(m);
}

static char *path_of(const struct fs_node *dir, const char *name)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	fs_obj_path(dir, &path);
	buf_putc(&path, '/');
	buf_puts(&path, name);
	return buf_steal(&path, NULL);
}

/* The text of a key; NULL when there is none. */
static struct fs_blob *key_text(const struct fs_node *dir, const char *path)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct field f;

	if (!o || field_find(object_kind(o), object_root(o), path, &f) < 0)
		return NULL;
	field_text(&f, &text);
	return buf_failed(&text) ? NULL : fs_blob_new(text.data, text.len);
}

static void start(struct fs_req *r, struct fs_node *dir, struct fs_node *scratch, const char *name,
		  const char *newname, fs_edit_fn change)
{
	struct move *m = calloc(1, sizeof(*m));
	_cleanup_buf_ struct buf path = BUF_INIT;
	char comm[16];
	struct fs_edit e;

	if (!m) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	m->r = r;
	m->dir = fs_node_ref(dir);
	m->scratch = scratch ? fs_node_ref(scratch) : NULL;
	m->from = scratch ? NULL : path_of(dir, name);
	m->to = path_of(dir, newname);
	m->text = scratch ? fs_datascratch_text(scratch) : m->from ? key_text(dir, m->from) : NULL;
	if (!m->text || !m->to) {
		free_move(m);
		fs_reply_err(r, -ENOENT);
		return;
	}
	fs_child_path(dir, newname, &path);
	fs_req_comm(r, comm);
	fs_req_park(r, NULL, NULL);
	e = (struct fs_edit){ .uid = fs_obj_uid(dir), .path = buf_str(&path), .ns = dir->ns, .who = fs_req_writer(r),
			      .comm = comm, .field = m->to, .change = change, .done = on_moved, .arg = m };
	if (change == replace_object) {
		e.text = m->text->data;
		e.len = m->text->len;
	}
	fs_edit_start(dir->fs, &e);
}

static void to_scratch(struct fs_req *r, struct fs_node *dir, const char *name, const char *newname)
{
	_cleanup_free_ char *path = path_of(dir, name);
	_cleanup_blob_ struct fs_blob *text = path ? key_text(dir, path) : NULL;
	int err = text ? fs_datascratch_make(dir, newname, text->data, text->len) : -ENOENT;

	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_revert_add(r, dir, name, fs_obj_uid(dir), path);
}

void fs_field_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		     const char *newname, unsigned flags)
{
	struct fs_node *scratch = fs_datascratch_find(dir, name), *target = fs_datascratch_find(dir, newname);
	int err;

	if (dir != newdir || !fs_field_is_data(dir)) {
		fs_refuse(r, -EPERM, dir, name, "only the keys of data/ can be renamed, within their directory");
	} else if (scratch && fs_datascratch_name(newname)) {
		if (target && target != scratch)
			fs_datascratch_remove(target);
		err = fs_node_move(scratch, dir, newname);
		fs_reply_err(r, err);
	} else if (!scratch && fs_datascratch_name(newname)) {
		to_scratch(r, dir, name, newname);
	} else {
		start(r, dir, scratch, name, newname, move_field);
	}
}

void fs_objdir_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		      const char *newname, unsigned flags)
{
	struct fs_node *scratch = fs_datascratch_find(dir, name);

	if (dir == newdir && scratch && strcmp(newname, "object.yaml") == 0)
		start(r, dir, scratch, name, newname, replace_object);
	else
		fs_refuse(r, -EPERM, dir, name, "only an editor's scratch file can be renamed here, to object.yaml");
}
