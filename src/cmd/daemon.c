/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon, which podfs-holder starts. The main thread serves the mount; a watcher thread waits for signals, for others'
 * changes of the firewall, and for the end of the holder.
 */
#include "cmd/daemon.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/signalfd.h>

#include "base/log.h"
#include "cmd/control.h"
#include "cmd/holder.h"
#include "cmd/mounts.h"
#include "fs/session.h"

/* The running daemon. */
struct daemon {
	const struct daemon_options *options;
	char *mountpoint;
	struct cluster *cluster;
	struct fs *fs;
	struct control *socket;
	int signals; /* signalfd */
	int control; /* to the holder */
	int ended;   /* eventfd-like pipe end that closes when the loop has ended */
	_Atomic bool drain, leave;
};

/* The tree can be used: tell the holder, who tells who waits. */
static void on_ready(void *arg)
{
	struct daemon *d = arg;

	const char ready = HOLDER_READY;

	log_info(fs_session_taken_over(d->fs) ? "the cluster at %s is taken over" : "cluster mounted at %s", d->mountpoint);
	if (write(d->control, &ready, 1) < 0) {
		/* ignoring: the holder has gone, which the watcher finds out */
	}
}

static void on_signal(struct daemon *d)
{
	struct signalfd_siginfo info;

	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		atomic_store(&d->drain, true);
	if (info.ssi_signo == SIGHUP)
		atomic_store(&d->leave, true);
	fs_session_stop(d->fs);
}

/*
 * The holder says nothing, so it is dead. The daemon serves on, since this harms nobody yet: but nothing keeps the mount when
 * the daemon dies. A service manager that waits for the holder starts podfs anew, and the mount must be free for that.
 */
static void on_holder_gone(struct daemon *d)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	bool managed = getenv("NOTIFY_SOCKET");

	log_error("podfs-holder died: %s", managed ? "the daemon ends, and containers run on"
						   : "the daemon serves on, but the mount ends with it");
	if (managed)
		fs_session_stop(d->fs);
	else if (mount_record_write(getpid(), d->mountpoint, &d->options->cluster, &err) < 0)
		log_error("podfs umount will not find this daemon: %s", error_text(&err));
}

static void *watch(void *arg)
{
	struct daemon *d = arg;
	struct pollfd fds[] = {
		{ .fd = d->signals, .events = POLLIN },
		{ .fd = d->ended, .events = POLLIN },
		{ .fd = network_firewall_fd(cluster_network(d->cluster)), .events = POLLIN },
		{ .fd = d->control, .events = POLLIN },
	};

	while (poll(fds, ARRAY_SIZE(fds), -1) >= 0 || errno == EINTR) {
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents)
			on_signal(d);
		if (fds[2].revents)
			network_firewall_check(cluster_network(d->cluster));
		if (fds[3].revents) {
			on_holder_gone(d);
			fds[3].fd = -1;
		}
	}
	return NULL;
}

static void on_metrics(void *arg, struct buf *out)
{
	struct daemon *d = arg;

	cluster_metrics(d->cluster, out);
}

static int container_facts(void *arg, const char *uid, const char *container, struct fs_container_facts *ret)
{
	struct cluster *c = arg;
	struct agent_container_facts facts;
	int r = cluster_agent(c) ? agent_container_facts(cluster_agent(c), uid, container, &facts) : -ENOENT;

	if (r < 0)
		return r;
	*ret = (struct fs_container_facts){ .pid = (pid_t)facts.pid, .cpu = facts.cpu, .memory = facts.memory };
	return 0;
}

static int container_usage(void *arg, const char *uid, const char *container, struct fs_container_facts *ret)
{
	struct cluster *c = arg;
	struct agent_container_facts facts;
	int r = cluster_agent(c) ? agent_container_usage(cluster_agent(c), uid, container, &facts) : -ENOENT;

	if (r < 0)
		return r;
	*ret = (struct fs_container_facts){ .pid = (pid_t)facts.pid, .cpu = facts.cpu, .memory = facts.memory };
	return 0;
}

static const struct fs_node_ops node_ops = { .container = container_facts, .usage = container_usage };

static int open_session(struct daemon *d, struct error *err)
{
	const struct cluster_config *c = &d->options->cluster;
	struct fs_config config = {
		.mountpoint = d->mountpoint,
		.fuse_fd = HOLDER_FUSE_FD,
		.keep_fd = HOLDER_KEEP_FD,
		.state_dir = c->state_dir,
		.log_dir = c->log_dir,
		.run_dir = c->run_dir,
		.version = PACKAGE_VERSION,
		.registry = cluster_registry(d->cluster),
		.settle_ms = d->options->settle_ms,
		.images = &images_ops,
		.images_arg = cluster_images(d->cluster),
		.node = &node_ops,
		.node_arg = d->cluster,
		.ready = on_ready,
		.ready_arg = d,
		.metrics = on_metrics,
		.metrics_arg = d,
	};

	return fs_session_new(&config, &d->fs, err);
}

/* Serves the mount until it ends. */
static int serve(struct daemon *d, struct error *err)
{
	_cleanup_close_ int ended_write = -1;
	pthread_t watcher;
	int ended[2], r;

	if (pipe2(ended, O_CLOEXEC) < 0)
		return error_errno(err, -errno, "pipe");
	d->ended = ended[0];
	ended_write = ended[1];
	r = -pthread_create(&watcher, NULL, watch, d);
	if (r < 0)
		return error_errno(err, r, "thread");
	r = fs_session_run(d->fs, err);
	close_fdp(&ended_write); /* wakes the watcher */
	pthread_join(watcher, NULL);
	close_fdp(&d->ended);
	return r;
}

static int run(struct daemon *d, struct error *err)
{
	int r = cluster_open(&d->options->cluster, &d->cluster, err);

	if (r == 0)
		r = open_session(d, err);
	if (r == 0)
		r = cluster_start(d->cluster, true, err);
	if (r == 0)
		r = fs_session_mount(d->fs, err);
	if (r == 0)
		r = fs_session_taken_over(d->fs) ? 0 : mount_record_write(getppid(), d->mountpoint, &d->options->cluster, err);
	if (r == 0)
		r = control_start(d->fs, cluster_agent(d->cluster), d->options->cluster.run_dir, d->mountpoint, &d->socket, err);
	if (r == 0)
		r = serve(d, err);
	return r;
}

/* Makes room for the next daemon. What is open stays open, so nothing of it is freed. */
static void leave(struct daemon *d)
{
	control_stop(d->socket, true);
	fs_session_hand_over(d->fs);
	_exit(DAEMON_LEFT);
}

static void finish(struct daemon *d)
{
	bool drain = atomic_load(&d->drain);

	control_stop(d->socket, false);
	fs_session_free(steal_ptr(d->fs));
	if (drain && d->cluster)
		cluster_drain(d->cluster);
	cluster_close(steal_ptr(d->cluster), drain);
	control_free(steal_ptr(d->socket));
	if (drain)
		mount_record_remove(d->options->cluster.run_dir, d->mountpoint);
}

/* Blocks, in all threads to come, the signals that the watcher reads. */
static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -EINVAL;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A peer that hangs up is seen by EPIPE; children get the default back: posix_spawn resets it. */
static void ignore_sigpipe(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGPIPE, &ignore, NULL); /* cannot fail with these arguments */
}

/* The daemon is the last that the kernel should kill: kubelet's own score. Lowering needs CAP_SYS_RESOURCE. */
static void protect_from_oom(void)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-999", 4) < 0)
		log_warning("oom_score_adj cannot be lowered: %s, ignoring", strerrordesc_np(errno));
}

bool daemon_is_held(void)
{
	static const int fds[] = { HOLDER_CONTROL_FD, HOLDER_FUSE_FD, HOLDER_KEEP_FD };
	bool held = true;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		held &= fcntl(fds[i], F_SETFD, FD_CLOEXEC) == 0;
	return held && fcntl(HOLDER_KEEP_FD, F_GET_SEALS) >= 0; /* only a memfd has them */
}

int daemon_run(const struct daemon_options *options, char *mountpoint)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct daemon d = { .options = options, .mountpoint = mountpoint, .control = HOLDER_CONTROL_FD, .ended = -1 };
	int r;

	(void)mallopt(M_ARENA_MAX, 2); /* memory is shared by few busy threads; an arena each would only spread it */
	ignore_sigpipe();
	protect_from_oom();
	d.signals = open_signals();
	r = d.signals < 0 ? error_errno(&err, d.signals, "signals") : run(&d, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	if (r == 0 && atomic_load(&d.leave) && !atomic_load(&d.drain) && !fs_session_unmounted(d.fs))
		leave(&d);
	finish(&d);
	close_fdp(&d.signals);
	return r < 0 ? DAEMON_FAILED : DAEMON_ENDED;
}
