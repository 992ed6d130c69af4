/* SPDX-License-Identifier: Apache-2.0 */
#include "image/skopeo.h"

#include <fcntl.h>
#include <linux/securebits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/cleanup.h"

enum {
	ARGS_MAX = 16,
	ENV_MAX = 32,
	HIGH_FD = 10,
	ERRORS_MAX_BYTES = 64 << 10,
	MEMORY_MAX_MIB = 2048,
	LOOK_MS = 30000, /* between two looks at the progress */
};

static const char AUTH_PATH[] = "/proc/self/fd/3";
static const char DEFAULT_PATH[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* What of the daemon's environment concerns registries. */
static const char *const PASSED[] = {
	"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE", "CONTAINERS_REGISTRIES_CONF", "DOCKER_CONFIG",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "PATH",
};

uint64_t skopeo_bytes_in(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint64_t sum = 0;
	struct stat st;

	if (!dir)
		close_fdp(&fd);
	while (dir && (e = readdir(dir)))
		if (fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	return sum;
}

/* The program's path; NULL when it is not installed. */
static char *find_program(void)
{
	const char *path = getenv("PATH");
	char *found = NULL;

	for (const char *p = path && *path ? path : DEFAULT_PATH; *p;) {
		size_t n = strcspn(p, ":");

		if (n && asprintf(&found, "%.*s/skopeo", (int)n, p) < 0)
			return NULL;
		if (n && access(found, X_OK) == 0)
			return found;
		if (n)
			free(steal_ptr(found));
		p += n + (p[n] == ':');
	}
	return NULL;
}

/* A file in memory that a program may be given. */
static int memory_file(const char *text)
{
	_cleanup_close_ int fd = memfd_create("podfs-pull", MFD_CLOEXEC);
	size_t len = text ? strlen(text) : 0;
	int high;

	if (fd < 0)
		return -errno;
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n < 0 ? 0 : n;
		len -= n < 0 ? 0 : (size_t)n;
	}
	high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD); /* away from where the child wants its own */
	return high < 0 ? -errno : high;
}

/* --- the child: nothing here returns --- */

static void limit(int resource, uint64_t max)
{
	struct rlimit l = { .rlim_cur = max, .rlim_max = max };

	(void)setrlimit(resource, &l); /* ignoring: a lower limit is in force */
}

static _Noreturn void become_skopeo(const char *program, const char *const *argv, char *const *env, const int fds[4],
				    uint64_t max_file, pid_t parent)
{
	(void)setpgid(0, 0); /* cannot fail: it has just been made */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0 && dup2(fds[i], i) < 0)
			_exit(127);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, max_file);
	limit(RLIMIT_DATA, (uint64_t)MEMORY_MAX_MIB << 20);
	/* ignoring: where they cannot be given up it has fewer already. Its user stays, whose files it reads. */
	(void)prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)execve(program, (char *const *)(uintptr_t)argv, env);
	_exit(127);
}

/* --- the parent --- */

static void kill_group(pid_t pid)
{
	siginfo_t info;

	(void)kill(-pid, SIGKILL); /* ignoring: it has not made its group yet, or has ended */
	(void)kill(pid, SIGKILL);
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
}

static int wait_for(const struct skopeo *s, pid_t pid, int *ret_status, struct error *err)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[] = { { .fd = pidfd, .events = POLLIN }, { .fd = s->lifeline, .events = POLLIN } };
	uint64_t before = 0;
	int idle = 0, r;

	while (pidfd >= 0) {
		r = poll(fds, ARRAY_SIZE(fds), LOOK_MS);
		if (r > 0 && fds[0].revents) {
			siginfo_t info = { .si_code = 0 };

			while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
				;
			*ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
			return 0;
		}
		if (r > 0 || (r < 0 && errno != EINTR)) {
			kill_group(pid);
			return error_set(err, -ECANCELED, "the pull was given up");
		}
		if (r == 0) {
			uint64_t now = s->progress < 0 ? 0 : skopeo_bytes_in(s->progress);

			idle = now != before ? 0 : idle + 1;
			before = now;
		}
		if (idle * (LOOK_MS / 1000) >= SKOPEO_STALL_SECONDS) {
			kill_group(pid);
			return error_set(err, -ETIMEDOUT, "the registry has sent nothing for %d seconds", SKOPEO_STALL_SECONDS);
		}
	}
	r = -errno;
	kill_group(pid);
	return error_errno(err, r, "watching skopeo");
}

/* Undoes a quoted Go string up to its closing quote. */
static void put_unquoted(struct buf *out, const char *s)
{
	for (; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1]) {
			s++;
			buf_putc(out, *s == 'n' || *s == 't' ? ' ' : *s);
		} else {
			buf_putc(out, *s);
		}
	}
}

char *skopeo_message(const char *text)
{
	static const char MESSAGE[] = " msg=\"", WRONG[] = "Error parsing image name \"", END[] = "\": ";
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *last = NULL, *message, *end;
	char *line;

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (*p != '\n')
			last = p;
	if (!last)
		return strdup("");
	line = strndup(last, strcspn(last, "\n"));
	if (!line)
		return NULL;
	message = strncmp(line, "time=", 5) == 0 ? strstr(line, MESSAGE) : NULL;
	if (message)
		put_unquoted(&out, message + strlen(MESSAGE));
	else
		buf_puts(&out, line);
	free(line);
	line = buf_steal(&out, NULL);
	/* so skopeo begins whatever is wrong with an image that it was to inspect */
	if (line && strncmp(line, WRONG, strlen(WRONG)) == 0 && (end = strstr(line, END)))
		memmove(line, end + strlen(END), strlen(end + strlen(END)) + 1);
	return line;
}

static int judge(int status, int errors, struct error *err)
{
	_cleanup_free_ char *text = calloc(1, ERRORS_MAX_BYTES + 1), *message = NULL;
	struct stat st;
	off_t from;

	if (status == 0)
		return 0;
	if (!text || fstat(errors, &st) < 0)
		return error_set(err, -EIO, "skopeo ended with status %d", status);
	from = st.st_size > ERRORS_MAX_BYTES ? st.st_size - ERRORS_MAX_BYTES : 0;
	if (pread(errors, text, ERRORS_MAX_BYTES, from) > 0)
		message = skopeo_message(text);
	if (!message || !*message)
		return error_set(err, -EIO, "skopeo ended with status %d", status);
	return error_set(err, strstr(message, "no space left on device") ? -ENOSPC : -EIO, "%s", message);
}

static void make_environment(const struct skopeo *s, char *tmpdir, char *env[static ENV_MAX])
{
	static char memory[] = "GOMEMLIMIT=1GiB", path[sizeof("PATH=") + sizeof(DEFAULT_PATH)];
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "PATH=%s", DEFAULT_PATH);
	env[n++] = memory;
	env[n++] = tmpdir;
	if (!getenv("PATH"))
		env[n++] = path;
	for (size_t i = 0; environ[i] && n < ENV_MAX - 1; i++) {
		size_t len = strcspn(environ[i], "=");

		for (size_t k = 0; k < ARRAY_SIZE(PASSED); k++)
			if (strlen(PASSED[k]) == len && memcmp(PASSED[k], environ[i], len) == 0)
				env[n++] = environ[i];
	}
	env[n] = NULL;
}

/* The command with its options: those of the source have other names where there is a destination too. */
static int make_arguments(const struct skopeo *s, const char *const *args, const char *argv[static ARGS_MAX])
{
	bool copies = strcmp(args[0], "copy") == 0;
	size_t n = 0;

	argv[n++] = "skopeo";
	/* What is allowed from where is the system's to say, and where it says nothing, everything is. */
	if (access("/etc/containers/policy.json", F_OK) < 0)
		argv[n++] = "--insecure-policy";
	argv[n++] = args[0];
	if (s->plain)
		argv[n++] = copies ? "--src-tls-verify=false" : "--tls-verify=false";
	if (s->auth) {
		argv[n++] = copies ? "--src-authfile" : "--authfile";
		argv[n++] = AUTH_PATH;
	}
	for (size_t i = 1; args[i]; i++) {
		if (n == ARGS_MAX - 1)
			return -E2BIG;
		argv[n++] = args[i];
	}
	argv[n] = NULL;
	return 0;
}

int skopeo_run(const struct skopeo *s, const char *const *args, int out, uint64_t max_file, struct error *err)
{
	_cleanup_free_ char *program = find_program(), *tmpdir = NULL;
	_cleanup_close_ int errors = memory_file(NULL), null = open("/dev/null", O_RDONLY | O_CLOEXEC), auth = -1;
	pid_t self = getpid(), pid;
	const char *argv[ARGS_MAX];
	char *env[ENV_MAX];
	int status = 0, r;

	if (!program)
		return error_set(err, -ENOENT, "skopeo is not installed: install it, or copy the image's archive into images/");
	if (asprintf(&tmpdir, "TMPDIR=%s", s->tmpdir) < 0) {
		tmpdir = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	if (s->auth)
		auth = memory_file(s->auth);
	if (errors < 0 || null < 0 || (s->auth && auth < 0))
		return error_errno(err, -errno, "making a memory file");
	make_environment(s, tmpdir, env);
	r = make_arguments(s, args, argv);
	if (r < 0)
		return error_errno(err, r, "skopeo");
	pid = fork();
	if (pid == 0)
		become_skopeo(program, argv, env, (const int[]){ null, out, errors, auth }, max_file, self);
	if (pid < 0)
		return error_errno(err, -errno, "starting skopeo");
	r = wait_for(s, pid, &status, err);
	return r < 0 ? r : judge(status, errors, err);
}
