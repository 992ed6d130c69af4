/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of containers, through sandbox.h. Needs root, namespaces and /bin/busybox; skips with the reason otherwise.
 */
#include "sandbox_util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_exit_codes(void **state)
{
	struct sandbox *sb;
	struct plan p;
	struct sandbox_event ev;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "echo out; echo err >&2; exit 7");
	ev = run(sb, &p);
	assert_int_equal(ev.exit_code, 7);
	assert_int_equal(ev.signal, 0);
	assert_true(ev.finished_at >= ev.started_at);
	assert_non_null(strstr(log_text(&p), "stdout F out\n"));
	assert_non_null(strstr(log_text(&p), "stderr F err\n"));
	plan(&p, "app", "hostname; echo $COLOUR; echo $HOME");
	p.c.restart = 1;
	ev = run(sb, &p);
	assert_int_equal(ev.exit_code, 0);
	assert_int_equal(ev.restart, 1);
	assert_string_equal(log_text(&p), "stdout F sandboxed\nstdout F blue\nstdout F /root\n");
	shut_down(sb);
}

static void test_start_failures(void **state)
{
	static const char *const no_path[] = { "nosuch" }, *const no_file[] = { "/no/such" }, *const no_exec[] = {
		"/etc/passwd" };
	static const struct {
		const char *const *argv;
		const char *user;
		const char *source;
		const char *text;
	} cases[] = {
		{ no_path, NULL, NULL, "exec: \"nosuch\": executable file not found in $PATH" },
		{ no_file, NULL, NULL, "exec: \"/no/such\": No such file or directory" },
		{ no_exec, NULL, NULL, "exec: \"/etc/passwd\": Permission denied" },
		{ NULL, "ghost", NULL, "unable to find user ghost: no matching entries in passwd file" },
		{ NULL, "web:ghost", NULL, "unable to find group ghost: no matching entries in group file" },
		{ NULL, NULL, "/no/such/source", "mount /data: open /no/such/source: No such file or directory" },
	};
	struct sandbox *sb;

	need_root();
	sb = spawn_pod(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sandbox_mount m = { .type = "bind", .source = cases[i].source, .target = "/data" };
		struct sandbox_event ev;
		struct plan p;

		plan(&p, "app", "exit 0");
		if (cases[i].argv) {
			p.c.argv = cases[i].argv;
			p.c.n_argv = 1;
		}
		p.c.user = cases[i].user;
		p.c.mounts = &m;
		p.c.n_mounts = cases[i].source != NULL;
		p.c.restart = (uint32_t)i;
		start(sb, &p);
		ev = wait_for(sb, SANDBOX_START_FAILED);
		assert_string_equal(ev.text, cases[i].text);
		assert_int_equal(ev.exit_code, 128);
		assert_int_equal(ev.restart, i);
		assert_true(ev.code < 0);
	}
	shut_down(sb);
}

static void test_lines(void **state)
{
	struct sandbox *sb;
	struct plan p;
	const char *text, *at;
	size_t parts = 0, full = 0;

	need_root();
	sb = spawn_pod(NULL);
	/* 40000 characters in one line: 16 KiB, 16 KiB, and the rest; then a line without newline. */
	plan(&p, "app", "head -c 40000 /dev/zero | tr '\\0' x; echo; printf end");
	assert_int_equal(run(sb, &p).exit_code, 0);
	text = log_text(&p);
	for (at = text; (at = strstr(at, "stdout P x")); at += 9)
		parts++;
	for (at = text; (at = strstr(at, "stdout F x")); at += 9)
		full++;
	assert_int_equal(parts, 2);
	assert_int_equal(full, 1);
	assert_int_equal(strcspn(strstr(text, "stdout F x") + 9, "\n"), 40000 - 2 * 16384);
	assert_string_equal(strrchr(strstr(text, "stdout F x"), '\n') - strlen("stdout P end"), "stdout P end\n");
	shut_down(sb);
}

static void test_full_disk(void **state)
{
	struct sandbox *sb;
	struct plan p;
	struct sandbox_event ev;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "head -c 1000000 /dev/zero | tr '\\0' '\\n'; exit 3");
	p.c.log = "/dev/full";
	ev = run(sb, &p);
	assert_int_equal(ev.exit_code, 3);
	assert_int_equal(ev.log_lost, 1000000);
	shut_down(sb);
}

static void stop(struct sandbox *sb, const char *name, uint32_t grace_ms)
{
	_cleanup_error_ struct error err = ERROR_INIT;

	if (sandbox_stop_container(sb, name, 0, grace_ms, &err) < 0)
		fail_msg("stop: %s", error_text(&err));
}

static void test_stop(void **state)
{
	struct sandbox *sb;
	struct plan p;
	struct sandbox_event ev;
	int64_t began;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "polite", "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.01; done");
	start(sb, &p);
	wait_for_log(&p, "up");
	stop(sb, "polite", 10000);
	ev = wait_for(sb, SANDBOX_EXITED);
	assert_int_equal(ev.exit_code, 9);
	assert_non_null(strstr(log_text(&p), "bye"));

	plan(&p, "deaf", "trap '' TERM; echo up; while :; do sleep 0.01; done");
	start(sb, &p);
	wait_for_log(&p, "up");
	began = clock_monotonic();
	stop(sb, "deaf", 200);
	stop(sb, "deaf", 60000); /* never lengthens */
	ev = wait_for(sb, SANDBOX_EXITED);
	assert_int_equal(ev.exit_code, 137);
	assert_int_equal(ev.signal, SIGKILL);
	assert_in_range((clock_monotonic() - began) / NSEC_PER_MSEC, 190, 30000);

	plan(&p, "deaf", "trap '' TERM; echo up; while :; do sleep 0.01; done");
	start(sb, &p);
	wait_for_log(&p, "up");
	began = clock_monotonic();
	stop(sb, "deaf", 60000);
	stop(sb, "deaf", 0); /* shortens */
	ev = wait_for(sb, SANDBOX_EXITED);
	assert_int_equal(ev.exit_code, 137);
	assert_in_range((clock_monotonic() - began) / NSEC_PER_MSEC, 0, 30000);

	assert_int_equal(sandbox_stop_container(sb, "deaf", 0, 0, NULL), 0);
	assert_int_equal(wait_for(sb, SANDBOX_ERROR).code, -ENOENT);
	shut_down(sb);
}

static void test_stop_signal(void **state)
{
	struct sandbox *sb;
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "trap 'exit 4' QUIT; echo up; while :; do sleep 0.01; done");
	p.c.stop_signal = SIGQUIT;
	start(sb, &p);
	wait_for_log(&p, "up");
	stop(sb, "app", 10000);
	assert_int_equal(wait_for(sb, SANDBOX_EXITED).exit_code, 4);

	/* SIGTERM to podfs-pod itself ends the whole pod in order. */
	assert_int_equal(unlink(p.log), 0);
	start(sb, &p);
	wait_for_log(&p, "up\n");
	(void)wait_for(sb, SANDBOX_STARTED);
	assert_int_equal(kill(sandbox_pid(sb), SIGTERM), 0);
	assert_int_equal(wait_for(sb, SANDBOX_EXITED).exit_code, 4);
	(void)wait_for(sb, SANDBOX_GONE);
	sandbox_free(sb);
	assert_int_equal(access(path_of("run/pods/" UID), F_OK), -1);
}

/* Connects again and returns how the container stands. */
static struct sandbox_event status_of(struct sandbox **ret_sandbox, const char *name)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	struct sandbox_event ev;

	if (sandbox_connect(path_of("run"), UID, ret_sandbox, &err) < 0)
		fail_msg("connect: %s", error_text(&err));
	ev = wait_for(*ret_sandbox, SANDBOX_READY);
	assert_true(ev.adopted);
	assert_true(ev.fd >= 0);
	sandbox_event_clear(&ev);
	ev = wait_for(*ret_sandbox, SANDBOX_STATUS);
	assert_string_equal(ev.container, name);
	(void)wait_for(*ret_sandbox, SANDBOX_SYNCED);
	return ev;
}

/* A daemon that dies by SIGKILL while its container runs; the container exits meanwhile. */
static void test_dead_daemon(void **state)
{
	struct sandbox *sb;
	struct sandbox_event ev;
	char go[512];
	struct plan p;
	int status;
	pid_t pid;

	need_root();
	(void)snprintf(go, sizeof(go), "%s", path_of("outside/go"));
	(void)unlink(go);
	plan(&p, "app", "echo up; while ! test -e /outside/go; do sleep 0.01; done; echo late; exit 5");
	p.c.mounts = &(struct sandbox_mount){ .type = "bind", .source = path_of("outside"), .target = "/outside" };
	p.c.n_mounts = 1;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		sb = spawn_pod(NULL);
		start(sb, &p);
		wait_for_log(&p, "up");
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	ev = status_of(&sb, "app");
	assert_int_equal(ev.state, POD_STATE_RUNNING);
	assert_int_equal(kill(ev.pid, 0), 0);
	sandbox_free(sb);
	write_file(go, "", 0644);
	wait_for_log(&p, "late");
	for (int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC; kill(ev.pid, 0) == 0;)
		assert_true(clock_monotonic() < end);

	ev = status_of(&sb, "app");
	while (ev.state == POD_STATE_RUNNING) { /* the zombie was seen before podfs-pod reaped it */
		sandbox_free(sb);
		ev = status_of(&sb, "app");
	}
	assert_int_equal(ev.state, POD_STATE_EXITED);
	assert_int_equal(ev.exit_code, 5);
	assert_false(ev.acked);
	assert_true(ev.finished_at > ev.started_at);
	assert_int_equal(sandbox_ack(sb, "app", 0, NULL), 0);
	sandbox_free(sb);
	ev = status_of(&sb, "app");
	assert_true(ev.acked);
	shut_down(sb);
}

static void test_dead_supervisor(void **state)
{
	struct sandbox_event *events = NULL;
	struct sandbox *sb, *other = NULL;
	struct sandbox_event ev;
	struct plan p;
	size_t n;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "echo up; while :; do sleep 0.01; done");
	start(sb, &p);
	ev = wait_for(sb, SANDBOX_STARTED);
	wait_for_log(&p, "up");
	assert_int_equal(kill(sandbox_pid(sb), SIGKILL), 0);
	(void)wait_for(sb, SANDBOX_GONE);
	/* Its containers die with it. */
	for (int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC; kill(ev.pid, 0) == 0;)
		assert_true(clock_monotonic() < end);
	sandbox_free(sb);
	assert_int_equal(sandbox_connect(path_of("run"), UID, &other, NULL), -ECONNREFUSED);
	assert_int_equal(sandbox_read_state(path_of("run"), UID, &events, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(events[0].container, "app");
	assert_int_equal(events[0].state, POD_STATE_RUNNING);
	assert_int_equal(events[0].pid, ev.pid);
	free(events);
	assert_int_equal(sandbox_remove_state(path_of("run"), UID), 0);
	assert_int_equal(sandbox_connect(path_of("run"), UID, &other, NULL), -ENOENT);
	assert_int_equal(sandbox_read_state(path_of("run"), UID, &events, &n, NULL), -ENOENT);
}

/* Garbage from a client costs that client an error, and nobody else anything. */
static void test_hostile_client(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int sock = -1;
	struct pod_message m = { .n_fds = 0 };
	struct pod_start start_message = { .header = { .type = POD_START } };
	struct pod_header unknown = { .type = 999, .id = 7 };
	struct sandbox *sb;
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%.40s/run/pods/" UID "/sock", top);
	assert_int_equal(connect(sock, (struct sockaddr *)&a, sizeof(a)), 0);
	for (size_t len = 1; len < 200; len += 7) {
		unsigned char junk[200];

		memset(junk, (int)len, sizeof(junk));
		assert_int_equal(send(sock, junk, len, 0), len);
		assert_int_equal(pod_message_receive(sock, &m), 1);
		assert_int_equal(m.header.type, POD_ERROR);
	}
	assert_int_equal(pod_message_send(sock, &unknown, sizeof(unknown), NULL, 0), 0);
	assert_int_equal(pod_message_receive(sock, &m), 1);
	assert_int_equal(m.event.code, -EOPNOTSUPP);
	assert_int_equal(m.header.id, 7);
	/* A start without its descriptors. */
	assert_int_equal(pod_message_send(sock, &start_message, sizeof(start_message), NULL, 0), 0);
	assert_int_equal(pod_message_receive(sock, &m), 1);
	assert_int_equal(m.event.code, -EBADMSG);
	plan(&p, "app", "exit 6");
	assert_int_equal(run(sb, &p).exit_code, 6);
	shut_down(sb);
}

/* Runs `script` beside the container; its output comes through a pipe. */
static struct sandbox_event beside(struct sandbox *sb, struct plan *p, const char *script, char *out, size_t size)
{
	struct sandbox_event ev;
	const char *argv[] = { "sh", "-c", script };
	struct sandbox_container c = p->c;
	uint64_t id = 0;
	int ends[2];
	size_t len = 0;
	ssize_t n;

	c.argv = argv;
	c.n_argv = 3;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(sandbox_exec(sb, &c, (int[]){ -1, ends[1], ends[1] }, &id, NULL), 0);
	assert_int_equal(close(ends[1]), 0);
	while ((n = read(ends[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	assert_int_equal(close(ends[0]), 0);
	ev = wait_for(sb, SANDBOX_EXEC_EXITED);
	assert_int_equal(ev.id, id);
	return ev;
}

static void test_exec(void **state)
{
	char out[4096];
	struct sandbox *sb;
	struct sandbox_event ev;
	struct plan p;
	uint64_t id;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "echo up; touch /tmp/here; exec sleep 1000");
	start(sb, &p);
	wait_for_log(&p, "up");
	ev = beside(sb, &p, "x=; until [ \"$x\" = sleep ]; do read x < /proc/1/comm; done; echo $x; ls /tmp; exit 12", out, sizeof(out));
	assert_int_equal(ev.exit_code, 12);
	assert_string_equal(out, "sleep\nhere\n");

	ev = beside(sb, &p, "kill -9 $$", out, sizeof(out));
	assert_int_equal(ev.exit_code, 137);
	assert_int_equal(ev.signal, SIGKILL);

	/* A program that is not there. */
	p.c.argv = (const char *const[]){ "nosuch" };
	p.c.n_argv = 1;
	assert_int_equal(sandbox_exec(sb, &p.c, (int[]){ -1, -1, -1 }, &id, NULL), 0);
	ev = wait_for(sb, SANDBOX_EXEC_EXITED);
	assert_int_equal(ev.id, id);
	assert_int_equal(ev.code, -ENOENT);
	assert_string_equal(ev.text, "exec: \"nosuch\": executable file not found in $PATH");

	/* One that is stopped. */
	p.c.argv = (const char *const[]){ "sleep", "1000" };
	p.c.n_argv = 2;
	assert_int_equal(sandbox_exec(sb, &p.c, (int[]){ -1, -1, -1 }, &id, NULL), 0);
	(void)wait_for(sb, SANDBOX_EXEC_STARTED);
	assert_int_equal(sandbox_stop_exec(sb, "app", id, 0, 0, NULL), 0);
	ev = wait_for(sb, SANDBOX_EXEC_EXITED);
	assert_int_equal(ev.exit_code, 137);
	shut_down(sb);
}

/* Reads from a terminal until `text` has come. */
static void expect(int fd, const char *text)
{
	char out[1024] = "";
	size_t len = 0;

	while (!strstr(out, text)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		n = read(fd, out + len, sizeof(out) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
		out[len] = '\0';
	}
}

static void test_terminals(void **state)
{
	_cleanup_close_ int input = -1;
	struct sandbox *sb;
	struct sandbox_event ev;
	struct plan p;
	uint64_t id;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "echo up; read line; echo got $line; stat -c %F /dev/console; exit 2");
	p.c.flags = POD_TTY | POD_STDIN;
	start(sb, &p);
	wait_for_log(&p, "up");

	p.argv[2] = "echo hi; read line; echo got $line; exit 3";
	assert_int_equal(sandbox_exec(sb, &p.c, NULL, &id, NULL), 0);
	ev = wait_for(sb, SANDBOX_EXEC_STARTED);
	assert_true(ev.fd >= 0);
	expect(ev.fd, "hi");
	assert_int_equal(write(ev.fd, "there\n", 6), 6);
	expect(ev.fd, "got there");
	assert_int_equal(wait_for(sb, SANDBOX_EXEC_EXITED).exit_code, 3);
	sandbox_event_clear(&ev);

	input = attach(sb, "app");
	assert_int_equal(write(input, "text\n", 5), 5);
	assert_int_equal(wait_for(sb, SANDBOX_EXITED).exit_code, 2);
	assert_non_null(strstr(log_text(&p), "got text"));
	assert_non_null(strstr(log_text(&p), "character special file"));
	shut_down(sb);
}

static void test_stdin(void **state)
{
	_cleanup_close_ int input = -1;
	struct sandbox *sb;
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "cat; echo end");
	p.c.flags = POD_STDIN | POD_STDIN_ONCE;
	start(sb, &p);
	(void)wait_for(sb, SANDBOX_STARTED);
	input = attach(sb, "app");
	assert_int_equal(write(input, "one\n", 4), 4);
	close_fdp(&input);
	assert_int_equal(wait_for(sb, SANDBOX_EXITED).exit_code, 0);
	assert_string_equal(log_text(&p), "stdout F one\nstdout F end\n");

	plan(&p, "app", "cat; echo end"); /* without: end of file at once */
	assert_int_equal(run(sb, &p).exit_code, 0);
	assert_string_equal(log_text(&p), "stdout F end\n");
	shut_down(sb);
}

static void test_rotation(void **state)
{
	_cleanup_close_ int input = -1;
	struct sandbox *sb;
	char moved[600];
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "echo before; read line; echo after");
	p.c.flags = POD_STDIN;
	start(sb, &p);
	wait_for_log(&p, "before");
	(void)snprintf(moved, sizeof(moved), "%s.1", p.log);
	assert_int_equal(rename(p.log, moved), 0);
	assert_int_equal(sandbox_reopen_log(sb, "app", NULL), 0);
	(void)wait_for(sb, SANDBOX_DONE);
	input = attach(sb, "app");
	assert_int_equal(write(input, "go\n", 3), 3);
	(void)wait_for(sb, SANDBOX_EXITED);
	assert_string_equal(log_text(&p), "stdout F after\n");
	shut_down(sb);
}

/* ---- the order of ends and announcements ---- */

static void trace(int request, pid_t pid, unsigned long data)
{
	if (ptrace(request, pid, 0UL, data) < 0)
		fail_msg("ptrace %d: %s", request, strerror(errno));
}

/* Lets it go on, unless `request` is 0, until it stops with that: what waitpid tells, without the lowest 8 bits. */
static void trace_until(pid_t pid, int request, int stop)
{
	int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC;
	int status;

	if (request)
		trace(request, pid, 0);
	for (pid_t r; (r = waitpid(pid, &status, __WALL | WNOHANG)) != pid; (void)poll(NULL, 0, 1)) {
		assert_int_equal(r, 0);
		assert_true(clock_monotonic() < end);
	}
	assert_true(WIFSTOPPED(status));
	assert_int_equal(status >> 8, stop);
}

/* Lets podfs-pod go on until it is about to ask what has ended. */
static void trace_until_wait(pid_t pid)
{
	struct __ptrace_syscall_info info;

	do {
		trace_until(pid, PTRACE_SYSCALL, SIGTRAP | 0x80);
		assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0);
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY || (info.entry.nr != SYS_wait4 && info.entry.nr != SYS_waitid));
}

static char state_of(pid_t pid)
{
	char path[64];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	at = strrchr(read_file(path), ')');
	return at ? at[2] : '\0';
}

/* The child that a process has had last, once that has ended. */
static void wait_for_last_child(pid_t parent)
{
	int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC;
	char path[64];
	pid_t last = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", parent, parent);
	for (const char *at = read_file(path); *at != '\0'; at += strcspn(at, " ") + 1)
		last = (pid_t)strtol(at, NULL, 10);
	assert_true(last > 0);
	while (state_of(last) != 'Z') {
		assert_true(clock_monotonic() < end);
		(void)poll(NULL, 0, 1);
	}
}

/*
 * The first of the two processes with which a container or an exec starts still exits while the second has ended, and
 * podfs-pod, which something else had woken, has not read yet that there is one. What the second ended with is told.
 */
static struct sandbox_event ended_unheard(struct sandbox *sb, struct plan *p, bool is_exec)
{
	pid_t pod = sandbox_pid(sb);
	unsigned long first;
	uint64_t id;

	trace(PTRACE_SEIZE, pod, PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD);
	if (is_exec)
		assert_int_equal(sandbox_exec(sb, &p->c, (int[]){ -1, -1, -1 }, &id, NULL), 0);
	else
		start(sb, p);
	trace_until(pod, 0, SIGTRAP | PTRACE_EVENT_FORK << 8);
	trace(PTRACE_GETEVENTMSG, pod, (unsigned long)&first);
	trace_until((pid_t)first, 0, SIGTRAP | PTRACE_EVENT_STOP << 8);
	assert_int_equal(kill(pod, SIGCHLD), 0);
	trace_until_wait(pod);
	trace(PTRACE_SETOPTIONS, (pid_t)first, PTRACE_O_TRACEEXIT);
	trace_until((pid_t)first, PTRACE_CONT, SIGTRAP | PTRACE_EVENT_EXIT << 8);
	wait_for_last_child(pod);
	trace(PTRACE_DETACH, pod, 0);
	(void)wait_for(sb, is_exec ? SANDBOX_EXEC_STARTED : SANDBOX_STARTED);
	trace(PTRACE_DETACH, (pid_t)first, 0);
	return wait_for(sb, is_exec ? SANDBOX_EXEC_EXITED : SANDBOX_EXITED);
}

static void test_ended_unheard(void **state)
{
	const uint32_t flags[] = { POD_SHARE_PID, 0 };
	struct plan app, quick;

	need_root();
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		struct sandbox *sb = spawn_pod(&(struct sandbox_config){ .flags = flags[i] });

		plan(&app, "app", "echo up; exec sleep 1000");
		start(sb, &app);
		(void)wait_for(sb, SANDBOX_STARTED);
		plan(&quick, "quick", "exit 3");
		/* Else there is but one process. */
		if (flags[i] & POD_SHARE_PID || SANDBOX_FIRST_ID)
			assert_int_equal(ended_unheard(sb, &quick, false).exit_code, 3);
		app.argv[2] = "exit 4";
		assert_int_equal(ended_unheard(sb, &app, true).exit_code, 4);
		/* Nothing is left of them that would keep the next ones from being heard. */
		quick.c.restart = 1;
		assert_int_equal(run(sb, &quick).exit_code, 3);
		shut_down(sb);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_exit_codes, end_test),
		cmocka_unit_test_teardown(test_start_failures, end_test),
		cmocka_unit_test_teardown(test_lines, end_test),
		cmocka_unit_test_teardown(test_full_disk, end_test),
		cmocka_unit_test_teardown(test_stop, end_test),
		cmocka_unit_test_teardown(test_stop_signal, end_test),
		cmocka_unit_test_teardown(test_dead_daemon, end_test),
		cmocka_unit_test_teardown(test_dead_supervisor, end_test),
		cmocka_unit_test_teardown(test_hostile_client, end_test),
		cmocka_unit_test_teardown(test_exec, end_test),
		cmocka_unit_test_teardown(test_terminals, end_test),
		cmocka_unit_test_teardown(test_stdin, end_test),
		cmocka_unit_test_teardown(test_rotation, end_test),
		cmocka_unit_test_teardown(test_ended_unheard, end_test),
	};

	return cmocka_run_group_tests(tests, make_image, remove_image);
}
