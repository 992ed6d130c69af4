/* SPDX-License-Identifier: Apache-2.0 */
/* Handles on manifests over the death of a daemon: fs/takeover.c. A name without a record is found by them alone. */
#include <fcntl.h>
#include <string.h>

#include "fs/aside.h"
#include "fs/keep.h"
#include "fs/manifest-internal.h"
#include "fs/place.h"
#include "fs/prune.h"
#include "fs/quota.h"

enum { SNAP_MAX = 256 * 1024 }; /* what a longer text was at open is known only while it is in force */

struct kept {
	uint8_t state, over_set, unused[2];
	int32_t refused;
	uint64_t base_rev; /* of the record when it was opened; 0: none */
	int64_t mtime;
	uint32_t mode, uid, gid;
};
_Static_assert(sizeof(struct kept) <= FS_KEEP_STATE, "a region's state has that many bytes");

static void fill(const struct fs_whandle *w, uint8_t out[static FS_KEEP_STATE])
{
	const struct fs_manifest *m = w->m;
	const struct fs_record rec = fs_manifest_next_attr(m);
	const struct kept k = { .state = w->committing ? FS_H_DIRTY : (uint8_t)w->state, .over_set = (uint8_t)m->over_set,
				.refused = w->refused, .base_rev = w->base ? store_entry_mod_rev(w->base) : 0,
				.mode = rec.mode, .uid = rec.uid, .gid = rec.gid,
				.mtime = m->over_set & FS_SET_MTIME ? rec.mtime : m->rec.mtime };

	memset(out, 0, FS_KEEP_STATE);
	memcpy(out, &k, sizeof(k));
}

void fs_whandle_keep(struct fs_whandle *w)
{
	uint8_t state[FS_KEEP_STATE];

	if (!w->h || !w->h->kept)
		return;
	fill(w, state);
	fs_keep_state(w->m->fs->keep, w->h->kept, state, 0);
}

void fs_manifest_keep(struct fs_manifest *m)
{
	struct fs_whandle *w;

	LIST_FOREACH(w, &m->writers, entry)
		fs_whandle_keep(w);
}

void fs_whandle_keep_text(struct fs_whandle *w, const void *data, size_t len, size_t at, uint64_t unique)
{
	uint8_t state[FS_KEEP_STATE];
	struct fs_keep_change c = { .data = data, .len = len, .at = at, .state = state, .unique = unique };

	if (!w->h || !w->h->kept || !w->blob)
		return;
	fill(w, state);
	c.text_len = w->blob->len;
	fs_keep_write(w->m->fs->keep, w->h->kept, &c, w->blob->data);
}

static void keep_snapshot(const struct fs_whandle *w)
{
	const struct fs_record *rec = &w->m->rec;
	_cleanup_blob_ struct fs_blob *text = NULL;

	if (!rec->aside_len)
		fs_keep_handle_snapshot(w->m->fs->keep, w->h->kept, rec->text, rec->text_len);
	else if (w->aside >= 0 && fs_aside_read(w->aside, &text) == 0)
		fs_keep_handle_snapshot(w->m->fs->keep, w->h->kept, text->data, text->len);
}

void fs_manifest_op_keep(struct fs_handle *h)
{
	struct fs_whandle *w = h->data;

	w->h = h;
	h->kept->region = FS_KEPT_MANIFEST;
	if (!w->writes && w->m->entry && fs_record_size(&w->m->rec) <= SNAP_MAX)
		keep_snapshot(w);
	fs_whandle_keep_text(w, NULL, 0, 0, 0);
	fs_whandle_keep(w);
}

/* The node of a file that was being made, or that has lost its name since. */
static int make_node(struct fs_handle *h, const struct fs_takeover_place *at, const struct kept *k, struct fs_node **ret)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_manifest *m;
	bool is_new;
	char key[STORE_KEY_MAX + 1];
	int r = at->dir ? fs_place_key(at->dir, at->name, key) : -ESTALE;

	if (r == 0)
		r = fs_node_get(at->dir, at->name, at->ino, &fs_manifest_ops, &n, &is_new);
	if (r < 0)
		return r;
	if (is_new) {
		bool taken = fs_manifest_exists(at->dir, at->name);

		r = fs_manifest_adopt(n, key, NULL);
		if (r < 0)
			return r;
		m = n->data;
		if (taken || k->base_rev) /* another file has the name now, or none */
			fs_manifest_set_gone(m);
		m->rec = (struct fs_record){ .ino = at->ino, .mode = k->mode, .uid = k->uid, .gid = k->gid,
					     .mtime = k->mtime, .ctime = k->mtime };
		(void)fs_takeover_adopt(n);
	}
	*ret = steal_ptr(n);
	return 0;
}

/* Gives a handle what it had written, and to one that reads what it read. */
static int restore_text(struct fs_handle *h, struct fs_whandle *w, const struct kept *k)
{
	size_t len = 0;
	const void *text = fs_keep_text(h->fs->keep, h->kept, &len);
	bool has_text = fs_keep_version(h->kept)->has_text;

	if (!has_text && !w->writes) {
		text = fs_keep_handle_snap(h->fs->keep, h->kept);
		len = text ? h->kept->snap_len : 0;
		if (w->base && store_entry_mod_rev(w->base) == k->base_rev)
			return 0;
		if (k->base_rev && !text)
			return -EIO;
	} else if (!has_text) {
		return w->base && store_entry_mod_rev(w->base) != k->base_rev ? -EIO : 0;
	}
	fs_blob_unref(w->blob);
	w->blob = fs_blob_new(text, len);
	return w->blob ? w->writes ? fs_quota_hold(h, len) : 0 : -ENOMEM;
}

int fs_manifest_restore(struct fs_handle *h, const struct fs_takeover_place *at)
{
	_cleanup_fs_node_ struct fs_node *n = fs_takeover_node(h->fs, at->ino);
	struct fs_manifest *m;
	struct fs_whandle *w;
	struct kept k;
	int r = 0;

	memcpy(&k, fs_keep_version(h->kept)->state, sizeof(k));
	if (n)
		(void)fs_node_ref(n);
	else
		r = make_node(h, at, &k, &n);
	if (r == 0 && n->ops != &fs_manifest_ops)
		r = -ESTALE;
	if (r < 0)
		return r;
	m = n->data;
	w = fs_whandle_new(m, h->flags & ~O_TRUNC, h->pid);
	r = w ? restore_text(h, w, &k) : -ENOMEM;
	if (r < 0) {
		fs_whandle_free(w);
		return r;
	}
	w->state = k.state;
	w->refused = k.refused;
	w->h = h;
	if (w->writes && k.over_set) {
		m->over = (struct fs_attr){ .mode = k.mode, .uid = k.uid, .gid = k.gid, .mtime = k.mtime };
		m->over_set = k.over_set;
	}
	fs_whandle_count(w);
	h->ops = n->ops;
	h->data = w;
	h->node = steal_ptr(n);
	return 0;
}
