/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs podfs-image and podfs-pull. What they write goes into memory files, so that nobody must read along while they
 * work: their end, seen through a pidfd, is the only event.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "node/image_internal.h"
#include "value/json.h"

enum {
	ARGS_MAX = 8,
	OUTPUT_MAX_BYTES = 64 << 20, /* several images' records */
	ERROR_MAX_BYTES = 4096,
	/* Exit statuses of podfs-image, see its main.c. */
	STATUS_REFUSED = 1,
	STATUS_ABSENT = 3,
	STATUS_FULL = 5,
};

static char *const no_environment[] = { NULL };

static void job_free(struct image_job *job)
{
	if (!job)
		return;
	image_pull_ended(job);
	close_fdp(&job->pidfd);
	close_fdp(&job->out);
	close_fdp(&job->errors);
	close_fdp(&job->lifeline);
	free(job->name);
	free(job->work);
	free(job);
}
DEFINE_CLEANUP(struct image_job *, job_free);

/* A memory file whose number is none of the standard ones, so that the child's dup2() calls do not collide. */
static int memory_file(void)
{
	_cleanup_close_ int fd = memfd_create("podfs-image", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return steal_fd(&fd);
	r = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return r < 0 ? -errno : r;
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	if (r == 0)
		r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return r;
}

/* Returns a positive errno as posix_spawn(3) does. */
static int spawn(struct image_job *job, const struct image_job_config *c)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return r;
	r = posix_spawnattr_init(&attr);
	if (r) {
		posix_spawn_file_actions_destroy(&actions);
		return r;
	}
	r = posix_spawn_file_actions_adddup2(&actions, c->in, STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, job->out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, job->errors, STDERR_FILENO);
	if (r == 0 && c->lifeline >= 0)
		r = posix_spawn_file_actions_adddup2(&actions, c->lifeline, STDERR_FILENO + 1);
	if (r == 0)
		r = set_attributes(&attr);
	if (r == 0)
		r = posix_spawn(&job->pid, c->program, &actions, &attr, (char *const *)(uintptr_t)c->args, c->env);
	if (r)
		job->pid = 0;
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static void kill_and_wait(struct image_job *job)
{
	siginfo_t info;

	if (job->pid <= 0)
		return;
	if (job->work)
		close_fdp(&job->lifeline); /* podfs-pull ends by that, and tidies up */
	else
		(void)kill(job->pid, SIGKILL); /* ignoring: it has ended by itself; it is ours until waited for */
	while (waitid(P_PID, (id_t)job->pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	job->pid = 0;
}

int image_job_start(struct image_store *store, const struct image_job_config *c, struct image_job **ret, struct error *err)
{
	_cleanup_(job_freep) struct image_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return error_set(err, -ENOMEM, "out of memory");
	job->store = store;
	job->title = c->title;
	job->pidfd = job->lifeline = -1;
	job->out = memory_file();
	job->errors = memory_file();
	if (job->out < 0 || job->errors < 0)
		return error_errno(err, job->out < 0 ? job->out : job->errors, "making a memory file");
	r = spawn(job, c);
	if (r)
		return error_errno(err, -r, "starting %s", c->program);
	job->pidfd = (int)syscall(SYS_pidfd_open, job->pid, 0);
	if (job->pidfd < 0 || fcntl(job->pidfd, F_SETFD, FD_CLOEXEC) < 0) {
		r = -errno;
		kill_and_wait(job);
		return error_errno(err, r, "watching %s", c->program);
	}
	*ret = steal_ptr(job);
	return 0;
}

/* podfs-image, which needs no environment. */
static int start(struct image_store *store, const char *const *args, int in, struct image_job **ret, struct error *err)
{
	struct image_job_config c = { .program = store->program, .title = "podfs-image", .args = args,
				      .env = no_environment, .in = in, .lifeline = -1 };

	return image_job_start(store, &c, ret, err);
}

int image_import_start(struct image_store *store, int fd, const char *name, struct image_job **ret,
		       struct error *err)
{
	const char *args[ARGS_MAX] = { "podfs-image", "import", "--store", store->dir };
	_cleanup_close_ int in = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	struct stat st;
	size_t n = 4;

	if (in < 0 || fstat(in, &st) < 0)
		return error_errno(err, -errno, "the archive");
	if (name) {
		args[n++] = "--name";
		args[n++] = name;
	}
	args[n] = "-";
	return start(store, args, in, ret, err);
}

int image_remove_start(struct image_store *store, const char *ref, struct image_job **ret, struct error *err)
{
	const char *args[ARGS_MAX] = { "podfs-image", "remove", "--store", store->dir, "--", ref };
	_cleanup_close_ int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int high = -1;

	if (in < 0 || (high = fcntl(in, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) < 0)
		return error_errno(err, -errno, "/dev/null");
	return start(store, args, high, ret, err);
}

int image_job_fd(const struct image_job *job)
{
	return job->pidfd;
}

/* All of a memory file, NUL-terminated. */
static char *read_back(int fd, size_t max, size_t *ret_len)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || (size_t)st.st_size > max || !(data = malloc((size_t)st.st_size + 1)))
		return NULL;
	n = pread(fd, data, (size_t)st.st_size, 0);
	if (n < 0)
		return NULL;
	data[n] = '\0';
	*ret_len = (size_t)n;
	return steal_ptr(data);
}

/* Turns how the program ended into an error; 0 when it succeeded. */
static int judge(const struct image_job *job, const siginfo_t *info, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, prefix;
	int code = -EIO;

	if (info->si_code != CLD_EXITED)
		return error_set(err, -EIO, "%s was ended by signal %d", job->title, info->si_status);
	if (info->si_status == 0)
		return 0;
	if (info->si_status == STATUS_REFUSED)
		code = -EINVAL;
	else if (info->si_status == STATUS_ABSENT)
		code = -ENOENT;
	else if (info->si_status == STATUS_FULL)
		code = -ENOSPC;
	text = read_back(job->errors, ERROR_MAX_BYTES, &len);
	if (!text || !len)
		return error_set(err, code, "%s ended with status %d", job->title, info->si_status);
	text[strcspn(text, "\n")] = '\0';
	/* "podfs-image: ", also where podfs-pull ran it */
	prefix = strncmp(text, "podfs-", 6) == 0 ? strcspn(text, ":") : 0;
	return error_set(err, code, "%s", prefix && text[prefix + 1] == ' ' ? text + prefix + 2 : text);
}

/* The images whose records the program wrote. One that a later import has replaced meanwhile is left out. */
static int collect(const struct image_job *job, struct image ***ret, struct error *err)
{
	static const struct yaml_limits limits = { .max_bytes = OUTPUT_MAX_BYTES };
	_cleanup_arena_ struct arena *a = arena_new(0);
	_cleanup_free_ char *text = NULL;
	struct yaml_document *docs = NULL;
	struct image **list;
	size_t len = 0, n = 0, found = 0;
	int r;

	text = read_back(job->out, OUTPUT_MAX_BYTES, &len);
	if (!text)
		return error_set(err, -EIO, "what podfs-image wrote cannot be read");
	r = json_read_stream(text, len, &limits, a, &docs, &n, err, NULL);
	if (r < 0)
		return error_wrap(err, "what podfs-image wrote"), r;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		const char *digest = value_str_or(value_get(docs[i].root, "digest"), "");

		list[found] = image_by_digest(job->store, digest);
		found += list[found] != NULL;
	}
	*ret = list;
	return 0;
}

int image_job_finish(struct image_job *finished, struct image ***ret_list, struct error *err)
{
	_cleanup_(job_freep) struct image_job *job = finished;
	_cleanup_error_ struct error ignored = ERROR_INIT;
	siginfo_t info = { .si_code = 0 };
	int r, reloaded;

	while ((r = waitid(P_PIDFD, (id_t)job->pidfd, &info, WEXITED)) < 0 && errno == EINTR)
		;
	if (r < 0)
		return error_errno(err, -errno, "waiting for %s", job->title);
	job->pid = 0;
	/* Also after a failure: an archive of several images may have brought some. */
	reloaded = image_store_reload(job->store, &ignored);
	r = judge(job, &info, err);
	if (r < 0)
		return r;
	if (reloaded < 0)
		return error_set(err, reloaded, "%s", error_text(&ignored));
	return ret_list ? collect(job, ret_list, err) : 0;
}

void image_job_cancel(struct image_job *job)
{
	if (!job)
		return;
	kill_and_wait(job);
	job_free(job);
}
