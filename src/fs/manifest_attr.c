/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of manifests: durable in the record at once, or with the commit of what their setter is writing. */
#include <string.h>
#include <sys/xattr.h>

#include "fs/commit.h"
#include "fs/manifest-internal.h"
#include "fs/quota.h"

/* --- attributes --- */

/* What the next record says of the file. */
struct fs_record fs_manifest_next_attr(const struct fs_manifest *m)
{
	struct fs_record rec = m->rec;

	rec.mode = m->over_set & FS_SET_MODE ? (rec.mode & S_IFMT) | (m->over.mode & 07777) : rec.mode;
	rec.uid = m->over_set & FS_SET_UID ? m->over.uid : rec.uid;
	rec.gid = m->over_set & FS_SET_GID ? m->over.gid : rec.gid;
	rec.ctime = m->wrote ? m->wrote : registry_now(m->fs->registry);
	rec.mtime = m->over_set & FS_SET_MTIME ? m->over.mtime : rec.ctime;
	if (!m->entry) {
		rec.xattrs = m->xattrs.data;
		rec.xattrs_len = m->xattrs.len;
	}
	return rec;
}

int fs_manifest_op_getattr(struct fs_node *n, struct fs_attr *a)
{
	const struct fs_manifest *m = n->data;
	struct fs_record rec = fs_manifest_next_attr(m);
	const struct fs_whandle *w;

	if (m->gone && !m->entry && LIST_EMPTY(&m->writers))
		return -ENOENT;
	*a = (struct fs_attr){ .mode = rec.mode & S_IFMT ? rec.mode : S_IFREG | rec.mode, .uid = rec.uid, .gid = rec.gid,
			       .size = m->entry ? fs_record_size(&m->rec) : 0,
			       .mtime = m->over_set & FS_SET_MTIME ? rec.mtime : m->touched ? m->touched : m->rec.mtime,
			       .ctime = m->touched ? m->touched : m->rec.ctime, .ttl = FS_TTL, .unlinked = m->gone,
			       .name_ttl = m->entry ? FS_TTL : FS_TTL_NONE }; /* a new name may be gone at release */
	LIST_FOREACH(w, &m->writers, entry) { /* who writes sees what he wrote */
		if (!w->blob)
			continue;
		if (m->entry || w->blob->len)
			a->ttl = FS_TTL_NONE;
		if (!n->fs->asking || !fs_process_has(w->pid, n->fs->asking))
			continue;
		a->size = w->blob->len;
		if (m->wrote) { /* what the commit will say too: git remembers what it saw before its close(2) */
			a->mtime = rec.mtime;
			a->ctime = rec.ctime;
		}
	}
	return 0;
}

/* Whether the calling process has written what is not committed yet: futimens(2) and fchmod(2) come without a handle. */
static bool caller_writes(const struct fs_manifest *m)
{
	const struct fs_whandle *w;

	LIST_FOREACH(w, &m->writers, entry)
		if ((w->state == FS_H_DIRTY || w->state == FS_H_FRESH) && m->fs->asking &&
		    fs_process_has(w->pid, m->fs->asking))
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
	fs_manifest_unref(c->m);
	fs_node_unref(c->n);
	free(c->name);
	free(c->value);
	free(c);
}

/* Of what has no record of its own: the next record says so, if there will be one. */
static void keep_change(struct fs_manifest *m, const struct fs_attr *a, unsigned set)
{
	m->over.mode = set & FS_SET_MODE ? a->mode : m->over.mode;
	m->over.uid = set & FS_SET_UID ? a->uid : m->over.uid;
	m->over.gid = set & FS_SET_GID ? a->gid : m->over.gid;
	m->over.mtime = set & FS_SET_MTIME ? a->mtime : m->over.mtime;
	m->over_set |= set;
	fs_manifest_keep(m);
}

static void on_attr_change(struct fs *fs, void *arg, int result)
{
	struct attr_change *c = arg;
	_cleanup_store_entry_ struct store_entry *e = NULL;

	if (c->m->gone) { /* what has its key now is another file */
		keep_change(c->m, &c->a, c->set);
		result = 0;
	} else if (store_get(fs->store, c->m->key, &e) == 0 && c->m->entry)
		(void)fs_manifest_set_entry(c->m, e); /* ignoring: the old one is shown until the next look */
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
	rec.mode = c->set & FS_SET_MODE ? (rec.mode & S_IFMT) | (c->a.mode & 07777) : rec.mode;
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
	c->m = fs_manifest_ref(n->data);
	return c;
}

void fs_manifest_op_setattr(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set, struct fs_handle *h)
{
	struct fs_manifest *m = n->data;
	struct fs_whandle *w = h ? h->data : NULL;
	struct attr_change *c;

	if (set & FS_SET_SIZE && !(w && w->writes)) {
		fs_manifest_truncate(r, n, a->size);
		return;
	}
	if (set & FS_SET_SIZE) {
		int err = a->size > FS_MANIFEST_MAX ? -EFBIG : fs_whandle_need_blob(w);
		size_t before = err == 0 ? w->blob->len : 0;

		if (err == 0)
			err = fs_quota_hold(h, a->size);
		if (err == 0)
			err = fs_blob_resize(&w->blob, a->size);
		if (err < 0) {
			fs_reply_err(r, err);
			return;
		}
		if (before != a->size)
			fs_whandle_wrote(w);
		fs_whandle_keep_text(w, NULL, 0, 0, fs_req_unique(r));
	}
	set &= ~(unsigned)FS_SET_SIZE;
	if (!set || !m->entry || m->gone || caller_writes(m)) {
		keep_change(m, a, set);
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
	if (set & FS_SET_MTIME) {
		m->touched = 0;
		m->touch_again = false;
	}
	fs_req_park(r, NULL, NULL);
	start_attr_change(c);
}

/* --- extended attributes --- */

#define ERROR_XATTR "user.podfs.error"

int fs_manifest_op_getxattr(struct fs_node *n, const char *name, struct buf *out)
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
int fs_manifest_op_listxattr(struct fs_node *n, struct buf *out)
{
	const struct fs_manifest *m = n->data;

	fs_xattr_names(m->entry ? m->rec.xattrs : m->xattrs.data, m->entry ? m->rec.xattrs_len : m->xattrs.len, out);
	return 0;
}

static void change_xattr(struct fs_req *r, struct fs_node *n, const char *name, const void *value, size_t size)
{
	struct fs_manifest *m = n->data;
	struct attr_change *c;

	if (m->gone) { /* unlinked: nobody asks for it any more */
		fs_reply_err(r, 0);
		return;
	}
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

enum { XATTRS_PENDING_MAX = 4096 }; /* of a user's file that is not committed yet and so charged to nobody */
enum { XATTRS_MAX = 65536 }; /* of one file: as much as ext4 and btrfs give a value, xattr(7) */

void fs_manifest_op_setxattr(struct fs_req *r, struct fs_node *n, const char *name, const void *value, size_t size,
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
	else if (len + strlen(name) + size > XATTRS_MAX ||
		 (!m->entry && fs_req_writer(r).uid && len + strlen(name) + size > XATTRS_PENDING_MAX))
		fs_reply_err(r, -ENOSPC);
	else if (fs_quota_record(n->fs, m->entry ? m->rec.writer_uid : 0, size) < 0)
		fs_reply_err(r, -EDQUOT);
	else
		change_xattr(r, n, name, value ? value : "", size);
}

void fs_manifest_op_removexattr(struct fs_req *r, struct fs_node *n, const char *name)
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

