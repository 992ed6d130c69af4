/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/trial.h"

#include <string.h>

#include "schema/custom.h"

static struct object *in_store(struct fs *fs, const char *name)
{
	return cache_get(fs->cache, schema_kind_by_plural("customresourcedefinitions"), NULL, name);
}

bool fs_trial_is_definition(const struct value *doc)
{
	return strcmp(value_str_or(value_get(doc, "kind"), ""), "CustomResourceDefinition") == 0;
}

static bool is_of_kind(const struct value *doc, const char *group, const char *kind)
{
	const char *version = value_str_or(value_get(doc, "apiVersion"), "");
	size_t len = strlen(group);

	return strcmp(value_str_or(value_get(doc, "kind"), ""), kind) == 0 && strncmp(version, group, len) == 0 &&
	       version[len] == '/';
}

int fs_trial_define(struct fs *fs, struct buf *trials, const struct value *definition,
		    const struct schema_manifest_object *docs, size_t n)
{
	const struct value *spec = value_get(definition, "spec");
	const char *name = value_str(value_path(definition, "metadata", "name"));
	const char *group = value_str_or(value_get(spec, "group"), ""), *kind = value_str(value_path(spec, "names", "kind"));
	_cleanup_object_ struct object *live = name ? in_store(fs, name) : NULL;
	bool some = false;

	if (live && value_equal(value_get(object_root(live), "spec"), spec))
		return 0;
	for (size_t i = 0; name && kind && !some && i < n; i++)
		some = is_of_kind(docs[i].root, group, kind);
	if (!some)
		return 0;
	buf_append(trials, name, strlen(name) + 1);
	return buf_failed(trials) || schema_custom_define(definition) == -ENOMEM ? -ENOMEM : 0;
}

/* What the store says now. Another commit may change that meanwhile: the cache shows the change before it makes the kind known
 * by it, so that either this is seen to be old, or the newer one comes after it. */
static void set_back(struct fs *fs, const char *name)
{
	uint64_t rev, now;

	do {
		_cleanup_object_ struct object *live = in_store(fs, name), *again = NULL;

		rev = live ? object_revision(live) : 0;
		if (live)
			(void)schema_custom_define(object_root(live)); /* ignoring -ENOMEM: the newer schema stays until a restart */
		else
			schema_custom_remove(name);
		again = in_store(fs, name);
		now = again ? object_revision(again) : 0;
	} while (now != rev);
}

void fs_trial_undo(struct fs *fs, struct buf *trials)
{
	for (size_t at = 0; !buf_failed(trials) && at < trials->len; at += strlen(trials->data + at) + 1)
		set_back(fs, trials->data + at);
	buf_clear(trials);
}
