/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of the steps:
 *   - limits while CAP_SYS_RESOURCE is there; a filter without no_new_privs needs CAP_SYS_ADMIN, so it goes next;
 *   - the bounding set while CAP_SETPCAP is there; groups, then group, then user;
 *   - the capability sets last, kept over setresuid by PR_SET_KEEPCAPS;
 *   - the parent-death signal after that, since a change of credentials clears it;
 *   - a filter with no_new_privs at the very end, so that it need not allow any of the above.
 */
#include "pod/become.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "pod/mounts.h"
#include "pod/report.h"
#include "pod/sys.h"

/* What a shell would have; images nearly always set their own. */
static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* Opens a small file of the image: a plain file or nothing (a FIFO would block, a device might do anything). */
static int open_plain(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	return steal_fd(&fd);
}

static int find_user(struct become *b)
{
	_cleanup_close_ int passwd = open_plain("/etc/passwd");
	_cleanup_close_ int group = open_plain("/etc/group");
	const char *text = spec_string(b->spec, SPEC_USER, "");
	struct spec_item item;
	char bad;
	int r;

	r = user_resolve(text, passwd, group, &b->user, &bad);
	if (r == -ENOENT && bad == 'u')
		return report_fail_text(b->report, r, "unable to find user %.*s: no matching entries in passwd file",
					(int)strcspn(text, ":"), text);
	if (r == -ENOENT)
		return report_fail_text(b->report, r, "unable to find group %s: no matching entries in group file",
					strchr(text, ':') + 1);
	if (r < 0)
		return report_fail(b->report, r, "user %s", text);
	if (b->security.flags & SPEC_STRICT_GROUPS)
		b->user.n_groups = 0;
	/* The primary group, too: else what a group is denied could be had by leaving it (CVE-2022-36109). */
	if (b->user.n_groups == USER_GROUPS_MAX)
		b->user.n_groups--;
	b->user.groups[b->user.n_groups++] = b->user.gid;
	for (size_t at = 0; spec_next(b->spec, at, SPEC_GROUP, &item); at = item.next) {
		uint32_t gid;

		memcpy(&gid, item.data, sizeof(gid));
		if (b->user.n_groups == USER_GROUPS_MAX)
			return report_fail(b->report, -E2BIG, "supplemental groups");
		b->user.groups[b->user.n_groups++] = gid;
	}
	return 0;
}

static char **strings_of(const struct spec *s, unsigned type, size_t extra)
{
	char **list = calloc(spec_count(s, type) + extra + 1, sizeof(*list));
	struct spec_item item;
	size_t n = 0;

	if (!list)
		return NULL;
	for (size_t at = 0; spec_next(s, at, type, &item); at = item.next)
		list[n++] = (char *)(uintptr_t)item.data;
	return list;
}

static const char *get_env(const struct become *b, const char *name)
{
	size_t len = strlen(name);

	for (char **e = b->env; *e; e++)
		if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
			return *e + len + 1;
	return NULL;
}

int become_prepare(struct become *b)
{
	static char home[USER_HOME_SIZE + sizeof("HOME=")];
	int r = find_user(b);

	if (r < 0)
		return r;
	b->argv = strings_of(b->spec, SPEC_ARG, 0);
	b->env = strings_of(b->spec, SPEC_ENV, 1);
	if (!b->argv || !b->env)
		return report_fail(b->report, -ENOMEM, "arguments");
	if (!b->argv[0])
		return report_fail_text(b->report, -EINVAL, "no command specified");
	if (!get_env(b, "HOME")) {
		(void)snprintf(home, sizeof(home), "HOME=%s", b->user.home);
		b->env[spec_count(b->spec, SPEC_ENV)] = home;
	}
	return 0;
}

bool become_is_pipe(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PIPEFS_MAGIC;
}

void become_own_stdio(const struct become *b, bool own_tty)
{
	for (int fd = 0; fd < 3; fd++) {
		if (become_is_pipe(fd) || (own_tty && isatty(fd)))
			(void)fchown(fd, b->user.uid, (gid_t)-1); /* ignoring: a convenience */
	}
}

static int set_limits(const struct become *b)
{
	struct spec_item item;

	for (size_t at = 0; spec_next(b->spec, at, SPEC_RLIMIT, &item); at = item.next) {
		struct spec_rlimit l;
		struct rlimit now, want;

		memcpy(&l, item.data, sizeof(l));
		want = (struct rlimit){ .rlim_cur = l.soft, .rlim_max = l.hard };
		if (setrlimit((int)l.resource, &want) == 0)
			continue;
		if (errno != EPERM || getrlimit((int)l.resource, &now) < 0)
			return report_fail(b->report, -errno, "set resource limit %u", l.resource);
		/* A machine that may not raise limits (a container itself) gives what it has. */
		report_warn(b->report, -EPERM, "raise resource limit %u", l.resource);
		want.rlim_max = now.rlim_max < want.rlim_max ? now.rlim_max : want.rlim_max;
		want.rlim_cur = want.rlim_max < want.rlim_cur ? want.rlim_max : want.rlim_cur;
		if (setrlimit((int)l.resource, &want) < 0)
			return report_fail(b->report, -errno, "set resource limit %u", l.resource);
	}
	return 0;
}

static int install_filter(const struct become *b)
{
	struct spec_item item;
	struct sock_fprog prog;

	if (!spec_next(b->spec, 0, SPEC_SECCOMP, &item))
		return 0;
	if (item.size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return report_fail(b->report, -E2BIG, "install the system-call filter");
	prog.len = (unsigned short)(item.size / sizeof(struct sock_filter));
	prog.filter = (struct sock_filter *)(uintptr_t)item.data;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) < 0)
		return report_fail(b->report, -errno, "install the system-call filter");
	return 0;
}

/* Drops what is not in the mask; *ret_have is what is left, all that could be given at best. */
static int drop_bounding(const struct become *b, uint64_t *ret_have)
{
	uint64_t have = 0;

	for (unsigned cap = 0; cap < 64; cap++) {
		int r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (r < 0)
			break;
		if (r == 0)
			continue;
		if (b->security.bounding & (UINT64_C(1) << cap))
			have |= UINT64_C(1) << cap;
		else if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return report_fail(b->report, -errno, "drop capability %u", cap);
	}
	*ret_have = have;
	return 0;
}

static int set_capabilities(const struct become *b, uint64_t have)
{
	const struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const struct spec_security *s = &b->security;

	for (unsigned i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)((s->effective & have) >> (32 * i));
		data[i].permitted = (uint32_t)((s->permitted & have) >> (32 * i));
		data[i].inheritable = (uint32_t)((s->inheritable & have) >> (32 * i));
	}
	if (sys_capset(&header, data) < 0)
		return report_fail(b->report, -errno, "set capabilities");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return report_fail(b->report, -errno, "clear ambient capabilities");
	for (unsigned cap = 0; cap < 64; cap++)
		if ((s->ambient & have & (UINT64_C(1) << cap)) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return report_fail(b->report, -errno, "set ambient capability %u", cap);
	return 0;
}

static int set_ids(const struct become *b)
{
	const struct user *u = &b->user;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return report_fail(b->report, -errno, "keep capabilities");
	if (setgroups(u->n_groups, u->groups) < 0)
		return report_fail(b->report, -errno, "set supplemental groups");
	if (setresgid(u->gid, u->gid, u->gid) < 0)
		return report_fail(b->report, -errno, "set group %u", u->gid);
	if (setresuid(u->uid, u->uid, u->uid) < 0)
		return report_fail(b->report, -errno, "set user %u", u->uid);
	return 0;
}

/* A working directory that the image lacks is made, by root, as container runtimes do. */
static int make_cwd(const struct become *b, const char *cwd)
{
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (root < 0)
		return report_fail(b->report, -errno, "open /");
	if (stat(cwd, &st) == 0)
		return 0;
	r = mounts_mkdirs(root, cwd, 0755);
	if (r < 0)
		return report_fail(b->report, r, "make working directory %s", cwd);
	return 0;
}

int become_drop(struct become *b)
{
	const char *cwd = spec_string(b->spec, SPEC_CWD, "/");
	bool no_new_privs = b->security.flags & SPEC_NO_NEW_PRIVS;
	uint64_t have = 0;
	int r;

	if (*cwd != '/')
		return report_fail_text(b->report, -EINVAL, "working directory %s is not absolute", cwd);
	r = make_cwd(b, cwd);
	if (r == 0)
		r = set_limits(b);
	if (r == 0 && !no_new_privs)
		r = install_filter(b);
	if (r == 0)
		r = drop_bounding(b, &have);
	if (r == 0)
		r = set_ids(b);
	if (r == 0)
		r = set_capabilities(b, have);
	if (r < 0)
		return r;
	if (chdir(cwd) < 0)
		return report_fail(b->report, -errno, "change to working directory %s", cwd);
	(void)umask(0022);
	if (no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return report_fail(b->report, -errno, "set no_new_privs");
	return 0;
}

static bool executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static int find_program(struct become *b)
{
	const char *name = b->argv[0];
	const char *path = get_env(b, "PATH");
	int n;

	if (strchr(name, '/')) {
		n = snprintf(b->program, sizeof(b->program), "%s", name);
		if (n >= (int)sizeof(b->program))
			return report_fail(b->report, -ENAMETOOLONG, "exec: \"%.64s…\"", name);
		return 0;
	}
	if (!path)
		path = default_path;
	while (*name != '\0' && *path != '\0') {
		size_t len = strcspn(path, ":");

		n = snprintf(b->program, sizeof(b->program), "%.*s/%s", (int)len, path, name);
		if (len > 0 && n < (int)sizeof(b->program) && executable(b->program))
			return 0;
		path += len + (path[len] == ':');
	}
	return report_fail_text(b->report, -ENOENT, "exec: \"%.256s\": executable file not found in $PATH", name);
}

/* From here on the death of the supervisor is this process's own. Whoever died before is found by the send. */
static int tell_ready(struct become *b)
{
	const struct report ready = { .kind = REPORT_READY };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return report_fail(b->report, -errno, "set the parent-death signal");
	return report_send(b->report, &ready, -1);
}

/* What execve takes from a user who is not root: all but the ambient ones. */
static int keep_ambient(const struct become *b)
{
	const struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (unsigned cap = 0; cap < 64 && b->user.uid != 0; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
			data[cap / 32].permitted |= 1U << cap % 32;
	data[0].inheritable = data[0].effective = data[0].permitted;
	data[1].inheritable = data[1].effective = data[1].permitted;
	return b->user.uid != 0 && sys_capset(&header, data) < 0 ? report_fail(b->report, -errno, "set capabilities") : 0;
}

int become_builtin(struct become *b)
{
	int r = keep_ambient(b);

	if (r < 0)
		return r;
	/* a change of the user may have undone it */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return report_fail(b->report, -errno, "hide the process");
	if (b->security.flags & SPEC_NO_NEW_PRIVS)
		r = install_filter(b);
	if (r == 0)
		r = tell_ready(b);
	if (r < 0)
		return r;
	return close_range(3, ~0U, 0) < 0 ? -errno : 0;
}

int become_exec(struct become *b)
{
	int r = find_program(b);

	if (r == 0)
		r = tell_ready(b);
	if (r < 0)
		return r;
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return report_fail(b->report, -errno, "mark descriptors");
	if (b->security.flags & SPEC_NO_NEW_PRIVS) {
		r = install_filter(b);
		if (r < 0)
			return r;
	}
	(void)execve(b->program, b->argv, b->env);
	return report_fail(b->report, -errno, "exec: \"%.256s\"", b->argv[0]);
}
