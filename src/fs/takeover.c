/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on where a dead daemon stopped (podfs(7), "When things go wrong"). The kernel speaks of inodes and handles that
 * daemon gave it: they are found again by the names and buffers that it kept (fs/keep.h). What it had read and not answered,
 * the kernel sends again (FUSE_NOTIFY_RESEND, Linux 6.9), marked; an older one does not, and it is served from what was
 * kept of it, marked likewise. Such a request may have been done already, which is seen here from what is there: while it is
 * under way the kernel lets nobody else touch the name.
 */
#include "fs/frame.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>

#include "base/log.h"
#include "fs/access.h"

enum {
	NOTIFY_RESEND = 7, /* FUSE_NOTIFY_RESEND, linux/fuse.h of 6.9 */
	DEPTH_MAX = 128,   /* of directories, so that what is damaged ends */
};

/* --- inodes --- */

bool fs_takeover_adopt(struct fs_node *n)
{
	char name[FS_KEEP_NAME];
	uint64_t parent, nlookup;
	uint32_t at;

	if (n->nlookup || !fs_keep_node_find(n->fs->keep, n->ino, &at, &parent, name, &nlookup))
		return false;
	n->kept = at;
	n->nlookup = nlookup;
	(void)fs_node_ref(n);
	return true;
}

/* What has that number in a directory and another name now, as a log of an earlier run has. */
static struct fs_node *find_renamed(struct fs_node *dir, uint64_t ino)
{
	struct fs_listing l = { .names = BUF_INIT };
	_cleanup_fs_node_ struct fs_node *n = NULL;

	if (dir->ops->readdir && dir->ops->readdir(dir, &l) == 0)
		for (size_t i = 0; i < l.n && !n; i++)
			if (l.entries[i].ino == ino && dir->ops->lookup(dir, fs_listing_name(&l, i), &n) < 0)
				n = NULL;
	fs_listing_clear(&l);
	return n && n->ino == ino ? steal_ptr(n) : NULL;
}

static struct fs_node *find_node(struct fs *fs, uint64_t ino, unsigned depth)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	char name[FS_KEEP_NAME];
	struct fs_node *dir;
	uint64_t parent, nlookup;
	uint32_t at;

	if (ino == FUSE_ROOT_ID)
		return fs->root;
	dir = fs_node_find(fs, ino);
	if (dir)
		return dir;
	if (depth == DEPTH_MAX || !fs_keep_node_find(fs->keep, ino, &at, &parent, name, &nlookup))
		return NULL;
	dir = find_node(fs, parent, depth + 1);
	if (!dir || !dir->ops->lookup)
		return NULL;
	if (dir->ops->lookup(dir, name, &n) < 0 || !n || n->ino != ino) {
		if (n)
			fs_node_unref(steal_ptr(n));
		n = find_renamed(dir, ino);
	}
	if (!n)
		return NULL;
	return fs_takeover_adopt(n) || n->nlookup ? n : NULL;
}

struct fs_node *fs_takeover_node(struct fs *fs, uint64_t ino)
{
	return fs->keep ? find_node(fs, ino, 0) : NULL;
}

void fs_takeover_forget(struct fs *fs, uint64_t ino, uint64_t count)
{
	char name[FS_KEEP_NAME];
	uint64_t parent, nlookup;
	uint32_t at;

	if (!fs_keep_node_find(fs->keep, ino, &at, &parent, name, &nlookup))
		return;
	if (nlookup > count)
		fs_keep_node_count(fs->keep, at, nlookup - count);
	else
		fs_keep_node_drop(fs->keep, at);
}

/* --- handles --- */

static int gone_getattr(struct fs_node *n, struct fs_attr *a)
{
	return -ESTALE;
}

/* What is open and has no name any more: only its snapshot can be read. */
static const struct fs_ops gone_ops = { .region = "gone", .getattr = gone_getattr };

static int restore_plain(struct fs_handle *h, const struct fs_takeover_place *at)
{
	struct fs_node *n = fs_takeover_node(h->fs, at->ino);
	int r = 0;

	if (n)
		h->node = fs_node_ref(n);
	else
		r = fs_node_get(h->fs->root, "", at->ino, &gone_ops, &h->node, NULL);
	if (r < 0)
		return r;
	h->ops = h->node->ops;
	if (h->ops->release && !h->ops->keep) /* it had data, of which nothing was kept */
		return -EIO;
	buf_append(&h->snap, fs_keep_handle_snap(h->fs->keep, h->kept), h->kept->snap_len);
	return buf_failed(&h->snap) ? -ENOMEM : 0;
}

/* A listing as fs_takeover_keep_listing() writes it. */
struct kept_entry {
	uint64_t ino;
	uint32_t mode, len; /* of the name, which follows with a NUL, filled up to 8 bytes */
};

static int restore_dir(struct fs_handle *h, const struct fs_takeover_place *at)
{
	const char *p = fs_keep_handle_snap(h->fs->keep, h->kept), *end = p + h->kept->snap_len;
	struct fs_node *n = fs_takeover_node(h->fs, at->ino);
	int r = 0;

	if (!n)
		return -ESTALE;
	h->node = fs_node_ref(n);
	h->ops = n->ops;
	r = fs_handle_set_dir(h, h->pid);
	while (p && r == 0 && end - p >= (ptrdiff_t)sizeof(struct kept_entry)) {
		const struct kept_entry *e = (const void *)p;

		r = fs_listing_add(h->listing, p + sizeof(*e), e->mode, e->ino);
		p += sizeof(*e) + ((e->len + 8) & ~7U);
		h->listing->filled = true;
	}
	return r;
}

void fs_takeover_keep_listing(struct fs_handle *h)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	static const char nuls[8];

	for (size_t i = 0; h->kept && i < h->listing->n; i++) {
		const char *name = fs_listing_name(h->listing, i);
		const struct kept_entry e = { .ino = h->listing->entries[i].ino, .mode = h->listing->entries[i].mode,
					      .len = (uint32_t)strlen(name) };

		buf_append(&b, &e, sizeof(e));
		buf_append(&b, name, e.len);
		buf_append(&b, nuls, 8 - e.len % 8);
	}
	if (h->kept && !buf_failed(&b))
		fs_keep_handle_snapshot(h->fs->keep, h->kept, b.data, b.len);
}

static int (*const restorers[])(struct fs_handle *h, const struct fs_takeover_place *at) = {
	[FS_KEPT_PLAIN] = restore_plain,	 [FS_KEPT_MANIFEST] = fs_manifest_restore,
	[FS_KEPT_FIELD] = fs_field_restore,	 [FS_KEPT_SCRATCH] = fs_scratch_restore,
	[FS_KEPT_ARCHIVE] = fs_archive_restore, [FS_KEPT_STREAM] = fs_stream_restore,
	[FS_KEPT_LOG] = fs_log_restore,
};

/* Where the node is now, or was when it was opened. */
static struct fs_takeover_place place_of(struct fs *fs, const struct fs_kept *k, char name[static FS_KEEP_NAME])
{
	uint64_t parent = k->parent, nlookup;
	uint32_t at;

	(void)snprintf(name, FS_KEEP_NAME, "%s", fs_keep_handle_name(fs->keep, k));
	(void)fs_keep_node_find(fs->keep, k->ino, &at, &parent, name, &nlookup); /* false: it is unlinked */
	return (struct fs_takeover_place){ .dir = fs_takeover_node(fs, parent), .name = name, .ino = k->ino };
}

static struct fs_handle *restore(struct fs *fs, struct fs_kept *k)
{
	char name[FS_KEEP_NAME];
	struct fs_takeover_place at = place_of(fs, k, name);
	struct fs_handle *h = k->lost ? NULL : fs_handle_restore(fs, k);
	int r = 0;

	if (!h)
		return NULL;
	h->kept = k;
	if (k->access) {
		size_t n;
		const gid_t *groups = fs_keep_handle_groups(fs->keep, k, &n);

		h->access = fs_access_new(k->uid, k->gid, groups, n);
		if (!h->access)
			r = -ENOMEM;
	}
	r = r < 0 ? r : k->dir		       ? restore_dir(h, &at)
	    : k->region < ARRAY_SIZE(restorers) ? restorers[k->region](h, &at)
						: -EIO;
	if (r == 0) {
		fs_handle_kept(h);
		return h;
	}
	log_warning("an open file cannot be taken over: %s: %s", name, strerrordesc_np(-r));
	h->kept = NULL; /* it stays until the kernel releases it, and answers EIO */
	k->lost = 1;
	h->data = NULL;
	fs_handle_unref(h);
	return NULL;
}

struct fs_handle *fs_takeover_handle(struct fs *fs, uint64_t number)
{
	struct fs_kept *k = fs_keep_handle_find(fs->keep, number);

	return k ? restore(fs, k) : NULL;
}

void fs_takeover_release(struct fs *fs, uint64_t number)
{
	fs_keep_handle_drop(fs->keep, fs_keep_handle_find(fs->keep, number));
}

/* --- requests that came again --- */

static bool came_again(const struct fs_req *r)
{
	return r->unique & FS_KEEP_RESEND;
}

/* Whether there is such a name: an error other than that it is not there says nothing, and the operation will tell. */
static bool exists(struct fs_node *dir, const char *name, struct fs_node **ret)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_attr a;

	int r = dir->ops->lookup ? dir->ops->lookup(dir, name, &n) : -ENOENT;

	if (r == 0 && n)
		r = fs_node_attr(n, &a);
	if (r == -ENOENT || (r == 0 && !n))
		return false;
	if (ret)
		*ret = r == 0 ? steal_ptr(n) : NULL;
	return true;
}

bool fs_takeover_made(struct fs_req *r, const char *name)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;

	if (!came_again(r) || !exists(r->node, name, &n) || !n)
		return false;
	fs_reply_entry(r, n);
	return true;
}

bool fs_takeover_removed(struct fs_req *r, const char *name)
{
	if (!came_again(r) || exists(r->node, name, NULL))
		return false;
	fs_reply_err(r, 0);
	return true;
}

bool fs_takeover_unset(struct fs_req *r, const char *xattr)
{
	_cleanup_buf_ struct buf value = BUF_INIT;

	if (!came_again(r) || !r->node->ops->getxattr || r->node->ops->getxattr(r->node, xattr, &value) != -ENODATA)
		return false;
	fs_reply_err(r, 0);
	return true;
}

bool fs_takeover_renamed(struct fs_req *r, const char *name, struct fs_node *newdir, const char *newname)
{
	struct fs_keep *k = r->fs->keep;

	if (!came_again(r) || exists(r->node, name, NULL))
		return false;
	fs_keep_node_move(k, fs_keep_node_named(k, r->node->ino, name), newdir->ino, newname);
	fs_reply_err(r, 0);
	return true;
}

bool fs_takeover_opened(fuse_req_t req, struct fs *fs, bool create)
{
	uint64_t unique = fs_req_current(fs);
	struct fs_kept *k = NULL;
	struct fuse_entry_param e;
	struct fuse_file_info fi;
	struct fs_handle *h;

	if (!(unique & FS_KEEP_RESEND))
		return false;
	unique &= ~FS_KEEP_RESEND;
	while ((k = fs_keep_handle_next(fs->keep, k)) && k->open_unique != unique)
		;
	h = k ? fs_handle_find(fs, k->number) : NULL;
	if (k && !h)
		h = restore(fs, k);
	if (!h)
		return false;
	fs_fill_open(h, &fi);
	if (!create)
		(void)fuse_reply_open(req, &fi); /* ignoring: who asked is gone, and the kernel releases it */
	else if (fs_fill_entry(h->node, &e) < 0)
		return false;
	else
		(void)fuse_reply_create(req, &e, &fi); /* ignoring: as above */
	return true;
}

bool fs_takeover_created(struct fs_req *r, fuse_req_t req, const char *name, int flags)
{
	_cleanup_fs_node_ struct fs_node *n = NULL;

	if (!came_again(r) || !exists(r->node, name, &n) || !n || !n->ops->open)
		return false;
	r->h = fs_handle_new(r->fs, n, fuse_req_ctx(req), flags & ~(O_CREAT | O_EXCL));
	if (!r->h) {
		fs_reply_err(r, -ENOMEM);
		return true;
	}
	r->h->pid = fuse_req_ctx(req)->pid;
	r->h->access = fs_access_of(r);
	if (!r->h->access) {
		fs_reply_err(r, -ENOMEM);
		return true;
	}
	r->as_create = true;
	n->ops->open(r, n, r->h);
	return true;
}

bool fs_takeover_written(fuse_req_t req, struct fs_handle *h, size_t size)
{
	uint64_t unique = fs_req_current(h->fs);

	if (!(unique & FS_KEEP_RESEND) || !h->kept)
		return false;
	unique &= ~FS_KEEP_RESEND;
	if (h->kept->done_unique != unique && fs_keep_version(h->kept)->unique != unique)
		return false;
	(void)fuse_reply_write(req, size); /* ignoring: who asked is gone */
	return true;
}

bool fs_takeover_is_stuck(struct fs *fs, uint64_t unique)
{
	struct fs_kept *k = NULL, *next;
	unsigned deaths;

	if (!(unique & FS_KEEP_RESEND))
		return false;
	(void)fs_keep_came(fs->keep, unique, &deaths);
	if (deaths < FS_KEEP_DEATHS)
		return false;
	for (k = fs_keep_handle_next(fs->keep, NULL); k; k = next) { /* it opens nothing now */
		next = fs_keep_handle_next(fs->keep, k);
		if (k->open_unique == (unique & ~FS_KEEP_RESEND) && !fs_handle_find(fs, k->number))
			fs_keep_handle_drop(fs->keep, k);
	}
	return true;
}

/* --- the start --- */

/* Without the kernel's help: serves what the daemon before this one kept of the requests that it had read. */
static void serve_again(struct fs *fs, struct fuse_session *se, int fd)
{
	size_t n = 0;
	_cleanup_free_ uint64_t *list = fs_keep_requests(fs->keep, &n);

	for (size_t i = 0; i < n; i++) {
		struct fuse_out_header out = { .len = sizeof(out), .error = -EIO, .unique = list[i] };
		struct fuse_buf buf = { .mem = fs_keep_buffer(fs->keep) };

		if (!fs_takeover_is_stuck(fs, list[i] | FS_KEEP_RESEND))
			buf.size = fs_keep_load(fs->keep, list[i]);
		if (buf.size) {
			fuse_session_process_buf(se, &buf);
			continue;
		}
		(void)!write(fd, &out, sizeof(out)); /* ignoring: it was answered a moment before the death */
		fs_keep_answered(fs->keep, list[i]);
	}
}

static void wake_poller(int fd, uint64_t kh)
{
	struct {
		struct fuse_out_header head;
		struct fuse_notify_poll_wakeup_out body;
	} out = { .head = { .len = sizeof(out), .error = FUSE_NOTIFY_POLL }, .body = { .kh = kh } };

	(void)!write(fd, &out, sizeof(out)); /* ignoring: nobody polls any more */
}

void fs_takeover(struct fs *fs, struct fuse_session *se, int fd)
{
	struct fuse_out_header again = { .len = sizeof(again), .error = NOTIFY_RESEND };

	fs_keep_died(fs->keep);
	for (struct fs_kept *k = fs_keep_handle_next(fs->keep, NULL); k; k = fs_keep_handle_next(fs->keep, k)) {
		struct fs_handle *h = fs_handle_find(fs, k->number);

		/* Others find by name what these make, so they cannot wait until the kernel speaks of them. */
		if (k->region != FS_KEPT_PLAIN && !h)
			h = restore(fs, k); /* NULL: told, and EIO for who uses it */
		if (h && k->released) /* and the kernel never does of this one */
			fs_handle_unref(h);
		if (k->number && k->poll_kh)
			wake_poller(fd, k->poll_kh);
		k->poll_kh = 0;
	}
	if (write(fd, &again, sizeof(again)) < 0)
		serve_again(fs, se, fd);
}
