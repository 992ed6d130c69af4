/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder's attributes lie in its record, so its node carries a struct fs_manifest as a manifest's does. The tree's own
 * directory has no record: its attributes are those of any directory of a namespace (fs/dirattr.h).
 */
#include "fs/folder.h"

#include <fcntl.h>
#include <string.h>

#include "fs/dirattr.h"
#include "fs/files.h"
#include "fs/manifest-internal.h"
#include "fs/place.h"
#include "fs/scratch.h"

bool fs_is_folder(const struct fs_node *n)
{
	return n->ops == &fs_folder_ops || n->ops == &fs_manifests_ops;
}

uint64_t fs_folder_number(const struct fs_node *dir)
{
	return dir->ops == &fs_manifests_ops ? 0 : dir->ino;
}

bool fs_folder_tree_used(struct fs *fs, const char *ns)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	char text[STORE_KEY_MAX + 1];

	(void)snprintf(text, sizeof(text), FS_TREE_PREFIX "%s/", ns);
	if (store_list(fs->store, text, &list) < 0 || list.n)
		return true;
	(void)snprintf(text, sizeof(text), "scratch/%s/manifests/0", ns);
	return unlinkat(fs->state_fd, text, AT_REMOVEDIR) < 0 && errno != ENOENT;
}

/* --- looking --- */

static int op_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	int r = fs_name_classify(name) == FS_NAME_BAD ? -ENOENT : fs_manifest_lookup(dir, name, ret);

	if (r == -ENOENT)
		r = fs_scratch_lookup(dir, name, ret);
	return r == -ENOENT ? 0 : r; /* names here come by this mount only */
}

static int op_readdir(struct fs_node *dir, struct fs_listing *l)
{
	int r = fs_manifest_readdir(dir, l);

	return r < 0 ? r : fs_scratch_readdir(dir, l);
}

static int root_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_dirs_getattr(n, a, 0750);
	return 0;
}

static void root_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set,
			 struct fs_handle *h)
{
	fs_dirs_setattr(r, n, a, set);
}

/* --- times --- */

static void on_touched(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct fs_manifest *m = arg;
	_cleanup_store_entry_ struct store_entry *e = NULL;

	if (!m->gone && store_get(fs->store, m->key, &e) == 0)
		(void)fs_manifest_set_entry(m, e); /* ignoring: the old one is shown until the next look */
	m->touching = false;
	if (m->touch_again && m->node)
		fs_folder_touch(m->node);
	else
		m->touched = 0;
	fs_manifest_unref(m);
}

/* The new time goes to the disk with the next change that has to: nothing but a time is lost with it. */
void fs_folder_touch(struct fs_node *dir)
{
	struct fs_manifest *m = dir->data;
	const struct writer who = { .uid = 0, .agent = "mount" };
	_cleanup_txn_ struct txn *t = NULL;
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct fs_record rec = m->rec;
	int r;

	m->touched = registry_now(dir->fs->registry);
	m->touch_again = m->touching;
	if (m->touching || !m->entry)
		return;
	rec.mtime = rec.ctime = m->touched;
	fs_record_encode(&rec, &bytes);
	t = txn_new(dir->fs->registry, &who);
	r = t && !buf_failed(&bytes) ? txn_put(t, m->key, bytes.data, bytes.len, store_entry_mod_rev(m->entry)) : -ENOMEM;
	if (r == 0)
		r = fs_txn_submit(dir->fs, t, STORE_LAZY, on_touched, m);
	if (r < 0)
		return; /* ignoring: the time stands in memory until the next one */
	(void)fs_manifest_ref(m); /* on_touched()'s, which runs after this */
	m->touching = true;
}

/* --- making, removing and renaming --- */

struct change {
	struct fs_req *r;
	struct fs_node *dir, *newdir; /* owned references; the same unless it moves */
	struct fs_node *n;	      /* owned reference; NULL: being made */
	struct fs_node *target;	      /* owned reference: the empty folder that a rename replaces, or NULL */
	char *name, *from;	      /* owned: in newdir; in dir, of what moves */
	unsigned tries;
};

static void free_change(struct change *c)
{
	fs_node_unref(c->dir);
	fs_node_unref(c->newdir);
	fs_node_unref(c->n);
	fs_node_unref(c->target);
	free(c->name);
	free(c->from);
	free(c);
}

static struct change *new_change(struct fs_req *r, struct fs_node *dir, struct fs_node *newdir, const char *name)
{
	struct change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct change){ .r = r, .dir = fs_node_ref(dir), .newdir = fs_node_ref(newdir), .name = strdup(name) };
	if (c->name)
		return c;
	free_change(c);
	return NULL;
}

/* Where the record of that folder is found: "NAMESPACE/FOLDER/NAME" of the one that holds it. */
static int put_back_pointer(struct txn *t, uint64_t number, const char *key)
{
	char back[64];

	(void)snprintf(back, sizeof(back), FS_FOLDERS_PREFIX "%llx", (unsigned long long)number);
	key += strlen(FS_TREE_PREFIX);
	return txn_put(t, back, key, strlen(key), STORE_ANY);
}

static int remove_back_pointer(struct txn *t, uint64_t number)
{
	char back[64];

	(void)snprintf(back, sizeof(back), FS_FOLDERS_PREFIX "%llx", (unsigned long long)number);
	return txn_remove(t, back, STORE_ANY);
}

static void on_made(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct change *c = arg;

	if (result == 0)
		result = fs_manifest_lookup(c->dir, c->name, &c->n);
	if (result == 0) {
		fs_place_touch(c->dir);
		fs_reply_entry(c->r, c->n);
	} else {
		fs_reply_err(c->r, result);
	}
	free_change(c);
}

static void op_mkdir(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode)
{
	struct fs *fs = dir->fs;
	struct writer who = fs_req_writer(r);
	enum fs_name_class class = fs_place_class_dir(dir, name);
	int64_t now = registry_now(fs->registry);
	struct fs_record rec = { .mode = S_IFDIR | mode, .uid = who.uid, .gid = who.gid, .mtime = now, .ctime = now };
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	_cleanup_txn_ struct txn *t = NULL;
	char key[STORE_KEY_MAX + 1], unique[64];
	struct change *c;
	int err;

	if (class == FS_NAME_BAD) {
		fs_refuse(r, -EINVAL, dir, name, "a name is UTF-8 text without control characters");
		return;
	}
	if (class == FS_NAME_SCRATCH) {
		fs_scratch_mkdir(r, dir, name, mode);
		return;
	}
	c = new_change(r, dir, dir, name);
	t = txn_new(fs->registry, &who);
	err = c && t ? fs_place_key(dir, name, key) : -ENOMEM;
	if (err == 0) {
		(void)snprintf(unique, sizeof(unique), "%lld.%u", (long long)now, fs->made++);
		rec.ino = fs_ino(fs, key, unique);
		fs_record_encode(&rec, &bytes);
		err = buf_failed(&bytes) ? -ENOMEM : txn_put(t, key, bytes.data, bytes.len, STORE_ABSENT);
	}
	if (err == 0)
		err = put_back_pointer(t, rec.ino, key);
	if (c)
		fs_req_park(r, NULL, NULL);
	if (err == 0)
		err = fs_txn_submit(fs, t, 0, on_made, c);
	if (err < 0 && c)
		on_made(fs, c, err, 0);
	else if (err < 0)
		fs_reply_err(r, err);
}

static void on_removed(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct change *c = arg;

	if (result == 0) {
		fs_manifest_gone(c->n);
		fs_place_touch(c->dir);
	}
	fs_reply_err(c->r, result);
	free_change(c);
}

/* -ENOTEMPTY when something lies in it. */
static int check_empty(struct fs_node *folder)
{
	return fs_manifest_any(folder) ? -ENOTEMPTY : fs_scratch_drop(folder);
}

static void op_rmdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	struct fs *fs = dir->fs;
	struct writer who = fs_req_writer(r);
	_cleanup_txn_ struct txn *t = NULL;
	struct change *c;
	int err;

	if (fs_manifest_is_folder(dir, name) != 1) {
		fs_scratch_rmdir(r, dir, name);
		return;
	}
	c = new_change(r, dir, dir, name);
	t = txn_new(fs->registry, &who);
	err = c && t ? fs_manifest_lookup(dir, name, &c->n) : -ENOMEM;
	if (err == 0)
		err = check_empty(c->n);
	if (err == 0)
		err = txn_remove(t, ((struct fs_manifest *)c->n->data)->key, STORE_ANY);
	if (err == 0)
		err = remove_back_pointer(t, c->n->ino);
	if (c)
		fs_req_park(r, NULL, NULL);
	if (err == 0)
		err = fs_txn_submit(fs, t, 0, on_removed, c);
	if (err < 0 && c)
		on_removed(fs, c, err, 0);
	else if (err < 0)
		fs_reply_err(r, err);
}

static void start_move(struct change *c);

static void on_moved(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct change *c = arg;
	char key[STORE_KEY_MAX + 1];

	if (result == -ESTALE && ++c->tries < FS_COMMIT_RETRIES) { /* its time was written meanwhile */
		start_move(c);
		return;
	}
	if (result == 0 && fs_place_key(c->newdir, c->name, key) == 0) {
		if (c->target)
			fs_manifest_gone(c->target);
		(void)fs_node_move(c->n, c->newdir, c->name); /* ignoring: the next look-up does it */
		fs_manifest_rekey(c->n, key);
		fs_place_touch(c->dir);
		if (c->newdir != c->dir)
			fs_place_touch(c->newdir);
	}
	fs_reply_err(c->r, result == -ESTALE ? -EAGAIN : result);
	free_change(c);
}

/* The record of a folder as the store has it by now. */
static int refresh(struct fs_manifest *m)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	int err = store_get(m->fs->store, m->key, &e);

	return err < 0 ? err : fs_manifest_set_entry(m, e);
}

static int prepare_move(struct change *c, struct txn *t)
{
	char newkey[STORE_KEY_MAX + 1];
	const struct fs_manifest *m;
	const void *value;
	size_t len;
	int err = fs_manifest_lookup(c->dir, c->from, &c->n);

	if (err == 0)
		err = refresh(c->n->data);
	if (err == 0)
		err = fs_place_key(c->newdir, c->name, newkey);
	if (err == 0 && fs_manifest_is_folder(c->newdir, c->name) == 1) {
		err = fs_manifest_lookup(c->newdir, c->name, &c->target);
		if (err == 0)
			err = check_empty(c->target);
		if (err == 0)
			err = remove_back_pointer(t, c->target->ino);
	}
	if (err < 0)
		return err;
	m = c->n->data;
	value = store_entry_value(m->entry, &len);
	err = txn_put(t, newkey, value, len, c->target ? STORE_ANY : STORE_ABSENT);
	if (err == 0)
		err = txn_remove(t, m->key, store_entry_mod_rev(m->entry));
	return err < 0 ? err : put_back_pointer(t, c->n->ino, newkey);
}

static void start_move(struct change *c)
{
	struct fs *fs = c->dir->fs;
	struct writer who = fs_req_writer(c->r);
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &who);
	int err;

	fs_node_unref(steal_ptr(c->n));
	fs_node_unref(steal_ptr(c->target));
	err = t ? prepare_move(c, t) : -ENOMEM;
	if (err == 0)
		err = fs_txn_submit(fs, t, 0, on_moved, c);
	if (err < 0)
		on_moved(fs, c, err == -ESTALE ? -EAGAIN : err, 0);
}

void fs_folder_rename(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		      const char *newname)
{
	enum fs_name_class class = fs_place_class_dir(newdir, newname);
	struct change *c;

	if (class == FS_NAME_BAD) {
		fs_refuse(r, -EBADMSG, newdir, newname, "a name is UTF-8 text without control characters");
		return;
	}
	if (class == FS_NAME_SCRATCH || !fs_place_same(dir, newdir)) {
		fs_reply_err(r, -EXDEV);
		return;
	}
	c = new_change(r, dir, newdir, newname);
	if (c)
		c->from = strdup(name);
	if (!c || !c->from) {
		if (c)
			free_change(c);
		fs_reply_err(r, -ENOMEM);
		return;
	}
	fs_req_park(r, NULL, NULL);
	start_move(c);
}

#define FOLDER_OPS                                                                                               \
	.lookup = op_lookup, .readdir = op_readdir, .create = fs_files_create, .mkdir = op_mkdir,                \
	.unlink = fs_files_unlink, .rmdir = op_rmdir, .rename = fs_files_rename, .symlink = fs_files_symlink,    \
	.link = fs_files_link

const struct fs_ops fs_manifests_ops = {
	.region = "manifests",
	.getattr = root_getattr,
	.setattr = root_setattr,
	FOLDER_OPS,
};

const struct fs_ops fs_folder_ops = {
	.region = "folder",
	.getattr = fs_manifest_op_getattr,
	.destroy = fs_manifest_op_destroy,
	.setattr = fs_manifest_op_setattr,
	.getxattr = fs_manifest_op_getxattr,
	.listxattr = fs_manifest_op_listxattr,
	.setxattr = fs_manifest_op_setxattr,
	.removexattr = fs_manifest_op_removexattr,
	FOLDER_OPS,
};
