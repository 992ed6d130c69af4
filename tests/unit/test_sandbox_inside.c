/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container sees and may do, and what an evil image cannot. Needs root, namespaces and /bin/busybox; skips with
 * the reason otherwise.
 */
#include "sandbox_util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/security.h"

#define BIT(cap) (UINT64_C(1) << (cap))

/* Runs a script to its end with exit code 0 and returns its output, stamps removed. */
static const char *output(struct sandbox *sb, struct plan *p)
{
	struct sandbox_event ev = run(sb, p);

	if (ev.exit_code != 0)
		fail_msg("exit code %d: %s", ev.exit_code, log_text(p));
	return log_text(p);
}

static void contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

static void lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in: %s", part, text);
}

static void test_user(void **state)
{
	struct sandbox *sb;
	struct plan p;
	const char *text;
	static const gid_t more[] = { 700 };

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "id; echo $HOME; grep -E 'Cap|NoNewPrivs|Groups' /proc/self/status; echo x > /dev/stdout");
	p.c.user = "web";
	p.c.groups = more;
	p.c.n_groups = 1;
	text = output(sb, &p);
	contains(text, "uid=101(web) gid=102(web) groups=102(web),500(extra),700");
	contains(text, "F /srv/web\n");
	contains(text, "CapEff:\t0000000000000000\n");
	contains(text, "CapPrm:\t0000000000000000\n");
	contains(text, "NoNewPrivs:\t1\n");
	contains(text, "F x\n");

	plan(&p, "app", "id");
	p.c.user = "5000:web";
	p.c.security.flags |= SPEC_STRICT_GROUPS;
	contains(output(sb, &p), "uid=5000 gid=102(web)");
	shut_down(sb);
}

static void test_capabilities(void **state)
{
	struct sandbox *sb;
	struct plan p;
	const char *text;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "grep -E 'Cap|NoNewPrivs' /proc/self/status");
	security_caps_fill(&p.c.security, BIT(CAP_CHOWN) | BIT(CAP_NET_RAW));
	p.c.security.flags = 0;
	text = output(sb, &p);
	contains(text, "CapInh:\t0000000000000000\n");
	contains(text, "CapPrm:\t0000000000002001\n");
	contains(text, "CapEff:\t0000000000002001\n");
	contains(text, "CapBnd:\t0000000000002001\n");
	contains(text, "CapAmb:\t0000000000000000\n");
	contains(text, "NoNewPrivs:\t0\n");

	/* An ambient capability survives the change of user. */
	security_caps_fill(&p.c.security, BIT(CAP_CHOWN));
	p.c.security.inheritable = p.c.security.ambient = BIT(CAP_CHOWN);
	p.c.user = "web";
	(void)unlink(p.log);
	contains(output(sb, &p), "CapEff:\t0000000000000001\n");
	shut_down(sb);
}

static void test_filter(void **state)
{
	static const uint32_t both[] = { 0, SPEC_NO_NEW_PRIVS };
	struct sandbox *sb;
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		plan(&p, "app", "grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp || echo refused");
		p.c.user = i ? "web" : "";
		security_caps_fill(&p.c.security, security_caps_default());
		p.c.security.flags = both[i];
		assert_int_equal(security_seccomp_default(security_caps_default(), &p.c.seccomp, &p.c.seccomp_size, NULL),
				 0);
		contains(output(sb, &p), "Seccomp:\t2\n");
		contains(log_text(&p), "refused");
	}
	/* The same for what runs beside it. */
	security_seccomp_release();
	shut_down(sb);
}

static void test_hidden_paths(void **state)
{
	struct sandbox *sb;
	struct plan p;
	const char *text;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app",
	     "stat -c '%n %F %t:%T' /proc/timer_list /proc/keys; ls -A /sys/firmware; echo after;"
	     "read x < /proc/sys/kernel/panic; echo $x > /proc/sys/kernel/panic || echo sysctl refused;"
	     "touch /sys/x || echo sys refused; ls /sys/firmware/ | head -c 1");
	p.c.masked = security_masked_paths(&p.c.n_masked);
	p.c.readonly = security_readonly_paths(&p.c.n_readonly);
	security_caps_fill(&p.c.security, security_caps_all());
	text = output(sb, &p);
	contains(text, "/proc/timer_list character special file 1:3\n");
	contains(text, "/proc/keys character special file 1:3\n");
	contains(text, "sysctl refused\n");
	contains(text, "sys refused\n");
	shut_down(sb);
}

static void test_devices(void **state)
{
	struct sandbox *sb;
	struct plan p;
	const char *text;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app",
	     "cd /dev; for i in null zero full random urandom tty; do stat -c '%n %F %t:%T %a' $i; done; "
	     "ls -l ptmx fd stdin stdout stderr; head -c 3 zero | tr '\\0' z; echo; echo x > null; "
	     "stat -c '%a' shm pts /dev; cat /proc/self/mountinfo");
	text = output(sb, &p);
	contains(text, "null character special file 1:3 666\n");
	contains(text, "zero character special file 1:5 666\n");
	contains(text, "full character special file 1:7 666\n");
	contains(text, "random character special file 1:8 666\n");
	contains(text, "urandom character special file 1:9 666\n");
	contains(text, "tty character special file 5:0 666\n");
	contains(text, "ptmx -> pts/ptmx\n");
	contains(text, "fd -> /proc/self/fd\n");
	contains(text, "F zzz\n");
	contains(text, "F 1777\n");
	contains(text, " /dev/pts ");
	contains(text, " /dev/mqueue ");
	/* Nothing of the host's tree, and nothing of where the image lies. */
	lacks(text, "/run/pods");
	lacks(text, " /root ");
	shut_down(sb);
}

/* Nodes that a container makes cannot be opened, wherever it can write. */
static void test_made_devices(void **state)
{
	const struct sandbox_tmpfs tmpfs = { .name = "cache", .mode = 0777 };
	const struct sandbox_config config = { .tmpfs = &tmpfs, .n_tmpfs = 1 };
	struct sandbox_mount m[] = {
		{ .type = "bind", .source = NULL, .target = "/data" },
		{ .type = "pod", .source = "cache/deep/er", .target = "/cache" },
		{ .type = "tmpfs", .target = "/scratch" },
	};
	struct sandbox *sb;
	struct plan p;
	const char *text;
	size_t n = 0;

	need_root();
	m[0].source = path_of("outside");
	sb = spawn_pod(&config);
	plan(&p, "app", "for d in / /dev /dev/shm /data /cache /scratch /tmp; do busybox mknod $d/n c 1 5 && echo made;"
			"head -c 1 $d/n && echo opened; done; rm -f /data/n /n /tmp/n; head -c 1 /dev/zero | busybox wc -c");
	p.c.mounts = m;
	p.c.n_mounts = ARRAY_SIZE(m);
	security_caps_fill(&p.c.security, security_caps_default());
	(void)run(sb, &p);
	text = log_text(&p);
	for (const char *at = text; (at = strstr(at, "F made")); at++)
		n++;
	assert_int_equal(n, SANDBOX_FIRST_ID ? 0 : 7); /* in a user namespace none is made at all */
	lacks(text, "opened");
	contains(text, "F 1\n");
	shut_down(sb);
	(void)unlink(path_of("outside/n"));
	(void)unlink(path_of("image/n"));
	(void)unlink(path_of("image/tmp/n"));
}

/* What is mounted later on the host appears in a container (HostToContainer), and the other way (Bidirectional). This
 * program has a mount namespace of its own, so that nothing of it reaches the machine. */
static void test_propagation(void **state)
{
	struct sandbox_mount m[] = {
		{ .type = "bind", .target = "/slave", .flags = SPEC_MOUNT_RECURSIVE | SPEC_MOUNT_RSLAVE },
		{ .type = "bind", .target = "/private", .flags = SPEC_MOUNT_RECURSIVE },
		{ .type = "bind", .target = "/shared", .flags = SPEC_MOUNT_RECURSIVE | SPEC_MOUNT_RSHARED },
	};
	char dir[512];
	_cleanup_close_ int input = -1;
	struct sandbox *sb;
	struct plan p;

	need_root();
	(void)snprintf(dir, sizeof(dir), "%s", path_of("outside/propagation"));
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(mount("tmpfs", dir, "tmpfs", 0, NULL), 0);
	assert_int_equal(mount("", dir, NULL, MS_SHARED, NULL), 0);
	assert_int_equal(mkdir(path_of("outside/propagation/host"), 0755), 0);
	assert_int_equal(mkdir(path_of("outside/propagation/container"), 0755), 0);
	m[0].source = m[1].source = m[2].source = dir;
	sb = spawn_pod(NULL);
	plan(&p, "app", "mount -t tmpfs own /shared/container; echo x > /shared/container/made; echo up; read go;"
			"cat /slave/host/file; ls /private/host /slave/container");
	security_caps_fill(&p.c.security, security_caps_all());
	p.c.security.flags = SPEC_PRIVILEGED;
	p.c.mounts = m;
	p.c.n_mounts = ARRAY_SIZE(m);
	p.c.flags = POD_STDIN | POD_STDIN_ONCE;
	start(sb, &p);
	wait_for_log(&p, "up");
	assert_string_equal(read_file(path_of("outside/propagation/container/made")), "x\n");
	assert_int_equal(mount("tmpfs", path_of("outside/propagation/host"), "tmpfs", 0, NULL), 0);
	write_file(path_of("outside/propagation/host/file"), "from the host\n", 0644);
	input = attach(sb, "app");
	assert_int_equal(write(input, "\n", 1), 1);
	(void)wait_for(sb, SANDBOX_EXITED);
	assert_string_equal(log_text(&p), "stdout F up\nstdout F from the host\nstdout F /private/host:\nstdout F \n"
					  "stdout F /slave/container:\nstdout F made\n");
	shut_down(sb);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

static void test_process_view(void **state)
{
	struct sandbox *sb;
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "echo $$; ls -d /proc/[0-9]*; ls -l /proc/self/fd");
	contains(output(sb, &p), "F 1\n");
	lacks(log_text(&p), "/proc/3\n");
	lacks(log_text(&p), " 4 -> ");
	lacks(log_text(&p), "socket:");
	plan(&p, "app", "");
	p.argv[0] = "grep";
	p.argv[1] = "Sig";
	p.argv[2] = "/proc/self/status";
	(void)output(sb, &p);
	contains(log_text(&p), "SigBlk:\t0000000000000000\n");
	contains(log_text(&p), "SigIgn:\t0000000000000000\n");
	shut_down(sb);
}

static void test_readonly_root(void **state)
{
	struct sandbox *sb;
	struct plan p;
	struct sandbox_mount m[] = {
		{ .type = "tmpfs", .target = "/scratch", .data = "mode=1777,size=1m" },
		{ .type = "bind", .source = path_of("outside"), .target = "/ro", .flags = SPEC_MOUNT_RDONLY },
		{ .type = "bind", .source = path_of("outside"), .target = "/rro",
		  .flags = SPEC_MOUNT_RRO | SPEC_MOUNT_RECURSIVE },
		{ .type = "bind", .source = path_of("outside/secret"), .target = "/etc/one-file" },
	};

	need_root();
	sb = spawn_pod(NULL);
	m[1].source = path_of("outside");
	m[2].source = path_of("outside");
	m[3].source = path_of("outside/secret");
	plan(&p, "app",
	     "touch /x || echo root refused; touch /scratch/x && echo scratch; touch /ro/x || echo ro refused;"
	     "touch /rro/x || echo rro refused; cat /etc/one-file; cat /ro/secret");
	p.c.mounts = m;
	p.c.n_mounts = ARRAY_SIZE(m);
	p.c.security.flags |= SPEC_READONLY_ROOT;
	contains(output(sb, &p), "F root refused\n");
	contains(log_text(&p), "F scratch\n");
	contains(log_text(&p), "F ro refused\n");
	contains(log_text(&p), "F rro refused\n");
	contains(strstr(log_text(&p), "F secret\n") + 1, "F secret\n");
	shut_down(sb);
}

/* Links of an image lead to its own tree only, whichever way they point. */
static void test_links_of_an_image(void **state)
{
	struct sandbox *sb;
	struct plan p;
	struct sandbox_mount m[] = {
		{ .type = "bind", .source = NULL, .target = "/evil/podfs-test-target/sub" },
		{ .type = "bind", .source = NULL, .target = "/dangling/sub" },
		{ .type = "bind", .source = NULL, .target = "/made/on/the/way/file" },
	};
	_cleanup_close_ int outside = -1;

	need_root();
	outside = open(path_of("outside"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	m[0].source_fd = outside;
	m[1].source_fd = outside;
	m[2].source = path_of("outside/secret");
	sb = spawn_pod(NULL);
	plan(&p, "app",
	     "cat /tmp/podfs-test-target/sub/secret; cat /etc/made-by-link/sub/secret; cat /made/on/the/way/file");
	p.c.mounts = m;
	p.c.n_mounts = ARRAY_SIZE(m);
	assert_string_equal(output(sb, &p), "stdout F secret\nstdout F secret\nstdout F secret\n");
	assert_int_equal(access("/tmp/podfs-test-target", F_OK), -1);
	assert_int_equal(access("/etc/made-by-link", F_OK), -1);
	shut_down(sb);
}

/* An image that puts a link where /proc, /sys or /dev is to be mounted is refused. */
static void test_links_instead_of_mount_points(void **state)
{
	static const char *const names[] = { "proc", "sys", "dev" };
	struct sandbox *sb;

	need_root();
	sb = spawn_pod(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char bad[512], text[128];
		struct sandbox_event ev;
		struct plan p;

		(void)snprintf(bad, sizeof(bad), "%s", path_of("upper/bad-%s", names[i]));
		assert_int_equal(mkdir(bad, 0755), 0);
		assert_int_equal(symlink("/tmp", path_of("upper/bad-%s/%s", names[i], names[i])), 0);
		plan(&p, "app", "exit 0");
		p.layers[0] = bad;
		start(sb, &p);
		ev = wait_for(sb, SANDBOX_START_FAILED);
		(void)snprintf(text, sizeof(text), "mount /%s: Too many levels of symbolic links", names[i]);
		assert_string_equal(ev.text, text);
	}
	shut_down(sb);
}

static void test_overlay(void **state)
{
	static const size_t counts[] = { 1, 3, 80 };
	struct sandbox *sb;

	need_root();
	sb = spawn_pod(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		static char names[80][512];
		const char *layers[80];
		char upper[512], work[512], script[512];
		struct plan p;

		(void)snprintf(upper, sizeof(upper), "%s", path_of("upper/u%zu", i));
		(void)snprintf(work, sizeof(work), "%s", path_of("work/w%zu", i));
		assert_int_equal(mkdir(upper, 0755), 0);
		assert_int_equal(mkdir(work, 0755), 0);
		for (size_t j = 0; j < counts[i]; j++) {
			/* The image is the lowest; the others hold one file each, in directories of awkward names. */
			(void)snprintf(names[j], sizeof(names[j]), "%s",
				       j + 1 == counts[i] ? path_of("image") : path_of("work/l:%zu,%zu", i, j));
			layers[j] = names[j];
			if (j + 1 < counts[i]) {
				assert_int_equal(mkdir(names[j], 0755), 0);
				write_file(path_of("work/l:%zu,%zu/file%zu", i, j, j), "in a layer\n", 0644);
			}
		}
		(void)snprintf(script, sizeof(script), "ls / | grep -c file; echo changed > /changed");
		plan(&p, "app", script);
		p.c.layers = layers;
		p.c.n_layers = counts[i];
		p.c.upper = upper;
		p.c.work = work;
		p.c.security.flags |= i == 1 ? SPEC_VOLATILE : 0;
		(void)run(sb, &p);
		(void)snprintf(script, sizeof(script), "stdout F %zu\n", counts[i] - 1);
		assert_string_equal(log_text(&p), script);
		assert_string_equal(read_file(path_of("upper/u%zu/changed", i)), "changed\n");
	}
	shut_down(sb);
}

static void test_pod_volumes(void **state)
{
	const struct sandbox_tmpfs tmpfs = { .name = "cache", .size = 1 << 20, .mode = 0777, .gid = 0 };
	const struct sandbox_config config = { .tmpfs = &tmpfs, .n_tmpfs = 1, .shm_size = 1 << 20 };
	struct sandbox_mount m = { .type = "pod", .source = "cache", .target = "/cache" };
	char *before, after[64 * 1024];
	struct sandbox *sb;
	struct plan p;

	need_root();
	(void)snprintf(after, sizeof(after), "%s", read_file("/proc/self/mountinfo"));
	sb = spawn_pod(&config);
	plan(&p, "one", "echo kept > /cache/x; echo shared > /dev/shm/y; head -c 2000000 /dev/zero > /dev/shm/z || echo full");
	p.c.mounts = &m;
	p.c.n_mounts = 1;
	contains(output(sb, &p), "F full\n");
	plan(&p, "two", "cat /cache/x /dev/shm/y; stat -c %a /cache");
	p.c.mounts = &m;
	p.c.n_mounts = 1;
	assert_string_equal(output(sb, &p), "stdout F kept\nstdout F shared\nstdout F 777\n");
	/* The host's table shows nothing of all this. */
	before = read_file("/proc/self/mountinfo");
	assert_string_equal(before, after);
	shut_down(sb);
}

static void test_shared_processes(void **state)
{
	const struct sandbox_config config = { .flags = POD_SHARE_PID };
	struct sandbox *sb;
	struct plan p, q;
	char text[64 * 1024];

	need_root();
	sb = spawn_pod(&config);
	plan(&p, "one", "echo up; sleep 1000 & exec sleep 2000");
	start(sb, &p);
	(void)wait_for(sb, SANDBOX_STARTED);
	wait_for_log(&p, "up");
	plan(&q, "two", "read x < /proc/1/comm; echo first $x; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo;"
			"ls /proc/1/root/ || echo refused");
	(void)snprintf(text, sizeof(text), "%s", output(sb, &q));
	contains(text, "first pause\n");
	contains(text, "sleep 2000");
	contains(text, "F refused\n");
	shut_down(sb);
}

static void test_sysctls(void **state)
{
	static const char *const good[] = { "net.ipv4.ip_unprivileged_port_start=0", "kernel.shm_rmid_forced=1" };
	static const char *const bad[] = { "kernel.hostname=x" }, *const out[] = { "net/../kernel/sysrq=1" };
	struct sandbox_config config = { .sysctls = good, .n_sysctls = ARRAY_SIZE(good) };
	struct sandbox *sb;
	struct sandbox_event ev;
	struct plan p;

	need_root();
	sb = spawn_pod(&config);
	plan(&p, "app", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced");
	assert_string_equal(output(sb, &p), "stdout F 0\nstdout F 1\n");
	shut_down(sb);
	for (int i = 0; i < 2; i++) {
		_cleanup_error_ struct error err = ERROR_INIT;

		config = (struct sandbox_config){ .rundir = path_of("run"), .uid = UID, .program = path_of("podfs-pod"),
						  .sysctls = i ? out : bad, .n_sysctls = 1 };
		assert_int_equal(sandbox_spawn(&config, &sb, &err), 0);
		ev = wait_for(sb, SANDBOX_ERROR);
		assert_true(ev.code == -EPERM || ev.code == -EXDEV || ev.code == -ENOENT);
		assert_string_equal(ev.text, i ? out[0] : bad[0]);
		(void)wait_for(sb, SANDBOX_GONE);
		sandbox_free(sb);
	}
	assert_int_equal(access(path_of("run/pods/" UID), F_OK), -1);
}

/* CVE-2019-5736: whoever reaches podfs-pod's file through a process that runs it cannot write it. */
static void test_own_binary(void **state)
{
	static const char *const self[] = { "/proc/self/exe" };
	_cleanup_close_ int exe = -1;
	char path[64];
	struct sandbox *sb;
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)sandbox_pid(sb));
	exe = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(exe >= 0);
	/* A container that is nothing but podfs-pod itself ends at once: it has no socket. (With sanitizers it is not
	 * static, and cannot be run in there at all.) */
	plan(&p, "app", "");
	p.c.argv = self;
	p.c.n_argv = 1;
	start(sb, &p);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	assert_int_equal(wait_for(sb, SANDBOX_START_FAILED).code, -ENOENT);
#else
	assert_int_equal(wait_for(sb, SANDBOX_EXITED).exit_code, 1);
#endif
	shut_down(sb);
	/* No process runs it any more, so that only the mount protects it. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", exe);
	for (int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC; clock_monotonic() < end;) {
		assert_int_equal(open(path, O_WRONLY | O_CLOEXEC), -1);
		if (errno != ETXTBSY) /* while somebody still looks at a dead process in /proc */
			break;
	}
	assert_int_equal(errno, EROFS);
}

static void test_privileged(void **state)
{
	struct sandbox *sb;
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "grep ' /sys ' /proc/self/mountinfo; grep ' /sys ' /proc/mounts; ls /dev");
	security_caps_fill(&p.c.security, security_caps_all());
	p.c.security.flags = SPEC_PRIVILEGED;
	contains(output(sb, &p), "sysfs rw,");
	shut_down(sb);
}

static void test_limits(void **state)
{
	static const struct spec_rlimit l[] = { { .resource = 7 /* RLIMIT_NOFILE */, .soft = 100, .hard = 200 } };
	struct sandbox *sb;
	struct plan p;

	need_root();
	sb = spawn_pod(NULL);
	plan(&p, "app", "ulimit -Sn; ulimit -Hn; umask; cat /proc/self/oom_score_adj; stat -c %F .; echo $PWD");
	p.c.rlimits = l;
	p.c.n_rlimits = 1;
	p.c.cwd = "/made/for/it";
	p.c.security.flags |= SPEC_OOM_SCORE;
	p.c.security.oom_score_adj = 900;
	assert_string_equal(output(sb, &p), "stdout F 100\nstdout F 200\nstdout F 0022\nstdout F 900\n"
					    "stdout F directory\nstdout F /made/for/it\n");
	shut_down(sb);
}

/* The container's cgroups, wherever this machine has a hierarchy that may be used: seen, read-only, as the root. */
static void test_cgroups(void **state)
{
	static const char *const roots[] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup" };
	char own[512] = "", text[64];
	_cleanup_close_ int dir = -1;
	struct sandbox *sb;
	struct plan p;

	need_root();
	for (size_t i = 0; i < ARRAY_SIZE(roots) && dir < 0; i++) {
		(void)snprintf(own, sizeof(own), "%s/%s", roots[i], strrchr(top, '/') + 1);
		if (mkdir(own, 0755) == 0)
			dir = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (dir < 0 || faccessat(dir, "cgroup.procs", W_OK, 0) < 0) {
		(void)rmdir(own);
		print_message("# SKIP no cgroup can be made\n");
		skip();
	}
	sb = spawn_pod(NULL);
	plan(&p, "app", "cat /proc/self/cgroup; "
			"for d in /sys/fs/cgroup /sys/fs/cgroup/memory; do test -e $d/cgroup.procs && cat $d/cgroup.procs;"
			"done; echo 1 > $d/cgroup.procs || echo refused");
	p.c.cgroup_fds = &dir;
	p.c.n_cgroups = 1;
	(void)snprintf(text, sizeof(text), "%s", strrchr(own, '/'));
	lacks(output(sb, &p), text);
	contains(log_text(&p), "stdout F 1\n");
	contains(log_text(&p), "F refused\n");
	shut_down(sb);
	assert_int_equal(rmdir(own), 0);
}

/* Runs a container in the cgroup `own` that leaves a process behind, which is to end with it. */
static void leave_process(const char *own)
{
	const struct sandbox_config config = { .flags = POD_HOST_PID | POD_HOST_IPC | POD_HOST_UTS | POD_HOST_NETWORK };
	_cleanup_close_ int dir = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sandbox *sb;
	struct plan p;
	pid_t left;

	sb = spawn_pod(&config);
	plan(&p, "app", "sleep 1000 & echo $!; exit 0");
	p.c.cgroup_fds = &dir;
	p.c.n_cgroups = 1;
	assert_int_equal(sscanf(output(sb, &p), "stdout F %d", &left), 1);
	assert_true(left > 1);
	for (int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC; kill(left, 0) == 0;)
		assert_true(clock_monotonic() < end);
	shut_down(sb);
}

/* With the host's PID namespace no kernel ends what a container leaves: its cgroup does, of either version. */
static void test_host_processes(void **state)
{
	static const char *const roots[] = { "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	char own[512], procs[600];
	size_t tried = 0;

	need_root();
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", roots[i]);
		(void)snprintf(own, sizeof(own), "%s/%s", roots[i], strrchr(top, '/') + 1);
		if (access(procs, W_OK) < 0 || mkdir(own, 0755) < 0)
			continue;
		leave_process(own);
		tried++;
		for (int64_t end = clock_monotonic() + DEADLINE_MS * NSEC_PER_MSEC; rmdir(own) < 0;)
			assert_true(errno == EBUSY && clock_monotonic() < end);
	}
	if (tried == 0) {
		print_message("# SKIP no cgroup can be made\n");
		skip();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_user, end_test),
		cmocka_unit_test_teardown(test_capabilities, end_test),
		cmocka_unit_test_teardown(test_filter, end_test),
		cmocka_unit_test_teardown(test_hidden_paths, end_test),
		cmocka_unit_test_teardown(test_devices, end_test),
		cmocka_unit_test_teardown(test_made_devices, end_test),
		cmocka_unit_test_teardown(test_propagation, end_test),
		cmocka_unit_test_teardown(test_process_view, end_test),
		cmocka_unit_test_teardown(test_readonly_root, end_test),
		cmocka_unit_test_teardown(test_links_of_an_image, end_test),
		cmocka_unit_test_teardown(test_links_instead_of_mount_points, end_test),
		cmocka_unit_test_teardown(test_overlay, end_test),
		cmocka_unit_test_teardown(test_pod_volumes, end_test),
		cmocka_unit_test_teardown(test_shared_processes, end_test),
		cmocka_unit_test_teardown(test_sysctls, end_test),
		cmocka_unit_test_teardown(test_own_binary, end_test),
		cmocka_unit_test_teardown(test_privileged, end_test),
		cmocka_unit_test_teardown(test_limits, end_test),
		cmocka_unit_test_teardown(test_cgroups, end_test),
		cmocka_unit_test_teardown(test_host_processes, end_test),
	};

	if (geteuid() == 0 &&
	    (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)) {
		(void)printf("1..0 # SKIP no mount namespace can be made\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_image, remove_image);
}
