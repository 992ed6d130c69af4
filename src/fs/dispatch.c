/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From FUSE's operations to the regions': finds the node and the handle, applies the frame's defaults for operations that
 * a region lacks, and sees to it that ENOSYS never escapes, since the kernel takes one for a promise that lasts.
 */
#include "fs/frame.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "fs/access.h"
#include "fs/quota.h"

enum {
	MAX_WRITE = 256 * 1024, /* one request's data: it bounds the loop's only buffer */
	UNKNOWN_INO = -1,	/* what d_ino shows where the number is not known */
};

static struct fs *session_fs(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* The node of a request, or the request is answered. */
static struct fs_node *find_node(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_node *n = ino == FUSE_ROOT_ID ? session_fs(req)->root : fs_node_find(session_fs(req), ino);

	if (!n)
		n = fs_takeover_node(session_fs(req), ino);
	if (!n)
		(void)fuse_reply_err(req, ESTALE);
	return n;
}

/* A request on a node, or it is answered. */
static struct fs_req *begin(fuse_req_t req, fuse_ino_t ino, struct fs_handle *h)
{
	struct fs_node *n = find_node(req, ino);
	struct fs_req *r = n ? fs_req_new(req, n, h) : NULL;

	if (n && !r)
		(void)fuse_reply_err(req, ENOMEM);
	return r;
}

static struct fs_handle *find_handle(fuse_req_t req, struct fuse_file_info *fi)
{
	struct fs_handle *h = fs_handle_find(session_fs(req), fi->fh);

	if (!h)
		h = fs_takeover_handle(session_fs(req), fi->fh);
	if (!h)
		(void)fuse_reply_err(req, EIO); /* of a daemon before this one: what it held is lost */
	return h;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fs *fs = userdata;
	const unsigned keep = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_IOCTL_DIR |
			      FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
			      FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_HANDLE_KILLPRIV;

	conn->want = conn->capable & keep;
	conn->max_write = MAX_WRITE;
	fs_keep_set_ready(fs->keep);
	if (fs->config.ready)
		fs->config.ready(fs->config.ready_arg);
}

/* The process that a thread belongs to. Most callers are the first thread of theirs. */
static pid_t process_of(pid_t tid)
{
	char path[64], line[128];
	_cleanup_fclose_ FILE *f = NULL;
	int pid;

	if (tid <= 0 || syscall(SYS_tgkill, tid, tid, 0) == 0 || errno != ESRCH)
		return tid;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			return pid;
	return tid;
}

/* --- names --- */

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_node *dir = find_node(req, parent);
	_cleanup_fs_node_ struct fs_node *n = NULL;
	struct fs_req *r;
	int err;

	if (!dir)
		return;
	/* The kernel lets 1024 bytes pass, and asks for each name before it makes it. */
	err = strlen(name) > NAME_MAX ? -ENAMETOOLONG :
	      dir->ops->lookup	      ? dir->ops->lookup(dir, name, &n) :
					-ENOTDIR;
	if (err < 0) {
		(void)fuse_reply_err(req, -err);
		return;
	}
	if (!n) {
		const struct fuse_entry_param none = { .entry_timeout = FS_TTL };

		(void)fuse_reply_entry(req, &none);
		return;
	}
	r = fs_req_new(req, n, NULL);
	if (r)
		fs_reply_entry(r, n);
	else
		(void)fuse_reply_err(req, ENOMEM);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct fs_node *n = ino == FUSE_ROOT_ID ? NULL : fs_node_find(session_fs(req), ino);

	if (n)
		fs_node_forget(n, nlookup);
	else if (ino != FUSE_ROOT_ID)
		fs_takeover_forget(session_fs(req), ino, nlookup);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		struct fs_node *n = forgets[i].ino == FUSE_ROOT_ID ? NULL : fs_node_find(session_fs(req), forgets[i].ino);

		if (n)
			fs_node_forget(n, forgets[i].nlookup);
		else if (forgets[i].ino != FUSE_ROOT_ID)
			fs_takeover_forget(session_fs(req), forgets[i].ino, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct fs_req *r;

	if (fs_takeover_opened(req, session_fs(req), true))
		return;
	r = begin(req, parent, NULL);
	if (!r || fs_takeover_created(r, req, name, fi->flags))
		return;
	if (!r->node->ops->create) {
		fs_refuse(r, -EPERM, r->node, name, "no file can be made here");
		return;
	}
	r->h = fs_handle_new(r->fs, NULL, fuse_req_ctx(req), fi->flags);
	if (!r->h) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	r->h->pid = process_of(fuse_req_ctx(req)->pid);
	r->h->access = fs_access_of(r);
	if (!r->h->access) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	r->node->ops->create(r, r->node, name, mode & 07777, fi->flags);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs_req *r = begin(req, parent, NULL);

	if (!r || fs_takeover_made(r, name))
		return;
	if (r->node->ops->mkdir)
		r->node->ops->mkdir(r, r->node, name, mode & 07777);
	else
		fs_refuse(r, -EPERM, r->node, name, "no directory can be made here");
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fs_req *r = begin(req, parent, NULL);

	if (r)
		fs_refuse(r, -EPERM, r->node, name, "devices, sockets and FIFOs declare nothing");
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_req *r = begin(req, parent, NULL);

	if (!r || fs_takeover_removed(r, name))
		return;
	if (r->node->ops->unlink)
		r->node->ops->unlink(r, r->node, name);
	else
		fs_reply_err(r, -EPERM);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_req *r = begin(req, parent, NULL);

	if (!r || fs_takeover_removed(r, name))
		return;
	if (r->node->ops->rmdir)
		r->node->ops->rmdir(r, r->node, name);
	else
		fs_reply_err(r, -EPERM);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
		      unsigned flags)
{
	struct fs_req *r = begin(req, parent, NULL);
	struct fs_node *newdir = r ? find_node(req, newparent) : NULL;

	if (!r)
		return;
	if (!newdir) { /* answered */
		r->answered = true;
		fs_reply_err(r, -ESTALE);
	} else if (fs_takeover_renamed(r, name, newdir, newname)) {
		return;
	} else if (flags & ~(unsigned)RENAME_NOREPLACE) {
		fs_reply_err(r, -EINVAL);
	} else if (!r->node->ops->rename) {
		fs_refuse(r, -EPERM, r->node, name, "cannot be renamed");
	} else {
		r->node->ops->rename(r, r->node, name, newdir, newname, r->unique & FS_KEEP_RESEND ? 0 : flags);
	}
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct fs_req *r = begin(req, parent, NULL);

	if (!r || fs_takeover_made(r, name))
		return;
	if (r->node->ops->symlink)
		r->node->ops->symlink(r, r->node, name, target);
	else
		fs_refuse(r, -EPERM, r->node, name, "no link can be made here");
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	struct fs_req *r = begin(req, newparent, NULL);
	struct fs_node *n = r ? find_node(req, ino) : NULL;

	if (!r)
		return;
	if (!n) { /* answered */
		r->answered = true;
		fs_reply_err(r, -ESTALE);
	} else if (fs_takeover_made(r, newname)) {
		return;
	} else if (r->node->ops->link) {
		r->node->ops->link(r, n, r->node, newname);
	} else {
		fs_refuse(r, -EPERM, r->node, newname, "no link can be made here");
	}
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_node *n = find_node(req, ino);
	_cleanup_buf_ struct buf target = BUF_INIT;
	int err;

	if (!n)
		return;
	err = n->ops->readlink ? n->ops->readlink(n, &target) : -EINVAL;
	if (err == 0 && buf_failed(&target))
		err = -ENOMEM;
	if (err < 0)
		(void)fuse_reply_err(req, -err);
	else
		(void)fuse_reply_readlink(req, buf_str(&target));
}

/* --- attributes --- */

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = session_fs(req);
	struct fs_req *r = begin(req, ino, NULL);

	if (!r)
		return;
	fs->asking = fuse_req_ctx(req)->pid;
	fs_reply_attr(r, r->node);
	fs->asking = 0;
}

static int64_t from_timespec(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

/* The default: see struct fs_ops. */
static void setattr_default(struct fs_req *r, const struct fs_attr *a, unsigned set, struct fs_handle *h)
{
	struct fs_attr now;
	int err = fs_node_attr(r->node, &now);

	if (err == 0 && ((set & FS_SET_MODE && (now.mode & 07777) != (a->mode & 07777)) ||
			 (set & FS_SET_UID && now.uid != a->uid) || (set & FS_SET_GID && now.gid != a->gid)))
		err = -EPERM;
	if (err == 0 && set & FS_SET_SIZE && !((h || a->size == 0) && r->node->ops->write) && a->size != now.size)
		err = -EROFS;
	if (err < 0)
		fs_reply_err(r, err);
	else
		fs_reply_attr(r, r->node);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi)
{
	struct fs *fs = session_fs(req);
	struct fs_handle *h = fi ? fs_handle_find(fs, fi->fh) : NULL;
	struct fs_req *r = begin(req, ino, h);
	int64_t now = clock_realtime();
	unsigned set = 0;
	struct fs_attr a = { .mode = st->st_mode, .uid = st->st_uid, .gid = st->st_gid, .size = (uint64_t)st->st_size,
			     .mtime = to_set & FUSE_SET_ATTR_MTIME_NOW ? now : from_timespec(&st->st_mtim),
			     .ctime = from_timespec(&st->st_ctim) };

	if (!r)
		return;
	set |= to_set & FUSE_SET_ATTR_MODE ? FS_SET_MODE : 0;
	set |= to_set & FUSE_SET_ATTR_UID ? FS_SET_UID : 0;
	set |= to_set & FUSE_SET_ATTR_GID ? FS_SET_GID : 0;
	set |= to_set & FUSE_SET_ATTR_SIZE ? FS_SET_SIZE : 0;
	set |= to_set & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW) ? FS_SET_MTIME : 0;
	fs->asking = fuse_req_ctx(req)->pid;
	if (r->node->ops->setattr && set)
		r->node->ops->setattr(r, r->node, &a, set, h);
	else
		setattr_default(r, &a, set, h);
	fs->asking = 0;
}

/* Only the user class is kept: "ls -l" asks for the others of every file, and EOPNOTSUPP makes it stop asking. */
static bool user_xattr(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

static void reply_xattr(fuse_req_t req, int err, const struct buf *b, size_t size)
{
	if (err == 0 && buf_failed(b))
		err = -ENOMEM;
	if (err == 0 && size && b->len > size)
		err = -ERANGE;
	if (err < 0)
		(void)fuse_reply_err(req, -err);
	else if (!size)
		(void)fuse_reply_xattr(req, b->len);
	else
		(void)fuse_reply_buf(req, buf_str(b), b->len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct fs_node *n = find_node(req, ino);
	_cleanup_buf_ struct buf b = BUF_INIT;
	int err = -ENODATA;

	if (!n)
		return;
	if (!user_xattr(name))
		err = -EOPNOTSUPP;
	else if (n->ops->getxattr)
		err = n->ops->getxattr(n, name, &b);
	reply_xattr(req, err, &b, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct fs_node *n = find_node(req, ino);
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (n)
		reply_xattr(req, n->ops->listxattr ? n->ops->listxattr(n, &b) : 0, &b, size);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct fs_req *r = begin(req, ino, NULL);

	if (!r)
		return;
	if (!user_xattr(name))
		fs_reply_err(r, -EOPNOTSUPP);
	else if (r->node->ops->setxattr)
		r->node->ops->setxattr(r, r->node, name, value, size, r->unique & FS_KEEP_RESEND ? 0 : flags);
	else
		fs_reply_err(r, -EPERM);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct fs_req *r = begin(req, ino, NULL);

	if (!r || fs_takeover_unset(r, name))
		return;
	if (!user_xattr(name))
		fs_reply_err(r, -EOPNOTSUPP);
	else if (r->node->ops->removexattr)
		r->node->ops->removexattr(r, r->node, name);
	else
		fs_reply_err(r, -EPERM);
}

/* --- files --- */

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

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_req *r = fs_takeover_opened(req, session_fs(req), false) ? NULL : begin(req, ino, NULL);

	if (!r)
		return;
	r->h = fs_handle_new(r->fs, r->node, fuse_req_ctx(req), fi->flags);
	if (!r->h) {
		fs_reply_err(r, -ENOMEM);
		return;
	}
	if (fs_handle_writes(r->h)) {
		r->h->pid = process_of(fuse_req_ctx(req)->pid);
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

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
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
	r = begin(req, ino, h);
	if (r)
		h->ops->read(r, h, size, (uint64_t)off);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	struct fs_handle *h = find_handle(req, fi);
	struct fs_req *r = h && !fs_takeover_written(req, h, size) ? begin(req, ino, h) : NULL;

	if (!r)
		return;
	if (h->ops->write)
		h->ops->write(r, h, data, size, (uint64_t)off);
	else
		fs_reply_err(r, -EBADF);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
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
	r = begin(req, ino, h);
	if (r)
		h->ops->flush(r, h,
				    pid == h->pid || (pid > 0 && h->pid > 0 && syscall(SYS_tgkill, h->pid, pid, 0) == 0));
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct fs_handle *h = find_handle(req, fi);
	struct fs_req *r;

	if (!h)
		return;
	if (!h->ops->fsync || !fs_handle_writes(h)) {
		(void)fuse_reply_err(req, 0);
		return;
	}
	r = begin(req, ino, h);
	if (r)
		h->ops->fsync(r, h);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_handle *h = fs_handle_find(session_fs(req), fi->fh);

	if (!h)
		h = fs_takeover_handle(session_fs(req), fi->fh);
	if (h && h->kept)
		h->kept->released = 1;
	if (h)
		fs_handle_unref(h);
	else
		fs_takeover_release(session_fs(req), fi->fh);
	(void)fuse_reply_err(req, 0);
}

/* The next daemon wakes who polls now: it knows him by the number in the request. */
static void note_poll(struct fs_handle *h, const struct fuse_pollhandle *ph)
{
	const struct fuse_in_header *in = fs_keep_buffer(h->fs->keep);

	if (in && h->kept && ph && in->opcode == FUSE_POLL)
		h->kept->poll_kh = ((const struct fuse_poll_in *)(const void *)(in + 1))->kh;
}

static void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
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

/* --- directories: a handle's listing is taken when it is read from its start, so that offsets hold while others
 * remove what is in it --- */

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs_node *n;
	struct fs_handle *h;
	int err;

	if (fs_takeover_opened(req, session_fs(req), false))
		return;
	n = find_node(req, ino);
	if (!n)
		return;
	h = fs_handle_new(session_fs(req), n, fuse_req_ctx(req), O_DIRECTORY);
	if (h)
		h->listing = calloc(1, sizeof(*h->listing));
	err = h && h->listing ? fs_quota_read(h, 0) : -ENOMEM;
	if (err < 0) {
		fs_handle_unref(h);
		(void)fuse_reply_err(req, -err);
		return;
	}
	fi->fh = h->number;
	fs_handle_keep(h, fs_req_current(session_fs(req)));
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

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	readdir_common(req, size, off, fi, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	readdir_common(req, size, off, fi, true);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)fuse_reply_err(req, 0); /* every change was durable when it was answered */
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (fstatvfs(session_fs(req)->state_fd, &st) < 0) {
		(void)fuse_reply_err(req, errno);
		return;
	}
	st.f_namemax = NAME_MAX;
	(void)fuse_reply_statfs(req, &st);
}

static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
		     const void *in, size_t in_size, size_t out_size)
{
	(void)fuse_reply_err(req, ENOTTY);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
	struct fs_handle *h = find_handle(req, fi);
	struct fs_req *r = h ? begin(req, ino, h) : NULL;

	if (!r)
		return;
	if (h->ops->fallocate && fs_handle_writes(h))
		h->ops->fallocate(r, h, mode, (uint64_t)off, (uint64_t)len);
	else
		fs_reply_err(r, -EOPNOTSUPP);
}

const struct fuse_lowlevel_ops fs_fuse_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.open = op_open,
	.create = op_create,
	.read = op_read,
	.write = op_write,
	.flush = op_flush,
	.release = op_release,
	.fsync = op_fsync,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_release,
	.fsyncdir = op_fsyncdir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.ioctl = op_ioctl,
	.poll = op_poll,
	.fallocate = op_fallocate,
};
