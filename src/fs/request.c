/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests under way and their answers. A region that parks a request may find, when its work is done, that the frame
 * has answered in the meantime because the caller was killed: the late answer is then dropped here.
 */
#include "fs/frame.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "fs/quota.h"

enum { REQ_POOL = 64 };

uint64_t fs_req_current(struct fs *fs)
{
	return fs_keep_current(fs->keep);
}

struct fs_req *fs_req_new(fuse_req_t req, struct fs_node *n, struct fs_handle *h)
{
	struct fs *fs = fuse_req_userdata(req);
	struct fs_tables *t = fs_loop_tables(fs);
	struct fs_req *r = t->free_reqs;

	if (r) {
		t->free_reqs = r->next_free;
		t->n_free_reqs--;
	} else {
		r = malloc(sizeof(*r));
	}
	if (!r)
		return NULL;
	*r = (struct fs_req){ .req = req, .fs = fs, .node = n ? fs_node_ref(n) : NULL, .h = fs_handle_ref(h),
			      .unique = fs_req_current(fs) };
	return r;
}

static void req_free(struct fs_req *r)
{
	struct fs_tables *t = fs_loop_tables(r->fs);

	fs_handle_unref(r->h);
	fs_node_unref(r->node);
	if (t->n_free_reqs >= REQ_POOL) {
		free(r);
		return;
	}
	r->next_free = t->free_reqs;
	t->free_reqs = r;
	t->n_free_reqs++;
}

void fs_req_pool_free(struct fs *fs)
{
	struct fs_tables *t = fs_loop_tables(fs);

	while (t->free_reqs) {
		struct fs_req *r = t->free_reqs;

		t->free_reqs = r->next_free;
		free(r);
	}
}

/* --- who asks --- */

struct fs *fs_req_fs(const struct fs_req *r)
{
	return r->fs;
}

uint64_t fs_req_unique(const struct fs_req *r)
{
	return r->unique;
}

int64_t fs_req_time(const struct fs_req *r)
{
	return fs_keep_came(r->fs->keep, r->unique, NULL);
}

int fs_req_flags(const struct fs_req *r)
{
	return r->h ? r->h->flags : 0;
}

pid_t fs_req_pid(const struct fs_req *r)
{
	return r->h ? r->h->pid : 0;
}

struct writer fs_req_writer(const struct fs_req *r)
{
	const struct fuse_ctx *ctx;

	if (r->answered) /* whoever asked is gone */
		return (struct writer){ .uid = (uid_t)-1, .gid = (gid_t)-1, .agent = "mount" };
	ctx = fuse_req_ctx(r->req);
	return (struct writer){ .uid = ctx->uid, .gid = ctx->gid, .pid = ctx->pid, .agent = "mount" };
}

/* Reads /proc/PID/NAME into buf, NUL-terminated; the length, or a negative errno. */
static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

void fs_comm(pid_t pid, char out[static 16])
{
	ssize_t n = pid > 0 ? read_proc(pid, "comm", out, 16) : -ESRCH;

	if (n <= 0) {
		memcpy(out, "?", 2);
		return;
	}
	if (out[n - 1] == '\n')
		out[n - 1] = '\0';
}

void fs_req_comm(const struct fs_req *r, char out[static 16])
{
	fs_comm(r->answered ? 0 : fuse_req_ctx(r->req)->pid, out);
}

struct writer fs_handle_writer(const struct fs_handle *h, const struct fs_req *r)
{
	pid_t pid = r && !r->answered ? fuse_req_ctx(r->req)->pid : 0;

	return (struct writer){ .uid = h->uid, .gid = h->gid, .pid = pid, .agent = "mount" };
}

/* Most callers are the first thread of theirs. */
pid_t fs_process_of(pid_t thread)
{
	char buf[1024];
	const char *p;

	if (thread <= 0 || syscall(SYS_tgkill, thread, thread, 0) == 0 || errno != ESRCH ||
	    read_proc(thread, "status", buf, sizeof(buf)) <= 0)
		return thread;
	p = strstr(buf, "\nTgid:\t");
	return p ? (pid_t)strtol(p + 7, NULL, 10) : thread;
}

bool fs_process_has(pid_t process, pid_t thread)
{
	return process == thread || (process > 0 && thread > 0 && syscall(SYS_tgkill, process, thread, 0) == 0);
}

/*
 * By statx(2) without a sync, which takes no lock of the open file and asks no file system: the loop must not wait for what
 * may wait for the loop. fdinfo of an epoll descriptor would, as its process may hold that while the mount is asked to poll.
 */
bool fs_process_has_open(pid_t process, uint64_t ino)
{
	enum { LOOK_AT = 256 };
	_cleanup_closedir_ DIR *d = NULL;
	char path[64];
	const struct dirent *de;
	unsigned n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)process);
	d = process > 0 ? opendir(path) : NULL;
	while (d && n++ < LOOK_AT && (de = readdir(d))) {
		struct statx st;

		if (de->d_name[0] != '.' &&
		    statx(dirfd(d), de->d_name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &st) == 0 && st.stx_ino == ino)
			return true;
	}
	return false;
}

/*
 * A process that a signal ends flushes its files on the way out, when the signal is no longer pending. What remains is in
 * proc_pid_stat(5): the flag PF_EXITING (0x4, include/linux/sched.h) in field 9 and the signal in exit_code, field 52.
 */
bool fs_req_is_killed(const struct fs_req *r)
{
	char buf[1024], target[8], *p;
	unsigned long flags = 0, code = 0;
	int field = 3; /* what follows the name in parentheses */

	if (r->answered)
		return true;
	/* Cheaper, and enough for nearly all: who is on the way out has given up its program first. */
	(void)snprintf(buf, sizeof(buf), "/proc/%d/exe", (int)fuse_req_ctx(r->req)->pid);
	if (fuse_req_ctx(r->req)->pid <= 0 || readlink(buf, target, sizeof(target)) >= 0 || read_proc(fuse_req_ctx(r->req)->pid, "stat", buf, sizeof(buf)) <= 0)
		return false;
	p = strrchr(buf, ')');
	for (p = p && p[1] ? p + 2 : NULL; p && field <= 52; field++) {
		if (field == 9)
			flags = strtoul(p, NULL, 10);
		if (field == 52)
			code = strtoul(p, NULL, 10);
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	return flags & 0x4 && code & 0x7f;
}

/* --- parking --- */

/* Whether SIGKILL waits for the calling thread: the kernel turns every fatal signal into it, for each thread. */
static bool kill_is_pending(pid_t pid)
{
	char buf[4096];
	unsigned long long pending = 0;

	if (pid <= 0 || read_proc(pid, "status", buf, sizeof(buf)) <= 0)
		return false;
	for (char *p = buf; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, "SigPnd:", 7) == 0 || strncmp(p, "ShdPnd:", 7) == 0)
			pending |= strtoull(p + 7, NULL, 16);
	}
	return pending >> (SIGKILL - 1) & 1;
}

static void on_interrupt(fuse_req_t req, void *data)
{
	struct fs_req *r = data;

	if (r->answered)
		return;
	if (r->cancel) {
		r->parked = false; /* libfuse holds the lock that taking this function off would take */
		r->cancel(r, r->cancel_arg);
		return;
	}
	/* A commit ends in milliseconds: only who is being killed does not wait for it, since programs are not prepared
	 * for EINTR from close(2), and some are interrupted a hundred times a second. */
	if (!kill_is_pending(fuse_req_ctx(req)->pid))
		return;
	if (!atomic_exchange(&r->answered, true))
		(void)fuse_reply_err(req, EINTR); /* ignoring: it is being killed */
}

fuse_req_t fs_req_claim(struct fs_req *r)
{
	if (atomic_exchange(&r->answered, true))
		return NULL;
	fuse_req_interrupt_func(r->req, NULL, NULL);
	return r->req;
}

void fs_req_park(struct fs_req *r, void (*cancel)(struct fs_req *r, void *arg), void *arg)
{
	r->cancel = cancel;
	r->cancel_arg = arg;
	if (!r->parked && !r->answered) {
		r->parked = true;
		fuse_req_interrupt_func(r->req, on_interrupt, r);
	}
}

void fs_req_answers(struct fs_req *r, size_t size)
{
	r->answer_size = size;
}

/* Whether the answer is still wanted. */
static bool wanted(struct fs_req *r)
{
	if (r->parked && !r->answered)
		fuse_req_interrupt_func(r->req, NULL, NULL);
	return !r->answered;
}

/* --- answers: the results of fuse_reply_*() are ignored where nothing hangs on them, as the caller is gone then --- */

void fs_reply_err(struct fs_req *r, int err)
{
	if (wanted(r))
		(void)fuse_reply_err(r->req, -err);
	req_free(r);
}

int fs_fill_entry(struct fs_node *n, struct fuse_entry_param *e)
{
	struct fs_attr a;
	int r = fs_node_attr(n, &a);

	if (r < 0)
		return r;
	*e = (struct fuse_entry_param){ .ino = n->ino, .generation = 1, .attr_timeout = a.ttl,
					 .entry_timeout = a.name_ttl < 0 ? a.ttl : a.name_ttl };
	fs_attr_to_stat(n, &a, &e->attr);
	return 0;
}

void fs_reply_entry(struct fs_req *r, struct fs_node *n)
{
	struct fuse_entry_param e;
	int err;

	if (!wanted(r)) {
		req_free(r);
		return;
	}
	err = fs_fill_entry(n, &e);
	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	fs_node_lookup_add(n);
	if (fuse_reply_entry(r->req, &e) < 0)
		fs_node_forget(n, 1);
	req_free(r);
}

void fs_fill_open(const struct fs_handle *h, struct fuse_file_info *fi)
{
	*fi = (struct fuse_file_info){ .flags = h->flags, .fh = h->number, .direct_io = !h->cached && !h->ops->cached,
				       .nonseekable = h->stream, .noflush = !fs_handle_writes(h) };
}

/* r->h is on n, which the kernel is told of with it. */
static void reply_created(struct fs_req *r, struct fs_node *n)
{
	struct fuse_entry_param e;
	struct fuse_file_info fi;
	struct fs_handle *h = r->h;
	int err = wanted(r) ? fs_fill_entry(n, &e) : -EINTR;

	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	fs_fill_open(h, &fi);
	fs_node_lookup_add(n);
	fs_handle_keep(h, r->unique);
	(void)fs_handle_ref(h); /* the kernel's */
	if (fuse_reply_create(r->req, &e, &fi) < 0) {
		fs_node_forget(n, 1);
		fs_handle_unref(h);
	}
	req_free(r);
}

void fs_reply_create(struct fs_req *r, struct fs_node *n, void *data)
{
	struct fs_handle *h = r->h;

	h->node = fs_node_ref(n);
	h->ops = n->ops;
	h->data = data;
	reply_created(r, n);
}

void fs_reply_attr(struct fs_req *r, struct fs_node *n)
{
	struct fs_attr a;
	struct stat st;
	int err;

	if (!wanted(r)) {
		req_free(r);
		return;
	}
	err = fs_node_attr(n, &a);
	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	fs_attr_to_stat(n, &a, &st);
	(void)fuse_reply_attr(r->req, &st, a.ttl);
	req_free(r);
}

void fs_reply_open(struct fs_req *r, struct fs_handle *h)
{
	struct fuse_file_info fi;
	int err;

	if (!wanted(r)) {
		req_free(r);
		return;
	}
	err = fs_quota_read(h, h->snap.len);
	if (err < 0) {
		fs_reply_err(r, err);
		return;
	}
	if (r->as_create) {
		r->as_create = false;
		h->ops = h->node->ops;
		reply_created(r, h->node);
		return;
	}
	fs_fill_open(h, &fi);
	fs_handle_keep(h, r->unique);
	(void)fs_handle_ref(h); /* the kernel's */
	if (fuse_reply_open(r->req, &fi) < 0)
		fs_handle_unref(h);
	req_free(r);
}

void fs_reply_buf(struct fs_req *r, const void *data, size_t len)
{
	if (wanted(r))
		(void)fuse_reply_buf(r->req, data, len);
	req_free(r);
}

void fs_reply_write(struct fs_req *r, size_t size)
{
	if (r->h && r->h->kept)
		r->h->kept->done_unique = r->unique & ~FS_KEEP_RESEND;
	if (wanted(r))
		(void)fuse_reply_write(r->req, size);
	req_free(r);
}
