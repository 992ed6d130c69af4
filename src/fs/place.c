/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/place.h"

#include <string.h>

#include "fs/dirattr.h"
#include "fs/folder.h"
#include "fs/ignored.h"
#include "fs/kinddir.h"
#include "fs/scratch.h"
#include "schema/custom.h"

enum { DEPTH_MAX = PATH_MAX / 2 }; /* folders in one another that a path can name */

enum fs_place fs_place_of(const struct fs_node *dir)
{
	if (dir->ops == &fs_kinddir_ops)
		return FS_PLACE_KIND;
	if (fs_is_folder(dir))
		return FS_PLACE_FOLDER;
	return dir->ops == &fs_scratch_ops ? FS_PLACE_SCRATCH : FS_PLACE_NONE;
}

enum fs_name_class fs_place_class(struct fs_node *dir, const char *name)
{
	enum fs_name_class class = fs_name_classify(name);

	switch (fs_place_of(dir)) {
	case FS_PLACE_KIND:
		return class;
	case FS_PLACE_FOLDER:
		if (class == FS_NAME_BAD)
			return class;
		return class != FS_NAME_MANIFEST || fs_name_is_kustomization(name) || fs_ignored(dir, name, false)
			       ? FS_NAME_SCRATCH
			       : FS_NAME_MANIFEST;
	case FS_PLACE_SCRATCH:
	case FS_PLACE_NONE:
		break;
	}
	return FS_NAME_SCRATCH;
}

enum fs_name_class fs_place_class_dir(struct fs_node *dir, const char *name)
{
	if (fs_place_of(dir) != FS_PLACE_FOLDER)
		return fs_place_class(dir, name);
	if (fs_name_classify(name) == FS_NAME_BAD)
		return FS_NAME_BAD;
	return name[0] == '.' || fs_ignored(dir, name, true) ? FS_NAME_SCRATCH : FS_NAME_OTHER;
}

int fs_place_key(const struct fs_node *dir, const char *name, char out[static STORE_KEY_MAX + 1])
{
	int n = fs_is_folder(dir) ? snprintf(out, STORE_KEY_MAX + 1, FS_TREE_PREFIX "%s/%llx/%s", dir->ns,
					     (unsigned long long)fs_folder_number(dir), name)
				  : snprintf(out, STORE_KEY_MAX + 1, FS_KINDS_PREFIX "%s/%s/%s",
					     dir->kind->namespaced ? dir->ns : "", dir->kind->plural, name);

	return n > STORE_KEY_MAX ? -ENAMETOOLONG : 0;
}

void fs_place_target(const struct fs_node *dir, struct fs_commit_target *ret)
{
	bool folder = fs_is_folder(dir);

	ret->ns = dir->ns;
	ret->kind = folder ? NULL : dir->kind;
	ret->any_namespace = folder && strcmp(dir->ns, "default") == 0;
}

bool fs_place_disk(const struct fs_node *dir, struct buf *out)
{
	if (dir->ops == &fs_kinddir_ops)
		buf_printf(out, "scratch/%s/%s", dir->kind->namespaced ? dir->ns : "_", dir->kind->plural);
	else if (fs_is_folder(dir))
		buf_printf(out, "scratch/%s/manifests/%llx", dir->ns, (unsigned long long)fs_folder_number(dir));
	else
		return false;
	return true;
}

void fs_place_touch(struct fs_node *dir)
{
	if (fs_is_folder(dir) && fs_folder_number(dir))
		fs_folder_touch(dir);
	else if (fs_place_of(dir) != FS_PLACE_SCRATCH)
		fs_dirs_touch(dir);
}

bool fs_place_same(const struct fs_node *a, const struct fs_node *b)
{
	if (fs_is_folder(a) && fs_is_folder(b))
		return a->ns == b->ns;
	return a == b;
}

/* --- keys --- */

/* The text up to the next '/', which `*p` is moved past; false if there is none or no room. */
static bool next_part(const char **p, char *out, size_t size)
{
	const char *slash = strchr(*p, '/');
	size_t len = slash ? (size_t)(slash - *p) : size;

	if (len >= size)
		return false;
	memcpy(out, *p, len);
	out[len] = '\0';
	*p = slash + 1;
	return true;
}

bool fs_place_of_key(const char *key, char ns[static FS_NS_SIZE], struct fs_commit_target *ret)
{
	bool tree = strncmp(key, FS_TREE_PREFIX, strlen(FS_TREE_PREFIX)) == 0;
	const char *p = key + strlen(tree ? FS_TREE_PREFIX : FS_KINDS_PREFIX);
	char plural[SCHEMA_DIRECTORY_MAX];

	if (!tree && strncmp(key, FS_KINDS_PREFIX, strlen(FS_KINDS_PREFIX)) != 0)
		return false;
	if (!next_part(&p, ns, FS_NS_SIZE) || !next_part(&p, plural, sizeof(plural)))
		return false;
	if (!*ns)
		(void)snprintf(ns, FS_NS_SIZE, "default");
	*ret = (struct fs_commit_target){ .key = key, .ns = ns, .kind = tree ? NULL : schema_kind_by_plural(plural),
					  .any_namespace = tree && strcmp(ns, "default") == 0 };
	return tree || ret->kind;
}

/* Puts a text before what was gathered so far, with a '/' between them. */
static void prepend(struct buf *path, const char *text)
{
	struct buf longer = BUF_INIT;

	buf_puts(&longer, text);
	if (path->len) {
		buf_putc(&longer, '/');
		buf_append(&longer, path->data, path->len);
	}
	if (buf_failed(path))
		longer.failed = true;
	buf_clear(path);
	*path = longer;
}

/* From "NAMESPACE/FOLDER/NAME" up to the tree's own directory. */
static int tree_path(struct fs *fs, const char *at, struct buf *path)
{
	_cleanup_free_ char *place = strdup(at);

	for (unsigned depth = 0; place && depth < DEPTH_MAX; depth++) {
		_cleanup_store_entry_ struct store_entry *e = NULL;
		char ns[FS_NS_SIZE], folder[32], key[STORE_KEY_MAX + 1];
		const char *p = place, *value;
		size_t len;

		if (!next_part(&p, ns, sizeof(ns)) || !next_part(&p, folder, sizeof(folder)))
			return -ENOENT;
		prepend(path, p);
		if (strcmp(folder, "0") == 0) {
			prepend(path, "manifests");
			if (strcmp(ns, "default") != 0) {
				prepend(path, ns);
				prepend(path, "namespaces");
			}
			return 0;
		}
		(void)snprintf(key, sizeof(key), FS_FOLDERS_PREFIX "%s", folder);
		if (store_get(fs->store, key, &e) < 0)
			return -ENOENT;
		value = store_entry_value(e, &len);
		free(place);
		place = strndup(value, len);
	}
	return place ? -ENOENT : -ENOMEM;
}

int fs_place_path(struct fs *fs, const char *key, struct buf *out)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct fs_commit_target t;
	char ns[FS_NS_SIZE], kinds[SCHEMA_DIRECTORY_MAX];
	int r = fs_place_of_key(key, ns, &t) ? 0 : -ENOENT;

	if (r == 0 && t.kind)
		schema_kind_directory(t.kind, kinds);
	if (r == 0 && !t.kind)
		r = tree_path(fs, key + strlen(FS_TREE_PREFIX), &path);
	else if (r == 0 && (strcmp(t.ns, "default") == 0 || !t.kind->namespaced))
		buf_printf(&path, "%s/%s", kinds, strrchr(key, '/') + 1);
	else if (r == 0)
		buf_printf(&path, "namespaces/%s/%s/%s", t.ns, kinds, strrchr(key, '/') + 1);
	if (r == 0 && buf_failed(&path))
		r = -ENOMEM;
	if (r == 0)
		buf_append(out, path.data, path.len);
	return r;
}
