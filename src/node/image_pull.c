/* SPDX-License-Identifier: Apache-2.0 */
/* Runs podfs-pull: image_job.c waits for it. A pipe that it holds the other end of tells it when nobody wants it any more. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "node/image_internal.h"

enum { ARGS_MAX = 12 };

/* Credentials in memory, each with its NUL, to be read from the start. Above the standard descriptors. */
static int credentials(const char *const *auths, size_t n)
{
	_cleanup_close_ int fd = memfd_create("podfs-pull", MFD_CLOEXEC);
	int high;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(auths[i]) + 1;

		if (write(fd, auths[i], len) != (ssize_t)len)
			return -EIO;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 2);
	return high < 0 ? -errno : high;
}

/* Names the job's directory, and shows it to who lists pulls. */
static int enlist(struct image_store *store, struct image_job *job, const char *ref)
{
	int r = image_ref_normalize(ref, &job->name, NULL);

	if (r < 0)
		return r;
	pthread_mutex_lock(&store->lock);
	LIST_INSERT_HEAD(&store->pulls, job, link);
	store->generation++;
	pthread_mutex_unlock(&store->lock);
	return 0;
}

void image_pull_ended(struct image_job *job)
{
	if (!job->name)
		return;
	pthread_mutex_lock(&job->store->lock);
	LIST_REMOVE(job, link);
	job->store->generation++;
	pthread_mutex_unlock(&job->store->lock);
}

static char *new_work(struct image_store *store)
{
	char *work = NULL;

	pthread_mutex_lock(&store->lock);
	if (asprintf(&work, "%d-%" PRIu64, (int)getpid(), ++store->last_pull) < 0)
		work = NULL;
	pthread_mutex_unlock(&store->lock);
	return work;
}

int image_pull_start(struct image_store *store, const char *ref, const char *const *auths, size_t n_auths,
		     struct image_job **ret, struct error *err)
{
	_cleanup_close_ int in = credentials(auths, n_auths), ours = -1, theirs = -1;
	_cleanup_free_ char *work = new_work(store);
	const char *args[ARGS_MAX] = { "podfs-pull", "--store", store->dir, "--work", work, "--image-program", store->program,
				       "--", ref };
	struct image_job *job = NULL;
	int ends[2], r;

	if (in < 0 || !work)
		return error_errno(err, in < 0 ? in : -ENOMEM, "credentials");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_errno(err, -errno, "pipe");
	ours = ends[1];
	theirs = fcntl(ends[0], F_DUPFD_CLOEXEC, STDERR_FILENO + 2);
	(void)close(ends[0]);
	if (theirs < 0)
		return error_errno(err, -errno, "pipe");
	r = image_job_start(store,
			    &(struct image_job_config){ .program = store->pull_program, .title = "podfs-pull", .args = args,
							.env = environ, .in = in, .lifeline = theirs },
			    &job, err);
	if (r < 0)
		return r;
	job->lifeline = steal_fd(&ours);
	job->work = steal_ptr(work);
	r = enlist(store, job, ref);
	if (r < 0) {
		image_job_cancel(job);
		return error_errno(err, r, "image \"%s\"", ref);
	}
	*ret = job;
	return 0;
}

void image_pull_give_up(struct image_job *job)
{
	close_fdp(&job->lifeline);
}

/* --- progress --- */

static uint64_t read_total(int work)
{
	_cleanup_close_ int fd = openat(work, "total", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return 0;
	return strtoull(text, NULL, 10);
}

static uint64_t read_done(int work)
{
	int fd = openat(work, "layout/blobs/sha256", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	uint64_t done = 0;
	struct stat st;

	if (!dir)
		close_fdp(&fd);
	while (dir && (e = readdir(dir)))
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			done += (uint64_t)st.st_size;
	return done;
}

int image_pull_each(struct image_store *store, int (*fn)(void *arg, const char *name, uint64_t done, uint64_t total), void *arg)
{
	struct image_job *job;
	int r = 0;

	pthread_mutex_lock(&store->lock);
	LIST_FOREACH(job, &store->pulls, link) {
		_cleanup_close_ int work = -1;
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/pull/%s", store->dir, job->work) < 0) {
			path = NULL;
			r = -ENOMEM;
			break;
		}
		work = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = work < 0 ? fn(arg, job->name, 0, 0) : fn(arg, job->name, read_done(work), read_total(work));
		if (r)
			break;
	}
	pthread_mutex_unlock(&store->lock);
	return r;
}

/* --- what a dead daemon left --- */

static bool is_empty(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			return false;
	return true;
}

int image_pull_sweep_start(struct image_store *store, struct image_job **ret, struct error *err)
{
	const char *args[] = { "podfs-pull", "--store", store->dir, "--sweep", NULL };
	_cleanup_close_ int in = -1;
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/pull", store->dir) < 0) {
		path = NULL;
		return error_set(err, -ENOMEM, "out of memory");
	}
	*ret = NULL;
	if (is_empty(path))
		return 0;
	in = credentials(NULL, 0);
	if (in < 0)
		return error_errno(err, in, "making a memory file");
	return image_job_start(store,
			       &(struct image_job_config){ .program = store->pull_program, .title = "podfs-pull", .args = args,
							   .env = environ, .in = in, .lifeline = -1 },
			       ret, err);
}
