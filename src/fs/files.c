/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names. In a kind's directory a name's form says what it is (fs/names.h); everything in a scratch directory is scratch.
 * A rename between the two sorts is where most tools commit: scratch that gets a manifest's name is applied first, and the
 * call says what came of it.
 */
#include "fs/files.h"

#include <fcntl.h>
#include <string.h>

#include "fs/commit.h"
#include "fs/access.h"
#include "fs/aside.h"
#include "fs/folder.h"
#include "fs/kinddir.h"
#include "fs/manifest.h"
#include "fs/place.h"
#include "fs/scratch.h"
#include "fs/unlinked.h"

/* What stands under a name that is there. */
static enum fs_name_class found(struct fs_node *dir, const char *name)
{
	if (fs_place_of(dir) == FS_PLACE_FOLDER)
		return fs_manifest_exists(dir, name) ? FS_NAME_MANIFEST : FS_NAME_SCRATCH;
	return fs_place_class(dir, name);
}

/* Refuses names that are neither; false when that was done. `bad` and `taken` are the errnos to answer. */
static bool name_allowed(struct fs_req *r, struct fs_node *dir, const char *name, enum fs_name_class class, int bad,
			 int taken)
{
	_cleanup_object_ struct object *o = NULL;

	if (class == FS_NAME_BAD) {
		fs_refuse(r, bad, dir, name, "a name is UTF-8 text without control characters");
		return false;
	}
	if (class == FS_NAME_OTHER) {
		fs_refuse(r, bad, dir, name,
			  "a file here is a manifest (*.yaml, *.yml, *.json) or an editor's scratch; this name is neither");
		return false;
	}
	o = class == FS_NAME_MANIFEST && fs_place_of(dir) == FS_PLACE_KIND ? fs_kinddir_object(dir, name) : NULL;
	if (o) {
		fs_refuse(r, taken, dir, name, "the directory of %s \"%s\" stands here", dir->kind->kind, name);
		return false;
	}
	return true;
}

void fs_files_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode, int flags)
{
	enum fs_name_class class = fs_place_class(dir, name);

	if (!name_allowed(r, dir, name, class, -EINVAL, -EEXIST))
		return;
	if (class == FS_NAME_SCRATCH)
		fs_scratch_create(r, dir, name, fs_kind_is_secret(dir->kind) ? mode & S_IRWXU : mode);
	else if (fs_manifest_exists(dir, name))
		fs_reply_err(r, -EEXIST);
	else
		fs_manifest_create(r, dir, name, mode);
}

void fs_files_symlink(struct fs_req *r, struct fs_node *dir, const char *name, const char *target)
{
	if (fs_place_of(dir) == FS_PLACE_FOLDER || fs_place_class(dir, name) == FS_NAME_SCRATCH)
		fs_scratch_symlink(r, dir, name, target);
	else
		fs_refuse(r, -EPERM, dir, name, "a link declares nothing, and has no place in a kind's directory");
}

/* --- removing --- */

struct name_change {
	struct fs_req *r;
	struct fs_node *dir, *newdir; /* owned references */
	struct fs_node *n, *target;   /* owned references; NULL: not known */
	char *name, *newname;	      /* owned */
	bool from_scratch, to_scratch;
	enum fs_name_class to; /* of a renamed manifest's new name */
};

static void free_change(struct name_change *c)
{
	fs_node_unref(c->n);
	fs_node_unref(c->target);
	fs_node_unref(c->dir);
	fs_node_unref(c->newdir);
	free(c->name);
	free(c->newname);
	free(c);
}

static struct name_change *new_change(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
				      const char *newname)
{
	struct name_change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->r = r;
	c->dir = fs_node_ref(dir);
	c->newdir = newdir ? fs_node_ref(newdir) : NULL;
	c->name = strdup(name);
	c->newname = newname ? strdup(newname) : NULL;
	if (c->name && (!newname || c->newname))
		return c;
	free_change(c);
	return NULL;
}

static void end_change(struct name_change *c, int result)
{
	if (result == 0) {
		fs_place_touch(c->dir);
		if (c->newdir && c->newdir != c->dir)
			fs_place_touch(c->newdir);
	}
	fs_reply_err(c->r, result);
	free_change(c);
}

static void on_removed(struct fs *fs, void *arg, int result)
{
	struct name_change *c = arg;

	if (result == 0 && c->n) {
		const struct fs_manifest *m = c->n->data;

		if (m->entry && m->rec.n_declared)
			fs_unlinked_note(fs, m->key, m->entry);
		fs_manifest_gone(c->n);
	}
	end_change(c, result == -ESTALE ? -EAGAIN : result);
}

/*
 * Whether a manifest that has no record yet is on its way to the store, as after touch(1), whose empty file is committed
 * once it is closed: then `fn` goes on when it is there. Who comes second finds that it is going already.
 */
static bool wait_for_record(struct name_change *c, void (*fn)(void *arg))
{
	struct fs_manifest *m = c->n->data;

	if (m->entry || !m->committing)
		return false;
	if (m->settled) {
		end_change(c, -ENOENT);
		return true;
	}
	fs_req_park(c->r, NULL, NULL);
	m->settled = fn;
	m->settled_arg = c;
	return true;
}

static void remove_record(void *arg)
{
	struct name_change *c = arg;
	struct writer who = fs_req_writer(c->r);
	char key[STORE_KEY_MAX + 1];
	int err = fs_place_key(c->dir, c->name, key);

	if (err < 0) {
		end_change(c, err);
	} else if (!((struct fs_manifest *)c->n->data)->entry) { /* it was never committed */
		on_removed(c->dir->fs, c, 0);
	} else {
		fs_req_park(c->r, NULL, NULL);
		fs_commit_remove(c->dir->fs, &who, key, on_removed, c);
	}
}

static void remove_manifest(struct fs_req *r, struct fs_node *dir, const char *name)
{
	struct name_change *c = new_change(r, dir, name, NULL, NULL);
	int err = c ? fs_manifest_lookup(dir, name, &c->n) : -ENOMEM;

	if (!c)
		fs_reply_err(r, err);
	else if (err < 0)
		end_change(c, err);
	else if (!wait_for_record(c, remove_record))
		remove_record(c);
}

void fs_files_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	enum fs_name_class class = found(dir, name);

	if (class == FS_NAME_SCRATCH)
		fs_scratch_unlink(r, dir, name);
	else if (class == FS_NAME_MANIFEST)
		remove_manifest(r, dir, name);
	else
		fs_reply_err(r, -ENOENT);
}

/* --- renaming --- */

/* Tools misread these at rename(2): filesystem.md, "Refusal". */
static int rename_errno(int code)
{
	return code == -EINVAL || code == -EEXIST || code == -EXDEV ? -EBADMSG : code;
}

/* The new name's node, if the kernel may hold it. */
static void find_target(struct name_change *c)
{
	if (fs_manifest_lookup(c->newdir, c->newname, &c->target) < 0)
		c->target = NULL;
}

/* The text is applied under its new name: the old one goes, and the node becomes, or stays, a manifest. */
static void on_applied(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	struct name_change *c = arg;
	char key[STORE_KEY_MAX + 1];

	if (result->code < 0) {
		end_change(c, rename_errno(result->code));
		return;
	}
	if (c->target && c->target != c->n)
		fs_manifest_gone(c->target);
	if (c->from_scratch)
		(void)fs_scratch_remove(c->dir, c->name); /* ignoring: a left-over that is never applied */
	if (fs_place_of(c->newdir) == FS_PLACE_FOLDER && !c->target)
		(void)fs_scratch_remove(c->newdir, c->newname); /* ignoring: mostly there is none of that name */
	if (c->n && fs_place_key(c->newdir, c->newname, key) == 0 &&
	    fs_node_move(c->n, c->newdir, c->newname) == 0 && result->now) {
		if (c->n->ops == &fs_manifest_ops)
			fs_manifest_rekey(c->n, key);
		else
			(void)fs_manifest_adopt(c->n, key, result->now); /* ignoring: the next look-up makes a new node */
	}
	end_change(c, 0);
}

/* A name may be given by whoever may write to the directory, but to declare what a file says shows what it says. */
static bool may_read(const struct fs_access *access, const struct fs_record *attr)
{
	return fs_access_bits(access, attr->uid, attr->gid, attr->mode) & 4;
}

static void apply_as(struct name_change *c, struct fs_blob *text, const struct fs_record *attr, const char *remove_key)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	char key[STORE_KEY_MAX + 1];
	_cleanup_fs_access_ struct fs_access *access = fs_access_of(c->r);
	struct fs_commit_request q = { .text = text, .attr = *attr, .remove_key = remove_key,
				       .who = fs_req_writer(c->r), .req = c->r, .access = access };
	int err = !access ? -ENOMEM : may_read(access, attr) ? fs_place_key(c->newdir, c->newname, key) : -EACCES;

	if (err < 0) {
		end_change(c, err);
		return;
	}
	fs_child_path(c->newdir, c->newname, &path);
	q.target = (struct fs_commit_target){ .key = key, .path = buf_str(&path) };
	fs_place_target(c->newdir, &q.target);
	q.attr.ctime = registry_now(c->dir->fs->registry);
	fs_req_park(c->r, NULL, NULL);
	fs_commit_start(c->dir->fs, &q, on_applied, c);
}

static void scratch_to_manifest(struct name_change *c)
{
	_cleanup_blob_ struct fs_blob *text = NULL;
	_cleanup_buf_ struct buf xattrs = BUF_INIT;
	struct fs_record attr;
	int err = fs_scratch_read(c->dir, c->name, &text, &attr, &xattrs);

	if (err == -EISDIR || err == -ELOOP) {
		fs_refuse(c->r, -EPERM, c->newdir, c->newname, "only a plain file can become a manifest");
		free_change(c);
		return;
	}
	if (err < 0) {
		end_change(c, err);
		return;
	}
	(void)fs_scratch_lookup(c->dir, c->name, &c->n); /* ignoring: then no node is known */
	apply_as(c, text, &attr, NULL);
}

static void on_moved(struct fs *fs, void *arg, int result)
{
	struct name_change *c = arg;
	char key[STORE_KEY_MAX + 1];

	if (result < 0 && c->to_scratch)
		(void)fs_scratch_remove(c->newdir, c->newname); /* ignoring: it is only a copy */
	if (result == 0) {
		if (c->target && c->target != c->n)
			fs_manifest_gone(c->target);
		if (c->to_scratch) {
			fs_manifest_gone(c->n);
			fs_scratch_adopt(c->n);
			(void)fs_node_move(c->n, c->newdir, c->newname); /* ignoring: the next look-up does it */
		} else if (fs_place_key(c->newdir, c->newname, key) == 0) {
			if (fs_place_of(c->newdir) == FS_PLACE_FOLDER && !c->target)
				(void)fs_scratch_remove(c->newdir, c->newname); /* ignoring: mostly there is none */
			(void)fs_node_move(c->n, c->newdir, c->newname); /* ignoring: as above */
			fs_manifest_rekey(c->n, key);
		}
	}
	end_change(c, result == -ESTALE ? -EAGAIN : result);
}

static void manifest_to_scratch(struct name_change *c)
{
	const struct fs_manifest *m = c->n->data;
	_cleanup_blob_ struct fs_blob *text = NULL;
	struct fs_record rec = m->rec;
	struct writer who = fs_req_writer(c->r);
	char key[STORE_KEY_MAX + 1];
	int err = fs_place_key(c->dir, c->name, key);

	if (err == 0)
		err = fs_aside_text(c->dir->fs, &m->rec, &text);
	if (err == 0) {
		rec.text = text->data;
		rec.text_len = text->len;
		err = fs_scratch_write(c->newdir, c->newname, &rec);
	}
	if (err < 0) {
		end_change(c, err);
		return;
	}
	c->to_scratch = true;
	fs_req_park(c->r, NULL, NULL);
	fs_commit_remove(c->dir->fs, &who, key, on_moved, c);
}

static void manifest_to_manifest(struct name_change *c)
{
	const struct fs_manifest *m = c->n->data;
	struct writer who = fs_req_writer(c->r);
	char key[STORE_KEY_MAX + 1], newkey[STORE_KEY_MAX + 1];
	int err = fs_place_key(c->dir, c->name, key);

	if (err == 0)
		err = fs_place_key(c->newdir, c->newname, newkey);
	if (err < 0) {
		end_change(c, err);
		return;
	}
	if (fs_place_same(c->dir, c->newdir)) { /* nothing is declared that was not */
		fs_req_park(c->r, NULL, NULL);
		fs_commit_move(c->dir->fs, &who, key, newkey, on_moved, c);
	} else {
		_cleanup_blob_ struct fs_blob *text = NULL;

		err = fs_aside_text(c->dir->fs, &m->rec, &text);
		if (err == 0)
			apply_as(c, text, &m->rec, key);
		else
			end_change(c, err);
	}
}

static void rename_record(void *arg)
{
	struct name_change *c = arg;

	if (!((struct fs_manifest *)c->n->data)->entry) /* it is being written for the first time */
		end_change(c, -EBUSY);
	else if (c->to == FS_NAME_SCRATCH)
		manifest_to_scratch(c);
	else
		manifest_to_manifest(c);
}

static void rename_manifest(struct name_change *c, enum fs_name_class to)
{
	int err = fs_manifest_lookup(c->dir, c->name, &c->n);

	c->to = to;
	if (err < 0 || !c->n || !c->n->data)
		end_change(c, err < 0 ? err : -ENOENT);
	else if (!wait_for_record(c, rename_record))
		rename_record(c);
}

static void on_replaced(struct fs *fs, void *arg, int result)
{
	/* Ignoring a failure: the manifest that stays is found again under its name, and can be removed. */
}

/* Scratch over scratch; in a folder also over a manifest, which a link or an ignored name may replace. */
static void rename_scratch(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
			   const char *newname, unsigned flags)
{
	struct writer who = fs_req_writer(r);
	_cleanup_fs_node_ struct fs_node *old = NULL;
	char key[STORE_KEY_MAX + 1];

	if (fs_place_of(newdir) == FS_PLACE_FOLDER && fs_manifest_exists(newdir, newname) &&
	    fs_manifest_lookup(newdir, newname, &old) == 0) {
		fs_manifest_gone(old);
		if (fs_place_key(newdir, newname, key) == 0)
			fs_commit_remove(dir->fs, &who, key, on_replaced, NULL);
	}
	fs_scratch_rename(r, dir, name, newdir, newname, flags);
}

/* A directory or a link on disk; a directory that leaves scratch is copied, so that each manifest in it is judged. */
static void rename_special(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
			   const char *newname, unsigned flags)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_attr a;
	int err = fs_scratch_lookup(dir, name, &n);

	if (err == 0)
		err = fs_node_attr(n, &a);
	if (err == 0 && S_ISDIR(a.mode) && fs_place_class_dir(newdir, newname) != FS_NAME_SCRATCH)
		err = -EXDEV;
	if (err < 0)
		fs_reply_err(r, err);
	else
		rename_scratch(r, dir, name, newdir, newname, flags);
}

void fs_files_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		     const char *newname, unsigned flags)
{
	enum fs_name_class from = found(dir, name), to = fs_place_class(newdir, newname);
	struct name_change *c;

	if (from == FS_NAME_MANIFEST && !fs_manifest_exists(dir, name))
		from = FS_NAME_OTHER;
	if (from == FS_NAME_SCRATCH && fs_place_of(dir) == FS_PLACE_KIND && !fs_scratch_exists(dir, name))
		from = FS_NAME_OTHER;
	if (from != FS_NAME_MANIFEST && from != FS_NAME_SCRATCH) {
		fs_refuse(r, -EPERM, dir, name, "an object cannot be renamed");
		return;
	}
	if (fs_place_of(newdir) == FS_PLACE_NONE) {
		fs_refuse(r, -EPERM, dir, name, "manifests and scratch belong in manifests/ and in kinds' directories");
		return;
	}
	if (from == FS_NAME_MANIFEST && fs_manifest_is_folder(dir, name) == 1) {
		fs_folder_rename(r, dir, name, newdir, newname);
		return;
	}
	if (!name_allowed(r, newdir, newname, to, -EBADMSG, -EBADMSG))
		return;
	if (flags & RENAME_NOREPLACE && to == FS_NAME_MANIFEST && fs_manifest_exists(newdir, newname)) {
		fs_reply_err(r, -EEXIST);
		return;
	}
	if (from == FS_NAME_SCRATCH && fs_place_of(newdir) == FS_PLACE_FOLDER && fs_scratch_is_file(dir, name) == 0) {
		rename_special(r, dir, name, newdir, newname, flags);
		return;
	}
	if (from == FS_NAME_SCRATCH && to == FS_NAME_SCRATCH) {
		rename_scratch(r, dir, name, newdir, newname, flags);
		return;
	}
	c = new_change(r, dir, name, newdir, newname);
	if (!c) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	if (to == FS_NAME_MANIFEST)
		find_target(c);
	c->from_scratch = from == FS_NAME_SCRATCH;
	if (c->from_scratch)
		scratch_to_manifest(c);
	else
		rename_manifest(c, to);
}

/* --- linking --- */

static void on_linked(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	struct name_change *c = arg;
	_cleanup_fs_node_ struct fs_node *n = NULL;
	int err = rename_errno(result->code);

	if (err == 0)
		err = fs_manifest_lookup(c->newdir, c->newname, &n);
	if (err < 0) {
		end_change(c, err);
		return;
	}
	fs_place_touch(c->newdir);
	fs_reply_entry(c->r, n);
	free_change(c);
}

/* A manifest under a second name would be a second declaration of the same thing; scratch that gets a manifest's name is
 * applied, as by rename. */
void fs_files_link(struct fs_req *r, struct fs_node *n, struct fs_node *newdir, const char *newname)
{
	enum fs_name_class to = fs_place_class(newdir, newname);
	_cleanup_blob_ struct fs_blob *text = NULL;
	_cleanup_buf_ struct buf xattrs = BUF_INIT, path = BUF_INIT;
	struct fs_commit_request q = { 0 };
	struct name_change *c;
	struct fs_record attr;
	_cleanup_fs_access_ struct fs_access *access = fs_access_of(r);
	char key[STORE_KEY_MAX + 1];
	int err;

	if (n->ops != &fs_scratch_ops) {
		fs_refuse(r, -EPERM, newdir, newname, "only scratch can be linked");
		return;
	}
	if (!name_allowed(r, newdir, newname, to, -EBADMSG, -EBADMSG))
		return;
	if (to == FS_NAME_SCRATCH ||
	    (fs_place_of(newdir) == FS_PLACE_FOLDER && fs_scratch_is_file(n->parent, n->name) == 0)) {
		fs_scratch_link(r, n, newdir, newname);
		return;
	}
	err = fs_manifest_exists(newdir, newname) ? -EEXIST : fs_place_key(newdir, newname, key);
	if (err == 0)
		err = fs_scratch_read(n->parent, n->name, &text, &attr, &xattrs);
	if (err == 0)
		err = !access ? -ENOMEM : may_read(access, &attr) ? 0 : -EACCES;
	c = err == 0 ? new_change(r, newdir, n->name, newdir, newname) : NULL;
	if (!c) {
		fs_reply_err(r, err < 0 ? err : -ENOMEM);
		return;
	}
	fs_child_path(newdir, newname, &path);
	attr.ctime = registry_now(newdir->fs->registry);
	attr.ino = fs_ino(newdir->fs, key, "link"); /* the scratch file keeps its own */
	q = (struct fs_commit_request){ .text = text, .attr = attr, .who = fs_req_writer(r), .req = r,
					.access = access };
	q.target = (struct fs_commit_target){ .key = key, .path = buf_str(&path) };
	fs_place_target(newdir, &q.target);
	fs_req_park(r, NULL, NULL);
	fs_commit_start(newdir->fs, &q, on_linked, c);
}
