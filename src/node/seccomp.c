/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RuntimeDefault filter: what the default profile of container runtimes is documented to allow
 * (docs.docker.com/engine/security/seccomp, and its table of system calls), compiled by libseccomp.
 *
 * All else fails with EPERM, except system calls newer than this table, which fail with ENOSYS, as on an older
 * kernel: libraries try a new call first and fall back on ENOSYS only.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "node/security.h"

/* Allowed to everyone. Names that an architecture or an older libseccomp does not know are skipped. */
static const char *const allowed[] = {
	"accept", "accept4", "access", "adjtimex", "alarm", "bind", "brk", "cachestat", "capget", "capset",
	"chdir", "chmod", "chown", "chown32", "clock_adjtime", "clock_adjtime64", "clock_getres",
	"clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
	"close", "close_range", "connect", "copy_file_range", "creat", "dup", "dup2", "dup3", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
	"epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group", "faccessat",
	"faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark", "fchdir", "fchmod", "fchmodat",
	"fchmodat2", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr",
	"flock", "fork", "fremovexattr", "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64",
	"fsync", "ftruncate", "ftruncate64", "futex", "futex_requeue", "futex_time64", "futex_wait", "futex_waitv",
	"futex_wake", "futimesat", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "getegid32", "geteuid",
	"geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getitimer", "getpeername", "getpgid",
	"getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresgid32", "getresuid",
	"getresuid32", "getrlimit", "get_robust_list", "getrusage", "getsid", "getsockname", "getsockopt",
	"get_thread_area", "gettid", "gettimeofday", "getuid", "getuid32", "getxattr", "getxattrat",
	"inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "ioctl",
	"io_destroy", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "ioprio_get", "ioprio_set",
	"io_setup", "io_submit", "ipc", "kill", "landlock_add_rule", "landlock_create_ruleset",
	"landlock_restrict_self", "lchown", "lchown32", "lgetxattr", "link", "linkat", "listen", "listxattr",
	"listxattrat", "llistxattr", "_llseek", "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64",
	"madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore", "mkdir", "mkdirat",
	"mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mq_getsetattr",
	"mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64",
	"mq_unlink", "mremap", "mseal", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall",
	"munmap", "name_to_handle_at", "nanosleep", "newfstatat", "_newselect", "open", "openat", "openat2",
	"pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect",
	"poll", "ppoll", "ppoll_time64", "prctl", "pread64", "preadv", "preadv2", "prlimit64", "process_mrelease",
	"process_vm_readv", "process_vm_writev", "pselect6", "pselect6_time64", "ptrace", "pwrite64", "pwritev",
	"pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recv", "recvfrom", "recvmmsg",
	"recvmmsg_time64", "recvmsg", "remap_file_pages", "removexattr", "removexattrat", "rename", "renameat",
	"renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
	"rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
	"rt_tgsigqueueinfo", "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64",
	"sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp",
	"select", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "send", "sendfile", "sendfile64",
	"sendmmsg", "sendmsg", "sendto", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32",
	"setgroups", "setgroups32", "setitimer", "setpgid", "setpriority", "setregid", "setregid32", "setresgid",
	"setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit", "set_robust_list",
	"setsid", "setsockopt", "set_thread_area", "set_tid_address", "setuid", "setuid32", "setxattr",
	"setxattrat", "shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaltstack", "signalfd", "signalfd4",
	"sigprocmask", "sigreturn", "socketcall", "socketpair", "splice", "stat", "stat64", "statfs", "statfs64",
	"statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill", "time",
	"timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime",
	"timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
	"timerfd_settime64", "times", "tkill", "truncate", "truncate64", "ugetrlimit", "umask", "uname", "unlink",
	"unlinkat", "uretprobe", "utime", "utimensat", "utimensat_time64", "utimes", "vfork", "vmsplice", "wait4",
	"waitid", "waitpid", "write", "writev", "arch_prctl", "modify_ldt", "arm_fadvise64_64",
	"arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls",
};

/* Allowed to whom holds one of these capabilities. */
static const struct {
	int cap;
	const char *names[24];
} by_cap[] = {
	{ CAP_DAC_READ_SEARCH, { "open_by_handle_at" } },
	{ CAP_SYS_ADMIN, { "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick",
			   "lookup_dcookie", "mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open",
			   "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog", "umount",
			   "umount2", "unshare" } },
	{ CAP_SYS_BOOT, { "reboot" } },
	{ CAP_SYS_CHROOT, { "chroot" } },
	{ CAP_SYS_MODULE, { "delete_module", "init_module", "finit_module" } },
	{ CAP_SYS_PACCT, { "acct" } },
	{ CAP_SYS_PTRACE, { "kcmp", "pidfd_getfd", "process_madvise" } },
	{ CAP_SYS_RAWIO, { "iopl", "ioperm" } },
	{ CAP_SYS_TIME, { "settimeofday", "stime", "clock_settime", "clock_settime64" } },
	{ CAP_SYS_TTY_CONFIG, { "vhangup" } },
	{ CAP_SYS_NICE, { "get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node" } },
	{ CAP_SYSLOG, { "syslog" } },
	{ CAP_BPF, { "bpf" } },
	{ CAP_PERFMON, { "perf_event_open" } },
};

/* personality(2): Linux and Linux32, each with or without UNAME26, and the query. */
static const uint64_t personalities[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };

static const uint64_t namespace_flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
					CLONE_NEWNET | CLONE_NEWCGROUP;

struct program {
	struct program *next;
	uint64_t caps; /* those of by_cap that it was made for */
	size_t size;
	unsigned char code[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct program *programs; /* protected by lock; entries never change and live until the release */

/* Adds a rule; *last is raised to the greatest number met. */
static int allow(scmp_filter_ctx ctx, const char *name, int *last)
{
	int nr = seccomp_syscall_resolve_name(name);
	int r;

	if (nr == __NR_SCMP_ERROR)
		return 0;
	if (nr > *last)
		*last = nr;
	r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
	/* A call that this architecture has only under another number is no loss. */
	return r == -EDOM || r == -EEXIST ? 0 : r;
}

static int add_conditional(scmp_filter_ctx ctx, uint64_t caps)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_VSOCK));

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(personalities); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
				     SCMP_A0(SCMP_CMP_EQ, personalities[i]));
	if (r < 0 || (caps & UINT64_C(1) << CAP_SYS_ADMIN))
		return r;
	r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			     SCMP_A0(SCMP_CMP_MASKED_EQ, namespace_flags, 0));
	/* clone3 hides its flags behind a pointer: libraries fall back to clone on ENOSYS. */
	return r < 0 ? r : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int fill(scmp_filter_ctx ctx, uint64_t caps, int *last)
{
	int r;

#ifdef __x86_64__
	/* Not x32, which hardly any kernel has switched on: a third architecture makes each start measurably longer. */
	r = seccomp_arch_add(ctx, SCMP_ARCH_X86);
#elif defined(__aarch64__)
	r = seccomp_arch_add(ctx, SCMP_ARCH_ARM);
#else
	r = 0;
#endif
	/* podfs-pod decides about no_new_privs; a binary tree answers in a few steps instead of hundreds. */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++)
		r = allow(ctx, allowed[i], last);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(by_cap); i++) {
		int ignored = 0;

		if (!(caps & UINT64_C(1) << by_cap[i].cap))
			continue;
		for (size_t j = 0; r == 0 && j < ARRAY_SIZE(by_cap[i].names) && by_cap[i].names[j]; j++)
			r = allow(ctx, by_cap[i].names[j], &ignored);
	}
	return r < 0 ? r : add_conditional(ctx, caps);
}

/* The compiled filter behind a few instructions of our own: numbers above `last` do not exist. */
static int export_program(scmp_filter_ctx ctx, uint64_t caps, int last, struct program **ret_program)
{
	const struct sock_filter prefix[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
#ifdef __x86_64__
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
#elif defined(__aarch64__)
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_AARCH64, 0, 4),
#else
		BPF_JUMP(BPF_JMP | BPF_JA, 4, 0, 0),
#endif
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)last, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 1, 0), /* x32 calls have numbers of their own */
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	_cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
	_cleanup_free_ struct program *p = NULL;
	struct stat st;
	size_t size;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	size = (size_t)st.st_size;
	p = malloc(sizeof(*p) + sizeof(prefix) + size);
	if (!p)
		return -ENOMEM;
	memcpy(p->code, prefix, sizeof(prefix));
	if (pread(fd, p->code + sizeof(prefix), size, 0) != (ssize_t)size)
		return -EIO;
	p->size = sizeof(prefix) + size;
	p->caps = caps;
	*ret_program = steal_ptr(p);
	return 0;
}

static int compile(uint64_t caps, struct program **ret_program)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int last = 0, r;

	if (!ctx)
		return -ENOMEM;
	r = fill(ctx, caps, &last);
	if (r == 0)
		r = export_program(ctx, caps, last, ret_program);
	seccomp_release(ctx);
	return r;
}

int security_seccomp_default(uint64_t caps, const void **ret_program, size_t *ret_size, struct error *err)
{
	struct program *p;
	uint64_t relevant = 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(by_cap); i++)
		relevant |= caps & UINT64_C(1) << by_cap[i].cap;
	(void)pthread_mutex_lock(&lock);
	for (p = programs; p && p->caps != relevant; p = p->next)
		;
	if (!p) {
		r = compile(relevant, &p);
		if (r == 0) {
			p->next = programs;
			programs = p;
		}
	}
	(void)pthread_mutex_unlock(&lock);
	if (r < 0)
		return error_errno(err, r, "make the default system-call filter");
	*ret_program = p->code;
	*ret_size = p->size;
	return 0;
}

void security_seccomp_release(void)
{
	(void)pthread_mutex_lock(&lock);
	while (programs) {
		struct program *next = programs->next;

		free(programs);
		programs = next;
	}
	(void)pthread_mutex_unlock(&lock);
}
