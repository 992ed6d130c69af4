/* SPDX-License-Identifier: Apache-2.0 */
/* podfs mount: the command line, and the start of the holder, which starts the daemon (cmd/daemon.c). */
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "cmd/commands.h"
#include "cmd/daemon.h"
#include "cmd/holder.h"
#include "cmd/restore.h"
#include "fs/session.h"
#include "node/figures.h"
#include "value/quantity.h"

/* Of a container's log: a size that a few lines fit in; one file to read while another is written. */
enum { LOG_MAX_SIZE_LEAST = 1024, LOG_MAX_FILES_LEAST = 2, LOG_MAX_FILES_MOST = 1000 };

struct options {
	struct daemon_options daemon;
	const char *dir, *restore;
	bool foreground, held;
	unsigned max_deaths;
};

static const char help[] =
	"usage: podfs mount [OPTION]... DIRECTORY\n"
	"Mounts a cluster at DIRECTORY and returns when it is ready.\n\n"
	"  --store STORE        lmdb:PATH keeps the state below PATH (default " DEFAULT_STORE ");\n"
	"                       memory: keeps none\n"
	"  --restore FILE       make the state from a backup first; there must be none\n"
	"  --foreground         stay in the foreground and log to standard error\n"
	"  --settle SECONDS     how long a removed manifest's objects stay (default 2, at most 60)\n"
	"  --node-name NAME     name of this machine's Node (default: the host's name)\n"
	"  --pod-cidr CIDR      addresses of this node's pods (default: a /24 that is free)\n"
	"  --run-dir PATH       sockets of running pods (default " DEFAULT_RUN_DIR ")\n"
	"  --log-dir PATH       output of containers (default " DEFAULT_LOG_DIR ")\n"
	"  --log-max-size SIZE  rotate a container's log at that size (default 10Mi; 0: never)\n"
	"  --log-max-files N    keep so many files of a run, and so many runs (default 5)\n"
	"  --image-gc HIGH,LOW[,MIN-AGE[,MAX-AGE]]\n"
	"                       remove unused pulled images at HIGH % of the disk down to LOW (default 85,80,2m,0)\n"
	"  --eviction-hard SIGNAL<AMOUNT,...\n"
	"                       end pods when less than that is left; as kubelet's (default\n"
	"                       memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,\n"
	"                       imagefs.available<15%,imagefs.inodesFree<5%)\n"
	"  --eviction-soft SIGNAL<AMOUNT,..., --eviction-soft-grace-period SIGNAL=TIME,...\n"
	"                       end pods when less than that is left for so long\n"
	"  --eviction-max-pod-grace-period SECONDS\n"
	"                       what these have at most to end (default 0: two seconds)\n"
	"  --eviction-minimum-reclaim SIGNAL=AMOUNT,...\n"
	"                       once pods are ended, go on until so much more is left\n"
	"  --eviction-pressure-transition-period AGE\n"
	"                       how long the node says so after it was short of something (default 5m)\n"
	"  --system-reserved, --kube-reserved RESOURCE=AMOUNT,...\n"
	"                       keep cpu, memory and ephemeral-storage from pods\n"
	"  --cgroup-parent NAME control group of all pods (default " DEFAULT_CGROUP_PARENT ")\n"
	"  --horizontal-pod-autoscaler-sync-period TIME\n"
	"                       how often an autoscaler is looked at (default 15s)\n"
	"  --pod-max-pids N     let a pod have so many processes and threads (default 0: any number)\n"
	"  --max-deaths N       give the mount up when the daemon died N times in 30 s (default 5)\n"
	"  --debug              log more\n"
	"  --help               this text\n";

#define AUTOSCALER_PERIOD_LEAST (100 * NSEC_PER_MSEC)

/* Options without a letter. */
enum { OPTION_SOFT = 256, OPTION_SOFT_GRACE, OPTION_RECLAIM, OPTION_POD_GRACE, OPTION_AUTOSCALER };

static const struct option long_options[] = {
	{ "store", required_argument, NULL, 's' },   { "foreground", no_argument, NULL, 'f' },
	{ "settle", required_argument, NULL, 't' },  { "node-name", required_argument, NULL, 'n' },
	{ "pod-cidr", required_argument, NULL, 'p' }, { "run-dir", required_argument, NULL, 'r' },
	{ "log-dir", required_argument, NULL, 'l' }, { "cgroup-parent", required_argument, NULL, 'c' },
	{ "max-deaths", required_argument, NULL, 'm' }, { "held", no_argument, NULL, 'H' },
	{ "restore", required_argument, NULL, 'R' },   { "debug", no_argument, NULL, 'd' },
	{ "log-max-size", required_argument, NULL, 'S' }, { "log-max-files", required_argument, NULL, 'F' },
	{ "eviction-hard", required_argument, NULL, 'e' }, { "eviction-pressure-transition-period", required_argument, NULL, 'E' },
	{ "system-reserved", required_argument, NULL, 'k' }, { "kube-reserved", required_argument, NULL, 'k' },
	{ "eviction-soft", required_argument, NULL, OPTION_SOFT },
	{ "eviction-soft-grace-period", required_argument, NULL, OPTION_SOFT_GRACE },
	{ "eviction-minimum-reclaim", required_argument, NULL, OPTION_RECLAIM },
	{ "eviction-max-pod-grace-period", required_argument, NULL, OPTION_POD_GRACE },
	{ "image-gc", required_argument, NULL, 'g' }, { "help", no_argument, NULL, 'h' },
	{ "pod-max-pids", required_argument, NULL, 'P' },
	{ "horizontal-pod-autoscaler-sync-period", required_argument, NULL, OPTION_AUTOSCALER },
	{ NULL, 0, NULL, 0 },
};

char *mountpoint_path(const char *dir)
{
	_cleanup_free_ char *copy = dir ? strdup(dir) : NULL, *parent = NULL;
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

static int set_log_size(struct cluster_config *c, const char *text)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct quantity q;

	if (quantity_parse(text, strlen(text), &q, &err) < 0 || quantity_sign(&q) < 0 ||
	    (quantity_sign(&q) > 0 && quantity_value(&q) < LOG_MAX_SIZE_LEAST)) {
		(void)fprintf(stderr, "podfs mount: --log-max-size %s: want 0, or %d bytes or more, as in 10Mi\n", text,
			      LOG_MAX_SIZE_LEAST);
		return -EINVAL;
	}
	c->log_max_size = (uint64_t)quantity_value(&q);
	return 0;
}

static int set_log_files(struct cluster_config *c, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n < LOG_MAX_FILES_LEAST || n > LOG_MAX_FILES_MOST) {
		(void)fprintf(stderr, "podfs mount: --log-max-files %s: want %d to %d\n", text, LOG_MAX_FILES_LEAST,
			      LOG_MAX_FILES_MOST);
		return -EINVAL;
	}
	c->log_max_files = (unsigned)n;
	return 0;
}

static int parse_transition(const char *text, struct eviction_policy *policy)
{
	return image_gc_parse_age(text, &policy->transition);
}

static const struct {
	int option;
	const char *name;
	int (*parse)(const char *text, struct eviction_policy *policy);
	const char *want;
} eviction_options[] = {
	{ 'e', "hard", eviction_parse, "signals and what must be left, as in memory.available<100Mi,nodefs.available<10%" },
	{ 'E', "pressure-transition-period", parse_transition, "a time, as in 5m" },
	{ OPTION_SOFT, "soft", eviction_parse_soft, "signals and what should be left, as in memory.available<500Mi" },
	{ OPTION_SOFT_GRACE, "soft-grace-period", eviction_parse_soft_grace, "signals and times, as in memory.available=1m30s" },
	{ OPTION_RECLAIM, "minimum-reclaim", eviction_parse_reclaim, "signals and amounts, as in nodefs.available=500Mi" },
	{ OPTION_POD_GRACE, "max-pod-grace-period", eviction_parse_max_grace, "seconds" },
};

static int set_eviction(struct cluster_config *c, int option, const char *text)
{
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(eviction_options); i++) {
		if (eviction_options[i].option != option)
			continue;
		r = eviction_options[i].parse(text, &c->eviction);
		if (r < 0)
			(void)fprintf(stderr, "podfs mount: --eviction-%s %s: want %s\n", eviction_options[i].name, text,
				      eviction_options[i].want);
		return r;
	}
	r = figures_parse_reserved(text, &c->reserved);
	if (r < 0)
		(void)fprintf(stderr, "podfs mount: --system-reserved or --kube-reserved %s: want resources and amounts, as in "
			      "cpu=500m,memory=1Gi\n", text);
	return r;
}

static int set_option(struct options *o, int option)
{
	char *end;

	switch (option) {
	case 's':
		o->daemon.cluster.store = optarg;
		break;
	case 'f':
		o->foreground = true;
		break;
	case 't':
		o->daemon.settle_ms = (int64_t)(strtod(optarg, &end) * 1000);
		if (*end || o->daemon.settle_ms < 0 || o->daemon.settle_ms > FS_SETTLE_MAX_MS) {
			(void)fprintf(stderr, "podfs mount: --settle %s: want 0 to 60 seconds\n", optarg);
			return -EINVAL;
		}
		break;
	case 'n':
		o->daemon.cluster.node_name = optarg;
		break;
	case 'p':
		o->daemon.cluster.pod_cidr = optarg;
		break;
	case 'r':
		o->daemon.cluster.run_dir = optarg;
		break;
	case 'l':
		o->daemon.cluster.log_dir = optarg;
		break;
	case 'c':
		o->daemon.cluster.cgroup_parent = optarg;
		break;
	case 'P':
		o->daemon.cluster.pod_max_pids = strtoll(optarg, &end, 10);
		if (*end || end == optarg || o->daemon.cluster.pod_max_pids < 0) {
			(void)fprintf(stderr, "podfs mount: --pod-max-pids %s: want a number, or 0 for no limit\n", optarg);
			return -EINVAL;
		}
		break;
	case 'm':
		o->max_deaths = (unsigned)strtoul(optarg, &end, 10);
		if (*end || o->max_deaths < 1 || o->max_deaths > HOLDER_DEATHS_MAX) {
			(void)fprintf(stderr, "podfs mount: --max-deaths %s: want 1 to %d\n", optarg, HOLDER_DEATHS_MAX);
			return -EINVAL;
		}
		break;
	case 'H': /* of the holder's: not for people */
		o->held = daemon_is_held();
		if (!o->held) {
			(void)fprintf(stderr, "podfs mount: --held is podfs-holder's\n");
			return -EINVAL;
		}
		break;
	case 'S':
		return set_log_size(&o->daemon.cluster, optarg);
	case 'F':
		return set_log_files(&o->daemon.cluster, optarg);
	case 'g':
		if (image_gc_parse(optarg, &o->daemon.cluster.image_gc) < 0) {
			(void)fprintf(stderr, "podfs mount: --image-gc %s: want two percentages, the higher first, and two ages, "
					      "as in 85,80,2m,168h\n", optarg);
			return -EINVAL;
		}
		break;
	case 'e':
	case 'E':
	case 'k':
	case OPTION_SOFT ... OPTION_POD_GRACE:
		return set_eviction(&o->daemon.cluster, option, optarg);
	case OPTION_AUTOSCALER:
		if (image_gc_parse_age(optarg, &o->daemon.cluster.autoscaler_period) < 0 ||
		    o->daemon.cluster.autoscaler_period < AUTOSCALER_PERIOD_LEAST) {
			(void)fprintf(stderr, "podfs mount: --horizontal-pod-autoscaler-sync-period %s: want a time of 0.1s or more, "
					      "as in 15s\n", optarg);
			return -EINVAL;
		}
		break;
	case 'R':
		o->restore = optarg;
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
	const char *lacking;
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
	lacking = eviction_lacks_grace(&o->daemon.cluster.eviction);
	if (lacking) {
		(void)fprintf(stderr, "podfs mount: --eviction-soft: a grace period must be specified for the soft eviction "
				      "threshold %s, by --eviction-soft-grace-period\n", lacking);
		return 3;
	}
	o->dir = argv[optind];
	if (!strncmp(o->daemon.cluster.store, "lmdb:/", 6)) {
		o->daemon.cluster.state_dir = o->daemon.cluster.store + 5;
	} else if (strcmp(o->daemon.cluster.store, "memory:") == 0) {
		if (o->restore) {
			(void)fprintf(stderr, "podfs mount: --restore: a cluster in memory cannot be restored\n");
			return 3;
		}
		o->max_deaths = 1; /* the cluster is gone with its daemon: there is nothing to take over */
	} else {
		(void)fprintf(stderr, "podfs mount: --store %s: want lmdb: and an absolute path, or memory:\n",
			      o->daemon.cluster.store);
		return 3;
	}
	return 0;
}

/*
 * Becomes the holder, which starts the daemon: this program again, with the same options. Both paths are absolute, since a
 * daemon of an upgraded program is started the same way. Returns the exit status when that fails.
 */
static int become_holder(const struct options *o, int argc, char **argv, char *mountpoint, int ready_pipe)
{
	_cleanup_free_ char *holder = cluster_program("podfs-holder"), *self = realpath("/proc/self/exe", NULL);
	_cleanup_free_ char **args = calloc((size_t)argc + 8, sizeof(*args));
	char ready[16], deaths[16];
	size_t n = 0;

	if (!holder || !self || !args) {
		(void)fprintf(stderr, "podfs mount: out of memory\n");
		return 1;
	}
	(void)snprintf(ready, sizeof(ready), "%d", ready_pipe);
	(void)snprintf(deaths, sizeof(deaths), "%u", o->max_deaths);
	args[n++] = holder;
	args[n++] = ready;
	args[n++] = deaths;
	args[n++] = self;
	for (int i = 0; i < argc - 1; i++) /* getopt has moved the directory to the end */
		args[n++] = argv[i];
	args[n++] = (char[]){ "--held" };
	args[n++] = (char[]){ "--" };
	args[n++] = mountpoint;
	(void)execv(holder, args);
	(void)fprintf(stderr, "podfs mount: cannot start %s: %s\n", holder, strerrordesc_np(errno));
	return 1;
}

/* In the child of the fork: a session of its own, no terminal, the log to a file. */
static void detach(const struct options *options)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = -1;
	_cleanup_free_ char *path = NULL;

	(void)setsid(); /* cannot fail in the child of a fork */
	if (chdir("/") < 0) {
		/* ignoring: the daemon only uses absolute paths; a busy directory is all that this avoids */
	}
	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
	}
	(void)mkdir(options->daemon.cluster.state_dir, 0700); /* ignoring: cluster_open() says what is wrong */
	if (asprintf(&path, "%s/podfs.log", options->daemon.cluster.state_dir) >= 0)
		log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (log >= 0)
		(void)dup2(log, STDERR_FILENO);
}

/* Prints what the daemon logged since `from`, for a start that failed. */
static void show_log(const struct options *options, off_t from)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	char line[2048];

	if (asprintf(&path, "%s/podfs.log", options->daemon.cluster.state_dir) < 0)
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

	if (asprintf(&path, "%s/podfs.log", options->daemon.cluster.state_dir) < 0 || stat(path, &st) < 0)
		return 0;
	return st.st_size;
}

static int run_in_background(const struct options *options, int argc, char **argv, char *mountpoint)
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
		(void)fcntl(ready[1], F_SETFD, 0); /* the holder's from now on; cannot fail */
		detach(options);
		return become_holder(options, argc, argv, mountpoint, ready[1]);
	}
	(void)close(ready[1]);
	if (read(ready[0], &byte, 1) == 1)
		return 0;
	show_log(options, from);
	return 1;
}

static int restore(const struct options *o)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	const struct cluster_config *c = &o->daemon.cluster;
	int r = restore_cluster(o->restore, c->state_dir, c->node_name, &err);

	if (r < 0)
		(void)fprintf(stderr, "podfs mount: %s\n", error_text(&err));
	return r;
}

int cmd_mount(int argc, char **argv)
{
	struct options o = {
		.daemon = { .cluster = { .store = DEFAULT_STORE, .state_dir = DEFAULT_STATE_DIR, .run_dir = DEFAULT_RUN_DIR,
					 .log_dir = DEFAULT_LOG_DIR, .cgroup_parent = DEFAULT_CGROUP_PARENT,
					 .log_max_size = DEFAULT_LOG_MAX_SIZE, .log_max_files = DEFAULT_LOG_MAX_FILES,
					 .image_gc = IMAGE_GC_DEFAULT,
					 .eviction = eviction_default() },
			    .settle_ms = -1 },
		.max_deaths = HOLDER_DEATHS,
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
	if (o.held) /* the holder's daemons have the options of the first, but a restore is done once */
		return daemon_run(&o.daemon, mountpoint);
	if (o.restore && restore(&o) < 0)
		return 1;
	return o.foreground ? become_holder(&o, argc, argv, mountpoint, -1) :
			      run_in_background(&o, argc, argv, mountpoint);
}
