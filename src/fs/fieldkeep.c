/* SPDX-License-Identifier: Apache-2.0 */
/* Handles on fields and object.yaml over the death of a daemon: fs/takeover.c. */
#include <string.h>

#include "fs/field.h"
#include "fs/keep.h"
#include "fs/quota.h"

struct kept {
	uint8_t state, at_close, written, unused;
	int32_t refused;
};
_Static_assert(sizeof(struct kept) <= FS_KEEP_STATE, "a region's state has that many bytes");

static void fill(const struct fs_field_handle *w, uint8_t out[static FS_KEEP_STATE])
{
	const struct kept k = { .state = w->committing ? FS_H_DIRTY : (uint8_t)w->state, .at_close = w->at_close, .written = w->written, .refused = w->refused };

	memset(out, 0, FS_KEEP_STATE);
	memcpy(out, &k, sizeof(k));
}

void fs_field_handle_keep(struct fs_field_handle *w, uint64_t unique)
{
	uint8_t state[FS_KEEP_STATE];

	if (!w->h || !w->h->kept)
		return;
	fill(w, state);
	fs_keep_state(w->h->fs->keep, w->h->kept, state, unique);
}

void fs_field_keep_text(struct fs_field_handle *w, const void *data, size_t len, size_t at, uint64_t unique)
{
	uint8_t state[FS_KEEP_STATE];
	const struct fs_keep_change c = { .data = data, .len = len, .at = at, .text_len = w->blob->len, .state = state,
					  .unique = unique };

	if (!w->h || !w->h->kept)
		return;
	fill(w, state);
	fs_keep_write(w->h->fs->keep, w->h->kept, &c, w->blob->data);
}

void fs_field_keep(struct fs_handle *h)
{
	struct fs_field_handle *w = h->data;

	if (!w) /* it reads: the frame has kept the snapshot */
		return;
	w->h = h;
	h->kept->region = FS_KEPT_FIELD;
	fs_field_handle_keep(w, 0);
}

int fs_field_restore(struct fs_handle *h, const struct fs_takeover_place *at)
{
	_cleanup_fs_node_ struct fs_node *n = fs_takeover_node(h->fs, at->ino);
	size_t len;
	const void *text = fs_keep_text(h->fs->keep, h->kept, &len);
	struct fs_field_handle *w;
	struct fs_field_node *d;
	struct kept k;
	bool has_text = fs_keep_version(h->kept)->has_text;
	int r = 0;

	memcpy(&k, fs_keep_version(h->kept)->state, sizeof(k));
	if (n)
		(void)fs_node_ref(n);
	else
		r = at->dir ? fs_field_node(at->dir, at->name, &n) : -ESTALE; /* it is being made */
	if (r == 0 && (n->ino != at->ino || n->ops->held != fs_field_held))
		r = -ESTALE;
	if (r < 0)
		return r;
	(void)fs_takeover_adopt(n);
	d = n->data;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	buf_append(&h->snap, fs_keep_handle_snap(h->fs->keep, h->kept), h->kept->snap_len);
	*w = (struct fs_field_handle){ .h = h, .node = n, .state = k.state, .refused = k.refused, .pid = h->pid,
				       .writes = true, .at_close = k.at_close, .written = k.written };
	if (has_text)
		w->blob = fs_blob_new(text, len);
	if ((has_text && (!w->blob || fs_quota_hold(h, len) < 0)) || buf_failed(&h->snap)) {
		fs_blob_unref(w->blob);
		free(w);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&d->writers, w, entry);
	h->ops = n->ops;
	h->data = w;
	h->node = steal_ptr(n);
	return 0;
}
