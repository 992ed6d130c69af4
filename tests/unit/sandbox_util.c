/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox_util.h"

#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>


char top[64]; /* of this run: run directory, image, logs */
static const char *skip_reason;
static pid_t live; /* the podfs-pod of the test that runs */

/* ---- what every test needs ---- */

char *path_of(const char *fmt, ...)
{
	static char paths[8][512];
	static unsigned next;
	char *p = paths[next++ % ARRAY_SIZE(paths)];
	int n = snprintf(p, sizeof(paths[0]), "%s/", top);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(p + n, sizeof(paths[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	return p;
}

void write_file(const char *path, const char *text, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

char *read_file(const char *path)
{
	static char text[256 * 1024];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	text[0] = '\0';
	if (fd < 0)
		return text;
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return text;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void copy_program(const char *from, const char *to)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char buf[65536];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
}

int make_image(void **state)
{
	static const char *const dirs[] = { "run", "image", "image/bin", "image/etc", "image/tmp", "logs", "upper",
					    "work", "outside" };
	static const char *const applets[] = { "sh", "cat", "echo", "sleep", "ls", "id", "grep", "true", "mount",
					       "touch", "head", "hostname", "tr", "stat", "printf", "kill" };
	char program[512];

	if (geteuid() != 0) {
		skip_reason = "needs root";
		return 0;
	}
	if (access("/bin/busybox", X_OK) < 0) {
		skip_reason = "needs /bin/busybox";
		return 0;
	}
	(void)snprintf(top, sizeof(top), "/tmp/podfs-sandbox-XXXXXX");
	if (!mkdtemp(top) || chmod(top, 0755) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(path_of("%s", dirs[i]), 0755) < 0)
			return -1;
	copy_program("/bin/busybox", path_of("image/bin/busybox"));
	/* A copy of its own: whether others run the same file matters to a test. */
	(void)snprintf(program, sizeof(program), "%s/podfs-pod", getenv("top_builddir") ? getenv("top_builddir") : ".");
	copy_program(program, path_of("podfs-pod"));
	for (size_t i = 0; i < ARRAY_SIZE(applets); i++)
		if (symlink("busybox", path_of("image/bin/%s", applets[i])) < 0)
			return -1;
	write_file(path_of("image/etc/passwd"), "root:x:0:0::/root:/bin/sh\nweb:x:101:102::/srv/web:/bin/sh\n", 0644);
	write_file(path_of("image/etc/group"), "root:x:0:\nweb:x:102:\nextra:x:500:web,other\n", 0644);
	write_file(path_of("outside/secret"), "secret\n", 0600);
	/* What an evil image holds: links that lead out of it. */
	if (symlink("/../../../../../../../../../tmp", path_of("image/evil")) < 0 ||
	    symlink("/etc/made-by-link", path_of("image/dangling")) < 0)
		return -1;
	return 0;
}

int remove_image(void **state)
{
	if (top[0])
		remove_tree(top);
	return 0;
}

void need_root(void)
{
	if (skip_reason) {
		print_message("# SKIP %s\n", skip_reason);
		skip();
	}
}

struct sandbox_event wait_for(struct sandbox *sb, enum sandbox_event_type type)
{
	int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC;

	for (;;) {
		struct pollfd p = { .fd = sandbox_fd(sb), .events = POLLIN };
		struct sandbox_event ev;
		_cleanup_error_ struct error err = ERROR_INIT;
		int r = sandbox_receive(sb, &ev, &err);

		if (r < 0)
			fail_msg("receive: %s", error_text(&err));
		if (r > 0) {
			if (ev.type == SANDBOX_READY)
				live = ev.pid;
			if (ev.type == type)
				return ev;
			if (ev.type == SANDBOX_GONE || ev.type == SANDBOX_ERROR || ev.type == SANDBOX_START_FAILED ||
			    ev.type == SANDBOX_WARNING)
				print_message("# event %d (%s): %s (%d)\n", ev.type, ev.container, ev.text, ev.code);
			if (ev.type == SANDBOX_GONE)
				fail_msg("podfs-pod has gone while event %d was awaited", type);
			sandbox_event_clear(&ev);
			continue;
		}
		if (clock_monotonic() > end)
			fail_msg("no event %d within %d ms", type, DEADLINE_MS);
		(void)poll(&p, 1, 100);
	}
}

static struct sandbox *spawn_with(const struct sandbox_config *more)
{
	struct sandbox_config c = more ? *more : (struct sandbox_config){ 0 };
	struct sandbox *sb = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;
	const char *program = path_of("podfs-pod");

	c.rundir = path_of("run");
	c.uid = UID;
	c.title = "test/sandbox";
	c.program = program;
	if (!c.hostname)
		c.hostname = "sandboxed";
	if (!(c.flags & (POD_HOST_NETWORK | POD_HOST_IPC | POD_HOST_PID | POD_HOST_UTS))) {
		c.first_id = SANDBOX_FIRST_ID;
		c.n_ids = SANDBOX_IDS;
	}
	if (sandbox_spawn(&c, &sb, &err) < 0)
		fail_msg("spawn: %s", error_text(&err));
	return sb;
}

struct sandbox *spawn_pod(const struct sandbox_config *more)
{
	struct sandbox *sb = spawn_with(more);
	_cleanup_sandbox_event_ struct sandbox_event early = wait_for(sb, SANDBOX_NETNS), ev = wait_for(sb, SANDBOX_READY);
	struct stat netns, same;

	/* its network can be wired up before the rest is there */
	assert_int_equal(fstat(early.fd, &netns), 0);
	assert_int_equal(fstat(ev.fd, &same), 0);
	assert_int_equal(netns.st_ino, same.st_ino);
	assert_int_equal(early.pid, ev.pid);
	assert_false(ev.adopted);
	return sb;
}

void shut_down(struct sandbox *sb)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	pid_t pid = sandbox_pid(sb);

	assert_int_equal(sandbox_shutdown(sb, &err), 0);
	(void)wait_for(sb, SANDBOX_GONE);
	sandbox_free(sb);
	for (int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC; kill(pid, 0) == 0;) {
		struct sandbox *other = NULL;

		/* A spawn that fails reaps what has ended, as any daemon's next one does. */
		(void)sandbox_spawn(&(struct sandbox_config){ .rundir = "relative", .uid = UID }, &other, NULL);
		assert_true(clock_monotonic() < end);
	}
	assert_int_equal(access(path_of("run/pods/" UID), F_OK), -1);
	live = 0;
}

int end_test(void **state)
{
	/* A test that failed left its pod; the next one needs the place. */
	if (live > 0)
		(void)kill(live, SIGKILL);
	live = 0;
	if (top[0])
		(void)sandbox_remove_state(path_of("run"), UID);
	return 0;
}

void plan(struct plan *p, const char *name, const char *script)
{
	const uint64_t caps = UINT64_C(1) << CAP_CHOWN | UINT64_C(1) << CAP_KILL | UINT64_C(1) << CAP_SETUID;

	*p = (struct plan){ .argv = { "sh", "-c", script }, .env = { "PATH=/bin", "COLOUR=blue" } };
	(void)snprintf(p->log, sizeof(p->log), "%s", path_of("logs/%s.log", name));
	p->layers[0] = path_of("image");
	(void)unlink(p->log);
	p->c = (struct sandbox_container){
		.name = name,
		.argv = p->argv,
		.n_argv = 3,
		.env = p->env,
		.n_env = 2,
		.layers = p->layers,
		.n_layers = 1,
		.log = p->log,
		.security = { .bounding = caps, .permitted = caps, .effective = caps, .flags = SPEC_NO_NEW_PRIVS },
	};
}

void start(struct sandbox *sb, struct plan *p)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (sandbox_start_container(sb, &p->c, &err) < 0)
		fail_msg("start: %s", error_text(&err));
}

struct sandbox_event run(struct sandbox *sb, struct plan *p)
{
	struct sandbox_event ev;

	start(sb, p);
	ev = wait_for(sb, SANDBOX_STARTED);
	assert_string_equal(ev.container, p->c.name);
	assert_true(ev.pid > 0 && ev.started_at > 0);
	ev = wait_for(sb, SANDBOX_EXITED);
	assert_string_equal(ev.container, p->c.name);
	return ev;
}

void wait_for_log(const struct plan *p, const char *text)
{
	int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC;

	while (!strstr(read_file(p->log), text)) {
		if (clock_monotonic() > end)
			fail_msg("no \"%s\" in the log: %s", text, read_file(p->log));
		(void)poll(NULL, 0, 2);
	}
}

const char *log_text(const struct plan *p)
{
	static char out[256 * 1024];
	const char *at = read_file(p->log);
	size_t len = 0;

	while (*at != '\0') {
		const char *nl = strchr(at, '\n');
		const char *space = strchr(at, ' ');

		assert_non_null(nl);
		assert_true(space && space < nl && space - at == 30);
		memcpy(out + len, space + 1, (size_t)(nl - space));
		len += (size_t)(nl - space);
		at = nl + 1;
	}
	out[len] = '\0';
	return out;
}


int attach(struct sandbox *sb, const char *name)
{
	static const int types[] = { SOCK_STREAM, SOCK_STREAM, SOCK_STREAM, SOCK_SEQPACKET };
	static int sizes = -1; /* who closes it has gone, and what he had sent may be dropped */
	int ours[4], theirs[4];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		int ends[2];

		assert_int_equal(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, ends), 0);
		ours[i] = ends[0];
		theirs[i] = ends[1];
	}
	assert_int_equal(sandbox_attach(sb, name, theirs, ARRAY_SIZE(theirs), NULL, NULL), 0);
	(void)wait_for(sb, SANDBOX_ATTACHED);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		close_fdp(&theirs[i]);
		if (i < 2)
			close_fdp(&ours[i]);
	}
	close_fdp(&sizes);
	sizes = ours[3];
	return ours[2];
}
