/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a pod takes: podfs-pod from spawn to ready, a container from request to execve, and to the end of
 * /bin/true; and what a pod costs in memory; once more with user namespaces ("users-"), and with a PID namespace that the
 * pod's containers share ("shared-"). Usage: pod_bench PODFS-POD ROOT [COUNT] with a static busybox in ROOT/bin.
 * Prints samples as tests/bench/run takes them.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "node/sandbox.h"
#include "node/security.h"

enum { COUNT_MAX = 1000, HELD = 50, IDS = 65536 };

static const struct mode {
	const char *prefix;
	uint32_t first_id; /* of the pods' user namespaces; 0: they have none */
	uint32_t flags;
} modes[] = { { "", 0, 0 }, { "users-", 2000224256, 0 }, { "shared-", 0, POD_SHARE_PID } };

static const struct mode *mode;

static void print(const char *metric, const char *unit, double value)
{
	(void)printf("podfs %s%s %s %.3f\n", mode->prefix, metric, unit, value);
}

static double ms(int64_t ns)
{
	return (double)ns / NSEC_PER_MSEC;
}

/* Waits for an event of the type; ends the program when it cannot come. */
static void wait_for(struct sandbox *sb, enum sandbox_event_type type)
{
	for (;;) {
		struct pollfd p = { .fd = sandbox_fd(sb), .events = POLLIN };
		_cleanup_sandbox_event_ struct sandbox_event ev = { .fd = -1 };
		int r = sandbox_receive(sb, &ev, NULL);

		if (r > 0 && ev.type == type)
			return;
		if (r < 0 || (r > 0 && (ev.type == SANDBOX_GONE || ev.type == SANDBOX_ERROR ||
					ev.type == SANDBOX_START_FAILED))) {
			(void)fprintf(stderr, "event %d: %s\n", ev.type, ev.text);
			exit(1);
		}
		if (r == 0)
			(void)poll(&p, 1, -1);
	}
}

static struct sandbox *spawn(const char *program, const char *rundir, int i)
{
	struct sandbox *sb = NULL;
	_cleanup_error_ struct error err = ERROR_INIT;
	char uid[32];
	struct sandbox_config c = { .rundir = rundir, .uid = uid, .program = program, .hostname = "bench",
				    .flags = mode->flags, .first_id = mode->first_id, .n_ids = IDS };

	(void)snprintf(uid, sizeof(uid), "bench-%d", i);
	if (sandbox_spawn(&c, &sb, &err) < 0) {
		(void)fprintf(stderr, "%s\n", error_text(&err));
		exit(1);
	}
	return sb;
}

static void start(struct sandbox *sb, const char *root, const char *const *argv, size_t n)
{
	static const char *const env[] = { "PATH=/bin" };
	struct sandbox_container c = {
		.name = "app", .argv = argv, .n_argv = n, .env = env, .n_env = 1, .layers = &root, .n_layers = 1,
	};
	_cleanup_error_ struct error err = ERROR_INIT;

	security_caps_fill(&c.security, security_caps_default());
	c.security.flags = SPEC_NO_NEW_PRIVS;
	c.masked = security_masked_paths(&c.n_masked);
	c.readonly = security_readonly_paths(&c.n_readonly);
	if (security_seccomp_default(security_caps_default(), &c.seccomp, &c.seccomp_size, &err) < 0 ||
	    sandbox_start_container(sb, &c, &err) < 0) {
		(void)fprintf(stderr, "%s\n", error_text(&err));
		exit(1);
	}
}

static void end(struct sandbox *sb)
{
	if (sandbox_shutdown(sb, NULL) < 0)
		exit(1);
	wait_for(sb, SANDBOX_GONE);
	sandbox_free(sb);
}

/* A line of smaps_rollup in KiB. */
static int64_t memory(pid_t pid, const char *key)
{
	char path[64], line[256];
	long v = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (v < 0 && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			v = strtol(line + strlen(key), NULL, 10);
	(void)fclose(f);
	return v;
}

static void measure_memory(const char *program, const char *rundir, const char *root)
{
	static const char *const sleeper[] = { "sleep", "1000" };
	struct sandbox *held[HELD];
	double pss = 0, dirty = 0;

	for (int i = 0; i < HELD; i++) {
		held[i] = spawn(program, rundir, i);
		wait_for(held[i], SANDBOX_READY);
		start(held[i], root, sleeper, 2);
		wait_for(held[i], SANDBOX_STARTED);
	}
	for (int i = 0; i < HELD; i++) {
		pss += (double)memory(sandbox_pid(held[i]), "Pss:");
		dirty += (double)memory(sandbox_pid(held[i]), "Private_Dirty:");
	}
	print("supervisor-pss-of-50", "KiB", pss / HELD);
	print("supervisor-dirty-of-50", "KiB", dirty / HELD);
	for (int i = 0; i < HELD; i++)
		end(held[i]);
}

static void measure_times(const char *program, const char *rundir, const char *root, int n)
{
	static const char *const program_true[] = { "true" };

	for (int i = 0; i < n; i++) {
		int64_t t0 = clock_monotonic(), t1, t2, t3;
		struct sandbox *sb = spawn(program, rundir, i);

		wait_for(sb, SANDBOX_READY);
		t1 = clock_monotonic();
		start(sb, root, program_true, 1);
		wait_for(sb, SANDBOX_STARTED);
		t2 = clock_monotonic();
		wait_for(sb, SANDBOX_EXITED);
		t3 = clock_monotonic();
		end(sb);
		print("sandbox-spawn-to-ready", "ms", ms(t1 - t0));
		print("container-start-to-exec", "ms", ms(t2 - t1));
		print("pod-spawn-to-exec", "ms", ms(t2 - t0));
		print("container-exec-to-exit", "ms", ms(t3 - t2));
		print("pod-shutdown-to-gone", "ms", ms(clock_monotonic() - t3));
	}
}

int main(int argc, char **argv)
{
	char rundir[] = "/tmp/podfs-bench-XXXXXX", pods[64];
	int n = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 20;

	if (argc < 3 || n < 1 || n > COUNT_MAX || !mkdtemp(rundir)) {
		(void)fprintf(stderr, "usage: %s PODFS-POD ROOT [COUNT]\n", argv[0]);
		return 2;
	}
	for (mode = modes; mode < modes + ARRAY_SIZE(modes); mode++) {
		measure_times(argv[1], rundir, argv[2], n);
		measure_memory(argv[1], rundir, argv[2]);
	}
	(void)snprintf(pods, sizeof(pods), "%s/pods", rundir);
	(void)rmdir(pods);
	(void)rmdir(rundir);
	security_seccomp_release();
	return 0;
}
