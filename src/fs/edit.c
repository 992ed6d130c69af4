/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/edit.h"

#include <string.h>

#include "fs/access.h"
#include "fs/field.h"
#include "fs/live.h"
#include "fs/revert.h"

struct job {
	struct fs *fs;
	struct fs_edit e; /* its strings owned, but for text */
	struct buf gone; /* directories that the last try takes away: fs_field_gone() */
	unsigned tries;
};

void fs_edit_strip(struct value *root)
{
	static const char *const members[] = { "uid", "resourceVersion", "generation", "creationTimestamp",
					       "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
					       "selfLink" };
	struct value *meta = value_get(root, "metadata");

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		(void)value_remove(meta, members[i]); /* false: it is not there */
	(void)value_remove(root, "status");
}

static void finish(struct job *j, int result)
{
	if (result == 0)
		fs_field_expire(j->fs, &j->gone);
	if (result == 0 && j->e.field)
		fs_revert_cancel(j->fs, j->e.uid, j->e.field);
	else if (j->e.field)
		fs_revert_resume(j->fs, j->e.uid, j->e.field);
	j->e.done(j->fs, j->e.arg, result);
	free((void *)j->e.uid);
	free((void *)j->e.path);
	free((void *)j->e.ns);
	free((void *)j->e.comm);
	free((void *)j->e.at);
	free((void *)j->e.field);
	buf_clear(&j->gone);
	free(j);
}

static void refuse(struct job *j, int code, struct diag_list *diags)
{
	_cleanup_object_ struct object *live = cache_get_uid(j->fs->cache, j->e.uid);
	bool secret = live && fs_kind_is_secret(object_kind(live));
	struct fs_edit *e = &j->e;

	if (!diags->errors)
		diag_add(diags, DIAG_ERROR, code, (struct value_mark){ 0 }, "", "%s",
			 code == -ENOENT   ? "the object is gone"
			 : code == -EAGAIN ? "the object changed again and again meanwhile"
					   : strerror(-code));
	for (size_t i = 0; e->at && i < diags->n; i++) /* a field's own grammar does not know where it is */
		if (diags->items[i].path && !diags->items[i].path[0]) {
			char *path = strdup(e->at);

			if (path) {
				free(diags->items[i].path);
				diags->items[i].path = path;
			}
		}
	free(fs_errors_diags(j->fs, &e->who, e->comm ? e->comm : "?", e->ns, e->path, diags, secret, e->text,
			     e->len));
	finish(j, code);
}

static void try_edit(struct job *j);

static void on_committed(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct job *j = arg;
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;

	if (result == -ESTALE && ++j->tries < FS_EDIT_RETRIES)
		try_edit(j);
	else if (result < 0)
		refuse(j, result == -ESTALE ? -EAGAIN : result, &diags);
	else
		finish(j, 0);
}

static void try_edit(struct job *j)
{
	_cleanup_object_ struct object *live = fs_live_get(j->fs, j->e.uid);
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = live ? txn_new(j->fs->registry, &j->e.who) : NULL;
	struct value *root = t ? value_copy(txn_arena(t), object_root(live)) : NULL;
	int r = !live ? -ENOENT : !root ? -ENOMEM : j->e.change(j->e.arg, txn_arena(t), live, &root, &diags);

	if (r == -ECANCELED) {
		finish(j, 0);
		return;
	}
	if (r == 0) {
		fs_edit_strip(root);
		r = txn_update(t, live, root, TXN_ADMIT, &diags);
	}
	buf_clear(&j->gone);
	if (r == 0 && !j->e.at) /* the whole object */
		fs_field_gone(j->fs, live, root, &j->gone);
	if (r == 0 && j->e.field)
		r = fs_revert_unstore(j->fs, t, j->e.uid, j->e.field);
	if (r == 0 && txn_empty(t)) {
		finish(j, 0);
		return;
	}
	if (r == 0)
		r = fs_txn_submit_for(j->fs, t, 0, j->gone.len ? NULL : j->e.answer, on_committed, j);
	if (r < 0)
		refuse(j, r, &diags);
}

void fs_edit_start(struct fs *fs, const struct fs_edit *e)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		e->done(fs, e->arg, -ENOMEM);
		return;
	}
	j->fs = fs;
	j->e = *e;
	if (e->answer)
		fs_req_answers(e->answer, e->answer_size);
	j->e.uid = strdup(e->uid);
	j->e.path = strdup(e->path);
	j->e.ns = strdup(e->ns);
	j->e.comm = e->comm ? strdup(e->comm) : NULL;
	j->e.at = e->at ? strdup(e->at) : NULL;
	j->e.field = e->field ? strdup(e->field) : NULL;
	if (j->e.uid && j->e.path && j->e.ns && (j->e.field || !e->field))
		try_edit(j);
	else
		finish(j, -ENOMEM);
}
