/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox: cgroup, namespaces, hostname, sysctls, the socket and the state file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "pod/child.h"
#include "pod/pod.h"
#include "pod/podns.h"
#include "pod/spec.h"
#include "pod/sys.h"

/* Which sysctls belong to a namespace of the pod (Kubernetes' own list), and the flag that takes it away. */
static const struct {
	const char *prefix;
	uint32_t unless;
} sysctls[] = {
	{ "net/", POD_HOST_NETWORK },     { "kernel/shm", POD_HOST_IPC }, { "kernel/msg", POD_HOST_IPC },
	{ "kernel/sem", POD_HOST_IPC },   { "fs/mqueue/", POD_HOST_IPC },
};

static int set_sysctl(const struct pod *p, int dir, const char *text)
{
	_cleanup_close_ int fd = -1;
	char name[256];
	const char *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : 0;
	bool allowed = false, own;
	int r = 0;

	if (len == 0 || len >= sizeof(name))
		return -EINVAL;
	memcpy(name, text, len);
	name[len] = '\0';
	value++;
	/* With a slash before any dot it is a path already, whose parts may hold dots (sysctl.d(5)). */
	if (strcspn(name, ".") < strcspn(name, "/"))
		for (char *c = name; *c; c++)
			*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++)
		if (strncmp(name, sysctls[i].prefix, strlen(sysctls[i].prefix)) == 0)
			allowed = !(p->flags & sysctls[i].unless);
	if (!allowed)
		return -EPERM;
	/* Those of an IPC namespace are its own root's, whatever capability another user has. */
	own = p->users.fd >= 0 && strncmp(name, "net/", 4) != 0;
	if (own && seteuid(p->users.first) < 0)
		return -errno;
	fd = sys_openat2(dir, name, O_WRONLY | O_CLOEXEC, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		r = -errno;
	if (own && seteuid(0) < 0)
		return -errno;
	return r;
}

static int set_sysctls(const struct pod *p, const struct spec *spec, const char **ret_step)
{
	_cleanup_close_ int dir = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct spec_item item;
	int r = 0;

	if (dir < 0)
		return -errno;
	for (size_t at = 0; r == 0 && spec_next(spec, at, SPEC_SYSCTL, &item); at = item.next) {
		r = set_sysctl(p, dir, (const char *)item.data);
		if (r < 0)
			*ret_step = (const char *)item.data;
	}
	return r;
}

static int join_namespaces(struct pod *p, const struct spec *spec)
{
	const char *hostname = spec_string(spec, SPEC_HOSTNAME, NULL);
	int flags = (p->flags & POD_HOST_NETWORK ? 0 : CLONE_NEWNET) | (p->flags & POD_HOST_IPC ? 0 : CLONE_NEWIPC) |
		    (p->flags & POD_HOST_UTS ? 0 : CLONE_NEWUTS);

	if (p->flags & POD_USER_NS) {
		int r = userns_make(&p->users, flags);

		if (r < 0)
			return r;
	} else if (unshare(flags) < 0) {
		return -errno;
	}
	if (hostname && !(p->flags & POD_HOST_UTS) && sethostname(hostname, strlen(hostname)) < 0)
		return -errno;
	p->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return p->netns < 0 ? -errno : 0;
}

/* There are no clients yet, but the one that waits for this. */
static void tell_netns(const struct pod *p)
{
	struct pod_ready m = {
		.header = { .type = POD_NETNS },
		.pid = getpid(),
		.started_at = p->started_at,
	};

	(void)pod_message_send(POD_SOCKET_FD, &m, sizeof(m), &p->netns, 1); /* ignoring: POD_READY bears it, too */
}

/* The name is reached through the directory's descriptor: RUNDIR may be longer than a socket address holds. */
static int listen_socket(struct pod *p)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (unlinkat(p->dir, "sock", 0) < 0 && errno != ENOENT)
		return -errno;
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/sock", p->dir);
	/* The directory is root's own (0700); the mode is a second lock. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 8) < 0)
		return -errno;
	p->listener = steal_fd(&fd);
	return 0;
}

void pod_state_write(struct pod *p, size_t index)
{
	const struct pod_state_header h = {
		.magic = POD_STATE_MAGIC,
		.version = POD_PROTOCOL_VERSION,
		.record_size = sizeof(struct pod_event),
		.n_records = (uint32_t)p->n_slots,
		.pid = getpid(),
		.flags = p->flags,
		.started_at = p->started_at,
	};
	ssize_t n = 0;

	if (p->state < 0)
		return;
	/* The record first: the header must never count one that is not there. */
	if (index < p->n_slots)
		n = pwrite(p->state, &p->slots[index].told, sizeof(p->slots[index].told),
			   (off_t)(sizeof(h) + index * sizeof(struct pod_event)));
	if (n >= 0)
		n = pwrite(p->state, &h, sizeof(h), 0);
	if (n < 0)
		pod_warn(p, "", "write the state file", -errno);
}

void pod_state_remove(struct pod *p)
{
	/* ignoring: the daemon clears what is left */
	(void)unlinkat(p->dir, "sock", 0);
	(void)unlinkat(p->dir, "state", 0);
	(void)rmdir(p->path);
}

/*
 * The first process of the PID namespace that the containers share. Waited for: no container may meet one that has not
 * given up everything yet. It is this process's child also where it takes another to enter the user namespace.
 */
static int start_reaper(struct pod *p)
{
	_cleanup_close_ int ours = -1, pidfd = -1;
	pid_t pid, reaper = 0;
	int ends[2];

	if (p->users.fd < 0 && unshare(CLONE_NEWPID) < 0)
		return -errno;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	ours = ends[0];
	pid = sys_clone3(0, SIGCHLD, -1, NULL);
	if (pid == 0 && p->users.fd < 0)
		child_reaper(p->podns, ends[1]);
	if (pid == 0)
		child_reaper_in(p->users.fd, p->podns, ends[1]);
	close_fdp(&ends[1]);
	if (pid < 0)
		return -errno;
	if (p->users.fd < 0) {
		p->reaper = pid;
		return read(ours, &reaper, 1) == 1 ? 0 : -ECHILD;
	}
	if (read(ours, &reaper, sizeof(reaper)) != (ssize_t)sizeof(reaper))
		return -ECHILD;
	p->reaper = reaper;
	pidfd = pidfd_open(reaper, 0);
	return pidfd < 0 || setns(pidfd, CLONE_NEWPID) < 0 ? -errno : 0;
}

/* Whatever is born from then on is in podfs-pod's own again, where no container sees it. */
static int share_pids(struct pod *p)
{
	_cleanup_close_ int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	int r;

	if (own < 0)
		return -errno;
	r = start_reaper(p);
	if (r < 0)
		return r;
	p->shared_pids = open("/proc/self/ns/pid_for_children", O_RDONLY | O_CLOEXEC);
	return p->shared_pids < 0 || setns(own, CLONE_NEWPID) < 0 ? -errno : 0;
}

int pod_setup(struct pod *p, struct pod_message *m, const char **ret_step)
{
	const struct pod_setup *s = &m->setup;
	struct spec spec;
	struct statfs fs;
	_cleanup_close_ int oom = -1;
	char text[16];
	int n, r;

	*ret_step = "read the configuration";
	if (s->n_cgroups > POD_CGROUPS_MAX || m->n_fds != 1 + s->n_cgroups || s->dir[0] != '/')
		return -EBADMSG;
	r = spec_map(m->fds[0], &spec);
	if (r < 0)
		return r;
	*ret_step = "join the pod's cgroup";
	r = child_join_cgroups(m->fds + 1, s->n_cgroups);
	if (r < 0)
		return r;
	*ret_step = "set its own protection";
	n = snprintf(text, sizeof(text), "%d", s->oom_score_adj);
	oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (oom >= 0)
		(void)!write(oom, text, (size_t)n); /* ignoring: not everywhere may one protect oneself */
	(void)sys_join_session_keyring(NULL); /* ignoring: kernels without keys */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	(void)umask(0); /* every mode here is meant as it stands */
	p->flags = s->flags;
	p->users.first = s->first_id;
	p->users.count = s->n_ids;
	p->started_at = clock_realtime();
	p->cgroup_v2 = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
	pod_copy_text(p->path, sizeof(p->path), s->dir);

	*ret_step = "open the run directory";
	p->dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return -errno;
	p->state = openat(p->dir, "state", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->state < 0)
		return -errno;
	*ret_step = "listen";
	r = listen_socket(p);
	if (r < 0)
		return r;
	*ret_step = "unshare namespaces";
	r = join_namespaces(p, &spec);
	if (r < 0)
		return r;
	*ret_step = "set sysctls";
	r = set_sysctls(p, &spec, ret_step);
	if (r < 0)
		return r;
	tell_netns(p); /* with its sysctls set: some count for interfaces that come later only */
	*ret_step = "make the pod's mount namespace";
	r = podns_make(&(struct podns_config){ .spec = &spec, .shm_size = s->shm_size, .share_pids = p->flags & POD_SHARE_PID },
		       &p->users, &p->podns);
	if (r < 0)
		return r;
	*ret_step = "share a PID namespace";
	if (p->flags & POD_SHARE_PID)
		r = share_pids(p);
	pod_state_write(p, POD_CONTAINERS_MAX);
	return r;
}
