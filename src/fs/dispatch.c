/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From FUSE's operations to the regions': finds the node and the handle, applies the frame's defaults for operations that
 * a region lacks, and sees to it that ENOSYS never escapes, since the kernel takes one for a promise that lasts. Here those
 * on names and attributes; what is open is dispatch_open.c's.
 */
#include "fs/dispatch.h"

#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "fs/objdir.h"
#include "fs/remnant.h"

struct fs *fs_dispatch_fs(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

struct fs_node *fs_dispatch_node(fuse_req_t req, fuse_ino_t ino)
{
	struct fs_node *n = ino == FUSE_ROOT_ID ? fs_dispatch_fs(req)->root : fs_node_find(fs_dispatch_fs(req), ino);

	if (!n)
		n = fs_takeover_node(fs_dispatch_fs(req), ino);
	if (!n)
		(void)fuse_reply_err(req, ESTALE);
	return n;
}

struct fs_req *fs_dispatch_begin(fuse_req_t req, fuse_ino_t ino, struct fs_handle *h)
{
	struct fs_node *n = fs_dispatch_node(req, ino);
	struct fs_req *r = n ? fs_req_new(req, n, h) : NULL;

	if (n && !r)
		(void)fuse_reply_err(req, ENOMEM);
	return r;
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fs *fs = userdata;
	const unsigned keep = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_IOCTL_DIR |
			      FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
			      FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_HANDLE_KILLPRIV;

	conn->want = conn->capable & keep;
	conn->max_write = FS_MAX_WRITE;
	fs_keep_set_ready(fs->keep);
	if (fs->config.ready)
		fs->config.ready(fs->config.ready_arg);
}

/* --- names --- */

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_node *dir = fs_dispatch_node(req, parent);
	_cleanup_fs_node_ struct fs_node *n = NULL;
	pid_t thread = fuse_req_ctx(req)->pid;
	bool remnant = false;
	struct fs_req *r;
	int err;

	if (!dir)
		return;
	/* The kernel lets 1024 bytes pass, and asks for each name before it makes it. */
	err = strlen(name) > NAME_MAX ? -ENAMETOOLONG :
	      dir->ops->lookup	      ? dir->ops->lookup(dir, name, &n) :
					-ENOTDIR;
	if (!n && (err == -ENOENT || err == 0)) {
		n = fs_remnant_lookup(dir, name, thread);
		remnant = n != NULL;
	}
	if (err < 0 && !n) {
		(void)fuse_reply_err(req, -err);
		return;
	}
	if (!n) {
		const struct fuse_entry_param none = { .entry_timeout = FS_TTL };

		(void)fuse_reply_entry(req, &none);
		return;
	}
	r = fs_req_new(req, n, NULL);
	n->fs->asking = remnant ? thread : 0;
	if (r)
		fs_reply_entry(r, n);
	else
		(void)fuse_reply_err(req, ENOMEM);
	n->fs->asking = 0;
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct fs_node *n = ino == FUSE_ROOT_ID ? NULL : fs_node_find(fs_dispatch_fs(req), ino);

	if (n)
		fs_node_forget(n, nlookup);
	else if (ino != FUSE_ROOT_ID)
		fs_takeover_forget(fs_dispatch_fs(req), ino, nlookup);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		struct fs_node *n = forgets[i].ino == FUSE_ROOT_ID ? NULL : fs_node_find(fs_dispatch_fs(req), forgets[i].ino);

		if (n)
			fs_node_forget(n, forgets[i].nlookup);
		else if (forgets[i].ino != FUSE_ROOT_ID)
			fs_takeover_forget(fs_dispatch_fs(req), forgets[i].ino, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs_req *r = fs_dispatch_begin(req, parent, NULL);

	if (!r || fs_takeover_made(r, name))
		return;
	if (r->node->ops->mkdir)
		r->node->ops->mkdir(r, r->node, name, mode & 07777);
	else
		fs_refuse(r, -EPERM, r->node, name, "no directory can be made here");
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fs_req *r = fs_dispatch_begin(req, parent, NULL);

	if (r)
		fs_refuse(r, -EPERM, r->node, name, "devices, sockets and FIFOs declare nothing");
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_req *r = fs_dispatch_begin(req, parent, NULL);

	if (!r || fs_takeover_removed(r, name))
		return;
	fs_remnant_extend(r->node);
	if (r->node->ops->unlink)
		r->node->ops->unlink(r, r->node, name);
	else
		fs_reply_err(r, -EPERM);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs_req *r = fs_dispatch_begin(req, parent, NULL);

	if (!r || fs_takeover_removed(r, name))
		return;
	fs_remnant_extend(r->node);
	if (r->node->ops->rmdir)
		r->node->ops->rmdir(r, r->node, name);
	else
		fs_reply_err(r, -EPERM);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
		      unsigned flags)
{
	struct fs_req *r = fs_dispatch_begin(req, parent, NULL);
	struct fs_node *newdir = r ? fs_dispatch_node(req, newparent) : NULL;

	if (!r)
		return;
	if (!newdir) { /* answered */
		r->answered = true;
		fs_reply_err(r, -ESTALE);
	} else if (fs_takeover_renamed(r, name, newdir, newname) ||
		   fs_obj_backup(r, r->node, name, newdir, newname, flags)) {
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
	struct fs_req *r = fs_dispatch_begin(req, parent, NULL);

	if (!r || fs_takeover_made(r, name))
		return;
	if (r->node->ops->symlink)
		r->node->ops->symlink(r, r->node, name, target);
	else
		fs_refuse(r, -EPERM, r->node, name, "no link can be made here");
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	struct fs_req *r = fs_dispatch_begin(req, newparent, NULL);
	struct fs_node *n = r ? fs_dispatch_node(req, ino) : NULL;

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
	struct fs_node *n = fs_dispatch_node(req, ino);
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
	struct fs *fs = fs_dispatch_fs(req);
	struct fs_req *r = fs_dispatch_begin(req, ino, NULL);

	if (!r)
		return;
	fs->asking = fuse_req_ctx(req)->pid;
	fs->asking_by = fi ? fs_handle_find(fs, fi->fh) : NULL;
	fs_reply_attr(r, r->node);
	fs->asking = 0;
	fs->asking_by = NULL;
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
	struct fs *fs = fs_dispatch_fs(req);
	struct fs_handle *h = fi ? fs_handle_find(fs, fi->fh) : NULL;
	struct fs_req *r = fs_dispatch_begin(req, ino, h);
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
	fs->asking_by = h;
	if (r->node->ops->setattr && set)
		r->node->ops->setattr(r, r->node, &a, set, h);
	else
		setattr_default(r, &a, set, h);
	fs->asking = 0;
	fs->asking_by = NULL;
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
	struct fs_node *n = fs_dispatch_node(req, ino);
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
	struct fs_node *n = fs_dispatch_node(req, ino);
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (n)
		reply_xattr(req, n->ops->listxattr ? n->ops->listxattr(n, &b) : 0, &b, size);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct fs_req *r = fs_dispatch_begin(req, ino, NULL);

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
	struct fs_req *r = fs_dispatch_begin(req, ino, NULL);

	if (!r || fs_takeover_unset(r, name))
		return;
	if (!user_xattr(name))
		fs_reply_err(r, -EOPNOTSUPP);
	else if (r->node->ops->removexattr)
		r->node->ops->removexattr(r, r->node, name);
	else
		fs_reply_err(r, -EPERM);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (fstatvfs(fs_dispatch_fs(req)->state_fd, &st) < 0) {
		(void)fuse_reply_err(req, errno);
		return;
	}
	st.f_namemax = NAME_MAX;
	(void)fuse_reply_statfs(req, &st);
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
	.open = fs_op_open,
	.create = fs_op_create,
	.read = fs_op_read,
	.write = fs_op_write,
	.flush = fs_op_flush,
	.release = fs_op_release,
	.fsync = fs_op_fsync,
	.opendir = fs_op_opendir,
	.readdir = fs_op_readdir,
	.readdirplus = fs_op_readdirplus,
	.releasedir = fs_op_release,
	.fsyncdir = fs_op_fsyncdir,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.ioctl = fs_op_ioctl,
	.poll = fs_op_poll,
	.fallocate = fs_op_fallocate,
};
