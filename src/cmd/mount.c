/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podfs mount: the daemon. The main thread serves the mount; a watcher thread waits for signals and for others'
 * changes of the firewall.
 */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cmd/cluster.h"
#include "cmd/commands.h"
#include "cmd/mounts.h"
#include "cmd/notify.h"
#include "fs/session.h"

struct options {
	struct cluster_config cluster;
	const char *dir;
	bool foreground;
	int64_t settle_ms;
};

/* The running daemon. */
struct daemon {
	const struct options *options;
	char *mountpoint;
	struct cluster *cluster;
	struct fs *fs;
	int signals;	/* signalfd */
	int ready_pipe; /* to the parent that waits, -1 in the foreground */
	int ended;	/* eventfd-like pipe end that closes when the loop has ended */
	_Atomic bool drain;
};

static const char help[] =
	"usage: podfs mount [OPTION]... DIRECTORY\n"
	"Mounts a cluster at DIRECTORY and returns when it is ready.\n\n"
	"  --store STORE        lmdb:PATH keeps the state below PATH (default " DEFAULT_STORE ");\n"
	"                       memory: keeps none\n"
	"  --foreground         stay in the foreground and log to standard error\n"
	"  --settle SECONDS     how long a removed manifest's objects stay (default 2, at most 60)\n"
	"  --node-name NAME     name of this machine's Node (default: the host's name)\n"
	"  --pod-cidr CIDR      addresses of this node's pods (default: a /24 that is free)\n"
	"  --run-dir PATH       sockets of running pods (default " DEFAULT_RUN_DIR ")\n"
	"  --log-dir PATH       output of containers (default " DEFAULT_LOG_DIR ")\n"
	"  --cgroup-parent NAME control group of all pods (default " DEFAULT_CGROUP_PARENT ")\n"
	"  --debug              log more\n"
	"  --help               this text\n";

static const struct option long_options[] = {
	{ "store", required_argument, NULL, 's' },   { "foreground", no_argument, NULL, 'f' },
	{ "settle", required_argument, NULL, 't' },  { "node-name", required_argument, NULL, 'n' },
	{ "pod-cidr", required_argument, NULL, 'p' }, { "run-dir", required_argument, NULL, 'r' },
	{ "log-dir", required_argument, NULL, 'l' }, { "cgroup-parent", required_argument, NULL, 'c' },
	{ "debug", no_argument, NULL, 'd' },	     { "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

char *mountpoint_path(const char *dir)
{
	_cleanup_free_ char *copy = strdup(dir), *parent = NULL;
	char *slash, *path = NULL;
	size_t len = copy ? strlen(copy) : 0;

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	if (!len)
		return NULL;
	slash = strrchr(copy, '/');
	if (slash == copy)
		return strdup(copy);
	if (slash)
		*slash = '\0';
	parent = realpath(slash ? copy : ".", NULL);
	if (!parent)
		return NULL;
	return asprintf(&path, "%s/%s", strcmp(parent, "/") ? parent : "", slash ? slash + 1 : copy) < 0 ? NULL : path;
}

static int set_option(struct options *o, int option)
{
	char *end;

	switch (option) {
	case 's':
		o->cluster.store = optarg;
		break;
	case 'f':
		o->foreground = true;
		break;
	case 't':
		o->settle_ms = (int64_t)(strtod(optarg, &end) * 1000);
		if (*end || o->settle_ms < 0 || o->settle_ms > FS_SETTLE_MAX_MS) {
			(void)fprintf(stderr, "podfs mount: --settle %s: want 0 to 60 seconds\n", optarg);
			return -EINVAL;
		}
		break;
	case 'n':
		o->cluster.node_name = optarg;
		break;
	case 'p':
		o->cluster.pod_cidr = optarg;
		break;
	case 'r':
		o->cluster.run_dir = optarg;
		break;
	case 'l':
		o->cluster.log_dir = optarg;
		break;
	case 'c':
		o->cluster.cgroup_parent = optarg;
		break;
	case 'd':
		log_set_level(LOG_DEBUG);
		break;
	default:
		(void)fprintf(stderr, "Try: podfs mount --help\n");
		return -EINVAL;
	}
	return 0;
}

/* 0, or an exit status + 1 to end with. */
static int parse(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "fh", long_options, NULL)) != -1) {
		if (c == 'h') {
			(void)fputs(help, stdout);
			return 1;
		}
		if (set_option(o, c) < 0)
			return 3;
	}
	if (optind != argc - 1) {
		(void)fprintf(stderr, "podfs mount: want one directory; see podfs mount --help\n");
		return 3;
	}
	o->dir = argv[optind];
	if (!strncmp(o->cluster.store, "lmdb:/", 6)) {
		o->cluster.state_dir = o->cluster.store + 5;
	} else if (strcmp(o->cluster.store, "memory:") != 0) {
		(void)fprintf(stderr, "podfs mount: --store %s: want lmdb: and an absolute path, or memory:\n",
			      o->cluster.store);
		return 3;
	}
	return 0;
}

/* The tree can be used: tell who waits. From now on the log of a background daemon goes to a file. */
static void on_ready(void *arg)
{
	struct daemon *d = arg;

	notify_systemd("READY=1");
	log_info("cluster mounted at %s", d->mountpoint);
	if (d->ready_pipe < 0)
		return;
	if (write(d->ready_pipe, "R", 1) < 0) {
		/* ignoring: the parent has gone, which changes nothing */
	}
	close_fdp(&d->ready_pipe);
}

static void on_signal(struct daemon *d)
{
	struct signalfd_siginfo info;

	if (read(d->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1)
		atomic_store(&d->drain, true);
	if (info.ssi_signo != SIGHUP)
		fs_session_stop(d->fs);
}

static void *watch(void *arg)
{
	struct daemon *d = arg;
	struct pollfd fds[] = {
		{ .fd = d->signals, .events = POLLIN },
		{ .fd = d->ended, .events = POLLIN },
		{ .fd = network_firewall_fd(cluster_network(d->cluster)), .events = POLLIN },
	};

	while (poll(fds, ARRAY_SIZE(fds), -1) >= 0 || errno == EINTR) {
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents)
			on_signal(d);
		if (fds[2].revents)
			network_firewall_check(cluster_network(d->cluster));
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

static const struct fs_node_ops node_ops = { .container = container_facts };

static int open_session(struct daemon *d, struct error *err)
{
	const struct cluster_config *c = &d->options->cluster;
	struct fs_config config = {
		.mountpoint = d->mountpoint,
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
		r = mount_record_write(d->mountpoint, &d->options->cluster, err);
	if (r == 0)
		r = serve(d, err);
	return r;
}

static void finish(struct daemon *d)
{
	bool drain = atomic_load(&d->drain);

	notify_systemd("STOPPING=1");
	fs_session_free(steal_ptr(d->fs));
	if (drain && d->cluster)
		cluster_drain(d->cluster);
	cluster_close(steal_ptr(d->cluster), drain);
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

static int run_daemon(const struct options *options, char *mountpoint, int ready_pipe)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct daemon d = { .options = options, .mountpoint = mountpoint, .ready_pipe = ready_pipe, .ended = -1 };
	int r;

	(void)mallopt(M_ARENA_MAX, 2); /* memory is shared by few busy threads; an arena each would only spread it */
	ignore_sigpipe();
	protect_from_oom();
	d.signals = open_signals();
	r = d.signals < 0 ? error_errno(&err, d.signals, "signals") : run(&d, &err);
	if (r < 0)
		log_error("%s", error_text(&err));
	finish(&d);
	close_fdp(&d.ready_pipe);
	close_fdp(&d.signals);
	return r < 0 ? 1 : 0;
}

/* In the child of the fork: a session of its own, no terminal, the log to a file once it is ready. */
static int become_daemon(const struct options *options, char *mountpoint, int ready_pipe)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = -1;
	_cleanup_free_ char *path = NULL;
	int status;

	(void)setsid(); /* cannot fail in the child of a fork */
	if (chdir("/") < 0) {
		/* ignoring: the daemon only uses absolute paths; a busy directory is all that this avoids */
	}
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
	}
	(void)mkdir(options->cluster.state_dir, 0700); /* ignoring: cluster_open() says what is wrong */
	if (asprintf(&path, "%s/podfs.log", options->cluster.state_dir) >= 0)
		log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (log >= 0)
		(void)dup2(log, STDERR_FILENO);
	status = run_daemon(options, mountpoint, ready_pipe);
	return status;
}

/* Prints what the daemon logged since `from`, for a start that failed. */
static void show_log(const struct options *options, off_t from)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	char line[2048];

	if (asprintf(&path, "%s/podfs.log", options->cluster.state_dir) < 0)
		return;
	f = fopen(path, "re");
	if (!f || fseeko(f, from, SEEK_SET) < 0)
		return;
	while (fgets(line, sizeof(line), f))
		(void)fputs(line, stderr);
}

static off_t log_size(const struct options *options)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/podfs.log", options->cluster.state_dir) < 0 || stat(path, &st) < 0)
		return 0;
	return st.st_size;
}

static int run_in_background(const struct options *options, char *mountpoint)
{
	off_t from = log_size(options);
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return 1;
	pid = fork(); /* one thread so far */
	if (pid < 0) {
		(void)fprintf(stderr, "podfs mount: fork: %s\n", strerrordesc_np(errno));
		return 1;
	}
	if (!pid) {
		(void)close(ready[0]);
		return become_daemon(options, mountpoint, ready[1]);
	}
	(void)close(ready[1]);
	if (read(ready[0], &byte, 1) == 1)
		return 0;
	show_log(options, from);
	return 1;
}

int cmd_mount(int argc, char **argv)
{
	struct options o = {
		.cluster = { .store = DEFAULT_STORE, .state_dir = DEFAULT_STATE_DIR, .run_dir = DEFAULT_RUN_DIR,
			     .log_dir = DEFAULT_LOG_DIR, .cgroup_parent = DEFAULT_CGROUP_PARENT },
		.settle_ms = -1,
	};
	_cleanup_free_ char *mountpoint = NULL;
	int r = parse(argc, argv, &o);

	if (r)
		return r - 1;
	mountpoint = mountpoint_path(o.dir);
	if (!mountpoint) {
		(void)fprintf(stderr, "podfs mount: %s: %s\n", o.dir, strerrordesc_np(errno));
		return 1;
	}
	return o.foreground ? run_daemon(&o, mountpoint, -1) : run_in_background(&o, mountpoint);
}
