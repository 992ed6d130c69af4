/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pods_bench MOUNT DIR CGROUP PROGRAM IDLE: on a cluster without pods that was mounted with --settle 0 and has the image
 * busybox:latest. DIR is a directory of the host's that holds PROGRAM (stamp.c). Measures a pod's start, fifty pods'
 * start, what they cost, IDLE seconds of their doing nothing, and their removal.
 */
#include <dirent.h>
#include <ftw.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client.h"

enum { PODS = 50, STARTS = 20 };

static const int64_t short_look = 200000, long_look = 2 * NSEC_PER_MSEC;
static const char *mnt, *dir, *cgroup, *program;

#define PATH(out, ...) (void)snprintf(out, sizeof(out), __VA_ARGS__)

static void manifest(char out[static 1024], const char *name)
{
	(void)snprintf(out, 1024,
		       "apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\nspec:\n  terminationGracePeriodSeconds: 0\n"
		       "  containers:\n  - name: app\n    image: busybox:latest\n    imagePullPolicy: IfNotPresent\n"
		       "    command: [/bench/%s, /bench/%s.at]\n    volumeMounts:\n    - {name: bench, mountPath: /bench}\n"
		       "  volumes:\n  - name: bench\n    hostPath: {path: %s}\n", name, program, name, dir);
}

/* --- nothing is left --- */

static int cgroups_seen;

static int see_cgroup(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *base = path + ftw->base;

	(void)st;
	if (type == FTW_D && (!strncmp(base, "pod", 3) && strlen(base) > 30))
		cgroups_seen++;
	return 0;
}

static int count_cgroups(void)
{
	static const char *const hierarchies[] = { "", "/memory", "/cpu", "/pids", "/unified", "/cpu,cpuacct", "/freezer" };

	cgroups_seen = 0;
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		char path[256];

		PATH(path, "/sys/fs/cgroup%s/%s", hierarchies[i], cgroup);
		(void)nftw(path, see_cgroup, 16, FTW_PHYS);
	}
	return cgroups_seen;
}

static int count_links(void)
{
	struct if_nameindex *all = if_nameindex();
	int n = 0;

	for (struct if_nameindex *i = all; i && i->if_index; i++)
		n++;
	if_freenameindex(all);
	return n;
}

static int count_mounts(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	int n = 0;

	for (int c; f && (c = getc(f)) != EOF;)
		n += c == '\n';
	return n;
}

struct traces {
	int objects, processes, links, mounts, cgroups, directories;
};

static int count_entries(const char *base, const char *name)
{
	char path[512];
	_cleanup_closedir_ DIR *d = NULL;
	int n = 0;

	PATH(path, "%s/%s", base, name);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	return n;
}

static void see_traces(struct traces *t)
{
	*t = (struct traces){
		.objects = count_entries(mnt, "pods"),
		.processes = each_process("podfs-pod", NULL, NULL) + each_process(program, NULL, NULL),
		.links = count_links(),
		.mounts = count_mounts(),
		.cgroups = count_cgroups(),
		.directories = count_entries(dir, "../state/pods"),
	};
}

static double remove_pods(const struct traces *before, char *const argv[])
{
	struct traces now;
	int64_t start = clock_monotonic();

	join(spawn(argv), "rm");
	for (see_traces(&now); memcmp(&now, before, sizeof(now)) != 0; see_traces(&now)) {
		if (ms_since(start) > 30000)
			die("left: %d names, %d processes, %d links, %d mounts, %d cgroups, %d directories",
			    now.objects - before->objects, now.processes - before->processes, now.links - before->links,
			    now.mounts - before->mounts, now.cgroups - before->cgroups,
			    now.directories - before->directories);
		look_again(start, long_look, "pods to be gone");
	}
	return ms_since(start);
}

/* --- one pod --- */

static void start_one(int i)
{
	char name[32], path[512], text[1024], at[32] = "";
	int64_t start, running;

	PATH(name, "one-%d", i);
	manifest(text, name);
	PATH(path, "%s/pods/%s.yaml", mnt, name);
	start = write_file(path, text);
	PATH(path, "%s/%s.at", dir, name);
	while (!read_file(path, at, sizeof(at)) || !*at)
		look_again(start, short_look, "the container's first instruction");
	while (!is_running(mnt, name))
		look_again(start, short_look, "status/phase");
	running = clock_monotonic();
	sample("podfs", "pod-first-instruction", "ms", (double)(strtoll(at, NULL, 10) - start) / 1e6);
	sample("podfs", "pod-running", "ms", (double)(running - start) / 1e6);
}

static void starts(const struct traces *none)
{
	for (int i = 0; i < STARTS; i++) {
		char path[512];
		char rm[] = "rm", *argv[] = { rm, path, NULL };

		start_one(i);
		PATH(path, "%s/pods/one-%d.yaml", mnt, i);
		sample("podfs", "pod-removed", "ms", remove_pods(none, argv));
	}
}

/* --- fifty --- */

static void write_manifests(char **argv, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[1024], name[32], *path = NULL;

		PATH(name, "many-%zu", i);
		manifest(text, name);
		if (asprintf(&path, "%s/%s.yaml", dir, name) < 0)
			die("out of memory");
		(void)write_file(path, text);
		argv[i + 1] = path;
	}
}

static void start_fifty(void)
{
	static char cp_name[] = "cp", *argv[PODS + 3] = { cp_name };
	char pods[512];
	int64_t start;
	pid_t cp;

	PATH(pods, "%s/pods/", mnt);
	write_manifests(argv, PODS);
	argv[PODS + 1] = pods;
	start = clock_monotonic();
	cp = spawn(argv);
	join(cp, "cp");
	sample("podfs", "pods50-accepted", "ms", ms_since(start));
	for (int i = 0; i < PODS; i++) {
		char name[32];

		PATH(name, "many-%d", i);
		while (!is_running(mnt, name))
			look_again(start, long_look, "fifty pods");
	}
	sample("podfs", "pods50-running", "ms", ms_since(start));
}

static void idle(int64_t seconds)
{
	struct sums before = { 0 }, after = { 0 };
	struct timespec t = { .tv_sec = seconds };

	(void)each_process("podfs", add_process, &before);
	(void)each_process("podfs-pod", add_process, &before);
	(void)nanosleep(&t, NULL);
	(void)each_process("podfs", add_process, &after);
	(void)each_process("podfs-pod", add_process, &after);
	sample("podfs", "idle50-cpu", "%core", (double)(after.cpu_ns - before.cpu_ns) / (double)(seconds * NSEC_PER_SEC) * 100);
	sample("podfs", "idle50-written", "bytes", (double)(after.written - before.written));
}

static void memory(void)
{
	struct sums pods = { 0 }, daemon = { 0 };
	int n = each_process("podfs-pod", add_process, &pods);

	if (n != PODS || each_process("podfs", add_process, &daemon) != 1)
		die("there are %d podfs-pod", n);
	sample("podfs", "pods50-pss-per-pod", "KiB", (double)pods.pss_kib / PODS);
	sample("podfs", "pods50-daemon-rss", "MiB", (double)daemon.rss_kib / 1024);
	sample("podfs", "pods50-daemon-pss", "MiB", (double)daemon.pss_kib / 1024);
}

int main(int argc, char **argv)
{
	static char rm[] = "rm", *remove[PODS + 2] = { rm };
	struct traces none;

	if (argc != 6)
		die("usage: pods_bench MOUNT DIR CGROUP PROGRAM IDLE");
	mnt = argv[1];
	dir = argv[2];
	cgroup = argv[3];
	program = argv[4];
	see_traces(&none);
	starts(&none);
	see_traces(&none);
	start_fifty();
	memory();
	idle(strtol(argv[5], NULL, 10));
	memory();
	for (size_t i = 0; i < PODS; i++)
		if (asprintf(&remove[i + 1], "%s/pods/many-%zu.yaml", mnt, i) < 0)
			die("out of memory");
	sample("podfs", "pods50-removed", "ms", remove_pods(&none, remove));
	return 0;
}
