/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fs/actions.h"
#include "fs/datascratch.h"
#include "fs/decl.h"
#include "fs/drain.h"
#include "fs/drift.h"
#include "fs/field.h"
#include "fs/names.h"
#include "fs/objdir.h"
#include "fs/objfile.h"
#include "fs/objlinks.h"
#include "fs/place.h"
#include "fs/podfiles.h"
#include "fs/region.h"
#include "fs/revert.h"
#include "fs/revisions.h"
#include "fs/siphash.h"
#include "fs/stream.h"

struct objdir {
	char uid[OBJECT_UID_SIZE];
	pid_t backed_up; /* the last who asked for backups of what is in it; 0: nobody */
};

const struct fs_objfile fs_objfiles[] = {
	{ "object.yaml", S_IFREG, &fs_object_yaml_ops },
	{ "object.json", S_IFREG, &fs_object_json_ops },
	{ "describe", S_IFREG, &fs_describe_ops },
	{ "events", S_IFREG, &fs_object_events_ops },
	{ "delete", S_IFREG, &fs_delete_ops },
	{ "drift", S_IFREG, &fs_drift_ops },
	{ "manifest", S_IFLNK, &fs_manifest_link_ops },
	{ "reapply", S_IFREG, &fs_reapply_ops },
	{ "pods", S_IFDIR, &fs_owned_pods_ops, "deployments" },
	{ "pods", S_IFDIR, &fs_owned_pods_ops, "replicasets" },
	{ "pods", S_IFDIR, &fs_owned_pods_ops, "replicationcontrollers" },
	{ "pods", S_IFDIR, &fs_owned_pods_ops, "statefulsets" },
	{ "pods", S_IFDIR, &fs_owned_pods_ops, "daemonsets" },
	{ "pods", S_IFDIR, &fs_owned_pods_ops, "jobs" },
	{ "replicasets", S_IFDIR, &fs_owned_sets_ops, "deployments" },
	{ "revisions", S_IFDIR, &fs_revisions_ops, "deployments" },
	{ "revisions", S_IFDIR, &fs_revisions_ops, "statefulsets" },
	{ "revisions", S_IFDIR, &fs_revisions_ops, "daemonsets" },
	{ "rollback", S_IFREG, &fs_rollback_ops, "deployments" },
	{ "rollback", S_IFREG, &fs_rollback_ops, "statefulsets" },
	{ "rollback", S_IFREG, &fs_rollback_ops, "daemonsets" },
	{ "restart", S_IFREG, &fs_restart_ops, "deployments" },
	{ "restart", S_IFREG, &fs_restart_ops, "statefulsets" },
	{ "restart", S_IFREG, &fs_restart_ops, "daemonsets" },
	{ "trigger", S_IFREG, &fs_trigger_ops, "cronjobs" },
	{ "pause", S_IFREG, &fs_pause_ops, "deployments" },
	{ "resume", S_IFREG, &fs_resume_ops, "deployments" },
	{ "evict", S_IFREG, &fs_evict_ops, "pods" },
	{ "cordon", S_IFREG, &fs_cordon_ops, "nodes" },
	{ "uncordon", S_IFREG, &fs_uncordon_ops, "nodes" },
	{ "drain", S_IFREG, &fs_drain_ops, "nodes" },
	{ "logs", S_IFDIR, &fs_podlogs_ops, "pods" },
	{ "containers", S_IFDIR, &fs_containers_ops, "pods" },
	{ "metrics", S_IFREG, &fs_podmetrics_ops, "pods" },
	{ "wait", S_IFDIR, &fs_wait_dir_ops, .unlisted = true },
	{ 0 },
};

/* --- where a node is --- */

static const struct fs_node *objdir_of(const struct fs_node *n)
{
	while (n->ops != &fs_objdir_ops)
		n = n->parent;
	return n;
}

const struct fs_node *fs_obj_dir(const struct fs_node *n)
{
	while (n && n->ops != &fs_objdir_ops)
		n = n->parent;
	return n;
}

const char *fs_obj_uid(const struct fs_node *n)
{
	return ((const struct objdir *)objdir_of(n)->data)->uid;
}

struct object *fs_obj_get(const struct fs_node *n)
{
	return fs_live_get(n->fs, fs_obj_uid(n));
}

void fs_obj_path(const struct fs_node *n, struct buf *out)
{
	if (n->ops == &fs_objdir_ops)
		return;
	fs_obj_path(n->parent, out);
	if (out->len)
		buf_putc(out, '/');
	buf_puts(out, n->name);
}

static uint64_t ino_of(const struct fs_node *dir, const char *name)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	buf_putc(&path, '/');
	fs_obj_path(dir, &path);
	buf_putc(&path, '/');
	buf_puts(&path, name);
	return fs_ino(dir->fs, fs_obj_uid(dir), buf_str(&path));
}

uint64_t fs_obj_ino(const struct fs_node *dir, const char *name)
{
	return ino_of(dir, name);
}

int fs_obj_node(struct fs_node *dir, const char *name, const struct fs_ops *ops, struct fs_node **ret, bool *ret_new)
{
	return fs_node_get(dir, name, ino_of(dir, name), ops, ret, ret_new);
}

void fs_obj_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	fs_reply_err(r, 0);
}

void fs_obj_rmdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	fs_obj_path(dir, &path);
	if (path.len)
		buf_putc(&path, '/');
	buf_puts(&path, name);
	fs_revert_forget(dir->fs, fs_obj_uid(dir), buf_str(&path));
	fs_reply_err(r, 0);
}

/* mv(1) says RENAME_NOREPLACE, and is refused: a file that does not move is nothing that it could mean. */
bool fs_obj_backup(struct fs_req *r, struct fs_node *dir, const char *name, const struct fs_node *newdir,
		   const char *newname, unsigned flags)
{
	const struct fs_node *top = fs_obj_dir(dir);
	_cleanup_fs_node_ struct fs_node *n = NULL;
	size_t len = strlen(name);

	if (!top || dir != newdir || flags || strncmp(newname, name, len) != 0 || !newname[len] ||
	    fs_name_classify(newname) != FS_NAME_SCRATCH || fs_field_is_data(dir) || fs_datascratch_find(dir, name) ||
	    dir->ops->lookup(dir, name, &n) < 0 || !n || n->ops->readdir)
		return false;
	((struct objdir *)top->data)->backed_up = fs_req_writer(r).pid;
	fs_reply_err(r, 0);
	return true;
}

bool fs_memo_is(struct fs *fs, const struct fs_memo *m, const struct buf *text)
{
	return m->rev && m->size == text->len && m->hash == fs_siphash(fs->seed, text->data ? text->data : "", text->len);
}

void fs_memo_set(struct fs *fs, struct fs_memo *m, uint64_t rev, const struct buf *text, int64_t changed)
{
	uint64_t hash = fs_siphash(fs->seed, text->data ? text->data : "", text->len);

	if (!m->rev || m->hash != hash || m->size != text->len)
		m->mtime = changed;
	m->rev = rev;
	m->hash = hash;
	m->size = text->len;
}

/* --- NAME/ --- */

static bool has_file(const struct object *o, const struct fs_objfile *f)
{
	return (!f->plural || strcmp(f->plural, object_kind(o)->plural) == 0) &&
	       (f->ops != &fs_manifest_link_ops || f->type != S_IFLNK);
}

/* Lists of thousands ask this of each: nothing is decoded. */
static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_live_peek(n->fs, fs_obj_uid(n));

	if (!o)
		return fs_node_gone(n);
	fs_attr_dir(n, a, 0755, fs_live_changed(n->fs, o));
	return 0;
}

static bool is_declared(struct fs *fs, const struct object *o)
{
	char key[STORE_KEY_MAX + 1];

	return fs_decl_latest(fs->decl, object_key(o), NULL, NULL, key);
}

static int dir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	struct field root;

	if (!o)
		return -ENOENT;
	for (const struct fs_objfile *f = fs_objfiles; f->name; f++) {
		if (strcmp(f->name, name) != 0)
			continue;
		if (has_file(o, f) || (f->type == S_IFLNK && is_declared(dir->fs, o)))
			return fs_obj_node(dir, name, f->ops, ret, NULL);
	}
	field_root(&root, object_kind(o), object_root(o));
	return fs_field_lookup(dir, &root, name, ret);
}

static int dir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_object_ struct object *o = fs_obj_get(dir);
	struct field root;
	int r = 0;

	if (!o)
		return -ENOENT;
	for (const struct fs_objfile *f = fs_objfiles; r == 0 && f->name; f++)
		if (!f->unlisted && (has_file(o, f) || (f->type == S_IFLNK && is_declared(dir->fs, o))))
			r = fs_listing_add(l, f->name, f->type, ino_of(dir, f->name));
	field_root(&root, object_kind(o), object_root(o));
	return r < 0 ? r : fs_field_readdir(dir, &root, l);
}

static void dir_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	struct field f;
	_cleanup_object_ struct object *o = fs_obj_get(dir);

	if (fs_datascratch_find(dir, name) || (o && field_find(object_kind(o), object_root(o), name, &f) == 0))
		fs_field_unlink(r, dir, name);
	else
		fs_obj_unlink(r, dir, name);
}

const struct fs_ops fs_objdir_ops = {
	.region = "object",
	.room = sizeof(struct objdir),
	.getattr = dir_getattr,
	.lookup = dir_lookup,
	.readdir = dir_readdir,
	.unlink = dir_unlink,
	.rmdir = fs_obj_rmdir,
	.rename = fs_objdir_rename,
	.create = fs_field_create,
};

uint64_t fs_object_ino(const struct fs *fs, const struct object *o)
{
	return fs_ino(fs, object_uid(o), "");
}

int fs_object_dir(struct fs_node *parent, const char *name, const struct object *o, struct fs_node **ret)
{
	bool is_new = false;
	int r = strlen(object_uid(o)) < OBJECT_UID_SIZE ? 0 : -EIO;

	if (r == 0)
		r = fs_node_get(parent, name, fs_object_ino(parent->fs, o), &fs_objdir_ops, ret, &is_new);
	if (r < 0 || !is_new)
		return r;
	memcpy(((struct objdir *)(*ret)->data)->uid, object_uid(o), strlen(object_uid(o)) + 1);
	(*ret)->kind = object_kind(o);
	return 0;
}

/* Whether who asks has backups of it, which are not there. */
static bool is_backed_up(struct fs_req *r, const struct fs_node *dir, const struct object *o)
{
	const struct fs_node *n = fs_node_child(dir, object_name(o));
	const struct objdir *d = n && n->ops == &fs_objdir_ops ? n->data : NULL;

	return d && d->backed_up && d->backed_up == fs_req_writer(r).pid && strcmp(d->uid, object_uid(o)) == 0;
}

void fs_object_rmdir(struct fs_req *r, struct fs_node *dir, const struct object *o)
{
	static const struct delete_options defaults = { .grace_seconds = -1, .propagation = PROPAGATE_BACKGROUND };
	_cleanup_buf_ struct buf path = BUF_INIT;
	char manifest[STORE_KEY_MAX + 1];

	fs_revert_forget(dir->fs, object_uid(o), "");
	if (fs_decl_latest(dir->fs->decl, object_key(o), NULL, NULL, manifest) &&
	    fs_place_path(dir->fs, manifest, &path) == 0)
		fs_refuse(r, -ENOTEMPTY, dir, object_name(o), "it is declared by %s: remove that file", buf_str(&path));
	else if (is_backed_up(r, dir, o))
		fs_refuse(r, -ENOTEMPTY, dir, object_name(o), "it is not removed by who wants a backup of it: rm -r removes it");
	else
		fs_object_delete(r, dir, object_uid(o), object_name(o), &defaults, 0);
}
