/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <mntent.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>

enum { PERIOD_US = 100000, MIN_QUOTA_US = 1000, VALUE_SIZE = 64 };

enum controller { CONTROL_CPU = 1 << 0, CONTROL_MEMORY = 1 << 1, CONTROL_PIDS = 1 << 2, CONTROL_CPUACCT = 1 << 3 };

static const struct {
	const char *name;
	unsigned bit;
} controllers[] = {
	{ "cpu", CONTROL_CPU }, { "memory", CONTROL_MEMORY }, { "pids", CONTROL_PIDS }, { "cpuacct", CONTROL_CPUACCT },
};

struct hierarchy {
	int fd; /* of its mount point */
	unsigned controllers;
};

struct cgroups {
	bool v2;
	size_t n;
	struct hierarchy list[CGROUP_HIERARCHIES_MAX];
	char parent[128];
};

static unsigned controllers_of(const char *words, const char *separators)
{
	_cleanup_free_ char *copy = strdup(words);
	unsigned bits = 0;
	char *save = NULL;

	for (char *w = copy ? strtok_r(copy, separators, &save) : NULL; w; w = strtok_r(NULL, separators, &save))
		for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
			if (!strcmp(w, controllers[i].name))
				bits |= controllers[i].bit;
	return bits;
}

/* Reads a small file below a directory into text. */
static int read_text(int dir, const char *path, char *text, size_t size)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return 0;
}

static int write_text(int dir, const char *path, const char *text)
{
	_cleanup_close_ int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int add_hierarchy(struct cgroups *cg, const char *dir, unsigned bits)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	cg->list[cg->n++] = (struct hierarchy){ .fd = fd, .controllers = bits };
	return 0;
}

/* Finds the v1 hierarchies that have a controller of ours, from the mount table. */
static int find_v1(struct cgroups *cg)
{
	_cleanup_fclose_ FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent m;
	char line[4096];
	unsigned seen = 0;

	if (!mounts)
		return -errno;
	while (getmntent_r(mounts, &m, line, sizeof(line))) {
		unsigned bits = strcmp(m.mnt_type, "cgroup") ? 0 : controllers_of(m.mnt_opts, ",");
		int r;

		if (!(bits & ~seen) || cg->n == CGROUP_HIERARCHIES_MAX)
			continue;
		r = add_hierarchy(cg, m.mnt_dir, bits & ~seen);
		if (r < 0)
			return r;
		seen |= bits;
	}
	return seen & CONTROL_MEMORY ? 0 : -ENOENT;
}

/* The unified hierarchy, when it has controllers. */
static int find_v2(struct cgroups *cg)
{
	char text[512];
	struct statfs fs;
	int r;

	if (statfs("/sys/fs/cgroup", &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return -ENOENT;
	r = add_hierarchy(cg, "/sys/fs/cgroup", 0);
	if (r < 0)
		return r;
	r = read_text(cg->list[0].fd, "cgroup.controllers", text, sizeof(text));
	if (r < 0)
		return r;
	cg->list[0].controllers = controllers_of(text, " \n") | CONTROL_CPUACCT;
	cg->v2 = true;
	return 0;
}

/* Lets the children of a v2 cgroup use the controllers. */
static void delegate(struct cgroups *cg, const char *path)
{
	char file[CGROUP_PATH_MAX + 32];

	if (!cg->v2)
		return;
	(void)snprintf(file, sizeof(file), "%s/cgroup.subtree_control", path);
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		if (controllers[i].bit != CONTROL_CPUACCT && (cg->list[0].controllers & controllers[i].bit)) {
			char word[16];

			(void)snprintf(word, sizeof(word), "+%s", controllers[i].name);
			(void)write_text(cg->list[0].fd, file, word); /* ignoring: limits of that controller fall away */
		}
}

int cgroups_open(const char *parent, struct cgroups **ret, struct error *err)
{
	static const char *const classes[] = { "burstable", "besteffort" };
	static const struct cgroup_limits none = { 0 }, least = { .cpu_request = -1 };
	struct cgroups *cg = calloc(1, sizeof(*cg));
	char path[CGROUP_PATH_MAX];
	int r;

	if (!cg)
		return error_set(err, -ENOMEM, "cgroups: out of memory");
	(void)snprintf(cg->parent, sizeof(cg->parent), "%s", parent);
	r = find_v2(cg);
	if (r < 0)
		r = find_v1(cg);
	if (r < 0) {
		cgroups_close(cg);
		return error_errno(err, r, "cgroups: no hierarchy with a memory controller is mounted");
	}
	delegate(cg, ".");
	r = cgroup_make(cg, cg->parent, &none, err);
	delegate(cg, cg->parent);
	for (size_t i = 0; i < ARRAY_SIZE(classes) && r == 0; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", cg->parent, classes[i]);
		r = cgroup_make(cg, path, i ? &least : &none, err);
		delegate(cg, path);
	}
	if (r < 0) {
		cgroups_close(cg);
		return r;
	}
	*ret = cg;
	return 0;
}

void cgroups_close(struct cgroups *cg)
{
	char path[CGROUP_PATH_MAX];

	if (!cg)
		return;
	for (size_t i = 0; i < cg->n; i++) {
		int fd = cg->list[i].fd;

		(void)snprintf(path, sizeof(path), "%s/burstable", cg->parent);
		(void)unlinkat(fd, path, AT_REMOVEDIR); /* ignoring: what still has pods stays */
		(void)snprintf(path, sizeof(path), "%s/besteffort", cg->parent);
		(void)unlinkat(fd, path, AT_REMOVEDIR);
		(void)unlinkat(fd, cg->parent, AT_REMOVEDIR);
		(void)close(fd);
	}
	free(cg);
}

int cgroup_path(struct cgroups *cg, const char *qos, const char *uid, const char *name, char out[static CGROUP_PATH_MAX])
{
	const char *class = !strcmp(qos, "Burstable") ? "burstable/" : !strcmp(qos, "BestEffort") ? "besteffort/" : "";
	int n = snprintf(out, CGROUP_PATH_MAX, "%s/%spod%s%s%s", cg->parent, class, uid, name ? "/" : "", name ? name : "");

	return n < 0 || n >= CGROUP_PATH_MAX ? -ENAMETOOLONG : 0;
}

uint64_t cgroup_shares(int64_t milli_cpu)
{
	int64_t shares = milli_cpu * 1024 / 1000;

	/* K8S:pkg/kubelet/cm/helpers_linux.go: MinShares 2, MaxShares 262144 */
	return shares < 2 ? 2 : shares > 262144 ? 262144 : (uint64_t)shares;
}

uint64_t cgroup_weight(int64_t milli_cpu)
{
	uint64_t shares = cgroup_shares(milli_cpu);
	double l, w;

	/* The conversion that OCI runtimes have used since 2025 (crun 1.23): 1 CPU is 100, the kernel's default. */
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log2((double)shares);
	w = ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
	return w > 10000 ? 10000 : (uint64_t)w;
}

int64_t cgroup_quota(int64_t milli_cpu)
{
	int64_t quota = milli_cpu * PERIOD_US / 1000;

	return quota < MIN_QUOTA_US ? MIN_QUOTA_US : quota;
}

/* Sets one value of a cgroup in the hierarchy of a controller, if there is one. */
static int set_value(struct cgroups *cg, unsigned controller, const char *path, const char *file, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static int set_value(struct cgroups *cg, unsigned controller, const char *path, const char *file, const char *fmt, ...)
{
	char name[CGROUP_PATH_MAX + 32], text[VALUE_SIZE];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)snprintf(name, sizeof(name), "%s/%s", path, file);
	for (size_t i = 0; i < cg->n; i++)
		if (cg->list[i].controllers & controller)
			return write_text(cg->list[i].fd, name, text);
	return 0;
}

static int set_v1(struct cgroups *cg, const char *path, const struct cgroup_limits *l)
{
	int r = 0;

	if (l->cpu_request)
		r = set_value(cg, CONTROL_CPU, path, "cpu.shares", "%" PRIu64, cgroup_shares(l->cpu_request));
	if (l->cpu_limit && r == 0)
		r = set_value(cg, CONTROL_CPU, path, "cpu.cfs_quota_us", "%" PRId64, cgroup_quota(l->cpu_limit));
	if (l->memory && r == 0)
		r = set_value(cg, CONTROL_MEMORY, path, "memory.limit_in_bytes", "%" PRId64, l->memory);
	if (l->memory && r == 0) /* ignoring: not there without swap accounting */
		(void)set_value(cg, CONTROL_MEMORY, path, "memory.memsw.limit_in_bytes", "%" PRId64, l->memory);
	return r;
}

static int set_v2(struct cgroups *cg, const char *path, const struct cgroup_limits *l)
{
	int r = 0;

	if (l->cpu_request)
		r = set_value(cg, CONTROL_CPU, path, "cpu.weight", "%" PRIu64, cgroup_weight(l->cpu_request));
	if (l->cpu_limit && r == 0)
		r = set_value(cg, CONTROL_CPU, path, "cpu.max", "%" PRId64 " %d", cgroup_quota(l->cpu_limit), PERIOD_US);
	if (l->memory && r == 0)
		r = set_value(cg, CONTROL_MEMORY, path, "memory.max", "%" PRId64, l->memory);
	if (l->container && r == 0)
		r = set_value(cg, CONTROL_MEMORY, path, "memory.oom.group", "1");
	if (l->container && r == 0) /* ignoring: not there without swap accounting */
		(void)set_value(cg, CONTROL_MEMORY, path, "memory.swap.max", "0");
	return r;
}

int cgroup_make(struct cgroups *cg, const char *path, const struct cgroup_limits *limits, struct error *err)
{
	int r;

	for (size_t i = 0; i < cg->n; i++)
		if (mkdirat(cg->list[i].fd, path, 0755) < 0 && errno != EEXIST)
			return error_errno(err, -errno, "cgroup %s", path);
	r = cg->v2 ? set_v2(cg, path, limits) : set_v1(cg, path, limits);
	if (limits->pids && r == 0)
		r = set_value(cg, CONTROL_PIDS, path, "pids.max", "%" PRId64, limits->pids);
	return r < 0 ? error_errno(err, r, "cgroup %s: set limits", path) : 0;
}

int cgroup_open_dirs(struct cgroups *cg, const char *path, int fds[static CGROUP_HIERARCHIES_MAX], size_t *ret_n,
		     struct error *err)
{
	for (size_t i = 0; i < cg->n; i++) {
		fds[i] = openat(cg->list[i].fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0) {
			int r = -errno;

			while (i-- > 0)
				(void)close(fds[i]);
			return error_errno(err, r, "cgroup %s", path);
		}
	}
	*ret_n = cg->n;
	return 0;
}

int cgroup_supervisor_path(struct cgroups *cg, const char *pod_path, char out[static CGROUP_PATH_MAX], struct error *err)
{
	static const struct cgroup_limits none = { 0 };

	if (!cg->v2) {
		(void)snprintf(out, CGROUP_PATH_MAX, "%s", pod_path);
		return 0;
	}
	delegate(cg, pod_path);
	(void)snprintf(out, CGROUP_PATH_MAX, "%.490s/podfs-pod", pod_path);
	return cgroup_make(cg, out, &none, err);
}

/* Removes the cgroups below a directory and the directory itself. */
static int remove_tree(int hierarchy, const char *path)
{
	_cleanup_close_ int fd = openat(hierarchy, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *d;
	int r = 0, dup;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	dup = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	dir = dup >= 0 ? fdopendir(dup) : NULL;
	if (!dir) {
		r = -errno;
		close_fdp(&dup);
		return r;
	}
	while ((d = readdir(dir)))
		if (d->d_type == DT_DIR && d->d_name[0] != '.') {
			int e = remove_tree(fd, d->d_name);

			r = r < 0 ? r : e;
		}
	if (unlinkat(hierarchy, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return r;
}

int cgroup_remove(struct cgroups *cg, const char *path)
{
	int r = 0;

	/* The first, where each_pod_in() looks, goes last: who dies on the way leaves what the next daemon finds. */
	for (size_t i = cg->n; i-- > 0 && r == 0;)
		r = remove_tree(cg->list[i].fd, path);
	return r;
}

/* One pass over the processes in a directory and those below it. */
static void kill_tree(int hierarchy, const char *path)
{
	_cleanup_close_ int fd = openat(hierarchy, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fclose_ FILE *procs = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *d;
	char line[VALUE_SIZE];
	int file, dup;

	if (fd < 0)
		return;
	file = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	procs = file >= 0 ? fdopen(file, "r") : NULL;
	if (file >= 0 && !procs)
		(void)close(file);
	while (procs && fgets(line, sizeof(line), procs)) {
		pid_t pid = (pid_t)strtol(line, NULL, 10);

		if (pid > 1 && pid != getpid())
			(void)kill(pid, SIGKILL); /* ignoring: it may have gone */
	}
	dup = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	dir = dup >= 0 ? fdopendir(dup) : NULL;
	if (dup >= 0 && !dir)
		(void)close(dup);
	while (dir && (d = readdir(dir)))
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			kill_tree(fd, d->d_name);
}

void cgroup_kill(struct cgroups *cg, const char *path)
{
	if (cg->n)
		kill_tree(cg->list[0].fd, path); /* processes are moved in all hierarchies at once */
}

/* Reads a file of the cgroup in the hierarchy of a controller. */
static int get_value(struct cgroups *cg, unsigned controller, const char *path, const char *file, char *text, size_t size)
{
	char name[CGROUP_PATH_MAX + 32];

	(void)snprintf(name, sizeof(name), "%s/%s", path, file);
	for (size_t i = 0; i < cg->n; i++)
		if (cg->list[i].controllers & controller)
			return read_text(cg->list[i].fd, name, text, size);
	return -ENOENT;
}

/* The number after a word at the start of a line; -1 if there is none. */
static int64_t keyed(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == ' ')
			return strtoll(line + len + 1, NULL, 10);
		if (!*line)
			break;
	}
	return -1;
}

int64_t cgroup_oom_kills(struct cgroups *cg, const char *path)
{
	char text[512];
	int64_t n;

	if (get_value(cg, CONTROL_MEMORY, path, cg->v2 ? "memory.events" : "memory.oom_control", text, sizeof(text)) < 0)
		return 0;
	n = keyed(text, "oom_kill");
	return n < 0 ? 0 : n;
}

int64_t cgroup_cpu_usage(struct cgroups *cg, const char *path)
{
	char text[512];
	int64_t n;

	if (get_value(cg, CONTROL_CPUACCT, path, cg->v2 ? "cpu.stat" : "cpuacct.usage", text, sizeof(text)) < 0)
		return -1;
	if (!cg->v2)
		return strtoll(text, NULL, 10);
	n = keyed(text, "usage_usec");
	return n < 0 ? -1 : n * 1000;
}

int64_t cgroup_memory_usage(struct cgroups *cg, const char *path)
{
	char text[VALUE_SIZE];

	if (get_value(cg, CONTROL_MEMORY, path, cg->v2 ? "memory.current" : "memory.usage_in_bytes", text, sizeof(text)) < 0)
		return -1;
	return strtoll(text, NULL, 10);
}

int64_t cgroup_working_set(struct cgroups *cg, const char *path)
{
	int64_t usage = cgroup_memory_usage(cg, path), inactive;
	char text[4096];

	if (usage < 0 || get_value(cg, CONTROL_MEMORY, path, "memory.stat", text, sizeof(text)) < 0)
		return usage;
	inactive = keyed(text, cg->v2 ? "inactive_file" : "total_inactive_file");
	return inactive < 0 ? usage : inactive > usage ? 0 : usage - inactive;
}

int64_t cgroup_pids(struct cgroups *cg, const char *path)
{
	char text[VALUE_SIZE];

	return get_value(cg, CONTROL_PIDS, path, "pids.current", text, sizeof(text)) < 0 ? -1 : strtoll(text, NULL, 10);
}

const char *cgroups_parent(struct cgroups *cg)
{
	return cg->parent;
}

int cgroups_limit(struct cgroups *cg, int64_t memory)
{
	const char *file = cg->v2 ? "memory.max" : "memory.limit_in_bytes";

	if (memory > 0)
		return set_value(cg, CONTROL_MEMORY, cg->parent, file, "%" PRId64, memory);
	return set_value(cg, CONTROL_MEMORY, cg->parent, file, "%s", cg->v2 ? "max" : "-1");
}

int cgroups_watch_memory(struct cgroups *cg, int64_t bytes, int eventfd)
{
	_cleanup_close_ int usage = -1;
	char name[sizeof(cg->parent) + 32];

	for (size_t i = 0; i < cg->n && !cg->v2; i++) {
		if (!(cg->list[i].controllers & CONTROL_MEMORY))
			continue;
		(void)snprintf(name, sizeof(name), "%s/memory.usage_in_bytes", cg->parent);
		usage = openat(cg->list[i].fd, name, O_RDONLY | O_CLOEXEC);
		if (usage < 0)
			return -errno;
		return set_value(cg, CONTROL_MEMORY, cg->parent, "cgroup.event_control", "%d %d %" PRId64, eventfd, usage, bytes);
	}
	return -EOPNOTSUPP;
}

/* The pods in one directory. */
static void each_pod_in(struct cgroups *cg, const char *path, void (*fn)(void *arg, const char *uid, const char *path),
			void *arg)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(cg->list[0].fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *d;

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return;
	}
	while ((d = readdir(dir))) {
		char pod[CGROUP_PATH_MAX];

		if (d->d_type != DT_DIR || strncmp(d->d_name, "pod", 3) != 0)
			continue;
		(void)snprintf(pod, sizeof(pod), "%.200s/%.300s", path, d->d_name);
		fn(arg, d->d_name + 3, pod);
	}
}

void cgroup_each_pod(struct cgroups *cg, void (*fn)(void *arg, const char *uid, const char *path), void *arg)
{
	static const char *const classes[] = { "", "/burstable", "/besteffort" };
	char path[CGROUP_PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", cg->parent, classes[i]);
		each_pod_in(cg, path, fn, arg);
	}
}
