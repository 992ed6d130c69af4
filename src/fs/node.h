/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of the mount: inodes, handles, requests, and the table of operations that a region of the tree fills in.
 *
 * Everything here belongs to the loop thread, but for fs_post(), fs_work() bodies and fs_notify_*(). A region never
 * waits: what needs the disk is parked. An operation that takes a struct fs_req must see to it that the request is
 * answered exactly once, at once or later, by one of the fs_reply_*() functions, on the loop.
 *
 * How a region is written
 *  - its lookup() finds the child and returns fs_node_get(dir, name, ino, ops), with `ino` from fs_ino() over what
 *    identifies the thing for ever (an object's uid and the path within it), and sets node->data when ret_new says so;
 *  - getattr() fills in an fs_attr; the size of a rendered file is exact: fs_attr_render() does it by rendering;
 *  - render() appends the text of a read-only file; the frame snapshots it at open and serves reads from there;
 *  - what can be written has open/write/flush/… of its own and commits with fs_txn_submit() or fs_work().
 * A missing operation has the refusal of the frame: see struct fs_ops.
 */
#ifndef PODFS_FS_NODE_H
#define PODFS_FS_NODE_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "fs/session.h"
#include "schema/schema.h"
#include "store/registry.h"

struct fs_node;
struct fs_handle;
struct fs_req;
struct fs_listing;
struct fs_access;
struct fs_errors;
struct fs_decl;
struct fs_prune;
struct fs_waiting;
struct fs_live;
struct fs_reverts;
struct fs_streams;
struct fs_driftmemo;
struct fs_eventlog;
struct fs_datascratch;
struct fs_images;
struct fs_dirs;
struct fs_remnants;
struct fs_session;
struct fs_sfile;
struct fs_loop;
struct fuse_pollhandle;
struct fs_keep;
struct fs_kept;

/* How long the kernel may keep attributes and names, in seconds. */
#define FS_TTL 1.0	 /* what changes by itself: never staler than the contract's second */
#define FS_TTL_NONE 0.0	 /* what must never be stale */

struct fs_attr {
	mode_t mode; /* with the type */
	uid_t uid;
	gid_t gid;
	uint64_t ino; /* what stat(2) shows; 0: the node's number */
	uint64_t size;
	uint32_t nlink; /* 0: 1 for files, 2 for directories */
	bool unlinked;	/* it has no name any more: stat(2) shows 0 links */
	int64_t mtime;	/* ns since 1970 UTC; atime is the same */
	int64_t ctime;	/* 0: mtime */
	double ttl;	/* of the attributes; starts as FS_TTL */
	double name_ttl; /* of the name; negative: as ttl */
};

/* Which members a setattr() is to change. */
enum fs_set {
	FS_SET_MODE = 1 << 0,
	FS_SET_UID = 1 << 1,
	FS_SET_GID = 1 << 2,
	FS_SET_SIZE = 1 << 3,
	FS_SET_MTIME = 1 << 4,
	FS_SET_CTIME = 1 << 5,
};

struct fs_ops {
	const char *region; /* for messages and traces */
	bool cached;	    /* all handles on it are as h->cached says of one */
	size_t room;	    /* bytes of data that come with each node, zeroed and not to be freed; 0: none, data is NULL */

	/* --- any node --- */
	/* Fills in *a, which holds zeros and ttl FS_TTL. -ENOENT (-ESTALE): it is gone. Required. */
	int (*getattr)(struct fs_node *n, struct fs_attr *a);
	/* Frees n->data; the node is going. Missing: nothing is freed. */
	void (*destroy)(struct fs_node *n);
	/* Changes attributes: `set` says which of *a; h is the handle of ftruncate(2) and the like, or NULL. Answers by
	 * fs_reply_attr(). Missing: times and unchanged values are taken and dropped, ftruncate() of a handle that has
	 * write() is taken and dropped (the value is judged at write), all else is EPERM. */
	void (*setattr)(struct fs_req *r, struct fs_node *n, const struct fs_attr *a, unsigned set, struct fs_handle *h);
	/* Extended attributes: the frame has dealt with all but the "user." class. getxattr appends the value, -ENODATA;
	 * listxattr appends names, each with its NUL. Missing: none, and EPERM to set. */
	int (*getxattr)(struct fs_node *n, const char *name, struct buf *out);
	int (*listxattr)(struct fs_node *n, struct buf *out);
	void (*setxattr)(struct fs_req *r, struct fs_node *n, const char *name, const void *value, size_t size,
			 int flags);
	void (*removexattr)(struct fs_req *r, struct fs_node *n, const char *name);

	/* --- directories; all but lookup and readdir: missing is EPERM --- */
	/* The child, as a new reference; -ENOENT. 0 with *ret left NULL: it is not there, and the kernel may remember that
	 * for FS_TTL, since only calls through the mount make such a name. */
	int (*lookup)(struct fs_node *dir, const char *name, struct fs_node **ret);
	/* Appends every child with fs_listing_add(), in any order that does not depend on chance. */
	int (*readdir)(struct fs_node *dir, struct fs_listing *l);
	/* Makes and opens a file. Answers by fs_reply_create(). flags as open(2). */
	void (*create)(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode, int flags);
	void (*mkdir)(struct fs_req *r, struct fs_node *dir, const char *name, mode_t mode);
	void (*unlink)(struct fs_req *r, struct fs_node *dir, const char *name);
	void (*rmdir)(struct fs_req *r, struct fs_node *dir, const char *name);
	/* flags: RENAME_NOREPLACE or 0; the frame refuses others. The old directory's operation is called. */
	void (*rename)(struct fs_req *r, struct fs_node *dir, const char *name, struct fs_node *newdir,
		       const char *newname, unsigned flags);
	void (*symlink)(struct fs_req *r, struct fs_node *dir, const char *name, const char *target);
	/* The new directory's operation is called. */
	void (*link)(struct fs_req *r, struct fs_node *n, struct fs_node *newdir, const char *newname);

	/* --- links --- */
	int (*readlink)(struct fs_node *n, struct buf *out);

	/* --- files --- */
	/* Appends the whole text. */
	int (*render)(struct fs_node *n, struct buf *out);
	/* Opens: h is complete and may be given h->data; answers by fs_reply_open(). Missing: reading snapshots
	 * render() into h->snap, writing is EROFS unless write() is there. */
	void (*open)(struct fs_req *r, struct fs_node *n, struct fs_handle *h);
	/* Answers by fs_reply_buf(). Missing: from h->snap. May park: then the handle is kept alive by the frame. */
	void (*read)(struct fs_req *r, struct fs_handle *h, size_t size, uint64_t off);
	/* Answers by fs_reply_write(). For O_APPEND (h->flags) `off` means nothing. Missing: EBADF. */
	void (*write)(struct fs_req *r, struct fs_handle *h, const char *data, size_t size, uint64_t off);
	/* A descriptor was closed; `same_process`: by the process that opened it. Missing: 0. */
	void (*flush)(struct fs_req *r, struct fs_handle *h, bool same_process);
	void (*fsync)(struct fs_req *r, struct fs_handle *h);
	/* fallocate(2). Missing: EOPNOTSUPP. */
	void (*fallocate)(struct fs_req *r, struct fs_handle *h, int mode, uint64_t off, uint64_t len);
	/* The last descriptor went: free h->data. Nobody sees a result. */
	void (*release)(struct fs_handle *h);
	/* Which of POLLIN | POLLOUT … hold. When none of `wanted` does and ph is not NULL, the region keeps ph until it
	 * calls fs_poll_wake(); it may be given several. Missing: always ready. */
	unsigned (*poll)(struct fs_handle *h, unsigned wanted, struct fuse_pollhandle *ph);
	/* The handle is about to be the kernel's: sets h->region and keeps by fs_keep_*() what the next daemon needs to
	 * go on with it (fs/keep.h). Missing: what h->snap holds. */
	void (*keep)(struct fs_handle *h);
	/* getattr() says that it is gone, and the caller has it open as h: fills in what fstat(2) says, where it is not what
	 * the frame has put there, a file of h->snap. Missing: that. */
	void (*held)(struct fs_handle *h, struct fs_attr *a);
};

/*
 * An inode that the kernel, a child, a handle or a caller holds. The number is the identity: fs_ino() makes it from what
 * never changes and is never used again.
 */
struct fs_node {
	uint64_t ino;
	const struct fs_ops *ops;
	struct fs *fs;
	struct fs_node *parent;	 /* owned; NULL for the root only */
	char *name;		 /* owned, or part of it; its name in the parent, "" for the root */
	const char *ns;		 /* the namespace whose tree it is in (interned); "default" for the root */
	const struct schema_kind *kind; /* of the kind's directory that it is in or below, or NULL */
	void *data;		 /* the region's own */
	uint64_t nlookup;	 /* references of the kernel */
	uint32_t kept;		 /* fs/keep.h; 0: it is not */
	unsigned refs : 31;	 /* nlookup counts as one while it is not 0 */
	unsigned name_apart : 1; /* the name is owned */
	struct fs_node *hash_next, *place_next;
};

struct fs_node *fs_node_ref(struct fs_node *n);
void fs_node_unref(struct fs_node *n);
DEFINE_CLEANUP(struct fs_node *, fs_node_unref);
#define _cleanup_fs_node_ _cleanup_(fs_node_unrefp)

/* A number from the store's secret and two texts that identify the thing: (an object's uid or a fixed word, the path
 * within it). Never 0 or 1. Keyed SipHash-2-4: nobody can make two names meet. */
uint64_t fs_ino(const struct fs *fs, const char *id, const char *path);

/*
 * The node of that number, new or known, as a new reference in *ret. ns and kind are the parent's. *ret_new (may be NULL)
 * says whether the region has to set data. A known node gets this parent and name if it has moved. -ENOMEM; -EIO if
 * the number is another region's.
 */
int fs_node_get(struct fs_node *parent, const char *name, uint64_t ino, const struct fs_ops *ops, struct fs_node **ret,
		bool *ret_new);
/* The node of that number if it is known; no reference is taken. */
struct fs_node *fs_node_find(struct fs *fs, uint64_t ino);
/* The newest node that a directory's child of that name has, if one is known, borrowed. What had the name before may be known
 * still. */
struct fs_node *fs_node_child(const struct fs_node *dir, const char *name);
/* Gives a node another place (after a rename). -ENOMEM. */
int fs_node_move(struct fs_node *n, struct fs_node *parent, const char *name);
/* Tells the kernel that the attributes of what it knows below a directory are old. */
void fs_nodes_notify_below(const struct fs_node *dir);
/* The path from the mount's root, "deployments/web/spec", appended; for messages. */
void fs_node_path(const struct fs_node *n, struct buf *out);
/* As above with a further name. */
void fs_child_path(const struct fs_node *dir, const char *name, struct buf *out);
/* One copy of each text for the life of the session (namespaces' names). NULL when memory is out. */
const char *fs_intern(struct fs *fs, const char *s);

/* --- attributes --- */

/* What getattr() answers of a node whose thing is gone: -ESTALE, at which the kernel looks the path up again, finds another of the
 * name or none, and forgets this one: unlink(2) of a directory that it remembers is EISDIR. But -ENOENT at the second time in
 * a row, since it has no name to look up for who is in the directory. */
int fs_node_gone(const struct fs_node *n);
/* getattr() with the struct set up for it. Who asks (fs->asking) and has it open sees it also when it is gone. */
int fs_node_attr(struct fs_node *n, struct fs_attr *a);
/*
 * A generated file: mode (with S_IFREG), owner, mtime. Owner and group are those of the kind's directory or namespace in
 * which it lies, root where it is the system's; where that directory lets its group or others write, so does a file
 * which they may read and its owner may write.
 */
void fs_attr_file(const struct fs_node *n, struct fs_attr *a, mode_t mode, int64_t mtime);
void fs_attr_dir(const struct fs_node *n, struct fs_attr *a, mode_t mode, int64_t mtime);
/* fs_attr_file() with the size of what render() gives. */
int fs_attr_render(struct fs_node *n, struct fs_attr *a, mode_t mode, int64_t mtime);
/* A link (0777) to `target`'s length. */
void fs_attr_link(const struct fs_node *n, struct fs_attr *a, size_t target_len, int64_t mtime);

/* --- listings --- */

/* Adds a child; mode gives the type. `ino` may be 0 (unknown): the kernel then shows none but asks at stat. -ENOMEM. */
int fs_listing_add(struct fs_listing *l, const char *name, mode_t mode, uint64_t ino);

/* --- handles --- */

struct fs_handle {
	struct fs *fs;
	struct fs_node *node; /* owned */
	const struct fs_ops *ops; /* node's when it was opened: a rename may make it another region's */
	int flags;	      /* of open(2) */
	pid_t pid;	      /* the opener's process (thread group), or thread if it is a directory or only read, 0 when it
			       * is outside our PID namespace */
	uid_t uid;	      /* the opener's */
	gid_t gid;
	struct fs_access *access; /* owned: who opened it, of one that can write or is created; else NULL */
	struct buf snap;      /* what the default read() serves */
	void *data;	      /* the region's own, freed by release() */
	struct fs_listing *listing; /* the frame's: of a directory */
	bool cached;	      /* set in open(): the kernel may cache pages of it (immutable or plain files) */
	bool stream;	      /* set in open(): no seeking */
	uint64_t number;
	struct fs_kept *kept; /* fs/keep.h; NULL: it is not */
	size_t read;	      /* bytes that it holds to read from, charged likewise */
	size_t held;	      /* bytes of a buffer, charged to uid: fs/quota.c */
	unsigned refs;	      /* the kernel's, and those of parked requests */
	struct fs_handle *hash_next;
	LIST_ENTRY(fs_handle) of_thread; /* of a directory */
	LIST_ENTRY(fs_handle) of_node;	 /* once the kernel has it */
	bool of_kernel;
};

/* Keep a handle, its release() waiting, while something works with it. NULL is fine. */
struct fs_handle *fs_handle_ref(struct fs_handle *h);
void fs_handle_unref(struct fs_handle *h);

/* Calls fn of each directory that is open and was opened by that thread until it returns true; whether it did. */
bool fs_handles_of(struct fs *fs, pid_t thread, bool (*fn)(struct fs_handle *h, void *arg), void *arg);

static inline bool fs_handle_writes(const struct fs_handle *h)
{
	return (h->flags & 03) != 0; /* O_ACCMODE: O_WRONLY or O_RDWR */
}

/* A file that was open when the daemon before this one ended: for the regions' restorers, see fs/takeover.c. */
struct fs_takeover_place {
	struct fs_node *dir; /* borrowed; NULL: it is gone */
	const char *name;
	uint64_t ino;
};

/* The inode that the kernel knows from an earlier daemon, borrowed; NULL. */
struct fs_node *fs_takeover_node(struct fs *fs, uint64_t ino);
/* The kernel has references on this inode from an earlier daemon: gives them to the node. False: it has none. */
bool fs_takeover_adopt(struct fs_node *n);
/* The regions' restorers: h is complete but for node, ops and data. An error: the file answers EIO from now on. */
int fs_manifest_restore(struct fs_handle *h, const struct fs_takeover_place *at);
int fs_field_restore(struct fs_handle *h, const struct fs_takeover_place *at);
int fs_scratch_restore(struct fs_handle *h, const struct fs_takeover_place *at);
int fs_stream_restore(struct fs_handle *h, const struct fs_takeover_place *at);
int fs_archive_restore(struct fs_handle *h, const struct fs_takeover_place *at);
int fs_log_restore(struct fs_handle *h, const struct fs_takeover_place *at);

/* --- requests --- */

struct fs *fs_req_fs(const struct fs_req *r);
/* The kernel's number of the request, for fs_keep_change(). */
uint64_t fs_req_unique(const struct fs_req *r);
/* When the request came first, ns since 1970: before a death, perhaps. */
int64_t fs_req_time(const struct fs_req *r);
/* Of create(): open(2)'s flags and the opener's process. */
int fs_req_flags(const struct fs_req *r);
pid_t fs_req_pid(const struct fs_req *r);
/* Who asks. agent is "mount". The pid is the calling thread's. */
struct writer fs_req_writer(const struct fs_req *r);
/* For whom a handle's content is written: who opened it, whoever writes now. r gives the pid; NULL: nobody asks. */
struct writer fs_handle_writer(const struct fs_handle *h, const struct fs_req *r);
/* The caller's name from /proc, "?" when it is gone. */
void fs_req_comm(const struct fs_req *r, char out[static 16]);
/* A process' name, likewise. */
void fs_comm(pid_t pid, char out[static 16]);
/* Whether that thread, or process, is of that process. */
bool fs_process_has(pid_t process, pid_t thread);
/* Whether the calling process is being ended by a signal. */
bool fs_req_is_killed(const struct fs_req *r);

/*
 * Says that the request will be answered later, and what to do when the caller is interrupted by then: `cancel` (on the
 * loop) must answer it, usually with -EINTR, or leave it if its end is near. Without a cancel function the
 * frame answers -EINTR when the caller is being killed, and the later reply is dropped. The request, and a
 * handle it came with, stay valid until it is answered.
 */
void fs_req_park(struct fs_req *r, void (*cancel)(struct fs_req *r, void *arg), void *arg);

void fs_reply_err(struct fs_req *r, int err); /* 0 or a negative errno */
void fs_reply_entry(struct fs_req *r, struct fs_node *n); /* lookup, mkdir, symlink, link */
/* A handle on n with that data; when it fails the frame calls n's release(). Flags and owner are the request's. */
void fs_reply_create(struct fs_req *r, struct fs_node *n, void *data);
void fs_reply_attr(struct fs_req *r, struct fs_node *n);
void fs_reply_open(struct fs_req *r, struct fs_handle *h); /* as h says */
void fs_reply_buf(struct fs_req *r, const void *data, size_t len);
void fs_reply_write(struct fs_req *r, size_t size);

/* --- what happens elsewhere --- */

/* Runs fn(arg) on the loop, soon. Any thread; order is kept. `task` is the caller's and must live until fn runs. */
struct fs_task {
	STAILQ_ENTRY(fs_task) entry;
	void (*fn)(struct fs_task *t);
};
void fs_post(struct fs *fs, struct fs_task *task);

/*
 * Submits a transaction; fn gets the outcome (see store_done_fn) on the loop. -ENOMEM, -E2BIG, …: then fn is not called.
 * The txn may be freed at once.
 */
int fs_txn_submit(struct fs *fs, struct txn *t, unsigned store_flags,
		  void (*fn)(struct fs *fs, void *arg, int result, uint64_t rev), void *arg);
/*
 * As above for a request, parked without a cancel function, that a success answers with 0, or as fs_req_answers() has it: the
 * store's thread does so at once. fn follows on the loop before any request that came after the answer, and must end the
 * request by fs_reply_err() or fs_reply_write(), which answer only what is not answered yet. A failure is left to fn.
 * `answer` may be NULL.
 */
int fs_txn_submit_for(struct fs *fs, struct txn *t, unsigned store_flags, struct fs_req *answer,
		      void (*fn)(struct fs *fs, void *arg, int result, uint64_t rev), void *arg);
/* The answer is that of a write(2) of `size` bytes (0: none of one). */
void fs_req_answers(struct fs_req *r, size_t size);

/* Runs work(arg) on the one worker thread, then done(fs, arg) on the loop. For parsing of more than 64 KiB and for what
 * reads many files. -ENOMEM. */
int fs_work(struct fs *fs, void (*work)(void *arg), void (*done)(struct fs *fs, void *arg), void *arg);
enum { FS_WORK_BYTES = 64 * 1024 };

/* A timer on the loop; when it has run out fn is called once. `at` is monotonic ns; 0 disarms. Set up once. */
struct fs_timer;
int fs_timer_new(struct fs *fs, void (*fn)(struct fs *fs, void *arg), void *arg, struct fs_timer **ret);
void fs_timer_set(struct fs_timer *t, int64_t at);
void fs_timer_free(struct fs_timer *t);

/* Has the loop call fn when fd is readable, until fs_unwatch_fd(). */
struct fs_fdwatch;
int fs_watch_fd(struct fs *fs, int fd, void (*fn)(struct fs *fs, void *arg), void *arg, struct fs_fdwatch **ret);
void fs_unwatch_fd(struct fs_fdwatch *w);

/* The kernel is to ask anew for the inode's attributes: it has been told when this returns. Any thread. */
void fs_notify_expire(struct fs *fs, uint64_t ino);
/* Wakes a poll(2) and destroys ph. Any thread. */
void fs_poll_wake(struct fs *fs, struct fuse_pollhandle *ph);
/* Gives ph up without waking. */
void fs_poll_drop(struct fuse_pollhandle *ph);

/* --- errors: the file of refused writes --- */

/*
 * Adds an entry to `errors`, of the namespace and of the root: time, uid, pid and program, path, the text. Made of
 * diagnostics: fs_errors_diags(). The text is escaped and cut. r may be NULL (nobody asked: prune).
 */
void fs_errors_add(struct fs *fs, const struct fs_req *r, const char *ns, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The same of what somebody caused: it counts as theirs. A pid of 0 is not told. */
void fs_errors_add_by(struct fs *fs, const struct writer *who, const char *ns, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Each diagnostic with its place and, where `text` is given, the line with a caret; of a Secret nothing of its text.
 * Returns the text that was added, less
 * its header (for user.podfs.error), to be freed, or NULL. */
char *fs_errors_diags(struct fs *fs, const struct writer *who, const char *comm, const char *ns, const char *path,
		      struct diag_list *diags, bool secret, const char *text, size_t len);
/* Refuses a request on a directory's child: notes the reason in errors and answers `err`. */
void fs_refuse(struct fs_req *r, int err, const struct fs_node *dir, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* --- the session, for regions --- */

struct fs {
	struct registry *registry;
	struct store *store;
	struct cache *cache;
	struct fs_config config; /* strings owned */
	struct fs_node *root;	 /* owned */
	int64_t started;	 /* real time of the mount, ns: mtime of what never changes */
	uint8_t seed[16];	 /* of fs_ino(); kept in the store */
	int state_fd;		 /* of config.state_dir, owned */
	struct fs_loop *loop;	 /* owned: fs/loop.c */
	struct fs_keep *keep;	 /* owned: what outlives this daemon; NULL: nothing does */
	pid_t asking;		 /* during getattr(): the calling thread, 0 otherwise: who wrote sees what he wrote */
	struct {
		uint64_t ino;
		pid_t thread;
	} stale;		 /* to whom fs_node_gone() said last that what is gone, 0: nobody */
	struct fs_handle *asking_by; /* likewise: the handle that the call came with, if it did; borrowed */
	struct fs_errors *errors;
	struct fs_decl *decl;	 /* which manifest declares what: fs/decl.c */
	struct fs_prune *prune;	 /* fs/prune.c */
	struct fs_waiting *waiting; /* fs/waiting.c */
	struct fs_live *live;	 /* fs/live.c */
	struct fs_reverts *reverts; /* fs/revert.c */
	struct fs_streams *streams; /* fs/stream.c */
	struct fs_driftmemo *drift; /* fs/drift.c; NULL: none yet */
	struct fs_eventlog *eventlog; /* fs/eventlog.c */
	struct fs_datascratch *datascratch; /* fs/datascratch.c; NULL: none yet */
	struct fs_images *images;
	struct fs_dirs *dirs;	 /* attributes of directories: fs/dirattr.c */
	struct fs_remnants *remnants;
	struct fs_sfile *scratch_files; /* those that are open: fs/scratch_file.c */
	struct fs_quota *quota;	 /* fs/quota.c; NULL: nobody has any */
	struct fs_session *session; /* fs/session.c */
	void *unlinked;		 /* those that were removed a moment ago: fs/unlinked.c */
	void *pending;		 /* manifests that are being made: fs/manifest.c */
	unsigned made;		 /* how many were: for their numbers */
	struct {
		const char *ns;
		uint64_t number;
	} unignored[64];	 /* some folders that have no .podfsignore: fs/ignored.c */
};

#endif
