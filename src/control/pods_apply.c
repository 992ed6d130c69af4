/* SPDX-License-Identifier: Apache-2.0 */
#include "control/pods_apply.h"

#include <string.h>

enum { BATCH_MAX = 60 }; /* creations or deletions a transaction: within etcd's limit of 128 operations */

void pods_failure_clear(struct pods_failure *f)
{
	buf_clear(&f->message);
	f->reason = "";
}

static void note_failure(struct controller *c, const struct object *owner, struct pods_failure *f, const char *reason,
			 int code, const struct diag_list *diags)
{
	const char *path, *why = controller_refusal(diags, code, &path);

	f->reason = reason;
	buf_clear(&f->message);
	buf_printf(&f->message, "%s%s%s", path, *path ? ": " : "", why);
	controller_event(c, owner, EVENT_WARNING, reason, "Error %s: %s",
			 strcmp(reason, "FailedCreate") == 0 ? "creating" : "deleting", buf_str(&f->message));
}

/* One event a line of names. */
static void tell_names(struct controller *c, const struct object *owner, struct buf *names, const char *reason,
		       const char *what)
{
	char *save = NULL;

	if (!names->len)
		return;
	for (char *name = strtok_r(names->data, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
		controller_event(c, owner, EVENT_NORMAL, reason, "%s pod: %s", what, name);
}

/* Pods to make. */
struct making {
	pods_make_fn make;
	void *arg;
};

/* Makes n pods, from the first on, in one transaction; their names go to `names`. It holds only while the owner is what the plan
 * has seen: one that has been scaled down, suspended or deleted meanwhile does not want them. */
static int create_batch(struct controller *c, const struct object *owner, const struct making *m, size_t first, size_t n,
			struct pods_failure *f, struct buf *names)
{
	_cleanup_diag_list_ struct diag_list diags = DIAG_LIST_INIT;
	_cleanup_txn_ struct txn *t = txn_new(controller_registry(c), controller_writer(c));
	int r = t ? txn_check(t, object_key(owner), object_revision(owner)) : -ENOMEM;
	size_t made = 0;

	for (; made < n && r == 0; made += r == 0) {
		struct value *pod = m->make(m->arg, txn_arena(t), first + made);

		r = pod ? txn_create(t, pod, TXN_ADMIT, owner, &diags) : -ENOMEM;
		if (r == 0)
			buf_printf(names, "%s\n", value_str_or(value_path(pod, "metadata", "name"), ""));
	}
	if (r == 0) {
		r = txn_commit(t, STORE_LAZY, NULL);
	} else if (r == -EDQUOT && made) { /* those that the quota still allows */
		int e = txn_commit(t, STORE_LAZY, NULL);

		r = e < 0 ? e : r;
	}
	if (r < 0 && r != -ESTALE && controller_namespace_ends(c, owner))
		return -ECANCELED; /* nothing is to be made in it any more */
	if (r < 0 && r != -ESTALE)
		note_failure(c, owner, f, "FailedCreate", r, &diags);
	return r;
}

int pods_create(struct controller *c, const struct object *owner, size_t n, pods_make_fn make, void *arg,
		struct pods_failure *f)
{
	const struct making m = { make, arg };
	size_t first = 0;
	int r = 0;

	for (size_t batch = 1; first < n && r == 0; batch = batch * 2 > BATCH_MAX ? BATCH_MAX : batch * 2) {
		_cleanup_buf_ struct buf names = BUF_INIT;
		size_t now = batch < n - first ? batch : n - first;

		r = create_batch(c, owner, &m, first, now, f, &names);
		if (r == 0)
			tell_names(c, owner, &names, "SuccessfulCreate", "Created");
		first += now;
	}
	return r == -ECANCELED ? 0 : r;
}

int pods_delete(struct controller *c, const struct object *owner, const struct object *const *pods, size_t n,
		const char *finalizer, struct pods_failure *f)
{
	int r = 0;

	for (size_t at = 0; at < n && r == 0; at += BATCH_MAX) {
		size_t now = n - at < BATCH_MAX ? n - at : BATCH_MAX;
		_cleanup_buf_ struct buf names = BUF_INIT;

		r = controller_delete(c, pods + at, now, finalizer, &names);
		if (r == 0)
			tell_names(c, owner, &names, "SuccessfulDelete", "Deleted");
		else if (r != -ESTALE)
			note_failure(c, owner, f, "FailedDelete", r, NULL);
	}
	return r;
}
