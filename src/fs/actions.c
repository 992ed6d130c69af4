/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/actions.h"

#include <string.h>

#include "base/clock.h"
#include "fs/commit.h"
#include "fs/decl.h"
#include "fs/edit.h"
#include "fs/remnant.h"
#include "fs/revisions.h"
#include "store/evict.h"
#include "store/trigger.h"

enum {
	TRIGGERS_MAX = 100, /* runs of a CronJob that are asked for at once; more are refused */
};

int fs_action_getattr(struct fs_node *n, struct fs_attr *a)
{
	_cleanup_object_ struct object *o = fs_obj_get(n);

	if (!o)
		return -ENOENT;
	fs_attr_file(n, a, S_IFREG | 0644, fs_live_changed(n->fs, o));
	return 0;
}

int fs_action_render(struct fs_node *n, struct buf *out)
{
	return 0;
}

bool fs_action_text(const char *data, size_t size, char out[static FS_ACTION_MAX])
{
	while (size && strchr(" \t\r\n", data[size - 1]) && data[size - 1])
		size--;
	while (size && (*data == ' ' || *data == '\t')) {
		data++;
		size--;
	}
	if (size >= FS_ACTION_MAX || memchr(data, '\0', size))
		return false;
	if (size)
		memcpy(out, data, size);
	out[size] = '\0';
	return true;
}

static void refuse(struct fs_req *r, const struct fs_node *n, int err, const char *why)
{
	fs_refuse(r, err, n->parent, n->name, "%s", why);
}

/* --- delete --- */

struct deletion {
	struct fs_req *r;
	struct fs_node *dir; /* owned reference */
	char *name;	     /* owned */
	struct delete_options opts;
	size_t size;
	unsigned tries;
	bool evict; /* only if disruption budgets allow it */
	char uid[OBJECT_UID_SIZE];
};

int fs_delete_parse(const char *text, size_t len, struct delete_options *ret)
{
	char words[FS_ACTION_MAX], *save = NULL;

	*ret = (struct delete_options){ .grace_seconds = -1, .propagation = PROPAGATE_BACKGROUND };
	if (!fs_action_text(text, len, words))
		return -EINVAL;
	for (char *w = strtok_r(words, " \t,\n", &save); w; w = strtok_r(NULL, " \t,\n", &save)) {
		if (strcmp(w, "orphan") == 0)
			ret->propagation = PROPAGATE_ORPHAN;
		else if (strcmp(w, "foreground") == 0)
			ret->propagation = PROPAGATE_FOREGROUND;
		else if (strcmp(w, "background") == 0)
			ret->propagation = PROPAGATE_BACKGROUND;
		else if (strncmp(w, "grace=", 6) == 0 && w[6] && strspn(w + 6, "0123456789") == strlen(w + 6) &&
			 strlen(w + 6) < 10)
			ret->grace_seconds = strtol(w + 6, NULL, 10);
		else
			return -EINVAL;
	}
	return 0;
}

static void try_delete(struct deletion *d);

static void end_delete(struct deletion *d, int result, const char *why)
{
	if (result == 0)
		fs_remnant_forget(d->dir, d->name);
	if (result < 0 && why && *why)
		fs_refuse(d->r, result, d->dir, d->name, "%s", why);
	else if (result < 0)
		fs_refuse(d->r, result, d->dir, d->name, "cannot be %s: %s", d->evict ? "evicted" : "deleted",
			  strerrordesc_np(-result));
	else if (d->size)
		fs_reply_write(d->r, d->size);
	else
		fs_reply_err(d->r, 0);
	fs_node_unref(d->dir);
	free(d->name);
	free(d);
}

static void on_deleted(struct fs *fs, void *arg, int result, uint64_t rev)
{
	struct deletion *d = arg;

	if (result == -ESTALE && ++d->tries < FS_EDIT_RETRIES)
		try_delete(d);
	else
		end_delete(d, result == -ESTALE ? -EAGAIN : result, NULL);
}

static void try_delete(struct deletion *d)
{
	struct fs *fs = d->dir->fs;
	struct writer who = fs_req_writer(d->r);
	_cleanup_object_ struct object *o = fs_live_get(fs, d->uid);
	_cleanup_txn_ struct txn *t = o ? txn_new(fs->registry, &who) : NULL;
	const char *why = NULL;
	int r = o ? -ENOMEM : 0;

	if (t)
		r = d->evict ? txn_evict(t, o, &d->opts, &why) : txn_delete(t, o, &d->opts);
	if (r == 0 && (!t || txn_empty(t))) { /* it is gone, or going, already */
		end_delete(d, 0, NULL);
		return;
	}
	if (r == 0)
		r = fs_txn_submit(fs, t, 0, on_deleted, d);
	if (r < 0)
		end_delete(d, r, why);
}

static void start_delete(struct fs_req *r, struct fs_node *dir, const char *uid, const char *name,
			 const struct delete_options *opts, size_t size, bool evict)
{
	struct deletion *d = calloc(1, sizeof(*d));

	if (d)
		d->name = strdup(name);
	if (!d || !d->name) {
		free(d);
		fs_reply_err(r, -ENOMEM);
		return;
	}
	d->r = r;
	d->dir = fs_node_ref(dir);
	d->opts = *opts;
	d->size = size;
	d->evict = evict;
	(void)snprintf(d->uid, sizeof(d->uid), "%s", uid);
	fs_req_park(r, NULL, NULL);
	try_delete(d);
}

void fs_object_delete(struct fs_req *r, struct fs_node *dir, const char *uid, const char *name,
		      const struct delete_options *opts, size_t size)
{
	start_delete(r, dir, uid, name, opts, size, false);
}

static void evict_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct delete_options opts;

	if (fs_delete_parse(data, size, &opts) < 0)
		refuse(r, h->node, -EINVAL, "expected grace=SECONDS, or an empty line");
	else
		start_delete(r, h->node->parent, fs_obj_uid(h->node), h->node->name, &opts, size, true);
}

static void delete_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct delete_options opts;

	if (fs_delete_parse(data, size, &opts) < 0)
		refuse(r, h->node, -EINVAL, "expected grace=SECONDS, orphan, foreground or background, or an empty line");
	else
		fs_object_delete(r, h->node->parent, fs_obj_uid(h->node), h->node->name, &opts, size);
}

/* --- changes of the object --- */

struct action {
	struct fs_req *r;
	struct fs *fs;
	size_t size;
	int64_t time; /* of the request: the same when it comes again */
	char text[FS_ACTION_MAX];
};

static void on_done(struct fs *fs, void *arg, int result)
{
	struct action *act = arg;

	if (result < 0)
		fs_reply_err(act->r, result);
	else
		fs_reply_write(act->r, act->size);
	free(act);
}

static void start(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, fs_edit_fn change)
{
	struct action *act = calloc(1, sizeof(*act));
	_cleanup_buf_ struct buf path = BUF_INIT;
	char comm[16];
	struct fs_edit e;

	if (!act || !fs_action_text(data, size, act->text)) {
		free(act);
		fs_reply_err(r, act ? -EINVAL : -ENOMEM);
		return;
	}
	act->r = r;
	act->fs = h->fs;
	act->size = size;
	act->time = fs_req_time(r);
	fs_node_path(h->node, &path);
	fs_req_comm(r, comm);
	e = (struct fs_edit){ .uid = fs_obj_uid(h->node), .path = buf_str(&path), .ns = h->node->ns, .comm = comm,
			      .who = fs_handle_writer(h, r), .change = change, .done = on_done, .arg = act };
	fs_req_park(r, NULL, NULL);
	fs_edit_start(h->fs, &e);
}

static int set_paused(struct arena *a, struct value *root, bool paused)
{
	struct value *spec = value_set_map(a, root, "spec");

	if (value_bool(value_get(spec, "paused"), false) == paused)
		return -ECANCELED;
	if (paused)
		(void)value_set_bool(a, spec, "paused", true);
	else
		(void)value_remove(spec, "paused");
	return 0;
}

static int pause_change(void *arg, struct arena *a, const struct object *live, struct value **root,
			struct diag_list *diags)
{
	return set_paused(a, *root, true);
}

static int resume_change(void *arg, struct arena *a, const struct object *live, struct value **root,
			 struct diag_list *diags)
{
	return set_paused(a, *root, false);
}

static int restart_change(void *arg, struct arena *a, const struct object *live, struct value **root,
			  struct diag_list *diags)
{
	const struct action *act = arg;
	struct value *annotations = value_make_path(a, *root, "spec", "template", "metadata", "annotations");
	char now[CLOCK_RFC3339_SIZE];

	if (value_bool(value_path(*root, "spec", "paused"), false)) {
		diag_add(diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 0 }, "spec.paused",
			 "a paused deployment cannot be restarted: resume it first");
		return -EINVAL;
	}
	(void)value_set_str(a, annotations, "kubectl.kubernetes.io/restartedAt",
			    clock_format_rfc3339(act->time, now));
	return 0;
}

/* One run more than is asked for already; the controller makes it. */
static int trigger_change(void *arg, struct arena *a, const struct object *live, struct value **root,
			  struct diag_list *diags)
{
	struct value *annotations = value_make_path(a, *root, "metadata", "annotations");
	long asked = strtol(value_str_or(value_get(annotations, CRONJOB_TRIGGER), "0"), NULL, 10);

	if (asked >= TRIGGERS_MAX) {
		diag_add(diags, DIAG_ERROR, -EBUSY, (struct value_mark){ 0 }, "",
			 "%ld runs are asked for and not made yet: ask again when they are", asked);
		return -EBUSY;
	}
	(void)value_set(a, annotations, CRONJOB_TRIGGER, value_new_strf(a, "%ld", asked < 0 ? 1 : asked + 1));
	return 0;
}

/* As Kubernetes does: the template comes back, less what was added to it, and becomes the newest revision. */
static int rollback_change(void *arg, struct arena *a, const struct object *live, struct value **root,
			   struct diag_list *diags)
{
	const struct action *act = arg;
	_cleanup_object_ struct object *keeper = fs_revision_keeper(act->fs, object_uid(live), act->text);
	struct value *template = keeper ? fs_revision_template(a, keeper) : NULL;

	if (!template) {
		int r = arena_failed(a) ? -ENOMEM : -EINVAL;

		diag_add(diags, DIAG_ERROR, r, (struct value_mark){ 0 }, "",
			 "Invalid value: \"%s\": there is no such revision; revisions/ has those that there are", act->text);
		return r;
	}
	if (value_bool(value_path(*root, "spec", "paused"), false)) {
		diag_add(diags, DIAG_ERROR, -EINVAL, (struct value_mark){ 0 }, "spec.paused",
			 "a paused deployment cannot be rolled back: resume it first");
		return -EINVAL;
	}
	(void)value_set(a, value_set_map(a, *root, "spec"), "template", template);
	return 0;
}

static void pause_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	start(r, h, data, size, pause_change);
}

static void resume_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	start(r, h, data, size, resume_change);
}

static void restart_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	start(r, h, data, size, restart_change);
}

static void trigger_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	start(r, h, data, size, trigger_change);
}

static void rollback_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	start(r, h, data, size, rollback_change);
}

/* --- reapply --- */

struct reapply {
	struct fs_req *r;
	size_t size;
};

static void on_reapplied(struct fs *fs, void *arg, int result)
{
	struct reapply *a = arg;

	if (result < 0)
		fs_reply_err(a->r, result);
	else
		fs_reply_write(a->r, a->size);
	free(a);
}

static void reapply_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	_cleanup_object_ struct object *o = cache_get_uid(h->fs->cache, fs_obj_uid(h->node));
	char key[STORE_KEY_MAX + 1];
	struct reapply *a;

	if (!o || !fs_decl_latest(h->fs->decl, object_key(o), NULL, NULL, key)) {
		refuse(r, h->node, -ENOENT, "no manifest declares this object");
		return;
	}
	a = malloc(sizeof(*a));
	if (!a) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	*a = (struct reapply){ .r = r, .size = size };
	fs_req_park(r, NULL, NULL);
	fs_req_answers(r, size);
	fs_commit_again(h->fs, key, r, on_reapplied, a);
}

#define ACTION(fn) { .region = "action", .getattr = fs_action_getattr, .render = fs_action_render, .write = (fn) }
const struct fs_ops fs_delete_ops = ACTION(delete_write);
const struct fs_ops fs_evict_ops = ACTION(evict_write);
const struct fs_ops fs_reapply_ops = ACTION(reapply_write);
const struct fs_ops fs_rollback_ops = ACTION(rollback_write);
const struct fs_ops fs_restart_ops = ACTION(restart_write);
const struct fs_ops fs_trigger_ops = ACTION(trigger_write);
const struct fs_ops fs_pause_ops = ACTION(pause_write);
const struct fs_ops fs_resume_ops = ACTION(resume_write);
