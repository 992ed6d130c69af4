/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/other.h"

#include <string.h>

#include "fs/kinddir.h"
#include "fs/region.h"

/* Whether the directory of a kind is below this other/: cluster-wide ones are at the root only. */
static bool is_here(const struct fs_node *n, const struct schema_kind *kind)
{
	return kind->is_custom && (kind->namespaced || fs_region_is_root(n));
}

static uint64_t group_ino(const struct fs_node *dir, const char *group)
{
	char id[64];

	(void)snprintf(id, sizeof(id), "/other/%llx", (unsigned long long)dir->ino);
	return fs_ino(dir->fs, id, group);
}

static int dir_getattr(struct fs_node *n, struct fs_attr *a)
{
	fs_attr_dir(n, a, 0555, n->fs->started);
	return 0;
}

/* --- other/GROUP --- */

static int group_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	size_t n, len = strlen(name);
	const struct schema_kind *const *kinds = schema_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (is_here(dir, kinds[i]) && strcmp(kinds[i]->group, dir->name) == 0 &&
		    strncmp(kinds[i]->plural, name, len) == 0 && kinds[i]->plural[len] == '.')
			return fs_kinddir_node(dir, kinds[i], ret);
	return -ENOENT;
}

static int group_readdir(struct fs_node *dir, struct fs_listing *l)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		char plural[64];

		if (!is_here(dir, kinds[i]) || strcmp(kinds[i]->group, dir->name) != 0)
			continue;
		(void)snprintf(plural, sizeof(plural), "%.*s", (int)strcspn(kinds[i]->plural, "."), kinds[i]->plural);
		r = fs_listing_add(l, plural, S_IFDIR, fs_kinddir_ino(dir, kinds[i]));
	}
	return r;
}

static const struct fs_ops group_ops = {
	.region = "group", .getattr = dir_getattr, .lookup = group_lookup, .readdir = group_readdir
};

/* --- other --- */

static int other_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);

	for (size_t i = 0; i < n; i++)
		if (is_here(dir, kinds[i]) && strcmp(kinds[i]->group, name) == 0)
			return fs_node_get(dir, name, group_ino(dir, name), &group_ops, ret, NULL);
	return -ENOENT;
}

static int other_readdir(struct fs_node *dir, struct fs_listing *l)
{
	size_t n;
	const struct schema_kind *const *kinds = schema_kinds(&n);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		bool is_first = is_here(dir, kinds[i]);

		for (size_t k = 0; is_first && k < i; k++)
			is_first = !(is_here(dir, kinds[k]) && strcmp(kinds[k]->group, kinds[i]->group) == 0);
		if (is_first)
			r = fs_listing_add(l, kinds[i]->group, S_IFDIR, group_ino(dir, kinds[i]->group));
	}
	return r;
}

const struct fs_ops fs_other_ops = {
	.region = "other", .getattr = dir_getattr, .lookup = other_lookup, .readdir = other_readdir
};
