/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest's bytes lie in its record in the store; what is written lies in a buffer of the handle until it is committed.
 * A name that was made and has no record yet is found in a table of the pending ones.
 */
#include "fs/manifest.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "fs/commit.h"
#include "fs/dirattr.h"
#include "fs/kinddir.h"
#include "fs/prune.h"
#include "fs/rejected.h"

struct fs_whandle {
	LIST_ENTRY(fs_whandle) entry; /* of the manifest's writers, when it can write */
	struct fs_manifest *m;	      /* owned reference */
	struct store_entry *base;     /* owned: the record when it was opened; NULL: none */
	struct fs_blob *blob;	      /* owned: what was written; NULL: nothing */
	enum fs_hstate state;
	bool counted; /* as half written */
	int refused;  /* the last commit's errno */
	pid_t pid;
	bool writes;
};

RB_HEAD(fs_pendings, fs_manifest);

static int pending_cmp(const struct fs_manifest *a, const struct fs_manifest *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(fs_pendings, fs_manifest, pending, pending_cmp, __attribute__((unused)) static)

/* --- the manifest --- */

static struct fs_manifest *manifest_new(struct fs *fs, const char *key)
{
	struct fs_manifest *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->refs = 1;
	m->fs = fs;
	m->key = strdup(key);
	LIST_INIT(&m->writers);
	if (m->key)
		return m;
	free(m);
	return NULL;
}

static struct fs_manifest *manifest_ref(struct fs_manifest *m)
{
	m->refs++;
	return m;
}

static struct fs_pendings *pendings(struct fs *fs)
{
	return (struct fs_pendings *)&fs->pending;
}

static bool is_pending(const struct fs_manifest *m)
{
	return !m->entry && !m->gone;
}

static void set_gone(struct fs_manifest *m)
{
	if (is_pending(m))
		RB_REMOVE(fs_pendings, pendings(m->fs), m);
	m->gone = true;
}

static void manifest_unref(struct fs_manifest *m)
{
	if (!m || --m->refs > 0)
		return;
	set_gone(m);
	store_entry_unref(m->entry);
	buf_clear(&m->xattrs);
	free(m->error);
	free(m->key);
	free(m);
}

/* Takes a record as the one in force; -EINVAL when it is damaged. */
static int set_entry(struct fs_manifest *m, struct store_entry *e)
{
	struct fs_record rec;
	size_t len;
	const void *value = store_entry_value(e, &len);
	int r = fs_record_decode(value, len, &rec);

	if (r < 0)
		return r;
	if (is_pending(m) && m->refs)
		RB_REMOVE(fs_pendings, pendings(m->fs), m);
	(void)store_entry_ref(e);
	store_entry_unref(m->entry);
	m->entry = e;
	m->rec = rec;
	return 0;
}

int fs_manifest_key(const struct fs_node *dir, const char *name, char out[static STORE_KEY_MAX + 1])
{
	int n = snprintf(out, STORE_KEY_MAX + 1, FS_MANIFESTS_PREFIX "kinds/%s/%s/%s",
			 dir->kind->namespaced ? dir->ns : "", dir->kind->plural, name);

	return n > STORE_KEY_MAX ? -ENAMETOOLONG : 0;
}

static struct fs_manifest *find_pending(struct fs *fs, char *key)
{
	struct fs_manifest look = { .key = key };

	return RB_FIND(fs_pendings, pendings(fs), &look);
}

static int new_node(struct fs_node *dir, const char *name, const char *key, struct store_entry *e, uint64_t ino,
		    struct fs_node **ret)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_manifest *m;
	bool is_new;
	int r = fs_node_get(dir, name, ino, &fs_manifest_ops, &n, &is_new);

	if (r < 0)
		return r;
	if (is_new) {
		r = fs_manifest_adopt(n, key, e);
		if (r < 0)
			return r;
	}
	m = n->data;
	if (e && (!m->entry || store_entry_mod_rev(m->entry) != store_entry_mod_rev(e)))
		r = set_entry(m, e);
	if (r == 0)
		*ret = steal_ptr(n);
	return r;
}

int fs_manifest_adopt(struct fs_node *n, const char *key, struct store_entry *e)
{
	struct fs_manifest *m = manifest_new(n->fs, key);
	int r;

	if (!m)
		return -ENOMEM;
	m->gone = true; /* until it is one or the other */
	r = e ? set_entry(m, e) : 0;
	if (r < 0) {
		manifest_unref(m);
		return r;
	}
	m->gone = false;
	if (!e)
		(void)RB_INSERT(fs_pendings, pendings(n->fs), m); /* the caller has looked */
	m->node = n;
	n->ops = &fs_manifest_ops;
	n->data = m;
	return 0;
}

int fs_manifest_lookup(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];
	struct fs_manifest *m;
	struct fs_record rec;
	const void *value;
	size_t len;
	int r = fs_manifest_key(dir, name, key);

	if (r < 0)
		return r;
	m = find_pending(dir->fs, key);
	if (m && m->node) {
		*ret = fs_node_ref(m->node);
		return 0;
	}
	r = store_get(dir->fs->store, key, &e);
	if (r < 0)
		return r;
	value = store_entry_value(e, &len);
	r = fs_record_decode(value, len, &rec);
	return r < 0 ? -EIO : new_node(dir, name, key, e, rec.ino, ret);
}

bool fs_manifest_exists(struct fs_node *dir, const char *name)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	char key[STORE_KEY_MAX + 1];

	return fs_manifest_key(dir, name, key) == 0 &&
	       (find_pending(dir->fs, key) || store_get(dir->fs->store, key, &e) == 0);
}

int fs_manifest_readdir(struct fs_node *dir, struct fs_listing *l)
{
	_cleanup_store_list_ struct store_list list = STORE_LIST_INIT;
	char prefix[STORE_KEY_MAX + 1];
	struct fs_manifest *m;
	size_t n;
	int r = fs_manifest_key(dir, "", prefix);

	if (r < 0)
		return r;
	n = strlen(prefix);
	RB_FOREACH(m, fs_pendings, pendings(dir->fs))
		if (r == 0 && strncmp(m->key, prefix, n) == 0 && m->node)
			r = fs_listing_add(l, m->key + n, S_IFREG, m->node->ino);
	if (r == 0)
		r = store_list(dir->fs->store, prefix, &list);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		struct fs_record rec;
		size_t len;
		const void *value = store_entry_value(list.items[i], &len);

		if (fs_record_decode(value, len, &rec) == 0)
			r = fs_listing_add(l, store_entry_key(list.items[i]) + n, S_IFREG, rec.ino);
	}
	return r;
}

void fs_manifest_gone(struct fs_node *n)
{
	if (n->ops == &fs_manifest_ops)
		set_gone(n->data);
}

void fs_manifest_rekey(struct fs_node *n, const char *key)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct fs_manifest *m = n->data;
	char *copy = strdup(key);

	if (!copy)
		return; /* ignoring: the node is found anew by its name */
	free(m->key);
	m->key = copy;
	if (store_get(n->fs->store, key, &e) == 0)
		(void)set_entry(m, e); /* ignoring: it was read a moment ago */
}

static void op_destroy(struct fs_node *n)
{
	struct fs_manifest *m = n->data;

	if (m)
		m->node = NULL;
	manifest_unref(m);
	n->data = NULL;
}

/* --- attributes --- */

/* What the next record says of the file. */
static struct fs_record next_attr(const struct fs_manifest *m)
{
	struct fs_record rec = m->rec;

	rec.mode = m->over_set & FS_SET_MODE ? m->over.mode & 07777 : rec.mode;
	rec.uid = m->over_set & FS_SET_UID ? m->over.uid : rec.uid;
	rec.gid = m->over_set & FS_SET_GID ? m->over.gid : rec.gid;
	rec.mtime = m->over_set & FS_SET_MTIME ? m->over.mtime : registry_now(m->fs->registry);
	if (!m->entry) {
		rec.xattrs = m->xattrs.data;
		rec.xattrs_len = m->xattrs.len;
	}
	return rec;
}

static bool of_process(pid_t process, pid_t thread)
{
	return process == thread || (process > 0 && thread > 0 && syscall(SYS_tgkill, process, thread, 0) == 0);
}

static int op_getattr(struct fs_node *n, struct fs_attr *a)
{
	const struct fs_manifest *m = n->data;
	struct fs_record rec = next_attr(m);
	const struct fs_whandle *w;

	*a = (struct fs_attr){ .mode = S_IFREG | rec.mode, .uid = rec.uid, .gid = rec.gid,
			       .size = m->entry ? m->rec.text_len : 0,
			       .mtime = m->over_set & FS_SET_MTIME ? rec.mtime : m->rec.mtime,
			       .ctime = m->rec.ctime, .ttl = LIST_EMPTY(&m->writers) ? FS_TTL : FS_TTL_NONE };
	LIST_FOREACH(w, &m->writers, entry) /* who writes sees what he wrote */
		if (w->blob && n->fs->asking && of_process(w->pid, n->fs->asking))
			a->size = w->blob->len;
	return 0;
}

/* Whether the calling process has written what is not committed yet: futimens(2) and fchmod(2) come without a handle. */
static bool caller_writes(const struct fs_manifest *m)
{
	const struct fs_whandle *w;

	LIST_FOREACH(w, &m->writers, entry)
		if ((w->state == FS_H_DIRTY || w->state == FS_H_FRESH) && m->fs->asking &&
		    of_process(w->pid, m->fs->asking))
			return true;
	return false;
}

struct attr_change {
	struct fs_req *r;
	struct fs_manifest *m; /* owned reference */
	struct fs_node *n;     /* owned reference */
	struct fs_attr a;
	unsigned set, tries;
	bool xattr; /* answer as setxattr: nothing but 0 */
	char *name; /* owned; xattr */
	void *value; /* owned; NULL: remove */
	size_t size;
};

static void start_attr_change(struct attr_change *c);

static void free_change(struct attr_change *c)
{
	manifest_unref(c->m);
	fs_node_unref(c->n);
	free(c->name);
	free(c->value);
	free(c);
}

static void on_attr_change(struct fs *fs, void *arg, int result)
{
	struct attr_change *c = arg;
	_cleanup_store_entry_ struct store_entry *e = NULL;

	if (store_get(fs->store, c->m->key, &e) == 0 && c->m->entry)
		(void)set_entry(c->m, e); /* ignoring: the old one is shown until the next look */
	if (result == -ESTALE && e && ++c->tries < FS_COMMIT_RETRIES) {
		start_attr_change(c);
		return;
	}
	if (result < 0)
		fs_reply_err(c->r, result == -ESTALE ? -EAGAIN : result);
	else if (c->xattr)
		fs_reply_err(c->r, 0);
	else
		fs_reply_attr(c->r, c->n);
	free_change(c);
}

static void start_attr_change(struct attr_change *c)
{
	struct fs_record rec = c->m->rec;
	struct writer who = fs_req_writer(c->r);
	_cleanup_buf_ struct buf xattrs = BUF_INIT;

	if (c->xattr) {
		fs_xattr_change(rec.xattrs, rec.xattrs_len, c->name, c->value, c->size, &xattrs);
		rec.xattrs = xattrs.data;
		rec.xattrs_len = xattrs.len;
	}
	rec.mode = c->set & FS_SET_MODE ? c->a.mode & 07777 : rec.mode;
	rec.uid = c->set & FS_SET_UID ? c->a.uid : rec.uid;
	rec.gid = c->set & FS_SET_GID ? c->a.gid : rec.gid;
	rec.mtime = c->set & FS_SET_MTIME ? c->a.mtime : rec.mtime;
	rec.ctime = registry_now(c->m->fs->registry);
	if (buf_failed(&xattrs))
		on_attr_change(c->m->fs, c, -ENOMEM);
	else
		fs_commit_attr(c->m->fs, &who, c->m->key, c->m->entry, &rec, on_attr_change, c);
}

static struct attr_change *new_change(struct fs_req *r, struct fs_node *n)
{
	struct attr_change *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->r = r;
	c->n = fs_node_ref(n);
	c->m = manifest_ref(n->data);
	return c;
}

/* --- commits --- */

struct commit {
	struct fs_manifest *m; /* owned reference */
	struct fs_node *dir;   /* owned reference */
	struct fs_handle *h;   /* owned reference, or NULL: nobody waits */
	struct fs_req *r;      /* NULL: nobody waits */
	bool was_new, attr;    /* attr: answer with attributes (truncate(2)) */
};

static void count_writing(struct fs_whandle *w)
{
	bool now = w->state == FS_H_DIRTY;

	if (now != w->counted)
		fs_prune_writing(w->m->fs, now ? 1 : -1);
	w->counted = now;
}

/* A new name whose content was refused goes with its last handle. */
static void vanish_if_refused(struct fs_manifest *m)
{
	if (is_pending(m) && LIST_EMPTY(&m->writers))
		set_gone(m);
}

static void on_commit(struct fs *fs, void *arg, const struct fs_commit_result *result)
{
	struct commit *c = arg;
	struct fs_manifest *m = c->m;
	struct fs_whandle *w = c->h ? c->h->data : NULL;

	free(m->error);
	m->error = result->error ? strdup(result->error) : NULL; /* ignoring lack of memory: it is in `errors` */
	if (result->code == 0) {
		m->over_set = 0;
		if (result->now && !m->gone)
			(void)set_entry(m, result->now); /* ignoring: it was read a moment ago */
		if (c->was_new)
			fs_dirs_touch(c->dir);
	} else if (w && w->state == FS_H_CLEAN) {
		w->state = FS_H_REFUSED;
		w->refused = result->code;
	}
	if (!c->h)
		vanish_if_refused(m);
	if (c->r && result->code == 0 && c->attr)
		fs_reply_attr(c->r, m->node ? m->node : c->dir);
	else if (c->r)
		fs_reply_err(c->r, result->code);
	fs_handle_unref(c->h);
	fs_node_unref(c->dir);
	manifest_unref(m);
	free(c);
}

/* Commits a text as the manifest's. r and h may be NULL. */
static void commit_text(struct fs_manifest *m, struct fs_node *dir, struct fs_blob *text, struct fs_req *r,
			struct fs_handle *h, const struct writer *who, bool may, bool attr)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct commit *c = calloc(1, sizeof(*c));
	struct fs_commit_request q = { .text = text, .attr = next_attr(m), .who = *who, .comm = "?", .may = may };

	if (!c || !m->node) {
		free(c);
		if (r)
			fs_reply_err(r, c ? -ESTALE : -ENOMEM);
		return;
	}
	fs_child_path(dir, m->node->name, &path);
	q.target = (struct fs_commit_target){ .key = m->key, .path = buf_str(&path), .ns = dir->ns, .kind = dir->kind };
	if (r) {
		fs_req_comm(r, q.comm);
		fs_req_park(r, NULL, NULL);
	}
	*c = (struct commit){ .m = manifest_ref(m), .dir = fs_node_ref(dir), .h = fs_handle_ref(h), .r = r,
			      .was_new = !m->entry, .attr = attr };
	fs_commit_start(m->fs, &q, on_commit, c);
}

/* The commit of a handle's buffer, for a request that waits for it. */
static void commit_handle(struct fs_req *r, struct fs_handle *h)
{
	struct fs_whandle *w = h->data;
	struct writer who = fs_req_writer(r);

	if (w->m->gone || !w->m->node || !w->blob) { /* unlinked: nothing to declare */
		fs_reply_err(r, 0);
		return;
	}
	commit_text(w->m, h->node->parent, w->blob, r, h, &who, fs_kinddir_may_write(r, h->node->parent), false);
}

/* Bytes that a signal cut short. */
static void save_killed(struct fs_req *r, struct fs_handle *h)
{
	struct fs_whandle *w = h->data;
	struct writer who = fs_req_writer(r);
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
	count_writing(w);
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

static void op_flush(struct fs_req *r, struct fs_handle *h, bool same_process)
{
	step(r, h, same_process ? FS_H_FLUSH : FS_H_FLUSH_OTHER);
}

static void op_fsync(struct fs_req *r, struct fs_handle *h)
{
	step(r, h, FS_H_FSYNC);
}

static void op_release(struct fs_handle *h)
{
	struct fs_whandle *w = h->data;
	struct fs_manifest *m = w->m;
	struct writer who = { .uid = h->uid, .gid = h->gid, .agent = "mount" };

	if (w->writes) {
		enum fs_haction action = fs_hstate_next(&w->state, FS_H_RELEASE);
		struct fs_attr dir;

		count_writing(w);
		LIST_REMOVE(w, entry);
		/* Who left it dirty opened it for writing; the groups of who is gone cannot be asked for. */
		if (action == FS_H_QUIET && !m->gone && m->node && w->blob &&
		    fs_node_attr(h->node->parent, &dir) == 0)
			commit_text(m, h->node->parent, w->blob, NULL, NULL, &who,
				    who.uid == 0 || (who.uid == dir.uid && dir.mode & S_IWUSR) ||
					    (who.gid == dir.gid && dir.mode & S_IWGRP) || dir.mode & S_IWOTH,
				    false);
		else
			vanish_if_refused(m);
		if (LIST_EMPTY(&m->writers) && m->entry && action != FS_H_QUIET)
			m->over_set = 0;
	}
	fs_blob_unref(w->blob);
	store_entry_unref(w->base);
	manifest_unref(m);
	free(w);
	h->data = NULL;
}

/* --- handles --- */

static struct fs_whandle *whandle_new(struct fs_manifest *m, int flags, pid_t pid)
{
	struct fs_whandle *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->pid = pid;
	w->writes = (flags & O_ACCMODE) != O_RDONLY;
	if (w->writes && (!m->entry || flags & O_TRUNC)) {
		w->state = FS_H_FRESH;
		w->blob = fs_blob_new(NULL, 0);
		if (!w->blob) {
			free(w);
			return NULL;
		}
	}
	w->m = manifest_ref(m);
	w->base = m->entry ? store_entry_ref(m->entry) : NULL;
	if (w->writes)
		LIST_INSERT_HEAD(&m->writers, w, entry);
	return w;
}

static void op_open(struct fs_req *r, struct fs_node *n, struct fs_handle *h)
{
	h->data = whandle_new(n->data, h->flags, h->pid);
	if (h->data)
		fs_reply_open(r, h);
	else
		fs_reply_err(r, -ENOMEM);
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

static void op_read(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off)
{
	const struct fs_whandle *w = h->data;
	const char *text;
	size_t len;

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
static int need_blob(struct fs_whandle *w)
{
	const char *text;
	size_t len;

	if (w->blob)
		return 0;
	base_text(w, &text, &len);
	w->blob = fs_blob_new(text, len);
	return w->blob ? 0 : -ENOMEM;
}

static void wrote(struct fs_whandle *w)
{
	(void)fs_hstate_next(&w->state, FS_H_WRITE); /* it asks for nothing */
	w->m->over_set &= ~(unsigned)FS_SET_MTIME;
	count_writing(w);
}

static void op_write(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off)
{
	struct fs_whandle *w = h->data;
	int err = need_blob(w);

	if (err == 0)
		err = fs_blob_write(&w->blob, data, size, h->flags & O_APPEND ? w->blob->len : off);
	if (err < 0) {
		if (err == -EFBIG)
			fs_errors_add(w->m->fs, r, h->node->ns, h->node->name, "a manifest has %d bytes at most",
				      FS_MANIFEST_MAX);
		fs_reply_err(r, err);
		return;
	}
	wrote(w);
	fs_reply_write(r, size);
}

/* truncate(2) by name: the shortened text is a new version. */
static void truncate_path(struct fs_req *r, struct fs_node *n, uint64_t size)
{
	struct fs_manifest *m = n->data;
	_cleanup_blob_ struct fs_blob *text = fs_blob_new(m->entry ? m->rec.text : NULL, m->entry ? m->rec.text_len : 0);
	struct writer who = fs_req_writer(r);
	int err = text ? 0 : -ENOMEM;

	if (err == 0)
		err = size > FS_MANIFEST_MAX ? -EFBIG : fs_blob_resize(&text, size);
	if (err < 0)
		fs_reply_err(r, err);
	else
		commit_text(m, n->parent, text, r, NULL, &who, fs_kinddir_may_write(r, n->parent), true);
}

static void op_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set, struct fs_handle *h)
{
	struct fs_manifest *m = n->data;
	struct fs_whandle *w = h ? h->data : NULL;
	struct attr_change *c;

	if (set & FS_SET_SIZE && !(w && w->writes)) {
		truncate_path(r, n, a->size);
		return;
	}
	if (set & FS_SET_SIZE) {
		int err = a->size > FS_MANIFEST_MAX ? -EFBIG : need_blob(w);
		size_t before = err == 0 ? w->blob->len : 0;

		if (err == 0)
			err = fs_blob_resize(&w->blob, a->size);
		if (err < 0) {
			fs_reply_err(r, err);
			return;
		}
		if (before != a->size)
			wrote(w);
	}
	set &= ~(unsigned)FS_SET_SIZE;
	if (!set || !m->entry || caller_writes(m)) {
		m->over.mode = set & FS_SET_MODE ? a->mode : m->over.mode;
		m->over.uid = set & FS_SET_UID ? a->uid : m->over.uid;
		m->over.gid = set & FS_SET_GID ? a->gid : m->over.gid;
		m->over.mtime = set & FS_SET_MTIME ? a->mtime : m->over.mtime;
		m->over_set |= set;
		fs_reply_attr(r, n);
		return;
	}
	c = new_change(r, n);
	if (!c) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	c->a = *a;
	c->set = set;
	fs_req_park(r, NULL, NULL);
	start_attr_change(c);
}

/* --- extended attributes --- */

#define ERROR_XATTR "user.podfs.error"

static int op_getxattr(struct fs_node *n, const char *name, struct buf *out)
{
	const struct fs_manifest *m = n->data;
	const char *xattrs = m->entry ? m->rec.xattrs : m->xattrs.data, *value;
	size_t xattrs_len = m->entry ? m->rec.xattrs_len : m->xattrs.len, len;

	if (strcmp(name, ERROR_XATTR) == 0) {
		if (!m->error)
			return -ENODATA;
		buf_puts(out, m->error);
		return 0;
	}
	if (!fs_xattr_find(xattrs, xattrs_len, name, &value, &len))
		return -ENODATA;
	buf_append(out, value, len);
	return 0;
}

/* Not the error's: a copy of the file should not take it along. */
static int op_listxattr(struct fs_node *n, struct buf *out)
{
	const struct fs_manifest *m = n->data;

	fs_xattr_names(m->entry ? m->rec.xattrs : m->xattrs.data, m->entry ? m->rec.xattrs_len : m->xattrs.len, out);
	return 0;
}

static void change_xattr(struct fs_req *r, struct fs_node *n, const char *name, const void *value, size_t size)
{
	struct fs_manifest *m = n->data;
	struct attr_change *c;

	if (!m->entry) {
		struct buf changed = BUF_INIT;

		fs_xattr_change(m->xattrs.data, m->xattrs.len, name, value, size, &changed);
		if (buf_failed(&changed)) {
			buf_clear(&changed);
			fs_reply_err(r, -ENOMEM);
			return;
		}
		buf_clear(&m->xattrs);
		m->xattrs = changed;
		fs_reply_err(r, 0);
		return;
	}
	c = new_change(r, n);
	if (c) {
		c->xattr = true;
		c->name = strdup(name);
		c->value = value ? malloc(size ? size : 1) : NULL;
		c->size = size;
	}
	if (!c || !c->name || (value && !c->value)) {
		if (c)
			free_change(c);
		fs_reply_err(r, -ENOMEM);
		return;
	}
	if (size)
		memcpy(c->value, value, size);
	fs_req_park(r, NULL, NULL);
	start_attr_change(c);
}

enum { XATTRS_MAX = 65536 }; /* of one file: as much as ext4 and btrfs give a value, xattr(7) */

static void op_setxattr(struct fs_req *r, struct fs_node *n, const char *name, const void *value, size_t size,
			int flags)
{
	const struct fs_manifest *m = n->data;
	const char *xattrs = m->entry ? m->rec.xattrs : m->xattrs.data, *old;
	size_t len = m->entry ? m->rec.xattrs_len : m->xattrs.len, old_len;
	bool there = fs_xattr_find(xattrs, len, name, &old, &old_len);

	if (strcmp(name, ERROR_XATTR) == 0)
		fs_reply_err(r, -EPERM);
	else if (flags & XATTR_CREATE && there)
		fs_reply_err(r, -EEXIST);
	else if (flags & XATTR_REPLACE && !there)
		fs_reply_err(r, -ENODATA);
	else if (len + size > XATTRS_MAX)
		fs_reply_err(r, -ENOSPC);
	else
		change_xattr(r, n, name, value ? value : "", size);
}

static void op_removexattr(struct fs_req *r, struct fs_node *n, const char *name)
{
	const struct fs_manifest *m = n->data;
	const char *old;
	size_t len;

	if (!fs_xattr_find(m->entry ? m->rec.xattrs : m->xattrs.data, m->entry ? m->rec.xattrs_len : m->xattrs.len, name,
			   &old, &len))
		fs_reply_err(r, -ENODATA);
	else
		change_xattr(r, n, name, NULL, 0);
}

const struct fs_ops fs_manifest_ops = {
	.region = "manifest",
	.getattr = op_getattr,
	.destroy = op_destroy,
	.setattr = op_setattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.fsync = op_fsync,
	.release = op_release,
};

/* --- making one --- */

void fs_manifest_create(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs *fs = dir->fs;
	struct writer who = fs_req_writer(r);
	char key[STORE_KEY_MAX + 1], unique[64];
	struct fs_manifest *m;
	struct fs_whandle *w = NULL;
	int err = fs_manifest_key(dir, name, key);

	(void)snprintf(unique, sizeof(unique), "%lld.%u", (long long)registry_now(fs->registry), fs->made++);
	if (err == 0)
		err = new_node(dir, name, key, NULL, fs_ino(fs, key, unique), &n);
	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	m = n->data;
	m->rec = (struct fs_record){ .ino = n->ino, .mode = mode, .uid = who.uid, .gid = who.gid,
				     .mtime = registry_now(fs->registry), .ctime = registry_now(fs->registry) };
	w = whandle_new(m, fs_req_flags(r), fs_req_pid(r));
	if (w)
		fs_reply_create(r, n, w);
	else
		fs_reply_err(r, -ENOMEM);
}
