/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"

extern char **environ;

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	exit(1);
}

void sample(const char *subject, const char *metric, const char *unit, double value)
{
	(void)printf("%s %s %s %.4f\n", subject, metric, unit, value);
}

double ms_since(int64_t start)
{
	return (double)(clock_monotonic() - start) / (double)NSEC_PER_MSEC;
}

void look_again(int64_t start, int64_t ns, const char *what)
{
	struct timespec t = { .tv_nsec = ns };

	if (clock_monotonic() - start > 60 * NSEC_PER_SEC)
		die("waited a minute for %s", what);
	(void)nanosleep(&t, NULL);
}

int64_t write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t len = strlen(text);
	int64_t start;

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		die("%s: %s", path, strerror(errno));
	start = clock_monotonic();
	if (close(fd) < 0)
		die("%s: close: %s", path, strerror(errno));
	return start;
}

bool read_file(const char *path, char *out, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	while (fd >= 0 && len < size - 1 && (n = read(fd, out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	return fd >= 0 && n >= 0;
}

pid_t spawn(char *const argv[])
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r)
		die("%s: %s", argv[0], strerror(r));
	return pid;
}

void join(pid_t pid, const char *what)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		die("%s: status %d", what, status);
}

int64_t field_of(const char *path, const char *key)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	size_t len = strlen(key);
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len))
			return strtoll(line + len, NULL, 10);
	return 0;
}

int each_process(const char *comm, void (*fn)(pid_t pid, void *arg), void *arg)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	struct dirent *d;
	int n = 0;

	while (dir && (d = readdir(dir))) {
		char path[64], name[32];
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

		(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
		if (pid <= 0 || !read_file(path, name, sizeof(name)))
			continue;
		name[strcspn(name, "\n")] = '\0';
		if (strcmp(name, comm) != 0)
			continue;
		n++;
		if (fn)
			fn(pid, arg);
	}
	return n;
}

bool is_running(const char *mnt, const char *pod)
{
	char path[512], text[16384];

	(void)snprintf(path, sizeof(path), "%s/pods/%s/status/phase", mnt, pod);
	if (read_file(path, text, sizeof(text)))
		return !strncmp(text, "Running", 7);
	(void)snprintf(path, sizeof(path), "%s/pods/%s/object.json", mnt, pod);
	return read_file(path, text, sizeof(text)) && strstr(text, "\"phase\": \"Running\"");
}

static void add_cpu(pid_t pid, struct sums *s)
{
	char path[64];
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		char name[400], text[64];

		(void)snprintf(name, sizeof(name), "%s/%s/schedstat", path, e->d_name);
		if (e->d_name[0] != '.' && read_file(name, text, sizeof(text)))
			s->cpu_ns += strtoll(text, NULL, 10);
	}
}

void add_process(pid_t pid, void *arg)
{
	struct sums *s = arg;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	s->pss_kib += field_of(path, "Pss:");
	s->private_kib += field_of(path, "Private_Clean:") + field_of(path, "Private_Dirty:");
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	s->rss_kib += field_of(path, "VmRSS:");
	(void)snprintf(path, sizeof(path), "/proc/%d/io", (int)pid);
	s->written += field_of(path, "write_bytes:");
	add_cpu(pid, s);
}
