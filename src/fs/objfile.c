/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/objfile.h"

#include <string.h>

#include "base/clock.h"
#include "fs/decl.h"
#include "fs/declared.h"
#include "fs/describe.h"
#include "fs/objlinks.h"
#include "fs/place.h"
#include "value/json.h"
#include "value/yaml.h"

/* Attributes of a text that changes when `rev` does. */
static int memo_getattr(struct fs_node *n, struct fs_attr *a, mode_t mode, uint64_t rev, int64_t changed)
{
	struct fs_field_node *d = n->data;

	if (d->memo.rev != rev) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		int r = n->ops->render(n, &text);

		if (r < 0)
			return r;
		if (buf_failed(&text))
			return -ENOMEM;
		fs_memo_set(n->fs, &d->memo, rev, &text, changed);
	}
	d->mode = (uint16_t)mode;
	fs_attr_file(n, a, S_IFREG | mode, d->memo.mtime);
	a->size = d->memo.size;
	a->ttl = FS_TTL_NONE;
	a->name_ttl = FS_TTL; /* it stands there for as long as the object does */
	return 0;
}

static int object_getattr(struct fs_node *n, struct fs_attr *a, mode_t mode)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	return o ? memo_getattr(n, a, mode, object_revision(o), fs_live_changed(n->fs, o)) : -ENOENT;
}

/* --- object.yaml and object.json --- */

static int yaml_getattr(struct fs_node *n, struct fs_attr *a)
{
	const struct fs_field_node *d = n->data;
	const struct fs_field_handle *w;
	int r = object_getattr(n, a, 0644);

	if (r < 0)
		return r;
	LIST_FOREACH(w, &d->writers, entry) /* who writes sees what he wrote */
		if (w->blob && n->fs->asking && fs_process_has(w->pid, n->fs->asking))
			a->size = w->blob->len;
	return 0;
}

static int yaml_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	if (!o)
		return -ENOENT;
	yaml_write(out, object_root(o), 0);
	return 0;
}

static int json_getattr(struct fs_node *n, struct fs_attr *a)
{
	return object_getattr(n, a, 0444);
}

static int json_render(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	if (!o)
		return -ENOENT;
	json_write(out, object_root(o), JSON_PRETTY);
	return 0;
}

static void refuse(struct diag_list *diags, const struct value *at, int code, const char *path, const char *message)
{
	diag_add(diags, DIAG_ERROR, code, value_mark(at), path, "%s", message);
}

static int check_identity(const struct value *doc, const struct object *live, struct diag_list *diags)
{
	static const char *const members[] = { "name", "namespace", "uid" };
	const struct schema_kind *kind = schema_kind_find(value_str_or(value_get(doc, "apiVersion"), ""),
							  value_str_or(value_get(doc, "kind"), ""));
	const struct value *rev = value_path(doc, "metadata", "resourceVersion");

	if (kind && kind != object_kind(live)) {
		refuse(diags, value_get(doc, "kind"), -EPERM, "kind", "Invalid value: an object stays what it is");
		return -EPERM;
	}
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		const struct value *v = value_path(doc, "metadata", members[i]);
		const struct value *is = object_path(live, "metadata", members[i]);

		if (value_is_null(v) || strcmp(value_str_or(v, ""), value_str_or(is, "")) == 0)
			continue;
		diag_add(diags, DIAG_ERROR, -EPERM, value_mark(v), "metadata", "Invalid value: metadata.%s is \"%s\": %s",
			 members[i], value_str_or(is, ""), "field is immutable");
		return -EPERM;
	}
	if (!value_is_null(rev) &&
	    strcmp(value_str_or(rev, ""), value_str_or(object_path(live, "metadata", "resourceVersion"), "")) != 0) {
		refuse(diags, rev, -ESTALE, "metadata.resourceVersion",
		       "Conflict: the object has changed since this version of it was read: read it again");
		return -ESTALE;
	}
	return 0;
}

int fs_object_replace(const char *text, size_t len, struct arena *a, const struct object *live, struct value **root,
		      struct diag_list *diags)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct value_mark where = { 0 };
	struct yaml_document *docs;
	struct value *meta;
	size_t n;
	int r = yaml_read(text, len, NULL, a, &docs, &n, &err, &where);

	if (r < 0) {
		diag_add(diags, DIAG_ERROR, r, where, "", "%s", error_text(&err));
		return r;
	}
	if (n != 1 || value_type(docs[0].root) != VALUE_MAP) {
		refuse(diags, NULL, -EINVAL, "", n ? "object.yaml holds one document, the object"
						   : "object.yaml cannot be emptied: to remove the object, rmdir its directory");
		return -EINVAL;
	}
	r = check_identity(docs[0].root, live, diags);
	if (r < 0)
		return r;
	*root = docs[0].root;
	meta = value_set_map(a, *root, "metadata");
	(void)value_set_str(a, meta, "name", object_name(live));
	if (object_kind(live)->namespaced)
		(void)value_set_str(a, meta, "namespace", object_namespace(live));
	return 0;
}

const struct fs_ops fs_object_yaml_ops = {
	.region = "object",
	.room = sizeof(struct fs_field_node),
	.getattr = yaml_getattr,
	.setattr = fs_field_setattr,
	.render = yaml_render,
	.open = fs_field_open,
	.read = fs_field_read,
	.write = fs_field_write,
	.flush = fs_field_flush,
	.fsync = fs_field_fsync,
	.release = fs_field_release,
	.keep = fs_field_keep,
	.held = fs_field_held,
};
const struct fs_ops fs_object_json_ops = {
	.region = "object", .room = sizeof(struct fs_field_node), .getattr = json_getattr, .render = json_render,
	.held = fs_field_held
};

/* --- describe --- */

/* Whether pods are made of it. */
static bool is_workload(const struct object *o)
{
	static const char *const plurals[] = { "daemonsets", "deployments", "jobs", "replicasets", "replicationcontrollers",
					       "statefulsets" };

	for (size_t i = 0; i < ARRAY_SIZE(plurals); i++)
		if (strcmp(object_kind(o)->plural, plurals[i]) == 0)
			return true;
	return false;
}

static int describe_render(struct fs_node *n, struct buf *out)
{
	enum { LAST_EVENTS = 20 };
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_object_list_ struct object_list pods = OBJECT_LIST_INIT;
	_cleanup_object_ struct object *o = fs_obj_get(n);
	_cleanup_buf_ struct buf events = BUF_INIT, manifest = BUF_INIT;
	const struct fs_event_filter f = { .uid = fs_obj_uid(n) };
	struct describe d = { .object = o };
	char key[STORE_KEY_MAX + 1];
	int r = 0;

	if (!o)
		return -ENOENT;
	if (is_workload(o))
		r = fs_owned_pods(n->fs, o, &list);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		_cleanup_object_ struct object *p = fs_live_decode(n->fs, list.items[i]);

		r = p ? object_list_add(&pods, p) : 0;
	}
	if (r < 0)
		return r;
	fs_eventlog_tail(n->fs, &f, LAST_EVENTS, "  ", &events);
	d.pods = is_workload(o) ? &pods : NULL;
	d.events = buf_str(&events);
	if (fs_decl_latest(n->fs->decl, object_key(o), NULL, NULL, key) && fs_place_path(n->fs, key, &manifest) == 0)
		d.manifest = buf_str(&manifest);
	d.hide_values = strcmp(object_kind(o)->plural, "secrets") == 0;
	describe_object(&d, out);
	return 0;
}

static int describe_getattr(struct fs_node *n, struct fs_attr *a)
{
	uint64_t changes = cache_changes(n->fs->cache); /* before it is looked at */
	_cleanup_object_ struct object *o = fs_obj_get(n);
	struct fs_field_node *d = n->data;

	/* It tells of pods and events too: any change may be one of them. Which file declares it is no object's change. */
	if (!o)
		return -ENOENT;
	d->memo.rev = changes == d->memo.rev && !is_workload(o) ? changes : UINT64_MAX;
	return memo_getattr(n, a, 0444, changes, registry_now(n->fs->registry));
}

const struct fs_ops fs_describe_ops = {
	.region = "describe", .room = sizeof(struct fs_field_node), .getattr = describe_getattr, .render = describe_render,
	.held = fs_field_held
};

/* --- manifest --- */

/* From the object's directory up to the mount's root, and down to the file; what lies beside the directory is near. */
static int link_to(const struct fs_node *n, const char *key, struct buf *out)
{
	_cleanup_buf_ struct buf path = BUF_INIT, beside = BUF_INIT;
	int r = fs_place_path(n->fs, key, &path);

	if (r < 0)
		return r;
	fs_child_path(n->parent->parent, strrchr(key, '/') + 1, &beside);
	if (strcmp(buf_str(&path), buf_str(&beside)) == 0) {
		buf_printf(out, "../%s", strrchr(key, '/') + 1);
		return 0;
	}
	for (const struct fs_node *up = n->parent; up->parent; up = up->parent)
		buf_puts(out, "../");
	buf_puts(out, buf_str(&path));
	return 0;
}

static int manifest_readlink(struct fs_node *n, struct buf *out)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);
	char key[STORE_KEY_MAX + 1];

	if (!o || !fs_decl_latest(n->fs->decl, object_key(o), NULL, NULL, key))
		return -ENOENT;
	return link_to(n, key, out);
}

static int manifest_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_buf_ struct buf target = BUF_INIT;
	int r = manifest_readlink(n, &target);

	if (r == 0)
		fs_attr_link(n, a, target.len, n->fs->started);
	return r;
}

const struct fs_ops fs_manifest_link_ops = {
	.region = "manifest", .getattr = manifest_getattr, .readlink = manifest_readlink
};
