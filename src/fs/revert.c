/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/revert.h"

#include <bsd/sys/queue.h>
#include <string.h>

#include "base/clock.h"
#include "fs/declared.h"
#include "fs/edit.h"
#include "fs/fieldpath.h"

struct revert {
	TAILQ_ENTRY(revert) entry;
	struct writer who;
	int64_t due; /* monotonic, ns */
	char uid[OBJECT_UID_SIZE];
	char *full; /* owned: the path for people */
	const char *ns; /* interned */
	struct fs *fs;
	char path[];
};

struct fs_reverts {
	TAILQ_HEAD(revert_list, revert) list; /* by time */
	size_t n;
	struct fs_timer *timer;
};

static void arm(struct fs_reverts *v)
{
	const struct revert *first = TAILQ_FIRST(&v->list);

	fs_timer_set(v->timer, first ? first->due : 0);
}

static void drop(struct fs_reverts *v, struct revert *e)
{
	TAILQ_REMOVE(&v->list, e, entry);
	v->n--;
}

static void free_revert(struct revert *e)
{
	free(e->full);
	free(e);
}

static int revert_field(void *arg, struct arena *a, const struct object *live, struct value **root,
			struct diag_list *diags)
{
	const struct revert *e = arg;
	const struct value *doc = fs_declared_document(e->fs, a, live);
	struct value *v = NULL;
	struct field f;
	int r;

	if (doc && field_find(object_kind(live), doc, e->path, &f) == 0 && !f.folder)
		v = value_copy(a, f.value);
	r = field_set(a, object_kind(live), *root, e->path, v);
	return r == -ENOENT ? -ECANCELED : r;
}

static void on_reverted(struct fs *fs, void *arg, int result)
{
	free_revert(arg); /* what was refused is in `errors` */
}

static void on_timer(struct fs *fs, void *arg)
{
	struct fs_reverts *v = arg;
	int64_t now = clock_monotonic();
	struct revert *e;

	while ((e = TAILQ_FIRST(&v->list)) && e->due <= now) {
		const struct fs_edit edit = { .uid = e->uid, .path = e->full, .ns = e->ns, .who = e->who,
					      .change = revert_field, .done = on_reverted, .arg = e };

		drop(v, e);
		fs_edit_start(fs, &edit);
	}
	arm(v);
}

int fs_revert_new(struct fs *fs, struct error *err)
{
	int r;

	fs->reverts = calloc(1, sizeof(*fs->reverts));
	if (!fs->reverts)
		return error_set(err, -ENOMEM, "out of memory");
	TAILQ_INIT(&fs->reverts->list);
	r = fs_timer_new(fs, on_timer, fs->reverts, &fs->reverts->timer);
	return r < 0 ? error_errno(err, r, "cannot make a timer") : 0;
}

void fs_revert_free(struct fs *fs)
{
	struct fs_reverts *v = fs->reverts;
	struct revert *e;

	if (!v)
		return;
	while ((e = TAILQ_FIRST(&v->list))) {
		drop(v, e);
		free_revert(e);
	}
	fs_timer_free(v->timer);
	free(v);
	fs->reverts = NULL;
}

void fs_revert_add(struct fs_req *r, struct fs_node *dir, const char *name, const char *uid, const char *path)
{
	struct fs *fs = dir->fs;
	struct fs_reverts *v = fs->reverts;
	_cleanup_buf_ struct buf full = BUF_INIT;
	struct revert *e = v->n < FS_REVERT_MAX ? calloc(1, sizeof(*e) + strlen(path) + 1) : NULL;

	fs_child_path(dir, name, &full);
	fs_revert_cancel(fs, uid, path); /* the time starts anew */
	if (!e) {
		fs_reply_err(r, v->n < FS_REVERT_MAX ? -ENOMEM : -EAGAIN);
		return;
	}
	e->who = fs_req_writer(r);
	e->due = clock_monotonic() + fs->config.settle_ms * NSEC_PER_MSEC;
	e->fs = fs;
	e->ns = dir->ns;
	e->full = buf_steal(&full, NULL);
	(void)snprintf(e->uid, sizeof(e->uid), "%s", uid);
	memcpy(e->path, path, strlen(path) + 1);
	if (!e->full) {
		free_revert(e);
		fs_reply_err(r, -ENOMEM);
		return;
	}
	TAILQ_INSERT_TAIL(&v->list, e, entry);
	v->n++;
	arm(v);
	fs_reply_err(r, 0);
}

void fs_revert_forget(struct fs *fs, const char *uid, const char *path)
{
	struct fs_reverts *v = fs->reverts;
	size_t len = strlen(path);
	struct revert *e, *next;

	for (e = TAILQ_FIRST(&v->list); e; e = next) {
		next = TAILQ_NEXT(e, entry);
		if (strcmp(e->uid, uid) != 0 || strncmp(e->path, path, len) != 0 || (len && e->path[len] != '/'))
			continue;
		drop(v, e);
		free_revert(e);
	}
	arm(v);
}

static struct revert *find(const struct fs *fs, const char *uid, const char *path)
{
	struct revert *e;

	TAILQ_FOREACH(e, &fs->reverts->list, entry)
		if (strcmp(e->uid, uid) == 0 && strcmp(e->path, path) == 0)
			return e;
	return NULL;
}

void fs_revert_cancel(struct fs *fs, const char *uid, const char *path)
{
	struct revert *e;

	while ((e = find(fs, uid, path))) {
		drop(fs->reverts, e);
		free_revert(e);
	}
	arm(fs->reverts);
}

bool fs_revert_pending(const struct fs *fs, const char *uid, const char *path)
{
	return find(fs, uid, path) != NULL;
}
