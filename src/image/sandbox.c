/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sandbox.h"

#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
	FILES_MAX = 64,
	/* Of address space: an arena of 512 MiB for manifests, zstd's window of 128 MiB, and the libraries. */
	MEMORY_MAX_MIB = 1536,
};

/* For chown(2), chmod(2) and set-id bits of files of other owners, security.capability, trusted.overlay.*, and hard
 * links by descriptor. Not CAP_MKNOD: device 0:0, which overlayfs takes for a whiteout, needs none since Linux 5.8. */
static const cap_value_t KEPT_CAPS[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP, CAP_SYS_ADMIN,
};

/* What the program, libc and libarchive call once the sandbox is entered. Names unknown on an architecture are left
 * out. */
static const char *const ALLOWED[] = {
	"read", "write", "pread64", "pwrite64", "readv", "writev", "lseek", "_llseek", "close",
	"open", "openat", "openat2", "fcntl", "fcntl64", "dup",
	"fstat", "fstat64", "stat", "lstat", "newfstatat", "fstatat64", "statx", "statfs", "statfs64", "fstatfs", "fstatfs64",
	"getdents", "getdents64", "mkdirat", "mknodat", "linkat", "symlinkat", "unlinkat", "renameat", "renameat2",
	"readlinkat", "faccessat", "faccessat2",
	"fchown", "fchown32", "fchownat", "fchmod", "fchmodat", "fsetxattr", "utimensat", "utimensat_time64", "ftruncate",
	"ftruncate64", "fallocate", "fsync", "fdatasync", "syncfs", "flock", "umask",
	"mmap", "mmap2", "munmap", "mremap", "mprotect", "brk", "madvise", "futex", "futex_time64",
	"rt_sigprocmask", "rt_sigaction", "rt_sigreturn", "restart_syscall", "tgkill", "gettid", "getpid", "getuid",
	"geteuid", "getgid", "getegid", "getrandom", "clock_gettime", "clock_gettime64", "gettimeofday", "time",
	"prlimit64", "sysinfo", "uname", "sched_yield", "sched_getaffinity", "exit", "exit_group",
};

static int set_limit(int resource, rlim_t max)
{
	struct rlimit limit = { .rlim_cur = max, .rlim_max = max };

	return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int keep_caps(void)
{
	cap_t caps = cap_init();
	int r = 0;

	if (!caps)
		return -ENOMEM;
	if (cap_set_flag(caps, CAP_PERMITTED, ARRAY_SIZE(KEPT_CAPS), KEPT_CAPS, CAP_SET) < 0 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, ARRAY_SIZE(KEPT_CAPS), KEPT_CAPS, CAP_SET) < 0 || cap_set_proc(caps) < 0)
		r = -errno;
	(void)cap_free(caps); /* ignoring: it fails only for what is no cap_t */
	return r;
}

static int load_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = 0;

	if (!filter)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(ALLOWED) && r == 0; i++) {
		int nr = seccomp_syscall_resolve_name(ALLOWED[i]);

		if (nr >= 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
	}
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

int sandbox_enter(int dirfd, struct error *err)
{
	int r;

	umask(0);
	r = set_limit(RLIMIT_CORE, 0);
	if (r == 0)
		r = set_limit(RLIMIT_NOFILE, FILES_MAX);
	if (r < 0)
		return error_errno(err, r, "setting limits");
	if (SANITIZED)
		return 0;
	r = set_limit(RLIMIT_AS, (rlim_t)MEMORY_MAX_MIB << 20);
	if (r < 0)
		return error_errno(err, r, "setting limits");
	if (fchdir(dirfd) < 0 || chroot(".") < 0)
		return error_errno(err, -errno, "making the store the root directory");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, -errno, "giving up new privileges");
	r = keep_caps();
	if (r < 0)
		return error_errno(err, r, "giving up capabilities");
	if (load_filter() < 0)
		(void)unshare(CLONE_NEWNET | CLONE_NEWIPC); /* ignoring: a kernel with neither has no more to offer */
	return 0;
}
