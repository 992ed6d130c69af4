/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/mounts.h"

#include "cmd/commands.h"
#include "cmd/control.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

enum { RECORD_MAX = 16384 };

void mount_record_clear(struct mount_record *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->strings); i++)
		free(m->strings[i]);
	*m = (struct mount_record){ 0 };
}

/* RUN/mounts/ and the mount point with its slashes as %2F. */
static char *record_path(const char *run_dir, const char *mountpoint)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	buf_printf(&b, "%s/mounts/", run_dir);
	for (const char *p = mountpoint; *p; p++)
		if (*p == '/' || *p == '%')
			buf_printf(&b, "%%%02X", (unsigned char)*p);
		else
			buf_putc(&b, *p);
	return buf_steal(&b, NULL);
}

/* Field 22 of proc_pid_stat(5); the command's name may hold anything, so it is counted from the last parenthesis. */
static int read_start_time(pid_t pid, unsigned long long *ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[64], text[1024], *p, *save = NULL;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = '\0';
	p = strrchr(text, ')');
	if (!p)
		return -ESRCH;
	p = strtok_r(p + 1, " ", &save);
	for (int field = 3; p && field < 22; field++)
		p = strtok_r(NULL, " ", &save);
	if (!p)
		return -ESRCH;
	*ret = strtoull(p, NULL, 10);
	return 0;
}

int mount_record_write(pid_t pid, const char *mountpoint, const struct cluster_config *config, struct error *err)
{
	const char *const strings[] = { config->store,		config->state_dir,
					config->run_dir,	config->log_dir,
					config->cgroup_parent,	config->node_name ? config->node_name : "",
					config->pod_cidr ? config->pod_cidr : "" };
	_cleanup_free_ char *path = record_path(config->run_dir, mountpoint), *dir = NULL, *tmp = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long start = 0;

	if (!path || asprintf(&dir, "%s/mounts", config->run_dir) < 0 || asprintf(&tmp, "%s.new", path) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return error_errno(err, -errno, "%s", dir);
	(void)read_start_time(pid, &start);
	f = fopen(tmp, "we");
	if (!f)
		return error_errno(err, -errno, "%s", tmp);
	(void)fprintf(f, "%d %llu\n", pid, start);
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		(void)fprintf(f, "%s\n", strings[i]);
	if (fflush(f) != 0 || rename(tmp, path) < 0)
		return error_errno(err, -errno, "%s", path);
	return 0;
}

int mount_record_read(const char *run_dir, const char *mountpoint, struct mount_record *ret, struct error *err)
{
	_cleanup_mount_record_ struct mount_record m = { 0 };
	_cleanup_free_ char *path = record_path(run_dir, mountpoint), *line = NULL;
	_cleanup_fclose_ FILE *f = path ? fopen(path, "re") : NULL;
	size_t cap = 0;

	if (!f && path && errno == EACCES)
		return error_errno(err, -EACCES, "%s", path);
	if (!f)
		return error_set(err, -ENOENT, "%s: no podfs is known to be mounted there", mountpoint);
	if (getline(&line, &cap, f) < 0 || sscanf(line, "%d %llu", &m.pid, &m.start_time) != 2)
		return error_set(err, -EINVAL, "%s: damaged", path);
	for (size_t i = 0; i < ARRAY_SIZE(m.strings); i++) {
		ssize_t n = getline(&line, &cap, f);

		if (n < 1)
			return error_set(err, -EINVAL, "%s: damaged", path);
		line[n - 1] = '\0';
		m.strings[i] = strdup(line);
		if (!m.strings[i])
			return error_set(err, -ENOMEM, "out of memory");
	}
	*ret = m;
	m = (struct mount_record){ 0 };
	return 0;
}

void mount_record_remove(const char *run_dir, const char *mountpoint)
{
	static const char *const dirs[] = { "/pods", "/mounts", "/control", "" };
	_cleanup_free_ char *path = record_path(run_dir, mountpoint), *socket = control_path(run_dir, mountpoint);

	if (socket)
		(void)unlink(socket); /* ignoring: mostly the daemon has done it */
	if (path)
		(void)unlink(path); /* ignoring: a record of a dead process is harmless */
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *dir = NULL;

		if (asprintf(&dir, "%s%s", run_dir, dirs[i]) >= 0)
			(void)rmdir(dir); /* ignoring: another cluster still uses it */
	}
}

struct cluster_config mount_record_config(const struct mount_record *m)
{
	return (struct cluster_config){
		.store = m->strings[0],
		.state_dir = m->strings[1],
		.run_dir = m->strings[2],
		.log_dir = m->strings[3],
		.cgroup_parent = m->strings[4],
		.node_name = *m->strings[5] ? m->strings[5] : NULL,
		.image_gc = IMAGE_GC_DEFAULT,
		.eviction = { .period = EVICTION_PERIOD }, /* pods are ended all the same */
		.log_max_size = DEFAULT_LOG_MAX_SIZE,
		.log_max_files = DEFAULT_LOG_MAX_FILES,
		.pod_cidr = *m->strings[6] ? m->strings[6] : NULL,
	};
}

int mount_record_open(const struct mount_record *m)
{
	_cleanup_close_ int fd = pidfd_open(m->pid, 0);
	unsigned long long start;

	if (fd < 0)
		return -errno;
	if (read_start_time(m->pid, &start) < 0 || start != m->start_time)
		return -ESRCH;
	return steal_fd(&fd);
}
