/* SPDX-License-Identifier: Apache-2.0 */
/*
 * full_bench MOUNT DIR SECONDS PART: on a cluster without pods that was mounted with --settle 0 and has the image
 * busybox:latest; manifests go to DIR. Measures, by PART: "start", the start of as many pods as a node takes, and what the
 * daemon takes for each of them; "containers", what a further container of a pod takes; "probes", so many SECONDS of
 * probing each pod once a second. What the daemon takes is told best by one that has done nothing else.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client.h"

enum { FULL = 110, FIFTY = 50, CONTAINERS = 5 };

static const int64_t look = 2 * NSEC_PER_MSEC;
static const char *mnt, *dir;

struct shape {
	const char *name;
	int pods, containers;
	bool probes; /* of every second pod by httpGet, of the others by tcpSocket */
};

static void put_probe(FILE *f, const char *type, int i)
{
	(void)fprintf(f, "    %sProbe: {periodSeconds: 1, %s}\n", type,
		      i % 2 ? "tcpSocket: {port: 8080}" : "httpGet: {port: 8080, path: /index.html}");
}

static void put_manifest(FILE *f, const struct shape *s, int i)
{
	(void)fprintf(f, "apiVersion: v1\nkind: Pod\nmetadata: {name: %s-%d}\nspec:\n  terminationGracePeriodSeconds: 0\n"
			 "  containers:\n", s->name, i);
	for (int k = 0; k < s->containers; k++)
		(void)fprintf(f, "  - name: c%d\n    image: busybox:latest\n    imagePullPolicy: IfNotPresent\n    command: [%s]\n", k,
			      s->probes ? "sh, -c, 'mkdir /w; echo hello >/w/index.html; exec httpd -f -p 8080 -h /w'" :
					  "sleep, '100000'");
	if (s->probes)
		put_probe(f, "readiness", i);
}

/* Copies, or with `rm` removes, all manifests at once. */
static void all(const struct shape *s, bool rm)
{
	static char *argv[FULL + 3];
	char pods[512], name[3];

	(void)snprintf(name, sizeof(name), "%s", rm ? "rm" : "cp");
	(void)snprintf(pods, sizeof(pods), "%s/pods/", mnt);
	argv[0] = name;
	for (int i = 0; i < s->pods; i++) {
		_cleanup_fclose_ FILE *f = NULL;

		free(argv[i + 1]);
		if (asprintf(&argv[i + 1], "%s/%s%s-%d.yaml", rm ? mnt : dir, rm ? "pods/" : "", s->name, i) < 0)
			die("out of memory");
		if (rm)
			continue;
		f = fopen(argv[i + 1], "we");
		if (!f)
			die("%s: %m", argv[i + 1]);
		put_manifest(f, s, i);
	}
	free(argv[s->pods + 1]);
	free(argv[s->pods + 2]);
	argv[s->pods + 1] = rm ? NULL : pods;
	argv[s->pods + 2] = NULL;
	join(spawn(argv), name);
	argv[s->pods + 1] = NULL;
}

static void wait_ready(const char *pod, int64_t start)
{
	char path[512], text[65536];

	(void)snprintf(path, sizeof(path), "%s/pods/%s/object.json", mnt, pod);
	while (!read_file(path, text, sizeof(text)) || strstr(text, "ContainersNotReady"))
		look_again(start, look, "a pod to be ready");
}

static double start_all(const struct shape *s)
{
	int64_t start = clock_monotonic();
	double ms;

	all(s, false);
	for (int i = 0; i < s->pods; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%s-%d", s->name, i);
		while (!is_running(mnt, name))
			look_again(start, look, "all to run");
	}
	ms = ms_since(start);
	for (int i = 0; i < s->pods && s->probes; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "%s-%d", s->name, i);
		wait_ready(name, start);
	}
	return ms;
}

static void remove_all(const struct shape *s)
{
	int64_t start = clock_monotonic();
	char path[512];
	int left;

	all(s, true);
	(void)snprintf(path, sizeof(path), "%s/pods", mnt);
	do {
		_cleanup_closedir_ DIR *d = opendir(path);

		look_again(start, look, "all to be gone");
		left = 0;
		for (struct dirent *e; d && (e = readdir(d));)
			left += !strncmp(e->d_name, s->name, strlen(s->name));
	} while (left || each_process("podfs-pod", NULL, NULL));
}

static struct sums sums_of(const char *program)
{
	struct sums s = { 0 };

	(void)each_process(program, add_process, &s);
	return s;
}

static void pause_seconds(int64_t seconds)
{
	struct timespec t = { .tv_sec = seconds };

	(void)nanosleep(&t, NULL);
}

/* What the daemon takes after its first pod has gone: what that brings is not the others'. */
static struct sums warmed_up(void)
{
	static const struct shape warm = { "warm", 1, 1, false };

	(void)start_all(&warm);
	remove_all(&warm);
	return sums_of("podfs");
}

static void full(void)
{
	static const struct shape full = { "full", FULL, 1, false };
	struct sums before = warmed_up(), after;

	sample("podfs", "pods110-running", "ms", start_all(&full));
	after = sums_of("podfs");
	sample("podfs", "pods110-daemon-rss", "MiB", (double)after.rss_kib / 1024);
	sample("podfs", "pods110-daemon-per-pod", "KiB", (double)(after.private_kib - before.private_kib) / FULL);
	sample("podfs", "pods110-pss-per-pod", "KiB", (double)sums_of("podfs-pod").pss_kib / FULL);
	remove_all(&full);
}

static void further_containers(void)
{
	static const struct shape one = { "one", FIFTY, 1, false }, five = { "five", FIFTY, CONTAINERS, false };
	int64_t pss;

	(void)start_all(&one);
	pss = sums_of("podfs-pod").pss_kib;
	remove_all(&one);
	(void)start_all(&five);
	sample("podfs", "pss-per-further-container", "KiB",
	       (double)(sums_of("podfs-pod").pss_kib - pss) / (FIFTY * (CONTAINERS - 1)));
	remove_all(&five);
}

static void probes(int64_t seconds)
{
	static const char *const programs[] = { "podfs", "podfs-probe" };
	static const struct shape probed = { "probed", FULL, 1, true };
	struct sums before[2], after[2];
	int64_t kib = warmed_up().private_kib;

	(void)start_all(&probed);
	pause_seconds(5); /* as long as news of what has begun are written */
	for (int i = 0; i < 2; i++)
		before[i] = sums_of(programs[i]);
	pause_seconds(seconds);
	for (int i = 0; i < 2; i++) {
		char metric[64];

		after[i] = sums_of(programs[i]);
		(void)snprintf(metric, sizeof(metric), "probes110-%s-cpu", i ? "probe" : "daemon");
		sample("podfs", metric, "%core",
		       (double)(after[i].cpu_ns - before[i].cpu_ns) / (double)(seconds * NSEC_PER_SEC) * 100);
		(void)snprintf(metric, sizeof(metric), "probes110-%s-rss", i ? "probe" : "daemon");
		sample("podfs", metric, "MiB", (double)after[i].rss_kib / 1024);
	}
	sample("podfs", "probes110-daemon-per-pod", "KiB", (double)(after[0].private_kib - kib) / FULL);
	sample("podfs", "probes110-written", "bytes", (double)(after[0].written - before[0].written));
	remove_all(&probed);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		die("usage: full_bench MOUNT DIR SECONDS start|containers|probes");
	mnt = argv[1];
	dir = argv[2];
	if (!strcmp(argv[4], "start"))
		full();
	else if (!strcmp(argv[4], "containers"))
		further_containers();
	else
		probes(strtol(argv[3], NULL, 10));
	return 0;
}
