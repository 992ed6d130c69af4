/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of fields that a change takes away: the kernel keeps a directory for a second, and whoever made the change is
 * not to see it any more. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "fs/field.h"

enum { DEEPEST = 64 }; /* names; what lies deeper is kept for its second */

/* Of one object, from the tree that it was to the one that it becomes. */
struct gone {
	struct fs *fs;
	const char *uid;
	struct arena *arena;
	struct buf *found; /* their numbers */
	char path[FIELD_KEY_MAX * 4]; /* "//spec/template", as fs_obj_ino() has it */
};

static void walk(struct gone *g, size_t len, const struct field *old, const struct field *now)
{
	struct field_name *names;
	size_t n;

	if (old->depth > DEEPEST || field_names(old, g->arena, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		size_t add = strlen(names[i].name) + 1;
		struct field was, is;
		bool stays;

		if (!names[i].dir || len + add >= sizeof(g->path) || field_child(old, names[i].name, &was) < 0)
			continue;
		(void)snprintf(g->path + len, sizeof(g->path) - len, "/%s", names[i].name);
		stays = now && field_child(now, names[i].name, &is) == 0 && field_shape(&is) == FIELD_DIR;
		if (!stays) {
			uint64_t ino = fs_ino(g->fs, g->uid, g->path);

			buf_append(g->found, &ino, sizeof(ino));
		}
		walk(g, len + add, &was, stays ? &is : NULL);
	}
}

void fs_field_gone(struct fs *fs, const struct object *live, const struct value *now, struct buf *ret)
{
	_cleanup_arena_ struct arena *a = arena_new(0);
	struct gone g = { .fs = fs, .uid = object_uid(live), .arena = a, .found = ret, .path = "/" };
	struct field from, to;

	if (!a) /* the kernel forgets by itself within a second */
		return;
	field_root(&from, object_kind(live), object_root(live));
	field_root(&to, object_kind(live), now);
	walk(&g, 1, &from, &to);
}

void fs_field_expire(struct fs *fs, const struct buf *gone)
{
	for (size_t at = 0; !buf_failed(gone) && at < gone->len; at += sizeof(uint64_t)) {
		uint64_t ino;

		memcpy(&ino, gone->data + at, sizeof(ino));
		fs_notify_expire(fs, ino);
	}
}
