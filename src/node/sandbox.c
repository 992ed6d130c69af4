/* SPDX-License-Identifier: Apache-2.0 */
#include "node/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "node/lifecycle.h"
#include "node/sandbox_spec.h"

_Static_assert((int)LIFECYCLE_CONTAINERS_MAX <= (int)POD_CONTAINERS_MAX, "podfs-pod runs what the agent asks for");

enum {
	SAFE_FD = 10, /* descriptors from here on are not overwritten by the file actions of the spawn */
	SHM_SIZE = 64 * 1024 * 1024,
};

struct sandbox {
	int sock;
	pid_t pid;
	bool child; /* ours to reap */
	uint64_t next_id;
	struct pod_message message;
};

/*
 * podfs-pod's end closes its socket a moment before it can be reaped. Those that were not yet are kept here and
 * looked for again later; protected by reap_lock.
 */
static pthread_mutex_t reap_lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t unreaped[64];

static void reap(pid_t pid)
{
	(void)pthread_mutex_lock(&reap_lock);
	for (size_t i = 0; i < ARRAY_SIZE(unreaped); i++) {
		if (unreaped[i] == 0 && pid > 0) {
			unreaped[i] = pid;
			pid = 0;
		}
		if (unreaped[i] > 0 && waitpid(unreaped[i], NULL, WNOHANG) != 0)
			unreaped[i] = 0;
	}
	(void)pthread_mutex_unlock(&reap_lock);
}

void sandbox_event_clear(struct sandbox_event *ev)
{
	close_fdp(&ev->fd);
}

void sandbox_free(struct sandbox *sb)
{
	if (!sb)
		return;
	close_fdp(&sb->sock);
	if (sb->child)
		reap(sb->pid);
	free(sb);
}

pid_t sandbox_take_child(struct sandbox *sb)
{
	bool child = sb->child;

	sb->child = false;
	return child ? sb->pid : 0;
}

int sandbox_fd(const struct sandbox *sb)
{
	return sb->sock;
}

pid_t sandbox_pid(const struct sandbox *sb)
{
	return sb->pid;
}

static bool is_component(const char *s)
{
	return s && *s != '\0' && !strchr(s, '/') && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

static int new_sandbox(int *sock, struct sandbox **ret_sandbox)
{
	struct sandbox *sb;

	const int size = POD_SOCKET_BYTES;
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return -EIO;
	if (fcntl(*sock, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	(void)setsockopt(*sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)); /* ignoring: a smaller one does for most */
	sb = calloc(1, sizeof(*sb));
	if (!sb)
		return -ENOMEM;
	sb->sock = steal_fd(sock);
	/* What the daemon before asked for may still run in podfs-pod under its ids. 0 is none. */
	sb->next_id = (id >> 1) + 1;
	*ret_sandbox = sb;
	return 0;
}

static int request(struct sandbox *sb, void *message, size_t size, enum pod_message_type type, const int *fds,
		   size_t n_fds, uint64_t *ret_id, struct error *err)
{
	struct pod_header *h = message;
	uint64_t id = sb->next_id++;
	int r;

	h->type = type;
	h->id = id;
	r = pod_message_send(sb->sock, message, size, fds, n_fds);
	if (r < 0)
		return error_errno(err, r, "send to podfs-pod");
	if (ret_id)
		*ret_id = id;
	return 0;
}

/* ---- starting and finding ---- */

/*
 * The program, opened through a detached read-only mount of its own: /proc/PID/exe of every process that runs it then
 * leads to a mount that nobody can write through, so that no container can overwrite the host's program
 * (CVE-2019-5736). It is the same file, so its pages are still shared.
 */
static int open_program(const char *path, struct error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV };
	_cleanup_close_ int tree = -1;
	int fd;

	if (!path)
		path = secure_getenv("PODFS_POD");
	if (!path)
		path = PODFS_LIBEXECDIR "/podfs-pod";
	tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return error_errno(err, -errno, "open %s", path);
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_errno(err, -errno, "protect %s", path);
	fd = fcntl(tree, F_DUPFD_CLOEXEC, SAFE_FD);
	return fd < 0 ? error_errno(err, -errno, "open %s", path) : fd;
}

static int prepare_spawn(posix_spawnattr_t *attr, posix_spawn_file_actions_t *actions, int sock)
{
	sigset_t none, all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	for (int fd = 0; r == 0 && fd < 3; fd++)
		r = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(actions, sock, POD_SOCKET_FD);
	return -r;
}

static int spawn(const struct sandbox_config *config, int sock, pid_t *ret_pid, struct error *err)
{
	_cleanup_close_ int program = open_program(config->program, err);
	const char *const argv[] = { "podfs-pod", config->title ? config->title : config->uid, config->uid, NULL };
	char *const env[] = { NULL };
	char path[64];
	posix_spawnattr_t attr;
	posix_spawn_file_actions_t actions;
	int r;

	if (program < 0)
		return program;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", program);
	r = -posix_spawnattr_init(&attr);
	if (r < 0)
		return error_errno(err, r, "start podfs-pod");
	r = -posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		r = prepare_spawn(&attr, &actions, sock);
		if (r == 0)
			r = -posix_spawn(ret_pid, path, &actions, &attr, (char *const *)(uintptr_t)argv, env);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	(void)posix_spawnattr_destroy(&attr);
	return r < 0 ? error_errno(err, r, "start podfs-pod") : 0;
}

static int make_dir(const struct sandbox_config *config, char *path, size_t size, struct error *err)
{
	int n = snprintf(path, size, "%s/pods", config->rundir);

	if (config->rundir[0] != '/' || !is_component(config->uid) || n < 0 || (size_t)n >= size)
		return error_set(err, -EINVAL, "run directory %s of pod %s", config->rundir, config->uid);
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "make %s", path);
	n = snprintf(path, size, "%s/pods/%s", config->rundir, config->uid);
	if (n < 0 || (size_t)n >= size)
		return error_set(err, -ENAMETOOLONG, "run directory %s", config->rundir);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "make %s", path);
	return 0;
}

static int configure(struct sandbox *sb, const struct sandbox_config *config, const char *dir, struct error *err)
{
	_cleanup_close_ int spec = sandbox_spec_setup(config, err);
	struct pod_setup m = {
		.flags = config->flags | (config->first_id ? POD_USER_NS : 0U),
		.n_cgroups = (uint32_t)config->n_cgroups,
		.shm_size = config->shm_size ? config->shm_size : SHM_SIZE,
		.oom_score_adj = config->oom_score_adj,
		.first_id = config->first_id,
		.n_ids = config->n_ids,
	};
	struct pod_header subscribe = { 0 };
	int fds[1 + POD_CGROUPS_MAX];
	int r;

	if (spec < 0)
		return spec;
	fds[0] = spec;
	for (size_t i = 0; i < config->n_cgroups; i++)
		fds[1 + i] = config->cgroup_fds[i];
	(void)snprintf(m.dir, sizeof(m.dir), "%s", dir);
	r = request(sb, &m, sizeof(m), POD_SETUP, fds, 1 + config->n_cgroups, NULL, err);
	return r < 0 ? r : request(sb, &subscribe, sizeof(subscribe), POD_SUBSCRIBE, NULL, 0, NULL, err);
}

int sandbox_spawn(const struct sandbox_config *config, struct sandbox **ret_sandbox, struct error *err)
{
	_cleanup_sandbox_ struct sandbox *sb = NULL;
	_cleanup_close_ int ours = -1, theirs = -1;
	char dir[POD_PATH_SIZE];
	int ends[2], r;

	reap(0);
	if (config->n_cgroups > POD_CGROUPS_MAX)
		return error_set(err, -E2BIG, "more than %d cgroups", POD_CGROUPS_MAX);
	r = make_dir(config, dir, sizeof(dir), err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, -errno, "make a socket pair");
	ours = ends[0];
	theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, SAFE_FD);
	close_fdp(&ends[1]);
	if (theirs < 0)
		return error_errno(err, -errno, "make a socket pair");
	r = new_sandbox(&ours, &sb);
	if (r < 0)
		return error_errno(err, r, "make a sandbox");
	/* The configuration is sent first, so that podfs-pod need not wait for it. */
	r = configure(sb, config, dir, err);
	if (r < 0)
		return r;
	r = spawn(config, theirs, &sb->pid, err);
	if (r < 0)
		return r;
	sb->child = true;
	*ret_sandbox = steal_ptr(sb);
	return 0;
}

/* A descriptor of RUNDIR/pods/UID. */
static int open_dir(const char *rundir, const char *uid)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	int fd;

	if (!is_component(uid))
		return -EINVAL;
	buf_printf(&path, "%s/pods/%s", rundir, uid);
	if (buf_failed(&path))
		return -ENOMEM;
	fd = open(buf_str(&path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sandbox_connect(const char *rundir, const char *uid, struct sandbox **ret_sandbox, struct error *err)
{
	_cleanup_sandbox_ struct sandbox *sb = NULL;
	_cleanup_close_ int dir = open_dir(rundir, uid);
	_cleanup_close_ int sock = -1;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct pod_header subscribe = { 0 };
	int r;

	if (dir < 0)
		return error_errno(err, dir, "pod %s", uid);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return error_errno(err, -errno, "make a socket");
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/sock", dir);
	if (connect(sock, (struct sockaddr *)&a, sizeof(a)) < 0)
		return error_errno(err, -errno, "connect to the podfs-pod of %s", uid);
	r = new_sandbox(&sock, &sb);
	if (r < 0)
		return error_errno(err, r, "make a sandbox");
	r = request(sb, &subscribe, sizeof(subscribe), POD_SUBSCRIBE, NULL, 0, NULL, err);
	if (r < 0)
		return r;
	*ret_sandbox = steal_ptr(sb);
	return 0;
}

/* ---- events ---- */

static const enum sandbox_event_type event_types[] = {
	[POD_READY] = SANDBOX_READY,
	[POD_STARTED] = SANDBOX_STARTED,
	[POD_START_FAILED] = SANDBOX_START_FAILED,
	[POD_EXITED] = SANDBOX_EXITED,
	[POD_STATUS] = SANDBOX_STATUS,
	[POD_SYNCED] = SANDBOX_SYNCED,
	[POD_WARNING] = SANDBOX_WARNING,
	[POD_EXEC_STARTED] = SANDBOX_EXEC_STARTED,
	[POD_EXEC_EXITED] = SANDBOX_EXEC_EXITED,
	[POD_ATTACHED] = SANDBOX_ATTACHED,
	[POD_DONE] = SANDBOX_DONE,
	[POD_ERROR] = SANDBOX_ERROR,
	[POD_NETNS] = SANDBOX_NETNS,
};

static void translate(const struct pod_event *e, struct sandbox_event *ev)
{
	ev->id = e->header.id;
	ev->restart = e->restart;
	ev->state = (enum pod_container_state)e->state;
	ev->pid = e->pid;
	ev->exit_code = e->exit_code;
	ev->signal = e->signal;
	ev->code = e->code;
	ev->acked = e->acked;
	ev->started_at = e->started_at;
	ev->finished_at = e->finished_at;
	ev->log_lost = e->log_lost;
	memcpy(ev->container, e->name, sizeof(ev->container));
	memcpy(ev->text, e->text, sizeof(ev->text));
	ev->container[sizeof(ev->container) - 1] = '\0';
	ev->text[sizeof(ev->text) - 1] = '\0';
}

int sandbox_receive(struct sandbox *sb, struct sandbox_event *ret_event, struct error *err)
{
	struct sandbox_event ev = { .fd = -1 };
	struct pod_message *m = &sb->message;
	int r;

	do {
		r = pod_message_receive(sb->sock, m);
		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return error_errno(err, r, "receive from podfs-pod");
		if (r == 0) {
			ev.type = SANDBOX_GONE;
			*ret_event = ev;
			return 1;
		}
		/* A newer podfs-pod may know events that we do not. */
		ev.type = m->header.type < ARRAY_SIZE(event_types) ? event_types[m->header.type] : 0;
		if (ev.type == 0)
			pod_message_clear(m);
	} while (ev.type == 0);
	if (m->header.type == POD_READY || m->header.type == POD_NETNS) {
		ev.pid = sb->pid = m->ready.pid;
		ev.adopted = m->ready.flags & POD_READY_ADOPTED;
		ev.started_at = m->ready.started_at;
	} else {
		translate(&m->event, &ev);
	}
	if (m->n_fds > 0)
		ev.fd = steal_fd(&m->fds[0]);
	pod_message_clear(m);
	*ret_event = ev;
	return 1;
}

/* ---- requests ---- */

static int copy_name(char to[static POD_NAME_SIZE], const char *name, struct error *err)
{
	size_t len = name ? strlen(name) : 0;

	if (len == 0 || len >= POD_NAME_SIZE)
		return error_set(err, -EINVAL, "container name %s", name ? name : "");
	memcpy(to, name, len + 1);
	return 0;
}

/* Sends POD_START or POD_EXEC: the spec, the cgroups, then `more`. */
static int send_start(struct sandbox *sb, const struct sandbox_container *c, enum pod_message_type type, const int *stdio,
		      size_t n_stdio, uint64_t *ret_id, struct error *err)
{
	struct pod_start m = {
		.flags = c->flags,
		.restart = c->restart,
		.n_cgroups = (uint32_t)c->n_cgroups,
		.stop_signal = c->stop_signal,
		.log_max_size = c->log_max_size,
		.log_max_files = c->log_max_files,
	};
	_cleanup_close_ int spec = -1;
	int fds[POD_FDS_MAX];
	size_t n = 1 + c->n_cgroups, n_sources = 0;
	int r = copy_name(m.name, c->name, err);

	if (r < 0)
		return r;
	if (c->n_cgroups > POD_CGROUPS_MAX)
		return error_set(err, -E2BIG, "more than %d cgroups", POD_CGROUPS_MAX);
	if (c->log && strlen(c->log) >= sizeof(m.log))
		return error_set(err, -ENAMETOOLONG, "log file %s", c->log);
	if (c->target && type == POD_START)
		r = copy_name(m.target, c->target, err);
	if (r < 0)
		return r;
	if (c->log)
		(void)snprintf(m.log, sizeof(m.log), "%s", c->log);
	spec = sandbox_spec_container(c, fds + n, POD_FDS_MAX - n, &n_sources, err);
	if (spec < 0)
		return spec;
	fds[0] = spec;
	for (size_t i = 0; i < c->n_cgroups; i++)
		fds[1 + i] = c->cgroup_fds[i];
	if (type == POD_EXEC) {
		n_sources = 0;
		for (size_t i = 0; i < n_stdio; i++)
			fds[n++] = stdio[i];
	}
	m.n_sources = (uint32_t)n_sources;
	return request(sb, &m, sizeof(m), type, fds, n + n_sources, ret_id, err);
}

int sandbox_start_container(struct sandbox *sb, const struct sandbox_container *c, struct error *err)
{
	return send_start(sb, c, POD_START, NULL, 0, c->ret_id, err);
}

int sandbox_exec(struct sandbox *sb, const struct sandbox_container *c, const int stdio[3], uint64_t *ret_id,
		 struct error *err)
{
	_cleanup_close_ int null = -1;
	int fds[3];

	if (c->flags & POD_TTY)
		return send_start(sb, c, POD_EXEC, NULL, 0, ret_id, err);
	for (int i = 0; i < 3; i++) {
		fds[i] = stdio[i];
		if (fds[i] >= 0)
			continue;
		if (null < 0)
			null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0)
			return error_errno(err, -errno, "open /dev/null");
		fds[i] = null;
	}
	return send_start(sb, c, POD_EXEC, fds, 3, ret_id, err);
}

static int send_stop(struct sandbox *sb, const char *name, uint64_t id, int signal, uint32_t grace_ms, struct error *err)
{
	struct pod_stop m = { .signal = signal, .grace_ms = grace_ms, .exec_id = id };
	int r = copy_name(m.name, name, err);

	return r < 0 ? r : request(sb, &m, sizeof(m), POD_STOP, NULL, 0, NULL, err);
}

int sandbox_stop_container(struct sandbox *sb, const char *name, int signal, uint32_t grace_ms, struct error *err)
{
	return send_stop(sb, name, 0, signal, grace_ms, err);
}

int sandbox_stop_exec(struct sandbox *sb, const char *name, uint64_t id, int signal, uint32_t grace_ms,
		      struct error *err)
{
	return send_stop(sb, name, id, signal, grace_ms, err);
}

static int send_name(struct sandbox *sb, enum pod_message_type type, const char *name, uint32_t restart,
		     uint64_t *ret_id, struct error *err)
{
	struct pod_name m = { .restart = restart };
	int r = copy_name(m.name, name, err);

	return r < 0 ? r : request(sb, &m, sizeof(m), type, NULL, 0, ret_id, err);
}

int sandbox_ack(struct sandbox *sb, const char *name, uint32_t restart, struct error *err)
{
	return send_name(sb, POD_ACK, name, restart, NULL, err);
}

int sandbox_reopen_log(struct sandbox *sb, const char *name, struct error *err)
{
	return send_name(sb, POD_REOPEN_LOG, name, 0, NULL, err);
}

int sandbox_attach(struct sandbox *sb, const char *name, const int *fds, size_t n, uint64_t *ret_id, struct error *err)
{
	struct pod_name m = { 0 };
	int r = copy_name(m.name, name, err);

	return r < 0 ? r : request(sb, &m, sizeof(m), POD_ATTACH, fds, n, ret_id, err);
}

int sandbox_shutdown(struct sandbox *sb, struct error *err)
{
	struct pod_header m = { 0 };

	return request(sb, &m, sizeof(m), POD_SHUTDOWN, NULL, 0, NULL, err);
}

/* ---- what a dead podfs-pod left ---- */

int sandbox_read_state(const char *rundir, const char *uid, struct sandbox_event **ret_events, size_t *ret_n,
		       struct error *err)
{
	_cleanup_close_ int dir = open_dir(rundir, uid);
	_cleanup_close_ int fd = -1;
	_cleanup_free_ struct sandbox_event *events = NULL;
	struct pod_state_header h;
	ssize_t n;

	if (dir < 0)
		return error_errno(err, dir, "pod %s", uid);
	fd = openat(dir, "state", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, -errno, "state of pod %s", uid);
	n = pread(fd, &h, sizeof(h), 0);
	if (n != (ssize_t)sizeof(h) || h.magic != POD_STATE_MAGIC || h.n_records > POD_CONTAINERS_MAX ||
	    h.record_size < sizeof(struct pod_header))
		return error_set(err, -EBADMSG, "state of pod %s is damaged", uid);
	events = calloc(h.n_records + 1, sizeof(*events));
	if (!events)
		return error_errno(err, -ENOMEM, "state of pod %s", uid);
	for (uint32_t i = 0; i < h.n_records; i++) {
		size_t size = h.record_size < sizeof(struct pod_event) ? h.record_size : sizeof(struct pod_event);
		struct pod_event e = { 0 };

		n = pread(fd, &e, size, (off_t)(sizeof(h) + (size_t)i * h.record_size));
		if (n != (ssize_t)size)
			return error_set(err, -EBADMSG, "state of pod %s is damaged", uid);
		events[i] = (struct sandbox_event){ .type = SANDBOX_STATUS, .fd = -1 };
		translate(&e, &events[i]);
	}
	*ret_n = h.n_records;
	*ret_events = steal_ptr(events);
	return 0;
}

int sandbox_remove_state(const char *rundir, const char *uid)
{
	static const char *const names[] = { "sock", "state" };
	_cleanup_close_ int dir = open_dir(rundir, uid);
	_cleanup_buf_ struct buf path = BUF_INIT;

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return dir;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (unlinkat(dir, names[i], 0) < 0 && errno != ENOENT)
			return -errno;
	buf_printf(&path, "%s/pods/%s", rundir, uid);
	if (buf_failed(&path))
		return -ENOMEM;
	return rmdir(buf_str(&path)) < 0 && errno != ENOENT ? -errno : 0;
}
