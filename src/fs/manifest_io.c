/* SPDX-License-Identifier: Apache-2.0 */
/* Handles on manifests and the commits of what they wrote. */
#include <fcntl.h>
#include <string.h>

#include "fs/access.h"
#include "fs/aside.h"
#include "fs/commit.h"
#include "fs/keep.h"
#include "fs/manifest-internal.h"
#include "fs/place.h"
#include "fs/prune.h"
#include "fs/quota.h"
#include "fs/rejected.h"
#include "fs/unlinked.h"

/* --- commits --- */

struct commit {
	struct fs_manifest *m; /* owned reference */
	struct fs_node *dir;   /* owned reference */
	struct fs_handle *h;   /* owned reference, or NULL: nobody waits */
	struct fs_kept *kept;  /* owned: of a handle that is released, until this is done; else NULL */
	struct fs_req *r;      /* NULL: nobody waits */
	bool attr;	       /* answer with attributes (truncate(2)) */
};

void fs_whandle_count(struct fs_whandle *w)
{
	bool now = w->state == FS_H_DIRTY;

	if (now != w->counted)
		fs_prune_writing(w->m->fs, now ? 1 : -1);
	w->counted = now;
}

/* A new name whose content was refused goes with its last handle. */
static void vanish_if_refused(struct fs_manifest *m)
{
	if (!fs_manifest_is_pending(m) || !LIST_EMPTY(&m->writers))
		return;
	fs_manifest_set_gone(m);
	fs_unlinked_refused(m->fs, m->key);
}

static void on_taken_away(struct fs *fs, void *arg, int result)
{
	/* Ignoring a failure: the file is there again and can be removed. */
}

/* The file was unlinked while its first commit was on the way: what that made goes too. */
static void take_away(struct fs_manifest *m, const struct store_entry *now)
{
	const struct writer who = { .uid = 0, .agent = "mount" };
	struct fs_record rec;
	size_t len;
	const void *value = store_entry_value(now, &len);

	if (fs_record_decode(value, len, &rec) == 0 && rec.ino == m->rec.ino)
		fs_commit_remove(m->fs, &who, m->key, on_taken_away, NULL);
}

static void on_commit(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	struct commit *c = arg;
	struct fs_manifest *m = c->m;
	struct fs_whandle *w = c->h ? c->h->data : NULL;

	m->committing--;
	free(m->error);
	m->error = result->error ? strdup(result->error) : NULL; /* ignoring lack of memory: it is in `errors` */
	if (result->code == 0) {
		m->over_set = 0;
		m->wrote = 0;
		if (result->now && m->gone)
			take_away(m, result->now);
		else if (result->now)
			(void)fs_manifest_set_entry(m, result->now); /* ignoring: it was read a moment ago */
	} else if (w && w->state == FS_H_CLEAN) {
		w->state = FS_H_REFUSED;
		w->refused = result->code;
	}
	if (w) {
		w->committing--;
		fs_whandle_keep(w);
	}
	if (!c->h)
		vanish_if_refused(m);
	if (c->r && result->code == 0 && c->attr)
		fs_reply_attr(c->r, m->node ? m->node : c->dir);
	else if (c->r)
		fs_reply_err(c->r, result->code);
	fs_keep_handle_drop(fs->keep, c->kept);
	if (m->settled && !m->committing) {
		void (*settled)(void *arg) = m->settled;

		m->settled = NULL;
		settled(m->settled_arg);
	}
	fs_handle_unref(c->h);
	fs_node_unref(c->dir);
	fs_manifest_unref(m);
	free(c);
}

/* Commits a text as the manifest's. r and h may be NULL; kept is taken, and may be NULL. */
static void commit_text(struct fs_manifest *m, struct fs_node *dir, struct fs_blob *text, struct fs_req *r,
			struct fs_handle *h, const struct writer *who, struct fs_access *access, bool attr,
			struct fs_kept *kept)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct commit *c = calloc(1, sizeof(*c));
	struct fs_commit_request q = { .text = text, .attr = fs_manifest_next_attr(m), .who = *who, .req = r,
				       .access = access, .answer = attr ? NULL : r };

	if (!c || !m->node) {
		free(c);
		fs_keep_handle_drop(m->fs->keep, kept);
		if (r)
			fs_reply_err(r, c ? -ESTALE : -ENOMEM);
		return;
	}
	fs_child_path(dir, m->node->name, &path);
	q.target = (struct fs_commit_target){ .key = m->key, .path = buf_str(&path) };
	fs_place_target(dir, &q.target);
	if (r)
		fs_req_park(r, NULL, NULL);
	*c = (struct commit){ .m = fs_manifest_ref(m), .dir = fs_node_ref(dir), .h = fs_handle_ref(h), .r = r,
			      .attr = attr, .kept = kept };
	if (h)
		((struct fs_whandle *)h->data)->committing++;
	m->committing++;
	fs_commit_start(m->fs, &q, on_commit, c);
}

/* The commit of a handle's buffer, for a request that waits for it. */
static void commit_handle(struct fs_req *r, struct fs_handle *h)
{
	struct fs_whandle *w = h->data;
	struct writer who = fs_handle_writer(h, r);

	if (w->m->gone || !w->m->node || !w->blob) { /* unlinked: nothing to declare */
		fs_whandle_keep(w);
		fs_reply_err(r, 0);
		return;
	}
	commit_text(w->m, h->node->parent, w->blob, r, h, &who, h->access, false, NULL);
}

/* Bytes that a signal cut short. */
static void save_killed(struct fs_req *r, struct fs_handle *h)
{
	struct fs_whandle *w = h->data;
	struct writer who = fs_handle_writer(h, r);
	_cleanup_buf_ struct buf path = BUF_INIT;

	fs_node_path(h->node, &path);
	fs_errors_add(w->m->fs, r, h->node->ns, buf_str(&path),
		      "not committed: a signal ended the process that wrote it; the %zu bytes are in rejected/",
		      w->blob ? w->blob->len : 0);
	if (w->blob)
		fs_rejected_save(w->m->fs, &who, h->node->ns, buf_str(&path), w->blob->data, w->blob->len);
	fs_reply_err(r, 0);
}

static void step(struct fs_req *r, struct fs_handle *h, enum fs_hevent event)
{
	struct fs_whandle *w = h->data;
	enum fs_haction action;

	if (event == FS_H_FLUSH && (w->state == FS_H_DIRTY || w->state == FS_H_FRESH) && fs_req_is_killed(r))
		event = FS_H_FLUSH_KILLED;
	action = fs_hstate_next(&w->state, event);
	fs_whandle_count(w);
	if (action != FS_H_COMMIT) /* then it is kept as it is until the commit is done: the call may come again */
		fs_whandle_keep(w);
	switch (action) {
	case FS_H_COMMIT:
		commit_handle(r, h);
		break;
	case FS_H_REPEAT:
		fs_reply_err(r, w->refused);
		break;
	case FS_H_SAVE:
		save_killed(r, h);
		break;
	case FS_H_NONE:
	case FS_H_QUIET:
		fs_reply_err(r, 0);
		break;
	}
}

void fs_manifest_op_flush(struct fs_req *r, struct fs_handle *h, bool same_process)
{
	step(r, h, same_process ? FS_H_FLUSH : FS_H_FLUSH_OTHER);
}

void fs_manifest_op_fsync(struct fs_req *r, struct fs_handle *h)
{
	step(r, h, FS_H_FSYNC);
}

void fs_manifest_op_release(struct fs_handle *h)
{
	struct fs_whandle *w = h->data;
	struct fs_manifest *m = w->m;
	struct writer who = fs_handle_writer(h, NULL);

	if (w->writes) {
		enum fs_haction action = fs_hstate_next(&w->state, FS_H_RELEASE);

		fs_whandle_count(w);
		LIST_REMOVE(w, entry);
		if (action == FS_H_QUIET && !m->gone && m->node && w->blob)
			commit_text(m, h->node->parent, w->blob, NULL, NULL, &who, h->access, false,
				    steal_ptr(h->kept));
		else
			vanish_if_refused(m);
		if (LIST_EMPTY(&m->writers))
			m->wrote = 0;
		if (LIST_EMPTY(&m->writers) && m->entry && action != FS_H_QUIET)
			m->over_set = 0;
	}
	w->writes = false; /* it is out of the list */
	fs_whandle_free(w);
	h->data = NULL;
}

/* --- handles --- */

struct fs_whandle *fs_whandle_new(struct fs_manifest *m, int flags, pid_t pid)
{
	struct fs_whandle *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->pid = pid;
	w->aside = m->entry && m->rec.aside_len ? fs_aside_open(m->fs, &m->rec) : -1;
	w->writes = (flags & O_ACCMODE) != O_RDONLY;
	if (w->writes && (!m->entry || flags & O_TRUNC)) {
		w->state = FS_H_FRESH;
		w->blob = fs_blob_new(NULL, 0);
		if (!w->blob) {
			close_fdp(&w->aside);
			free(w);
			return NULL;
		}
	}
	w->m = fs_manifest_ref(m);
	w->base = m->entry ? store_entry_ref(m->entry) : NULL;
	if (w->writes)
		LIST_INSERT_HEAD(&m->writers, w, entry);
	return w;
}

void fs_manifest_op_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	h->data = fs_whandle_new(n->data, h->flags, h->pid);
	if (h->data)
		fs_reply_open(r, h);
	else
		fs_reply_err(r, -ENOMEM);
}

/* Whether the text that the handle began with lies aside. */
static bool begins_aside(const struct fs_whandle *w)
{
	struct fs_record rec;
	const void *value;
	size_t len;

	if (!w->base)
		return false;
	value = store_entry_value(w->base, &len);
	return fs_record_decode(value, len, &rec) == 0 && rec.aside_len;
}

static void read_aside(struct fs_req *r, const struct fs_whandle *w, size_t size, uint64_t off)
{
	_cleanup_free_ char *b = malloc(size ? size : 1);
	ssize_t n = b && w->aside >= 0 ? pread(w->aside, b, size, (off_t)off) : -1;

	if (n >= 0)
		fs_reply_buf(r, b, (size_t)n);
	else
		fs_reply_err(r, !b ? -ENOMEM : w->aside < 0 ? w->aside : -errno);
}

static void base_text(const struct fs_whandle *w, const char **ret_text, size_t *ret_len)
{
	struct fs_record rec;
	const void *value;
	size_t len;

	*ret_text = "";
	*ret_len = 0;
	if (!w->base)
		return;
	value = store_entry_value(w->base, &len);
	if (fs_record_decode(value, len, &rec) == 0) {
		*ret_text = rec.text;
		*ret_len = rec.text_len;
	}
}

void fs_manifest_op_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	const struct fs_whandle *w = h->data;
	const char *text;
	size_t len;

	if (!w->blob && begins_aside(w)) {
		read_aside(r, w, size, off);
		return;
	}
	if (w->blob) {
		text = w->blob->data;
		len = w->blob->len;
	} else {
		base_text(w, &text, &len);
	}
	if (off > len)
		off = len;
	fs_reply_buf(r, text ? text + off : NULL, len - off < size ? len - off : size);
}

/* The handle's own copy of what it began with. */
int fs_whandle_need_blob(struct fs_whandle *w)
{
	const char *text;
	size_t len;

	if (w->blob)
		return 0;
	if (begins_aside(w))
		return w->aside < 0 ? w->aside : fs_aside_read(w->aside, &w->blob);
	base_text(w, &text, &len);
	w->blob = fs_blob_new(text, len);
	return w->blob ? 0 : -ENOMEM;
}

void fs_whandle_failed(struct fs_whandle *w, int code)
{
	(void)fs_hstate_next(&w->state, FS_H_FAIL); /* it asks for nothing */
	w->refused = code;
	fs_whandle_count(w);
	fs_whandle_keep(w);
}

void fs_whandle_wrote(struct fs_whandle *w)
{
	if (w->blob && w->blob->len == 0)
		(void)fs_hstate_next(&w->state, FS_H_EMPTY); /* nor does this */
	(void)fs_hstate_next(&w->state, FS_H_WRITE); /* it asks for nothing */
	w->m->over_set &= ~(unsigned)FS_SET_MTIME;
	w->m->wrote = registry_now(w->m->fs->registry);
	fs_whandle_count(w);
}

static void tell_too_big(struct fs_req *r, struct fs_handle *h)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	fs_node_path(h->node, &path);
	fs_errors_add(h->node->fs, r, h->node->ns, buf_str(&path), "a manifest has %d bytes at most", FS_MANIFEST_MAX);
}

void fs_manifest_op_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct fs_whandle *w = h->data;
	int err = fs_whandle_need_blob(w);
	size_t at;

	at = err == 0 && h->flags & O_APPEND ? w->blob->len : off;
	if (err == 0)
		err = fs_quota_hold(h, w->blob->len > off + size ? w->blob->len : at + size);
	if (err == 0)
		err = fs_blob_write(&w->blob, data, size, at);
	if (err < 0) {
		if (err == -EFBIG && w->refused != err)
			tell_too_big(r, h);
		fs_whandle_failed(w, err);
		fs_reply_err(r, err);
		return;
	}
	fs_whandle_wrote(w);
	fs_whandle_keep_text(w, data, size, at, fs_req_unique(r));
	fs_reply_write(r, size);
}

void fs_whandle_free(struct fs_whandle *w)
{
	if (!w)
		return;
	if (w->writes)
		LIST_REMOVE(w, entry);
	if (w->aside >= 0)
		close_fdp(&w->aside);
	fs_blob_unref(w->blob);
	store_entry_unref(w->base);
	fs_manifest_unref(w->m);
	free(w);
}

/* truncate(2) by name: the shortened text is a new version. */
void fs_manifest_truncate(struct fs_req *r, struct fs_node *n, uint64_t size)
{
	struct fs_manifest *m = n->data;
	_cleanup_blob_ struct fs_blob *text = NULL;
	_cleanup_fs_access_ struct fs_access *access = fs_access_of(r);
	struct writer who = fs_req_writer(r);
	int err = m->gone ? -ESTALE : access ? 0 : -ENOMEM;

	if (err == 0 && m->entry)
		err = fs_aside_text(m->fs, &m->rec, &text);
	else if (err == 0 && !(text = fs_blob_new(NULL, 0)))
		err = -ENOMEM;
	if (err == 0)
		err = size > FS_MANIFEST_MAX ? -EFBIG : fs_blob_resize(&text, size);
	if (err < 0)
		fs_reply_err(r, err);
	else
		commit_text(m, n->parent, text, r, NULL, &who, access, true, NULL);
}

