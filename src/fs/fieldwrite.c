/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing field files. A value with a grammar comes whole in one write(2) and is judged and committed there; free text and
 * data are gathered in a buffer of the handle and committed as a manifest is (fs/hstate.h).
 */
#include <fcntl.h>
#include <string.h>

#include "fs/edit.h"
#include "fs/field.h"
#include "fs/keep.h"
#include "fs/objfile.h"
#include "fs/quota.h"

/* --- the change --- */

struct change {
	struct fs_req *r;    /* NULL: nobody waits */
	struct fs_handle *h; /* owned reference, or NULL */
	struct fs_kept *kept; /* owned: of a handle that is released, until this is done; else NULL */
	struct fs_blob *text; /* owned */
	size_t answer;	     /* of write(2); 0: another call */
	struct fs_node *attr; /* owned: answer with its attributes (truncate(2)); NULL */
	char *path;	     /* owned: below NAME/ */
	bool whole;	     /* object.yaml */
};

static int set_field(void *arg, struct arena *a, const struct object *live, struct value **root,
		     struct diag_list *diags)
{
	const struct change *c = arg;
	const struct schema_kind *kind = object_kind(live);
	struct value *v = NULL;
	struct field f;
	int r;

	if (c->whole)
		return fs_object_replace(c->text->data ? c->text->data : "", c->text->len, a, live, root, diags);
	r = field_find(kind, *root, c->path, &f);
	if (r < 0 && !f.type)
		return -ENOENT;
	if (f.read_only) {
		diag_add(diags, DIAG_ERROR, -EPERM, (struct value_mark){ 0 }, "",
			 "Forbidden: the system writes this field, and nobody else");
		return -EPERM;
	}
	r = field_parse(&f, c->text->data ? c->text->data : "", c->text->len, a, diags, &v);
	if (r == 0 && f.immutable && f.value && !value_equal(f.value, v)) {
		diag_add(diags, DIAG_ERROR, -EPERM, (struct value_mark){ 0 }, "", "Invalid value: field is immutable");
		return -EPERM;
	}
	return r < 0 ? r : field_set(a, kind, *root, c->path, v);
}

static void on_done(struct fs *fs, void *arg, int result)
{
	struct change *c = arg;
	struct fs_field_handle *w = c->h ? c->h->data : NULL;

	if (result < 0 && w && w->at_close && w->state == FS_H_CLEAN) {
		w->state = FS_H_REFUSED;
		w->refused = result;
	}
	if (w) {
		/* By one change, after all else that the write does: the next daemon answers this one when it comes again,
		 * and refuses another. */
		bool whole_value = result == 0 && c->r && c->answer;

		w->committing--;
		w->written |= whole_value;
		fs_field_handle_keep(w, whole_value ? fs_req_unique(c->r) : 0);
	}
	if (c->r && result == 0 && c->answer)
		fs_reply_write(c->r, c->answer);
	else if (c->r && result == 0 && c->attr)
		fs_reply_attr(c->r, c->attr);
	else if (c->r)
		fs_reply_err(c->r, result);
	fs_keep_handle_drop(fs->keep, c->kept);
	fs_handle_unref(c->h);
	fs_node_unref(c->attr);
	fs_blob_unref(c->text);
	free(c->path);
	free(c);
}

/* The path as errors show fields: spec.replicas. */
static char *dotted(const char *path)
{
	char *s = strdup(path);

	for (char *p = s ? strchr(s, '/') : NULL; p; p = strchr(p, '/'))
		*p = '.';
	return s;
}

/* Takes the reference to text, and kept, which may be NULL. */
static void start(struct fs_node *n, struct fs_req *r, struct fs_handle *h, struct fs_blob *text, size_t answer,
		  bool attr, const struct writer *who, struct fs_kept *kept)
{
	_cleanup_buf_ struct buf path = BUF_INIT, full = BUF_INIT;
	struct change *c = calloc(1, sizeof(*c));
	_cleanup_free_ char *at = NULL;
	char comm[16] = "?";
	struct fs_edit e;

	fs_obj_path(n, &path);
	fs_node_path(n, &full);
	at = dotted(buf_str(&path));
	if (!c || !text || buf_failed(&path) || !at) {
		fs_blob_unref(text);
		free(c);
		fs_keep_handle_drop(n->fs->keep, kept);
		if (r)
			fs_reply_err(r, -ENOMEM);
		return;
	}
	*c = (struct change){ .r = r, .h = fs_handle_ref(h), .text = text, .answer = answer,
			      .attr = attr ? fs_node_ref(n) : NULL, .path = buf_steal(&path, NULL),
			      .whole = n->ops == &fs_object_yaml_ops, .kept = kept };
	if (h && h->data)
		((struct fs_field_handle *)h->data)->committing++;
	if (r) {
		fs_req_comm(r, comm);
		fs_req_park(r, NULL, NULL);
	}
	e = (struct fs_edit){ .uid = fs_obj_uid(n), .path = buf_str(&full), .ns = n->ns, .text = text->data,
			      .len = text->len, .who = *who, .comm = comm, .at = c->whole ? NULL : at,
			      .field = c->whole ? NULL : c->path, .answer = attr ? NULL : r, .answer_size = answer,
			      .change = set_field, .done = on_done, .arg = c };
	fs_edit_start(n->fs, &e);
}

/* --- handles --- */

void fs_field_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);
	_cleanup_buf_ struct buf path = BUF_INIT;
	bool whole = n->ops == &fs_object_yaml_ops;
	struct fs_field_handle *w;
	struct fs_field_node *d = n->data;
	struct field f = { .type = NULL };
	int err = 0;

	fs_obj_path(n, &path);
	if (whole)
		err = n->ops->render(n, &h->snap);
	else if (!o || (field_find(object_kind(o), object_root(o), buf_str(&path), &f) < 0 && LIST_EMPTY(&d->writers)))
		err = -ESTALE; /* the kernel looks the name up again, and makes the file if the caller asks for that */
	else if (fs_handle_writes(h) && f.read_only)
		err = -EPERM; /* root too, whom modes do not stop */
	else if (f.value && !f.folder)
		field_text(&f, &h->snap);
	if (err == 0 && buf_failed(&h->snap))
		err = -ENOMEM;
	w = err == 0 && fs_handle_writes(h) ? calloc(1, sizeof(*w)) : NULL;
	if (err == 0 && fs_handle_writes(h) && !w)
		err = -ENOMEM;
	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	if (w) {
		*w = (struct fs_field_handle){ .node = n, .pid = h->pid, .writes = true, .at_close = whole || field_at_close(&f),
					       .state = h->flags & O_TRUNC ? FS_H_FRESH : FS_H_CLEAN };
		LIST_INSERT_HEAD(&d->writers, w, entry);
		h->data = w;
	}
	fs_reply_open(r, h);
}

/* The buffer of a handle, made from what was there unless that was truncated: before the handle's next state is taken. */
static struct fs_blob *buffer(struct fs_handle *h)
{
	struct fs_field_handle *w = h->data;

	if (!w->blob)
		w->blob = w->state == FS_H_FRESH ? fs_blob_new(NULL, 0) : fs_blob_new(h->snap.data, h->snap.len);
	return w->blob;
}

void fs_field_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	const struct fs_field_handle *w = h->data;
	const char *data = w && w->blob ? w->blob->data : h->snap.data;
	size_t len = w && w->blob ? w->blob->len : w && w->state == FS_H_FRESH ? 0 : h->snap.len;
	size_t at = off < len ? (size_t)off : len;

	fs_reply_buf(r, data ? data + at : NULL, len - at < size ? len - at : size);
}

/* A whole value. */
static void write_value(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct fs_field_handle *w = h->data;
	struct writer who = fs_handle_writer(h, r);

	if ((w->written || off > 0) && !(h->flags & O_APPEND && !w->written)) {
		fs_refuse(r, -EINVAL, h->node->parent, h->node->name,
			  "a value of this kind is written whole, by one write(2) at the start of the file");
		return;
	}
	start(h->node, r, h, fs_blob_new(data, size), size, false, &who, NULL);
}

void fs_field_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct fs_field_handle *w = h->data;
	size_t at;
	int err;

	if (!w) {
		fs_reply_err(r, -EBADF);
		return;
	}
	if (!w->at_close) {
		write_value(r, h, data, size, off);
		return;
	}
	if (!buffer(h)) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	at = h->flags & O_APPEND ? w->blob->len : (size_t)off;
	err = fs_quota_hold(h, at + size);
	if (err == 0)
		err = fs_blob_write(&w->blob, data, size, at);
	if (err < 0) {
		(void)fs_hstate_next(&w->state, FS_H_FAIL); /* a part is missing: nothing is committed */
		w->refused = err;
		fs_field_handle_keep(w, 0);
		fs_reply_err(r, err);
		return;
	}
	(void)fs_hstate_next(&w->state, FS_H_WRITE);
	fs_field_keep_text(w, data, size, at, fs_req_unique(r));
	fs_reply_write(r, size);
}

static void step(struct fs_req *r, struct fs_handle *h, enum fs_hevent event)
{
	struct fs_field_handle *w = h->data;
	struct writer who = fs_handle_writer(h, r);
	enum fs_haction action;

	if (!w || !w->at_close) {
		fs_reply_err(r, 0);
		return;
	}
	if (event == FS_H_FLUSH && (w->state == FS_H_DIRTY || w->state == FS_H_FRESH) && fs_req_is_killed(r))
		event = FS_H_FLUSH_KILLED;
	if (w->state == FS_H_FRESH && !buffer(h)) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	action = fs_hstate_next(&w->state, event);
	if (action != FS_H_COMMIT) /* then it is kept as it is until the commit is done: the call may come again */
		fs_field_handle_keep(w, 0);
	switch (action) {
	case FS_H_COMMIT:
		start(h->node, r, h, buffer(h) ? fs_blob_ref(w->blob) : NULL, 0, false, &who, NULL);
		break;
	case FS_H_REPEAT:
		fs_reply_err(r, w->refused);
		break;
	case FS_H_SAVE: {
		_cleanup_buf_ struct buf path = BUF_INIT;

		fs_node_path(h->node, &path);
		fs_errors_add(h->fs, r, h->node->ns, buf_str(&path),
			      "not committed: a signal ended the process that wrote it");
		fs_reply_err(r, 0);
		break;
	}
	case FS_H_NONE:
	case FS_H_QUIET:
		fs_reply_err(r, 0);
		break;
	}
}

void fs_field_flush(struct fs_req *r, struct fs_handle *h, bool same_process)
{
	step(r, h, same_process ? FS_H_FLUSH : FS_H_FLUSH_OTHER);
}

void fs_field_fsync(struct fs_req *r, struct fs_handle *h)
{
	step(r, h, FS_H_FSYNC);
}

void fs_field_release(struct fs_handle *h)
{
	struct fs_field_handle *w = h->data;
	struct writer who = fs_handle_writer(h, NULL);

	if (w->writes)
		LIST_REMOVE(w, entry);
	if (w->at_close && w->state != FS_H_CLEAN && h->node && buffer(h) &&
	    fs_hstate_next(&w->state, FS_H_RELEASE) == FS_H_QUIET)
		start(h->node, NULL, NULL, fs_blob_ref(w->blob), 0, false, &who, steal_ptr(h->kept));
	fs_blob_unref(w->blob);
	free(w);
	h->data = NULL;
}

void fs_field_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set, struct fs_handle *h)
{
	struct fs_field_handle *w = h ? h->data : NULL;
	struct fs_attr now;
	int err = fs_node_attr(n, &now);

	/* What copying tools set on what they have just written is taken and dropped. */
	if (err == 0 && !w && ((set & FS_SET_MODE && (now.mode & 07777) != (a->mode & 07777)) ||
			 (set & FS_SET_UID && now.uid != a->uid) || (set & FS_SET_GID && now.gid != a->gid)))
		err = -EPERM;
	if (err == 0 && set & FS_SET_SIZE && w && w->at_close) {
		err = buffer(h) ? fs_quota_hold(h, a->size) : -ENOMEM;
		if (err == 0)
			err = fs_blob_resize(&w->blob, (size_t)a->size);
		if (err == 0) {
			(void)fs_hstate_next(&w->state, FS_H_WRITE);
			fs_field_keep_text(w, NULL, 0, 0, fs_req_unique(r));
		}
	} else if (err == 0 && set & FS_SET_SIZE && !w && a->size != now.size) {
		struct writer who = fs_req_writer(r);
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct fs_blob *b;

		if (a->size > now.size || n->ops->render(n, &text) < 0) {
			fs_reply_err(r, -EINVAL);
			return;
		}
		b = fs_blob_new(text.data, (size_t)a->size < text.len ? (size_t)a->size : text.len);
		start(n, r, NULL, b, 0, true, &who, NULL);
		return;
	}
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_attr(r, n);
}
