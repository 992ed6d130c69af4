/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session: mounting and unmounting, and the making and freeing of what regions share.
 *
 * The descriptor of /dev/fuse is opened by the holder or here, never by libfuse, which is given it by
 * fuse_session_custom_io(). A daemon that takes over serves INIT to libfuse from what the first one kept.
 */
#include "fs/aside.h"
#include "fs/frame.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "base/clock.h"
#include "fs/datascratch.h"
#include "fs/decl.h"
#include "fs/dirattr.h"
#include "fs/drift.h"
#include "fs/errors.h"
#include "fs/eventlog.h"
#include "fs/images.h"
#include "fs/live.h"
#include "fs/prune.h"
#include "fs/quota.h"
#include "fs/remnant.h"
#include "fs/revert.h"
#include "fs/root.h"
#include "fs/stream.h"
#include "fs/unlinked.h"
#include "fs/waiting.h"

#define SEED_KEY "/mount/seed"
#define LEFT_KEY "/mount/left"

struct fs_session {
	struct fuse_session *se;
	int mount_dir; /* the directory below the mount: takes the immutable flag off again; -1 */
	bool mounted, taken_over;
};

/* The next answer of this thread is to an INIT that the kernel sent to an earlier daemon. Others tell the kernel of changes
 * meanwhile. */
static _Thread_local bool swallow;

/* --- set-up --- */

static int copy_string(const char **p, struct error *err)
{
	if (*p) {
		*p = strdup(*p);
		if (!*p)
			return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int copy_config(struct fs *fs, const struct fs_config *config, struct error *err)
{
	int r;

	fs->config = *config;
	fs->config.mountpoint = fs->config.state_dir = fs->config.log_dir = fs->config.run_dir = fs->config.version = NULL;
	fs->config.mountpoint = config->mountpoint;
	r = copy_string(&fs->config.mountpoint, err);
	fs->config.state_dir = config->state_dir;
	r = r < 0 ? r : copy_string(&fs->config.state_dir, err);
	fs->config.log_dir = r < 0 ? NULL : config->log_dir;
	r = r < 0 ? r : copy_string(&fs->config.log_dir, err);
	fs->config.run_dir = r < 0 ? NULL : config->run_dir;
	r = r < 0 ? r : copy_string(&fs->config.run_dir, err);
	fs->config.version = r < 0 ? NULL : config->version;
	r = r < 0 ? r : copy_string(&fs->config.version, err);
	if (fs->config.settle_ms < 0)
		fs->config.settle_ms = FS_SETTLE_MS;
	return r;
}

/* The secret of fs_ino(), made with the store: numbers stay the same after a restart. */
static int load_seed(struct fs *fs, struct error *err)
{
	_cleanup_store_entry_ struct store_entry *e = NULL;
	struct store_op op = { .type = STORE_PUT, .key = SEED_KEY, .value = fs->seed, .len = sizeof(fs->seed),
			       .expect = STORE_ABSENT };
	int r = store_get(fs->store, SEED_KEY, &e);

	if (r == 0) {
		size_t len;
		const void *value = store_entry_value(e, &len);

		if (len != sizeof(fs->seed))
			return error_set(err, -EINVAL, "the store's " SEED_KEY " is damaged");
		memcpy(fs->seed, value, len);
		return 0;
	}
	if (r != -ENOENT)
		return error_errno(err, r, "cannot read the store");
	if (getrandom(fs->seed, sizeof(fs->seed), 0) != (ssize_t)sizeof(fs->seed))
		return error_errno(err, -errno, "cannot get random bytes");
	r = store_commit(fs->store, &op, 1, 0, NULL);
	return r < 0 ? error_errno(err, r, "cannot write to the store") : 0;
}

static int make_dirs(struct fs *fs, struct error *err)
{
	static const char *const names[] = { "scratch", "rejected", "images-incoming" };

	if (mkdir(fs->config.state_dir, 0700) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "cannot make %s", fs->config.state_dir);
	fs->state_fd = open(fs->config.state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs->state_fd < 0)
		return error_errno(err, -errno, "cannot open %s", fs->config.state_dir);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (mkdirat(fs->state_fd, names[i], 0700) < 0 && errno != EEXIST)
			return error_errno(err, -errno, "cannot make %s/%s", fs->config.state_dir, names[i]);
	return 0;
}

static int make_root(struct fs *fs)
{
	struct fs_node *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	fs->root = n;
	n->ino = FUSE_ROOT_ID;
	n->ops = &fs_root_ops;
	n->fs = fs;
	n->refs = 1;
	n->ns = fs_intern(fs, "default");
	n->name = strdup("");
	n->name_apart = true;
	return n->name && n->ns ? 0 : -ENOMEM;
}

static int fill_session(struct fs *fs, const struct fs_config *config, struct error *err)
{
	int r = copy_config(fs, config, err);

	if (r == 0)
		r = fs_loop_new(fs, err);
	if (r == 0) {
		r = fs_nodes_init(fs);
		if (r == 0)
			r = make_root(fs);
		if (r == 0)
			r = fs_errors_new(&fs->errors);
		if (r < 0)
			(void)error_errno(err, r, "cannot make the tree");
	}
	if (r == 0)
		r = load_seed(fs, err);
	if (r == 0)
		r = make_dirs(fs, err);
	if (r == 0)
		r = fs_errors_load(fs, err);
	if (r == 0)
		r = fs_dirs_new(fs, err);
	if (r == 0)
		r = fs_remnants_new(fs, err);
	if (r == 0)
		r = fs_decl_new(fs, err);
	if (r == 0) {
		fs_aside_sweep(fs);
		r = fs_prune_new(fs, err);
	}
	if (r == 0)
		r = fs_waiting_new(fs, err);
	if (r == 0)
		r = fs_live_new(fs, err);
	if (r == 0)
		r = fs_revert_new(fs, err);
	if (r == 0)
		r = fs_streams_new(fs, err);
	if (r == 0 && fs_eventlog_new(&fs->eventlog) < 0)
		r = error_set(err, -ENOMEM, "out of memory");
	if (r == 0)
		r = fs_images_new(fs, err);
	return r;
}

int fs_session_new(const struct fs_config *config, struct fs **ret, struct error *err)
{
	_cleanup_fs_ struct fs *fs = calloc(1, sizeof(*fs));
	int r;

	if (!fs)
		return error_set(err, -ENOMEM, "out of memory");
	fs->state_fd = -1;
	fs->registry = config->registry;
	fs->store = registry_store(config->registry);
	fs->cache = registry_cache(config->registry);
	fs->started = registry_now(config->registry);
	fs->session = calloc(1, sizeof(*fs->session));
	if (!fs->session)
		return error_set(err, -ENOMEM, "out of memory");
	fs->session->mount_dir = -1;
	r = config->keep_fd > 0 ? fs_keep_open(config->keep_fd, &fs->keep, err) : 0;
	if (r < 0)
		return r;
	r = fill_session(fs, config, err);
	if (r < 0)
		return r;
	*ret = steal_ptr(fs);
	return 0;
}

/* --- the mount point --- */

/* Sets or clears the immutable flag; ignoring file systems that have none (tmpfs, overlay). */
static void set_immutable(int fd, bool on)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* Whether a file system of ours is the topmost mount at that path: /proc/self/mountinfo's last line for it, proc(5). */
static bool is_podfs_mount(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	bool found = false;

	while (f && getline(&line, &cap, f) > 0) {
		char *fields[5], *p = line, *type;
		size_t n = 0;

		while (n < ARRAY_SIZE(fields) && p) {
			fields[n++] = p;
			p = strchr(p, ' ');
			if (p)
				*p++ = '\0';
		}
		type = p ? strstr(p, " - ") : NULL;
		if (n == ARRAY_SIZE(fields) && type && strcmp(fields[4], path) == 0)
			found = strncmp(type, " - fuse.podfs ", 14) == 0;
	}
	return found;
}

static int check_empty(int fd, const char *path, struct error *err)
{
	_cleanup_closedir_ DIR *d = NULL;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *de;

	if (copy < 0)
		return error_errno(err, -errno, "cannot read %s", path);
	d = fdopendir(copy);
	if (!d) {
		int r = -errno;

		close_fdp(&copy);
		return error_errno(err, r, "cannot read %s", path);
	}
	while ((de = readdir(d)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			return error_set(err, -ENOTEMPTY, "%s is not empty: it holds %s", path, de->d_name);
	return 0;
}

/* Detaches a mount of ours that nobody serves any more. */
static int detach_dead(const char *path, struct error *err)
{
	struct statfs st;

	/* statfs(2) asks whoever serves; stat(2) may be answered from what the kernel remembers. */
	while (statfs(path, &st) < 0 && (errno == ENOTCONN || errno == ECONNABORTED)) {
		if (umount2(path, MNT_DETACH) < 0)
			return error_errno(err, -errno, "cannot detach the dead mount at %s", path);
	}
	return 0;
}

static int open_mountpoint(struct fs *fs, struct error *err)
{
	const char *path = fs->config.mountpoint;
	_cleanup_close_ int fd = -1;
	int r = detach_dead(path, err);

	if (r < 0)
		return r;
	if (is_podfs_mount(path))
		return error_set(err, -EBUSY, "a podfs is mounted at %s already", path);
	if (mkdir(path, 0555) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "cannot make %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_errno(err, -errno, "cannot open the mount point %s", path);
	r = check_empty(fd, path, err);
	if (r < 0)
		return r;
	set_immutable(fd, false); /* left by a daemon that was killed; the mode cannot be changed under it */
	if (fchmod(fd, 0555) < 0)
		return error_errno(err, -errno, "cannot make %s read-only", path);
	set_immutable(fd, true);
	fs->session->mount_dir = steal_fd(&fd);
	return 0;
}

int fs_detach(const char *mountpoint, struct error *err)
{
	_cleanup_close_ int fd = -1;

	if (!is_podfs_mount(mountpoint))
		return error_set(err, -EINVAL, "no podfs is mounted at %s", mountpoint);
	if (umount2(mountpoint, MNT_DETACH) < 0)
		return error_errno(err, -errno, "cannot detach %s", mountpoint);
	fd = open(mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		set_immutable(fd, false);
	return 0;
}

/* --- libfuse --- */

static ssize_t io_read(int fd, void *buf, size_t len, void *userdata)
{
	struct fs *fs = userdata;
	ssize_t n;

	fs_keep_reading(fs->keep);
	n = read(fd, buf, len);
	if (n > 0)
		fs_keep_received(fs->keep, (size_t)n);
	return n;
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	struct fs *fs = userdata;
	ssize_t n;

	if (swallow) {
		swallow = false;
		return (ssize_t)out->len;
	}
	n = writev(fd, iov, count);
	if (out->unique)
		fs_keep_answered(fs->keep, out->unique);
	return n;
}

static int mount_fuse(const struct fs *fs, int fd, struct error *err)
{
	char options[256];

	(void)snprintf(options, sizeof(options),
		       "fd=%d,rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other", fd);
	if (mount("podfs", fs->config.mountpoint, "fuse.podfs", MS_NOSUID | MS_NODEV, options) < 0)
		return error_errno(err, -errno, "cannot mount at %s", fs->config.mountpoint);
	return 0;
}

/* Makes the libfuse session around a descriptor, which becomes libfuse's. */
static int make_session(struct fs *fs, int fd, struct error *err)
{
	static const struct fuse_custom_io io = { .read = io_read, .writev = io_writev };
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fs_session *s = fs->session;
	int r = fuse_opt_add_arg(&args, "podfs");

	if (r == 0)
		s->se = fuse_session_new(&args, &fs_fuse_ops, sizeof(fs_fuse_ops), fs);
	fuse_opt_free_args(&args);
	if (!s->se)
		return error_set(err, -ENOMEM, "cannot make a FUSE session");
	r = fuse_session_custom_io(s->se, &io, fd);
	if (r != 0)
		return error_errno(err, r < 0 ? r : -EIO, "cannot give libfuse its descriptor");
	fs_loop_set_session(fs, s->se, fd);
	return 0;
}

/* The kernel sent INIT to the first daemon: libfuse is told what it said then. */
static void take_over(struct fs *fs, const void *init, size_t len, int fd)
{
	struct fuse_buf buf = { .mem = (void *)(uintptr_t)init, .size = len };

	fs->session->taken_over = fs->session->mounted = true;
	swallow = true;
	fuse_session_process_buf(fs->session->se, &buf);
	fs_takeover(fs, fs->session->se, fd);
}

int fs_session_mount(struct fs *fs, struct error *err)
{
	_cleanup_close_ int fd = fs->config.fuse_fd > 0 ? fcntl(fs->config.fuse_fd, F_DUPFD_CLOEXEC, 0) :
							  open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	const void *init;
	size_t len = fs_keep_init(fs->keep, &init);
	int r;

	if (fd < 0)
		return error_errno(err, -errno, "cannot open /dev/fuse");
	r = len ? 0 : open_mountpoint(fs, err);
	if (r == 0)
		r = make_session(fs, fd, err);
	if (r == 0 && len)
		take_over(fs, init, len, fd);
	else if (r == 0)
		r = mount_fuse(fs, fd, err);
	if (fs->session->se)
		(void)steal_fd(&fd); /* libfuse's: closed with the session */
	if (r == 0)
		fs->session->mounted = true;
	return r;
}

bool fs_session_taken_over(const struct fs *fs)
{
	return fs->session->taken_over;
}

void fs_session_hand_over(struct fs *fs)
{
	const struct store_op op = { .type = STORE_PUT, .key = LEFT_KEY, .value = "", .expect = STORE_ANY };

	fs_loop_drain(fs);
	(void)store_commit(fs->store, &op, 1, 0, NULL); /* what waits to be synced goes with it; ignoring: it would wait on */
	fs_keep_leave(fs->keep);
}

int fs_session_run(struct fs *fs, struct error *err)
{
	return fs_loop_run(fs, err);
}

void fs_session_stop(struct fs *fs)
{
	fs_loop_stop(fs);
}

bool fs_session_unmounted(const struct fs *fs)
{
	return fs_loop_unmounted(fs);
}

static void unmount(struct fs *fs)
{
	struct fs_session *s = fs->session;

	if (s->mounted && !fs_loop_unmounted(fs))
		(void)umount2(fs->config.mountpoint, MNT_DETACH); /* ignoring: it went by itself a moment ago */
	s->mounted = false;
	if (s->taken_over) /* whoever mounted it had it open */
		s->mount_dir = open(fs->config.mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->mount_dir >= 0)
		set_immutable(s->mount_dir, false);
	close_fdp(&s->mount_dir);
}

void fs_session_free(struct fs *fs)
{
	if (!fs)
		return;
	fs_waiting_stop(fs->waiting);
	fs_dirs_stop(fs->dirs);
	fs_remnants_stop(fs->remnants);
	fs_live_stop(fs->live);
	fs_streams_stop(fs);
	if (fs->loop)
		fs_loop_drain(fs); /* what is parked is answered while the mount is still there */
	if (fs->session)
		unmount(fs);
	fs_images_free(fs->images);
	fs_waiting_free(fs->waiting);
	fs_prune_free(fs->prune);
	fs_unlinked_clear(fs);
	fs_datascratch_free(fs);
	if (fs->loop)
		fs_nodes_free(fs);
	fs_streams_free(fs);
	fs_drift_free(fs);
	fs_eventlog_free(fs->eventlog);
	fs_revert_free(fs);
	fs_live_free(fs->live);
	fs_decl_free(fs->decl);
	fs_remnants_free(fs->remnants);
	fs_dirs_free(fs->dirs);
	fs_quota_free(fs);
	fs_errors_free(fs->errors);
	fs_loop_free(fs);
	if (fs->session && fs->session->se)
		fuse_session_destroy(fs->session->se);
	free(fs->session);
	fs_keep_free(fs->keep);
	close_fdp(&fs->state_fd);
	free((void *)fs->config.mountpoint);
	free((void *)fs->config.state_dir);
	free((void *)fs->config.log_dir);
	free((void *)fs->config.run_dir);
	free((void *)fs->config.version);
	free(fs);
}
