/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUSE's operations on what is open, files and directories: opening, reading, writing, closing. A directory's handle takes
 * its listing when it is read from its start, so that offsets hold while others remove what is in it.
 */
#include "fs/dispatch.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "fs/access.h"
#include "fs/quota.h"
#include "fs/remnant.h"
#include "fs/root.h"

enum { UNKNOWN_INO = -1 }; /* what d_ino shows where the number is not known */

static struct fs_handle *find_handle(fuse_req_t req, struct fuse_file_info *fi)
{
	struct fs_handle *h = fs_handle_find(fs_dispatch_fs(req), fi->fh);

	if (!h)
		h = fs_takeover_handle(fs_dispatch_fs(req), fi->fh);
	if (!h)
		(void)fuse_reply_err(req, EIO); /* of a daemon before this one: what it held is lost */
	return h;
}

/* --- opening --- */

static void open_default(struct fs_req *r, struct fs_handle *h)
{
	int err = 0;

	if (fs_handle_writes(h) && !r->node->ops->write)
		err = -EROFS;
	else if (r->node->ops->render)
		err = r->node->ops->render(r->node, &h->snap);
	if (err == 0 && buf_failed(&h->snap))
		err = -ENOMEM;
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_open(r, h);
}

void fs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_req *r = fs_takeover_opened(req, fs_dispatch_fs(req), false) ? NULL : fs_dispatch_begin(req, ino, NULL);

	if (!r)
		return;
	r->h = fs_handle_new(r->fs, r->node, fuse_req_ctx(req), fi->flags);
	if (!r->h) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	r->h->pid = fuse_req_ctx(req)->pid;
	if (fs_handle_writes(r->h)) {
		r->h->pid = fs_process_of(r->h->pid);
		r->h->access = fs_access_of(r);
		if (!r->h->access) {
			fs_reply_err(r, -ENOMEM);
			return;
		}
	}
	if (r->node->ops->open)
		r->node->ops->open(r, r->node, r->h);
	else
		open_default(r, r->h);
}

void fs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fs_req *r;

	if (fs_takeover_opened(req, fs_dispatch_fs(req), true))
		return;
	r = fs_dispatch_begin(req, parent, NULL);
	if (!r || fs_takeover_created(r, req, name, fi->flags))
		return;
	if (!r->node->ops->create) {
		_cleanup_buf_ struct buf hint = BUF_INIT;

		fs_root_hint(r->node, &hint);
		fs_refuse(r, -EPERM, r->node, name, "no file can be made here%s", buf_str(&hint));
		return;
	}
	r->h = fs_handle_new(r->fs, NULL, fuse_req_ctx(req), fi->flags);
	if (!r->h) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	r->h->pid = fs_process_of(fuse_req_ctx(req)->pid);
	r->h->access = fs_access_of(r);
	if (!r->h->access) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	r->node->ops->create(r, r->node, name, mode & 07777, fi->flags);
}

/* --- reading, writing, closing --- */

void fs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fs_handle *h = find_handle(req, fi);
	struct fs_req *r;

	if (!h)
		return;
	h->flags = (h->flags & ~O_NONBLOCK) | (fi->flags & O_NONBLOCK); /* fcntl(2) may have changed it */
	if (!h->ops->read) {
		size_t at = (uint64_t)off < h->snap.len ? (size_t)off : h->snap.len;
		size_t n = h->snap.len - at < size ? h->snap.len - at : size;

		(void)fuse_reply_buf(req, h->snap.data ? h->snap.data + at : NULL, n);
		return;
	}
	r = fs_dispatch_begin(req, ino, h);
	if (r)
		h->ops->read(r, h, size, (uint64_t)off);
}

void fs_op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct fs_handle *h = find_handle(req, fi);
	struct fs_req *r = h && !fs_takeover_written(req, h, size) ? fs_dispatch_begin(req, ino, h) : NULL;

	if (!r)
		return;
	if (h->ops->write)
		h->ops->write(r, h, data, size, (uint64_t)off);
	else
		fs_reply_err(r, -EBADF);
}

void fs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_handle *h = find_handle(req, fi);
	pid_t pid = fuse_req_ctx(req)->pid;
	struct fs_req *r;

	if (!h)
		return;
	if (!h->ops->flush || !fs_handle_writes(h)) {
		(void)fuse_reply_err(req, 0);
		return;
	}
	r = fs_dispatch_begin(req, ino, h);
	if (r)
		h->ops->flush(r, h, fs_process_has(h->pid, pid));
}

void fs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct fs_handle *h = find_handle(req, fi);
	struct fs_req *r;

	if (!h)
		return;
	if (!h->ops->fsync || !fs_handle_writes(h)) {
		(void)fuse_reply_err(req, 0);
		return;
	}
	r = fs_dispatch_begin(req, ino, h);
	if (r)
		h->ops->fsync(r, h);
}

void fs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_handle *h = fs_handle_find(fs_dispatch_fs(req), fi->fh);

	if (!h)
		h = fs_takeover_handle(fs_dispatch_fs(req), fi->fh);
	if (h && h->kept)
		h->kept->released = 1;
	if (h)
		fs_handle_unref(h);
	else
		fs_takeover_release(fs_dispatch_fs(req), fi->fh);
	(void)fuse_reply_err(req, 0);
}

/* The next daemon wakes who polls now: it knows him by the number in the request. */
static void note_poll(struct fs_handle *h, const struct fuse_pollhandle *ph)
{
	const struct fuse_in_header *in = fs_keep_buffer(h->fs->keep);

	if (in && h->kept && ph && in->opcode == FUSE_POLL)
		h->kept->poll_kh = ((const struct fuse_poll_in *)(const void *)(in + 1))->kh;
}

void fs_op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct fs_handle *h = find_handle(req, fi);

	if (!h) {
		if (ph)
			fuse_pollhandle_destroy(ph);
		return;
	}
	if (h->ops->poll) {
		note_poll(h, ph);
		(void)fuse_reply_poll(req, h->ops->poll(h, fi->poll_events, ph));
		return;
	}
	if (ph)
		fuse_pollhandle_destroy(ph);
	(void)fuse_reply_poll(req, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

/* --- directories --- */

void fs_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_node *n;
	struct fs_handle *h;
	int err;

	if (fs_takeover_opened(req, fs_dispatch_fs(req), false))
		return;
	n = fs_dispatch_node(req, ino);
	if (!n)
		return;
	h = fs_handle_new(fs_dispatch_fs(req), n, fuse_req_ctx(req), O_DIRECTORY);
	err = h ? fs_handle_set_dir(h, fuse_req_ctx(req)->pid) : -ENOMEM;
	if (err == 0)
		err = fs_quota_read(h, 0);
	if (err < 0) {
		fs_handle_unref(h);
		(void)fuse_reply_err(req, -err);
		return;
	}
	fi->fh = h->number;
	fs_handle_keep(h, fs_req_current(fs_dispatch_fs(req)));
	if (fuse_reply_open(req, fi) < 0)
		fs_handle_unref(h);
}

static int fill_listing(struct fs_handle *h)
{
	struct fs_node *dir = h->node;
	int r;

	fs_listing_clear(h->listing);
	r = fs_listing_add(h->listing, ".", S_IFDIR, dir->ino);
	if (r == 0)
		r = fs_listing_add(h->listing, "..", S_IFDIR, dir->parent ? dir->parent->ino : dir->ino);
	if (r == 0)
		r = dir->ops->readdir ? dir->ops->readdir(dir, h->listing) : -ENOTDIR;
	if (r == -ENOENT && fs_remnant_is(dir, h->pid))
		r = 0;
	if (r == 0)
		r = fs_quota_read(h, h->listing->names.len + h->listing->cap * sizeof(*h->listing->entries));
	if (r < 0)
		fs_listing_clear(h->listing);
	h->listing->filled = r == 0;
	return r;
}

/* One entry with attributes; its inode, if it has one still, is counted as looked up by the caller. */
static struct fs_node *plus_entry(struct fs_handle *h, size_t i, struct fuse_entry_param *e)
{
	const struct fs_listing_entry *l = &h->listing->entries[i];
	struct fs_node *n = NULL;
	struct fs_attr a;

	*e = (struct fuse_entry_param){ .attr = { .st_ino = l->ino ? l->ino : (ino_t)UNKNOWN_INO, .st_mode = l->mode } };
	if (i < 2 || h->node->ops->lookup(h->node, fs_listing_name(h->listing, i), &n) < 0 || !n)
		return NULL;
	if (fs_node_attr(n, &a) < 0) {
		fs_node_unref(n);
		return NULL;
	}
	fs_attr_to_stat(n, &a, &e->attr);
	e->ino = n->ino;
	e->generation = 1;
	e->attr_timeout = a.ttl;
	e->entry_timeout = a.name_ttl < 0 ? a.ttl : a.name_ttl;
	return n;
}

static void readdir_common(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct fs_handle *h = find_handle(req, fi);
	_cleanup_free_ char *out = NULL;
	size_t used = 0, i;
	bool whole;
	int err = 0;

	if (!h)
		return;
	if (off == 0 || !h->listing->filled)
		err = fill_listing(h);
	whole = off == 0;
	out = err == 0 ? malloc(size) : NULL;
	if (!out) {
		(void)fuse_reply_err(req, err < 0 ? -err : ENOMEM);
		return;
	}
	if (plus && off && (size_t)off < h->listing->n) /* its caller looks at each: the first part is asked for so by all */
		fs_nodes_expect(h->fs, h->listing->n - (size_t)off);
	for (i = (size_t)off; i < h->listing->n; i++) {
		const char *name = fs_listing_name(h->listing, i);
		const struct fs_listing_entry *l = &h->listing->entries[i];
		struct stat st = { .st_ino = l->ino ? l->ino : (ino_t)UNKNOWN_INO, .st_mode = l->mode };
		struct fuse_entry_param e;

		if (!plus) {
			size_t n = fuse_add_direntry(req, out + used, size - used, name, &st, (off_t)i + 1);

			if (n > size - used)
				break;
			used += n;
			continue;
		}
		if (fuse_add_direntry_plus(req, NULL, 0, name, NULL, 0) > size - used)
			break;
		_cleanup_fs_node_ struct fs_node *node = plus_entry(h, i, &e);
		used += fuse_add_direntry_plus(req, out + used, size - used, name, &e, (off_t)i + 1);
		if (node)
			fs_node_lookup_add(node);
	}
	if (whole && i < h->listing->n)
		fs_takeover_keep_listing(h);
	(void)fuse_reply_buf(req, out, used);
}

void fs_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	readdir_common(req, size, off, fi, false);
}

void fs_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	readdir_common(req, size, off, fi, true);
}

void fs_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)fuse_reply_err(req, 0); /* every change was durable when it was answered */
}

void fs_op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
		     const void *in, size_t in_size, size_t out_size)
{
	(void)fuse_reply_err(req, ENOTTY);
}

void fs_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
	struct fs_handle *h = find_handle(req, fi);
	struct fs_req *r = h ? fs_dispatch_begin(req, ino, h) : NULL;

	if (!r)
		return;
	if (h->ops->fallocate && fs_handle_writes(h))
		h->ops->fallocate(r, h, mode, (uint64_t)off, (uint64_t)len);
	else
		fs_reply_err(r, -EOPNOTSUPP);
}

