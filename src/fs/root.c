/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/root.h"

#include <string.h>

#include "fs/decl.h"
#include "fs/dirattr.h"
#include "fs/folder.h"
#include "fs/kinddir.h"
#include "fs/place.h"
#include "fs/record.h"
#include "fs/region.h"
#include "fs/revert.h"

bool fs_region_is_root(const struct fs_node *n)
{
	for (; n->parent; n = n->parent)
		if (n->parent->kind && fs_kinddir_is_namespaces(n->parent))
			return false;
	return true;
}

static bool kind_has_place(const struct schema_kind *kind, bool in_root)
{
	return kind->has_directory && !kind->is_custom && (in_root || kind->namespaced); /* custom ones are below other/ */
}

static const struct fs_region *find_region(const char *name, bool in_root)
{
	for (const struct fs_region *reg = fs_regions; reg->name; reg++)
		if ((in_root || reg->in_namespaces) && strcmp(reg->name, name) == 0)
			return reg;
	return NULL;
}

static uint64_t region_ino(const struct fs_node *dir, const struct fs_region *reg)
{
	char id[64];

	(void)snprintf(id, sizeof(id), "/region/%llx", (unsigned long long)dir->ino);
	return fs_ino(dir->fs, id, reg->name);
}

/* A child that root and namespaces have in common. */
static int place_lookup(struct fs_node *dir, const char *name, bool in_root, struct fs_node **ret)
{
	const struct schema_kind *kind = schema_kind_by_plural(name);
	const struct fs_region *reg;

	if (kind && kind_has_place(kind, in_root))
		return fs_kinddir_node(dir, kind, ret);
	reg = find_region(name, in_root);
	return reg ? fs_node_get(dir, name, region_ino(dir, reg), reg->ops, ret, NULL) : -ENOENT;
}

static int place_readdir(struct fs_node *dir, struct fs_listing *l, bool in_root)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);
	int r = 0;

	for (const struct fs_region *reg = fs_regions; r == 0 && reg->name; reg++)
		if ((in_root || reg->in_namespaces) && !reg->unlisted)
			r = fs_listing_add(l, reg->name, reg->type, region_ino(dir, reg));
	for (size_t i = 0; r == 0 && i < n; i++)
		if (kind_has_place(kinds[i], in_root))
			r = fs_listing_add(l, kinds[i]->plural, S_IFDIR, fs_kinddir_ino(dir, kinds[i]));
	return r;
}

/* --- the root --- */

static int root_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_dirs_getattr(n, a, 0755);
	return 0;
}

static int root_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	return place_lookup(dir, name, true, ret);
}

static int root_readdir(struct fs_node *dir, struct fs_listing *l)
{
	return place_readdir(dir, l, true);
}

static void dir_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set,
			struct fs_handle *h)
{
	fs_dirs_setattr(r, n, a, set);
}

const struct fs_ops fs_root_ops = {
	.region = "root",
	.getattr = root_getattr,
	.setattr = dir_setattr,
	.lookup = root_lookup,
	.readdir = root_readdir,
};

/* --- namespaces/NS --- */

static int nsdir_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = cache_get(n->fs->cache, n->kind, NULL, n->name);

	if (!o || fs_nsdir_ino(n->fs, o) != n->ino)
		return fs_node_gone(n);
	fs_dirs_getattr(n, a, 0750);
	return 0;
}

static int self_lookup(struct fs_node *dir, struct fs_node **ret)
{
	_cleanup_object_ struct object *o = cache_get(dir->fs->cache, dir->kind, NULL, dir->name);

	return o ? fs_object_dir(dir, "self", o, ret) : -ENOENT;
}

static int nsdir_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	return strcmp(name, "self") == 0 ? self_lookup(dir, ret) : place_lookup(dir, name, false, ret);
}

static int nsdir_readdir(struct fs_node *dir, struct fs_listing *l)
{
	int r = fs_listing_add(l, "self", S_IFDIR, 0);

	return r < 0 ? r : place_readdir(dir, l, false);
}

/* Whether an object comes with its namespace, again and again: the ServiceAccount "default". */
static bool comes_with_it(const struct object *o)
{
	return strcmp(object_name(o), "default") == 0 && strcmp(object_kind(o)->plural, "serviceaccounts") == 0;
}

/* Whether objects of a kind, or files that people put there, lie in a namespace. What is on its way out is gone, and so is
 * for this what comes with the namespace. */
static bool holds_kind(struct fs *fs, const struct schema_kind *kind, const char *ns)
{
	_cleanup_object_list_ struct object_list list = OBJECT_LIST_INIT;
	_cleanup_store_list_ struct store_list manifests = STORE_LIST_INIT;
	char prefix[STORE_KEY_MAX + 1];

	(void)snprintf(prefix, sizeof(prefix), FS_MANIFESTS_PREFIX "kinds/%s/%s/", ns, kind->plural);
	if (cache_list(fs->cache, kind, ns, &list) < 0 || store_list(fs->store, prefix, &manifests) < 0 || manifests.n)
		return true;
	for (size_t i = 0; i < list.n; i++)
		if (!object_is_deleting(list.items[i]) && !comes_with_it(list.items[i]))
			return true;
	return false;
}

/* rm -r of a namespace: its files are the system's and go with it; a kind's directory must be empty. */
static void nsdir_unlink(struct fs_req *r, struct fs_node *dir, const char *name)
{
	fs_reply_err(r, 0);
}

/* The Namespace goes with its directory; what rm -r took out of it before is not to be set back. */
static void self_rmdir(struct fs_req *r, struct fs_node *dir)
{
	_cleanup_object_ struct object *o = cache_get(dir->fs->cache, dir->kind, NULL, dir->name);

	if (o)
		fs_revert_forget(dir->fs, object_uid(o), "");
	fs_reply_err(r, 0);
}

static void nsdir_rmdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	const struct schema_kind *kind = schema_kind_by_plural(name);

	if ((kind && kind->namespaced && holds_kind(dir->fs, kind, dir->ns)) ||
	    (strcmp(name, "manifests") == 0 && fs_folder_tree_used(dir->fs, dir->ns)))
		fs_refuse(r, -ENOTEMPTY, dir, name, "it still holds %s", name);
	else if (strcmp(name, "self") == 0)
		self_rmdir(r, dir);
	else
		fs_reply_err(r, 0);
}

static const struct fs_ops nsdir_ops = {
	.region = "namespace",
	.getattr = nsdir_getattr,
	.setattr = dir_setattr,
	.lookup = nsdir_lookup,
	.readdir = nsdir_readdir,
	.unlink = nsdir_unlink,
	.rmdir = nsdir_rmdir,
};

/* --- namespaces/default: links to the root's own --- */

static int link_readlink(struct fs_node *n, struct buf *out)
{
	buf_printf(out, "../../%s", n->name);
	return 0;
}

static int link_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_link(n, a, strlen("../../") + strlen(n->name), n->fs->started);
	return 0;
}

static const struct fs_ops link_ops = { .region = "link", .getattr = link_getattr, .readlink = link_readlink };

static int default_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	const struct schema_kind *kind = schema_kind_by_plural(name);

	if (strcmp(name, "self") == 0)
		return self_lookup(dir, ret);
	if (!(kind && kind_has_place(kind, false)) && !find_region(name, false))
		return -ENOENT;
	return fs_node_get(dir, name, fs_ino(dir->fs, "/default", name), &link_ops, ret, NULL);
}

static int default_readdir(struct fs_node *dir, struct fs_listing *l)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);
	int r = fs_listing_add(l, "self", S_IFDIR, 0);

	for (const struct fs_region *reg = fs_regions; r == 0 && reg->name; reg++)
		if (reg->in_namespaces && !reg->unlisted)
			r = fs_listing_add(l, reg->name, S_IFLNK, fs_ino(dir->fs, "/default", reg->name));
	for (size_t i = 0; r == 0 && i < n; i++)
		if (kind_has_place(kinds[i], false))
			r = fs_listing_add(l, kinds[i]->plural, S_IFLNK, fs_ino(dir->fs, "/default", kinds[i]->plural));
	return r;
}

static int default_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_dir(n, a, 0755, n->fs->started);
	return 0;
}

static const struct fs_ops default_ops = {
	.region = "namespace",
	.getattr = default_getattr,
	.lookup = default_lookup,
	.readdir = default_readdir,
};

void fs_root_hint(const struct fs_node *dir, struct buf *out)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	if (dir->ops != &fs_root_ops && dir->ops != &nsdir_ops && dir->ops != &default_ops)
		return;
	fs_child_path(dir, "manifests", &path);
	buf_printf(out, "; %s/ takes manifests of any kind, a kind's directory those of its own", buf_str(&path));
}

uint64_t fs_nsdir_ino(const struct fs *fs, const struct object *o)
{
	return fs_ino(fs, object_uid(o), "namespace");
}

int fs_nsdir_node(struct fs_node *namespaces, const struct object *o, struct fs_node **ret)
{
	bool is_default = strcmp(object_name(o), "default") == 0;
	const char *ns = fs_intern(namespaces->fs, object_name(o));
	int r;

	if (!ns)
		return -ENOMEM;
	r = fs_node_get(namespaces, object_name(o), fs_nsdir_ino(namespaces->fs, o),
			is_default ? &default_ops : &nsdir_ops, ret, NULL);
	if (r == 0)
		(*ret)->ns = ns;
	return r;
}

/* --- making and removing them --- */

struct ns_change {
	struct fs_req *r;
	struct fs_node *dir; /* owned reference */
	char *name;	     /* owned */
	bool made;
};

static void on_ns_change(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct ns_change *c = arg;
	_cleanup_object_ struct object *o = cache_get(fs->cache, c->dir->kind, NULL, c->name);
	_cleanup_fs_node_ struct fs_node *n = NULL;

	if (result == 0)
		fs_dirs_touch(c->dir);
	if (result == 0 && c->made)
		result = o ? fs_nsdir_node(c->dir, o, &n) : -ENOENT;
	if (result == 0 && n)
		fs_reply_entry(c->r, n);
	else
		fs_reply_err(c->r, result == -ESTALE ? -EAGAIN : result);
	fs_node_unref(c->dir);
	free(c->name);
	free(c);
}

static struct ns_change *new_ns_change(struct fs_req *r, struct fs_node *dir, const char *name)
{
	struct ns_change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct ns_change){ .r = r, .dir = fs_node_ref(dir), .name = strdup(name) };
	if (c->name)
		return c;
	fs_node_unref(dir);
	free(c);
	return NULL;
}

static void refuse_diags(struct fs_req *r, int err, const struct fs_node *dir, const char *name,
			 const struct diag_list *diags)
{
	fs_refuse(r, err, dir, name, "%s", diags->n ? diags->items[0].message : strerror(-err));
}

void fs_nsdir_mkdir(struct fs_req *r, struct fs_node *dir, const char *name)
{
	struct fs *fs = dir->fs;
	struct writer who = fs_req_writer(r);
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &who);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	struct arena *a = t ? txn_arena(t) : NULL;
	struct value *root = value_new_map(a);
	struct ns_change *c;
	int err = t ? schema_check_name(dir->kind, name, &diags) : -ENOMEM;

	(void)value_set_str(a, root, "apiVersion", "v1");
	(void)value_set_str(a, root, "kind", "Namespace");
	(void)value_set_str(a, value_set_map(a, root, "metadata"), "name", name);
	if (err == 0 && arena_failed(a))
		err = -ENOMEM;
	if (err == 0)
		err = txn_create(t, root, TXN_ADMIT, NULL, &diags);
	if (err < 0) {
		refuse_diags(r, err == -EAGAIN ? -EEXIST : err, dir, name, &diags);
		return;
	}
	c = new_ns_change(r, dir, name);
	if (!c) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	c->made = true;
	fs_req_park(r, NULL, NULL);
	err = fs_txn_submit(fs, t, 0, on_ns_change, c);
	if (err < 0)
		on_ns_change(fs, c, err, 0);
}

/* Whether anything lies in it that a person would miss. */
static bool holds_objects(struct fs *fs, const char *ns, const char **ret_plural)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (kinds[i]->namespaced && kinds[i]->has_directory && holds_kind(fs, kinds[i], ns)) {
			*ret_plural = kinds[i]->plural;
			return true;
		}
	*ret_plural = "manifests";
	return fs_folder_tree_used(fs, ns);
}

void fs_nsdir_rmdir(struct fs_req *r, struct fs_node *dir, const struct object *o)
{
	struct fs *fs = dir->fs;
	struct writer who = fs_req_writer(r);
	_cleanup_txn_ struct txn *t = txn_new(fs->registry, &who);
	_cleanup_buf_ struct buf path = BUF_INIT;
	const char *name = object_name(o), *plural;
	char manifest[STORE_KEY_MAX + 1];
	struct ns_change *c;
	int err;

	if (strcmp(name, "default") == 0 || strncmp(name, "kube-", 5) == 0) {
		fs_refuse(r, -EPERM, dir, name, "this namespace belongs to the system");
		return;
	}
	if (holds_objects(fs, name, &plural)) {
		fs_refuse(r, -ENOTEMPTY, dir, name, "the namespace still holds %s", plural);
		return;
	}
	if (fs_decl_latest(fs->decl, object_key(o), NULL, NULL, manifest) && fs_place_path(fs, manifest, &path) == 0) {
		fs_refuse(r, -ENOTEMPTY, dir, name, "it is declared by %s: remove that file", buf_str(&path));
		return;
	}
	c = new_ns_change(r, dir, name);
	err = t && c ? 0 : -ENOMEM;
	if (err == 0)
		err = txn_delete(t, o, NULL);
	if (c)
		fs_req_park(r, NULL, NULL);
	if (err == 0)
		err = fs_txn_submit(fs, t, 0, on_ns_change, c);
	if (err < 0 && c)
		on_ns_change(fs, c, err, 0);
	else if (err < 0)
		fs_reply_err(r, err);
}
