/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/field.h"

#include <string.h>

#include "fs/datascratch.h"
#include "fs/revert.h"

/* The place of a node in the tree of its object. */
static int find(const struct fs_node *n, const struct object *o, struct field *ret)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	fs_obj_path(n, &path);
	if (buf_failed(&path))
		return -ENOMEM;
	return field_find(object_kind(o), object_root(o), buf_str(&path), ret);
}

static int get_node(struct fs_node *dir, const char *name, const struct fs_ops *ops, struct fs_node **ret)
{
	int r = fs_obj_node(dir, name, ops, ret, NULL);

	if (r == -EIO) { /* it was a file and is a directory now, or the other way: the old one's number is not free yet */
		_cleanup_buf_ struct buf path = BUF_INIT;

		fs_obj_path(dir, &path);
		buf_printf(&path, "/%s//%d", name, ops == &fs_fielddir_ops);
		r = fs_node_get(dir, name, fs_ino(dir->fs, fs_obj_uid(dir), buf_str(&path)), ops, ret, NULL);
	}
	return r;
}

int fs_field_node(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	return get_node(dir, name, &fs_field_ops, ret);
}

/* A node that has no field yet: its file is being written, or its folder was made. */
static struct fs_node *find_pending(struct fs_node *dir, const char *name)
{
	struct fs_node *n = fs_node_find(dir->fs, fs_obj_ino(dir, name));
	const struct fs_field_node *d = n && (n->ops == &fs_field_ops || n->ops == &fs_fielddir_ops) ? n->data : NULL;

	return d && (d->made || !LIST_EMPTY(&d->writers)) ? n : NULL;
}

/* A key of data/ whose file was removed is out of sight at once, so that tools that replace files can make it anew. */
static bool is_hidden(const struct fs_node *dir, const struct field *at, const char *name)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	if (!at->data)
		return false;
	fs_obj_path(dir, &path);
	buf_putc(&path, '/');
	buf_puts(&path, name);
	return fs_revert_pending(dir->fs, fs_obj_uid(dir), buf_str(&path));
}

/* Beside the keys of data/ and beside object.yaml. */
static bool has_scratch(const struct fs_node *dir, const struct field *at)
{
	return at->data || dir->ops == &fs_objdir_ops;
}

int fs_field_lookup(struct fs_node *dir, const struct field *at, const char *name, struct fs_node **ret)
{
	struct field f;
	struct fs_node *n = has_scratch(dir, at) ? fs_datascratch_find(dir, name) : NULL;

	if (n) {
		*ret = fs_node_ref(n);
		return 0;
	}
	if (field_child(at, name, &f) == 0 && !is_hidden(dir, at, name))
		return get_node(dir, name, field_shape(&f) == FIELD_DIR ? &fs_fielddir_ops : &fs_field_ops, ret);
	n = find_pending(dir, name);
	if (!n)
		return -ENOENT;
	*ret = fs_node_ref(n);
	return 0;
}

int fs_field_readdir(struct fs_node *dir, const struct field *at, struct fs_listing *l)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct field_name *names;
	size_t n;
	int r = field_names(at, a, &names, &n);

	if (r == 0 && has_scratch(dir, at))
		r = fs_datascratch_readdir(dir, l);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (!is_hidden(dir, at, names[i].name))
			r = fs_listing_add(l, names[i].name, names[i].dir ? S_IFDIR : S_IFREG, fs_obj_ino(dir, names[i].name));
	return r;
}

/* --- files --- */

static int file_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);
	struct fs_field_node *d = n->data;
	const struct fs_field_handle *w;
	struct field f;
	int r = o ? find(n, o, &f) : -ENOENT;

	if ((r < 0 && LIST_EMPTY(&d->writers)) || (r == 0 && field_shape(&f) == FIELD_DIR))
		return -ESTALE; /* the kernel looks the name up again, and makes the file if the caller asks for that */
	if (r == 0 && d->memo.rev != object_revision(o)) {
		_cleanup_buf_ struct buf text = BUF_INIT, path = BUF_INIT;
		int64_t changed = 0;

		field_text(&f, &text);
		fs_obj_path(n, &path);
		if (buf_failed(&text) || buf_failed(&path))
			return -ENOMEM;
		if (!fs_memo_is(n->fs, &d->memo, &text))
			changed = fs_live_field_changed(n->fs, o, buf_str(&path), &text);
		fs_memo_set(n->fs, &d->memo, object_revision(o), &text, changed);
	}
	d->mode = r == 0 && f.read_only ? 0444 : 0644;
	fs_attr_file(n, a, S_IFREG | d->mode,
		     r == 0 ? d->memo.mtime : registry_now(n->fs->registry));
	a->size = r == 0 ? d->memo.size : 0;
	/* What is only observed may be a second old; what is written through the mount may not. */
	a->ttl = r == 0 && f.read_only ? FS_TTL : FS_TTL_NONE;
	/* A field that has gone says so at getattr and open, which ask each time: the name need not be asked for too. */
	a->name_ttl = r == 0 ? FS_TTL : FS_TTL_NONE;
	LIST_FOREACH(w, &d->writers, entry) /* who writes sees what he wrote */
		if (w->blob && n->fs->asking && fs_process_has(w->pid, n->fs->asking))
			a->size = w->blob->len;
	return 0;
}

void fs_field_held(struct fs_handle *h, struct fs_attr *a)
{
	const struct fs_field_node *d = h->node->data;
	const struct fs_field_handle *w = h->data;

	if (d->mode)
		fs_attr_file(h->node, a, S_IFREG | d->mode, d->memo.mtime);
	if (w && w->blob)
		a->size = w->blob->len;
}

static int file_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);
	const struct fs_field_node *d = n->data;
	struct field f;
	int r = o ? find(n, o, &f) : -ENOENT;

	if (r == 0)
		field_text(&f, out);
	else if (!LIST_EMPTY(&d->writers))
		r = 0;
	return r;
}

const struct fs_ops fs_field_ops = {
	.region = "field",
	.room = sizeof(struct fs_field_node),
	.getattr = file_getattr,
	.setattr = fs_field_setattr,
	.render = file_render,
	.open = fs_field_open,
	.read = fs_field_read,
	.write = fs_field_write,
	.flush = fs_field_flush,
	.fsync = fs_field_fsync,
	.release = fs_field_release,
	.keep = fs_field_keep,
	.held = fs_field_held,
};

/* --- directories --- */

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);
	const struct fs_field_node *d = n->data;
	struct field f;
	int r = o ? find(n, o, &f) : -ENOENT;

	if (!o)
		return -ENOENT;
	if ((r < 0 && !d->made) || (r == 0 && field_shape(&f) == FIELD_FILE))
		return -ESTALE; /* the kernel looks the name up again */
	fs_attr_dir(n, a, r == 0 && f.read_only ? 0555 : 0755, fs_live_changed(n->fs, o));
	return 0;
}

/* What a directory shows; for a folder that is empty still, the map that it is in. */
static int find_dir(const struct fs_node *n, const struct object *o, struct field *ret)
{
	const struct fs_field_node *d = n->data;
	int r = find(n, o, ret);

	if (r < 0 && d->made && strlen(ret->key) < FIELD_KEY_MAX) {
		(void)strncat(ret->key, "/", FIELD_KEY_MAX - strlen(ret->key));
		ret->folder = true;
		ret->value = ret->in;
		ret->type = ret->in_type;
		r = 0;
	}
	return r;
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	struct field f;
	int r = o ? find_dir(dir, o, &f) : -ENOENT;

	return r < 0 ? r : fs_field_lookup(dir, &f, name, ret);
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	struct field f;
	int r = o ? find_dir(dir, o, &f) : -ENOENT;

	return r < 0 ? r : fs_field_readdir(dir, &f, l);
}

/* A directory that only the system writes, or one that has gone: what was in it went by itself. */
static bool is_systems(const struct fs_node *dir, const struct object *o)
{
	struct field f;

	return dir->ops == &fs_fielddir_ops && (find(dir, o, &f) < 0 || f.read_only);
}

void fs_field_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	struct fs_node *scratch = fs_datascratch_find(dir, name);
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct field f;

	if (scratch) {
		fs_datascratch_remove(scratch);
		fs_reply_err(r, 0);
		return;
	}
	fs_obj_path(dir, &path);
	if (path.len)
		buf_putc(&path, '/');
	buf_puts(&path, name);
	if (!o)
		fs_reply_err(r, 0);
	else if (field_find(object_kind(o), object_root(o), buf_str(&path), &f) < 0)
		fs_reply_err(r, find_pending(dir, name) || is_systems(dir, o) ? 0 : -ENOENT);
	else if (f.read_only || f.item || f.immutable) /* it comes back by itself */
		fs_reply_err(r, 0);
	else
		fs_revert_add(r, dir, name, fs_obj_uid(dir), buf_str(&path));
}

void fs_field_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode, int flags)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_field_handle *w;
	struct fs_field_node *d;
	struct field at, f;
	int err = 0;

	if (o && dir->ops == &fs_objdir_ops)
		field_root(&at, object_kind(o), object_root(o));
	else
		err = o ? find_dir(dir, o, &at) : -ENOENT;
	if (err == 0 && (at.data ? fs_datascratch_name(name) : has_scratch(dir, &at) && fs_datascratch_edits(name))) {
		fs_datascratch_create(r, dir, name, mode);
		return;
	}
	if (err == 0 && field_child(&at, name, &f) < 0 && !field_can_make(&f)) {
		fs_refuse(r, -EPERM, dir, name, value_type(at.value) == VALUE_LIST
							? "items of lists are added through object.yaml"
							: "there is no field of that name that could be set here");
		return;
	}
	if (err == 0)
		err = get_node(dir, name, &fs_field_ops, &n);
	w = err == 0 ? calloc(1, sizeof(*w)) : NULL;
	if (!w) {
		fs_reply_err(r, err < 0 ? err : -ENOMEM);
		return;
	}
	d = n->data;
	*w = (struct fs_field_handle){ .node = n, .state = FS_H_FRESH, .pid = fs_req_pid(r), .writes = true,
				       .at_close = field_at_close(&f) };
	LIST_INSERT_HEAD(&d->writers, w, entry);
	fs_reply_create(r, n, w);
}

bool fs_field_is_data(const struct fs_node *dir)
{
	_cleanup_object_ struct object *o = dir->ops == &fs_fielddir_ops ? fs_obj_get(dir) : NULL;
	struct field f;

	return o && find(dir, o, &f) == 0 && f.data;
}

/* Folders of labels and annotations can be made, so that a key with a slash can be written into them. */
static void dir_mkdir(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct field f;
	int err = o ? find_dir(dir, o, &f) : -ENOENT;

	if (err == 0 && (!f.folders || f.read_only)) {
		fs_refuse(r, -EPERM, dir, name, "only labels and annotations have folders that can be made");
		return;
	}
	if (err == 0)
		err = get_node(dir, name, &fs_fielddir_ops, &n);
	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	((struct fs_field_node *)n->data)->made = true;
	fs_reply_entry(r, n);
}

static void dir_rmdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	struct fs_node *n = fs_node_find(dir->fs, fs_obj_ino(dir, name));

	if (n && n->ops == &fs_fielddir_ops)
		((struct fs_field_node *)n->data)->made = false;
	fs_obj_rmdir(r, dir, name);
}

const struct fs_ops fs_fielddir_ops = {
	.region = "field",
	.room = sizeof(struct fs_field_node),
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.create = fs_field_create,
	.mkdir = dir_mkdir,
	.unlink = fs_field_unlink,
	.rmdir = dir_rmdir,
	.rename = fs_field_rename,
};
