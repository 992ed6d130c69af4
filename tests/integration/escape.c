/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run inside a container by pod-escape.test: tries the known ways out, and says of each "NAME open", "NAME shut: ERROR" or
 * "NAME absent", where this kernel lacks it. Static, since the container's image has no libraries.
 *   escape             all of them
 *   escape id          the effective user
 *   escape race A B    exchanges two names for ever
 *   escape trace PID   attaches to a process, and ends with status 0 when it could
 *   escape spy [FILE]  looks for ever for what other processes have open: "met" once it has seen one with more than the
 *                      standard three, "open NAME" for what leads somewhere, "many" for one with more than six, "rights"
 *                      for one with capabilities that it has not itself, "out NAME" for a root, a working directory or a
 *                      descriptor from which FILE is found, which only the host has
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each returns 0 or more when the way is open, -1 with errno when it is shut. */

static long open_for(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC);
}

/* "Shocker": inode 2 is the root of ext4, xfs has 128; whichever, no file may be had by its handle. */
static long by_handle(void)
{
	struct {
		struct file_handle h;
		unsigned char id[8];
	} f = { .h = { .handle_bytes = 8, .handle_type = 1 }, .id = { 2 } };
	int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC);

	return open_by_handle_at(fd, &f.h, O_RDONLY);
}

static long made_device(dev_t device, mode_t type, const char *name)
{
	static const char *const places[] = { "/tmp", "/dev", "/dev/shm", "/v", "" };
	char path[64];
	long fd = -1;
	int why = EPERM;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && fd < 0; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", places[i], name);
		(void)unlink(path);
		if (mknod(path, type | 0666, device) < 0)
			continue;
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		why = errno;
		(void)unlink(path);
	}
	errno = why;
	return fd;
}

static long memory_device(void) { return made_device(makedev(1, 1), S_IFCHR, "mem"); }

static long disk(void)
{
	static const dev_t disks[] = { 254 << 8, 8 << 8, 259 << 8, 252 << 8, 253 << 8, 7 << 8 };
	long fd = -1;

	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]) && fd < 0; i++)
		fd = made_device(disks[i], S_IFBLK, "disk");
	return fd;
}

static long core_pattern(void) { return open_for("/proc/sys/kernel/core_pattern", O_WRONLY); }
static long sysrq(void) { return open_for("/proc/sysrq-trigger", O_WRONLY); }
static long modprobe(void) { return open_for("/proc/sys/kernel/modprobe", O_WRONLY); }
static long binfmt(void) { return open_for("/proc/sys/fs/binfmt_misc/register", O_WRONLY); }
static long uevent_helper(void) { return open_for("/sys/kernel/uevent_helper", O_WRONLY); }
static long kcore(void)
{
	char byte;
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &byte, 1) <= 0) { /* the null device over it */
		errno = EACCES;
		return -1;
	}
	return fd;
}

static long keys(void)
{
	char byte;
	int fd = open("/proc/keys", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && read(fd, &byte, 1) <= 0) {
		errno = EACCES;
		return -1;
	}
	return fd;
}

static long cgroup_v1(void)
{
	(void)mkdir("/tmp/cg", 0700);
	return mount("none", "/tmp/cg", "cgroup", 0, "rdma");
}

/* In whatever hierarchy is seen. */
static long release_agent(void)
{
	static const char *const paths[] = {
		"/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/pids/release_agent",
		"/sys/fs/cgroup/devices/release_agent", "/sys/fs/cgroup/cpu/release_agent", "/tmp/cg/release_agent",
	};
	long fd = -1;
	int why = ENOENT;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && fd < 0; i++) {
		fd = open(paths[i], O_WRONLY | O_CLOEXEC);
		if (errno != ENOENT)
			why = errno;
	}
	errno = why;
	return fd;
}

static long devices_allow(void) { return open_for("/sys/fs/cgroup/devices/devices.allow", O_WRONLY); }
static long unlimited(void) { return open_for("/sys/fs/cgroup/memory/memory.limit_in_bytes", O_WRONLY); }
static long unlimited_v2(void) { return open_for("/sys/fs/cgroup/memory.max", O_WRONLY); }
static long mount_proc(void) { return mount("proc", "/tmp", "proc", 0, NULL); }
static long remount_sys(void) { return mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL); }
static long unmount_mask(void) { return umount2("/proc/kcore", MNT_DETACH); }
static long new_users(void) { return unshare(CLONE_NEWUSER); }
static long new_mounts(void) { return unshare(CLONE_NEWNS); }

static long join_host(void)
{
	int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -1 : setns(fd, 0);
}

static long chroot_out(void)
{
	struct stat before, after;

	/* The old way: a directory held open from outside of a new root. It leads no farther than the container's root. */
	if (stat("/", &before) < 0 || mkdir("/tmp/jail", 0700) < 0 || chroot("/tmp/jail") < 0)
		return -1;
	for (int i = 0; i < 64; i++)
		(void)!chdir("..");
	(void)!chroot(".");
	if (stat("/", &after) < 0)
		return -1;
	errno = EXDEV;
	return before.st_ino == after.st_ino && before.st_dev == after.st_dev ? -1 : 0;
}

static long session_keys(void)
{
	/* The keyring of the session that podfs was started in, and of root's user session. */
	return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_SESSION_KEYRING, "user", "podfs-test", 0);
}

static long any_key(void) { return syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_USER_KEYRING, NULL, 0); }

static long bpf(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 4, .max_entries = 1 };

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static long perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_CPU_CLOCK };

	return syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
}

static long load_module(void) { return syscall(SYS_finit_module, 0, "", 0); }
static long kexec(void) { return syscall(SYS_kexec_load, 0, 0, NULL, 0); }
/* A tick that the kernel refuses for its value once it has looked at the right, so that nothing is harmed. */
static long set_clock(void)
{
	struct timex t = { .modes = ADJ_TICK, .tick = 0 };

	return adjtimex(&t) < 0 && errno == EINVAL ? 0 : -1;
}

static long host_name(void) { return sethostname("escaped", 7); }
static long swap(void) { return swapoff("/nothing"); }
static long kernel_log(void) { return syscall(SYS_syslog, 5, NULL, 0); }
static long user_fault(void) { return syscall(SYS_userfaultfd, 0); }

static long uring(void)
{
	char params[120] = { 0 };

	return syscall(SYS_io_uring_setup, 1, params);
}

static long vsock(void) { return socket(AF_VSOCK, SOCK_STREAM, 0); }
static long quota(void) { return syscall(SYS_quotactl, 0x800002 << 8, "/dev/vda", 0, NULL); }
static long x86_ports(void)
{
#ifdef SYS_ioperm
	return syscall(SYS_ioperm, 0x80, 1, 1);
#else
	errno = ENOSYS;
	return -1;
#endif
}

/* Whose descriptors are open here beside the standard ones, and do they lead out? */
static long descriptors(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return fd;
	errno = EBADF;
	return -1;
}

/* CVE-2019-5736, CVE-2024-21626: what the process was started with. */
static long own_program(void) { return open_for("/proc/1/exe", O_WRONLY); }

static long working_directory(void)
{
	char path[512];

	errno = ENOENT;
	return getcwd(path, sizeof(path)) && path[0] == '/' ? (errno = EXDEV, -1) : 0;
}

/* Processes of others, by number. */
static long others(void)
{
	int seen = 0;

	for (int pid = 2; pid < 40000; pid++)
		if (pid != getpid() && kill(pid, 0) == 0)
			seen++;
	errno = ESRCH;
	return seen > 8 ? 0 : -1; /* its own shell and children at most */
}

static const struct way {
	const char *name;
	long (*try)(void);
} ways[] = {
	{ "descriptors", descriptors },	    { "own-program", own_program },	{ "cwd", working_directory },
	{ "handle", by_handle },	    { "mem", memory_device },		{ "disk", disk },
	{ "core-pattern", core_pattern },   { "sysrq", sysrq },			{ "modprobe", modprobe },
	{ "binfmt", binfmt },		    { "uevent-helper", uevent_helper }, { "kcore", kcore },
	{ "keys", keys },		    { "cgroup-v1", cgroup_v1 },		{ "release-agent", release_agent },
	{ "devices-allow", devices_allow }, { "memory-limit", unlimited },	{ "memory-max", unlimited_v2 },
	{ "mount", mount_proc },	    { "remount", remount_sys },		{ "unmask", unmount_mask },
	{ "setns", join_host },		    { "session-keys", session_keys },	{ "user-keys", any_key },
	{ "bpf", bpf },			    { "perf", perf },			{ "module", load_module },
	{ "kexec", kexec },		    { "clock", set_clock },		{ "hostname", host_name },
	{ "swap", swap },		    { "syslog", kernel_log },		{ "userfaultfd", user_fault },
	{ "io-uring", uring },		    { "vsock", vsock },			{ "quota", quota },
	{ "ports", x86_ports },		    { "others", others },		{ "unshare-users", new_users },
	{ "unshare-mounts", new_mounts },   { "chroot", chroot_out },
};

/* In a process of its own, whose end says it. */
static void try_one(const struct way *w)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		long r = w->try();

		(void)printf(r >= 0 ? "%s open\n" : errno == ENOENT || errno == ENOSYS ? "%s absent: %s\n" : "%s shut: %s\n",
			     w->name, strerror(errno));
		(void)fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		(void)printf("%s shut: killed\n", w->name);
	(void)fflush(stdout);
}

/* Pipes and sockets lead nowhere by themselves, nor does a file of the container's own. */
static bool leads_somewhere(const char *path)
{
	char target[256];
	struct stat a, b;
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return false;
	target[n] = '\0';
	if (strncmp(target, "pipe:", 5) == 0 || strncmp(target, "socket:", 7) == 0)
		return false;
	if (stat(path, &a) < 0 || (stat(target, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino))
		return false;
	(void)printf("open %s\n", target);
	return true;
}

enum { TOLD_MET, TOLD_OPEN, TOLD_MANY, TOLD_RIGHTS, TOLD_OUT, TOLD_MAX };

static unsigned long long rights_of(const char *pid)
{
	char path[64], text[4096];
	const char *line;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	line = strstr(text, "\nCapPrm:");
	return line ? strtoull(line + 8, NULL, 16) : 0;
}

static bool is_out(const char *pid, const char *what, const char *file)
{
	char path[512];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/proc/%s/%s/%s", pid, what, file);
	return stat(path, &st) == 0 && printf("out %s\n", what) > 0;
}

static void look_at_rights(const char *pid, const char *file, bool told[TOLD_MAX])
{
	static unsigned long long own;

	if (!own)
		own = rights_of("self");
	if (!told[TOLD_RIGHTS] && (rights_of(pid) & ~own))
		told[TOLD_RIGHTS] = printf("rights\n") > 0;
	if (!told[TOLD_OUT] && file)
		told[TOLD_OUT] = is_out(pid, "root", file) || is_out(pid, "cwd", file);
}

static void look_at(const char *pid, const char *file, bool told[TOLD_MAX])
{
	char path[300];
	unsigned n = 0;
	DIR *dir;

	look_at_rights(pid, file, told);
	(void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.' || strtol(e->d_name, NULL, 10) < 3)
			continue;
		n++;
		(void)snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, e->d_name);
		if (!told[TOLD_OPEN])
			told[TOLD_OPEN] = leads_somewhere(path);
		if (!told[TOLD_OUT] && file)
			told[TOLD_OUT] = is_out(pid, strstr(path, "fd/"), file);
	}
	(void)closedir(dir);
	if (n > 0 && !told[TOLD_MET])
		told[TOLD_MET] = printf("met\n") > 0;
	if (n > 3 && !told[TOLD_MANY])
		told[TOLD_MANY] = printf("many\n") > 0;
}

static void spy(const char *file)
{
	bool told[TOLD_MAX] = { false };

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		DIR *dir = opendir("/proc");

		for (struct dirent *e; dir && (e = readdir(dir));)
			if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && strtol(e->d_name, NULL, 10) != getpid())
				look_at(e->d_name, file, told);
		if (dir)
			(void)closedir(dir);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "id") == 0)
		return printf("euid=%u\n", (unsigned)geteuid()) < 0;
	if (argc >= 2 && strcmp(argv[1], "spy") == 0)
		spy(argv[2]);
	if (argc == 4 && strcmp(argv[1], "race") == 0)
		for (;;)
			(void)syscall(SYS_renameat2, AT_FDCWD, argv[2], AT_FDCWD, argv[3], 2 /* RENAME_EXCHANGE */);
	if (argc == 3 && strcmp(argv[1], "trace") == 0)
		return ptrace(PTRACE_ATTACH, (pid_t)strtol(argv[2], NULL, 10), NULL, NULL) < 0 ? errno : 0;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		try_one(&ways[i]);
	(void)puts("tried");
	return 0;
}
